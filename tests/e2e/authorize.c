/* SPDX-License-Identifier: MIT */
/*
 * --authorize-url: an application decides about each subscriber and each publish. What it is told,
 * what its answers do, and that nobody waits for it but who is asked for: it may be slow, dead or
 * mad, and clients may leave or come in crowds. Each outcome has its counter.
 *
 * Length: one feature, whose cases share what asks and what is asked.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/application.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define SECRET "abc123secret456"
#define WHO    "Cookie: sid=" SECRET "\r\nAuthorization: Bearer " SECRET "\r\n"
#define EVENTS "Accept: text/event-stream\r\n"

static struct server server;
static struct application application;

#define START(over_unix, ...)                                                                      \
    do {                                                                                           \
        application_start(&application, over_unix);                                                \
        server_start(&server, SERVER_OPTIONS("--authorize-url",                                    \
                                             application.url __VA_OPT__(, ) __VA_ARGS__));         \
    } while (0)

static void stop(void)
{
    server_stop(&server);
    application_stop(&application);
}

/* A request on a connection of its own: its status. */
static int ask(const char *method, const char *target, const char *fields, const char *body,
               struct answer *ret_answer)
{
    struct client client;
    struct answer unseen;
    client_open(&client, &server);
    client_request(&client, method, target, fields, body, strlen(body),
                   ret_answer ? ret_answer : &unseen);
    int status = (ret_answer ? ret_answer : &unseen)->status;
    if (!ret_answer)
        answer_free(&unseen);
    client_close(&client);
    return status;
}

static int get(const char *target, const char *fields)
{
    return ask("GET", target, fields, "", NULL);
}

static int post(const char *target, const char *body)
{
    return ask("POST", target, "Content-Type: text/plain\r\n", body, NULL);
}

/* Asks for a stream and waits for nothing. */
static void begin(struct client *client, const char *target, const char *fields)
{
    char text[512];
    client_open(client, &server);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, fields);
    client_say(client, text);
}

static int status_of(struct client *client)
{
    struct answer answer;
    REQUIRE(client_answer(client, false, &answer), "closed without an answer");
    int status = answer.status;
    answer_free(&answer);
    client_close(client);
    return status;
}

/* --- what it is told, and yes ---------------------------------------------------------------- */

static void expect_allowed(void)
{
    struct stream stream;
    stream_open(&stream, &server, "/events/a?last=1", WHO);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 200);
    EXPECT(application_was_told(&application, "Cookie: sid=" SECRET), "%s", application.last);
    EXPECT(application_was_told(&application, "Authorization: Bearer " SECRET), "no credential");
    EXPECT(application_was_told(&application, "X-Original-URI: /events/a?last=1"), "no target");
    EXPECT(application_was_told(&application, "X-Original-Method: GET"), "no method");
    EXPECT(application_was_told(&application, "X-Forwarded-For: 127.0.0.1"), "no address");
    EXPECT(strncmp(application.last, "GET /auth?x=1 HTTP/1.1\r\n", 24) == 0, "%s",
           application.last);
    EXPECT_INT(post("/publish/a", "hello"), 200);
    EXPECT(application_was_told(&application, "X-Original-Method: POST"), "no method");
    EXPECT(application_was_told(&application, "X-Original-URI: /publish/a"), "no target");
    EXPECT(!strstr(application.last, "Cookie") && !strstr(application.last, SECRET),
           "the other one's credential: %s", application.last);
    stream_expect(&stream, "message", "hello", NULL);
    stream_close(&stream);
    EXPECT_INT(ask("HEAD", "/events/a", "Cookie: a=1\r\nX-A: b\r\ncookie:\r\ncookie: b=2; c=3 \r\n",
                   "", NULL),
               200);
    EXPECT(application_was_told(&application, "Cookie: a=1; b=2; c=3"), "%s", application.last);
    /* What is no stream and no publish is nobody's business, nor is what a browser may ask. */
    EXPECT_INT(get("/", ""), 200);
    EXPECT_INT(get("/healthz", ""), 200);
    EXPECT_INT(ask("OPTIONS", "/publish/a", NULL, "", NULL), 204);
    EXPECT_INT(get("/nothing", ""), 404);
    EXPECT_INT(server_stat(&server, "authorize_asked"), 3);
    EXPECT_INT(server_stat(&server, "authorize_allowed"), 3);
    EXPECT_INT(atomic_load(&application.connections), 1);
    EXPECT_INT(ask("HEAD", "/events/a", NULL, "", NULL), 200);
    EXPECT_INT(get("/events/s403", ""), 403);
    EXPECT_INT(post("/send", "{\"message\": \"x\"}"), 200);
    EXPECT_INT(server_stat(&server, "authorize_asked"), 6);
    EXPECT_INT(atomic_load(&application.connections), 1);
}

