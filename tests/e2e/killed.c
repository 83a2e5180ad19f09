/* SPDX-License-Identifier: MIT */
/*
 * Other processes die or stand still: publishers are killed (SIGKILL) in mid-event on the feed and
 * in mid-body over HTTP, our own `fanfare pub` among them; a subscriber is stopped (SIGSTOP) among
 * 1,000 that read. Nothing half-written is published, requests are published whole or not at all,
 * everybody else has everything, and the one that was stopped has it too when it goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define PAD_BYTES    300
#define BATCH_EVENTS 40u

static struct server server;

/* --- publishers that are killed ------------------------------------------------------------- */

/* "ROUND NUMBER" and as many bytes as always, so that a cut event shows. */
static int event_text(char *text, size_t size, const char *channel, unsigned round, unsigned number)
{
    char pad[PAD_BYTES + 1];
    int len = snprintf(pad, sizeof(pad), "%u %u ", round, number);

    memset(pad + len, 'k', (size_t)(PAD_BYTES - len));
    pad[PAD_BYTES] = '\0';
    return snprintf(text, size, "%s%s%sdata: %s\n\n", channel ? "channel: " : "",
                    channel ? channel : "", channel ? "\n" : "", pad);
}

/* In pieces of 1 to 701 bytes, so that any moment is likely to be in the middle of an event. */
static void send_in_pieces(struct client *client, const char *bytes, size_t len, unsigned *seed)
{
    while (len > 0) {
        size_t part = 1 + (size_t)(rand_r(seed) % 701);
        part = part < len ? part : len;
        if (!client_send(client, bytes, part))
            _exit(1);
        bytes += part;
        len -= part;
    }
}

static _Noreturn void flood_feed(unsigned round)
{
    struct client feed;
    char text[PAD_BYTES + 100];
    unsigned seed = round;

    client_open_feed(&feed, &server);
    for (unsigned number = 0;; number++) {
        int len = event_text(text, sizeof(text), "kill", round, number);
        send_in_pieces(&feed, text, (size_t)len, &seed);
    }
}

/* Request by request, BATCH_EVENTS events in each. */
static _Noreturn void flood_http(unsigned round)
{
    static char body[BATCH_EVENTS * (PAD_BYTES + 100)];
    struct client client;
    struct answer answer;
    unsigned seed = round;
    char head[200];

    client_open(&client, &server);
    for (unsigned number = 0;;) {
        size_t len = 0;
        for (unsigned i = 0; i < BATCH_EVENTS; i++)
            len += (size_t)event_text(body + len, sizeof(body) - len, NULL, round, number++);
        int head_len = snprintf(head, sizeof(head),
                                "POST /publish/kill HTTP/1.1\r\nHost: t\r\nContent-Type: "
                                "text/event-stream\r\nContent-Length: %zu\r\n\r\n",
                                len);
        send_in_pieces(&client, head, (size_t)head_len, &seed);
        send_in_pieces(&client, body, len, &seed);
        if (!client_answer(&client, false, &answer) || answer.status != 200)
            _exit(1);
        answer_free(&answer);
    }
}

