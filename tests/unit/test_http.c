/* SPDX-License-Identifier: MIT */
/*
 * The request parser and the answer heads.
 *
 * Every input is run in one piece and in pieces of 1, 2, 3, 7 and 64 bytes. For each piece the
 * buffer is made anew right before an unmapped page, at another address, so that a parser that
 * reads on or keeps a pointer dies. What happened is written down as a transcript, and all
 * transcripts of one input must be the same.
 *
 * Length: tables of requests, which are best read in one place.
 */
#include "net/http/answer.h"
#include "net/http/fields.h"
#include "net/http/parser.h"

#include <criterion/criterion.h>

#include "engine/limits.h"
#include "tests/unit/guard.h"

#define TRANSCRIPT_MAX 8192

static const struct http_limits limits = {
    .head_bytes_max = 1024, .target_bytes_max = 256, .body_bytes_max = 64};

struct transcript {
    size_t len;
    char at[TRANSCRIPT_MAX];
};

__attribute__((format(printf, 2, 3))) static void note(struct transcript *transcript,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof(transcript->at) - transcript->len;
    int len = vsnprintf(transcript->at + transcript->len, room, format, arguments);
    va_end(arguments);
    cr_assert(len >= 0 && (size_t)len < room);
    transcript->len += (size_t)len;
}

static void note_span(struct transcript *transcript, const char *name, const char *buffer,
                      struct http_span span)
{
    if (span.len > 0)
        note(transcript, " %s=%.*s", name, (int)span.len, buffer + span.at);
}

static void note_head(struct transcript *transcript, const char *buffer,
                      const struct http_request *request)
{
    static const char *const methods[] = {"GET",    "HEAD",    "POST", "QUERY",
                                          "DELETE", "OPTIONS", "OTHER"};
    note(transcript, "%s 1.%d", methods[request->method], request->minor);
    note_span(transcript, "name", buffer, request->method_name);
    note_span(transcript, "target", buffer, request->target);
    note(transcript, "%s%s%s%s", request->keep_alive ? " keep" : " close",
         request->has_body ? " has_body" : "", request->chunked ? " chunked" : "",
         request->expect_continue ? " expect" : "");
    note(transcript, " length=%llu", (unsigned long long)request->content_length);
    note_span(transcript, "host", buffer, request->host);
    note_span(transcript, "type", buffer, request->content_type);
    note_span(transcript, "coding", buffer, request->content_encoding);
    note_span(transcript, "last", buffer, request->last_event_id);
    note_span(transcript, "origin", buffer, request->origin);
    note_span(transcript, "site", buffer, request->fetch_site);
    note_span(transcript, "acrm", buffer, request->access_control_request_method);
    note_span(transcript, "acrh", buffer, request->access_control_request_headers);
    note_span(transcript, "accept", buffer, request->accept);
    note_span(transcript, "authorization", buffer, request->authorization);
    note_span(transcript, "cookie", buffer, request->cookie);
    note(transcript, "\n");
}

/* Parses what is in the buffer; returns how many of its bytes are still wanted there. False once
 * the parser has refused. */
static bool parse_piece(struct http_parser *parser, char *buffer, size_t *from, size_t *to,
                        struct transcript *transcript)
{
    for (;;) {
        size_t next = SIZE_MAX;
        enum http_result result = http_parse(parser, buffer, *from, *to, &next);
        cr_assert_leq(next, *to);
        switch (result) {
        case PARSE_MORE:
            /* Of a request that has not begun nothing needs to be kept. */
            *from = *to = http_parser_begun(parser) ? next : 0;
            return true;
        case PARSE_HEAD:
            cr_assert(http_parser_begun(parser));
            note_head(transcript, buffer, &parser->request);
            break;
        case PARSE_DONE:
            note(transcript, "body=%.*s\n", (int)parser->request.body.len,
                 buffer + parser->request.body.at);
            http_parser_start(parser);
            cr_assert_not(http_parser_begun(parser));
            break;
        case PARSE_REFUSED:
            note(transcript, "%d %s\n", parser->status, parser->sentence);
            return false;
        }
        *from = next;
    }
}

