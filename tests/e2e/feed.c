/* SPDX-License-Identifier: MIT */
/*
 * The feed's grammar and manners (docs/formats.md): what is refused and how it is said,
 * the order of answers, ends of input, large events, and many feeds at once.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define FEEDS  20u
#define EVENTS 200u

static struct server server;
static struct stream witness;

static void expect_receipt(struct client *feed, const char *ack, bool refused)
{
    struct receipt receipt;

    REQUIRE(client_receipt(feed, &receipt), "the feed was closed; wanted the answer to \"%s\"",
            ack);
    EXPECT_TEXT(receipt.ack, ack);
    EXPECT(refused ? strlen(receipt.error) >= 4 : !receipt.error[0],
           "answer to \"%s\": error \"%s\"", ack, receipt.error);
    EXPECT(refused ? !receipt.id[0] : strlen(receipt.id) > 0, "answer to \"%s\": id \"%s\"", ack,
           receipt.id);
}

static void case_grammar(void)
{
    /* What is fed, and what the witness of channel `g` must see; NULL: nothing. */
    static const char *const events[][3] = {
        {"channel: g\ndata: a\nack: 1\n\n", "message", "a"},
        {"channel:g\r\ndata:a\r\ndata:  b\r\nack:1\r\n\r\n", "message", "a\n b"},
        {"channel: g\rdata: a\rack: 1\r\r", "message", "a"},
        {"\n\n\n: a comment\nchannel: g\nunknown: x\nnofield\ndata\nack: 1\n\n", "message", ""},
        {"data:\nchannel: g\nack: 1\n\n", "message", ""},
        {"ack: 1\nevent: t\ndata: 1\nevent: u\ndata: 2\nchannel: g\n\n", "u", "1\n2"},
        {"channel: g\ndata: \xc3\xa9\xf0\x9f\x98\x80\nack: 1\nretry: 10\n\n", "message",
         "\xc3\xa9\xf0\x9f\x98\x80"},
        {"channel: g\ndata: d\nack: 1\nid:\nevent:\n\n", "message", "d"},
        {"channel: g\ndata:a:b: c\nack: 1\n\n", "message", "a:b: c"},
    };
    struct client feed;

    client_open_feed(&feed, &server);
    client_send(&feed, "\xef\xbb\xbf", 3); /* A BOM, allowed at the start of the stream only. */
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        client_say(&feed, events[i][0]);
        expect_receipt(&feed, "1", false);
        stream_expect(&witness, events[i][1], events[i][2], NULL);
    }
    client_close(&feed);
}

static void case_errors(void)
{
    static char long_ack[128], long_channel[512];
    static const char *const events[] = {
        "data: no channel\nack: 1\n\n",
        "channel: g\nchannel: g\ndata: two\nack: 1\n\n",
        "channel:\ndata: empty channel\nack: 1\n\n",
        "channel: g\nack: 1\n\n",
        "channel: g\nevent: only\nack: 1\n\n",
        "channel: g\ndata: x\nretry: soon\nack: 1\n\n",
        "channel: g\ndata: x\nretry: -1\nack: 1\n\n",
        "channel: g\ndata: \xff\nack: 1\n\n",
        "channel: \xff\ndata: x\nack: 1\n\n",
        "channel: g\nevent: \xc0\x80\ndata: x\nack: 1\n\n",
        "channel: g\x01\ndata: x\nack: 1\n\n",
        "channel: g\nid: 0123456789ab-0123456789abcdef\ndata: x\nack: 1\n\n",
    };
    struct client feed;
    struct receipt receipt;
    char text[800];

    client_open_feed(&feed, &server);
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        client_say(&feed, events[i]);
        REQUIRE(client_receipt(&feed, &receipt), "closed after %s", events[i]);
        EXPECT(strlen(receipt.error) >= 8, "%s answered by ack %s id %s error %s", events[i],
               receipt.ack, receipt.id, receipt.error);
        EXPECT_TEXT(receipt.ack, "1");
        client_say(&feed, "channel: g\ndata: next\nack: 2\n\n");
        expect_receipt(&feed, "2", false);
        stream_expect(&witness, "message", "next", NULL);
    }
    /* A refused event is answered without an ack too; an accepted one without is not. */
    client_say(&feed, "channel: g\ndata: silent\n\ndata: no channel\n\n");
    expect_receipt(&feed, "", true);
    stream_expect(&witness, "message", "silent", NULL);
    memset(long_ack, 'k', 65);
    memset(long_channel, 'c', 257);
    snprintf(text, sizeof(text), "channel: g\ndata: x\nack: %s\n\nchannel: %s\ndata: x\nack: 3\n\n",
             long_ack, long_channel);
    client_say(&feed, text);
    REQUIRE(client_receipt(&feed, &receipt) && receipt.error[0], "a long ack was accepted");
    expect_receipt(&feed, "3", true);
    static const char nul[] = "channel: g\ndata: a\0b\nack: 4\n\n";
    client_send(&feed, nul, sizeof(nul) - 1);
    expect_receipt(&feed, "4", true);
    client_say(&feed, "channel: g\ndata: end of errors\nack: 5\n\n");
    expect_receipt(&feed, "5", false);
    stream_expect(&witness, "message", "end of errors", NULL);
    client_close(&feed);
}

