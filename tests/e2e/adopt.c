/* SPDX-License-Identifier: MIT */
/*
 * Connections of another program's (this one) that the server takes over: what their clients see
 * then, and what becomes of descriptors that nobody should have sent.
 *
 * The host is a TCP listener of the test's own: it reads the request, and hands the socket over,
 * with the same words by each door.
 */
#include <arpa/inet.h>
#include <dirent.h>
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
static struct client publisher;

/* A client of the host's, whose connection the host has. */
static int visit(struct stream *stream)
{
    return host_visit(&host, stream, "GET /news HTTP/1.1\r\nHost: h\r\n\r\n");
}

/* Hands it over, with these lines; the answer. */
static const char *give(struct stream *stream, const char *lines)
{
    static char answer[1024];
    int fd = visit(stream);
    host_give(&host, lines, fd, answer, sizeof(answer));
    close(fd);
    return answer;
}

static void expect_taken(const char *answer)
{
    const char *id = strstr(answer, "subscriber");
    REQUIRE(id && !strstr(answer, "error"), "taken over: %s", answer);
    EXPECT(strspn(id + strcspn(id, "0123456789abcdef:") + 1, " :\"") < 8, "an id: %s", answer);
}

static void expect_refused(const char *answer, const char *words)
{
    REQUIRE(strstr(answer, "error") && strstr(answer, words), "refused for \"%s\": %s", words,
            answer);
}

/* Nobody has its other end any more. */
static void expect_closed(int fd)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN | POLLRDHUP};
        char bytes[4096];
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "it is still open");
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN) || (ready.revents & (POLLHUP | POLLERR)))
            return;
    }
}

static void case_live(void)
{
    struct stream stream;
    char id[160];
    expect_taken(give(&stream, "adopt: news\nadopt: other\nheader: X-Mine: 1\n"));
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 200);
    EXPECT_TEXT(stream_field(&stream, "X-Mine"), "1");
    EXPECT_TEXT(stream_field(&stream, "Content-Type"), "text/event-stream");
    publish(&publisher, "news", "one", id);
    publish(&publisher, "other", "two", id);
    stream_expect(&stream, "message", "one", NULL);
    stream_expect(&stream, "message", "two", NULL);
    stream_close(&stream);
}

static void case_replay(void)
{
    struct stream stream;
    char ids[3][160], lines[400];
    for (unsigned i = 0; i < 3; i++)
        publish(&publisher, "replay", (char[]){(char)('a' + i), 0}, ids[i]);
    snprintf(lines, sizeof(lines), "adopt: replay\nlast-event-id: %s\n", ids[0]);
    expect_taken(give(&stream, lines));
    stream_expect(&stream, "message", "b", NULL);
    stream_expect(&stream, "message", "c", NULL);
    EXPECT_TEXT(stream_field(&stream, "Fanfare-Resume"), "complete");
    stream_close(&stream);

    expect_taken(give(&stream, "adopt: replay\nlast-event-id: of another server\n"));
    stream_expect(&stream, "fanfare-gap", NULL, NULL);
    EXPECT_TEXT(stream_field(&stream, "Fanfare-Resume"), "gap");
    stream_close(&stream);

    expect_taken(give(&stream, "adopt: replay\nlast: 2\nlimit: 2\n"));
    stream_expect(&stream, "message", "b", NULL);
    stream_expect(&stream, "message", "c", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);

    expect_taken(give(&stream, "adopt: replay\nlast-event-id: earliest\nfirst: {\nfirst: }\n"));
    stream_expect(&stream, "message", "{\n}", NULL);
    stream_expect(&stream, "message", "a", NULL);
    stream_close(&stream);
}

static void case_lifetime(void)
{
    struct stream stream;
    expect_taken(give(&stream, "adopt: idle\nlifetime: 1\n"));
    stream_expect_end(&stream);
    stream_close(&stream);
}