static void case_allowed(void)
{
    START(false);
    expect_allowed();
    stop();
}

static void case_unix(void)
{
    START(true);
    expect_allowed();
    stop();
}

/* --- no -------------------------------------------------------------------------------------- */

static void case_refused(void)
{
    static const int statuses[] = {401, 403, 404, 429};
    struct answer answer;
    char target[64];

    START(false);
    for (unsigned i = 0; i < 4; i++) {
        snprintf(target, sizeof(target), "/events/s%d", statuses[i]);
        EXPECT_INT(get(target, ""), statuses[i]);
        snprintf(target, sizeof(target), "/publish/s%d", statuses[i]);
        EXPECT_INT(post(target, "x"), statuses[i]);
    }
    EXPECT_INT(ask("GET", "/events/s401", "", "", &answer), 401);
    EXPECT_TEXT(answer_field(&answer, "www-authenticate"), "Basic realm=\"app\"");
    answer_free(&answer);
    EXPECT_INT(ask("GET", "/events/s429", "", "", &answer), 429);
    EXPECT_TEXT(answer_field(&answer, "retry-after"), "77");
    const char *after = strcasestr(answer.head, "\r\nretry-after:");
    EXPECT(after && !strcasestr(after + 2, "\r\nretry-after:"), "ours, too: %s", answer.head);
    answer_free(&answer);
    /* EventSource would never come back from 429; from 403 it shall not. */
    EXPECT_INT(ask("GET", "/events/s429", EVENTS, "", &answer), 200);
    EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), "application");
    answer_free(&answer);
    EXPECT_INT(get("/events/s403", EVENTS), 403);
    EXPECT_INT(server_stat(&server, "requests_refused_authorize"), 12);
    EXPECT_INT(server_stat(&server, "published"), 0);
    EXPECT_INT(server_stat(&server, "subscribers"), 0);
    stop();
}

/* The connection goes on behind a refusal, with what came in one piece with it. */
static void case_pipelined(void)
{
    struct client client;
    struct answer answer;
    static const int statuses[] = {403, 200, 404, 200};

    START(false);
    client_open(&client, &server);
    client_say(&client, "GET /events/s403 HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /events/s404 HTTP/1.1\r\nHost: x\r\n\r\n"
                        "POST /publish/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 2\r\n\r\nhi");
    for (unsigned i = 0; i < 4; i++) {
        REQUIRE(client_answer(&client, false, &answer), "closed before answer %u", i);
        EXPECT_INT(answer.status, statuses[i]);
        answer_free(&answer);
    }
    client_close(&client);
    stop();
}

/* It is asked before a body is read: who may not publish has not sent one. */
static void case_body_later(void)
{
    static const char head[] = " HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    struct client client;
    struct answer answer;

    START(false);
    client_open(&client, &server);
    client_say(&client, "POST /publish/s403");
    client_say(&client, head);
    REQUIRE(client_answer(&client, false, &answer), "closed without an answer");
    EXPECT_INT(answer.status, 403);
    EXPECT_TEXT(answer_field(&answer, "connection"), "close");
    answer_free(&answer);
    client_close(&client);

    client_open(&client, &server);
    client_say(&client, "POST /publish/a");
    client_say(&client, head);
    REQUIRE(client_read(&client) && strncmp(client.bytes, "HTTP/1.1 100 ", 13) == 0, "%s",
            client.bytes);
    client_say(&client, "hello");
    REQUIRE(client_answer(&client, false, &answer), "closed without an answer");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
    stop();
}

