/* SPDX-License-Identifier: MIT */
/*
 * Clients behind proxies: the PROXY protocol in front of a connection, whole and in pieces, what is
 * refused of it, and for whom. What the header may look like is in tests/unit/test_proxies.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define V1          "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
#define V2_LOCAL    "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define V2_FOUR     "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x12\x34\1\xbb"
#define REQUEST     "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1

static struct server server;

static void expect_status(struct client *client, int status)
{
    struct answer answer;
    REQUIRE(client_answer(client, false, &answer), "no answer");
    EXPECT(answer.status == status, "%d %s", answer.status, answer.body);
    answer_free(&answer);
}

/* These bytes on a new connection are answered so. */
static void expect(const char *bytes, size_t len, int status)
{
    struct client client;
    client_open(&client, &server);
    client_send(&client, bytes, len);
    expect_status(&client, status);
    if (status >= 400)
        EXPECT(client_ends(&client), "a refused connection goes on");
    client_close(&client);
}

static char inner[128];

static const char *proxied_listener(void)
{
    static char listen[192];
    snprintf(inner, sizeof(inner), "/tmp/fanfare-proxies-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s proxy-protocol", inner);
    return listen;
}

/* The same on the socket file, whose listener wants a header. */
static void expect_inner(const char *bytes, size_t len, int status)
{
    struct client client = {.fd = connect_unix(inner)};
    client_send(&client, bytes, len);
    expect_status(&client, status);
    if (status >= 400)
        EXPECT(client_ends(&client), "a refused connection goes on");
    client_close(&client);
}

static void case_headers(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--listen", proxied_listener()));
    expect_inner(BYTES(V1 REQUEST), 200);
    expect_inner(BYTES(V2_FOUR REQUEST), 200);
    expect_inner(BYTES(V2_LOCAL REQUEST), 200);
    expect_inner(BYTES("PROXY UNKNOWN\r\n" REQUEST), 200);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 0);
    expect_inner(BYTES(REQUEST), 400);
    expect_inner(BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n" REQUEST), 400);
    expect_inner(BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"), 400);
    /* One header a connection: another one is no request. */
    expect_inner(BYTES(V1 V1 REQUEST), 400);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 3);
    /* The other listener is as ever. */
    expect(BYTES(REQUEST), 200);
    expect(BYTES(V1 REQUEST), 400);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 3);
    server_stop(&server);
}

/* Byte by byte, and with two requests behind it that come with its last byte. */
static void case_pieces(void)
{
    static const char whole[] = V2_FOUR REQUEST;
    struct client client;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--listen", proxied_listener()));
    client = (struct client){.fd = connect_unix(inner)};
    for (size_t i = 0; i < sizeof(whole) - 1; i++) {
        client_send(&client, whole + i, 1);
        /* Until it has been read. */
        if (i % 7 == 0)
            (void)server_stat(&server, "requests");
    }
    expect_status(&client, 200);
    client_say(&client, REQUEST);
    expect_status(&client, 200);
    client_close(&client);

    client = (struct client){.fd = connect_unix(inner)};
    client_send(&client, BYTES("PROXY TCP4 192.0.2.1 198.51.100.2"));
    (void)server_stat(&server, "requests");
    client_send(&client, BYTES(" 56324 443\r\n" REQUEST REQUEST));
    expect_status(&client, 200);
    expect_status(&client, 200);
    client_close(&client);

    /* A stream and a publish behind headers. */
    struct stream stream;
    int fd = connect_unix(inner);
    client = (struct client){.fd = fd};
    client_send(&client, BYTES(V1));
    stream_init(&stream, fd, NULL, NULL);
    stream_send_request(&stream, "/events/x", NULL);
    stream_await_id(&stream);
    client = (struct client){.fd = connect_unix(inner)};
    client_send(&client,
                BYTES(V2_FOUR "POST /publish/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                              "\r\nhi"));
    expect_status(&client, 200);
    stream_expect(&stream, "message", "hi", (char[136]){0});
    client_close(&client);
    stream_close(&stream);
    server_stop(&server);
}

/* A header that does not end, or does not come, has the time of a first byte. */
static void case_time(void)
{
    struct client silent, begun, left;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--head-timeout", "0.2", "--listen",
                                         proxied_listener()));
    silent = (struct client){.fd = connect_unix(inner)};
    begun = (struct client){.fd = connect_unix(inner)};
    client_send(&begun, BYTES("PROXY TCP4 "));
    EXPECT(client_ends(&silent), "a silent connection was answered");
    EXPECT(client_ends(&begun), "a begun header was answered");
    EXPECT_INT(server_stat(&server, "timeouts_first"), 2);
    client_close(&silent);
    client_close(&begun);
    left = (struct client){.fd = connect_unix(inner)};
    client_send(&left, BYTES("PROXY TCP4 "));
    client_finish(&left);
    expect_status(&left, 400);
    client_close(&left);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 1);
    server_stop(&server);
}

/* Where proxies are named, nobody else may say whose connection it is. */
static void case_trusted(void)
{
    struct client client;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--trusted-proxy", "127.0.0.9",
                                         "--listen", proxied_listener()));
    expect_inner(BYTES(V1 REQUEST), 403);
    EXPECT_INT(server_stat(&server, "connections_refused_untrusted"), 1);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 0);
    server_stop(&server);

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--trusted-proxy", "127.0.0.9", "--trusted-proxy",
                                "unix", "--listen", proxied_listener()));
    expect_inner(BYTES(V1 REQUEST), 200);
    client = (struct client){.fd = connect_unix(inner)};
    client_send(&client, BYTES(V1 REQUEST));
    expect_status(&client, 200);
    client_close(&client);
    EXPECT_INT(server_stat(&server, "connections_refused_untrusted"), 0);
    server_stop(&server);
}

static void case_what_is_no_proxy(void)
{
    static const struct refused rows[] = {
        {{"serve", "--check", "--trusted-proxy", "proxy.example", NULL},
         "trusted-proxy: \"proxy.example\" is not an address"},
        {{"serve", "--check", "--trusted-proxy", "10.0.0.1/8", NULL},
         "write the network's first address"},
        {{"serve", "--check", "--listen", "127.0.0.1:0 proxy-protocol=yes", NULL},
         "proxy-protocol stands alone"},
    };
    program_expect_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("headers", case_headers);
    check_case("pieces", case_pieces);
    check_case("time", case_time);
    check_case("trusted", case_trusted);
    check_case("what_is_no_proxy", case_what_is_no_proxy);
    return check_end();
}
