/* SPDX-License-Identifier: MIT */
/*
 * Bad input gets a clear answer and loses nothing: each row of the table is a request, sent raw,
 * and the status it must get, with one plain sentence as body. After every row the server must
 * still do its work, and nothing of what was refused may have reached the subscriber that listens
 * throughout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

struct row {
    const char *name, *request, *body; /* a body gets its Content-Length */
    int status;
};

#define H            "Host: t\r\n"
#define GET(target)  "GET " target " HTTP/1.1\r\n" H "\r\n", NULL
#define POST(target) "POST " target " HTTP/1.1\r\n" H
#define JSON(target) POST(target) "Content-Type: application/json\r\n"
#define FORM(target) POST(target) "Content-Type: application/x-www-form-urlencoded\r\n"
#define SSE(target)  POST(target) "Content-Type: text/event-stream\r\n"

/* Stand for text that is long or made of odd bytes; see expand. */
#define LONG_257  "@257@"
#define LONG_129  "@129@"
#define LONG_9000 "@9000@"

static const struct row rows[] = {
    {"not http", "HELLO\r\n\r\n", NULL, 400},
    {"no host", "GET /events/x HTTP/1.1\r\n\r\n", NULL, 400},
    {"two hosts", "GET /events/x HTTP/1.1\r\n" H H "\r\n", NULL, 400},
    {"folded field", "GET /events/x HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", NULL, 400},
    {"space before colon", "GET /events/x HTTP/1.1\r\n" H "A : b\r\n\r\n", NULL, 400},
    {"length and chunked",
     POST("/publish/x") "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NULL,
     400},
    {"two lengths", POST("/publish/x") "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", NULL,
     400},
    {"length no number", POST("/publish/x") "Content-Length: one\r\n\r\n", NULL, 400},
    {"bad chunk", POST("/publish/x") "Transfer-Encoding: chunked\r\n\r\nzz\r\n", NULL, 400},
    {"chunk too short", POST("/publish/x") "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", NULL,
     400},
    {"half percent", GET("/events/a%4"), 400},
    {"no hex percent", GET("/events/%zz"), 400},
    {"percent in query", GET("/events?channel=%g0"), 400},
    {"channel not utf-8", GET("/events/%ff"), 400},
    {"channel overlong utf-8", GET("/events/%c0%80"), 400},
    {"channel surrogate", GET("/events/%ed%a0%80"), 400},
    {"channel with NUL", GET("/events/a%00b"), 400},
    {"channel with LF", GET("/events/a%0ab"), 400},
    {"channel with DEL", GET("/events/a%7fb"), 400},
    {"no channel name", GET("/events/"), 400},
    {"no channel", GET("/events"), 400},
    {"empty channel", GET("/events?channel="), 400},
    {"long channel", GET("/events/" LONG_257), 400},
    {"65 channels", GET("/events?@channels@"), 400},
    {"bad last", GET("/events/x?last=many"), 400},
    {"bad limit", GET("/events/x?limit=-1"), 400},
    {"data not utf-8", POST("/publish/x"), "a\xff", 400},
    {"data overlong", POST("/publish/x"), "a\xc0\xaf", 400},
    {"type with CR", POST("/publish/x?event=a%0Db"), "1", 400},
    {"type with LF", POST("/publish/x?event=a%0Adata:%20evil"), "1", 400},
    {"type with NUL", POST("/publish/x?event=a%00"), "1", 400},
    {"type not utf-8", POST("/publish/x?event=%ff"), "1", 400},
    {"type long", POST("/publish/x?event=" LONG_257), "1", 400},
    {"id with CR", POST("/publish/x?id=a%0Db"), "1", 400},
    {"id with LF", POST("/publish/x?id=a%0Ab"), "1", 400},
    {"id with NUL", POST("/publish/x?id=a%00b"), "1", 400},
    {"id not utf-8", POST("/publish/x?id=%fe"), "1", 400},
    {"id long", POST("/publish/x?id=" LONG_129), "1", 400},
    {"id with space before", POST("/publish/x?id=%20a"), "1", 400},
    {"id of our form", POST("/publish/x?id=0123456789ab-0123456789abcdef"), "1", 400},
    {"publish without channel", POST("/publish"), "1", 400},
    {"publish to two", POST("/publish?channel=x&channel=y"), "1", 400},
    {"publish to path and query", POST("/publish/x?channel=y"), "1", 400},
    {"json broken", JSON("/publish/x"), "{\"data\":", 400},
    {"json number", JSON("/publish/x"), "7", 400},
    {"json data number", JSON("/publish/x"), "{\"data\":7}", 400},
    {"json no data", JSON("/publish/x"), "{\"event\":\"a\"}", 400},
    {"json type LF", JSON("/publish/x"), "{\"data\":\"1\",\"event\":\"a\\nb\"}", 400},
    {"json type CR", JSON("/publish/x"), "{\"data\":\"1\",\"event\":\"a\\rb\"}", 400},
    {"json id LF", JSON("/publish/x"), "{\"data\":\"1\",\"id\":\"a\\nb\"}", 400},
    {"json data NUL", JSON("/publish/x"), "{\"data\":\"a\\u0000b\"}", 400},
    {"json id NUL", JSON("/publish/x"), "{\"data\":\"1\",\"id\":\"a\\u0000b\"}", 400},
    {"json retry text", JSON("/publish/x"), "{\"data\":\"1\",\"retry\":\"soon\"}", 400},
    {"json retry negative", JSON("/publish/x"), "{\"data\":\"1\",\"retry\":-5}", 400},
    {"json one of two bad", JSON("/publish/x"), "[{\"data\":\"half\"},{\"data\":1}]", 400},
    {"json one long channel", JSON("/publish"),
     "[{\"channel\":\"x\",\"data\":\"half\"},{\"channel\":\"\",\"data\":\"1\"}]", 400},
    {"json array empty", JSON("/publish/x"), "[]", 400},
    {"form without data", FORM("/publish/x"), "event=a", 400},
    {"json unknown member", JSON("/publish/x"), "{\"data\":\"1\",\"retyr\":5}", 400},
    {"json id our form", JSON("/publish/x"),
     "{\"data\":\"1\",\"id\":\"0123456789ab-0123456789abcdef\"}", 400},
    {"our type", POST("/publish/x?event=fanfare-gap"), "1", 400},
    {"multipart", POST("/publish/x") "Content-Type: multipart/form-data; boundary=b\r\n", "1", 415},
    {"compressed", JSON("/publish/x") "Content-Encoding: gzip\r\n", "\x1f\x8b", 415},
    {"compressed send", JSON("/send") "Content-Encoding: gzip\r\n", "\x1f\x8b", 415},
    {"unknown coding", POST("/publish/x") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", NULL,
     501},
    {"sse no data at all", SSE("/publish/x"), "event: a\n\n", 400},
    {"sse wait", SSE("/publish/x"), "data: half\n\ndata: 1\nwait: long\n\n", 400},
    {"target long", GET("/events/" LONG_9000), 414},
    {"head long", "GET /healthz HTTP/1.1\r\n" H "A: " LONG_9000 "\r\nB: " LONG_9000 "\r\n\r\n",
     NULL, 431},
    {"no such path", GET("/nope"), 404},
    {"post for a stream, no type", POST("/events/x/y?z"), "1", 415},
    {"post for a stream, no channel", POST("/events") "Content-Length: 0\r\n\r\n", NULL, 400},
    {"post for a stream, broken", JSON("/events/x"), "{", 400},
    {"query for a stream, bad last",
     "QUERY /events/x HTTP/1.1\r\n" H "Content-Type: application/json\r\n", "{\"last\": true}",
     400},
    {"query, elsewhere", "QUERY /stats HTTP/1.1\r\n" H "\r\n", NULL, 405},
    {"dot segments", POST("/publish/../events/x"), "1", 400},
    {"dot segments, encoded", POST("/publish/a%2f%2e%2e/x"), "1", 400},
    {"unknown parameter", POST("/publish/x?evnt=y"), "1", 400},
    {"post to nowhere", POST("/nope"), "1", 404},
    {"get publish", GET("/publish/x"), 405},
    {"put publish", "PUT /publish/x HTTP/1.1\r\n" H, "1", 405},
    {"delete events", "DELETE /events/x HTTP/1.1\r\n" H "\r\n", NULL, 405},
    {"post healthz", POST("/healthz"), "1", 405},
    {"get send", GET("/send"), 405},
    {"image", POST("/publish/x") "Content-Type: image/png\r\n", "1", 415},
    {"multipart", POST("/publish/x") "Content-Type: multipart/form-data; boundary=b\r\n", "1", 415},
};