/* --- neither yes nor no ---------------------------------------------------------------------- */

static void case_unusable(void)
{
    static const struct {
        const char *name, *counter;
    } rows[] = {{"s302", "answer"},      {"s500", "answer"},      {"s400", "answer"},
                {"framing", "answer"},   {"channel", "answer"},   {"folded", "answer"},
                {"long-head", "answer"}, {"long-body", "answer"}, {"endless-body", "answer"},
                {"dead", "failed"},      {"junk", "failed"},      {"cut", "failed"}};
    char target[64], counter[64];
    struct answer answer;

    START(false);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_note(rows[i].name);
        snprintf(counter, sizeof(counter), "requests_refused_authorize_%s", rows[i].counter);
        long long before = server_stat(&server, counter);
        snprintf(target, sizeof(target), "/events/%s", rows[i].name);
        EXPECT_INT(ask("GET", target, "", "", &answer), 503);
        EXPECT(answer_field(&answer, "retry-after"), "no Retry-After");
        answer_free(&answer);
        EXPECT_INT(ask("GET", target, EVENTS, "", &answer), 200);
        EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), "application");
        answer_free(&answer);
        snprintf(target, sizeof(target), "/publish/%s", rows[i].name);
        EXPECT_INT(post(target, "x"), 503);
        EXPECT_INT(server_stat(&server, counter), before + 3);
    }
    check_note(NULL);
    EXPECT_INT(server_stat(&server, "published"), 0);
    EXPECT_INT(post("/publish/s204", "x"), 200);
    EXPECT_INT(post("/publish/close", "x"), 200);
    stop();
}

static void case_nobody_there(void)
{
    application_start(&application, false);
    char url[sizeof(application.url)];
    snprintf(url, sizeof(url), "%s", application.url);
    application_stop(&application);
    server_start(&server, SERVER_OPTIONS("--authorize-url", url));
    EXPECT_INT(get("/events/a", ""), 503);
    EXPECT_INT(post("/publish/a", "x"), 503);
    EXPECT_INT(server_stat(&server, "requests_refused_authorize_failed"), 2);
    server_stop(&server);
}

/* --- what its lines do ----------------------------------------------------------------------- */

static void case_channels(void)
{
    struct stream mine, interim;
    struct answer answer;

    START(false);
    stream_open(&mine, &server, "/events/mine", NULL);
    stream_await_head(&mine);
    EXPECT_TEXT(stream_field(&mine, "set-cookie"), "seen=1");
    EXPECT_TEXT(stream_field(&mine, "x-app"), "yes");
    EXPECT_INT(post("/publish/user%2F42", "for me"), 200);
    stream_expect(&mine, "message", "for me", NULL);
    EXPECT_INT(post("/publish/other", "not for me"), 200);
    /* A publish goes where the application says. */
    EXPECT_INT(post("/publish/mine", "sent on"), 200);
    stream_expect(&mine, "message", "sent on", NULL);
    stream_close(&mine);
    /* What the application has not seen it did not let in. */
    EXPECT_INT(ask("POST", "/publish", "Content-Type: application/json\r\n",
                   "{\"channel\": \"user/42\", \"data\": \"x\"}", &answer),
               403);
    EXPECT(strstr(answer.body, "not asked about this channel"), "%s", answer.body);
    answer_free(&answer);
    EXPECT_INT(ask("POST", "/publish?channel=a", "Content-Type: application/json\r\n",
                   "{\"channel\": \"a\", \"data\": \"x\"}", NULL),
               200);
    EXPECT_INT(ask("POST", "/events", "Content-Type: application/json\r\n",
                   "{\"channels\": [\"a\"]}", NULL),
               403);
    EXPECT_INT(ask("QUERY", "/events/a", "Content-Type: application/json\r\n",
                   "{\"channels\": [\"a\"], \"wait\": \"no\"}", NULL),
               200);
    /* It may decide about a publish to all that it sees, unless it names channels. */
    EXPECT_INT(post("/publish?all=1", "to all"), 200);
    EXPECT_INT(ask("POST", "/publish?all=1&event=/mine", "", "x", &answer), 403);
    EXPECT(strstr(answer.body, "not to publish to all"), "%s", answer.body);
    answer_free(&answer);
    EXPECT_INT(ask("POST", "/publish", "Content-Type: application/json\r\n",
                   "{\"all\": true, \"data\": \"x\"}", &answer),
               403);
    EXPECT(strstr(answer.body, "not asked about a publish to all"), "%s", answer.body);
    answer_free(&answer);
    /* Of several each event says one. */
    EXPECT_INT(
        ask("POST", "/publish/two", "Content-Type: application/json\r\n",
            "[{\"channel\": \"one\", \"data\": \"1\"}, {\"channel\": \"two\", \"data\": \"2\"}]",
            NULL),
        200);
    EXPECT_INT(ask("POST", "/publish/two", "Content-Type: application/json\r\n",
                   "{\"channel\": \"three\", \"data\": \"1\"}", NULL),
               403);
    EXPECT_INT(post("/publish/two", "for whom"), 400);
    /* Lines that are not of the head mean nothing. */
    stream_open(&interim, &server, "/events/interim", NULL);
    stream_await_head(&interim);
    EXPECT_INT(post("/publish/interim", "still this one"), 200);
    stream_expect(&interim, "message", "still this one", NULL);
    stream_close(&interim);
    stream_open(&interim, &server, "/events/trailer", NULL);
    stream_await_head(&interim);
    EXPECT_INT(post("/publish/trailer", "and this one"), 200);
    stream_expect(&interim, "message", "and this one", NULL);
    stream_close(&interim);
    stop();
}

