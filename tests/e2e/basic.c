/* SPDX-License-Identifier: MIT */
/*
 * The main job, end to end: what is published, by every way there is, arrives with its exact text,
 * type and id, in order. One server for all cases; each case has a channel of its own.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static bool is_own_id(const char *id)
{
    if (strlen(id) != 29 || id[12] != '-')
        return false;
    for (int i = 0; i < 29; i++)
        if (i != 12 && (!isxdigit((unsigned char)id[i]) || isupper((unsigned char)id[i])))
            return false;
    return true;
}

static void open_ready(struct stream *stream, const char *target, const char *fields)
{
    stream_open(stream, &server, target, fields);
    stream_await_head(stream);
    REQUIRE(stream->status == 200, "%s: status %d", target, stream->status);
}

/* Posts a body and gives the ids as the answer has them, "a","b". */
static void post(const char *target, const char *type, const char *body, char *ret_ids,
                 size_t ids_size)
{
    struct client client;
    struct answer answer;
    char field[128];

    snprintf(field, sizeof(field), "Content-Type: %s\r\n", type ? type : "");
    client_open(&client, &server);
    client_request(&client, "POST", target, type ? field : NULL, body, strlen(body), &answer);
    REQUIRE(answer.status == 200, "POST %s (%s): %d %s", target, type ? type : "no type",
            answer.status, answer.body);
    const char *open = strchr(answer.body, '[');
    const char *close = open ? strchr(open, ']') : NULL;
    REQUIRE(open && close && strstr(answer.body, "\"ids\""), "answer %s", answer.body);
    snprintf(ret_ids, ids_size, "%.*s", (int)(close - open - 1), open + 1);
    answer_free(&answer);
    client_close(&client);
}

static void expect_in(const char *ids, const char *id)
{
    char quoted[160];

    snprintf(quoted, sizeof(quoted), "\"%s\"", id);
    EXPECT(strstr(ids, quoted), "the stream says id %s, the answer was %s", id, ids);
}

static void case_preface(void)
{
    struct stream stream;

    open_ready(&stream, "/events/preface", NULL);
    stream_await_id(&stream);
    const char *type = stream_field(&stream, "content-type");
    EXPECT(type && strncmp(type, "text/event-stream", 17) == 0, "Content-Type: %s", type);
    const char *cache = stream_field(&stream, "cache-control");
    EXPECT(cache && strstr(cache, "no-"), "Cache-Control: %s", cache ? cache : "none");
    EXPECT_TEXT(stream_field(&stream, "connection"), "close");
    EXPECT_TEXT(stream_field(&stream, "fanfare-resume"), "none");
    EXPECT(stream.chunked, "not chunked: %s", stream.head);
    EXPECT(!stream_field(&stream, "content-length"), "a length: %s", stream.head);
    EXPECT_INT(stream.retry, 2000);
    EXPECT(is_own_id(stream.last_id), "the first id is \"%s\"", stream.last_id);
    EXPECT_INT(stream.ids, 1);
    EXPECT_INT(stream.seen, 0);
    stream_close(&stream);
}

