/* SPDX-License-Identifier: MIT */
/*
 * An engine in a program that takes other programs' connections over: its notes tell of them with
 * the tag that they gave, whichever door they came through, and of the id that they were answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/host.h"
#include "tests/library/engine.h"

static void by(enum door door, const char *socket_path, const char *feed_path)
{
    const char *const options[] = {"handoff", socket_path, "feed", feed_path, "feed-adopt",
                                   "yes",     "notes",     "on",   NULL};
    struct fanfare *fanfare = engine_silent(options);
    struct fanfare_note note = {.size = sizeof(note)};
    struct server server = {0};
    struct stream stream;
    struct host host;
    char answer[512], id[32];
    engine_start(fanfare, NULL);
    snprintf(server.feed, sizeof(server.feed), "%s", feed_path);
    host_open(&host, &server);
    host.door = door;
    snprintf(host.handoff, sizeof(host.handoff), "%s", socket_path);
    int fd = host_visit(&host, &stream, "GET / HTTP/1.1\r\n\r\n");
    host_give(&host, "adopt: news\ntag: 18446744073709551615\n", fd, answer, sizeof(answer));
    close(fd);
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_JOINED);
    EXPECT(note.tag == UINT64_MAX, "the tag: %llu", (unsigned long long)note.tag);
    snprintf(id, sizeof(id), "%016llx", (unsigned long long)note.subscriber);
    EXPECT(strstr(answer, id), "the id: %s", answer);
    EXPECT_INT(fanfare_publish(fanfare, "news", NULL, "text", 4, 0, NULL), 0);
    stream_expect(&stream, "message", "text", NULL);
    stream_close(&stream);
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, FANFARE_NOTE_LEFT);
    host_close(&host);
    engine_end(fanfare);
}

static char handoff[80], feed[80];

static void case_feed(void)
{
    by(DOOR_FEED, handoff, feed);
}

static void case_lines(void)
{
    by(DOOR_GRAMMAR, handoff, feed);
}

static void case_json(void)
{
    by(DOOR_JSON, handoff, feed);
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/fanfare-handover-XXXXXX";
    check_begin(argc, argv);
    REQUIRE(mkdtemp(folder), "mkdtemp");
    snprintf(handoff, sizeof(handoff), "%s/handoff.sock", folder);
    snprintf(feed, sizeof(feed), "%s/feed.sock", folder);
    check_case("feed", case_feed);
    check_case("lines", case_lines);
    check_case("json", case_json);
    EXPECT(rmdir(folder) == 0, "what was bound is gone");
    return check_end();
}
