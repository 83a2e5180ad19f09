/* SPDX-License-Identifier: MIT */
/*
 * Caps: how many streams one address and one channel may have, and how fast an address may connect;
 * whose address counts behind proxies; and that a place is free again when its stream has ended,
 * whatever ended it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define EVENT_STREAM "Accept: text/event-stream\r\n"

static struct server server;

/* A stream from 127.x.y.z, whose head is here. */
static void open_from(struct stream *stream, unsigned source, const char *target,
                      const char *fields)
{
    stream_init(stream, connect_tcp(&server, source), NULL, NULL);
    stream_send_request(stream, target, fields);
    stream_await_head(stream);
}

static void expect_from(unsigned source, const char *target, const char *fields, int status,
                        struct stream *ret_stream)
{
    struct stream stream;
    open_from(&stream, source, target, fields);
    EXPECT(stream.status == status, "%u %s %s: %d", source, target, fields ? fields : "",
           stream.status);
    if (ret_stream)
        *ret_stream = stream;
    else
        stream_close(&stream);
}

/* Refused, until the server has seen that a place is free. */
static void await_place(unsigned source, const char *target, const char *fields,
                        struct stream *ret_stream)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    for (;;) {
        open_from(ret_stream, source, target, fields);
        if (ret_stream->status == 200)
            return;
        REQUIRE(check_now_ms() < due_ms, "%s: no place came free", target);
        stream_close(ret_stream);
    }
}

static void case_per_address(void)
{
    struct stream streams[4], put_off;
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--subscribers-per-address", "3"));
    for (unsigned i = 0; i < 3; i++)
        expect_from(7, "/events/x", NULL, 200, &streams[i]);
    expect_from(7, "/events/x", NULL, 429, &put_off);
    EXPECT(stream_field(&put_off, "retry-after"), "429 says no Retry-After");
    stream_close(&put_off);
    expect_from(7, "/events/y", NULL, 429, NULL);
    EXPECT_INT(server_stat(&server, "subscribers_refused_address"), 2);
    EXPECT_INT(server_stat(&server, "subscribers_refused"), 0);
    /* A browser is put off, and comes back. */
    expect_from(7, "/events/x", EVENT_STREAM, 200, &put_off);
    const char *reason = stream_field(&put_off, "fanfare-refused");
    EXPECT_TEXT(reason ? reason : "(none)", "address");
    stream_expect_end(&put_off);
    stream_close(&put_off);
    /* Somebody else is not bounded by it, nor is anything but a stream. */
    expect_from(8, "/events/x", NULL, 200, &streams[3]);
    struct client client = {.fd = connect_tcp(&server, 7)};
    struct answer answer;
    client_request(&client, "HEAD", "/events/x", NULL, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
    stream_close(&streams[3]);

    /* A hang-up frees a place, and so does an end in order. */
    stream_close(&streams[0]);
    await_place(7, "/events/x?limit=1", NULL, &streams[0]);
    char id[160];
    client_open(&client, &server);
    publish(&client, "x", "end", id);
    client_close(&client);
    stream_expect(&streams[0], "message", "end", (char[136]){0});
    stream_expect_end(&streams[0]);
    stream_close(&streams[0]);
    await_place(7, "/events/x", NULL, &streams[0]);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&streams[i]);
    server_stop(&server);
}

static void case_per_channel(void)
{
    struct stream streams[3];
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--acceptors", "2",
                                         "--subscribers-per-channel", "2"));
    expect_from(1, "/events/x", NULL, 200, &streams[0]);
    expect_from(2, "/events?channel=y&channel=x", NULL, 200, &streams[1]);
    expect_from(3, "/events/x", NULL, 429, NULL);
    expect_from(3, "/events?channel=z&channel=x", NULL, 429, NULL);
    EXPECT_INT(server_stat(&server, "subscribers_refused_channel"), 2);
    expect_from(3, "/events/y", NULL, 200, &streams[2]);
    expect_from(3, "/events/y", NULL, 429, NULL);
    /* What the refused one had taken of z is given back. */
    struct stream z[2];
    expect_from(3, "/events/z", NULL, 200, &z[0]);
    expect_from(3, "/events/z", NULL, 200, &z[1]);
    stream_close(&streams[1]);
    await_place(4, "/events/x", NULL, &streams[1]);
    for (unsigned i = 0; i < 3; i++)
        stream_close(&streams[i]);
    stream_close(&z[0]);
    stream_close(&z[1]);
    server_stop(&server);
}

