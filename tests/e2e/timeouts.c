/* SPDX-License-Identifier: MIT */
/*
 * Ends by time: a subscriber that takes nothing is closed after --write-timeout, or stays and skips
 * what it lacks (--stuck skip); a stream without an event ends after --idle-timeout, and any stream
 * at 80 to 100 percent of --lifetime, in order: everything is delivered, a `retry:` of its own, a
 * last chunk. Who comes back loses nothing. Each is counted under its own name.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

/* --- write-timeout, whatever slow-after is --------------------------------------------------- */

#define LARGE_EVENTS 400u /* 6.5 MB: more than the buffers of a socket that nobody reads */
#define LARGE_BYTES  16384u

static void case_write(void)
{
    static char text[LARGE_BYTES + 1];
    struct stream stopped, reader;
    struct stream_event event;
    struct client client;
    unsigned number = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--slow-after", "60", "--history-bytes",
                                         "64M", "--write-timeout", "0.5"));
    stream_open_small(&stopped, &server, "/events/w", 65536);
    stream_open(&reader, &server, "/events/w", NULL);
    stream_await_head(&reader);
    client_open(&client, &server);
    memset(text, '.', LARGE_BYTES);
    for (unsigned i = 0; i < LARGE_EVENTS; i++) {
        char digits[16];
        memcpy(text, digits, (size_t)snprintf(digits, sizeof(digits), "%u ", i));
        publish(&client, "w", text, NULL);
        REQUIRE(stream_next(&reader, &event), "the reader was closed");
        EXPECT((unsigned)atoi(event.data) == i, "event %.10s instead of %u", event.data, i);
        event_free(&event);
    }
    int64_t blocked_ms = check_now_ms();
    server_await(&server, "closed_stuck", true, 1);
    printf("   closed %lld ms after the last event\n", (long long)(check_now_ms() - blocked_ms));
    EXPECT_INT(server_stat(&server, "closed_stuck"), 1);
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    EXPECT_INT(server_stat(&server, "subscribers"), 1);
    /* What it has is a gapless prefix, and without a last chunk. */
    for (; stream_next(&stopped, &event); number++) {
        EXPECT((unsigned)atoi(event.data) == number, "%.10s instead of %u", event.data, number);
        event_free(&event);
    }
    EXPECT(number < LARGE_EVENTS && !stopped.ended, "it has %u events", number);
    publish(&client, "w", "goes on", NULL);
    stream_expect(&reader, "message", "goes on", NULL);
    stream_close(&stopped);
    stream_close(&reader);
    client_close(&client);
    server_stop(&server);
}

/* --- stuck=skip ------------------------------------------------------------------------------ */

/* It stays, and when it reads again it has a gapless prefix, is told how many it will not have, and
 * has all that comes after that. */
static void case_stuck(void)
{
    static char text[LARGE_BYTES + 1];
    struct stream stopped;
    struct stream_event event;
    struct client client;
    unsigned number = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--slow-after", "60", "--history-bytes",
                                         "64M", "--write-timeout", "0.2", "--stuck", "skip"));
    stream_open_small(&stopped, &server, "/events/w", 65536);
    client_open(&client, &server);
    memset(text, '.', LARGE_BYTES);
    for (unsigned i = 0; i < LARGE_EVENTS; i++) {
        char digits[16];
        memcpy(text, digits, (size_t)snprintf(digits, sizeof(digits), "%u ", i));
        publish(&client, "w", text, NULL);
    }
    server_await(&server, "became_stuck", true, 1);
    publish(&client, "w", "late", NULL);
    for (; stream_next(&stopped, &event) && strcmp(event.type, "message") == 0; number++) {
        EXPECT((unsigned)atoi(event.data) == number, "%.10s instead of %u", event.data, number);
        event_free(&event);
    }
    const char *missed = strstr(event.data, "\"missed\": ");
    EXPECT_TEXT(event.type, "fanfare-gap");
    EXPECT(strstr(event.data, "\"reason\": \"stuck\""), "%s", event.data);
    EXPECT(missed && number + (unsigned)atoi(missed + 10) == LARGE_EVENTS + 1, "%u events, then %s",
           number, event.data);
    event_free(&event);
    publish(&client, "w", "goes on", NULL);
    stream_expect(&stopped, "message", "goes on", NULL);
    EXPECT_INT(server_stat(&server, "closed_stuck"), 0);
    EXPECT_INT(server_stat(&server, "skipped"), 1);
    EXPECT_INT(server_stat(&server, "subscribers_lagging"), 0);
    stream_close(&stopped);
    client_close(&client);
    server_stop(&server);
}

