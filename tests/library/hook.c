/* SPDX-License-Identifier: MIT */
/*
 * The request hook: what it sees, that it answers at once or later and from another thread, and
 * what becomes of requests whose answer does not come, whose client leaves, or whose engine stops.
 *
 * One engine with one hook, which does what the path of the request says. Requests that it keeps
 * are in a list (hooked.h), from which the test's own thread, or others, answer them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/library/hooked.h"

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
    hooked.result = hooked_say(request, "from another thread");
    return NULL;
}

static void say_much(struct fanfare_request *request)
{
    char *much = calloc(1, 299999);
    memset(much, 'x', 299999);
    EXPECT_INT(fanfare_request_reply(request, 200, "text/plain", much, 299999, NULL), 0);
    free(much);
}

static int on_request(struct fanfare_request *request, void *user)
{
    EXPECT(user == &hooked, "another user");
    EXPECT(fanfare_request_engine(request) != NULL, "no engine");
    hooked.calls++;
    if (hooked_is(request, "/describe"))
        return describe(request), 1;
    if (hooked_is(request, "/events/described"))
        return describe(request), 1;
    if (hooked_is(request, "/big"))
        return say_much(request), 1;
    if (hooked_is(request, "/none"))
        return fanfare_request_reply(request, 204, NULL, "never", 5, NULL), 1;
    if (hooked_is(request, "/fields"))
        return fanfare_request_reply(request, 302, NULL, NULL, 0,
                                     "Location: /there\r\nCache-Control: max-age=5\r\n"),
               1;
    if (hooked_is(request, "/twice")) {
        hooked.result = hooked_say(request, "once");
        hooked.second = hooked_say(request, "twice");
        return 1;
    }
    if (hooked_is(request, "/status"))
        return hooked_note(fanfare_request_reply(request, 99, NULL, "", 0, NULL));
    if (hooked_is(request, "/split"))
        return hooked_note(fanfare_request_reply(request, 200, NULL, "", 0, "A: b\r\n\r\nevil"));
    if (hooked_is(request, "/framing"))
        return hooked_note(
            fanfare_request_reply(request, 200, NULL, "", 0, "Content-Length: 9\r\n"));
    if (hooked_is(request, "/thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, answer_first, request);
        pthread_join(thread, NULL); /* before the hook has said that it takes it */
        return 1;
    }
    if (hooked_is(request, "/keep") || hooked_is(request, "/events/kept") ||
        hooked_is(request, "/publish/kept"))
        return hooked_keep(request), 1;
    if (hooked_is(request, "/events/no"))
        return fanfare_request_reply(request, 403, "text/plain", "no\n", 3, NULL), 1;
    return 0;
}

/* --- at once --------------------------------------------------------------------------------- */

static void sees(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    client_open(&client, &server);
    hooked_expect(
        &client, "POST", "/describe?a=1%202&a=3&b=x+y&c",
        "X-Two: one\r\nx-two:two \r\n"
        "Cookie: a=b\r\nCookie: c=d\r\n",
        "a body", 200,
        "kind=3\nmethod=POST\ntarget=/describe?a=1%202&a=3&b=x+y&c\npath=/describe\nversion=1.1\n"
        "query:a=1 2\nquery:b=x y\nquery:none=-\nheader:x-two=one, two\n"
        "header:COOKIE=a=b; c=d\npeer=127.0.0.1\nbody=a body\nchannels=-\nresume=-\n"
        "header:none=-\n");
    hooked_expect(&client, "GET", "/events/described?channel=more&last-event-id=x", NULL, NULL, 200,
                  "kind=1\nmethod=GET\n");
    hooked_expect(&client, "GET", "/events/described?channel=more", "Last-Event-ID: 7\r\n", NULL,
                  200, "channels=described\nmore\nresume=7\n");
    /* A value that a NUL would end early is not there, a path is refused. */
    hooked_expect(&client, "GET", "/describe?a=x%00y&b=%zz", NULL, NULL, 200,
                  "query:a=-\nquery:b=-\n");
    unsigned calls = hooked.calls;
    hooked_expect(&client, "GET", "/describe%00", NULL, NULL, 400, "");
    hooked_expect(&client, "GET", "/describe%z", NULL, NULL, 400, "");
    EXPECT_INT(hooked.calls, calls);
    /* And what is none of it goes on as if there were no hook. */
    hooked_expect(&client, "GET", "/healthz", NULL, NULL, 200, "");
    EXPECT_INT(hooked.calls, calls);
    hooked_expect(&client, "GET", "/nothing", NULL, NULL, 404, "nothing at this path");
    EXPECT_INT(hooked.calls, calls + 1);
    client_close(&client);
    engine_end(fanfare);
}