static void run(struct text input, size_t piece, const struct http_limits *run_limits,
                struct transcript *ret_transcript)
{
    struct http_parser parser;
    http_parser_init(&parser, run_limits);
    ret_transcript->len = 0;
    ret_transcript->at[0] = 0;
    struct text buffer = guard_new((struct text){"", 0});
    size_t from = 0;
    bool more = true;
    while (more && input.len > 0) {
        size_t len = input.len < piece ? input.len : piece;
        char *joined = malloc(from + len);
        if (from)
            memcpy(joined, buffer.at, from);
        memcpy(joined + from, input.at, len);
        guard_free(buffer);
        size_t to = from + len;
        buffer = guard_new((struct text){joined, to});
        free(joined);
        more = parse_piece(&parser, (char *)buffer.at, &from, &to, ret_transcript);
        input = (struct text){input.at + len, input.len - len};
    }
    if (more && http_parser_begun(&parser))
        note(ret_transcript, "unfinished\n");
    guard_free(buffer);
}

/* Runs the input in all ways; the transcript of the first is left for the caller. */
static void run_all(struct text input, const struct http_limits *run_limits,
                    struct transcript *ret_transcript)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64};
    static struct transcript other;
    run(input, input.len, run_limits, ret_transcript);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        run(input, pieces[i], run_limits, &other);
        cr_assert_str_eq(other.at, ret_transcript->at, "pieces of %zu of: %.*s", pieces[i],
                         (int)input.len, input.at);
    }
}

struct example {
    struct text input;
    const char *transcript;
};

#define EXAMPLE(input, transcript)                                                                 \
    {                                                                                              \
        {(input), sizeof(input) - 1}, (transcript)                                                 \
    }

static void check(const struct example *examples, size_t count)
{
    static struct transcript transcript;
    for (size_t i = 0; i < count; i++) {
        run_all(examples[i].input, &limits, &transcript);
        cr_expect_str_eq(transcript.at, examples[i].transcript, "%.*s\n-- gave:\n%s",
                         (int)examples[i].input.len, examples[i].input.at, transcript.at);
    }
}

#define CHECK_EXAMPLES(examples) check(examples, sizeof(examples) / sizeof((examples)[0]))

Test(http, requests_without_body)
{
    static const struct example examples[] = {
        EXAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET 1.1 name=GET target=/ keep length=0 host=a\nbody=\n"),
        EXAMPLE("HEAD /stats HTTP/1.1\r\nhOST:a:80\r\nConnection: close\r\n\r\n",
                "HEAD 1.1 name=HEAD target=/stats close length=0 host=a:80\nbody=\n"),
        EXAMPLE("GET / HTTP/1.0\r\n\r\n", "GET 1.0 name=GET target=/ close length=0\nbody=\n"),
        EXAMPLE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost:\r\n\r\n",
                "GET 1.0 name=GET target=/ keep length=0\nbody=\n"),
        EXAMPLE("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
                "GET 1.1 name=GET target=/ close length=0 host=a\nbody=\n"),
        EXAMPLE("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
                "OTHER 1.1 name=BREW target=/pot keep length=0 host=a\nbody=\n"),
        EXAMPLE("QUERY /a HTTP/1.1\r\nHost: a\r\n\r\n",
                "QUERY 1.1 name=QUERY target=/a keep length=0 host=a\nbody=\n"),
        EXAMPLE("get / HTTP/1.1\r\nHost: a\r\n\r\n",
                "OTHER 1.1 name=get target=/ keep length=0 host=a\nbody=\n"),
        EXAMPLE("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
                "OTHER 1.1 name=CONNECT target=a:80 keep length=0 host=a:80\nbody=\n"),
        EXAMPLE("GET http://a/x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
                "GET 1.1 name=GET target=http://a/x keep length=0 host=[::1]:80\nbody=\n"),
        EXAMPLE("GET /\xc3\xbc HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET 1.1 name=GET target=/\xc3\xbc keep length=0 host=a\nbody=\n"),
        EXAMPLE("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
                "GET 1.1 name=GET target=/ keep length=0 host=a\nbody=\n"),
        EXAMPLE("OPTIONS * HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n"
                "Access-Control-Request-Method: POST\r\n"
                "Access-Control-Request-Headers: x, y\r\n\r\n",
                "OPTIONS 1.1 name=OPTIONS target=* keep length=0 host=a origin=http://b acrm=POST "
                "acrh=x, y\nbody=\n"),
        EXAMPLE("GET /e HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nAccept: */*\r\n"
                "Last-Event-ID: \t a b \t \r\nCookie: k=v; l=w\r\nAuthorization: Bearer x\r\n"
                "X-Empty:\r\nX-Umlaut: \xfc\r\nLast-Event-IDs: no\r\n\r\n",
                "GET 1.1 name=GET target=/e keep length=0 host=a last=a b accept=text/event-stream "
                "authorization=Bearer x cookie=k=v; l=w\nbody=\n"),
        /* A stream that was meant to become a web socket is read as what it is. */
        EXAMPLE("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET 1.1 name=GET target=/ keep length=0 host=a\nbody=\n"
                "GET 1.1 name=GET target=/2 keep length=0 host=a\nbody=\n"),
        EXAMPLE("", ""),
        EXAMPLE("\r\n", ""),
        EXAMPLE("G", "unfinished\n"),
        EXAMPLE("GET / HTTP/1.1\r\nHost: a\r\n\r", "unfinished\n"),
    };
    CHECK_EXAMPLES(examples);
}

