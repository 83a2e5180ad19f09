/* SPDX-License-Identifier: MIT */
/*
 * --memory-max: what the server keeps stays below it whatever is published; the oldest history goes
 * first and who comes for it is told; at the ceiling subscribers and large bodies are refused with
 * a sentence, the one furthest behind is closed, and everything goes on. What was counted for a
 * connection is given back when it goes.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define MIB        (1l << 20)
#define DATA_BYTES 16384u
#define CHANNELS   64u

static struct server server;

/* Events 0, 1, ... in turn to so many channels: "N" and dots. Every 64th is waited for; those of a
 * held channel may have to be. */
static void feed_events(struct client *feed, unsigned channels, unsigned from, unsigned to)
{
    static char text[DATA_BYTES + 128];
    struct receipt receipt;

    for (unsigned i = from; i < to; i++) {
        bool asks = i % 64 == 63 || i + 1 == to;
        int len = snprintf(text, sizeof(text), "channel: m%u\ndata: %u ", i % channels, i);
        memset(text + len, '.', DATA_BYTES);
        len += (int)DATA_BYTES;
        len += snprintf(text + len, sizeof(text) - (size_t)len, asks ? "\nack: %u\n\n" : "\n\n", i);
        REQUIRE(client_send(feed, text, (size_t)len), "the feed was closed at event %u", i);
        if (!asks)
            continue;
        REQUIRE(client_receipt(feed, &receipt), "the feed was closed at event %u", i);
        EXPECT(!receipt.error[0] && (unsigned)atoi(receipt.ack) == i, "event %u: ack %s, error %s",
               i, receipt.ack, receipt.error);
    }
}

static unsigned event_number(const struct stream_event *event)
{
    return (unsigned)strtoul(event->data, NULL, 10);
}

/* Reads until this event; the ones before it must be its channel's, in order and without a hole.
 * Returns the first one's number. */
static unsigned read_run(struct stream *stream, unsigned channels, unsigned last)
{
    unsigned first = UINT32_MAX, next = 0;

    for (;;) {
        struct stream_event event;
        REQUIRE(stream_next(stream, &event), "closed before event %u", last);
        EXPECT(strcmp(event.type, "message") == 0, "event of type %s", event.type);
        unsigned number = event_number(&event);
        event_free(&event);
        if (first == UINT32_MAX)
            first = next = number;
        REQUIRE(number == next, "event %u instead of %u", number, next);
        next += channels;
        if (number == last)
            return first;
    }
}

/* A resume with the first event's id: told what is missing, then all that is left. */
static void expect_told(unsigned channel, unsigned events)
{
    struct stream stream;
    struct stream_event event;
    char target[128];
    unsigned last = events - CHANNELS + channel;

    snprintf(target, sizeof(target), "/events/m%u?last-event-id=000000000000-%016x", channel, 1);
    stream_open(&stream, &server, target, NULL);
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "Fanfare-Resume"), "gap");
    REQUIRE(stream_next(&stream, &event), "closed");
    EXPECT_TEXT(event.type, "fanfare-gap");
    event_free(&event);
    unsigned first = read_run(&stream, CHANNELS, last);
    EXPECT(first % CHANNELS == channel && first > channel, "begins with event %u", first);
    stream_close(&stream);
}

/* 128 MiB over 64 channels, each with room for 16 MiB of history. */
static void case_bounded(void)
{
    unsigned events = check_scaled(8192) / CHANNELS * CHANNELS;
    struct client feed;
    struct stream stream;
    long long most = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--memory-max", "32M"));
    client_open_feed(&feed, &server);
    long before = server_memory(&server), peak = before;
    int64_t start = check_now_ms();
    for (unsigned i = 0; i < events; i += 512) {
        feed_events(&feed, CHANNELS, i, i + 512 < events ? i + 512 : events);
        long now = server_memory(&server);
        long long counted = server_stat(&server, "memory_bytes");
        peak = now > peak ? now : peak;
        most = counted > most ? counted : most;
    }
    printf("   %u MiB published in %lld ms: at most %.1f MiB counted, %.1f MiB more resident\n",
           events / 64, (long long)(check_now_ms() - start), (double)most / MIB,
           (double)(peak - before) / MIB);
    EXPECT(most <= 32 * MIB, "%lld bytes counted", most);
    if (!CHECK_SANITIZED) {
        EXPECT(peak - before < 64 * MIB, "%ld bytes more resident", peak - before);
        EXPECT(server_stat(&server, "evicted_memory") >= (long long)events / 2, "%lld evicted",
               server_stat(&server, "evicted_memory"));
        /* Each channel has lost its first; the newest of all is there. */
        expect_told(CHANNELS - 1, events);
    }
    char target[64];
    snprintf(target, sizeof(target), "/events/m%u?last=1", CHANNELS - 1);
    stream_open(&stream, &server, target, NULL);
    EXPECT_INT(read_run(&stream, CHANNELS, events - 1), events - 1);
    stream_close(&stream);
    client_close(&feed);
    server_stop(&server);
}

