/* SPDX-License-Identifier: MIT */
/*
 * Resuming: cut off anywhere and resumed with the last id, a client has every event exactly once,
 * across channels and workers; and where that cannot be, it is told (docs/formats.md).
 *
 * Two servers: one with room for everything, one whose history is 10 events.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define CUT_EVENTS 3000u

static struct server roomy, small;

static void open_at(struct stream *stream, const struct server *server, const char *target,
                    const char *id)
{
    char field[400];

    snprintf(field, sizeof(field), "Last-Event-ID: %s\r\n", id ? id : "");
    stream_open(stream, server, target, id ? field : NULL);
    stream_await_head(stream);
    REQUIRE(stream->status == 200, "%s at %s: %d", target, id ? id : "(start)", stream->status);
}

/* Publishes "FROM".."TO" and keeps their ids. */
static void publish_run(const struct server *server, const char *channel, unsigned from,
                        unsigned to, char (*ret_ids)[160])
{
    struct client client;
    char text[16];

    client_open(&client, server);
    for (unsigned i = from; i <= to; i++) {
        snprintf(text, sizeof(text), "%u", i);
        publish(&client, channel, text, ret_ids ? ret_ids[i] : NULL);
    }
    client_close(&client);
}

static void expect_run(struct stream *stream, unsigned from, unsigned to)
{
    char text[16];

    for (unsigned i = from; i <= to; i++) {
        snprintf(text, sizeof(text), "%u", i);
        stream_expect(stream, "message", text, NULL);
    }
}

/* Whether a flat JSON object has this key with this literal value, quotes included. */
static bool json_has(const char *json, const char *key, const char *value)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\"", key);
    const char *at = strstr(json, quoted);
    if (!at)
        return false;
    at += strlen(quoted);
    at += strspn(at, " :");
    size_t len = strlen(value);
    return strncmp(at, value, len) == 0 && strchr(",} ", at[len]);
}

struct gap {
    const char *reason, *channel, *from, *to, *missed; /* NULL: not checked */
};

static void expect_gap(struct stream *stream, const struct gap *gap, char ret_id[136])
{
    struct stream_event event;
    const char *keys[] = {"reason", "channel", "from", "to", "missed"};
    const char *values[] = {gap->reason, gap->channel, gap->from, gap->to, gap->missed};
    char wanted[300];

    REQUIRE(stream_next(stream, &event), "the stream ended instead of telling a gap");
    EXPECT_TEXT(event.type, "fanfare-gap");
    for (int i = 0; i < 5; i++) {
        bool bare = i == 4 || (values[i] && strcmp(values[i], "null") == 0);
        if (!values[i])
            continue;
        snprintf(wanted, sizeof(wanted), bare ? "%s" : "\"%s\"", values[i]);
        EXPECT(json_has(event.data, keys[i], wanted), "wanted %s %s in %s", keys[i], wanted,
               event.data);
    }
    if (ret_id)
        snprintf(ret_id, 136, "%s", event.id);
    event_free(&event);
}

static void *publish_many(void *argument)
{
    struct client feed;
    struct receipt receipt;
    char text[128];

    (void)argument;
    client_open_feed(&feed, &roomy);
    for (unsigned i = 0; i < CUT_EVENTS; i++) {
        int len = snprintf(text, sizeof(text), "channel: cut%u\ndata: %u\ndata: -\nack: %u\n\n",
                           i % 3, i, i);
        REQUIRE(client_send(&feed, text, (size_t)len), "the feed was closed");
        if (i % 50 == 49)
            for (unsigned n = 0; n < 50; n++)
                REQUIRE(client_receipt(&feed, &receipt) && !receipt.error[0], "feed: %s",
                        receipt.error);
    }
    client_close(&feed);
    return NULL;
}

/* What one cut-off connection has given, taken over into the count of all. */
static unsigned count_events(struct stream *stream, unsigned next)
{
    char wanted[32];

    for (unsigned i = 0; i < stream->waiting_count; i++, next++) {
        snprintf(wanted, sizeof(wanted), "%u\n-", next);
        REQUIRE(strcmp(stream->waiting[i].data, wanted) == 0,
                "seen type %s \"%s\" (id %s), wanted event %u", stream->waiting[i].type,
                stream->waiting[i].data, stream->waiting[i].id, next);
    }
    return next;
}

