/* SPDX-License-Identifier: MIT */
/*
 * A wall clock that jumps by days at each look (clock_shim.c, preloaded): heartbeats, timeouts, the
 * age of history, waiting for room and the drain keep their time all the same, for they are
 * measured with a clock that nobody sets.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

/* How late may be, on a machine that does other work too. */
#define LATE_MS (CHECK_SANITIZED ? 6000 : 2500)

static struct server server;

static bool preload(void *context)
{
    (void)context;
    /* A sanitizer's own library wants to be the first, and says no otherwise. */
    const char *options = getenv("ASAN_OPTIONS");
    char text[512];
    snprintf(text, sizeof(text), "%s:verify_asan_link_order=0", options ? options : "");
    return setenv("ASAN_OPTIONS", text, 1) == 0 &&
           setenv("LD_PRELOAD", getenv("E2E_CLOCK_SHIM"), 1) == 0;
}

static void start(const char *const *options)
{
    REQUIRE(getenv("E2E_CLOCK_SHIM"), "E2E_CLOCK_SHIM is not set");
    server_start_as(&server, &(struct launch){.prepare = preload}, options);
}

static void expect_time(const char *what, int64_t since, int64_t wanted_ms)
{
    int64_t took = check_now_ms() - since;

    EXPECT(took >= wanted_ms - 20 && took <= wanted_ms + LATE_MS, "%s after %lld ms, not %lld",
           what, (long long)took, (long long)wanted_ms);
    printf("   %s after %lld ms (%lld asked for)\n", what, (long long)took, (long long)wanted_ms);
}

/* The answers' dates show that the clock is mad indeed. */
static void case_mad(void)
{
    unsigned wrong = 0;
    struct client client;
    struct answer answer;

    start(SERVER_OPTIONS("--workers", "1"));
    client_open(&client, &server);
    for (int i = 0; i < 20; i++) {
        struct tm date = {0};
        client_request(&client, "GET", "/healthz", NULL, "", 0, &answer);
        const char *text = answer_field(&answer, "date");
        REQUIRE(text && strptime(text, "%a, %d %b %Y %H:%M:%S", &date), "no date: %s", answer.head);
        wrong += llabs((long long)timegm(&date) - (long long)time(NULL)) > 3600;
        answer_free(&answer);
    }
    EXPECT(wrong >= 10, "only %u of 20 dates were wrong: the shim does not work", wrong);
    printf("   %u of 20 dates are more than an hour off\n", wrong);
    client_close(&client);
    server_stop(&server);
}

static void case_heartbeats(void)
{
    struct stream stream;

    start(SERVER_OPTIONS("--workers", "2", "--heartbeat", "1"));
    stream_open(&stream, &server, "/events/quiet", NULL);
    stream_await_id(&stream);
    int64_t since = check_now_ms();
    while (stream.comments < 3) {
        struct pollfd ready = {.fd = stream.fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no heartbeat");
        REQUIRE(stream_take(&stream, 65536), "closed");
    }
    int64_t took = check_now_ms() - since;
    /* At least every second; never twice in half of one. */
    EXPECT(took >= 1400 && took <= 3000 + LATE_MS, "3 heartbeats after %lld ms", (long long)took);
    printf("   3 heartbeats after %lld ms\n", (long long)took);
    stream_close(&stream);
    server_stop(&server);
}

static void case_timeouts(void)
{
    static const struct {
        const char *name, *begun;
        int ms;
    } waits[] = {
        {"408 in the body", "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab",
         700},
        {"408 in the head", "GET /healthz HT", 800},
        {"the end of a connection that said nothing", "", 800},
        {"the end of an idle connection", "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n", 900},
    };
    enum { WAITS = sizeof(waits) / sizeof(waits[0]), IDLE = WAITS - 1 };
    struct client clients[WAITS];
    struct answer answer;

    start(SERVER_OPTIONS("--workers", "1", "--head-timeout", "0.8", "--body-timeout", "0.7",
                         "--keep-alive-timeout", "0.9"));
    int64_t since = check_now_ms();
    for (int i = 0; i < WAITS; i++) {
        client_open(&clients[i], &server);
        client_say(&clients[i], waits[i].begun);
    }
    REQUIRE(client_answer(&clients[IDLE], false, &answer), "no answer");
    answer_free(&answer);
    for (int i = 0; i < WAITS; i++) {
        if (client_answer(&clients[i], false, &answer)) {
            EXPECT_INT(answer.status, 408);
            answer_free(&answer);
        }
        expect_time(waits[i].name, since, waits[i].ms);
        client_close(&clients[i]);
    }
    server_stop(&server);
}

static void case_history_age(void)
{
    struct client client;
    struct stream stream;

    start(SERVER_OPTIONS("--workers", "1", "--history-age", "2"));
    client_open(&client, &server);
    int64_t since = check_now_ms();
    for (int i = 0; i < 10; i++)
        publish(&client, "x", "aging", NULL);
    stream_open(&stream, &server, "/events/x?last=10", NULL);
    for (int i = 0; i < 10; i++)
        stream_expect(&stream, "message", "aging", NULL);
    EXPECT(CHECK_SANITIZED || check_now_ms() - since < 1900, "this machine is too slow");
    server_await(&server, "history_events", false, 0);
    expect_time("history gone", since, 2000);
    client_close(&client);
    stream_close(&stream);
    server_stop(&server);
}

/* A publisher waits for room, a slow reader is measured, and a drain has its time. */
static void case_waiting(void)
{
    static char body[200000];
    struct client client;
    struct answer answer;
    struct stream stream;

    start(SERVER_OPTIONS("--workers", "1", "--history-bytes", "1M", "--slow-after", "3600",
                         "--slow-rate", "1", "--publish-wait", "0.6", "--drain-timeout", "0.8"));
    memset(body, 'f', sizeof(body));
    stream_open_small(&stream, &server, "/events/full", 262144);
    client_open(&client, &server);
    int64_t since;
    int status;
    do {
        since = check_now_ms();
        client_request(&client, "POST", "/publish/full", NULL, body, sizeof(body), &answer);
        status = answer.status;
        answer_free(&answer);
    } while (status == 200);
    EXPECT_INT(status, 503);
    expect_time("503 for want of room", since, 600);
    client_close(&client);
    since = check_now_ms();
    server_terminate(&server);
    int ended = server_wait(&server);
    EXPECT(ended == 0, "wait status 0x%x", (unsigned)ended);
    expect_time("the end of a drain that a reader holds up", since, 800);
    stream_close(&stream);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("mad", case_mad);
    check_case("heartbeats", case_heartbeats);
    check_case("timeouts", case_timeouts);
    check_case("history_age", case_history_age);
    check_case("waiting", case_waiting);
    return check_end();
}
