/* SPDX-License-Identifier: MIT */
/*
 * Connections that break: a reset, a close and a half-close in every phase of a connection's life,
 * and clients that send or read one byte at a time.
 *
 * One channel is held full by a reader that does not read, so that publishers wait for room. What
 * was cut in mid-head, mid-body or mid-event must leave nothing behind; what was acknowledged must
 * arrive once; whoever only half-closed gets his answers; and all gauges return to where they were.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define ROUNDS     50u
#define FILL_BYTES 200000u

enum phase {
    IDLE,
    IN_HEAD,
    IN_BODY,
    WAITING,
    SUBSCRIBED, /* the request is sent, nothing is read */
    STREAMING,  /* events are unread */
    FEED_IDLE,
    FEED_IN_EVENT,
    FEED_WAITING,
    PHASES,
};
static const char *const phase_names[] = {
    "idle",      "in the head", "in the body",   "waiting for room", "just subscribed",
    "streaming", "feed idle",   "feed in event", "feed waiting",
};

enum manner { RESET, CLOSED, HALF_CLOSED, MANNERS };

static struct server server;
static struct stream control, holder;
static struct client publisher;
static unsigned control_sent, filled;

/* --- the full channel ---------------------------------------------------------------------- */

/* Nobody is slow in an hour, so a reader that does not read holds the channel. */
static void fill(void)
{
    static char event[FILL_BYTES + 100];
    struct client feed;
    struct receipt receipt;

    stream_open_small(&holder, &server, "/events/full", 262144);
    int len = snprintf(event, sizeof(event), "channel: full\nwait: no\nack: a\ndata: ");
    memset(event + len, 'f', FILL_BYTES);
    memcpy(event + len + FILL_BYTES, "\n\n", 2);
    client_open_feed(&feed, &server);
    for (filled = 0; filled < 2000; filled++) {
        REQUIRE(client_send(&feed, event, (size_t)len + FILL_BYTES + 2) &&
                    client_receipt(&feed, &receipt),
                "feed closed");
        if (receipt.error[0])
            break;
    }
    EXPECT_TEXT(receipt.error, "busy");
    client_close(&feed);
}

/* --- one connection, brought into a phase -------------------------------------------------- */

static void enter(struct client *client, enum phase phase, enum manner manner, unsigned round)
{
    char text[400], data[32];
    struct stream_event event;

    snprintf(data, sizeof(data), "%d %d %u", (int)phase, (int)manner, round);
    if (phase >= FEED_IDLE)
        client_open_feed(client, &server);
    else
        client_open(client, &server);
    switch (phase) {
    case IN_HEAD:
        client_say(client, "POST /publish/cut HTTP/1.1\r\nHost: t\r\nContent-Len");
        break;
    case IN_BODY:
        client_say(client, round % 2
                               ? "POST /publish/cut HTTP/1.1\r\nHost: t\r\nContent-Type: "
                                 "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n"
                                 "data: whole\n\ndata: never\n\ndata: "
                               : "POST /publish/cut HTTP/1.1\r\nHost: t\r\nContent-Length: 20\r\n"
                                 "\r\nonly a part");
        break;
    case WAITING:
        snprintf(text, sizeof(text),
                 "POST /publish/full HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(data), data);
        client_say(client, text);
        break;
    case SUBSCRIBED:
    case STREAMING:
        client_say(client, "GET /events/control HTTP/1.1\r\nHost: t\r\n\r\n");
        break;
    case FEED_IN_EVENT:
        client_say(client, "channel: cut\ndata: never\nack: 1\n");
        break;
    case FEED_WAITING:
        snprintf(text, sizeof(text), "channel: full\ndata: %s\nack: w\n\nchannel: cut\nda", data);
        client_say(client, text);
        break;
    default:
        break;
    }
    if (phase == STREAMING) {
        REQUIRE(client_read(client), "no head");
        for (int i = 0; i < 3; i++) {
            snprintf(text, sizeof(text), "%u", control_sent++);
            publish(&publisher, "control", text, NULL);
            REQUIRE(stream_next(&control, &event), "the control stream ended");
            EXPECT_TEXT(event.data, text);
            event_free(&event);
        }
    }
}

static void leave(struct client *client, enum manner manner)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (manner == HALF_CLOSED) {
        client_finish(client);
        return;
    }
    if (manner == RESET)
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(client);
}