static void case_cut_anywhere(void)
{
    pthread_t publisher;
    struct stream stream;
    char id[136] = "";
    unsigned next = 0, connections = 0, cut_early = 0;

    srand(20);
    /* The first connection is cut before its first event: the preface's id must do. */
    open_at(&stream, &roomy, "/events?channel=cut0&channel=cut1&channel=cut2", NULL);
    stream_await_id(&stream);
    strcpy(id, stream.last_id);
    stream_close(&stream);
    pthread_create(&publisher, NULL, publish_many, NULL);
    while (next < CUT_EVENTS) {
        unsigned left = (unsigned)rand() % (connections % 4 ? 6000 : 600);
        open_at(&stream, &roomy, "/events?channel=cut2&channel=cut0&channel=cut1", id);
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
        while (stream.bytes < left && next + stream.waiting_count < CUT_EVENTS) {
            uint64_t before = stream.bytes;
            REQUIRE(stream_take(&stream, left - before), "closed by the server");
            if (stream.bytes == before)
                break; /* Nothing more at this moment: cut here too. */
        }
        cut_early += stream.waiting_count == 0;
        next = count_events(&stream, next);
        if (stream.last_id[0])
            strcpy(id, stream.last_id);
        stream_close(&stream);
        connections++;
    }
    pthread_join(publisher, NULL);
    EXPECT_INT(next, CUT_EVENTS);
    printf("   %u connections, %u of them cut before an event\n", connections, cut_early);
}

static void case_by_query(void)
{
    static char ids[8][160];
    char target[200];
    struct stream stream;

    publish_run(&roomy, "query", 1, 6, ids);
    snprintf(target, sizeof(target), "/events/query?last-event-id=%s", ids[2]);
    open_at(&stream, &roomy, target, NULL);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    stream_await_id(&stream);
    expect_run(&stream, 3, 6);
    stream_close(&stream);
    /* A resume point beats last=N. */
    snprintf(target, sizeof(target), "/events/query?last=1&last-event-id=%s", ids[3]);
    open_at(&stream, &roomy, target, NULL);
    expect_run(&stream, 4, 6);
    stream_close(&stream);
    /* The preface carries the client's own point. */
    open_at(&stream, &roomy, "/events/query", ids[6]);
    stream_await_id(&stream);
    EXPECT_TEXT(stream.last_id, ids[6]);
    stream_close(&stream);
    /* Sequence 0 is "before all". */
    snprintf(target, sizeof(target), "%.12s-0000000000000000", ids[1]);
    open_at(&stream, &roomy, "/events/query", target);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    expect_run(&stream, 1, 6);
    stream_close(&stream);
}

static void case_last(void)
{
    static char ids[12][160];
    struct stream stream;

    publish_run(&roomy, "last", 1, 10, ids);
    open_at(&stream, &roomy, "/events/last?last=3", NULL);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "none");
    stream_await_id(&stream);
    EXPECT_TEXT(ids[7], stream.waiting_count ? ids[7] : stream.last_id);
    expect_run(&stream, 8, 10);
    publish_run(&roomy, "last", 11, 11, ids);
    expect_run(&stream, 11, 11);
    stream_close(&stream);
    open_at(&stream, &roomy, "/events/last?last=100", NULL);
    expect_run(&stream, 1, 11);
    stream_close(&stream);
    /* Of the whole subscription, not of each channel. */
    publish_run(&roomy, "last2", 12, 13, NULL);
    open_at(&stream, &roomy, "/events?channel=last&channel=last2&last=4", NULL);
    expect_run(&stream, 10, 13);
    stream_close(&stream);
}

static void case_limit(void)
{
    struct stream stream;
    char id[136];

    publish_run(&roomy, "limit", 1, 5, NULL);
    open_at(&stream, &roomy, "/events/limit?last=5&limit=3", NULL);
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "message", "2", NULL);
    stream_expect(&stream, "message", "3", id);
    stream_expect_end(&stream);
    stream_close(&stream);
    open_at(&stream, &roomy, "/events/limit?limit=4", id);
    expect_run(&stream, 4, 5);
    publish_run(&roomy, "limit", 6, 9, NULL);
    expect_run(&stream, 6, 7);
    stream_expect_end(&stream);
    stream_close(&stream);
}