/* --- beside tokens --------------------------------------------------------------------------- */

/* It is asked after a token was accepted, or when none came. */
static void case_tokens(void)
{
    static const char good[] = "Authorization: Bearer right\r\nContent-Type: text/plain\r\n";
    static const char bad[] = "Authorization: Bearer wrong\r\nContent-Type: text/plain\r\n";
    char path[128];
    snprintf(path, sizeof(path), "/tmp/fanfare-e2e-authorize-tokens-%d", (int)getpid());
    FILE *file = fopen(path, "we");
    REQUIRE(file && fputs("right\n", file) >= 0 && fclose(file) == 0, "no file of tokens");
    START(false, "--publish-token-file", path);
    EXPECT_INT(post("/publish/a", "x"), 200);
    EXPECT_INT(post("/publish/s403", "x"), 403);
    EXPECT_INT(post("/send", "{\"message\": \"x\"}"), 200);
    EXPECT_INT(ask("POST", "/publish/a", good, "x", NULL), 200);
    EXPECT_INT(ask("POST", "/publish/s403", good, "x", NULL), 403);
    EXPECT_INT(ask("POST", "/publish/mine", good, "x", NULL), 200);
    EXPECT_INT(server_stat(&server, "authorize_asked"), 6);
    EXPECT_INT(ask("POST", "/publish/a", bad, "x", NULL), 401);
    EXPECT_INT(server_stat(&server, "authorize_asked"), 6);
    EXPECT_INT(server_stat(&server, "published"), 4);
    stop();
    unlink(path);
}

/* --- time ------------------------------------------------------------------------------------ */

static void case_slow(void)
{
    struct answer answer;

    START(false, "--authorize-timeout", "0.1");
    EXPECT_INT(ask("GET", "/events/hold", "", "", &answer), 503);
    EXPECT(strstr(answer.body, "in time"), "%s", answer.body);
    answer_free(&answer);
    EXPECT_INT(ask("GET", "/events/hold", EVENTS, "", &answer), 200);
    EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), "application");
    answer_free(&answer);
    EXPECT_INT(post("/publish/hold", "x"), 503);
    EXPECT_INT(server_stat(&server, "requests_refused_authorize_timeout"), 3);
    /* While it does not answer one, it is asked for others, and all else goes on. */
    EXPECT_INT(post("/publish/a", "x"), 200);
    application_release(&application);
    EXPECT_INT(post("/publish/hold", "x"), 200);
    EXPECT_INT(server_stat(&server, "published"), 2);
    stop();
}