/* Of channels that were published to long ago the history goes first. */
static void case_oldest_first(void)
{
    struct client feed, client;
    struct stream stream;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--memory-max", "2M"));
    client_open_feed(&feed, &server);
    client_open(&client, &server);
    publish(&client, "quiet", "early", NULL);
    feed_events(&feed, 1, 0, 64); /* 1 MiB: all of it fits */
    EXPECT_INT(server_stat(&server, "evicted_memory"), 0);
    publish(&client, "late", "late", NULL);
    feed_events(&feed, 1, 64, 128);
    server_await(&server, "evicted_memory", true, 1);
    publish(&client, "quiet", "again", NULL);
    /* The first one of `quiet` went before anything of m0 did, the one of `late` after it. */
    stream_open(&stream, &server, "/events/quiet?last=10", NULL);
    stream_expect(&stream, "message", "again", NULL);
    stream_close(&stream);
    stream_open(&stream, &server, "/events/m0?last=1", NULL);
    EXPECT_INT(read_run(&stream, 1, 127), 127);
    stream_close(&stream);
    client_close(&client);
    client_close(&feed);
    server_stop(&server);
}

#define HOLDERS 40u

/* Heads, bodies and feed events that are not complete, and streams: counted, and given back. */
static void case_given_back(void)
{
    static char bytes[60000];
    struct client heads[HOLDERS], bodies[HOLDERS], feeds[HOLDERS];
    struct stream streams[HOLDERS];
    const struct client *last = NULL;

    memset(bytes, 'b', sizeof(bytes));
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--memory-max", "1G"));
    long long before = server_stat(&server, "memory_bytes");
    for (unsigned i = 0; i < HOLDERS; i++) {
        client_open(&heads[i], &server);
        client_say(&heads[i], "GET /healthz HTTP/1.1\r\nHost: ");
        client_open(&bodies[i], &server);
        client_say(&bodies[i],
                   i % 2 ? "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 500000\r\n\r\n"
                         : "POST /publish/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
                           "\r\n80000\r\n");
        client_send(&bodies[i], bytes, sizeof(bytes));
        client_open_feed(&feeds[i], &server);
        client_say(&feeds[i], "channel: x\ndata: ");
        client_send(&feeds[i], bytes, sizeof(bytes));
        stream_open(&streams[i], &server, "/events/x", NULL);
        last = &feeds[i];
    }
    for (unsigned i = 0; i < HOLDERS; i++)
        stream_await_head(&streams[i]);
    REQUIRE(last, "none");
    server_await(&server, "memory_bytes", true,
                 before + HOLDERS * (sizeof(bytes) + sizeof(bytes) + 256));
    long long held = server_stat(&server, "memory_bytes");
    /* What was only promised counts nothing. */
    EXPECT(held < before + HOLDERS * 300000, "%lld bytes held", held);
    for (unsigned i = 0; i < HOLDERS; i++) {
        client_close(&heads[i]);
        client_close(&bodies[i]);
        client_close(&feeds[i]);
        stream_close(&streams[i]);
    }
    /* Each look is a connection too, and one may see itself and the one before it. */
    server_await(&server, "subscribers", false, 0);
    server_await(&server, "memory_bytes", false, before + 4096);
    long long after = server_stat(&server, "memory_bytes");
    EXPECT(after >= before - 4096, "%lld bytes, %lld before", after, before);
    printf("   memory_bytes: %lld, held %lld, then %lld\n", before, held, after);
    server_stop(&server);
}

static void expect_refused(struct client *client)
{
    struct answer answer;

    if (!client_answer(client, false, &answer)) {
        EXPECT(false, "closed without an answer%s", client->reset ? " (reset)" : "");
        return;
    }
    EXPECT_INT(answer.status, 503);
    const char *after = answer_field(&answer, "retry-after");
    EXPECT(after && *after >= '0' && *after <= '9', "%s", answer.head);
    EXPECT_TEXT(answer.body, "the server has reached its memory limit, try again\n");
    answer_free(&answer);
}

#define BODIES 40u

/* Bodies that are not complete fill the connections' share: further ones are refused, small ones
 * are not; subscribers come, and no history goes. */