static void case_given_ids(void)
{
    static const char *const given[] = {"order-1", "order-2", "twice", "order-4", "twice"};
    struct client client;
    struct answer answer;
    struct stream stream;
    char target[100], text[8];

    client_open(&client, &roomy);
    for (int i = 0; i < 5; i++) {
        snprintf(target, sizeof(target), "/publish/orders?id=%s", given[i]);
        snprintf(text, sizeof(text), "%d", i + 1);
        client_request(&client, "POST", target, NULL, text, 1, &answer);
        EXPECT_INT(answer.status, 200);
        answer_free(&answer);
    }
    client_close(&client);
    open_at(&stream, &roomy, "/events/orders", "order-2");
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    expect_run(&stream, 3, 5);
    stream_close(&stream);
    const char *const bad[] = {"twice", "never-seen"};
    for (int i = 0; i < 2; i++) {
        open_at(&stream, &roomy, "/events/orders", bad[i]);
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "gap");
        expect_gap(&stream,
                   &(struct gap){
                       .reason = "unknown", .channel = "orders", .from = bad[i], .missed = "null"},
                   NULL);
        expect_run(&stream, 1, 5);
        stream_close(&stream);
    }
}

static void case_expired(void)
{
    static char ids[40][160];
    struct stream stream;
    char id[136];

    publish_run(&small, "expired", 1, 30, ids);
    open_at(&stream, &small, "/events/expired", ids[5]);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "gap");
    expect_gap(&stream,
               &(struct gap){.reason = "expired",
                             .channel = "expired",
                             .from = ids[5],
                             .to = ids[20],
                             .missed = "15"},
               id);
    EXPECT_TEXT(id, ids[20]);
    expect_run(&stream, 21, 30);
    publish_run(&small, "expired", 31, 31, ids);
    expect_run(&stream, 31, 31);
    stream_close(&stream);
    /* The edge: the client has the newest event that is gone, so it misses nothing. */
    open_at(&stream, &small, "/events/expired", ids[21]);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    expect_run(&stream, 22, 31);
    stream_close(&stream);
    open_at(&stream, &small, "/events/expired?limit=10", ids[20]);
    expect_gap(&stream, &(struct gap){.reason = "expired", .missed = "1"}, NULL);
    expect_run(&stream, 22, 31);
    stream_expect_end(&stream);
    stream_close(&stream);
}

static void case_expired_channels(void)
{
    static char ids[60][160];
    struct stream stream;
    char first[136], last[136];

    publish_run(&small, "ec-quiet", 1, 3, ids);
    publish_run(&small, "ec-a", 4, 23, ids);
    publish_run(&small, "ec-b", 24, 43, ids);
    open_at(&stream, &small, "/events?channel=ec-b&channel=ec-quiet&channel=ec-a", ids[1]);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "gap");
    stream_await_id(&stream);
    expect_gap(&stream, &(struct gap){.reason = "expired", .from = ids[1], .missed = "10"}, first);
    expect_gap(&stream, &(struct gap){.reason = "expired", .from = ids[1], .missed = "10"}, last);
    /* Only the last of them has an id, so the first one still shows the client's own point. */
    EXPECT_TEXT(first, ids[1]);
    EXPECT_TEXT(last, ids[1]); /* The next retained one is 2 of ec-quiet. */
    expect_run(&stream, 2, 3);
    expect_run(&stream, 14, 23);
    expect_run(&stream, 34, 43);
    stream_close(&stream);
    open_at(&stream, &small, "/events?channel=ec-b&channel=ec-a", ids[1]);
    expect_gap(&stream, &(struct gap){.missed = "10"}, first);
    expect_gap(&stream, &(struct gap){.missed = "10"}, last);
    EXPECT_TEXT(first, ids[1]);
    EXPECT_TEXT(last, ids[13]);
    stream_close(&stream);
    open_at(&stream, &small, "/events?channel=ec-quiet", ids[1]);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    expect_run(&stream, 2, 3);
    stream_close(&stream);
}