/* --- idle-timeout ---------------------------------------------------------------------------- */

static void case_idle(void)
{
    struct stream quiet, busy;
    struct client client;
    char id[136], fields[200];
    unsigned rounds = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--idle-timeout", "0.6"));
    client_open(&client, &server);
    stream_open(&quiet, &server, "/events/quiet", NULL);
    stream_open(&busy, &server, "/events/busy", NULL);
    stream_await_head(&busy);
    stream_await_id(&quiet);
    publish(&client, "quiet", "the only one", NULL);
    stream_expect(&quiet, "message", "the only one", id);
    int64_t start = check_now_ms();
    while (!quiet.closed) {
        struct pollfd ready = {.fd = quiet.fd, .events = POLLIN};
        publish(&client, "busy", "again", NULL);
        stream_expect(&busy, "message", "again", NULL);
        rounds++;
        REQUIRE(check_now_ms() - start < DEADLINE_MS, "not ended");
        if (poll(&ready, 1, 20) == 1)
            stream_take(&quiet, 65536);
    }
    int64_t took = check_now_ms() - start;
    printf("   ended after %lld ms, `retry: %ld`, while %u events went to the other\n",
           (long long)took, quiet.retry, rounds);
    EXPECT(quiet.ended && !quiet.reset, "no last chunk");
    EXPECT(quiet.retry >= 2000, "retry %ld", quiet.retry);
    EXPECT_TEXT(quiet.last_id, id);
    EXPECT(took >= 550, "after only %lld ms", (long long)took);
    if (!check_slow())
        EXPECT(took < 5000, "only after %lld ms", (long long)took);
    EXPECT_INT(server_stat(&server, "closed_idle"), 1);
    EXPECT_INT(server_stat(&server, "subscribers"), 1);
    /* What comes while it is away is there when it is back. */
    publish(&client, "quiet", "meanwhile", NULL);
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", quiet.last_id);
    stream_close(&quiet);
    stream_open(&quiet, &server, "/events/quiet", fields);
    stream_await_head(&quiet);
    EXPECT_TEXT(stream_field(&quiet, "Fanfare-Resume"), "complete");
    stream_expect(&quiet, "message", "meanwhile", NULL);
    stream_close(&quiet);
    stream_close(&busy);
    client_close(&client);
    server_stop(&server);
}

/* --- lifetime -------------------------------------------------------------------------------- */

#define READERS     40u
#define LIFES       2u
#define LIFETIME_MS 2000

struct life {
    struct stream stream;
    int64_t begun_ms;
    unsigned next;  /* number of the event that must come */
    unsigned lifes; /* that are over */
};

static struct life lifes[READERS];
static int64_t shortest_ms, longest_ms;
static long least_retry, most_retry;

static void take_events(struct life *life)
{
    struct stream_event event;

    while (life->stream.waiting_count > 0 && stream_next(&life->stream, &event)) {
        EXPECT(strcmp(event.type, "message") == 0, "%s: %s", event.type, event.data);
        EXPECT((unsigned)atoi(event.data) == life->next, "event %s instead of %u", event.data,
               life->next);
        life->next = (unsigned)atoi(event.data) + 1;
        event_free(&event);
    }
}

static void begin_life(struct life *life, const char *last_id)
{
    char fields[200];

    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", last_id);
    stream_open(&life->stream, &server, "/events/l", *last_id ? fields : NULL);
    life->begun_ms = check_now_ms();
}

