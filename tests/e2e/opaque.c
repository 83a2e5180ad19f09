/* SPDX-License-Identifier: MIT */
/*
 * --opaque-ids: nobody reads in an id how much was published elsewhere, and everything that ids are
 * for goes on as it was: resuming from events, from where a stream began and from a gap, gaps told
 * with exact counts, ids that name nothing, keys, the feed, `fanfare sub`.
 *
 * One server whose history is 10 events, and one whose streams end soon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define HISTORY "10"
#define ID_LEN  29

static struct server server;

/* The half that would be the number. */
static unsigned long long hidden(const char *id)
{
    EXPECT(strlen(id) == ID_LEN && id[12] == '-', "%s", id);
    return strlen(id) == ID_LEN ? strtoull(id + 13, NULL, 16) : 0;
}

static void publish_some(const char *channel, unsigned count, char ret_id[160])
{
    struct client client;

    client_open(&client, &server);
    for (unsigned i = 0; i < count; i++)
        publish(&client, channel, "x", ret_id);
    client_close(&client);
}

static void open_from(struct stream *stream, const char *target, const char *id)
{
    char field[200];

    snprintf(field, sizeof(field), "Last-Event-ID: %s\r\n", id ? id : "");
    stream_open(stream, &server, target, id ? field : NULL);
    stream_await_id(stream);
}

/* It begins there, and this is what is lost first: a part of the gap's JSON, NULL: nothing is. */
static void expect_from(const char *id, const char *gap, const char *first)
{
    struct stream stream;
    struct stream_event event;

    open_from(&stream, "/events/mine", id);
    EXPECT_TEXT(stream_field(&stream, "Fanfare-Resume"), gap ? "gap" : "complete");
    if (gap) {
        REQUIRE(stream_next(&stream, &event), "the stream ended");
        EXPECT(strcmp(event.type, "fanfare-gap") == 0 && strstr(event.data, gap), "%s %s, not %s",
               event.type, event.data, gap);
        event_free(&event);
    }
    if (first)
        stream_expect(&stream, "message", first, NULL);
    stream_close(&stream);
}

/* Two ids of one place are not alike, nor an event's and that of the place behind it; neither says
 * which came first. */
static void case_nothing_to_read(void)
{
    char events[40][160];
    struct stream one, other;
    unsigned rising = 0;

    open_from(&one, "/events/quiet", NULL);
    open_from(&other, "/events/quiet", NULL);
    EXPECT(strcmp(one.last_id, other.last_id) != 0, "%s twice", one.last_id);
    EXPECT(hidden(one.last_id) >> 32 && hidden(other.last_id) >> 32, "%s %s: before all",
           one.last_id, other.last_id);
    stream_close(&other);
    for (unsigned i = 0; i < 40; i++) {
        publish_some("quiet", 1, events[i]);
        rising += i > 0 && hidden(events[i]) > hidden(events[i - 1]);
        stream_expect(&one, "message", "x", NULL);
        EXPECT_TEXT(one.last_id, events[i]); /* the publisher's is the reader's */
    }
    EXPECT(rising > 2 && rising < 37, "%u of 39 ids are greater than the one before", rising);
    open_from(&other, "/events/quiet", NULL);
    EXPECT(strcmp(other.last_id, events[39]) != 0, "%s is an event's", other.last_id);
    stream_close(&other);
    stream_close(&one);
}