Test(http, bodies)
{
    static const struct example examples[] = {
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\nhello",
                "POST 1.1 name=POST target=/p keep has_body length=5 host=a "
                "type=text/plain; charset=utf-8\nbody=hello\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                "POST 1.1 name=POST target=/p keep length=0 host=a\nbody=\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0005 \r\n\r\nhell",
                "POST 1.1 name=POST target=/p keep has_body length=5 host=a\nunfinished\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
                "POST 1.1 name=POST target=/p keep has_body expect length=1 host=a\nbody=x\n"),
        EXAMPLE("POST /p HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
                "POST 1.0 name=POST target=/p close has_body length=1\nbody=x\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                "5\r\nhello\r\n0\r\n\r\n",
                "POST 1.1 name=POST target=/p keep has_body chunked length=0 host=a\nbody=hello\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                "1;name=value;quoted=\"a;b\"\r\nh\r\n0004;x\r\nello\r\nA\r\n0123456789\r\n"
                "00;last\r\nTrailer: yes\r\nContent-Length: 7\r\n\r\n"
                "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
                "POST 1.1 name=POST target=/p keep has_body chunked length=0 host=a\n"
                "body=hello0123456789\n"
                "GET 1.1 name=GET target=/2 keep length=0 host=a\nbody=\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST 1.1 name=POST target=/p keep has_body chunked length=0 host=a\nbody=\n"),
        EXAMPLE("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
                "POST 1.1 name=POST target=/p keep has_body chunked length=0 host=a\nunfinished\n"),
        EXAMPLE("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
                "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nc\r\n"
                "\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\nGE",
                "POST 1.1 name=POST target=/1 keep has_body length=2 host=a\nbody=ab\n"
                "POST 1.1 name=POST target=/2 keep has_body length=3 host=a\nbody=c\r\n\n"
                "GET 1.1 name=GET target=/3 keep length=0 host=a\nbody=\nunfinished\n"),
    };
    CHECK_EXAMPLES(examples);
}

/* --- refusals ------------------------------------------------------------------------------ */

Test(http, request_lines_refused)
{
    static const struct example examples[] = {
        EXAMPLE("\x16\x03\x01\x02", "400 the request does not begin with a method\n"),
        EXAMPLE(" GET / HTTP/1.1\r\n", "400 the request does not begin with a method\n"),
        EXAMPLE("\n", "400 the request does not begin with a method\n"),
        EXAMPLE("\rGET", "400 a CR is not followed by LF\n"),
        EXAMPLE("GE\"T / HTTP/1.1\r\n", "400 the request does not begin with a method\n"),
        EXAMPLE("GET\r\n", "400 the request does not begin with a method\n"),
        EXAMPLE("G\0T / HTTP/1.1\r\n", "400 the request does not begin with a method\n"),
        EXAMPLE("MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM", "501 the request method is unknown\n"),
        EXAMPLE("GET /\r\n", "400 the request line has no HTTP version\n"),
        EXAMPLE("GET /\n", "400 the request line has no HTTP version\n"),
        EXAMPLE("GET  / HTTP/1.1\r\n", "400 the request line has no target after one space\n"),
        EXAMPLE("GET /\t HTTP/1.1\r\n", "400 the request target contains a control character\n"),
        EXAMPLE("GET /\0 HTTP/1.1\r\n", "400 the request target contains a control character\n"),
        EXAMPLE("GET /\x7f HTTP/1.1\r\n", "400 the request target contains a control character\n"),
        EXAMPLE("GET /  HTTP/1.1\r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / a HTTP/1.1\r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / HTTP/1.1 \r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / http/1.1\r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / HTTP/11\r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / HTTP/1,1\r\n", "400 the request line does not end with an HTTP version\n"),
        EXAMPLE("GET / HTTP/1.1\n", "400 a line ends with LF instead of CRLF\n"),
        EXAMPLE("GET / HTTP/1.1\rHost: a\r\n", "400 a CR is not followed by LF\n"),
        EXAMPLE("GET / HTTP/0.9\r\n", "505 only HTTP/1.0 and HTTP/1.1 are understood here\n"),
        EXAMPLE("GET / HTTP/1.2\r\n", "505 only HTTP/1.0 and HTTP/1.1 are understood here\n"),
        EXAMPLE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "505 only HTTP/1.0 and HTTP/1.1 are understood here\n"),
    };
    CHECK_EXAMPLES(examples);
}