static void case_too_large(void)
{
    size_t len = (1u << 20) + 1;
    char *data = malloc(len);
    struct client feed;
    struct receipt receipt;

    REQUIRE(data, "out of memory");
    memset(data, 'd', len);
    client_open_feed(&feed, &server);
    /* One byte too many in one line, then in two lines, then exactly enough. */
    client_say(&feed, "channel: g\nack: 1\ndata: ");
    client_send(&feed, data, len);
    client_say(&feed, "\ndata: more\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "closed");
    EXPECT(strstr(receipt.error, "large") || strstr(receipt.error, "long"), "error \"%s\"",
           receipt.error);
    EXPECT_TEXT(receipt.ack, "1");
    client_say(&feed, "channel: g\ndata: ");
    client_send(&feed, data, len - 2);
    client_say(&feed, "\ndata: 1\nack: 2\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "closed");
    EXPECT(receipt.error[0], "1 MiB and 1 byte were accepted");
    client_say(&feed, "channel: g\ndata: ");
    client_send(&feed, data, len - 1);
    client_say(&feed, "\nack: 3\n\n");
    expect_receipt(&feed, "3", false);
    data[len - 1] = '\0';
    stream_expect(&witness, "message", data, NULL);
    free(data);
    client_close(&feed);
}

static void case_ends(void)
{
    static const char *const unfinished[] = {"channel: g\ndata: cut", "channel: g\ndata: cut\n",
                                             "channel: g\ndata: cut\nack: 9\n", "data"};
    struct client feed;
    struct receipt receipt;

    for (size_t i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        client_open_feed(&feed, &server);
        client_say(&feed, "channel: g\ndata: whole\nack: 1\n\n");
        client_say(&feed, unfinished[i]);
        client_finish(&feed);
        expect_receipt(&feed, "1", false);
        REQUIRE(client_receipt(&feed, &receipt), "no answer to an unfinished event");
        EXPECT(strstr(receipt.error, "unfinished") || strstr(receipt.error, "end"), "error \"%s\"",
               receipt.error);
        EXPECT(client_ends(&feed) && !feed.reset, "not closed in order");
        stream_expect(&witness, "message", "whole", NULL);
        client_close(&feed);
    }
    client_open_feed(&feed, &server);
    client_finish(&feed);
    EXPECT(client_ends(&feed), "an empty feed was answered");
    client_close(&feed);
    /* Half-closed at once, as nc -N does: all answers come, then the end. */
    client_open_feed(&feed, &server);
    for (int i = 0; i < 100; i++)
        client_say(&feed, "channel: h\ndata: x\nack: n\n\n");
    client_finish(&feed);
    for (int i = 0; i < 100; i++)
        expect_receipt(&feed, "n", false);
    EXPECT(client_ends(&feed), "more answers than events");
    client_close(&feed);
}

static void case_ack_order(void)
{
    struct client feed;
    struct receipt receipt;
    char text[100], last[192] = "", ack[16];

    client_open_feed(&feed, &server);
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof(text), "channel: %s\ndata: %d\nack: %d\n\n", i % 7 ? "o" : "", i, i);
        client_say(&feed, text);
    }
    for (int i = 0; i < 500; i++) {
        REQUIRE(client_receipt(&feed, &receipt), "closed after %d answers", i);
        snprintf(ack, sizeof(ack), "%d", i);
        EXPECT_TEXT(receipt.ack, ack);
        EXPECT(!receipt.error[0] == (i % 7 != 0), "%d: error \"%s\"", i, receipt.error);
        if (receipt.id[0]) {
            EXPECT(strcmp(receipt.id, last) > 0, "id %s after %s", receipt.id, last);
            strcpy(last, receipt.id);
        }
    }
    client_close(&feed);
}

