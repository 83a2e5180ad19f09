/* SPDX-License-Identifier: MIT */
/*
 * How many there are: who comes and goes is told on the channel's @presence, right in the end
 * however many did; and the numbers that a publish is answered with.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

/* --- presence ------------------------------------------------------------------------------ */

static void join(struct stream *stream, const char *target)
{
    stream_open(stream, &server, target, NULL);
    stream_await_head(stream);
    EXPECT(stream->status == 200, "%s: %d", target, stream->status);
}

/* The next event is of this type and has these numbers; gives the subscriber, "null" if none. */
static void expect_change(struct stream *watch, const char *type, const char *channel,
                          unsigned count, char ret_subscriber[32])
{
    struct stream_event event;
    char wanted[128];
    REQUIRE(stream_next(watch, &event), "the stream has ended");
    EXPECT_TEXT(event.type, type);
    snprintf(wanted, sizeof(wanted),
             "{\"channel\": \"%s\", \"subscribers\": %u, \"subscriber\": ", channel, count);
    size_t len = strlen(wanted);
    EXPECT(strncmp(event.data, wanted, len) == 0, "%s, wanted %s", event.data, wanted);
    snprintf(ret_subscriber, 32, "%s", event.data_len > len ? event.data + len : "");
    event_free(&event);
}

static void refuse_publish(struct client *client, const char *target, const char *type,
                           const char *body)
{
    char fields[96];
    struct answer answer;
    snprintf(fields, sizeof(fields), "Content-Type: %s\r\n", type);
    client_request(client, "POST", target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == 400 && strstr(answer.body, "by the server alone"), "%s %s: %d %s",
           target, type, answer.status, answer.body);
    answer_free(&answer);
}

/* Nobody else publishes there, in no way. */
static void expect_own(void)
{
    struct client client;
    client_open(&client, &server);
    refuse_publish(&client, "/publish/@presence/room", "text/plain", "x");
    refuse_publish(&client, "/publish?channel=%40presence/room",
                   "application/x-www-form-urlencoded", "data=x");
    refuse_publish(&client, "/publish/@presence/x?end=1", "text/plain", "x");
    refuse_publish(&client, "/publish", "application/json",
                   "[{\"channel\": \"a\", \"data\": \"x\"}, "
                   "{\"channel\": \"@presence/room\", \"data\": \"x\"}]");
    refuse_publish(&client, "/publish", "text/event-stream", "channel: @presence/\ndata: x\n\n");
    client_close(&client);
}

static void case_each_is_told(void)
{
    static struct stream watch, late, one, two, other;
    char first[32], second[32], left[32];
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--channel", "room* presence=1",
                                         "--channel", "* history-events=5"));
    join(&watch, "/events/@presence/room");
    join(&one, "/events/room");
    expect_change(&watch, "join", "room", 1, first);
    join(&two, "/events?channel=room&channel=room2&channel=elsewhere");
    expect_change(&watch, "join", "room", 2, second);
    EXPECT(strlen(first) == 19 && strcmp(first, second) != 0, "%s %s", first, second);
    join(&other, "/events/elsewhere"); /* nobody is told of */
    stream_close(&one);
    expect_change(&watch, "leave", "room", 1, left);
    EXPECT_TEXT(left, first);
    /* Who comes later asks for the last event. */
    join(&late, "/events/@presence/room?last=1");
    expect_change(&late, "leave", "room", 1, left);
    expect_own();
    stream_close(&two);
    expect_change(&watch, "leave", "room", 0, left);
    EXPECT_TEXT(left, second);
    expect_change(&late, "leave", "room", 0, left);
    server_await(&server, "presence_told", true, 6); /* two of them of room2 */
    EXPECT_INT(server_stat(&server, "presence_told"), 6);
    stream_close(&watch);
    stream_close(&late);
    stream_close(&other);
}

/* --- churn --------------------------------------------------------------------------------- */

enum { PLACES = 150, ROUNDS = 1200, WATCHES = 4 };

struct watch {
    struct stream stream;
    long long told;
    unsigned events;
};

static void on_watch(struct stream *stream, const struct stream_event *event)
{
    struct watch *watch = stream->context;
    unsigned count;
    REQUIRE(sscanf(event->data, "{\"channel\": \"room\", \"subscribers\": %u", &count) == 1, "%s",
            event->data);
    if (watch->told >= 0)
        EXPECT_TEXT(event->type, count > watch->told ? "join" : "leave");
    watch->told = count;
    watch->events++;
}

static void watch_open(struct watch *watch, const char *target)
{
    watch->told = -1;
    stream_init(&watch->stream, connect_tcp(&server, 0), on_watch, watch);
    stream_send_request(&watch->stream, target, NULL);
    stream_await_head(&watch->stream);
}