#define GET_A  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST_A "POST / HTTP/1.1\r\nHost: a\r\n"

Test(http, field_lines_refused)
{
    static const struct example examples[] = {
        EXAMPLE(GET_A "A: b\n", "400 a line ends with LF instead of CRLF\n"),
        EXAMPLE(GET_A "A: b\r\n\n", "400 a line ends with LF instead of CRLF\n"),
        EXAMPLE(GET_A "A: b\rC: d\r\n", "400 a CR is not followed by LF\n"),
        EXAMPLE(GET_A "A: b\r\r\n", "400 a CR is not followed by LF\n"),
        EXAMPLE(GET_A "\rA: b\r\n", "400 a CR is not followed by LF\n"),
        EXAMPLE(GET_A "A: b\r\n c\r\n", "400 a field line begins with white space\n"),
        EXAMPLE(GET_A "A: b\r\n\tc\r\n", "400 a field line begins with white space\n"),
        EXAMPLE("GET / HTTP/1.1\r\n Host: a\r\n", "400 a field line begins with white space\n"),
        EXAMPLE(GET_A "A : b\r\n", "400 a field name is followed by white space\n"),
        EXAMPLE(GET_A "A\t: b\r\n", "400 a field name is followed by white space\n"),
        EXAMPLE(GET_A "A b: c\r\n", "400 a field name is followed by white space\n"),
        EXAMPLE(GET_A "A\r\n", "400 a field line has no colon\n"),
        EXAMPLE(GET_A ": b\r\n", "400 a field line has no name\n"),
        EXAMPLE(GET_A "A\0: b\r\n", "400 a field name contains a character that is not allowed\n"),
        EXAMPLE(GET_A "\xc3\xbc: b\r\n",
                "400 a field name contains a character that is not allowed\n"),
        EXAMPLE(GET_A "A(: b\r\n", "400 a field name contains a character that is not allowed\n"),
        EXAMPLE(GET_A "A: b\0\r\n", "400 a field value contains a control character\n"),
        EXAMPLE(GET_A "A: \x1b[1m\r\n", "400 a field value contains a control character\n"),
        EXAMPLE(GET_A "A: \x7f\r\n", "400 a field value contains a control character\n"),
        EXAMPLE("GET / HTTP/1.1\r\n\r\n", "400 the Host field is missing\n"),
        EXAMPLE(GET_A "Host: a\r\n\r\n", "400 the Host field is given twice\n"),
        EXAMPLE(GET_A "hOST: b\r\n\r\n", "400 the Host field is given twice\n"),
        EXAMPLE("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
                "400 the Host field is given twice\n"),
        EXAMPLE(GET_A "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
                "400 the Content-Type field is given twice\n"),
        EXAMPLE(GET_A "Last-Event-ID: a\r\nLast-Event-ID: b\r\n\r\n",
                "400 the Last-Event-ID field is given twice\n"),
        EXAMPLE(GET_A "Last-Event-ID:\r\nLast-Event-ID: b\r\n\r\n",
                "400 the Last-Event-ID field is given twice\n"),
        EXAMPLE(GET_A "Origin: a\r\nOrigin: b\r\n\r\n", "400 the Origin field is given twice\n"),
    };
    CHECK_EXAMPLES(examples);
}