/* A feed that never reads its answers is stopped; another one, and HTTP, do not notice. */
static void case_unread_answers(void)
{
    static char block[64 * 1024];
    struct client deaf, feed;
    size_t len = 0, taken = 0;
    ssize_t sent;

    while (len + 64 < sizeof(block))
        len += (size_t)sprintf(block + len, "channel: deaf\ndata: x\nack: a\n\n");
    client_open_feed(&deaf, &server);
    struct pollfd ready = {.fd = deaf.fd, .events = POLLOUT};
    /* Until nothing is taken for a while: this is the condition that is waited for. */
    while (poll(&ready, 1, 500) == 1 && taken < (64u << 20)) {
        sent = send(deaf.fd, block, len, MSG_NOSIGNAL);
        REQUIRE(sent > 0, "the deaf feed was closed");
        taken += (size_t)sent;
        if ((size_t)sent < len) {
            /* Cut inside an event: the rest of the block goes first. */
            memmove(block, block + sent, len - (size_t)sent);
            len -= (size_t)sent;
        }
        while (len + 64 < sizeof(block))
            len += (size_t)sprintf(block + len, "channel: deaf\ndata: x\nack: a\n\n");
    }
    EXPECT(taken < (64u << 20), "a deaf feed was read without end");
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: g\ndata: not deaf\nack: 1\n\n");
    expect_receipt(&feed, "1", false);
    stream_expect(&witness, "message", "not deaf", NULL);
    client_close(&feed);
    client_close(&deaf);
}

static void *feed_many(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument;
    struct client feed;
    struct receipt receipt;
    char text[100];

    client_open_feed(&feed, &server);
    for (unsigned i = 0; i < EVENTS; i++) {
        snprintf(text, sizeof(text), "channel: many\ndata: %u %u\nack: %u\n\n", publisher, i, i);
        REQUIRE(client_say(&feed, text), "closed");
    }
    client_finish(&feed);
    for (unsigned i = 0; i < EVENTS; i++)
        REQUIRE(client_receipt(&feed, &receipt) && (unsigned)atoi(receipt.ack) == i,
                "feed %u: ack %s, wanted %u", publisher, receipt.ack, i);
    client_close(&feed);
    return NULL;
}

static void case_many_feeds(void)
{
    pthread_t threads[FEEDS];
    struct crowd crowd;
    struct tally tally;

    tally_init(&tally, 4, FEEDS, FEEDS * EVENTS);
    crowd_open(&crowd, &server, 4, "/events/many", tally_event, &tally);
    for (uintptr_t i = 0; i < FEEDS; i++)
        pthread_create(&threads[i], NULL, feed_many, (void *)i);
    crowd_complete(&crowd, "many feeds");
    for (unsigned i = 0; i < FEEDS; i++)
        pthread_join(threads[i], NULL);
    crowd_close(&crowd);
    tally_free(&tally);
}

static void case_file_mode(void)
{
    struct stat status;

    REQUIRE(stat(server.feed, &status) == 0, "no %s", server.feed);
    EXPECT((status.st_mode & 0777) == 0660, "mode %o", status.st_mode & 0777);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    stream_open(&witness, &server, "/events/g", NULL);
    stream_await_head(&witness);
    check_case("grammar", case_grammar);
    check_case("errors", case_errors);
    check_case("too_large", case_too_large);
    check_case("ends", case_ends);
    check_case("ack_order", case_ack_order);
    check_case("unread_answers", case_unread_answers);
    check_case("many_feeds", case_many_feeds);
    check_case("file_mode", case_file_mode);
    stream_close(&witness);
    server_stop(&server);
    return check_end();
}
