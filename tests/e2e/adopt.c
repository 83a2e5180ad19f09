/* SPDX-License-Identifier: MIT */
/*
 * Connections of another program's (this one) that the server takes over: what their clients see
 * then.
 *
 * The host is a TCP listener of the test's own: it reads the request, and hands the socket over,
 * with the same words by each door.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
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
        {"adopt: a\nheader: Content-Length: 0\n", "is one that the server says"},
        {"adopt: a\nheader: nothing\n", "is not `Name: value`"},
        {"adopt: a\nlimit: 0\n", "limit is not a number"},
        {"adopt: a\nlast: -1\n", "last is not a number"},
        {"adopt: a\nlifetime: soon\n", "lifetime is not a number"},
        {"adopt: a\ntag: 18446744073709551616\n", "tag is not a number"},
        {"adopt: a\nlimit: 4294967296\n", "limit is not a number"},
        {"adopt: a\nhttp: 2\n", "http is neither"},
        {"adopt: a\nhead: maybe\n", "head is neither"},
        {"adopt: a\nlast: 1\nlast: 1\n", "last is given twice"},
        {"adopt: a\nfirst: \xff\n", "UTF-8"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream;
        if (host.door == DOOR_JSON && strchr(rows[i].lines, '\xff'))
            continue; /* which no JSON text has */
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

/* Closing it would put a worker to sleep, or an acceptor. */
static void case_linger(void)
{
    static const char *const lines[] = {"adopt: news\n", "adopt:\n"};
    for (unsigned i = 0; i < 2; i++) {
        struct stream stream;
        struct linger linger = {1, 30};
        socklen_t len = sizeof(linger);
        char answer[1024];
        int fd = visit(&stream);
        EXPECT_INT(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, len), 0);
        host_give(&host, lines[i], fd, answer, sizeof(answer));
        EXPECT_INT(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
        EXPECT(!linger.l_onoff, "%s", answer);
        close(fd);
        stream_close(&stream);
    }
}

/* --- the hand-off socket -------------------------------------------------------------------- */

static int open_door(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, host.handoff, sizeof(at.sun_path));
    REQUIRE(connect(door, (struct sockaddr *)&at, sizeof(at)) == 0, "%s: %s", host.handoff,
            strerror(errno));
    return door;
}

/* One connection, many messages. */
static void case_messages(void)
{
    static const struct {
        const char *text, *said;
        unsigned count; /* of descriptors */
    } rows[] = {
        {"{\"adopt\": \"a\", \"last\": 1, \"limit\": null}", "{\"subscriber\": \"", 1},
        {"{\"adopt\": \"a\"}", "has not one descriptor", 0},
        {"{\"adopt\": \"a\"}", "has not one descriptor", 2},
        {"{\"adopt\": \"a\"}", "more than one descriptor", 3},
        {"{\"adopt\": []}", "no channel is given", 1},
        {"{\"adopt\": \"a\", \"adopted\": 1}", "neither a string", 1},
        {"{\"adopt\": \"a\", \"adopted\": \"1\"}", "a member that is none of", 1},
        {"{\"adopt\": \"a\\nb\"}", "channel 1 of the stream", 1},
        {"{\"adopt\": \"a\", \"header\": \"X: 1\\r\\nY: 2\"}", "a line end in it", 1},
        {"{\"adopt\": \"a\"", "{\"error\": \"", 1},
        {"{}", "no channel is given", 1},
        {"channel: a\ndata: b\n", "it has no adopt", 1},
        {"adopt: a\n\nadopt: b\n", "goes on behind", 1},
        {"adopt: a", "{\"subscriber\": \"", 1},
    };
    int door = open_door();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fds[3], ends[3];
        char answer[1024] = "";
        for (unsigned j = 0; j < rows[i].count; j++)
            ends[j] = lone(&fds[j]);
        send_descriptors(door, rows[i].text, strlen(rows[i].text), fds, rows[i].count);
        for (unsigned j = 0; j < rows[i].count; j++)
            close(fds[j]);
        REQUIRE(receive_answer(door, answer, sizeof(answer)) && strstr(answer, rows[i].said),
                "%s: %s", rows[i].text, answer);
        for (unsigned j = 0; j < rows[i].count; j++) {
            if (strstr(answer, "error"))
                expect_closed(ends[j]);
            close(ends[j]);
        }
    }
    /* Longer than any. */
    static char large[70000];
    char answer[1024] = "";
    int fd, end = lone(&fd);
    memset(large, ' ', sizeof(large));
    large[0] = '{';
    send_descriptors(door, large, sizeof(large), &fd, 1);
    close(fd);
    REQUIRE(receive_answer(door, answer, sizeof(answer)) && strstr(answer, "longer than 65536"),
            "%s", answer);
    expect_closed(end);
    close(end);
    close(door);
}

