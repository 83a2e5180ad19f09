/* SPDX-License-Identifier: MIT */
/*
 * Parity: antage/eventsource, one handler for one group of consumers. Its address without a
 * channel, head lines by configuration, by channel and by the application, a time for writes and
 * one for idleness, a retry message alone, counts, and the end of everything. docs/parity.md says
 * what of it becomes what here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/application.h"
#include "tests/e2e/check.h"
#include "tests/e2e/parity.h"

/* SendEventMessage and SendRetryMessage, to whoever is at the one address. */
static void case_messages(void)
{
    struct stream consumers[2];

    parity_start(SERVER_OPTIONS("--default-channel", "all"));
    for (unsigned i = 0; i < 2; i++)
        parity_open(&consumers[i], "/events", NULL);
    EXPECT_INT(parity_number("/stats", "subscribers"), 2); /* ConsumersCount */
    EXPECT_INT(parity_number("/channels/all", "subscribers"), 2);
    for (unsigned i = 1; i <= 3; i++) {
        char target[64], data[64];
        snprintf(target, sizeof(target), "/publish/all?event=tick&id=%u", i);
        snprintf(data, sizeof(data), "message %u\nof two lines", i);
        parity_publish(target, NULL, data);
        for (unsigned j = 0; j < 2; j++) {
            parity_expect(&consumers[j], "tick", data);
            EXPECT(consumers[j].last_id[0] == (char)('0' + i), "%s", consumers[j].last_id);
        }
    }
    parity_publish("/publish/all", JSON_FIELDS, "{\"retry\": 1500}");
    parity_publish("/publish/all", NULL, "after it");
    for (unsigned i = 0; i < 2; i++) {
        parity_expect(&consumers[i], "message", "after it"); /* and no event for the retry */
        EXPECT_INT(consumers[i].retry, 1500);
    }
    /* An id or a type with a line end in it is refused, and goes into nobody's stream. */
    EXPECT_INT(parity_ask("POST", "/publish/all?event=a%0ddata:%20b", NULL, "x"), 400);
    EXPECT_INT(parity_ask("POST", "/publish/all?id=a%0adata:%20b", NULL, "x"), 400);
    stream_close(&consumers[1]);
    parity_await("/stats", "subscribers", 1);
    /* Close: each is told the end, in order. */
    server_terminate(&parity);
    stream_expect_end(&consumers[0]);
    stream_close(&consumers[0]);
    EXPECT_INT(server_wait(&parity), 0);
}

/* customHeadersFunc: of all, of some channels, and as the application says of this request. */
static void case_head_lines(void)
{
    struct application application;
    struct stream stream;

    application_start(&application, false);
    parity_start(SERVER_OPTIONS("--default-channel", "all", "--header", "X-Server: one",
                                "--stream-header", "user/* X-Group: users", "--allow-origin", "*",
                                "--authorize-url", application.url));
    stream_open(&stream, &parity, "/events?x=/mine", "Origin: http://page.example\r\n");
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "x-server"), "one");
    EXPECT_TEXT(stream_field(&stream, "x-group"), "users");
    EXPECT_TEXT(stream_field(&stream, "x-app"), "yes");
    EXPECT_TEXT(stream_field(&stream, "set-cookie"), "seen=1");
    EXPECT_TEXT(stream_field(&stream, "access-control-allow-origin"), "*");
    stream_close(&stream);
    parity_stop();
    application_stop(&application);
}

/* IdleTimeout: who was sent no message for so long is let go, and comes back by itself. */
static void case_idle_timeout(void)
{
    struct stream idle;

    parity_start(SERVER_OPTIONS("--default-channel", "all", "--idle-timeout", "0.2"));
    parity_open(&idle, "/events", NULL);
    stream_expect_end(&idle);
    EXPECT(idle.retry > 0, "retry %ld", idle.retry);
    EXPECT_INT(parity_number("/stats", "closed_idle"), 1);
    stream_close(&idle);
    parity_stop();
}

#define LARGE_EVENTS 40u /* of 64 KiB: more than a socket that nobody reads takes here */

/* One consumer stops reading, the other one has everything. */
static void start_with_one_stopped(const char *stuck, struct stream *stopped, struct stream *reader)
{
    static char text[65537];
    struct stream_event event;

    parity_start(SERVER_OPTIONS("--default-channel", "all", "--write-timeout", "0.3", "--stuck",
                                stuck, "--slow-after", "0.1"));
    stream_open_small(stopped, &parity, "/events", 65536);
    parity_open(reader, "/events", NULL);
    memset(text, 'x', sizeof(text) - 1);
    for (unsigned i = 0; i < LARGE_EVENTS; i++) {
        parity_publish("/publish/all", NULL, text);
        REQUIRE(stream_next(reader, &event), "who reads was closed");
        event_free(&event);
    }
}

/* Timeout with CloseOnTimeout. */
static void case_write_timeout_closes(void)
{
    struct stream stopped, reader;

    start_with_one_stopped("disconnect", &stopped, &reader);
    parity_await("/stats", "closed_stuck", 1);
    EXPECT_INT(parity_number("/stats", "subscribers"), 1);
    stream_close(&stopped);
    stream_close(&reader);
    parity_stop();
}

/* And without: it stays, and what it lacks is told when it reads again, as it is not there. */
static void case_write_timeout_skips(void)
{
    struct stream stopped, reader;
    struct stream_event event;
    unsigned had = 0, missed = 0;

    start_with_one_stopped("skip", &stopped, &reader);
    parity_await("/stats", "became_stuck", 1);
    EXPECT_INT(parity_number("/stats", "subscribers"), 2);
    while (missed == 0 && stream_next(&stopped, &event)) {
        const char *told = strstr(event.data, "\"missed\": ");
        if (strcmp(event.type, "fanfare-gap") == 0 && told)
            missed = (unsigned)atoi(told + strlen("\"missed\": "));
        else
            had++;
        event_free(&event);
    }
    EXPECT(had + missed == LARGE_EVENTS && missed > 0, "it had %u and was told of %u", had, missed);
    parity_publish("/publish/all", NULL, "goes on");
    parity_expect(&stopped, "message", "goes on");
    stream_close(&stopped);
    stream_close(&reader);
    parity_stop();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("messages", case_messages);
    check_case("head_lines", case_head_lines);
    check_case("idle_timeout", case_idle_timeout);
    check_case("write_timeout_closes", case_write_timeout_closes);
    check_case("write_timeout_skips", case_write_timeout_skips);
    return check_end();
}
