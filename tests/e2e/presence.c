/* SPDX-License-Identifier: MIT */
/*
 * How many there are: the numbers that a publish is answered with.
 */
#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

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
    check_case("counts_over_http", case_counts_over_http);
    check_case("counts_on_the_feed", case_counts_on_the_feed);
    return check_end();
}