Test(http, hosts)
{
    static const char *const good[] = {
        "a",     "",           "localhost:8080",        "127.0.0.1:80",
        "[::1]", "[::1]:8080", "xn--bcher-kva.example", "a:",
        "%41"};
    static const char *const bad[] = {"a b",     "a/b",      "a@b",  "a?b",     "a#b",   "a:b",
                                      "a:80:80", "[::1",     "[]",   "[::1]80", "[a b]", "a\"",
                                      "<a>",     "\xc3\xbc", "a\\b", "[g::1]",  "a, b:1"};
    static struct transcript transcript;
    char input[128];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(input, sizeof(input), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        run_all(text_of(input), &limits, &transcript);
        cr_expect(strstr(transcript.at, "body="), "%s: %s", good[i], transcript.at);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(input, sizeof(input), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        run_all(text_of(input), &limits, &transcript);
        cr_expect_str_eq(transcript.at, "400 the Host field is not a host\n", "%s", bad[i]);
    }
}

Test(http, framing_refused)
{
    static const struct example examples[] = {
        EXAMPLE(POST_A "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 both Content-Length and Transfer-Encoding are given\n"),
        EXAMPLE(POST_A "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
                "400 both Content-Length and Transfer-Encoding are given\n"),
        EXAMPLE(POST_A "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
                "400 the Content-Length field is given twice\n"),
        EXAMPLE(POST_A "Content-Length: 5\r\nA: b\r\ncontent-length: 6\r\n\r\n",
                "400 the Content-Length field is given twice\n"),
        EXAMPLE(POST_A "Content-Length: 5, 5\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length: +5\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length: -5\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length: 0x5\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length: 5 5\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length:\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Content-Length: 65\r\n\r\n", "413 the request body is too large\n"),
        EXAMPLE(POST_A "Content-Length: 18446744073709551621\r\n\r\n",
                "413 the request body is too large\n"),
        EXAMPLE(POST_A "Content-Length: 99999999999999999999x\r\n\r\n",
                "400 the Content-Length is not a decimal number\n"),
        EXAMPLE(POST_A "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 the Transfer-Encoding field is given twice\n"),
        EXAMPLE(POST_A "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 the Transfer-Encoding field is given twice\n"),
        EXAMPLE(POST_A "Transfer-Encoding: chunked, identity\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: gzip, chunked\r\n\r\n",
                "501 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: br;q=\"a,b\",\tCHUNKED\r\n\r\n",
                "501 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: chunked, chunked\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: gzip chunked\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: ,chunked\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: xchunked\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: chunkedx\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding: \"chunked\"\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE(POST_A "Transfer-Encoding:\r\n\r\n",
                "400 the only transfer coding understood here is chunked\n"),
        EXAMPLE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                "400 HTTP/1.0 has no Transfer-Encoding\n"),
    };
    CHECK_EXAMPLES(examples);
}

#define CHUNKED      POST_A "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "POST 1.1 name=POST target=/ keep has_body chunked length=0 host=a\n"