static void case_refused(void)
{
    static char bytes[60000];
    struct client holders[BODIES], client;
    struct stream stream;
    struct answer answer;

    memset(bytes, 'b', sizeof(bytes));
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--memory-max", "4M"));
    client_open(&client, &server);
    publish(&client, "x", "kept", NULL);
    for (unsigned i = 0; i < BODIES; i++) {
        client_open(&holders[i], &server);
        client_say(&holders[i],
                   i % 2 ? "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n"
                         : "POST /publish/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
                           "\r\n80000\r\n");
        client_send(&holders[i], bytes, sizeof(bytes));
    }
    server_await(&server, "requests_refused_memory", true, BODIES / 2);
    long long held = server_stat(&server, "memory_connections");
    printf("   %u bodies in 4 MiB: %.1f MiB held, %lld refused\n", BODIES, (double)held / MIB,
           server_stat(&server, "requests_refused_memory"));
    /* The share of bodies; what each connection is counts beside it. */
    EXPECT(held <= MIB + BODIES * 1024, "connections hold %lld bytes", held);
    for (unsigned i = 0; i < BODIES; i++) {
        struct pollfd ready = {.fd = holders[i].fd, .events = POLLIN};
        if (poll(&ready, 1, 0) != 1)
            continue;
        expect_refused(&holders[i]);
        EXPECT(client_ends(&holders[i]), "not closed");
    }
    client_request(&client, "POST", "/publish/x", NULL, bytes, 100, &answer);
    EXPECT(answer.status == 200, "a small one: %d %s", answer.status, answer.body);
    answer_free(&answer);
    stream_open(&stream, &server, "/events/x?last=2", NULL);
    stream_expect(&stream, "message", "kept", NULL);
    stream_close(&stream);
    EXPECT_INT(server_stat(&server, "evicted_memory"), 0);
    EXPECT_INT(server_stat(&server, "subscribers_refused_memory"), 0);
    for (unsigned i = 0; i < BODIES; i++)
        client_close(&holders[i]);
    server_await(&server, "memory_connections", false, 4096);
    client_close(&client);
    server_stop(&server);
}

/* Large events that feeds do not end fill it no further: they are refused, small ones are not. */
static void case_large_events(void)
{
    static char bytes[400000];
    struct client feeds[BODIES];
    struct receipt receipt;
    unsigned refused = 0;

    memset(bytes, 'b', sizeof(bytes));
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--memory-max", "4M"));
    for (unsigned i = 0; i < BODIES; i++) {
        client_open_feed(&feeds[i], &server);
        client_say(&feeds[i], "channel: x\ndata: ");
        client_send(&feeds[i], bytes, sizeof(bytes));
        /* All that was sent is read once another feed's event behind it is answered. */
        struct client other;
        client_open_feed(&other, &server);
        client_say(&other, "channel: y\ndata: small\nack: 1\n\n");
        REQUIRE(client_receipt(&other, &receipt), "the feed was closed");
        EXPECT(!receipt.error[0], "%s", receipt.error);
        client_close(&other);
    }
    long long held = server_stat(&server, "memory_connections");
    for (unsigned i = 0; i < BODIES; i++) {
        client_say(&feeds[i], "\nack: 1\n\n");
        REQUIRE(client_receipt(&feeds[i], &receipt), "feed %u was closed", i);
        refused += receipt.error[0] != '\0';
        client_close(&feeds[i]);
    }
    printf("   %u feeds with 400 kB of an event in 4 MiB: %.1f MiB held, %u refused\n", BODIES,
           (double)held / MIB, refused);
    EXPECT(held < 2 * MIB, "connections hold %lld bytes",
           held); /* their share, and what feeds are */
    EXPECT(refused >= BODIES / 2, "%u refused", refused);
    server_stop(&server);
}

#define FEEDS       32u
#define FEED_EVENTS 40u

