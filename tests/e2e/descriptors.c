/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that nobody should have sent, on the feed: whatever they come with and whatever they
 * are, they are closed, and a hand-over behind them gets its own one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/host.h"
#include "tests/e2e/stream.h"

static struct server server;
static struct host host;

static void expect_answer(const char *words)
{
    char answer[1024];
    REQUIRE(receive_answer(host.feed, answer, sizeof(answer)) && strstr(answer, words),
            "wanted \"%s\": %s", words, answer);
}

static void feed_say(const char *text, const int *fds, unsigned count)
{
    send_descriptors(host.feed, text, strlen(text), fds, count);
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
}

static void case_many_in_one_message(void)
{
    int ends[3], fds[3];
    for (unsigned i = 0; i < 3; i++)
        ends[i] = lone(&fds[i]);
    feed_say("adopt: a\nack: 1\n\nadopt: b\nack: 2\n\n", fds, 3);
    expect_answer("ack: 1\nsubscriber: ");
    expect_answer("ack: 2\nsubscriber: ");
    expect_answer("error: a descriptor came that no hand-over took");
    expect_closed(ends[2]);
    close(ends[0]);
    close(ends[1]);
    close(ends[2]);
}

static void case_in_pieces(void)
{
    int fd, end = lone(&fd), others[2], other_end = lone(&others[0]);
    feed_say("ado", NULL, 0);
    feed_say("pt: pieces\nfirst: x", NULL, 0);
    feed_say("y\nack", &fd, 1);
    feed_say(": 1\n\nchannel: pieces\ndata: z\n\n", NULL, 0);
    expect_answer("ack: 1\nsubscriber: ");
    struct stream stream;
    stream_init(&stream, end, NULL, NULL);
    stream_expect(&stream, "message", "xy", NULL);
    stream_expect(&stream, "message", "z", NULL);
    stream_close(&stream);
    /* A message that has the end of one block and the begin of the next one. */
    end = lone(&fd);
    others[1] = fd;
    feed_say("adopt: p1\nack: 1\n\nadopt: p2\n", others, 2);
    feed_say("ack: 2\n\n", NULL, 0);
    expect_answer("ack: 1\nsubscriber: ");
    expect_answer("ack: 2\nsubscriber: ");
    close(end);
    close(other_end);
}

/* Whatever a descriptor came with that is no hand-over, the next one does not get it. */
static void case_with_something_else(void)
{
    static const char *const texts[] = {"channel: a\ndata: x\n\n", ": comment\n\n",
                                        ": comment\r\n\r\n",       "\n",
                                        "unknown: x\n\n",          "adopt: a\ndata: x\n\n"};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd, end = lone(&fd), own, own_end = lone(&own);
        feed_say(texts[i], &fd, 1);
        feed_say("adopt: only\nack: 1\n\n", &own, 1);
        if (strstr(texts[i], "adopt"))
            expect_answer("error: a block with adopt is a hand-over");
        else if (strstr(texts[i], "data"))
            expect_answer("error: a descriptor came that no hand-over took");
        expect_answer("ack: 1\nsubscriber: ");
        if (!strstr(texts[i], "data"))
            expect_answer("error: a descriptor came that no hand-over took");
        expect_closed(end);
        struct stream stream;
        stream_init(&stream, own_end, NULL, NULL);
        stream_expect_serving(&stream, &server, "only", "to the right one");
        stream_close(&stream);
        close(end);
    }
}

/* Reads until it has this, however it comes. */
static void read_until(int fd, const char *text)
{
    char bytes[4096];
    size_t len = 0;
    do {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no \"%s\": %.*s", text, (int)len, bytes);
        ssize_t got = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0);
        REQUIRE(got > 0, "it ends before \"%s\": %.*s", text, (int)len, bytes);
        len += (size_t)got;
        bytes[len] = '\0';
    } while (!strstr(bytes, text));
}