static void await_told(struct watch *watch, long long count)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (watch->told != count) {
        REQUIRE(check_now_ms() < due_ms, "told %lld, there are %lld", watch->told, count);
        REQUIRE(stream_take(&watch->stream, 65536), "the stream has ended");
    }
}

/* Streams come and go in any order, one and all, and every watcher has the right number in the
 * end: who was there from the start, who came in the midst of it, and who asks for the last. */
static void case_right_in_the_end(void)
{
    static struct stream streams[PLACES];
    static struct watch watches[WATCHES];
    static bool there[PLACES];
    unsigned seed = 11, changes = 0;
    long long count = 0;
    watch_open(&watches[0], "/events/@presence/room");
    watch_open(&watches[1], "/events?channel=@presence/room&channel=other");
    for (unsigned i = 0; i < check_scaled(ROUNDS); i++) {
        unsigned at = (unsigned)rand_r(&seed) % PLACES;
        if (there[at])
            stream_close(&streams[at]);
        else
            stream_open(&streams[at], &server, "/events/room", NULL);
        if (!there[at] && rand_r(&seed) % 2)
            stream_await_head(&streams[at]);
        there[at] = !there[at];
        count += there[at] ? 1 : -1;
        changes++;
        if (i == check_scaled(ROUNDS) / 2)
            watch_open(&watches[2], "/events/@presence/room");
    }
    for (unsigned i = 0; i < PLACES; i++)
        if (there[i])
            stream_await_head(&streams[i]);
    server_await(&server, "subscribers", false, count + 3);
    for (unsigned i = 0; i < 3; i++)
        await_told(&watches[i], count);
    watch_open(&watches[3], "/events/@presence/room?last=1");
    await_told(&watches[3], count);
    EXPECT(watches[0].events <= changes, "%u events of %u changes", watches[0].events, changes);
    for (unsigned i = 0; i < PLACES; i++)
        if (there[i])
            stream_close(&streams[i]);
    for (unsigned i = 0; i < WATCHES; i++) {
        await_told(&watches[i], 0);
        stream_close(&watches[i].stream);
    }
    server_stop(&server);
}

/* A rule that comes by SIGHUP is for the streams that come after it. */
static void case_reload(void)
{
    static struct stream before, after, watch;
    char dir[] = "/tmp/fanfare-presence-XXXXXX", config[64], who[32];
    REQUIRE(mkdtemp(dir), "mkdtemp: %s", strerror(errno));
    snprintf(config, sizeof(config), "%s/conf", dir);
    FILE *file = fopen(config, "we");
    REQUIRE(file && fclose(file) == 0, "%s", config);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--config", config));
    join(&before, "/events/room");
    join(&watch, "/events/@presence/room");
    file = fopen(config, "we");
    REQUIRE(file && fputs("channel = room presence\n", file) >= 0 && fclose(file) == 0, "%s",
            config);
    EXPECT(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    long long published = 0;
    while (published == 0 && check_now_ms() < due_ms) { /* it holds when it does */
        join(&after, "/events/room");
        stream_close(&after);
        published = server_stat(&server, "published");
    }
    expect_change(&watch, "join", "room", 1, who);
    EXPECT_TEXT(who, "null}"); /* nobody had ids when the server was started */
    stream_close(&before);     /* which never counted */
    stream_close(&watch);
    server_stop(&server);
    unlink(config);
    EXPECT(rmdir(dir) == 0, "rmdir: %s", strerror(errno));
}

/* A pattern lets in where it covers the name, @presence and all. */
static void case_who_may_read(void)
{
    static struct stream stream;
    char dir[] = "/tmp/fanfare-presence-XXXXXX", key[64];
    REQUIRE(mkdtemp(dir), "mkdtemp: %s", strerror(errno));
    snprintf(key, sizeof(key), "%s/key", dir);
    FILE *file = fopen(key, "we");
    REQUIRE(file && fputs("a secret of 32 bytes and some more\n", file) >= 0 && fclose(file) == 0,
            "%s", key);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key, "--anonymous", "room*",
                                "--anonymous", "@presence/hall", "--channel", "* presence"));
    static const struct {
        const char *target;
        int status;
    } rows[] = {{"/events/room", 200},
                {"/events/@presence/room", 401},
                {"/events/%40presence/room", 401},
                {"/events/@presence/hall", 200},
                {"/events/hall", 401}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stream_open(&stream, &server, rows[i].target, NULL);
        stream_await_head(&stream);
        EXPECT(stream.status == rows[i].status, "%s: %d", rows[i].target, stream.status);
        stream_close(&stream);
    }
    server_stop(&server);
    unlink(key);
    EXPECT(rmdir(dir) == 0, "rmdir: %s", strerror(errno));
}