static struct server server;
static struct stream witness;

/* Replaces @N@ by N letters, and @channels@ by 65 channel parameters. */
static char *expand(const char *text)
{
    char *out = calloc(1, strlen(text) + 32768);
    char *to = out;

    REQUIRE(out, "out of memory");
    while (*text) {
        if (*text != '@') {
            *to++ = *text++;
            continue;
        }
        if (strncmp(text, "@channels@", 10) == 0) {
            for (int i = 0; i < 65; i++)
                to += sprintf(to, "%schannel=c%d", i ? "&" : "", i);
        } else {
            int count = atoi(text + 1);
            memset(to, 'a', (size_t)count);
            to += count;
        }
        text = strchr(text + 1, '@') + 1;
    }
    return out;
}

static void expect_refusal(const char *name, struct client *client, int status)
{
    struct answer answer;

    if (!client_answer(client, false, &answer)) {
        EXPECT(false, "%s: closed without an answer%s", name, client->reset ? " (reset)" : "");
        return;
    }
    EXPECT(answer.status == status, "%s: seen %d, wanted %d: %s", name, answer.status, status,
           answer.body);
    const char *type = answer_field(&answer, "content-type");
    const char *wanted = strstr(name, "send") ? "application/json" : "text/plain";
    EXPECT(type && strncmp(type, wanted, strlen(wanted)) == 0, "%s: type %s", name,
           type ? type : "none");
    size_t line = strcspn(answer.body, "\r\n");
    EXPECT(line >= 12 && strspn(answer.body + line, "\r\n") == answer.body_len - line,
           "%s: not one sentence: \"%s\"", name, answer.body);
    EXPECT(strchr(answer.body, ' '), "%s: no sentence: \"%s\"", name, answer.body);
    if (status == 405)
        EXPECT(answer_field(&answer, "allow"), "%s: no Allow: %s", name, answer.head);
    if (status == 503)
        EXPECT(answer_field(&answer, "retry-after"), "%s: no Retry-After: %s", name, answer.head);
    const char *connection = answer_field(&answer, "connection");
    if (connection && strcmp(connection, "close") == 0)
        EXPECT(client_ends(client) && !client->reset, "%s: not closed in order", name);
    answer_free(&answer);
}