Test(http, chunks_refused)
{
    static const struct example examples[] = {
        EXAMPLE(CHUNKED "\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED ";x\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "+5\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "0x5\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "5 \r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED " 5\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "5\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "5g\r\n", CHUNKED_HEAD "400 a chunk size is not a hexadecimal number\n"),
        EXAMPLE(CHUNKED "00000000000000000\r\n",
                CHUNKED_HEAD "400 a chunk size has too many digits\n"),
        EXAMPLE(CHUNKED "1;a\nx\r\n",
                CHUNKED_HEAD "400 a chunk extension contains a control character\n"),
        EXAMPLE(CHUNKED "1\rx\r\n", CHUNKED_HEAD "400 a CR is not followed by LF\n"),
        EXAMPLE(CHUNKED "1\r\nxy\r\n0\r\n\r\n",
                CHUNKED_HEAD "400 a chunk is longer than its size says\n"),
        EXAMPLE(CHUNKED "1\r\nx\n0\r\n\r\n",
                CHUNKED_HEAD "400 a chunk is longer than its size says\n"),
        EXAMPLE(CHUNKED "1\r\nx\rx0\r\n\r\n", CHUNKED_HEAD "400 a CR is not followed by LF\n"),
        EXAMPLE(CHUNKED "0\r\nA : b\r\n",
                CHUNKED_HEAD "400 a field name is followed by white space\n"),
        EXAMPLE(CHUNKED "0\r\nA: b\r\n c\r\n",
                CHUNKED_HEAD "400 a field line begins with white space\n"),
        EXAMPLE(CHUNKED "0\r\n\n", CHUNKED_HEAD "400 a line ends with LF instead of CRLF\n"),
        EXAMPLE(CHUNKED "0\r\nGET / HTTP/1.1\r\n",
                CHUNKED_HEAD "400 a field name is followed by white space\n"),
        EXAMPLE(CHUNKED "41\r\n", CHUNKED_HEAD "413 the request body is too large\n"),
        EXAMPLE(CHUNKED "ffffffffffffffff\r\n", CHUNKED_HEAD "413 the request body is too large\n"),
        EXAMPLE(CHUNKED "2\r\nab\r\n3f\r\n", CHUNKED_HEAD "413 the request body is too large\n"),
    };
    CHECK_EXAMPLES(examples);
}

/* --- limits -------------------------------------------------------------------------------- */

/* A text of `len` bytes: before, as many fillers as needed, after. Free its `at`. */
static struct text fill(const char *before, char filler, const char *after, size_t len)
{
    char *at = malloc(len + 1);
    size_t head = strlen(before);
    size_t tail = strlen(after);
    cr_assert_leq(head + tail, len);
    memset(at, filler, len);
    memcpy(at, before, head);
    memcpy(at + len - tail, after, tail);
    return (struct text){at, len};
}

static void expect_end(struct text input, const struct http_limits *run_limits, const char *end)
{
    static struct transcript transcript;
    run_all(input, run_limits, &transcript);
    size_t len = strlen(end);
    cr_expect(transcript.len >= len, "%s", transcript.at);
    if (transcript.len >= len)
        cr_expect_str_eq(transcript.at + transcript.len - len, end);
    free((char *)input.at);
}

Test(http, head_limit)
{
    const char *before = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    size_t most = limits.head_bytes_max;
    expect_end(fill(before, 'x', "\r\n\r\n", most), &limits, "body=\n");
    expect_end(fill(before, 'x', "\r\n\r\n", most + 1), &limits,
               "431 the request head is too long\n");
    expect_end(fill(before, 'x', "", most + 1), &limits, "431 the request head is too long\n");
    expect_end(fill(before, 'x', "", most), &limits, "unfinished\n");
}

Test(http, empty_lines_are_part_of_the_head_limit)
{
    struct text input = fill("", '\r', "", limits.head_bytes_max + 2);
    for (size_t i = 1; i < input.len; i += 2)
        ((char *)input.at)[i] = '\n';
    expect_end(input, &limits, "431 the request head is too long\n");
}

Test(http, target_limit)
{
    const char *after = " HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t rest = strlen("GET ") + strlen(after);
    size_t most = limits.target_bytes_max;
    expect_end(fill("GET /", 'x', after, rest + most), &limits, "body=\n");
    expect_end(fill("GET /", 'x', after, rest + most + 1), &limits,
               "414 the request target is too long\n");
    expect_end(fill("GET /", 'x', "", 4 + most + 1), &limits,
               "414 the request target is too long\n");
    expect_end(fill("GET /", 'x', "", 4 + most), &limits, "unfinished\n");
}

Test(http, body_limit)
{
    char before[128];
    size_t most = limits.body_bytes_max;
    snprintf(before, sizeof(before), POST_A "Content-Length: %zu\r\n\r\n", most);
    size_t head = strlen(before);
    expect_end(fill(before, 'x', "x\n", head + most), &limits, "x\n\n");
    snprintf(before, sizeof(before), POST_A "Content-Length: %zu\r\n\r\n", most + 1);
    expect_end(fill(before, 'x', "", head), &limits, "413 the request body is too large\n");

    /* Chunked, the border lies in the sum. */
    size_t chunked = strlen(CHUNKED "3f\r\n");
    expect_end(fill(CHUNKED "3f\r\n", 'x', "\r\n1\r\n!\r\n0\r\n\r\n", chunked + 63 + 13), &limits,
               "x!\n");
    expect_end(fill(CHUNKED "3f\r\n", 'x', "\r\n2\r\n", chunked + 63 + 5), &limits,
               "413 the request body is too large\n");
}

Test(http, chunk_overhead_limit)
{
    size_t most = limits.head_bytes_max;
    size_t head = strlen(CHUNKED "1");
    const char *sentence = "431 the chunk extensions and trailer fields are too long\n";
    /* What counts is the extension without its `;`, its CR, and the trailers with their empty
     * line: 1 byte for the CR, 2 for the empty line. */
    expect_end(fill(CHUNKED "0;", 'x', "\r\n\r\n", head + 1 + most - 3 + 4), &limits, "body=\n");
    expect_end(fill(CHUNKED "0;", 'x', "\r\n\r\n", head + 1 + most - 2 + 4), &limits, sentence);
    expect_end(fill(CHUNKED "0\r\nA: ", 'x', "\r\n\r\n", head + 2 + most), &limits, "body=\n");
    expect_end(fill(CHUNKED "0\r\nA: ", 'x', "\r\n\r\n", head + 2 + most + 1), &limits, sentence);
}

Test(http, offsets_hold_anywhere_in_a_buffer)
{
    static const char junk[] = "0123456789";
    static const char request[] = "\r\n" POST_A "Content-Length: 2\r\n\r\nhi";
    char buffer[sizeof(junk) + sizeof(request)];
    memcpy(buffer, junk, 10);
    memcpy(buffer + 10, request, sizeof(request) - 1);
    struct http_parser parser;
    http_parser_init(&parser, &limits);
    size_t next;
    size_t to = 10 + sizeof(request) - 1;
    cr_assert_eq(http_parse(&parser, buffer, 10, to, &next), PARSE_HEAD);
    cr_assert_eq(http_parse(&parser, buffer, next, to, &next), PARSE_DONE);
    cr_assert_eq(next, to);
    cr_assert(text_equals(http_text(buffer, parser.request.body), TEXT("hi")));
    cr_assert(text_equals(http_text(buffer, parser.request.host), TEXT("a")));
}

/* Every byte in every place of a request: no answer but the ones we know, and the same in pieces.
 */
Test(http, any_byte_anywhere)
{
    static const char request[] =
        POST_A "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\n\r\n";
    static struct transcript whole;
    static struct transcript pieces;
    char input[sizeof(request)];
    unsigned refused = 0;
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(input, request, sizeof(request));
            input[i] = (char)byte;
            struct text text = {input, sizeof(request) - 1};
            run(text, text.len, &limits, &whole);
            run(text, 29, &limits, &pieces);
            cr_assert_str_eq(whole.at, pieces.at);
            cr_assert(whole.len > 0);
            refused += strstr(whole.at, "\n400 ") || strncmp(whole.at, "400 ", 4) == 0;
            if (byte < 9 || (byte > 13 && byte < ' '))
                cr_assert(strstr(whole.at, "400 ") || strstr(whole.at, "body="), "%s", whole.at);
        }
    }
    cr_assert_gt(refused, 5000u);
}