/* Nor does whoever closes it sleep until its client has everything (SO_LINGER). */
static void case_that_lingers(void)
{
    struct linger linger = {1, 30};
    socklen_t len = sizeof(linger);
    int fd, end = lone(&fd);
    static const char text[] = "channel: a\ndata: x\n\n";
    EXPECT_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, len), 0);
    send_descriptors(host.feed, text, sizeof(text) - 1, &fd, 1);
    expect_answer("error: a descriptor came that no hand-over took");
    EXPECT_INT(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
    EXPECT_INT(linger.l_onoff, 0);
    close(fd);
    close(end);
}

/* The program keeps its own descriptor, and hands it over again when the stream has ended. */
static void case_a_copy_is_kept(void)
{
    int fd, end = lone(&fd);
    for (unsigned i = 0; i < 5; i++) {
        char text[64];
        snprintf(text, sizeof(text), "adopt: kept\nlimit: 1\nfirst: f%u\nack: 1\n\n", i);
        send_descriptors(host.feed, text, strlen(text), &fd, 1);
        expect_answer("ack: 1\nsubscriber: ");
        snprintf(text, sizeof(text), "data: f%u\n", i);
        read_until(end, text);
        feed_say("channel: kept\ndata: x\n\n", NULL, 0);
        read_until(end, "\r\n0\r\n\r\n");
        server_await(&server, "subscribers", false, 0);
    }
    close(fd);
    close(end);
}

static void case_no_connection(void)
{
    int pipes[2], fd;
    feed_say("adopt: a\nack: 1\n\n", NULL, 0);
    expect_answer("error: no descriptor came");
    REQUIRE(pipe2(pipes, O_CLOEXEC) == 0, "pipe");
    feed_say("adopt: a\nack: 2\n\n", &pipes[1], 1);
    expect_answer("error: the descriptor is no socket");
    expect_closed(pipes[0]);
    close(pipes[0]);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    feed_say("adopt: a\nack: 3\n\n", &fd, 1);
    expect_answer("error: the socket is not connected");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    feed_say("adopt: a\nack: 4\n\n", &fd, 1);
    expect_answer("error: the socket is no stream socket");
}

static void case_too_many(void)
{
    int fds[65], ends[65];
    for (unsigned i = 0; i < 65; i++)
        ends[i] = lone(&fds[i]);
    feed_say("adopt: many\n", fds, 65);
    expect_answer("error: descriptors came that there is no room for");
    for (unsigned i = 0; i < 65; i++) {
        expect_closed(ends[i]);
        close(ends[i]);
        ends[i] = lone(&fds[i]);
    }
    feed_say("adopt: many\n", fds, 40);
    feed_say("adopt: more\n", fds + 40, 25);
    expect_answer("error: descriptors came that there is no room for");
    for (unsigned i = 40; i < 65; i++)
        expect_closed(ends[i]);
    feed_say("ack: 1\n\n", NULL, 0);
    expect_answer("ack: 1\nsubscriber: ");
    expect_answer("error: a descriptor came that no hand-over took");
    for (unsigned i = 1; i < 40; i++)
        expect_closed(ends[i]);
    for (unsigned i = 0; i < 65; i++)
        close(ends[i]);
}

/* The feed itself ends, or closes, while one waits for the end of its block. */
static void case_the_feed_ends(void)
{
    static const char *const texts[] = {"adopt: cut\n", "adopt: cut inside its line",
                                        "adopt: cut\nfirst: inside this line", "adopt: closed\n"};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int fd, end = lone(&fd), feed = connect_unix(server.feed);
        bool half = !strstr(texts[i], "closed");
        char answer[1024];
        send_descriptors(feed, texts[i], strlen(texts[i]), &fd, 1);
        close(fd);
        if (half) {
            (void)shutdown(feed, SHUT_WR);
            REQUIRE(receive_answer(feed, answer, sizeof(answer)) && strstr(answer, "blank line"),
                    "%s", answer);
            while (receive_answer(feed, answer, sizeof(answer)))
                ;
        } else {
            close(feed);
        }
        struct stream stream;
        stream_init(&stream, end, NULL, NULL);
        stream_await_head(&stream);
        EXPECT_INT(stream.status, 400);
        expect_closed(end);
        stream_close(&stream);
        if (half)
            close(feed);
    }
}