/* Feeds that wait for room hold more than the ceiling together: it must not stop them for ever. */
static void case_many_feeds(void)
{
    static char text[DATA_BYTES + 64];
    struct client feeds[FEEDS];
    struct receipt receipt;
    size_t sent[FEEDS] = {0};
    unsigned done = 0;

    memset(text, '.', DATA_BYTES);
    memcpy(text, "channel: f\ndata: ", 17);
    memcpy(text + DATA_BYTES - 17, "\nack: 12345678\n\n\n", 17);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--memory-max", "1M"));
    for (unsigned i = 0; i < FEEDS; i++)
        client_open_feed(&feeds[i], &server);
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (done < FEEDS) {
        REQUIRE(check_now_ms() < deadline, "%u of %u feeds are done", done, FEEDS);
        for (unsigned i = 0; i < FEEDS; i++) {
            size_t all = FEED_EVENTS * (size_t)DATA_BYTES;
            size_t at = sent[i] % DATA_BYTES;
            if (sent[i] == all)
                continue;
            ssize_t took =
                send(feeds[i].fd, text + at, DATA_BYTES - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent[i] += took > 0 ? (size_t)took : 0;
            done += sent[i] == all;
        }
    }
    for (unsigned i = 0; i < FEEDS; i++) {
        for (unsigned j = 0; j < FEED_EVENTS; j++) {
            REQUIRE(client_receipt(&feeds[i], &receipt), "feed %u ended at event %u", i, j);
            EXPECT(!receipt.error[0], "%s", receipt.error);
        }
        client_close(&feeds[i]);
    }
    printf("   %u feeds x %u events of 16 KiB through 1 MiB: %lld times one waited\n", FEEDS,
           FEED_EVENTS, server_stat(&server, "publishes_waited"));
    EXPECT_INT(server_stat(&server, "published"), FEEDS * FEED_EVENTS);
    server_stop(&server);
}

#define HELD 4u

/* The newest event that a notice says is gone: the first one published has sequence 1. */
static unsigned gap_through(const struct stream_event *gap)
{
    const char *to = strstr(gap->data, "\"to\": \"");
    REQUIRE(to && strchr(to, '-'), "a gap without an end: %s", gap->data);
    return (unsigned)strtoul(strchr(to, '-') + 1, NULL, 16) - 1;
}

/* Reads what a stopped one has: it goes on to the last event, or was closed after a gapless prefix,
 * and then comes back and has the rest, or is told what is gone: all of it, where channels that are
 * still held leave its own no room. True: it was closed. */
static bool catches_up(struct stream *stream, unsigned channel, unsigned last)
{
    struct stream_event event;
    unsigned next = channel;
    char target[128], fields[200], id[136];

    while (next <= last && stream_next(stream, &event)) {
        EXPECT(event_number(&event) == next, "event %u instead of %u", event_number(&event), next);
        next += HELD;
        event_free(&event);
    }
    if (next > last)
        return false;
    EXPECT(!stream->ended, "a last chunk");
    snprintf(id, sizeof(id), "%s", stream->last_id);
    stream_close(stream);
    snprintf(target, sizeof(target), "/events/m%u", channel);
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", id);
    stream_open(stream, &server, target, fields);
    stream_await_head(stream);
    if (strcmp(stream_field(stream, "Fanfare-Resume"), "gap") == 0) {
        REQUIRE(stream_next(stream, &event), "closed");
        EXPECT_TEXT(event.type, "fanfare-gap");
        unsigned through = gap_through(&event);
        event_free(&event);
        EXPECT(through >= next && through <= last && through % HELD == channel,
               "a gap up to event %u, from %u on", through, next);
        if (through == last)
            return true;
        next = through + HELD;
    } else {
        EXPECT_TEXT(stream_field(stream, "Fanfare-Resume"), "complete");
    }
    EXPECT_INT(read_run(stream, HELD, last), next);
    return true;
}

/* Readers that stand still hold their channels for a minute, and with them more than fits. */
static void case_held(void)
{
    unsigned events = 3072; /* 48 MiB: 12 of each channel, below what flow control lets in flight */
    struct stream stopped[HELD], reader;
    struct client feed;
    char target[64];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--memory-max", "32M", "--slow-after",
                                         "60", "--write-timeout", "0", "--history-bytes", "64M",
                                         "--heartbeat", "0"));
    for (unsigned i = 0; i < HELD; i++) {
        snprintf(target, sizeof(target), "/events/m%u", i);
        stream_open_small(&stopped[i], &server, target, 65536);
    }
    client_open_feed(&feed, &server);
    stream_open(&reader, &server, "/events/m0", NULL);
    stream_await_head(&reader);
    int64_t start = check_now_ms();
    long long most = 0;
    for (unsigned i = 0; i < events; i += 256) {
        feed_events(&feed, HELD, i, i + 256);
        long long counted = server_stat(&server, "memory_bytes");
        most = counted > most ? counted : most;
        /* The reader goes on reading, and loses nothing. */
        EXPECT_INT(read_run(&reader, HELD, i + 256 - HELD), i);
    }
    long long closed = server_stat(&server, "closed_memory");
    printf("   48 MiB past %u stopped readers in %lld ms: at most %.1f MiB counted, %lld closed, "
           "publishers waited %lld times\n",
           HELD, (long long)(check_now_ms() - start), (double)most / MIB, closed,
           server_stat(&server, "publishes_waited"));
    EXPECT(most <= 33 * MIB, "%lld bytes counted", most);
    EXPECT(closed >= 1 && closed <= HELD, "%lld closed", closed);
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    EXPECT_INT(server_stat(&server, "subscribers"), (long long)HELD + 1 - closed);
    for (unsigned i = 0; i < HELD; i++) {
        closed -= catches_up(&stopped[i], i, events - HELD + i);
        stream_close(&stopped[i]);
    }
    EXPECT_INT(closed, 0);
    stream_close(&reader);
    client_close(&feed);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("bounded", case_bounded);
    check_case("oldest_first", case_oldest_first);
    check_case("given_back", case_given_back);
    check_case("refused", case_refused);
    check_case("large_events", case_large_events);
    check_case("many_feeds", case_many_feeds);
    check_case("held", case_held);
    return check_end();
}