static void case_every_way(void)
{
    struct stream stream;
    struct client feed;
    struct receipt receipt;
    struct outcome outcome;
    char ids[8][400], id[136], url[64], last[136] = "";

    open_ready(&stream, "/events/ways", NULL);
    post("/publish/ways", NULL, "raw text", ids[0], sizeof(ids[0]));
    post("/publish/ways?event=kind", "text/plain; charset=utf-8", "typed", ids[1], sizeof(ids[1]));
    post("/publish?channel=ways", "application/octet-stream", "octets", ids[2], sizeof(ids[2]));
    post("/publish/ways", "application/json", "{\"data\":\"one \\u00e9\\n2\",\"event\":\"json\"}",
         ids[3], sizeof(ids[3]));
    post("/publish", "application/json",
         "[{\"channel\":\"ways\",\"data\":\"a\"},{\"channel\":\"ways\",\"data\":\"b\"}]", ids[4],
         sizeof(ids[4]));
    post("/publish/ways", "application/x-www-form-urlencoded", "data=x+y%26z&event=form", ids[5],
         sizeof(ids[5]));
    post("/publish/ways", "text/event-stream", "event: s\ndata: 1\ndata: 2\n\ndata: 3\n\n", ids[6],
         sizeof(ids[6]));
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: ways\nevent: fed\ndata: by feed\nack: 17\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    EXPECT_TEXT(receipt.ack, "17");
    EXPECT_TEXT(receipt.error, "");
    client_close(&feed);
    program_run((const char *[]){"pub", "--feed", server.feed, "ways", "by pub", NULL}, NULL,
                &outcome);
    EXPECT(outcome.status == 0, "pub --feed: %d %s", outcome.status, outcome.err);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    program_run((const char *[]){"pub", "--url", url, "ways", NULL}, "line 1\nline 2\n", &outcome);
    EXPECT(outcome.status == 0, "pub --url: %d %s", outcome.status, outcome.err);

    static const struct {
        const char *type, *data;
        int ids;
    } wanted[] = {
        {"message", "raw text", 0},   {"kind", "typed", 1},      {"message", "octets", 2},
        {"json", "one \u00e9\n2", 3}, {"message", "a", 4},       {"message", "b", 4},
        {"form", "x y&z", 5},         {"s", "1\n2", 6},          {"message", "3", 6},
        {"fed", "by feed", -1},       {"message", "by pub", -2}, {"message", "line 1", -2},
        {"message", "line 2", -2},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        stream_expect(&stream, wanted[i].type, wanted[i].data, id);
        EXPECT(is_own_id(id), "id \"%s\"", id);
        EXPECT(strcmp(id, last) > 0, "id %s after %s", id, last);
        strcpy(last, id);
        if (wanted[i].ids >= 0)
            expect_in(ids[wanted[i].ids], id);
        else if (wanted[i].ids == -1)
            EXPECT_TEXT(receipt.id, id);
    }
    stream_close(&stream);
}

static void case_exact_text(void)
{
    /* What is posted, and what a client must have: the same with every line end as LF. */
    static const char *const texts[][2] = {
        {"a\nb\rc\r\nd", "a\nb\nc\nd"},
        {"a\r\rb\n\nc\r\n\r\nd", "a\n\nb\n\nc\n\nd"},
        {"ends\n", "ends\n"},
        {"\nbegins", "\nbegins"},
        {"\r\n", "\n"},
        {" a space\n  two\n\ttab ", " a space\n  two\n\ttab "},
        {": no comment\ndata: no field\nid: no\nevent: no\nretry: 1",
         ": no comment\ndata: no field\nid: no\nevent: no\nretry: 1"},
        {"", ""},
        {"\xef\xbb\xbf"
         "bom",
         "\xef\xbb\xbf"
         "bom"},
        {"\u00e4\u20ac\U0001F600 \u2028\xc2\x85 end", "\u00e4\u20ac\U0001F600 \u2028\xc2\x85 end"},
        {"control \x01\x1b\x7f", "control \x01\x1b\x7f"},
    };
    struct stream stream;
    char ids[400], id[136];

    open_ready(&stream, "/events/exact", NULL);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        post("/publish/exact", "text/plain", texts[i][0], ids, sizeof(ids));
        stream_expect(&stream, "message", texts[i][1], id);
        expect_in(ids, id);
    }
    stream_close(&stream);
}

static void case_large(void)
{
    size_t len = 1u << 20;
    struct stream stream;
    char ids[400];
    char *text = malloc(len + 1);

    REQUIRE(text, "out of memory");
    for (size_t i = 0; i < len; i++)
        text[i] = i % 61 == 60 ? '\n' : (char)('a' + i % 26);
    text[len] = '\0';
    open_ready(&stream, "/events/large", NULL);
    post("/publish/large", NULL, text, ids, sizeof(ids));
    stream_expect(&stream, "message", text, NULL);
    memset(text, '\n', len);
    post("/publish/large", NULL, text, ids, sizeof(ids));
    stream_expect(&stream, "message", text, NULL);
    free(text);
    stream_close(&stream);
}

static void case_given_ids(void)
{
    struct stream stream;
    char ids[400], id[136];

    open_ready(&stream, "/events/given", NULL);
    post("/publish/given?id=order-7&event=sold", NULL, "x", ids, sizeof(ids));
    EXPECT_TEXT(ids, "\"order-7\"");
    stream_expect(&stream, "sold", "x", id);
    EXPECT_TEXT(id, "order-7");
    post("/publish/given", "application/json",
         "{\"data\":\"y\",\"id\":\"a \u00e9 b\",\"retry\":1234}", ids, sizeof(ids));
    stream_expect(&stream, "message", "y", id);
    EXPECT_TEXT(id, "a \u00e9 b");
    EXPECT_INT(stream.retry, 1234);
    post("/publish/given", "text/event-stream", "id:\ndata: z\n\n", ids, sizeof(ids));
    stream_expect(&stream, "message", "z", id);
    EXPECT(is_own_id(id), "an empty id counts as none, but the id is \"%s\"", id);
    stream_close(&stream);
}