/* Through a trusted proxy the client's own address counts; what it says of itself does not. */
static void case_behind_a_proxy(void)
{
    static const char *const same[] = {
        "X-Forwarded-For: 192.0.2.1\r\n",
        "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n",
        "X-Forwarded-For: 7.7.7.7\r\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\r\n",
        "Forwarded: for=\"192.0.2.1:80\"\r\n",
        "Forwarded: for=8.8.8.8, for=192.0.2.1;by=127.0.0.1\r\n",
    };
    struct stream first, other;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--trusted-proxy", "127.0.0.0/8",
                                         "--subscribers-per-address", "1"));
    expect_from(0, "/events/x", same[0], 200, &first);
    for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        expect_from(i, "/events/x", same[i], 429, NULL);
    expect_from(0, "/events/x", "X-Forwarded-For: 192.0.2.2\r\n", 200, &other);
    stream_close(&other);
    /* A network of IPv6 is one client's. */
    expect_from(0, "/events/x", "X-Forwarded-For: 2001:db8:1:2::3\r\n", 200, &other);
    expect_from(0, "/events/x", "X-Forwarded-For: 2001:db8:1:2:9:8:7:6\r\n", 429, NULL);
    expect_from(0, "/events/x", "X-Forwarded-For: 2001:db8:1:3::3\r\n", 200, NULL);
    stream_close(&other);
    EXPECT_INT(server_stat(&server, "forwarded_broken"), 0);
    /* Two fields that differ, or one that names nobody: it counts for the proxy. */
    expect_from(9, "/events/x", "X-Forwarded-For: 192.0.2.9\r\nForwarded: for=192.0.2.8\r\n", 200,
                &other);
    expect_from(9, "/events/x", "X-Forwarded-For: unknown\r\n", 429, NULL);
    EXPECT_INT(server_stat(&server, "forwarded_broken"), 2);
    stream_close(&other);
    stream_close(&first);
    server_stop(&server);

    /* Who is no trusted proxy has his own address, whatever he writes. */
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--trusted-proxy", "127.0.0.1",
                                         "--subscribers-per-address", "1"));
    expect_from(9, "/events/x", "X-Forwarded-For: 192.0.2.1\r\n", 200, &first);
    expect_from(9, "/events/x", "X-Forwarded-For: 192.0.2.2\r\n", 429, NULL);
    stream_close(&first);
    server_stop(&server);
}

/* Over a socket file there is no address but the one that the proxy names. */
static void case_over_a_socket_file(void)
{
    static const struct {
        const char *head, *fields;
        int status;
    } rows[] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "", 200},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n", "", 429},
        {"PROXY TCP4 192.0.2.2 198.51.100.2 1 2\r\n", "", 200},
        {"PROXY UNKNOWN\r\n", "X-Forwarded-For: 192.0.2.1\r\n", 429},
        {"PROXY UNKNOWN\r\n", "X-Forwarded-For: 192.0.2.3\r\n", 200},
        {"PROXY UNKNOWN\r\n", "", 200},
        {"PROXY UNKNOWN\r\n", "", 200}, /* nobody's, and counted by nobody */
    };
    struct stream streams[sizeof(rows) / sizeof(rows[0])];
    char path[128], listen[192];
    snprintf(path, sizeof(path), "/tmp/fanfare-caps-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s proxy-protocol", path);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--listen", listen, "--trusted-proxy",
                                         "unix", "--subscribers-per-address", "1"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client = {.fd = connect_unix(path)};
        client_say(&client, rows[i].head);
        stream_init(&streams[i], client.fd, NULL, NULL);
        stream_send_request(&streams[i], "/events/x", rows[i].fields);
        stream_await_head(&streams[i]);
        EXPECT(streams[i].status == rows[i].status, "%u: %d", i, streams[i].status);
    }
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        stream_close(&streams[i]);
    server_stop(&server);
}

