/* SPDX-License-Identifier: MIT */
/*
 * HTTP as RFC 9110 and 9112 want it of a small server: methods, keep-alive, pipelining, both
 * versions, requests in any pieces, and the pages for people and monitors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static void case_operations(void)
{
    static const char *const paths[] = {"/healthz", "/stats", "/metrics", "/"};
    static const char *const types[] = {"text/plain", "application/json", "text/plain",
                                        "text/html"};
    static const char *const words[] = {"", "\"subscribers\"", "# TYPE fanfare_", "<html"};
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    for (int i = 0; i < 4; i++) {
        client_request(&client, "GET", paths[i], NULL, "", 0, &answer);
        EXPECT_INT(answer.status, 200);
        const char *type = answer_field(&answer, "content-type");
        EXPECT(i == 0 || (type && strncmp(type, types[i], strlen(types[i])) == 0), "%s: %s",
               paths[i], type ? type : "no type");
        EXPECT(strstr(answer.body, words[i]), "%s: no %s in %.300s", paths[i], words[i],
               answer.body);
        size_t len = answer.body_len;
        answer_free(&answer);
        client_request(&client, "HEAD", paths[i], NULL, "", 0, &answer);
        EXPECT_INT(answer.status, 200);
        const char *length = answer_field(&answer, "content-length");
        /* Numbers may have grown between the two, so only fixed pages have the same length. */
        EXPECT(length && (i == 1 || i == 2 || strtoul(length, NULL, 10) == len),
               "HEAD %s: length %s, GET has %zu", paths[i], length ? length : "none", len);
        answer_free(&answer);
    }
    client_close(&client);
}

static void case_head_and_options(void)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, "HEAD", "/events/x", NULL, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    const char *type = answer_field(&answer, "content-type");
    EXPECT(type && strncmp(type, "text/event-stream", 17) == 0, "type %s", type ? type : "none");
    answer_free(&answer);
    client_close(&client);
    client_open(&client, &server);
    client_request(&client, "OPTIONS", "/publish/x",
                   "Origin: http://a.example\r\nAccess-Control-Request-Method: POST\r\n", "", 0,
                   &answer);
    EXPECT(answer.status == 204 || answer.status == 200, "OPTIONS: %d", answer.status);
    EXPECT_TEXT(answer_field(&answer, "access-control-allow-origin"), "*");
    const char *methods = answer_field(&answer, "access-control-allow-methods");
    EXPECT(methods && strstr(methods, "POST"), "methods %s", methods ? methods : "none");
    answer_free(&answer);
    client_request(&client, "OPTIONS", "*", NULL, "", 0, &answer);
    EXPECT(answer.status == 204 || answer.status == 200, "OPTIONS *: %d", answer.status);
    answer_free(&answer);
    client_close(&client);
}

static void case_cors_on_streams(void)
{
    struct stream stream;
    struct client client;
    struct answer answer;

    stream_open(&stream, &server, "/events/x", "Origin: http://a.example\r\n");
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "access-control-allow-origin"), "*");
    stream_close(&stream);
    client_open(&client, &server);
    client_request(&client, "POST", "/publish/x", "Origin: http://a.example\r\n", "1", 1, &answer);
    EXPECT_TEXT(answer_field(&answer, "access-control-allow-origin"), "*");
    answer_free(&answer);
    client_close(&client);
}

static void case_keep_alive(void)
{
    struct client client;
    struct stream stream;
    char text[16];

    stream_open(&stream, &server, "/events/alive", NULL);
    stream_await_head(&stream);
    client_open(&client, &server);
    for (int i = 0; i < 50; i++) {
        sprintf(text, "%d", i);
        publish(&client, "alive", text, NULL);
        stream_expect(&stream, "message", text, NULL);
    }
    client_close(&client);
    stream_close(&stream);
}