/* --- what they leave behind ---------------------------------------------------------------- */

static unsigned seen_waiting[PHASES][MANNERS][ROUNDS];

/* The holder reads at last: what filled the channel, then what had waited and still wanted to. */
static void release(void)
{
    struct stream_event event;
    struct answer answer;
    unsigned phase, manner, round, after = 0;

    /* It waits like the others, and behind them. */
    client_say(&publisher,
               "POST /publish/full HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nend");
    for (unsigned i = 0;; i++) {
        REQUIRE(stream_next(&holder, &event), "the holder was closed after %u events", i);
        bool end = strcmp(event.data, "end") == 0;
        if (i < filled) {
            EXPECT(event.data_len == FILL_BYTES, "event %u has %zu bytes", i, event.data_len);
        } else if (!end) {
            REQUIRE(sscanf(event.data, "%u %u %u", &phase, &manner, &round) == 3 &&
                        (phase == WAITING || phase == FEED_WAITING) && manner < MANNERS &&
                        round < ROUNDS,
                    "event %u: %.60s", i, event.data);
            seen_waiting[phase][manner][round]++;
            after++;
        }
        event_free(&event);
        if (end)
            break;
    }
    REQUIRE(client_answer(&publisher, false, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    printf("   %u events filled the channel, %u of those that waited came after them\n", filled,
           after);
    for (phase = 0; phase < PHASES; phase++)
        for (manner = 0; manner < MANNERS; manner++)
            for (round = 0; round < ROUNDS; round++)
                EXPECT(seen_waiting[phase][manner][round] <= 1, "%s %u %u: seen twice",
                       phase_names[phase], manner, round);
}

/* Whoever only half-closed gets what he is owed, and the end. */
static void expect_half_closed(struct client *client, enum phase phase, unsigned round)
{
    struct answer answer;
    struct receipt receipt;

    if (phase == WAITING) {
        if (client_answer(client, false, &answer)) {
            EXPECT(answer.status == 200 || answer.status == 503, "%s: %d %s", phase_names[phase],
                   answer.status, answer.body);
            EXPECT((answer.status == 200) == (seen_waiting[phase][HALF_CLOSED][round] == 1),
                   "%s %u: answered %d, seen %u times", phase_names[phase], round, answer.status,
                   seen_waiting[phase][HALF_CLOSED][round]);
            answer_free(&answer);
        }
    } else if (phase == FEED_WAITING) {
        EXPECT(client_receipt(client, &receipt) && receipt.id[0], "no id for what waited: \"%s\"",
               receipt.error);
        EXPECT_INT(seen_waiting[phase][HALF_CLOSED][round], 1);
        EXPECT(client_receipt(client, &receipt) && receipt.error[0],
               "no error for the unfinished event");
    } else if (phase == FEED_IN_EVENT) {
        EXPECT(client_receipt(client, &receipt) && receipt.error[0], "no error");
        EXPECT_TEXT(receipt.ack, "1");
    }
    while (client_read(client))
        continue;
    EXPECT(!client->reset || phase == STREAMING || phase == SUBSCRIBED, "%s: reset",
           phase_names[phase]);
    client_close(client);
}

static void case_phases(void)
{
    static struct client halves[PHASES][ROUNDS];
    struct stream cut;
    unsigned faults = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", "1M", "--slow-after",
                                         "3600", "--slow-rate", "1", "--publish-wait", "60"));
    client_open(&publisher, &server);
    stream_open(&control, &server, "/events/control", NULL);
    stream_await_id(&control);
    stream_open(&cut, &server, "/events/cut", NULL);
    stream_await_id(&cut);
    fill();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned phase = 0; phase < PHASES; phase++) {
            for (unsigned manner = 0; manner < MANNERS; manner++) {
                struct client client;
                enter(&client, phase, manner, round);
                leave(&client, manner);
                faults++;
                if (manner == HALF_CLOSED)
                    halves[phase][round] = client;
            }
        }
    }
    /* Whoever is gone while he waits must not keep the server busy. Time must pass for that. */
    long before = server_cpu_ms(&server);
    struct pollfd quiet = {.fd = control.fd, .events = POLLIN};
    EXPECT(poll(&quiet, 1, 300) == 0, "an event too many");
    EXPECT(server_cpu_ms(&server) - before <= 60, "%ld ms of processor time in 300 ms",
           server_cpu_ms(&server) - before);
    /* The streams of this test, and nobody else's, are left. */
    server_await(&server, "subscribers", false, 3);
    EXPECT_INT(server_stat(&server, "subscribers"), 3);
    /* The half-closed that wait hold the channel's place in the queue: the end comes behind them.
     */
    release();
    for (unsigned phase = 0; phase < PHASES; phase++)
        for (unsigned round = 0; round < ROUNDS; round++)
            expect_half_closed(&halves[phase][round], phase, round);
    publish(&publisher, "cut", "the only one", NULL);
    stream_expect(&cut, "message", "the only one", NULL);
    publish(&publisher, "control", "last", NULL);
    stream_expect(&control, "message", "last", NULL);
    server_await(&server, "publishes_waiting", false, 0);
    server_await(&server, "feeds_open", false, 0);
    server_await(&server, "in_flight_bytes", false, 0);
    server_await(&server, "connections_open", false, 2); /* the publisher, and who asks */
    printf("   %u connections broken in %u phases; %lld feed events refused as cut off\n", faults,
           (unsigned)PHASES, server_stat(&server, "feed_events_refused"));
    client_close(&publisher);
    stream_close(&control);
    stream_close(&holder);
    stream_close(&cut);
    server_stop(&server);
}