static void replies(void)
{
    struct server server;
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
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
    hooked_expect(&client, "GET", "/twice", NULL, NULL, 200, "once");
    EXPECT_INT(hooked_noted(&client), 0);
    EXPECT_INT(hooked.second, -EINVAL);
    hooked_expect(&client, "GET", "/status", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), -EINVAL);
    hooked_expect(&client, "GET", "/split", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), FANFARE_ERROR_HEAD);
    hooked_expect(&client, "GET", "/framing", NULL, NULL, 500, "cannot be sent");
    EXPECT_INT(hooked_noted(&client), FANFARE_ERROR_HEAD);
    hooked_expect(&client, "GET", "/events/no", NULL, NULL, 403, "no\n");
    /* Two requests in one packet, the first with a body. */
    client_say(&client, "POST /describe HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\noneGET "
                        "/describe?a=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    hooked_expect_answer(&client, 200, "body=one\n");
    hooked_expect_answer(&client, 200, "query:a=2\n");
    /* And one whose body comes in pieces, in chunks. */
    client_say(&client, "POST /describe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\none\r\n");
    client_say(&client, "3\r\ntwo\r\n0\r\n\r\n");
    hooked_expect_answer(&client, 200, "body=onetwo\n");
    client_close(&client);
    engine_end(fanfare);
}

/* --- later ----------------------------------------------------------------------------------- */

static void answers_later(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    client_open(&client, &server);
    hooked_expect(&client, "GET", "/thread", NULL, NULL, 200, "from another thread");
    EXPECT_INT(hooked.result, 0);
    /* Its texts stay, and what came behind it waits. */
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                        "GET /describe?a=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = hooked_take();
    hooked_expect_text(request, "body", "abc");
    hooked_expect_text(request, "header:host", "x");
    EXPECT_INT(fanfare_request_reply(request, 200, "text/plain",
                                     fanfare_request_text(request, "body", NULL), FANFARE_NUL,
                                     NULL),
               0);
    hooked_expect_answer(&client, 200, "abc");
    hooked_expect_answer(&client, 200, "query:a=2\n");
    client_say(&client, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_INT(fanfare_request_reply(hooked_take(), 200, NULL, "", 0, "Date: now\r\n"),
               FANFARE_ERROR_HEAD);
    hooked_expect_answer(&client, 500, "cannot be sent");
    client_say(&client, "GET /keep HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_INT(fanfare_request_pass(hooked_take()), 0);
    hooked_expect_answer(&client, 404, "nothing at this path");
    client_close(&client);
    engine_end(fanfare);
}

/* --- no answer ------------------------------------------------------------------------------- */

static void is_late(void)
{
    struct server server;
    struct client client;
    static const char *const options[] = {"decide-timeout", "0.05", NULL};
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    client_open(&client, &server);
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    struct fanfare_request *request = hooked_take();
    hooked_expect_answer(&client, 503, "did not answer in time");
    /* What it says stays until the answer all the same. */
    hooked_expect_text(request, "body", "abc");
    hooked_expect_text(request, "path", "/keep");
    EXPECT_INT(hooked_say(request, "too late"), -ETIMEDOUT);
    client_close(&client);
    engine_end(fanfare);
}

static void is_left(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    client_open(&client, &server);
    client_say(&client, "GET /events/kept HTTP/1.1\r\nHost: x\r\n\r\n");
    struct fanfare_request *request = hooked_take();
    client_close(&client);
    /* The acceptor sees it in its next round; nothing else tells. */
    const char *path = fanfare_request_text(request, "path", NULL);
    EXPECT_TEXT(path, "/events/kept");
    client_open(&client, &server);
    for (unsigned rounds = 0; rounds < 3; rounds++)
        hooked_expect(&client, "GET", "/healthz", NULL, NULL, 200, "");
    EXPECT_INT(fanfare_request_pass(request), -EPIPE);
    client_close(&client);
    engine_end(fanfare);
}

static void stops(void)
{
    struct server server;
    struct client client;
    struct fanfare *fanfare = hooked_engine(&server, on_request, NULL);
    client_open(&client, &server);
    client_say(&client, "POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    struct fanfare_request *request = hooked_take();
    EXPECT_INT(fanfare_stop(fanfare), 0);
    hooked_expect_answer(&client, 503, "the server is stopping");
    hooked_expect_text(request, "body", "abc");
    EXPECT_INT(hooked_say(request, "too late"), -ESHUTDOWN);
    client_close(&client);
    fanfare_free(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("sees", sees);
    check_case("replies", replies);
    check_case("answers_later", answers_later);
    check_case("is_late", is_late);
    check_case("is_left", is_left);
    check_case("stops", stops);
    return check_end();
}