static void case_pipelining(void)
{
    static char bytes[200 * 100];
    struct client client;
    struct answer answer;
    struct stream stream;
    char text[16];
    size_t len = 0;

    stream_open(&stream, &server, "/events/pipe", NULL);
    stream_await_head(&stream);
    for (int i = 0; i < 100; i++)
        len += (size_t)sprintf(bytes + len,
                               "POST /publish/pipe HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n"
                               "%03d",
                               i);
    len += (size_t)sprintf(bytes + len, "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
    client_open(&client, &server);
    REQUIRE(client_send(&client, bytes, len), "closed");
    for (int i = 0; i < 101; i++) {
        REQUIRE(client_answer(&client, false, &answer), "only %d answers", i);
        EXPECT(answer.status == 200, "answer %d: %d %s", i, answer.status, answer.body);
        answer_free(&answer);
    }
    for (int i = 0; i < 100; i++) {
        sprintf(text, "%03d", i);
        stream_expect(&stream, "message", text, NULL);
    }
    client_close(&client);
    stream_close(&stream);
}

/* A publish and a subscribe in one packet: the stream must be answered after the publish, on the
 * same connection, and begin behind it. */
static void case_publish_then_stream(void)
{
    struct client client, other;
    struct answer answer;
    struct stream stream;

    client_open(&client, &server);
    client_say(&client, "POST /publish/ps HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\n1"
                        "GET /events/ps HTTP/1.1\r\nHost: t\r\n\r\n");
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    stream_init(&stream, client.fd, NULL, NULL);
    stream_parse(&stream, client.bytes, client.len);
    stream_await_head(&stream);
    client_open(&other, &server);
    publish(&other, "ps", "2", NULL);
    stream_expect(&stream, "message", "2", NULL);
    client_close(&other);
    stream.fd = -1;
    stream_close(&stream);
    client_close(&client);
}

static void case_version_1_0(void)
{
    struct client client;
    struct answer answer;
    struct stream stream;

    client_open(&client, &server);
    client_say(&client, "GET /healthz HTTP/1.0\r\n\r\n");
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    EXPECT(!answer_field(&answer, "transfer-encoding"), "chunked to 1.0: %s", answer.head);
    answer_free(&answer);
    EXPECT(client_ends(&client), "still open after an HTTP/1.0 answer");
    client_close(&client);

    struct client publisher;
    client_open(&client, &server);
    client_say(&client, "GET /events/old?limit=2 HTTP/1.0\r\n\r\n");
    stream_init(&stream, client.fd, NULL, NULL);
    stream_await_head(&stream);
    EXPECT_INT(stream.status, 200);
    EXPECT(!stream.chunked, "chunked to 1.0: %s", stream.head);
    client_open(&publisher, &server);
    publish(&publisher, "old", "first\nline 2", NULL);
    publish(&publisher, "old", "second", NULL);
    stream_expect(&stream, "message", "first\nline 2", NULL);
    stream_expect(&stream, "message", "second", NULL);
    stream_expect_end(&stream);
    client_close(&publisher);
    stream.fd = -1;
    stream_close(&stream);
    client_close(&client);
}

static void case_in_pieces(void)
{
    static const char request[] = "POST /publish/pieces HTTP/1.1\r\nHost: t\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n"
                                  "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n";
    struct client client;
    struct answer answer;
    struct stream stream;

    stream_open(&stream, &server, "/events/pieces", NULL);
    stream_await_head(&stream);
    client_open(&client, &server);
    /* TCP_NODELAY is set, so nearly every byte arrives alone. */
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        REQUIRE(client_send(&client, request + i, 1), "closed at byte %zu", i);
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    EXPECT(answer.status == 200, "%d %s", answer.status, answer.body);
    answer_free(&answer);
    stream_expect(&stream, "message", "abcde", NULL);
    client_close(&client);
    stream_close(&stream);
}

static void case_expect_continue(void)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_say(&client, "POST /publish/ec HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n"
                        "Expect: 100-continue\r\n\r\n");
    while (!client.len || !memmem(client.bytes, client.len, "\r\n\r\n", 4))
        REQUIRE(client_read(&client), "closed before 100");
    EXPECT(strncmp(client.bytes, "HTTP/1.1 100", 12) == 0, "seen %.40s", client.bytes);
    client_say(&client, "hi");
    REQUIRE(client_answer(&client, false, &answer), "no answer");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
}

static void case_connection_close(void)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, "GET", "/healthz", "Connection: close\r\n", "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    EXPECT_TEXT(answer_field(&answer, "connection"), "close");
    EXPECT(client_ends(&client), "still open, or more bytes");
    answer_free(&answer);
    client_close(&client);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--allow-origin", "*"));
    check_case("operations", case_operations);
    check_case("head_and_options", case_head_and_options);
    check_case("cors_on_streams", case_cors_on_streams);
    check_case("keep_alive", case_keep_alive);
    check_case("pipelining", case_pipelining);
    check_case("publish_then_stream", case_publish_then_stream);
    check_case("version_1_0", case_version_1_0);
    check_case("in_pieces", case_in_pieces);
    check_case("expect_continue", case_expect_continue);
    check_case("connection_close", case_connection_close);
    server_stop(&server);
    return check_end();
}