static void case_channels(void)
{
    struct stream two, path, query;
    char ids[400];

    open_ready(&two, "/events?channel=ch1&channel=ch2&channel=ch1", NULL);
    open_ready(&path, "/events/caf%C3%A9/a+b%2Fc", NULL);
    open_ready(&query, "/events?channel=caf%C3%A9/a%2Bb/c", NULL);
    post("/publish/ch2", NULL, "1", ids, sizeof(ids));
    post("/publish/ch1", NULL, "2", ids, sizeof(ids));
    post("/publish/ch3", NULL, "not this", ids, sizeof(ids));
    post("/publish/ch2", NULL, "3", ids, sizeof(ids));
    post("/publish/caf%C3%A9/a+b/c", NULL, "4", ids, sizeof(ids));
    post("/publish?channel=caf%C3%A9/a%2bb/c", NULL, "5", ids, sizeof(ids));
    stream_expect(&two, "message", "1", NULL);
    stream_expect(&two, "message", "2", NULL);
    stream_expect(&two, "message", "3", NULL);
    for (int i = 0; i < 2; i++) {
        stream_expect(i ? &query : &path, "message", "4", NULL);
        stream_expect(i ? &query : &path, "message", "5", NULL);
    }
    stream_close(&two);
    stream_close(&path);
    stream_close(&query);
}

static void case_stream_send(void)
{
    struct stream stream, same;
    struct client client;
    struct answer answer;

    open_ready(&stream, "/stream", NULL);
    open_ready(&same, "/events/default", NULL);
    client_open(&client, &server);
    const char *body = "{\"message\": \"hello\\nthere\"}";
    client_request(&client, "POST", "/send", "Content-Type: application/json\r\n", body,
                   strlen(body), &answer);
    EXPECT_INT(answer.status, 200);
    EXPECT_TEXT(answer.body, "{\"status\":\"sent\"}");
    answer_free(&answer);
    stream_expect(&stream, "message", "hello\nthere", NULL);
    stream_expect(&same, "message", "hello\nthere", NULL);
    static const char *const bad[] = {"{", "{}", "{\"message\": 7}", "[]", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        client_request(&client, "POST", "/send", "Content-Type: application/json\r\n", bad[i],
                       strlen(bad[i]), &answer);
        EXPECT(answer.status == 400 && strstr(answer.body, "{\"error\""), "%s: %d %s", bad[i],
               answer.status, answer.body);
        answer_free(&answer);
        if (answer_field(&answer, "connection") || client.ended) {
            client_close(&client);
            client_open(&client, &server);
        }
    }
    client_close(&client);
    stream_close(&stream);
    stream_close(&same);
}

static void case_batch(void)
{
    static char body[1024 * 24];
    struct stream stream;
    struct client client;
    struct answer answer;
    char number[16];
    size_t len = 0;

    open_ready(&stream, "/events/batch", NULL);
    for (int i = 0; i < 1024; i++)
        len += (size_t)sprintf(body + len, "data: %d\n\n", i);
    client_open(&client, &server);
    client_request(&client, "POST", "/publish/batch", "Content-Type: text/event-stream\r\n", body,
                   len, &answer);
    EXPECT(answer.status == 200, "%d %s", answer.status, answer.body);
    answer_free(&answer);
    for (int i = 0; i < 1024; i++) {
        sprintf(number, "%d", i);
        stream_expect(&stream, "message", number, NULL);
    }
    len += (size_t)sprintf(body + len, "data: one too many\n\n");
    client_request(&client, "POST", "/publish/batch", "Content-Type: text/event-stream\r\n", body,
                   len, &answer);
    EXPECT(answer.status == 413, "1025 events: %d %s", answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
    client_open(&client, &server);
    publish(&client, "batch", "after", NULL);
    stream_expect(&stream, "message", "after", NULL);
    client_close(&client);
    stream_close(&stream);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2"));
    check_case("preface", case_preface);
    check_case("every_way", case_every_way);
    check_case("exact_text", case_exact_text);
    check_case("large", case_large);
    check_case("given_ids", case_given_ids);
    check_case("channels", case_channels);
    check_case("stream_send", case_stream_send);
    check_case("batch", case_batch);
    server_stop(&server);
    return check_end();
}