static void case_plain(void)
{
    struct stream stream;
    char id[160];
    expect_taken(give(&stream, "adopt: plain\nhttp: 1.0\nlimit: 1\n"));
    stream_await_head(&stream);
    EXPECT(!stream.chunked, "no chunks for HTTP/1.0");
    publish(&publisher, "plain", "text", id);
    stream_expect(&stream, "message", "text", NULL);
    stream_close(&stream);
}

/* The program answers a POST, writes the head and the first event with the id that it was given for
 * it, and goes away: what follows comes in the same framing, from right behind that event. */
static void case_head_sent(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    struct stream stream;
    char ids[3][160], chunk[512], event[300], lines[400], answer[1024];
    for (unsigned i = 0; i < 3; i++)
        publish(&publisher, "work/1", (char[]){(char)('1' + i), 0}, ids[i]);
    int fd =
        host_visit(&host, &stream, "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}");
    snprintf(event, sizeof(event), "data: 1\nid: %s\n\n", ids[0]);
    snprintf(chunk, sizeof(chunk), "%s%zx\r\n%s\r\n", head, strlen(event), event);
    REQUIRE(send(fd, chunk, strlen(chunk), 0) == (ssize_t)strlen(chunk), "the first event");
    snprintf(lines, sizeof(lines), "adopt: work/1\nlast-event-id: %s\nhead: sent\n", ids[0]);
    host_give(&host, lines, fd, answer, sizeof(answer));
    close(fd);
    expect_taken(answer);
    stream_expect(&stream, "message", "1", NULL);
    stream_expect(&stream, "message", "2", NULL);
    stream_expect(&stream, "message", "3", NULL);
    EXPECT_INT(stream.status, 200);
    stream_expect_serving(&stream, &server, "work/1", "4");
    stream_close(&stream);
}

static void case_presence(void)
{
    struct stream watcher, stream;
    stream_open(&watcher, &server, "/events?channel=%40presence%2Froom", NULL);
    stream_await_head(&watcher);
    expect_taken(give(&stream, "adopt: room\n"));
    stream_expect(&watcher, "join", NULL, NULL);
    stream_close(&stream);
    stream_expect(&watcher, "leave", NULL, NULL);
    stream_close(&watcher);
}

static void case_caps(void)
{
    struct stream first, second;
    expect_taken(give(&first, "adopt: few\nadopt: few\n"));
    stream_await_head(&first);
    expect_refused(give(&second, "adopt: few\nheader: Access-Control-Allow-Origin: *\n"),
                   "as many subscribers");
    stream_await_head(&second);
    EXPECT_INT(second.status, 200);
    EXPECT_TEXT(stream_field(&second, "Fanfare-Refused"), "full");
    EXPECT_TEXT(stream_field(&second, "Access-Control-Allow-Origin"), "*");
    stream_expect_end(&second);
    EXPECT(second.retry > 0, "it is told when to come back");
    stream_close(&second);
    stream_close(&first);
}

