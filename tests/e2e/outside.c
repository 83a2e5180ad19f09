/* SPDX-License-Identifier: MIT */
/*
 * The world around the server breaks: the feed's directory vanishes or is taken by somebody else,
 * what the server says goes to a full disk, to a pipe without a reader, or nowhere at all. It goes
 * on serving and ends with status 0 each time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static void expect_exit_0(int status)
{
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
}

static void feed_event(struct client *feed, const char *data)
{
    struct receipt receipt;
    char text[200];

    snprintf(text, sizeof(text), "channel: x\ndata: %s\nack: 1\n\n", data);
    EXPECT(client_say(feed, text) && client_receipt(feed, &receipt) && receipt.id[0],
           "the feed did not take \"%s\"", data);
}

/* --- the feed's directory ------------------------------------------------------------------ */

/* The open feed, HTTP and a new stream work while the feed's place is gone. */
static void expect_serving(struct client *feed, struct stream *stream)
{
    feed_event(feed, "by the open feed");
    stream_expect(stream, "message", "by the open feed", NULL);
    stream_expect_serving(stream, &server, "x", "by HTTP");
}

/* A server with an open feed and a stream, and then without its socket file. */
static void start_and_unlink(struct client *feed, struct stream *stream)
{
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    stream_open(stream, &server, "/events/x", NULL);
    stream_await_id(stream);
    client_open_feed(feed, &server);
    expect_serving(feed, stream);
    REQUIRE(unlink(server.feed) == 0, "unlink: %s", strerror(errno));
}

/* What the server keeps beside its socket. */
static void unlink_lock(void)
{
    char lock[128];

    snprintf(lock, sizeof(lock), "%s.lock", server.feed);
    unlink(lock);
}

static void case_directory(void)
{
    struct client feed;
    struct stream stream;

    start_and_unlink(&feed, &stream);
    unlink_lock(); /* the server must not need the directory either */
    REQUIRE(rmdir(server.dir) == 0, "rmdir: %s", strerror(errno));
    expect_serving(&feed, &stream);
    client_close(&feed);
    server_terminate(&server);
    stream_expect_end(&stream);
    stream_close(&stream);
    expect_exit_0(server_wait_only(&server));
}

/* Somebody else has put a socket of his own where ours was: it is not ours to remove. */
static void case_taken(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct client feed;
    struct stream stream;

    start_and_unlink(&feed, &stream);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", server.feed);
    REQUIRE(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "bind: %s", strerror(errno));
    expect_serving(&feed, &stream);
    client_close(&feed);
    stream_close(&stream);
    server_terminate(&server);
    expect_exit_0(server_wait_only(&server));
    EXPECT(access(server.feed, F_OK) == 0, "the server removed a socket that was not its own");
    close(fd);
    unlink(server.feed);
    unlink_lock();
    EXPECT(rmdir(server.dir) == 0, "rmdir: %s", strerror(errno));
}

/* --- nowhere to write to ------------------------------------------------------------------- */

/* What the server says cannot be read here, so it gets a port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &len) == 0,
            "no free port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void await_listening(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    int r;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        r = connect(fd, (struct sockaddr *)&to, sizeof(to));
        close(fd);
        REQUIRE(check_now_ms() < deadline, "it does not listen: %s", strerror(errno));
        if (r < 0)
            poll(NULL, 0, 5);
    } while (r < 0);
}

/* A missing standard stream must not become a client's socket, or a log line reaches that client.
 */
static void expect_streams_taken(const char *what)
{
    char path[64], target[64];

    for (int fd = 0; fd <= 2; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)server.pid, fd);
        ssize_t len = readlink(path, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        EXPECT(len > 0 && strncmp(target, "socket:", 7) != 0 && strncmp(target, "anon_", 5) != 0,
               "%s: descriptor %d is \"%s\"", what, fd, target);
    }
}

/* A server that cannot say a word: requests, events, a crowd of connections on low descriptors
 * (those of the missing standard streams among them), and an orderly end. */
static void run_mute(const char *what, const struct launch *launch)
{
    struct stream streams[16];
    struct client clients[16], feed;
    struct receipt receipt;
    char address[32], data[32];

    uint16_t port = free_port();
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    server_start_as(&server, launch, SERVER_OPTIONS("--workers", "2", "--listen", address));
    server.port = port;
    await_listening();
    expect_streams_taken(what);
    for (int i = 0; i < 16; i++) {
        stream_open(&streams[i], &server, "/events/x", NULL);
        client_open(&clients[i], &server);
        stream_await_id(&streams[i]);
        EXPECT_INT(streams[i].status, 200);
    }
    for (int i = 0; i < 16; i++) {
        snprintf(data, sizeof(data), "%d", i);
        publish(&clients[i], "x", data, NULL);
        for (int k = 0; k < 16; k++)
            stream_expect(&streams[k], "message", data, NULL);
    }
    client_open_feed(&feed, &server);
    feed_event(&feed, "last");
    server_terminate(&server);
    for (int i = 0; i < 16; i++) {
        stream_expect(&streams[i], "message", "last", NULL);
        stream_expect_end(&streams[i]);
        stream_close(&streams[i]);
        EXPECT(client_ends(&clients[i]), "a client was told: %.80s", clients[i].bytes);
        client_close(&clients[i]);
    }
    EXPECT(client_receipt(&feed, &receipt), "the feed was not told");
    EXPECT_TEXT(receipt.error, "stopping");
    client_close(&feed);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: wait status 0x%x", what,
           (unsigned)status);
}

static void case_full_disk(void)
{
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    REQUIRE(full >= 0, "/dev/full: %s", strerror(errno));
    run_mute("full disk", &(struct launch){.out = full, .err = full});
    close(full);
}

static void case_broken_pipe(void)
{
    int ends[2];

    REQUIRE(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    close(ends[0]);
    run_mute("broken pipe", &(struct launch){.out = ends[1], .err = ends[1]});
    close(ends[1]);
}

static bool close_streams(void *context)
{
    (void)context;
    close(0);
    close(1);
    close(2);
    return true;
}

static bool close_stdout(void *context)
{
    (void)context;
    close(1);
    return true;
}

static void case_closed(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    run_mute("stdout closed", &(struct launch){.out = null, .prepare = close_stdout});
    run_mute("all closed", &(struct launch){.out = null, .prepare = close_streams});
    close(null);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("directory", case_directory);
    check_case("taken", case_taken);
    check_case("full_disk", case_full_disk);
    check_case("broken_pipe", case_broken_pipe);
    check_case("closed", case_closed);
    return check_end();
}