/* A client that leaves costs nothing more, and neither does its question. */
static void case_gone(void)
{
    struct client leaver, publisher, poller;

    START(false, "--authorize-timeout", "60");
    long long open = server_stat(&server, "connections_open");
    begin(&leaver, "/events/hold", "");
    application_await(&application, 1);
    client_close(&leaver);
    server_await(&server, "authorize_cancelled", true, 1);
    server_await(&server, "connections_open", false, open);
    /* Who has said all of a publish may close its side. */
    client_open(&publisher, &server);
    client_say(&publisher, "POST /publish/hold HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 2\r\n\r\nhi");
    client_finish(&publisher);
    application_await(&application, 2);
    /* And who polls. */
    begin(&poller, "/events/hold?wait=no", "");
    client_finish(&poller);
    application_await(&application, 3);
    application_release(&application);
    EXPECT_INT(status_of(&publisher), 200);
    EXPECT_INT(status_of(&poller), 200);
    EXPECT_INT(server_stat(&server, "authorize_cancelled"), 1);
    stop();
}

/* --- numbers --------------------------------------------------------------------------------- */

enum { WAITING = 1024, BEYOND = 200, AT_ONCE = 64 }; /* engine/limits.h */

static void case_crowd(void)
{
    static struct client crowd[WAITING + BEYOND];
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 4096)
        check_skip("fewer descriptors than the crowd needs");
    START(false, "--authorize-timeout", "60", "--acceptors", "3");
    for (unsigned i = 0; i < WAITING; i++) {
        begin(&crowd[i], "/events/hold", "");
        if (i % 64 == 63)
            server_await(&server, "authorize_asked", true, i + 1);
    }
    application_await(&application, AT_ONCE);
    for (unsigned i = WAITING; i < WAITING + BEYOND; i++)
        begin(&crowd[i], "/events/hold", "");
    for (unsigned i = WAITING; i < WAITING + BEYOND; i++)
        EXPECT_INT(status_of(&crowd[i]), 503);
    EXPECT_INT(server_stat(&server, "requests_refused_authorize_full"), BEYOND);
    EXPECT_INT(server_stat(&server, "authorize_asked"), WAITING);
    EXPECT_INT(atomic_load(&application.asked), AT_ONCE);
    application_release(&application);
    server_await(&server, "subscribers", true, WAITING);
    EXPECT_INT(server_stat(&server, "authorize_allowed"), WAITING);
    EXPECT(atomic_load(&application.most) <= AT_ONCE, "%u connections at once",
           atomic_load(&application.most));
    EXPECT(atomic_load(&application.connections) <= 2 * AT_ONCE, "%u connections",
           atomic_load(&application.connections));
    for (unsigned i = 0; i < WAITING; i++)
        client_close(&crowd[i]);
    /* There is room again. */
    EXPECT_INT(post("/publish/a", "x"), 200);
    stop();
}

/* --- answers that hold ----------------------------------------------------------------------- */

static void expect_asked(unsigned asked, unsigned cached)
{
    EXPECT_INT(atomic_load(&application.asked), asked);
    EXPECT_INT(server_stat(&server, "authorize_cached"), cached);
}

static void case_cache(void)
{
    START(false, "--authorize-cache", "3600", "--acceptors", "1");
    for (unsigned i = 0; i < 3; i++)
        EXPECT_INT(get("/events/s403", WHO), 403);
    expect_asked(1, 2);
    EXPECT_INT(get("/events/s403", "Cookie: sid=other\r\n"), 403);
    EXPECT_INT(get("/events/s403", ""), 403);
    EXPECT_INT(ask("HEAD", "/events/s403", WHO, "", NULL), 403);
    EXPECT_INT(get("/events/s403?last=1", WHO), 403);
    expect_asked(5, 2);
    /* Its lines hold, too. */
    for (unsigned i = 0; i < 2; i++) {
        struct stream stream;
        stream_open(&stream, &server, "/events/mine", WHO);
        stream_await_head(&stream);
        EXPECT_TEXT(stream_field(&stream, "set-cookie"), "seen=1");
        EXPECT_INT(post("/publish/user%2F42", "x"), 200);
        stream_expect(&stream, "message", "x", NULL);
        stream_close(&stream);
    }
    expect_asked(7, 4);
    /* What is for a moment is not kept. */
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_INT(get("/events/s429", WHO), 429);
        EXPECT_INT(get("/events/s500", WHO), 503);
    }
    expect_asked(11, 4);
    /* SIGHUP forgets. */
    kill(server.pid, SIGHUP);
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (atomic_load(&application.asked) == 11 && check_now_ms() < deadline)
        EXPECT_INT(get("/events/s403", WHO), 403);
    EXPECT_INT(atomic_load(&application.asked), 12);
    stop();
}