static void case_resume(void)
{
    char begun[160], first[160], gap_id[136], guess[160];
    struct stream stream;
    struct client client;

    open_from(&stream, "/events/mine", NULL);
    snprintf(begun, sizeof(begun), "%s", stream.last_id);
    stream_close(&stream);
    publish_some("other", 30, NULL);
    client_open(&client, &server);
    publish(&client, "mine", "one", first);
    publish_some("other", 30, NULL);
    publish(&client, "mine", "two", NULL);
    expect_from(begun, NULL, "one");
    expect_from(first, NULL, "two");
    for (unsigned i = 0; i < 12; i++)
        publish(&client, "mine", i < 2 ? "gone" : "kept", NULL);
    /* Ten are kept: "two" and both of "gone" are what is missing. */
    open_from(&stream, "/events/mine", first);
    struct stream_event event;
    REQUIRE(stream_next(&stream, &event), "the stream ended");
    EXPECT(strcmp(event.type, "fanfare-gap") == 0 &&
               strstr(event.data, "\"reason\": \"expired\"") && strstr(event.data, first) &&
               strstr(event.data, "\"missed\": 3}"),
           "%s", event.data);
    snprintf(gap_id, sizeof(gap_id), "%s", event.id);
    event_free(&event);
    stream_expect(&stream, "message", "kept", NULL);
    stream_close(&stream);
    expect_from(gap_id, NULL, "kept");
    /* What was never given is a place nowhere, and so is what another start gave. */
    snprintf(guess, sizeof(guess), "%s", first);
    guess[28] = guess[28] == '0' ? '1' : '0';
    expect_from(guess, "\"reason\": \"unknown\"", "kept");
    snprintf(guess, sizeof(guess), "%.13s%016x", first, 5);
    expect_from(guess, "\"reason\": \"unknown\"", "kept");
    snprintf(guess, sizeof(guess), "%s", first);
    guess[0] = guess[0] == '0' ? '1' : '0';
    expect_from(guess, "\"reason\": \"restarted\"", "kept");
    client_close(&client);
}

/* Several channels, merged, from a place of one of them. */
static void case_many_channels(void)
{
    char id[160];
    struct stream stream;
    struct client client;

    client_open(&client, &server);
    publish(&client, "a", "1", id);
    publish(&client, "b", "2", NULL);
    publish(&client, "a", "3", NULL);
    publish(&client, "c", "4", NULL);
    open_from(&stream, "/events?channel=a&channel=b&channel=c", id);
    EXPECT_TEXT(stream_field(&stream, "Fanfare-Resume"), "complete");
    stream_expect(&stream, "message", "2", NULL);
    stream_expect(&stream, "message", "3", NULL);
    stream_expect(&stream, "message", "4", NULL);
    stream_close(&stream);
    client_close(&client);
}

/* The feed is told the id that readers get, and a key brings back the first one's. */
static void case_publishers(void)
{
    struct client feed;
    struct receipt first, again;
    struct stream stream;
    static const char text[] = "channel: keyed\ndata: x\nkey: k\nack: 1\n\n";

    open_from(&stream, "/events/keyed", NULL);
    client_open_feed(&feed, &server);
    REQUIRE(client_say(&feed, text) && client_receipt(&feed, &first), "the feed was closed");
    publish_some("other", 3, NULL);
    REQUIRE(client_say(&feed, text) && client_receipt(&feed, &again), "the feed was closed");
    EXPECT_TEXT(again.id, first.id);
    stream_expect(&stream, "message", "x", NULL);
    EXPECT_TEXT(stream.last_id, first.id);
    (void)hidden(first.id);
    stream_close(&stream);
    client_close(&feed);
}

/* The command comes back, and misses nothing. */
static void case_sub(void)
{
    enum { EVENTS = 4 };
    char url[64], seen[EVENTS * 8 + 1] = "", wanted[EVENTS * 8 + 1] = "";
    size_t len = 0;
    ssize_t got;
    int out, status;
    struct client client;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--opaque-ids", "--lifetime", "0.05",
                                         "--retry", "1"));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    pid_t sub = program_start(
        (const char *const[]){"sub", "--url", url, "--raw", "--limit", "4", "mine", NULL}, &out);
    server_await(&server, "joined", true, 1);
    client_open(&client, &server);
    for (unsigned i = 0; i < EVENTS; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%u", i);
        publish(&client, "other", text, NULL);
        publish(&client, "mine", text, NULL);
        snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "%u\n", i);
        if (i == EVENTS / 2)
            server_await(&server, "resumed", true, 1);
    }
    while ((got = read(out, seen + len, sizeof(seen) - 1 - len)) > 0)
        len += (size_t)got;
    seen[len] = '\0';
    EXPECT_TEXT(seen, wanted);
    REQUIRE(waitpid(sub, &status, 0) == sub, "waitpid");
    EXPECT_INT(WEXITSTATUS(status), 0);
    EXPECT_INT(server_stat(&server, "gaps_told"), 0);
    close(out);
    client_close(&client);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--opaque-ids", "--history-events", HISTORY));
    check_case("nothing_to_read", case_nothing_to_read);
    check_case("resume", case_resume);
    check_case("many_channels", case_many_channels);
    check_case("publishers", case_publishers);
    server_stop(&server);
    check_case("sub", case_sub);
    return check_end();
}