/* --- counts of a publish ------------------------------------------------------------------- */

/* What stands behind "subscribers" in the answer to this publish. */
static void expect_counts(struct client *client, const char *target, const char *body,
                          const char *wanted)
{
    struct answer answer;
    client_request(client, "POST", target, "Content-Type: application/json\r\n", body, strlen(body),
                   &answer);
    EXPECT(answer.status == 200, "%s: %d %s", target, answer.status, answer.body);
    const char *found = strstr(answer.body, ", \"subscribers\": ");
    EXPECT_TEXT(found ? found + strlen(", \"subscribers\": ") : "(none)", wanted);
    answer_free(&answer);
}

static void case_counts_over_http(void)
{
    static struct stream streams[40];
    struct client client;
    struct answer answer;
    server_start(&server, SERVER_OPTIONS("--workers", "3", "--acceptors", "2"));
    for (unsigned i = 0; i < 40; i++)
        stream_open(&streams[i], &server, i % 4 ? "/events/a" : "/events?channel=a&channel=b",
                    NULL);
    for (unsigned i = 0; i < 40; i++)
        stream_await_head(&streams[i]);
    client_open(&client, &server);
    expect_counts(&client, "/publish/a?count=1", "{\"data\": \"x\"}", "[40]}");
    expect_counts(&client, "/publish?count=1",
                  "[{\"channel\": \"a\", \"data\": \"x\"}, {\"channel\": \"a\", \"data\": \"y\"}, "
                  "{\"channel\": \"b\", \"data\": \"z\"}, {\"channel\": \"c\", \"data\": \"z\"}]",
                  "[40, 40, 10, 0]}");
    expect_counts(&client, "/publish/a", "{\"data\": \"x\"}", "(none)");
    /* Who has left is not counted as soon as that is known. */
    for (unsigned i = 0; i < 40; i += 2)
        stream_close(&streams[i]);
    server_await(&server, "subscribers", false, 20);
    expect_counts(&client, "/publish/b?count=1", "{\"data\": \"x\", \"key\": \"k\"}", "[0]}");
    /* The same again: nothing is published, and counted it is. */
    expect_counts(&client, "/publish/b?count=1", "{\"data\": \"x\", \"key\": \"k\"}", "[0]}");
    client_request(&client, "POST", "/publish/a?count=yes", NULL, "x", 1, &answer);
    EXPECT(answer.status == 400 && strstr(answer.body, "count has a value other than 1"), "%d %s",
           answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
    for (unsigned i = 1; i < 40; i += 2)
        stream_close(&streams[i]);
}

static void case_counts_on_the_feed(void)
{
    static struct stream streams[3];
    struct client feed;
    for (unsigned i = 0; i < 3; i++) {
        stream_open(&streams[i], &server, "/events/f", NULL);
        stream_await_head(&streams[i]);
    }
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: f\ndata: 1\nack: 1\n\n"
                      "channel: f\ndata: 2\nack: 2\ncount: 1\n\n"
                      "channel: g\ndata: 3\nack: 3\ncount: 1\n\n"
                      "channel: f\ndata: 4\ncount: 1\n\n"
                      "channel: f\ndata: 5\nack: 5\ncount: 5\n\n"
                      "channel: @presence/f\ndata: 6\nack: 6\n\n"
                      "channel: f\ndata: 7\nack: 7\nid: own\ncount: 1\n\n");
    client_finish(&feed);
    while (!feed.ended && client_read(&feed))
        ;
    char text[1024], *at = text;
    for (size_t i = 0; i < feed.len && at < text + sizeof(text) - 1; i++)
        *at++ = feed.bytes[i];
    *at = '\0';
    /* In the order of the events, each whole; of ids the form is known. */
    for (char *id = text; (id = strstr(id, "id: ")); id += 4)
        if (strncmp(id, "id: own", 7) != 0)
            memmove(id + 4, id + 4 + 29, strlen(id + 4 + 29) + 1);
    EXPECT_TEXT(text, "ack: 1\nid: \n\n"
                      "ack: 2\nid: \nsubscribers: 3\n\n"
                      "ack: 3\nid: \nsubscribers: 0\n\n"
                      "error: count has a value other than 1\nack: 5\n\n"
                      "error: channels that begin with @presence/ are published to by the server "
                      "alone\nack: 6\n\n"
                      "ack: 7\nid: own\nsubscribers: 3\n\n");
    client_close(&feed);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&streams[i]);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("each_is_told", case_each_is_told);
    check_case("right_in_the_end", case_right_in_the_end);
    check_case("reload", case_reload);
    check_case("who_may_read", case_who_may_read);
    check_case("counts_over_http", case_counts_over_http);
    check_case("counts_on_the_feed", case_counts_on_the_feed);
    return check_end();
}