static void case_cache_off(void)
{
    START(false, "--acceptors", "1");
    for (unsigned i = 0; i < 3; i++)
        EXPECT_INT(get("/events/s403", WHO), 403);
    expect_asked(3, 0);
    stop();
}

/* --- the end --------------------------------------------------------------------------------- */

static void case_drain(void)
{
    struct client waiting, stream, publisher;
    struct answer answer;

    START(false, "--authorize-timeout", "60");
    begin(&waiting, "/events/hold", "");
    begin(&stream, "/events/hold", EVENTS);
    client_open(&publisher, &server);
    client_say(&publisher, "POST /publish/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n");
    application_await(&application, 3);
    server_terminate(&server);
    EXPECT_INT(status_of(&waiting), 503);
    EXPECT_INT(status_of(&publisher), 503);
    REQUIRE(client_answer(&stream, false, &answer), "closed without an answer");
    EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), "drain");
    answer_free(&answer);
    client_close(&stream);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
    application_stop(&application);
}

/* --- what is said ---------------------------------------------------------------------------- */

static void case_secrets(void)
{
    char log[128], text[65536];
    struct answer answer;

    application_start(&application, false);
    snprintf(log, sizeof(log), "/tmp/fanfare-e2e-authorize-log-%d", (int)getpid());
    server_start(&server, SERVER_OPTIONS("--authorize-url", application.url, "--log", log,
                                         "--authorize-cache", "60"));
    EXPECT_INT(get("/events/s403?access_token=" SECRET, WHO), 403);
    EXPECT_INT(get("/events/dead?access_token=" SECRET, WHO), 503);
    EXPECT_INT(get("/events/junk?access_token=" SECRET, WHO), 503);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_INT(ask("GET", i ? "/stats" : "/metrics", "", "", &answer), 200);
        EXPECT(!strstr(answer.body, SECRET), "a secret in %s", answer.body);
        answer_free(&answer);
    }
    stop();
    FILE *file = fopen(log, "re");
    REQUIRE(file, "no log");
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    unlink(log);
    EXPECT(!strstr(text, SECRET), "a secret in the log: %s", text);
}

static void case_start(void)
{
    static const struct {
        const char *url, *said;
    } rows[] = {{"ftp://app/", "no URL"},
                {"app", "no URL"},
                {"http://me:" SECRET "@app/", "password"},
                {"unix:", "no socket"},
                {"http://app/#x", "fragment"}};
    struct outcome outcome;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        program_run((const char *[]){"serve", "--listen", "127.0.0.1:0", "--feed", "none",
                                     "--authorize-url", rows[i].url, NULL},
                    NULL, &outcome);
        EXPECT_INT(outcome.status, 2);
        EXPECT(strstr(outcome.err, "authorize-url") && strstr(outcome.err, rows[i].said), "%s",
               outcome.err);
        EXPECT(!strstr(outcome.err, SECRET), "%s", outcome.err);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("allowed", case_allowed);
    check_case("unix", case_unix);
    check_case("refused", case_refused);
    check_case("pipelined", case_pipelined);
    check_case("body_later", case_body_later);
    check_case("unusable", case_unusable);
    check_case("nobody_there", case_nobody_there);
    check_case("channels", case_channels);
    check_case("tokens", case_tokens);
    check_case("slow", case_slow);
    check_case("gone", case_gone);
    check_case("crowd", case_crowd);
    check_case("cache", case_cache);
    check_case("cache_off", case_cache_off);
    check_case("drain", case_drain);
    check_case("secrets", case_secrets);
    check_case("start", case_start);
    return check_end();
}
