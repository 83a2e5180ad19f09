/* SPDX-License-Identifier: MIT */
/*
 * Memory gone at every allocation of a request that the program is asked about, in whichever
 * thread: its client has an answer, or at least an end, the program's call says what has become of
 * it, and nothing is left (under the address sanitizer) or waits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/engine.h"
#include "tests/library/gone.h"

enum { MOST = 10000 };

static struct {
    /* Between this thread and the acceptor's, which speak by the socket and the pipe. */
    _Atomic bool later; /* it is kept, and a byte of the pipe says so */
    int (*_Atomic answer)(struct fanfare_request *request);
    struct fanfare_request *_Atomic kept;
    _Atomic int result;
    int told[2];
    int status; /* where nothing is missing */
} hook;

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    if (!hook.later) {
        hook.result = hook.answer(request);
        return 1;
    }
    hook.kept = request;
    EXPECT_INT(write(hook.told[1], "x", 1), 1);
    return 1;
}

static int reply(struct fanfare_request *request)
{
    size_t len = 0;
    const char *body = fanfare_request_text(request, "body", &len);
    (void)fanfare_request_text(request, "query:a", NULL);
    (void)fanfare_request_text(request, "header:host", NULL);
    return fanfare_request_reply(request, 200, "text/plain", body, len, "X-One: 1\r\n");
}

static int accept_stream(struct fanfare_request *request)
{
    static const char *const channels[] = {"a", "b"};
    static const struct fanfare_event first = {
        .size = sizeof(first), .data = "first", .data_len = 5};
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "c",
                                                .channel_len = 1,
                                                .channels = channels,
                                                .channel_count = 2,
                                                .first = &first,
                                                .first_count = 1};
    return fanfare_request_accept(request, &subscription, NULL);
}

/* tests/e2e/client.c has names that the library's own objects have, too. */
static int connect_to(const struct server *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect: %s", strerror(errno));
    return fd;
}

/* Whether something comes from it before the hook says that it keeps the request. */
static bool is_answered(int fd)
{
    struct pollfd ready[] = {{.fd = fd, .events = POLLIN}, {.fd = hook.told[0], .events = POLLIN}};
    char byte;
    REQUIRE(poll(ready, 2, DEADLINE_MS) > 0, "neither an answer nor a request");
    if (!ready[1].revents)
        return true;
    EXPECT_INT(read(hook.told[0], &byte, 1), 1);
    return false;
}

/* Its status, or 0: it was closed. */
static int status_of(int fd)
{
    char text[13] = "";
    size_t len = 0;
    while (len < 12) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "it waits for ever");
        ssize_t got = recv(fd, text + len, 12 - len, 0);
        if (got <= 0)
            return 0;
        len += (size_t)got;
    }
    return (int)strtoul(text + 9, NULL, 10);
}

/* With the n-th allocation from now on missing. True: there was one. */
static bool try_without(const struct server *server, unsigned n, const char *name)
{
    static const char request[] = "POST /mine?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
                                  "abcGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = connect_to(server), r = 0;
    hook.result = 0;
    gone_begin(GONE_ANYWHERE, n);
    EXPECT_INT(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
    if (hook.later && !is_answered(fd))
        r = hook.answer(hook.kept);
    int status = status_of(fd);
    bool hit = gone_end();
    if (!hook.later)
        r = hook.result;
    EXPECT(r == 0 || (hit && (r == -ENOMEM || r == -EPIPE)), "%s, allocation %u: %d", name, n, r);
    EXPECT(status == hook.status || (hit && (status == 503 || status == 0)),
           "%s, allocation %u: %d", name, n, status);
    close(fd);
    return hit;
}

static void of_requests(void)
{
    static const struct {
        const char *name;
        bool later;
        int (*answer)(struct fanfare_request *request);
    } rows[] = {
        {"a reply in the hook", false, reply},          {"a reply later", true, reply},
        {"a stream in the hook", false, accept_stream}, {"a stream later", true, accept_stream},
        {"a pass", true, fanfare_request_pass},
    };
    static const char *const options[] = {"routes", "subscribe publish health", "notes", "off",
                                          NULL};
    struct server server;
    struct fanfare *fanfare = engine_new(options);
    REQUIRE(pipe(hook.told) == 0, "no pipe");
    EXPECT_INT(fanfare_on_request(fanfare, on_request, NULL), 0);
    engine_start(fanfare, &server);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned n = 1;
        hook.later = rows[i].later;
        hook.answer = rows[i].answer;
        hook.status = rows[i].answer == fanfare_request_pass ? 404 : 200;
        while (n < MOST && try_without(&server, n, rows[i].name))
            n++;
        printf("   %s: %u allocations\n", rows[i].name, n - 1);
        EXPECT(n > 3 && n < MOST, "%u allocations", n);
    }
    close(hook.told[0]);
    close(hook.told[1]);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("of_requests", of_requests);
    return check_end();
}