static pid_t fork_child(void)
{
    pid_t parent = getpid();

    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static void kill_child(pid_t pid)
{
    int status = 0;

    kill(pid, SIGKILL);
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    EXPECT(WIFSIGNALED(status), "it ended before it was killed: 0x%x", (unsigned)status);
}

/* Reads until the round's publisher has come so far; what an earlier round left may come first. */
static void read_events(struct stream *stream, unsigned *next, unsigned rounds, unsigned round,
                        unsigned until)
{
    struct stream_event event;

    while (next[round] < until) {
        unsigned seen_round, number;
        REQUIRE(stream_next(stream, &event), "closed");
        if (strcmp(event.data, "end") == 0) {
            event_free(&event);
            return;
        }
        REQUIRE(sscanf(event.data, "%u %u", &seen_round, &number) == 2 && seen_round < rounds,
                "an event \"%.60s\"", event.data);
        EXPECT(number == next[seen_round] && event.data_len == PAD_BYTES,
               "round %u: seen event %u of %zu bytes, wanted %u", seen_round, number,
               event.data_len, next[seen_round]);
        next[seen_round]++;
        event_free(&event);
    }
}

static void run_killed(const char *what, void (*flood)(unsigned round), unsigned whole)
{
    enum { ROUNDS = 40 };
    unsigned rounds = CHECK_SANITIZED ? 10 : ROUNDS, next[ROUNDS] = {0}, total = 0;
    struct stream stream;
    struct client client;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", "64M"));
    stream_open(&stream, &server, "/events/kill", NULL);
    stream_await_id(&stream);
    for (unsigned round = 0; round < rounds; round++) {
        pid_t pid = fork_child();
        if (pid == 0)
            flood(round);
        read_events(&stream, next, rounds, round, 1 + 7 * round % 150);
        kill_child(pid);
    }
    /* What the dead had sent is read to its end before the last event is published. */
    server_await(&server, "feeds_open", false, 0);
    server_await(&server, "connections_open", false, 1);
    client_open(&client, &server);
    publish(&client, "kill", "end", NULL);
    read_events(&stream, next, rounds, 0, UINT32_MAX);
    for (unsigned round = 0; round < rounds; round++) {
        EXPECT(next[round] % whole == 0, "round %u: %u events, requests have %u", round,
               next[round], whole);
        total += next[round];
    }
    EXPECT_INT(server_stat(&server, "published"), total + 1);
    printf("   %s: %u publishers killed, %u events of theirs delivered, %lld cut "
           "events refused\n",
           what, rounds, total, server_stat(&server, "feed_events_refused"));
    client_close(&client);
    stream_close(&stream);
    server_stop(&server);
}

static void case_feed(void)
{
    run_killed("feed", flood_feed, 1);
}

static void case_body(void)
{
    run_killed("body", flood_http, BATCH_EVENTS);
}

/* Our own program, with a line of ours always on its way. */
static void run_program(bool by_http)
{
    enum { ROUNDS = 10 };
    unsigned next[ROUNDS] = {0}, total = 0;
    struct stream stream;
    struct client client;
    char url[64];

    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    stream_open(&stream, &server, "/events/kill", NULL);
    stream_await_id(&stream);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *const arguments[] = {"pub", by_http ? "--url" : "--feed",
                                         by_http ? url : server.feed, "kill", NULL};
        int in[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        REQUIRE(pipe2(in, O_CLOEXEC) == 0 && null >= 0, "pipe: %s", strerror(errno));
        pid_t pid =
            program_start_as(&(struct launch){.in = in[0], .out = null, .err = null}, arguments);
        close(in[0]);
        close(null);
        pid_t writer = fork_child();
        if (writer == 0) {
            char line[PAD_BYTES + 100];
            for (unsigned number = 0;; number++) {
                int len = event_text(line, sizeof(line), NULL, round, number);
                /* Without "data: ", and one LF is enough. */
                if (write(in[1], line + 6, (size_t)len - 7) < 0)
                    _exit(0);
            }
        }
        close(in[1]);
        read_events(&stream, next, ROUNDS, round, 1 + 20 * round);
        kill_child(pid);
        int status;
        REQUIRE(waitpid(writer, &status, 0) == writer, "waitpid: %s", strerror(errno));
    }
    server_await(&server, "feeds_open", false, 0);
    server_await(&server, "connections_open", false, 1);
    client_open(&client, &server);
    publish(&client, "kill", "end", NULL);
    read_events(&stream, next, ROUNDS, 0, UINT32_MAX);
    for (unsigned round = 0; round < ROUNDS; round++)
        total += next[round];
    EXPECT_INT(server_stat(&server, "published"), total + 1);
    printf("   fanfare pub by %s: %u killed, %u events delivered\n", by_http ? "HTTP" : "feed",
           (unsigned)ROUNDS, total);
    client_close(&client);
    stream_close(&stream);
    server_stop(&server);
}

static void case_program(void)
{
    run_program(false);
    run_program(true);
}

/* --- a subscriber that stands still --------------------------------------------------------- */

/* 320 x 16 KiB are 5.2 MB, more than the buffers of a socket that nobody reads hold. */
#define EVENTS      320u
#define EVENT_BYTES 16384u

/* `fanfare sub` prints one line an event; every one of them, in order. */
static void expect_lines(int fd)
{
    static char line[EVENT_BYTES + 200];
    unsigned number = 0, seen;
    size_t len = 0;

    while (number < EVENTS) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "the one that was stopped has only %u events",
                number);
        ssize_t got = read(fd, line + len, sizeof(line) - 1 - len);
        REQUIRE(got > 0, "it ended after %u events", number);
        len += (size_t)got;
        line[len] = '\0';
        for (char *end; (end = memchr(line, '\n', len)); number++) {
            REQUIRE(sscanf(line, "0 %u", &seen) == 1 && seen == number,
                    "it printed \"%.40s\", wanted %u", line, number);
            len -= (size_t)(end + 1 - line);
            memmove(line, end + 1, len + 1);
        }
    }
}

static void case_stopped(void)
{
    unsigned readers = check_scaled(1000);
    struct crowd crowd;
    struct tally tally;
    struct pace pace = {
        .server = &server, .channel = "stop", .events = EVENTS, .bytes = EVENT_BYTES};
    char url[64];
    int out, status = 0;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--slow-after", "0.3", "--history-bytes", "64M"));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    const char *const arguments[] = {"sub", "--url", url, "--raw", "stop", NULL};
    pid_t pid = program_start(arguments, &out);
    server_await(&server, "subscribers", true, 1);
    REQUIRE(kill(pid, SIGSTOP) == 0, "SIGSTOP: %s", strerror(errno));
    REQUIRE(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "it does not stop");
    tally_init(&tally, readers, 1, EVENTS);
    crowd_open(&crowd, &server, readers, "/events/stop", tally_event, &tally);
    int64_t start = check_now_ms();
    pace_start(&pace);
    crowd_complete(&crowd, "readers");
    pace_join(&pace);
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)readers * EVENTS);
    server_await(&server, "became_slow", true, 1);
    printf("   %llu deliveries to %u readers in %lld ms beside one that is stopped; ",
           (unsigned long long)tally.deliveries, readers, (long long)(check_now_ms() - start));
    REQUIRE(kill(pid, SIGCONT) == 0, "SIGCONT: %s", strerror(errno));
    expect_lines(out);
    printf("it has all %u when it goes on\n", EVENTS);
    EXPECT_INT(server_stat(&server, "closed_slow"), 0);
    kill(pid, SIGTERM);
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    close(out);
    crowd_close(&crowd);
    tally_free(&tally);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("feed", case_feed);
    check_case("body", case_body);
    check_case("program", case_program);
    check_case("stopped", case_stopped);
    return check_end();
}