/* --- byte by byte -------------------------------------------------------------------------- */

#define SLOW_CLIENTS 210u

/* A third posts, a third uses the feed, a third subscribes; each sends one byte in its turn. */
static void case_slow_requests(void)
{
    static struct client clients[SLOW_CLIENTS];
    static char texts[SLOW_CLIENTS][200];
    static bool seen[SLOW_CLIENTS];
    unsigned count = CHECK_SANITIZED ? 60 : SLOW_CLIENTS, published = 0;
    struct stream_event event;
    struct answer answer;
    struct receipt receipt;
    struct stream stream;

    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    stream_open(&stream, &server, "/events/bytes", NULL);
    stream_await_id(&stream);
    for (unsigned i = 0; i < count; i++) {
        char data[32];
        snprintf(data, sizeof(data), "from %u", i);
        if (i % 3 == 0)
            snprintf(texts[i], sizeof(texts[i]),
                     "POST /publish/bytes HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n\r\n%s",
                     strlen(data), data);
        else if (i % 3 == 1)
            snprintf(texts[i], sizeof(texts[i]), "channel: bytes\r\ndata: %s\r\nack: %u\r\n\r\n",
                     data, i);
        else
            snprintf(texts[i], sizeof(texts[i]),
                     "GET /events/bytes?last=1 HTTP/1.1\r\nHost: t\r\n\r\n");
        if (i % 3 == 1)
            client_open_feed(&clients[i], &server);
        else
            client_open(&clients[i], &server);
        published += i % 3 != 2;
    }
    bool more = true;
    for (unsigned at = 0; more; at++) {
        more = false;
        for (unsigned i = 0; i < count; i++) {
            if (at >= strlen(texts[i]))
                continue;
            REQUIRE(client_send(&clients[i], &texts[i][at], 1), "client %u closed at byte %u", i,
                    at);
            more = true;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (i % 3 == 1) {
            EXPECT(client_receipt(&clients[i], &receipt) && receipt.id[0], "feed %u: %s", i,
                   receipt.error);
        } else {
            REQUIRE(client_answer(&clients[i], i % 3 == 2, &answer), "client %u: no answer", i);
            EXPECT(answer.status == 200, "client %u: %d %s", i, answer.status, answer.body);
            answer_free(&answer);
        }
        client_close(&clients[i]);
    }
    for (unsigned i = 0; i < published; i++) {
        unsigned from = count;
        REQUIRE(stream_next(&stream, &event), "closed after %u events", i);
        REQUIRE(sscanf(event.data, "from %u", &from) == 1 && from < count && !seen[from],
                "event %u: %.60s", i, event.data);
        seen[from] = true;
        event_free(&event);
    }
    printf("   %u requests byte by byte, %u events delivered\n", count, published);
    stream_close(&stream);
    server_stop(&server);
}

/* Together more than the buffers of a socket hold (measured: 2 MB), so that sends come up short. */
#define BYTES_EVENTS 160u
#define BYTES_EVENT  30000u

static void case_slow_reader(void)
{
    char words[16];
    unsigned events = CHECK_SANITIZED ? BYTES_EVENTS / 5 : BYTES_EVENTS;
    struct stream_event event;
    struct stream stream;
    struct client client;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--slow-after", "0.2", "--history-bytes", "64M"));
    stream_open_small(&stream, &server, "/events/slow", 65536);
    client_open(&client, &server);
    for (unsigned i = 0; i < events; i++) {
        snprintf(words, sizeof(words), "%u", i);
        publish_padded(&client, "slow", words, BYTES_EVENT);
    }
    while (stream.seen < events) {
        struct pollfd ready = {.fd = stream.fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "nothing more after %llu events",
                (unsigned long long)stream.seen);
        REQUIRE(stream_take(&stream, 1), "closed after %llu events",
                (unsigned long long)stream.seen);
    }
    for (unsigned i = 0; i < events; i++) {
        unsigned number = 0;
        REQUIRE(stream_next(&stream, &event), "closed");
        EXPECT(sscanf(event.data, "%u", &number) == 1 && number == i &&
                   event.data_len == BYTES_EVENT,
               "seen %.20s (%zu bytes), wanted %u", event.data, event.data_len, i);
        event_free(&event);
    }
    printf("   %u events read in %llu single bytes\n", events, (unsigned long long)stream.bytes);
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    EXPECT(CHECK_SANITIZED || server_stat(&server, "sends_short") > 0, "no send came up short");
    client_close(&client);
    stream_close(&stream);
    server_stop(&server);
}

/* A client that writes all of its 24 MiB before it reads is told that it was too much. */
static void case_upload_of_24_mib(void)
{
    static char piece[1 << 20];
    struct client client;
    struct answer answer;

    server_start(&server, SERVER_OPTIONS("--workers", "1"));
    memset(piece, 'x', sizeof(piece));
    client_open(&client, &server);
    client_say(&client, "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 25165824\r\n\r\n");
    for (int i = 0; i < 24; i++)
        REQUIRE(client_send(&client, piece, sizeof(piece)), "cut after %d MiB", i);
    REQUIRE(client_answer(&client, false, &answer), "closed without an answer");
    EXPECT_INT(answer.status, 413);
    answer_free(&answer);
    EXPECT(client_ends(&client) && !client.reset, "not closed in order");
    client_close(&client);
    EXPECT_INT(server_stat(&server, "lingers_cut"), 0);
    server_stop(&server);
}

/* Who sends no more may still read: what was asked for by number comes, and what is owed. Without
 * either it has left. */
static void case_half_closed(void)
{
    struct stream limited, owed, gone;
    struct client writer;
    char id[160];

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--heartbeat", "0"));
    client_open(&writer, &server);
    publish(&writer, "x", "first", id);
    stream_open(&owed, &server, "/events/x?last=1", NULL);
    shutdown(owed.fd, SHUT_WR);
    stream_expect(&owed, "message", "first", (char[136]){0});
    stream_open(&limited, &server, "/events/x?limit=2", NULL);
    shutdown(limited.fd, SHUT_WR);
    stream_open(&gone, &server, "/events/x", NULL);
    stream_await_id(&limited);
    stream_await_id(&gone);
    shutdown(gone.fd, SHUT_WR);
    /* Its end was sent last, so that of the others was heard of, too. */
    server_await(&server, "closed_gone", true, 2);
    EXPECT_INT(server_stat(&server, "subscribers"), 1);
    publish(&writer, "x", "second", id);
    publish(&writer, "x", "third", id);
    stream_expect(&limited, "message", "second", (char[136]){0});
    stream_expect(&limited, "message", "third", (char[136]){0});
    stream_expect_end(&limited);
    server_await(&server, "subscribers", false, 0);
    stream_close(&owed);
    stream_close(&limited);
    stream_close(&gone);
    client_close(&writer);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("phases", case_phases);
    check_case("slow_requests", case_slow_requests);
    check_case("slow_reader", case_slow_reader);
    check_case("upload_of_24_mib", case_upload_of_24_mib);
    check_case("half_closed", case_half_closed);
    return check_end();
}