static void case_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client;
        char length[64] = "";
        char *request = expand(rows[i].request);
        client_open(&client, &server);
        if (rows[i].body)
            snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n", strlen(rows[i].body));
        char whole[40000];
        int len = snprintf(whole, sizeof(whole), "%s%s%s", request, length,
                           rows[i].body ? rows[i].body : "");
        client_send(&client, whole, (size_t)len);
        expect_refusal(rows[i].name, &client, rows[i].status);
        client_close(&client);
        free(request);
        stream_expect_serving(&witness, &server, "x", rows[i].name);
    }
    printf("   %zu rows\n", sizeof(rows) / sizeof(rows[0]));
}

static void case_nul_in_data(void)
{
    static const char request[] = POST("/publish/x") "Content-Length: 3\r\n\r\na\0b";
    static const char field[] = "GET /healthz HTTP/1.1\r\n" H "A: b\0c\r\n\r\n";
    struct client client;

    client_open(&client, &server);
    client_send(&client, request, sizeof(request) - 1);
    expect_refusal("NUL in data", &client, 400);
    client_close(&client);
    client_open(&client, &server);
    client_send(&client, field, sizeof(field) - 1);
    expect_refusal("NUL in head", &client, 400);
    client_close(&client);
    stream_expect_serving(&witness, &server, "x", "nul");
}

/* The whole body is sent without looking at the answer, as curl and browsers do; the answer must
 * still be readable. */
static void case_large_body(void)
{
    size_t len = (1u << 20) + 1;
    char *body = malloc(len), head[200];
    struct client client;

    REQUIRE(body, "out of memory");
    memset(body, 'b', len);
    client_open(&client, &server);
    snprintf(head, sizeof(head), POST("/publish/x") "Content-Length: %zu\r\n\r\n", len);
    client_say(&client, head);
    client_send(&client, body, len);
    expect_refusal("length 1 MiB + 1", &client, 413);
    client_close(&client);
    client_open(&client, &server);
    snprintf(head, sizeof(head), POST("/publish/x") "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
             len);
    client_say(&client, head);
    client_send(&client, body, len);
    client_say(&client, "\r\n0\r\n\r\n");
    expect_refusal("chunked 1 MiB + 1", &client, 413);
    client_close(&client);
    client_open(&client, &server);
    client_say(&client, POST("/publish/x") "Content-Length: 99999999999999999999999\r\n\r\n");
    expect_refusal("length over 64 bits", &client, 413);
    client_close(&client);
    free(body);
    stream_expect_serving(&witness, &server, "x", "large");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    stream_open(&witness, &server, "/events/x", NULL);
    stream_await_head(&witness);
    check_case("rows", case_rows);
    check_case("nul_in_data", case_nul_in_data);
    check_case("large_body", case_large_body);
    stream_close(&witness);
    server_stop(&server);
    return check_end();
}
