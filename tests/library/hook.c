/* SPDX-License-Identifier: MIT */
/*
 * The request hook: what it sees, that it answers at once or later and from many threads, and what
 * becomes of requests whose answer does not come, whose client leaves, or whose engine stops.
 *
 * One engine with one hook, which does what the path of the request says. Requests that it keeps
 * are in a list, from which the test's own thread, or others, answer them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/library/engine.h"

enum { KEPT_MAX = 12000 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct fanfare_request *kept[KEPT_MAX];
    unsigned kept_count, taken_count;
    _Atomic unsigned calls;
    _Atomic int result, second; /* of what the hook said */
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};

static void keep(struct fanfare_request *request)
{
    pthread_mutex_lock(&seen.lock);
    seen.kept[seen.kept_count++ % KEPT_MAX] = request;
    pthread_cond_broadcast(&seen.came);
    pthread_mutex_unlock(&seen.lock);
}

/* The next one that was kept. */
static struct fanfare_request *kept(void)
{
    pthread_mutex_lock(&seen.lock);
    while (seen.taken_count == seen.kept_count)
        pthread_cond_wait(&seen.came, &seen.lock);
    struct fanfare_request *request = seen.kept[seen.taken_count++ % KEPT_MAX];
    pthread_mutex_unlock(&seen.lock);
    return request;
}

static int say(struct fanfare_request *request, const char *text)
{
    return fanfare_request_reply(request, 200, "text/plain", text, strlen(text), NULL);
}

/* What the request says, one item a line. */
static void describe(struct fanfare_request *request)
{
    static const char *const items[] = {
        "method",       "target",        "path", "version", "query:a",  "query:b", "query:none",
        "header:x-two", "header:COOKIE", "peer", "body",    "channels", "resume",  "header:none"};
    char text[2048];
    int len = snprintf(text, sizeof(text), "kind=%d\n", fanfare_request_kind(request));
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        size_t item_len = 0;
        const char *item = fanfare_request_text(request, items[i], &item_len);
        if (item)
            EXPECT_INT(strlen(item), (long long)item_len);
        /* It stays where it is. */
        EXPECT(item == fanfare_request_text(request, items[i], NULL), "%s moved", items[i]);
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s=%s\n", items[i],
                        item ? item : "-");
    }
    fanfare_request_reply(request, 200, "text/plain", text, (size_t)len, NULL);
}

static void *answer_first(void *request)
{
    seen.result = say(request, "from another thread");
    return NULL;
}

static bool is(struct fanfare_request *request, const char *path)
{
    return strcmp(fanfare_request_text(request, "path", NULL), path) == 0;
}

static void say_much(struct fanfare_request *request)
{
    char *much = calloc(1, 299999);
    memset(much, 'x', 299999);
    EXPECT_INT(fanfare_request_reply(request, 200, "text/plain", much, 299999, NULL), 0);
    free(much);
}

/* Whose result the test looks at. */
static int note(int result)
{
    seen.result = result;
    return 1;
}

