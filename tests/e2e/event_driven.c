/* SPDX-License-Identifier: MIT */
/*
 * Parity: the event-driven demos, a small server with one stream, numbered events, and an end for
 * who has had no event for thirty seconds: for the server, or by a channel's pattern.
 * docs/parity.md says what of them becomes what here.
 */
#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/parity.h"

static void case_numbered_events(void)
{
    struct stream streams[2];
    char target[64], id[136];

    parity_start(SERVER_OPTIONS("--default-channel", "events"));
    for (unsigned i = 0; i < 2; i++)
        parity_open(&streams[i], "/stream", NULL);
    for (unsigned i = 1; i <= 3; i++) {
        char data[32], number[16];
        snprintf(target, sizeof(target), "/publish/events?id=%u", i);
        snprintf(data, sizeof(data), "event %u", i);
        snprintf(number, sizeof(number), "%u", i);
        parity_publish(target, NULL, data);
        for (unsigned j = 0; j < 2; j++) {
            stream_expect(&streams[j], "message", data, id);
            EXPECT_TEXT(id, number);
        }
    }
    /* Who comes back with the number of one has those behind it. */
    stream_close(&streams[1]);
    stream_open(&streams[1], &parity, "/stream", "Last-Event-ID: 1\r\n");
    parity_expect(&streams[1], "message", "event 2");
    parity_expect(&streams[1], "message", "event 3");
    for (unsigned i = 0; i < 2; i++)
        stream_close(&streams[i]);
    /* That a client leaves is seen without an event for it. */
    parity_await("/stats", "subscribers", 0);
    parity_stop();
}

static void case_idle_timeout_of_the_server(void)
{
    struct stream quiet;

    parity_start(SERVER_OPTIONS("--default-channel", "events", "--idle-timeout", "0.2"));
    parity_open(&quiet, "/stream", NULL);
    parity_publish("/publish/events", NULL, "the only one");
    parity_expect(&quiet, "message", "the only one");
    stream_expect_end(&quiet);
    EXPECT_INT(parity_number("/stats", "closed_idle"), 1);
    stream_close(&quiet);
    parity_stop();
}

/* The first rule that matches holds: one kind of channel is quiet for long, another one is not. */
static void case_idle_timeout_by_pattern(void)
{
    struct stream brief, patient, usual;

    parity_start(SERVER_OPTIONS("--channel", "ticks/* idle-timeout=0.2", "--channel",
                                "news/* idle-timeout=0", "--idle-timeout", "0.3"));
    parity_open(&brief, "/events/ticks/a", NULL);
    parity_open(&patient, "/events/news/a", NULL);
    parity_open(&usual, "/events/else", NULL);
    stream_expect_end(&brief);
    stream_expect_end(&usual);
    EXPECT_INT(parity_number("/stats", "closed_idle"), 2);
    parity_publish("/publish/news/a", NULL, "still here");
    parity_expect(&patient, "message", "still here");
    stream_close(&brief);
    stream_close(&patient);
    stream_close(&usual);
    parity_stop();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("numbered_events", case_numbered_events);
    check_case("idle_timeout_of_the_server", case_idle_timeout_of_the_server);
    check_case("idle_timeout_by_pattern", case_idle_timeout_by_pattern);
    return check_end();
}
