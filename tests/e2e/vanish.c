/* SPDX-License-Identifier: MIT */
/*
 * Clients that vanish: a phone without network, a closed laptop, a forgotten address translation.
 * Nothing comes from them, neither FIN nor RST nor an acknowledgement, and only the kernel's own
 * clocks can tell. Here a filter on the client's socket drops all that reaches it, which for the
 * server is the same and needs no network of its own and no privilege.
 *
 * Each is found within the write time-out and a heartbeat, whether something is sent to it or not.
 */
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static void vanish(int fd)
{
    struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &nothing};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
        check_skip("this kernel allows no filter on a socket");
}

/* One vanishes and one stays. */
static void expect_found(const char *heartbeat, bool publishing)
{
    struct stream here, gone;
    struct client publisher;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--heartbeat", heartbeat,
                                         "--write-timeout", "1"));
    stream_open(&here, &server, "/events/x", NULL);
    stream_open(&gone, &server, "/events/x", NULL);
    stream_await_id(&here);
    stream_await_id(&gone);
    EXPECT_INT(server_stat(&server, "subscribers"), 2);
    vanish(gone.fd);
    if (publishing) {
        client_open(&publisher, &server);
        publish(&publisher, "x", "to both", (char[160]){0});
        client_close(&publisher);
        stream_expect(&here, "message", "to both", (char[136]){0});
    }
    server_await(&server, "subscribers", false, 1);
    EXPECT_INT(server_stat(&server, "subscribers"), 1);

    client_open(&publisher, &server);
    publish(&publisher, "x", "to one", (char[160]){0});
    stream_expect(&here, "message", "to one", (char[136]){0});
    client_close(&publisher);
    stream_close(&here);
    stream_close(&gone);
    server_stop(&server);
}

static void case_heartbeats(void)
{
    expect_found("1", false);
}

static void case_silence(void)
{
    expect_found("0", false);
}

static void case_events(void)
{
    expect_found("0", true);
}

/* One that is there and answers, but is sent nothing, stays: its kernel answers the probes. More
 * than three times the time-out passes, told by the server's own heartbeats to another client. */
static void case_who_answers_stays(void)
{
    struct stream quiet, other;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--heartbeat", "1", "--write-timeout", "1"));
    stream_open(&quiet, &server, "/events/x", NULL);
    stream_open(&other, &server, "/events/x", NULL);
    stream_await_id(&quiet);
    stream_await_id(&other);
    server_await(&server, "heartbeats", true, 8);
    EXPECT_INT(server_stat(&server, "subscribers"), 2);
    stream_close(&quiet);
    stream_close(&other);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("heartbeats", case_heartbeats);
    check_case("silence", case_silence);
    check_case("events", case_events);
    check_case("who_answers_stays", case_who_answers_stays);
    return check_end();
}