/* --- answers ------------------------------------------------------------------------------- */

static void expect_answer(size_t len, const char *out, const char *expected)
{
    cr_expect_eq(len, strlen(expected));
    cr_expect_arr_eq(out, expected, len, "%.*s", (int)len, out);
}

Test(http, answer_heads)
{
    char out[HTTP_HEAD_ROOM];
    struct http_answer answer = {.status = 200,
                                 .keep_alive = true,
                                 .content_type = "text/html",
                                 .content_length = 12,
                                 .extra = TEXT("Vary: Origin\r\n"),
                                 .now = 784111777};
    /* The date is RFC 9110's own example. */
    expect_answer(http_format_head(out, sizeof(out), &answer), out,
                  "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                  "Content-Type: text/html\r\nContent-Length: 12\r\nConnection: keep-alive\r\n"
                  "Vary: Origin\r\n\r\n");
    answer = (struct http_answer){.status = 204, .now = 1709164800};
    expect_answer(http_format_head(out, sizeof(out), &answer), out,
                  "HTTP/1.1 204 No Content\r\nDate: Thu, 29 Feb 2024 00:00:00 GMT\r\n"
                  "Connection: close\r\n\r\n");
    answer = (struct http_answer){.status = 100, .now = 1709164800};
    expect_answer(http_format_head(out, sizeof(out), &answer), out,
                  "HTTP/1.1 100 Continue\r\n\r\n");
}