static void end_life(struct life *life)
{
    struct stream *stream = &life->stream;
    int64_t age = check_now_ms() - life->begun_ms;
    char last_id[136];

    EXPECT(stream->ended && !stream->reset, "no last chunk after %lld ms", (long long)age);
    shortest_ms = age < shortest_ms ? age : shortest_ms;
    longest_ms = age > longest_ms ? age : longest_ms;
    least_retry = stream->retry < least_retry ? stream->retry : least_retry;
    most_retry = stream->retry > most_retry ? stream->retry : most_retry;
    snprintf(last_id, sizeof(last_id), "%s", stream->last_id);
    stream_close(stream);
    life->lifes++;
    begin_life(life, last_id);
}

/* Serves what is ready; `most_ms` is the longest wait for anything. */
static void serve_lifes(int most_ms)
{
    struct pollfd ready[READERS];

    for (unsigned i = 0; i < READERS; i++)
        ready[i] = (struct pollfd){.fd = lifes[i].stream.fd, .events = POLLIN};
    (void)poll(ready, READERS, most_ms);
    for (unsigned i = 0; i < READERS; i++) {
        if (!ready[i].revents)
            continue;
        bool goes_on = stream_take(&lifes[i].stream, 65536);
        take_events(&lifes[i]);
        if (!goes_on)
            end_life(&lifes[i]);
    }
}

static bool all_lived(unsigned published)
{
    for (unsigned i = 0; i < READERS; i++)
        if (lifes[i].lifes < LIFES || lifes[i].next < published)
            return false;
    return true;
}

static void case_lifetime(void)
{
    struct client client;
    unsigned published = 0, ends = 0;
    bool enough = false;

    shortest_ms = least_retry = INT32_MAX;
    longest_ms = most_retry = 0;
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--lifetime", "2"));
    client_open(&client, &server);
    for (unsigned i = 0; i < READERS; i++) {
        lifes[i] = (struct life){0};
        begin_life(&lifes[i], "");
        stream_await_id(&lifes[i].stream);
    }
    int64_t start = check_now_ms();
    while (!all_lived(published)) {
        char text[16];
        REQUIRE(check_now_ms() - start < DEADLINE_MS, "not over in time");
        snprintf(text, sizeof(text), "%u", published);
        enough = enough || check_now_ms() - start > (int64_t)(LIFES + 1) * LIFETIME_MS;
        if (!enough) {
            publish(&client, "l", text, NULL);
            published++;
        }
        serve_lifes(enough ? 50 : 2);
    }
    for (unsigned i = 0; i < READERS; i++)
        ends += lifes[i].lifes;
    printf("   %u events to %u readers over %u ends at %lld to %lld ms, told to come back in %ld "
           "to %ld ms\n",
           published, READERS, ends, (long long)shortest_ms, (long long)longest_ms, least_retry,
           most_retry);
    EXPECT(server_stat(&server, "closed_age") >= ends, "%lld counted",
           server_stat(&server, "closed_age"));
    EXPECT(server_stat(&server, "resumed") >= ends, "%lld counted",
           server_stat(&server, "resumed"));
    EXPECT_INT(server_stat(&server, "gaps_told"), 0);
    EXPECT(shortest_ms >= LIFETIME_MS * 8 / 10 - 20, "after %lld ms", (long long)shortest_ms);
    EXPECT(longest_ms - shortest_ms >= 100, "all within %lld ms",
           (long long)(longest_ms - shortest_ms));
    if (!check_slow())
        EXPECT(longest_ms <= LIFETIME_MS + 1500, "only after %lld ms", (long long)longest_ms);
    EXPECT(least_retry >= 2000 && most_retry - least_retry >= 100, "retry %ld to %ld", least_retry,
           most_retry);
    for (unsigned i = 0; i < READERS; i++)
        stream_close(&lifes[i].stream);
    client_close(&client);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("write", case_write);
    check_case("stuck", case_stuck);
    check_case("idle", case_idle);
    check_case("lifetime", case_lifetime);
    return check_end();
}