static void case_faults(void)
{
    static const struct {
        const char *lines, *said;
    } rows[] = {
        {"adopt:\n", "channel 1 of the stream: "},
        {"adopt: a\xff\n", "channel 1 of the stream"},
        {"adopt: a\nheader: Content-Length: 0\n", "\"Content-Length: 0\" is one that the server"},
        {"adopt: a\nheader: nothing\n", "\"nothing\" is not"},
        {"adopt: a\nlimit: 0\n", "limit is not a number"},
        {"adopt: a\nlast: -1\n", "last is not a number"},
        {"adopt: a\nlifetime: soon\n", "lifetime is not a number"},
        {"adopt: a\nhttp: 2\n", "http is neither"},
        {"adopt: a\nhead: maybe\n", "head is neither"},
        {"adopt: a\nlast: 1\nlast: 1\n", "last is given twice"},
        {"adopt: a\nfirst: \xff\n", "UTF-8"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream;
        expect_refused(give(&stream, rows[i].lines), rows[i].said);
        stream_await_head(&stream);
        EXPECT_INT(stream.status, 400);
        expect_closed(stream.fd);
        stream_close(&stream);
        /* Nothing is added to what the program has begun. */
        char lines[400], byte;
        if (strstr(rows[i].lines, "head"))
            continue;
        snprintf(lines, sizeof(lines), "head: sent\n%s", rows[i].lines);
        expect_refused(give(&stream, lines), rows[i].said);
        expect_closed(stream.fd);
        EXPECT(recv(stream.fd, &byte, 1, 0) == 0, "nothing was written");
        stream_close(&stream);
    }
}

/* --- descriptors that nobody should have sent ---------------------------------------------- */

/* A connection whose other end sees when nobody has it any more. */
static int lone(int *ret_fd)
{
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    *ret_fd = pair[1];
    return pair[0];
}

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
    expect_answer("error: more descriptors came than may wait");
    for (unsigned i = 0; i < 65; i++) {
        expect_closed(ends[i]);
        close(ends[i]);
        ends[i] = lone(&fds[i]);
    }
    feed_say("adopt: many\n", fds, 40);
    feed_say("adopt: more\n", fds + 40, 25);
    expect_answer("error: more descriptors came than may wait");
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
    for (unsigned i = 0; i < 2; i++) {
        int fd, end = lone(&fd), feed = connect_unix(server.feed);
        char answer[1024];
        send_descriptors(feed, "adopt: cut\n", 11, &fd, 1);
        close(fd);
        if (i == 0) {
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
        if (i == 0)
            close(feed);
    }
}

static void case_off(void)
{
    struct server other;
    int fd, end = lone(&fd);
    char answer[1024];
    server_start(&other, SERVER_OPTIONS());
    int feed = connect_unix(other.feed);
    send_descriptors(feed, "adopt: a\nack: 1\n\n", 18, &fd, 1);
    close(fd);
    REQUIRE(receive_answer(feed, answer, sizeof(answer)), "it has ended");
    EXPECT_TEXT(answer,
                "error: connections are not taken over here, feed-adopt is off\nack: 1\n\n");
    expect_closed(end);
    close(end);
    close(feed);
    server_stop(&other);
}

/* --- the end ------------------------------------------------------------------------------- */

static unsigned descriptors(void)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)server.pid);
    DIR *directory = opendir(path);
    REQUIRE(directory, "%s", path);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void case_drain(void)
{
    struct stream stream;
    int fd, end = lone(&fd);
    char id[160];
    expect_taken(give(&stream, "adopt: news\n"));
    stream_await_head(&stream);
    publish(&publisher, "news", "last", id);
    send_descriptors(host.feed, "adopt: cut", 10, &fd, 1);
    close(fd);
    server_terminate(&server);
    stream_expect(&stream, "message", "last", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    expect_closed(end);
    close(end);
    EXPECT_INT(server_wait(&server), 0);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--feed-adopt", "--channel", "room presence", "--channel",
                                         "few subscribers-max=1"));
    host_open(&host, &server);
    client_open(&publisher, &server);
    unsigned before = descriptors();
    check_case("live", case_live);
    check_case("replay", case_replay);
    check_case("lifetime", case_lifetime);
    check_case("plain", case_plain);
    check_case("head_sent", case_head_sent);
    check_case("presence", case_presence);
    check_case("caps", case_caps);
    check_case("faults", case_faults);
    check_case("many_in_one_message", case_many_in_one_message);
    check_case("in_pieces", case_in_pieces);
    check_case("with_something_else", case_with_something_else);
    check_case("no_connection", case_no_connection);
    check_case("too_many", case_too_many);
    check_case("the_feed_ends", case_the_feed_ends);
    check_case("off", case_off);
    server_await(&server, "subscribers", false, 0);
    server_await(&server, "feeds_open", false, 1);
    EXPECT(descriptors() <= before + 4, "%u descriptors, %u before", descriptors(), before);
    check_case("drain", case_drain);
    host_close(&host);
    client_close(&publisher);
    return check_end();
}