/* The line of the last second asked for is kept: another second, an earlier one, none at all. */
Test(http, dates_follow_the_clock_both_ways)
{
    static const struct {
        int64_t now;
        const char *line;
    } cases[] = {
        {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
        {1709164799, "Date: Wed, 28 Feb 2024 23:59:59 GMT\r\n"},
        {1709164800, "Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n"},
        {1709164800, "Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n"},
        {1709164799, "Date: Wed, 28 Feb 2024 23:59:59 GMT\r\n"},
        {INT64_MAX, ""},
        {INT64_MAX, ""},
        {0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text line = http_date_line(cases[i].now);
        cr_assert(text_equals(line, text_of(cases[i].line)), "%zu: \"%.*s\"", i, (int)line.len,
                  line.at);
    }
}

Test(http, answers_that_do_not_fit_write_nothing_beyond)
{
    char out[HTTP_HEAD_ROOM];
    struct http_answer answer = {.status = 404, .extra = TEXT("A: b\r\n"), .now = 0};
    size_t len = http_format_error(out, sizeof(out), &answer, "nothing is here", false, false);
    cr_assert_gt(len, 0u);
    for (size_t size = 0; size < len; size++) {
        struct text room = guard_new((struct text){out, size});
        cr_assert_eq(
            http_format_error((char *)room.at, size, &answer, "nothing is here", false, false), 0u);
        guard_free(room);
    }
    struct text room = guard_new((struct text){out, len});
    cr_assert_eq(http_format_error((char *)room.at, len, &answer, "nothing is here", false, false),
                 len);
    guard_free(room);
}

Test(http, each_status_of_ours_has_its_phrase)
{
    static const int statuses[] = {200, 204, 400, 401, 403, 404, 405, 408, 409,
                                   413, 414, 415, 421, 429, 431, 501, 503, 505};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char out[HTTP_HEAD_ROOM];
        struct http_answer answer = {.status = statuses[i]};
        size_t len = http_format_error(out, sizeof(out), &answer, "", false, false);
        cr_expect(len > 0 && !memmem(out, len, "Unknown", 7), "%d", statuses[i]);
    }
}

Test(http, error_answers)
{
    char out[HTTP_HEAD_ROOM];
    struct http_answer answer = {
        .status = 405, .keep_alive = true, .extra = TEXT("Allow: POST\r\n"), .now = 0};
    expect_answer(http_format_error(out, sizeof(out), &answer, "only POST", false, false), out,
                  "HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
                  "Connection: keep-alive\r\nAllow: POST\r\n\r\nonly POST\n");
    expect_answer(http_format_error(out, sizeof(out), &answer, "only POST", false, true), out,
                  "HTTP/1.1 405 Method Not Allowed\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n"
                  "Connection: keep-alive\r\nAllow: POST\r\n\r\n");
    answer = (struct http_answer){.status = 400, .now = 0};
    expect_answer(http_format_error(out, sizeof(out), &answer, "no", true, false), out,
                  "HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                  "Content-Type: application/json\r\nContent-Length: 15\r\n"
                  "Connection: close\r\n\r\n{\"error\": \"no\"}");
    expect_answer(http_format_error(out, sizeof(out), &answer, "\"a\\\n\x01", true, false), out,
                  "HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                  "Content-Type: application/json\r\nContent-Length: 26\r\n"
                  "Connection: close\r\n\r\n{\"error\": \"\\\"a\\\\\\n\\u0001\"}");
}

Test(http, lines_of_one_name)
{
    static const char head[] = "Cookie: a=1; b\r\nCookies: no\r\ncookie:\r\nX: Cookie: no\r\n"
                               "COOKIE:\t c \r\nCookie\r\n\r\n";
    static const char *const values[] = {"a=1; b", "", "c"};
    struct text fields = TEXT(head), value;
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(http_fields_next(fields, "cookie", &at, &value));
        cr_expect(text_equals(value, text_of(values[i])), "%zu: %.*s", i, (int)value.len, value.at);
    }
    cr_expect_not(http_fields_next(fields, "cookie", &at, &value));
    at = 0;
    cr_expect_not(http_fields_next((struct text){NULL, 0}, "cookie", &at, &value));
}
