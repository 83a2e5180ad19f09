/* SPDX-License-Identifier: MIT */
/*
 * What one request costs the others: bodies of 1 MiB, each the worst of its kind, while somebody
 * else asks for /healthz again and again on the same acceptor. Nobody may be held up for more than
 * 50 ms; what was measured is printed, and ten times as much is asserted, since machines of tests
 * are busy. First each body alone, then all of them from many connections at once, of which an
 * acceptor takes one large body a round.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

#define BODY_BYTES  (1u << 20)
#define CROWD       48u
#define DELAY_MS    (CHECK_SANITIZED ? 5000 : 500)
#define BODY_REPEAT 3u /* how often each is sent alone */

static const struct kind {
    const char *name, *type, *begin, *again, *end;
} kinds[] = {
    {"line ends", "text/plain", "", "\r", ""},
    {"lines", "text/plain", "", "a\n", ""},
    {"JSON line ends", "application/json", "{\"data\":\"", "\\r", "\"}"},
    {"JSON escapes", "application/json", "{\"data\":\"", "\\u00e9", "\"}"},
    {"JSON objects", "application/json", "[", "{\"data\":\"\"},", "{\"data\":\"\"}]"},
    {"JSON spaces", "application/json", "", " ", "{\"data\":\"\"}"},
    {"JSON refused", "application/json", "[", "\"\",", "]"},
    {"form", "application/x-www-form-urlencoded", "data=", "%0D", ""},
    {"form parameters", "application/x-www-form-urlencoded", "data=a", "&a", ""},
    {"event stream", "text/event-stream", "", "data\n", "\n"},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A whole request of each kind, made beforehand: senders share the machine with who measures. */
static struct request {
    char *text;
    size_t len;
} requests[KINDS];

struct heavy {
    pthread_t thread;
    int fd;
    unsigned kind;
};

static struct server server;
static _Atomic unsigned running;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static struct request make_request(const struct kind *kind)
{
    char *text = malloc(BODY_BYTES + 512);
    REQUIRE(text, "out of memory");
    size_t again = strlen(kind->again), end = strlen(kind->end);
    size_t at = (size_t)snprintf(text, 512,
                                 "POST /publish/heavy HTTP/1.1\r\nHost: localhost\r\n"
                                 "Content-Type: %s\r\nContent-Length: %8u\r\n\r\n",
                                 kind->type, 0u);
    char *length = strstr(text, "Length: ") + 8;
    size_t begin = at, most = at + BODY_BYTES;
    at += (size_t)snprintf(text + at, 64, "%s", kind->begin);
    for (; at + again + end <= most; at += again)
        memcpy(text + at, kind->again, again);
    memcpy(text + at, kind->end, end);
    at += end;
    snprintf(length, 9, "%8u", (unsigned)(at - begin));
    length[8] = '\r';
    return (struct request){text, at};
}

static void await(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    REQUIRE(poll(&poll_fd, 1, DEADLINE_MS) == 1, "nothing within the deadline");
}

/* Sends it and waits for the beginning of an answer, whatever it says. */
static void *heavy_run(void *argument)
{
    const struct heavy *heavy = argument;
    const struct request *request = &requests[heavy->kind];
    size_t at = 0;
    char answer[4096];
    while (at < request->len) {
        ssize_t sent = send(heavy->fd, request->text + at, request->len - at, MSG_NOSIGNAL);
        if (sent > 0)
            at += (size_t)sent;
        else if (sent < 0 && errno == EAGAIN)
            await(heavy->fd, POLLOUT);
        else
            break; /* refused early */
    }
    await(heavy->fd, POLLIN);
    ssize_t got = recv(heavy->fd, answer, sizeof(answer), 0);
    EXPECT(got > 12 && memcmp(answer, "HTTP/1.1 ", 9) == 0, "%s: no answer",
           kinds[heavy->kind].name);
    running--;
    return NULL;
}

/* The longest that a small request took while these ran. */
static int64_t run(struct heavy *heavies, unsigned count)
{
    struct client client;
    struct answer answer;
    int64_t longest_us = 0;
    client_open(&client, &server);
    running = count;
    for (unsigned i = 0; i < count; i++) {
        heavies[i].fd = connect_tcp(&server, 0);
        REQUIRE(pthread_create(&heavies[i].thread, NULL, heavy_run, &heavies[i]) == 0, "thread");
    }
    while (running) {
        int64_t start_us = now_us();
        client_request(&client, "GET", "/healthz", NULL, NULL, 0, &answer);
        int64_t took_us = now_us() - start_us;
        EXPECT_INT(answer.status, 200);
        answer_free(&answer);
        if (took_us > longest_us)
            longest_us = took_us;
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(heavies[i].thread, NULL);
        close(heavies[i].fd);
    }
    client_close(&client);
    return longest_us;
}

static void say(const char *what, int64_t longest_us)
{
    printf("   %-16s held others up for %lld.%lld ms at most\n", what, (long long)longest_us / 1000,
           (long long)longest_us / 100 % 10);
    EXPECT(longest_us < DELAY_MS * 1000, "%s: %lld us", what, (long long)longest_us);
}

static void case_alone(void)
{
    struct heavy heavy;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1"));
    for (unsigned i = 0; i < KINDS; i++) {
        int64_t longest_us = 0;
        for (unsigned k = 0; k < BODY_REPEAT; k++) {
            heavy.kind = i;
            int64_t took_us = run(&heavy, 1);
            if (took_us > longest_us)
                longest_us = took_us;
        }
        say(kinds[i].name, longest_us);
    }
    server_stop(&server);
}

static void case_crowd(void)
{
    static struct heavy heavies[CROWD];
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1"));
    for (unsigned i = 0; i < CROWD; i++)
        heavies[i].kind = i % KINDS;
    say("all at once", run(heavies, CROWD));
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    for (unsigned i = 0; i < KINDS; i++)
        requests[i] = make_request(&kinds[i]);
    check_case("alone", case_alone);
    check_case("crowd", case_crowd);
    for (unsigned i = 0; i < KINDS; i++)
        free(requests[i].text);
    return check_end();
}