static void case_restarted_and_unknown(void)
{
    static const char *const points[][3] = {
        {"000000000000-0000000000000001", "restarted", "000000000000-0000000000000001"},
        {"nonsense", "unknown", "nonsense"},
        {"say \"hi\\\"", "unknown", "say \\\"hi\\\\\\\""},
        {"\xff\xfe", "unknown", "null"},
        {"LONG", "unknown", "null"},
        {"FUTURE", "unknown", "FUTURE"},
    };
    static char ids[20][160];
    char special[200];
    struct stream stream;

    publish_run(&small, "points", 1, 14, ids);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        const char *point = points[i][0], *from = points[i][2];
        if (strcmp(point, "LONG") == 0) {
            memset(special, 'x', 129);
            special[129] = '\0';
            point = special;
        } else if (strcmp(point, "FUTURE") == 0) {
            snprintf(special, sizeof(special), "%.12s-0000ffffffffffff", ids[1]);
            point = from = special;
        }
        open_at(&stream, &small, "/events/points", point);
        EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "gap");
        expect_gap(&stream,
                   &(struct gap){
                       .reason = points[i][1], .channel = "points", .from = from, .missed = "null"},
                   NULL);
        expect_run(&stream, 5, 14);
        stream_close(&stream);
    }
    open_at(&stream, &small, "/events?channel=points&channel=never", "nonsense");
    for (int i = 0; i < 2; i++)
        expect_gap(&stream, &(struct gap){.reason = "unknown", .missed = "null"}, NULL);
    expect_run(&stream, 5, 14);
    stream_close(&stream);
}

/* Who is cut right after the gap notice, and resumes with its id, gets what is retained. */
static void case_gap_id_resumes(void)
{
    static char ids[40][160];
    struct stream stream;
    char id[136];

    publish_run(&small, "again", 1, 25, ids);
    open_at(&stream, &small, "/events/again", ids[1]);
    expect_gap(&stream, &(struct gap){.reason = "expired", .missed = "14"}, id);
    stream_close(&stream);
    open_at(&stream, &small, "/events/again", id);
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "complete");
    expect_run(&stream, 16, 25);
    stream_close(&stream);
}

/* `missed` is exact within the last 1,024 evicted events of the channel, and null before that. */
static void case_missed_exactly(void)
{
    static char ids[1200][160];
    static const unsigned from[] = {1089, 1088, 1075, 1000, 579, 66, 65, 1};
    struct stream stream;
    char missed[16];

    publish_run(&small, "far", 1, 1100, ids);
    publish_run(&small, "not%20far", 1, 3, NULL);
    for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        snprintf(missed, sizeof(missed), "%u", 1090 - from[i]);
        open_at(&stream, &small, "/events?channel=far&channel=not+far", ids[from[i]]);
        expect_gap(&stream,
                   &(struct gap){.reason = "expired",
                                 .channel = "far",
                                 .to = ids[1090],
                                 .missed = from[i] >= 66 ? missed : "null"},
                   NULL);
        expect_run(&stream, 1091, 1100);
        expect_run(&stream, 1, 3);
        stream_close(&stream);
    }
}

/* Every worker must answer alike, whatever it has seen itself. */
static void case_all_workers(void)
{
    static char ids[40][160];
    struct stream streams[8];

    publish_run(&small, "workers", 1, 30, ids);
    for (int i = 0; i < 8; i++)
        open_at(&streams[i], &small, "/events/workers", ids[19]);
    for (int i = 0; i < 8; i++) {
        expect_gap(&streams[i], &(struct gap){.reason = "expired", .to = ids[20], .missed = "1"},
                   NULL);
        expect_run(&streams[i], 21, 30);
        stream_close(&streams[i]);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&roomy, SERVER_OPTIONS("--workers", "2"));
    server_start(&small, SERVER_OPTIONS("--workers", "2", "--history-events", "10"));
    check_case("cut_anywhere", case_cut_anywhere);
    check_case("by_query", case_by_query);
    check_case("last", case_last);
    check_case("limit", case_limit);
    check_case("given_ids", case_given_ids);
    check_case("expired", case_expired);
    check_case("expired_channels", case_expired_channels);
    check_case("restarted_and_unknown", case_restarted_and_unknown);
    check_case("gap_id_resumes", case_gap_id_resumes);
    check_case("missed_exactly", case_missed_exactly);
    check_case("all_workers", case_all_workers);
    server_stop(&roomy);
    server_stop(&small);
    return check_end();
}