/* As mod_socket_handoff does: one message, and away. */
static void case_closed_at_once(void)
{
    static const char text[] = "{\"adopt\":[\"news\"],\"last-event-id\":null}";
    struct stream stream;
    int fd = visit(&stream), door = open_door();
    send_descriptors(door, text, strlen(text), &fd, 1);
    close(door);
    close(fd);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 200);
    stream_expect_serving(&stream, &server, "news", "taken over");
    stream_close(&stream);
    /* And without a word. */
    fd = visit(&stream);
    door = open_door();
    send_descriptors(door, "", 0, &fd, 1);
    close(door);
    close(fd);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 400);
    stream_close(&stream);
}

/* Who never reads is closed, and what it has sent is taken or closed. */
static void case_unread_answers(void)
{
    static const char text[] = "{\"adopt\":\"unread\"}";
    int door = open_door(), fd, end = lone(&fd);
    for (unsigned i = 0; i < 100000; i++) {
        struct iovec vector = {(char *)text, sizeof(text) - 1};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        if (sendmsg(door, &message, MSG_NOSIGNAL) < 0)
            break;
        REQUIRE(i < 99999, "it is still read from");
    }
    close(door);
    close(fd);
    close(end);
}

/* Who fills all places that such connections may have locks no publisher out. */
static void case_crowd(void)
{
    enum { MAX = 2, CROWD = MAX + 64 + 64 + 8 };
    struct server other;
    struct client feed;
    struct receipt receipt;
    int doors[CROWD];
    char path[sizeof(host.handoff)], own[sizeof(host.handoff)], answer[256];
    memcpy(own, host.handoff, sizeof(own));
    snprintf(path, sizeof(path), "/tmp/fanfare-crowd-%d.sock", (int)getpid());
    server_start(&other, SERVER_OPTIONS("--connections-max", "2", "--handoff", path));
    memcpy(host.handoff, path, sizeof(path));
    for (unsigned i = 0; i < CROWD; i++)
        doors[i] = open_door();
    REQUIRE(receive_answer(doors[CROWD - 1], answer, sizeof(answer)), "no answer");
    EXPECT(strstr(answer, "error"), "%s", answer);
    client_open_feed(&feed, &other);
    client_say(&feed, "channel: x\nack: 1\ndata: by feed\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "a feed was locked out");
    EXPECT_TEXT(receipt.ack, "1");
    client_close(&feed);
    for (unsigned i = 0; i < CROWD; i++)
        close(doors[i]);
    memcpy(host.handoff, own, sizeof(own));
    server_stop(&other);
}

/* --- the end ------------------------------------------------------------------------------- */

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

/* Whoever was taken over, and who was refused, with the address of its socket. */
static void expect_logged(const char *path)
{
    static const char *const wanted[] = {"channel=news channel=other", "channel=room reason=gone",
                                         "status=400 reason=handover", "status=200 reason=full"};
    static char text[1 << 20];
    FILE *file = fopen(path, "re");
    REQUIRE(file, "%s: %s", path, strerror(errno));
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        EXPECT(strstr(text, wanted[i]), "%s is not there: %s", wanted[i], text);
    EXPECT(strstr(text, "127.0.0.1"), "whose it is");
}

/* What the server does is the same by each door. */
static void by_each_door(void)
{
    static const char *const names[] = {
        [DOOR_FEED] = "the feed", [DOOR_GRAMMAR] = "lines", [DOOR_JSON] = "JSON"};
    for (host.door = DOOR_FEED; host.door <= DOOR_JSON; host.door++) {
        check_note(names[host.door]);
        check_case("live", case_live);
        check_case("replay", case_replay);
        check_case("plain", case_plain);
        check_case("head_sent", case_head_sent);
        check_case("presence", case_presence);
        check_case("caps", case_caps);
        check_case("faults", case_faults);
    }
    check_note(NULL);
    host.door = DOOR_FEED;
}

int main(int argc, char **argv)
{
    char socket_path[108], log_path[108];
    check_begin(argc, argv);
    snprintf(socket_path, sizeof(socket_path), "/tmp/fanfare-handoff-%d.sock", (int)getpid());
    snprintf(log_path, sizeof(log_path), "/tmp/fanfare-handoff-%d.log", (int)getpid());
    server_start(&server, SERVER_OPTIONS("--access-log", log_path, "--feed-adopt", "--handoff",
                                         socket_path, "--handoff-mode", "0600", "--channel",
                                         "room presence", "--channel", "few subscribers-max=1"));
    host_open(&host, &server);
    memcpy(host.handoff, socket_path, sizeof(host.handoff));
    client_open(&publisher, &server);
    by_each_door();
    check_case("lifetime", case_lifetime);
    check_case("linger", case_linger);
    check_case("messages", case_messages);
    check_case("closed_at_once", case_closed_at_once);
    check_case("unread_answers", case_unread_answers);
    check_case("crowd", case_crowd);
    check_case("drain", case_drain);
    expect_logged(log_path);
    host_close(&host);
    client_close(&publisher);
    return check_end();
}