static int on_request(struct fanfare_request *request, void *user)
{
    EXPECT(user == &seen, "another user");
    EXPECT(fanfare_request_engine(request) != NULL, "no engine");
    seen.calls++;
    if (is(request, "/describe"))
        return describe(request), 1;
    if (is(request, "/events/described"))
        return describe(request), 1;
    if (is(request, "/big"))
        return say_much(request), 1;
    if (is(request, "/none"))
        return fanfare_request_reply(request, 204, NULL, "never", 5, NULL), 1;
    if (is(request, "/fields"))
        return fanfare_request_reply(request, 302, NULL, NULL, 0,
                                     "Location: /there\r\nCache-Control: max-age=5\r\n"),
               1;
    if (is(request, "/twice")) {
        seen.result = say(request, "once");
        seen.second = say(request, "twice");
        return 1;
    }
    if (is(request, "/status"))
        return note(fanfare_request_reply(request, 99, NULL, "", 0, NULL));
    if (is(request, "/split"))
        return note(fanfare_request_reply(request, 200, NULL, "", 0, "A: b\r\n\r\nevil"));
    if (is(request, "/framing"))
        return note(fanfare_request_reply(request, 200, NULL, "", 0, "Content-Length: 9\r\n"));
    if (is(request, "/thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, answer_first, request);
        pthread_join(thread, NULL); /* before the hook has said that it takes it */
        return 1;
    }
    if (is(request, "/keep") || is(request, "/events/kept") || is(request, "/publish/kept"))
        return keep(request), 1;
    if (is(request, "/events/no"))
        return fanfare_request_reply(request, 403, "text/plain", "no\n", 3, NULL), 1;
    return 0;
}

static struct fanfare *engine(struct server *ret_server, const char *const *options)
{
    struct fanfare *fanfare = engine_new(options);
    EXPECT_INT(fanfare_on_request(fanfare, on_request, &seen), 0);
    seen.kept_count = seen.taken_count = 0;
    engine_start(fanfare, ret_server);
    return fanfare;
}

/* On an open connection. */
static void expect(struct client *client, const char *method, const char *target,
                   const char *fields, const char *body, int status, const char *wanted)
{
    struct answer answer;
    client_request(client, method, target, fields, body, body ? strlen(body) : 0, &answer);
    EXPECT(answer.status == status, "%s %s: %d", method, target, answer.status);
    EXPECT(answer.body && strstr(answer.body, wanted), "%s %s: %s", method, target,
           answer.body ? answer.body : "nothing");
    answer_free(&answer);
}

static void expect_answer(struct client *client, int status, const char *wanted)
{
    struct answer answer;
    REQUIRE(client_answer(client, false, &answer), "no answer");
    EXPECT_INT(answer.status, status);
    EXPECT(strstr(answer.body, wanted), "%s", answer.body);
    answer_free(&answer);
}

static void expect_text(struct fanfare_request *request, const char *item, const char *wanted)
{
    const char *text = fanfare_request_text(request, item, NULL);
    EXPECT(text && strcmp(text, wanted) == 0, "%s: %s", item, text ? text : "none");
}

/* What the hook of the request before this one has noted: an answer comes before its hook is over. */
static int noted(struct client *client)
{
    expect(client, "GET", "/healthz", NULL, NULL, 200, "");
    return seen.result;
}

/* --- at once --------------------------------------------------------------------------------- */

static void sees(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = engine(&server, NULL);
    client_open(&client, &server);
    expect(
        &client, "POST", "/describe?a=1%202&a=3&b=x+y&c",
        "X-Two: one\r\nx-two:two \r\n"
        "Cookie: a=b\r\nCookie: c=d\r\n",
        "a body", 200,
        "kind=3\nmethod=POST\ntarget=/describe?a=1%202&a=3&b=x+y&c\npath=/describe\nversion=1.1\n"
        "query:a=1 2\nquery:b=x y\nquery:none=-\nheader:x-two=one, two\n"
        "header:COOKIE=a=b; c=d\npeer=127.0.0.1\nbody=a body\nchannels=-\nresume=-\n"
        "header:none=-\n");
    expect(&client, "GET", "/events/described?channel=more&last-event-id=x", NULL, NULL, 200,
           "kind=1\nmethod=GET\n");
    expect(&client, "GET", "/events/described?channel=more", "Last-Event-ID: 7\r\n", NULL, 200,
           "channels=described\nmore\nresume=7\n");
    /* A value that a NUL would end early is not there, a path is refused. */
    expect(&client, "GET", "/describe?a=x%00y&b=%zz", NULL, NULL, 200, "query:a=-\nquery:b=-\n");
    unsigned calls = seen.calls;
    expect(&client, "GET", "/describe%00", NULL, NULL, 400, "");
    expect(&client, "GET", "/describe%z", NULL, NULL, 400, "");
    EXPECT_INT(seen.calls, calls);
    /* And what is none of it goes on as if there were no hook. */
    expect(&client, "GET", "/healthz", NULL, NULL, 200, "");
    EXPECT_INT(seen.calls, calls);
    expect(&client, "GET", "/nothing", NULL, NULL, 404, "nothing at this path");
    EXPECT_INT(seen.calls, calls + 1);
    client_close(&client);
    engine_end(fanfare);
}

static void replies(void)
{
    struct server server;
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = engine(&server, NULL);
    client_open(&client, &server);
    client_request(&client, "GET", "/big", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.body_len, 299999);
    answer_free(&answer);
    client_request(&client, "GET", "/none", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 204);
    EXPECT_INT(answer.body_len, 0);
    answer_free(&answer);
    client_say(&client, "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n");
    REQUIRE(client_answer(&client, true, &answer), "no answer");
    EXPECT_TEXT(answer_field(&answer, "Content-Length"), "299999");
    answer_free(&answer);
    client_request(&client, "GET", "/fields", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 302);
    EXPECT_TEXT(answer_field(&answer, "Location"), "/there");
    EXPECT_TEXT(answer_field(&answer, "Cache-Control"), "max-age=5");
    answer_free(&answer);
    expect(&client, "GET", "/twice", NULL, NULL, 200, "once");
    EXPECT_INT(noted(&client), 0);
    EXPECT_INT(seen.second, -EINVAL);
    expect(&client, "GET", "/status", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(noted(&client), -EINVAL);
    expect(&client, "GET", "/split", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(noted(&client), FANFARE_ERROR_HEAD);
    expect(&client, "GET", "/framing", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(noted(&client), FANFARE_ERROR_HEAD);
    expect(&client, "GET", "/events/no", NULL, NULL, 403, "no\n");
    /* Two requests in one packet, the first with a body. */
    client_say(&client, "POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\noneGET "
                        "/describe?a=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_answer(&client, 200, "body=one\n");
    expect_answer(&client, 200, "query:a=2\n");
    /* And one whose body comes in pieces, in chunks. */
    client_say(&client, "POST /describe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\none\r\n");
    client_say(&client, "3\r\ntwo\r\n0\r\n\r\n");
    expect_answer(&client, 200, "body=onetwo\n");
    client_close(&client);
    engine_end(fanfare);
}

/* --- later ----------------------------------------------------------------------------------- */

static void answers_later(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = engine(&server, NULL);
    client_open(&client, &server);
    expect(&client, "GET", "/thread", NULL, NULL, 200, "from another thread");
    EXPECT_INT(seen.result, 0);
    /* Its texts stay, and what came behind it waits. */
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                        "GET /describe?a=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = kept();
    expect_text(request, "body", "abc");
    expect_text(request, "header:host", "x");
    EXPECT_INT(fanfare_request_reply(request, 200, "text/plain",
                                     fanfare_request_text(request, "body", NULL), FANFARE_NUL,
                                     NULL),
               0);
    expect_answer(&client, 200, "abc");
    expect_answer(&client, 200, "query:a=2\n");
    client_say(&client, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_INT(fanfare_request_reply(kept(), 200, NULL, "", 0, "Date: now\r\n"),
               FANFARE_ERROR_HEAD);
    expect_answer(&client, 500, "cannot be sent");
    client_say(&client, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_INT(fanfare_request_pass(kept()), 0);
    expect_answer(&client, 404, "nothing at this path");
    client_close(&client);
    engine_end(fanfare);
}

/* A stream that was let through late has what was published since its request was complete. */
static void passes_streams(void)
{
    struct server server;
    struct client client, publisher;
    static const char *const options[] = {"routes", "subscribe publish", NULL};
    struct fanfare *fanfare = engine(&server, options);
    client_open(&client, &server);
    client_open(&publisher, &server);
    client_say(&client, "GET /events/kept HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *stream_request = kept();
    client_say(&publisher, "POST /publish/kept HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n"
                           "between");
    struct fanfare_request *publish_request = kept();
    EXPECT_INT(fanfare_request_kind(publish_request), FANFARE_REQUEST_PUBLISH);
    expect_text(publish_request, "body", "between");
    EXPECT_INT(fanfare_request_pass(publish_request), 0);
    expect_answer(&publisher, 200, "ids");
    EXPECT_INT(fanfare_request_pass(stream_request), 0);
    while (!client.len || !memmem(client.bytes, client.len, "data: between", 13))
        REQUIRE(client_read(&client), "it has ended");
    client_close(&client);
    client_close(&publisher);
    engine_end(fanfare);
}

/* --- no answer ------------------------------------------------------------------------------- */

static void is_late(void)
{
    struct server server;
    struct client client;
    static const char *const options[] = {"decide-timeout", "0.05", NULL};
    struct fanfare *fanfare = engine(&server, options);
    client_open(&client, &server);
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    struct fanfare_request *request = kept();
    expect_answer(&client, 503, "did not answer in time");
    /* What it says stays until the answer all the same. */
    expect_text(request, "body", "abc");
    expect_text(request, "path", "/keep");
    EXPECT_INT(say(request, "too late"), -ETIMEDOUT);
    client_close(&client);
    engine_end(fanfare);
}

static void is_left(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = engine(&server, NULL);
    client_open(&client, &server);
    client_say(&client, "GET /events/kept HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = kept();
    client_close(&client);
    /* The acceptor sees it in its next round; nothing else tells. */
    const char *path = fanfare_request_text(request, "path", NULL);
    EXPECT_TEXT(path, "/events/kept");
    client_open(&client, &server);
    for (unsigned rounds = 0; rounds < 3; rounds++)
        expect(&client, "GET", "/healthz", NULL, NULL, 200, "");
    EXPECT_INT(fanfare_request_pass(request), -EPIPE);
    client_close(&client);
    engine_end(fanfare);
}

static void stops(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = engine(&server, NULL);
    client_open(&client, &server);
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    struct fanfare_request *request = kept();
    EXPECT_INT(fanfare_stop(fanfare), 0);
    expect_answer(&client, 503, "the server is stopping");
    expect_text(request, "body", "abc");
    EXPECT_INT(say(request, "too late"), -ESHUTDOWN);
    client_close(&client);
    fanfare_free(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("sees", sees);
    check_case("replies", replies);
    check_case("answers_later", answers_later);
    check_case("passes_streams", passes_streams);
    check_case("is_late", is_late);
    check_case("is_left", is_left);
    check_case("stops", stops);
    return check_end();
}
