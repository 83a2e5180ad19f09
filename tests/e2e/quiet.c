/* SPDX-License-Identifier: MIT */
/*
 * What happens while nothing is published: heartbeats, hang-ups that are noticed, history that
 * grows old, and subscribers that do not use up the process's descriptors.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

static struct server server;

static void ignore(struct stream *stream, const struct stream_event *event)
{
    (void)stream;
    (void)event;
}

static bool all_have_comments(void *context)
{
    struct crowd *crowd = context;

    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].comments < 2)
            return false;
    return true;
}

static void case_heartbeat(void)
{
    struct crowd crowd;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--heartbeat", "1"));
    int64_t start = check_now_ms();
    crowd_open(&crowd, &server, 100, "/events/quiet", ignore, NULL);
    crowd_run(&crowd, "heartbeats", all_have_comments, &crowd);
    int64_t took = check_now_ms() - start;
    EXPECT(took >= 1990 && took < 8000, "two heartbeats of 1 s came in %lld ms", (long long)took);
    server_await(&server, "heartbeats", true, 200); /* a worker counts when its turn is over */
    for (unsigned i = 0; i < crowd.count; i++)
        EXPECT(crowd.streams[i].seen == 0, "a heartbeat is no event");
    crowd_close(&crowd);
    server_stop(&server);
}

/* Gone in three ways: closed, reset, and closed with the request's answer unread. */
static void case_hang_up(void)
{
    struct crowd crowd;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--heartbeat", "0"));
    crowd_open(&crowd, &server, 300, "/events/gone", ignore, NULL);
    EXPECT_INT(server_stat(&server, "subscribers"), 300);
    for (unsigned i = 0; i < crowd.count; i++) {
        struct stream *stream = &crowd.streams[i];
        if (i % 3 == 1)
            setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        if (i % 3 == 2)
            REQUIRE(send(stream->fd, "ignored", 7, MSG_NOSIGNAL) == 7, "send");
    }
    crowd_close(&crowd);
    server_await(&server, "subscribers", false, 0);
    EXPECT_INT(server_stat(&server, "joined"), 300);
    EXPECT_INT(server_stat(&server, "closed_gone") + server_stat(&server, "closed_error"), 300);
    server_stop(&server);
}

static void case_history_age(void)
{
    struct stream stream;
    struct client client;
    struct stream_event event;
    char first[160], last[160];

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-age", "1"));
    client_open(&client, &server);
    publish(&client, "age", "1", first);
    publish(&client, "age", "2", NULL);
    publish(&client, "age", "3", last);
    char field[200];
    snprintf(field, sizeof(field), "Last-Event-ID: %s\r\n", first);
    stream_open(&stream, &server, "/events/age?limit=2", field);
    stream_expect(&stream, "message", "2", NULL);
    stream_expect(&stream, "message", "3", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    /* Two workers hold each event, which counts once. */
    server_await(&server, "evicted", true, 3);
    server_await(&server, "history_events", false, 0); /* the other one a moment later */
    stream_open(&stream, &server, "/events/age", field);
    REQUIRE(stream_next(&stream, &event), "closed");
    EXPECT_TEXT(event.type, "fanfare-gap");
    /* `missed` may be null: a channel without history and listeners is forgotten by and by. */
    EXPECT(strstr(event.data, "expired") && strstr(event.data, last), "%s", event.data);
    event_free(&event);
    publish(&client, "age", "4", NULL);
    stream_expect(&stream, "message", "4", NULL);
    stream_close(&stream);
    client_close(&client);
    server_stop(&server);
}

static unsigned descriptors(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)server.pid);
    return check_entries(path);
}

/* Where subscribers live in the rings' tables 2 workers hold more of them than the process may have
 * descriptors. Else the rest is refused, in order, and the server lives on. */
static void case_descriptors(void)
{
    bool registers = check_registers();
    struct crowd crowd;

    server_start_limited(&server, 1000, SERVER_OPTIONS("--workers", "2"));
    unsigned before = descriptors();
    unsigned count = registers ? 1300 : 500;
    crowd_open(&crowd, &server, count, "/events/many", ignore, NULL);
    EXPECT_INT(server_stat(&server, "subscribers"), count);
    if (registers)
        EXPECT(descriptors() <= before + 8, "%u descriptors for %u subscribers, %u without",
               descriptors(), count, before);
    crowd_close(&crowd);
    server_await(&server, "subscribers", false, 0);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("heartbeat", case_heartbeat);
    check_case("hang_up", case_hang_up);
    check_case("history_age", case_history_age);
    check_case("descriptors", case_descriptors);
    return check_end();
}