/* How many of so many connections from one address at once are answered 200. */
static unsigned connect_many(unsigned source, unsigned count)
{
    struct client clients[64];
    struct answer answer;
    unsigned let_in = 0;
    for (unsigned i = 0; i < count; i++) {
        clients[i] = (struct client){.fd = connect_tcp(&server, source)};
        client_say(&clients[i], "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    for (unsigned i = 0; i < count; i++) {
        REQUIRE(client_answer(&clients[i], false, &answer), "no answer");
        EXPECT(answer.status == 200 || answer.status == 429, "%d", answer.status);
        let_in += answer.status == 200;
        if (answer.status == 429)
            EXPECT(client_ends(&clients[i]), "a refused connection goes on");
        answer_free(&answer);
    }
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
    return let_in;
}

/* The burst is let in, and what comes in the time that this takes; the rest is refused. */
static void case_connect_rate(void)
{
    enum { RATE = 20, COUNT = 60 };
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--acceptors", "2", "--connect-rate", "20"));
    int64_t begin_ms = check_now_ms();
    unsigned let_in = connect_many(7, COUNT);
    int64_t most = RATE + 1 + (check_now_ms() - begin_ms) * RATE / 1000;
    EXPECT(let_in >= RATE && let_in <= most, "%u let in, at most %lld", let_in, (long long)most);
    unsigned others = connect_many(8, RATE);
    EXPECT(others == RATE, "%u of another address", others);
    EXPECT_INT(server_stat(&server, "connections_refused_rate"), COUNT - let_in);
    EXPECT_INT(server_stat(&server, "connect_rate_forgotten"), 0);
    /* Whoever waits is let in again. */
    struct stream stream;
    await_place(7, "/events/x", NULL, &stream);
    stream_close(&stream);
    server_stop(&server);

    /* A trusted proxy's connections are not one client's. */
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--trusted-proxy", "127.0.0.0/8",
                                         "--connect-rate", "1"));
    EXPECT_INT(connect_many(7, 30), 30);
    server_stop(&server);
}

/* With the PROXY protocol it is the client's rate, from when the header is there. */
static void case_rate_behind_proxy(void)
{
    char path[128], listen[192];
    unsigned let_in = 0;
    snprintf(path, sizeof(path), "/tmp/fanfare-caps-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s proxy-protocol", path);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--listen", listen, "--connect-rate", "2"));
    int64_t begin_ms = check_now_ms();
    for (unsigned i = 0; i < 12; i++) {
        struct client client = {.fd = connect_unix(path)};
        struct answer answer;
        char head[128];
        snprintf(head, sizeof(head), "PROXY TCP4 192.0.2.%u 198.51.100.2 1 2\r\n", i % 2);
        client_say(&client, head);
        client_say(&client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        REQUIRE(client_answer(&client, false, &answer), "no answer");
        let_in += answer.status == 200;
        EXPECT(answer.status == 200 || answer.status == 429, "%d", answer.status);
        answer_free(&answer);
        client_close(&client);
    }
    int64_t most = 4 + 2 + (check_now_ms() - begin_ms) * 4 / 1000;
    EXPECT(let_in >= 4 && let_in <= most, "%u let in", let_in);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("per_address", case_per_address);
    check_case("per_channel", case_per_channel);
    check_case("behind_a_proxy", case_behind_a_proxy);
    check_case("over_a_socket_file", case_over_a_socket_file);
    check_case("connect_rate", case_connect_rate);
    check_case("rate_behind_proxy", case_rate_behind_proxy);
    return check_end();
}