/* Who has sent its own end is not held open by that. */
static void case_itself(void)
{
    struct server other;
    char answer[1024];
    server_start(&other, SERVER_OPTIONS("--feed-adopt", "--body-timeout", "0.1"));
    int feed = connect_unix(other.feed);
    send_descriptors(feed, "adopt: a\nack: 1\n\n", 17, &feed, 1);
    REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
    EXPECT_TEXT(answer, "error: the descriptor is a connection to this server\nack: 1\n\n");
    close(feed);
    server_await(&other, "feeds_open", false, 0);
    /* In front of its block, which does not come. */
    feed = connect_unix(other.feed);
    send_descriptors(feed, "adopt: ", 7, &feed, 1);
    REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
    EXPECT_TEXT(answer, "error: a descriptor waited too long for the end of its block, and was "
                        "closed\n\n");
    close(feed);
    server_await(&other, "feeds_open", false, 0);
    server_stop(&other);
}

/* The same over TCP, to an address that is bound and to one that any stands for. */
static void case_itself_over_tcp(void)
{
    static const char *const places[] = {"http://127.0.0.1:", "http://0.0.0.0:"};
    struct server other;
    char answer[1024];
    server_start(&other, SERVER_OPTIONS("--feed-adopt", "--publish-open", "--listen", "0.0.0.0:0"));
    server_read_io_line(&other, answer);
    for (unsigned i = 0; i < 2; i++) {
        const char *place = strstr(other.said, places[i]);
        REQUIRE(place, "no %s: %s", places[i], other.said);
        const struct server at = {.port = (uint16_t)atoi(place + strlen(places[i]))};
        int feed = connect_unix(other.feed), fd = connect_tcp(&at, 0);
        send_descriptors(feed, "adopt: a\nack: 1\n\n", 17, &fd, 1);
        close(fd);
        REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
        EXPECT_TEXT(answer, "error: the descriptor is a connection to this server\nack: 1\n\n");
        close(feed);
    }
    server_stop(&other);
}

static void case_off(void)
{
    struct server other;
    int fd, end = lone(&fd);
    char answer[1024];
    server_start(&other, SERVER_OPTIONS());
    int feed = connect_unix(other.feed);
    send_descriptors(feed, "adopt: a\nack: 1\n\n", 17, &fd, 1);
    close(fd);
    REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
    EXPECT_TEXT(answer,
                "error: connections are not taken over here, feed-adopt is off\nack: 1\n\n");
    expect_closed(end);
    close(end);
    /* What is refused is read all the same: longer than any, and cut in the middle of a line. */
    static char large[200000];
    memset(large, 'x', sizeof(large));
    memcpy(large, "adopt: a\nfirst: ", 16);
    memcpy(large + sizeof(large) - 2, "\n\n", 2);
    send_descriptors(feed, large, sizeof(large), NULL, 0);
    send_descriptors(feed, "adopt: cut inside its line", 26, NULL, 0);
    (void)shutdown(feed, SHUT_WR);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
        EXPECT_TEXT(answer, "error: connections are not taken over here, feed-adopt is off\n\n");
    }
    close(feed);
    server_stop(&other);
}

static unsigned descriptors(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)server.pid);
    return check_entries(path);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--feed-adopt"));
    host_open(&host, &server);
    server_await(&server, "feeds_open", true, 1);
    unsigned before = descriptors();
    check_case("many_in_one_message", case_many_in_one_message);
    check_case("in_pieces", case_in_pieces);
    check_case("with_something_else", case_with_something_else);
    server_await(&server, "subscribers", false, 0);
    check_case("that_lingers", case_that_lingers);
    check_case("a_copy_is_kept", case_a_copy_is_kept);
    check_case("no_connection", case_no_connection);
    check_case("too_many", case_too_many);
    check_case("the_feed_ends", case_the_feed_ends);
    check_case("itself", case_itself);
    check_case("itself_over_tcp", case_itself_over_tcp);
    check_case("off", case_off);
    server_await(&server, "subscribers", false, 0);
    server_await(&server, "feeds_open", false, 1);
    unsigned after = descriptors();
    EXPECT(after <= before + 1, "%u descriptors, %u before", after, before);
    host_close(&host);
    server_stop(&server);
    return check_end();
}
