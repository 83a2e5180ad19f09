/* SPDX-License-Identifier: MIT */
/*
 * Every parser and builder that is given what a stranger sent, over the worst inputs known for it,
 * at two sizes: bench/micro/growth.py has callgrind count what each costs and asserts that twice
 * the input costs about twice the work. With --time it says milliseconds instead.
 *
 * An input is a text that is repeated between a beginning and an end, so the table below is all
 * there is to read. What is counted is what happens between the ends of parsers_prepared and of
 * parsers_measured, once for each trial and size; the program prints a line of JSON for each.
 *
 * Length: one table of all inputs, and above it what each row runs.
 */
#include <errno.h>
#include <jansson.h>
#include <time.h>

#include "cmd/event_reader.h"
#include "engine/form.h"
#include "engine/frame.h"
#include "engine/hub.h"
#include "net/access/base64url.h"
#include "net/access/claims.h"
#include "net/access/keys.h"
#include "engine/base/pattern.h"
#include "net/access/token_list.h"
#include "net/feed/event_text.h"
#include "net/handlers/parts.h"
#include "net/handlers/publish_body.h"
#include "net/handlers/subscribe_body.h"
#include "net/http/parser.h"
#include "net/http/percent.h"
#include "net/http/route.h"

static struct hub *hub; /* for the key that channels are hashed with; nobody listens */

/* --- what is run --------------------------------------------------------------------------- */

/* Builders and checks. What they say of the input does not matter, only how long they take. */

static void run_frame(struct text input)
{
    struct event event = {.channel = TEXT("bench"), .data = input, .retry_ms = -1};
    struct frame *frame = NULL;
    int r = frame_new(&event, 1, &frame);
    CHECK(r >= 0);
    frame_unref(frame);
}

static void run_is_text(struct text input)
{
    (void)frame_is_text(input);
}

/* Short texts, one after the other: what is asked of every channel, type and id. */
static void run_names(struct text input)
{
    for (; input.len >= ID_LEN; input = (struct text){input.at + ID_LEN, input.len - ID_LEN}) {
        struct text name = {input.at, ID_LEN};
        (void)frame_check_channel(name);
        (void)frame_check_id(name);
        (void)id_has_form(name);
    }
}

/* A notice of gaps in channels with these names, as long as they may be. */
static void run_notice(struct text input)
{
    struct form_loss losses[SUBSCRIBER_CHANNELS_DEFAULT];
    struct ids ids;
    struct form_gap gap = {
        .reason = "expired", .from = {input.at, EVENT_ID_BYTES_MAX}, .ids = &ids, .losses = losses};
    ids_init(&ids, 1, NULL);
    while (input.len >= CHANNEL_BYTES_MAX && gap.count < SUBSCRIBER_CHANNELS_DEFAULT) {
        losses[gap.count++] = (struct form_loss){{input.at, CHANNEL_BYTES_MAX}, 1, 1};
        input = (struct text){input.at + CHANNEL_BYTES_MAX, input.len - CHANNEL_BYTES_MAX};
    }
    struct frame *frame = form_notice(FORM_CHUNKED, &gap);
    CHECK(frame);
    frame_unref(frame);
}

static void run_percent(struct text input)
{
    char *out = malloc(input.len);
    size_t len;
    CHECK(out);
    int r = percent_decode(input, true, out, &len);
    CHECK(r == 0 || r == -EINVAL);
    free(out);
}

static void run_route(struct text input)
{
    static struct route route;
    route_match(&parts_routes, &route_rules_usual, METHOD_GET, input, &route);
}

/* Patterns and names of up to 256 bytes, the same number of them whatever the input's length is, so
 * that twice the input is twice the length of each. */
static void run_pattern(struct text input)
{
    char bytes[CHANNEL_BYTES_MAX];
    size_t len = input.len / 128 < sizeof(bytes) ? input.len / 128 : sizeof(bytes);
    struct text pattern = {bytes, len}, name = {input.at, len};
    memcpy(bytes, input.at, len);
    bytes[0] = bytes[len - 1] = '*';
    bytes[len / 2] = 'b';
    memset(bytes + len / 2 + 1, '*', len - len / 2 - 1);
    for (unsigned i = 0; i < 128; i++) {
        struct patterns *patterns = NULL;
        int r = patterns_new(&pattern, 1, &patterns);
        CHECK(r == 0);
        (void)patterns_match(patterns, name);
        patterns_free(patterns);
    }
}

static void run_base64url(struct text input)
{
    unsigned char *out = malloc(BASE64URL_BYTES(input.len));
    size_t len;
    CHECK(out);
    bool decoded = base64url_decode(input, out, &len);
    CHECK(decoded == (input.len % 4 == 0));
    free(out);
}

static void run_claims(struct text input)
{
    struct claims claims;
    if (claims_read(input, &claims) == 0)
        claims_deinit(&claims);
}

static void run_token_list(struct text input)
{
    struct token_list *list = NULL;
    char error[256];
    if (token_list_new(input, &list, error, sizeof(error)) == 0)
        token_list_unref(list);
}

static void run_keys(struct text input)
{
    struct keys *keys = keys_new();
    char error[256];
    unsigned left_out;
    CHECK(keys);
    int r = keys_add_jwks(keys, KEYS_URL, ALGORITHM_RS256, input, &left_out, error, sizeof(error));
    CHECK(r == -EINVAL);
    keys_unref(keys);
}

/* Bodies. */

static void decode(const char *content_type, struct text input)
{
    static struct frame *frames[PUBLISH_EVENTS_MAX];
    struct publish_body body = {.content_type = text_of(content_type),
                                .bytes = input,
                                .channel = TEXT("bench"),
                                .retry_ms = -1};
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    int r = publish_body_decode(hub, &body, frames, &count, error);
    CHECK(r >= 0);
    while (count > 0)
        frame_unref(frames[--count]);
}

static void run_text_body(struct text input)
{
    decode("text/plain", input);
}

static void run_form(struct text input)
{
    decode("application/x-www-form-urlencoded", input);
}

static void run_json(struct text input)
{
    decode("application/json", input);
}

static void run_stream_body(struct text input)
{
    decode("text/event-stream", input);
}

static void run_send(struct text input)
{
    char error[PUBLISH_ERROR_BYTES];
    struct frame *frame = NULL;
    const struct publish_body body = {.bytes = input};
    int r = publish_body_decode_send(hub, &body, &frame, error);
    CHECK(r >= 0);
    frame_unref(frame);
}

static void ask(const char *type, struct text input)
{
    static struct route route;
    struct subscribe_body body;
    struct subscribe_text text = {.content_type = text_of(type), .bytes = input};
    char error[JSON_ERROR_BYTES];
    route_match(&parts_routes, &route_rules_usual, METHOD_POST, TEXT("/events"), &route);
    CHECK(subscribe_body_read(&body, &text, &route, error) >= 0);
    subscribe_body_deinit(&body);
}

static void run_ask_form(struct text input)
{
    ask("application/x-www-form-urlencoded", input);
}

static void run_ask_json(struct text input)
{
    ask("application/json", input);
}

static void run_content_type(struct text input)
{
    struct publish_body body = {
        .content_type = input, .bytes = TEXT("x"), .channel = TEXT("bench"), .retry_ms = -1};
    struct frame *frame;
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 0;
    int r = publish_body_decode(hub, &body, &frame, &count, error);
    CHECK(r >= 0);
    if (count)
        frame_unref(frame);
}

/* The feed's reader, whole and in pieces. */

static void read_feed(struct text input, size_t piece)
{
    struct event_text parser;
    event_text_init(&parser, input.len, true);
    while (input.len > 0) {
        size_t len = piece < input.len ? piece : input.len, consumed;
        enum event_text_result result = event_text_read(&parser, input.at, len, &consumed);
        CHECK(result <= EVENT_TEXT_REFUSED);
        input = (struct text){input.at + consumed, input.len - consumed};
    }
    event_text_deinit(&parser);
}

static void run_feed(struct text input)
{
    read_feed(input, SIZE_MAX);
}

static void run_feed_pieces(struct text input)
{
    read_feed(input, 1);
}

/* What `fanfare sub` makes of a server's stream. */

static void ignore(void *context, const struct read_event *event)
{
    (void)context;
    (void)event;
}

static void read_stream(struct text input, size_t piece)
{
    struct event_reader reader;
    event_reader_init(&reader, ignore, NULL);
    while (input.len > 0) {
        size_t len = piece < input.len ? piece : input.len;
        int r = event_reader_feed(&reader, (struct text){input.at, len});
        CHECK(r == 0);
        input = (struct text){input.at + len, input.len - len};
    }
    event_reader_deinit(&reader);
}

static void run_reader(struct text input)
{
    read_stream(input, SIZE_MAX);
}

static void run_reader_pieces(struct text input)
{
    read_stream(input, 1);
}

/* Requests, whole and in pieces: what was taken moves to where the parser wants it, as a
 * connection's buffer does. */

static void parse(struct text input, size_t piece)
{
    static const struct http_limits limits = {
        .head_bytes_max = 64u << 20, .target_bytes_max = 64u << 20, .body_bytes_max = 64u << 20};
    struct http_parser parser;
    char *buffer = malloc(input.len);
    size_t from = 0, filled = 0;
    CHECK(buffer);
    http_parser_init(&parser, &limits);
    while (input.len > 0) {
        size_t len = piece < input.len ? piece : input.len;
        memcpy(buffer + filled, input.at, len);
        filled += len;
        input = (struct text){input.at + len, input.len - len};
        enum http_result result;
        do {
            result = http_parse(&parser, buffer, from, filled, &from);
            if (result == PARSE_DONE)
                http_parser_start(&parser);
        } while (result == PARSE_HEAD || result == PARSE_DONE);
        if (result == PARSE_REFUSED)
            break;
        filled = from;
    }
    free(buffer);
}

static void run_request(struct text input)
{
    parse(input, SIZE_MAX);
}

static void run_request_pieces(struct text input)
{
    parse(input, 1);
}

/* --- over what ----------------------------------------------------------------------------- */

#define HEAD    "POST /publish/c HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"

static const struct trial {
    const char *name;
    void (*run)(struct text input);
    const char *begin, *unit, *end; /* a # of the unit is a number of seven digits */
} trials[] = {
    {"frame, CR", run_frame, "", "\r", ""},
    {"frame, LF", run_frame, "", "\n", ""},
    {"frame, CRLF", run_frame, "", "\r\n", ""},
    {"frame, CR and one LF at the end", run_frame, "", "\r", "\n"},
    {"frame, LF and one CR at the end", run_frame, "", "\n", "\r"},
    {"frame, short lines", run_frame, "", "a\rb\n", ""},
    {"frame, two-byte letters", run_frame, "", "\xc3\xa9", ""},
    {"text, ASCII", run_is_text, "", "x", "\xff"},
    {"text, four-byte letters", run_is_text, "", "\xf0\x9f\x98\x80", "\xff"},
    {"names", run_names, "", "0123456789ab-0123456789abcdef", ""},
    {"gap notice, quotes", run_notice, "", "\"", ""},
    {"gap notice, letters", run_notice, "", "x", ""},
    {"percent", run_percent, "", "%0D", ""},
    {"percent, stray", run_percent, "", "+", "%"},
    {"route, long channel", run_route, "/events/", "%61", ""},
    {"route, dots", run_route, "/events", "/%2e%2", ""},
    {"route, one channel again", run_route, "/events?channel=b", "&channel=a", ""},
    {"route, empty parameters", run_route, "/events/c?", "&", ""},
    {"route, unknown parameters", run_route, "/events/c?", "x=y&", ""},
    {"content type, parameters", run_content_type, "text/plain", ";a=\"\\;\"", ""},
    {"content type, spaces", run_content_type, "text/plain", "; ", ""},
    {"pattern, nearly everywhere", run_pattern, "", "a", ""},
    {"base64url", run_base64url, "", "_-_-", ""},
    {"claims, patterns", run_claims, "{\"fanfare\":{\"publish\":[", "\"a*\",", "0]}}"},
    {"claims, members", run_claims, "{", "\"#\":0,", "\"exp\":0}"},
    {"claims, a time of many digits", run_claims, "{\"exp\":\"0", "0", "\"}"},
    {"claims, a time of many decimals", run_claims, "{\"exp\":\"0.", "0", "\"}"},
    {"claims, a number of many digits", run_claims, "{\"exp\":0.", "1", "}"},
    {"claims, nested", run_claims, "{\"a\":", "[", ""},
    {"token list, comments", run_token_list, "", "#\n", ""},
    {"token list, a long token", run_token_list, "", "x", "\n"},
    {"keys, none for us", run_keys, "{\"keys\":[", "{\"kty\":\"oct\"},", "0]}"},
    {"text body, CR", run_text_body, "", "\r", ""},
    {"form, encoded CR", run_form, "data=", "%0D", ""},
    {"form, ampersands", run_form, "", "&", "data=x"},
    {"form, pairs", run_form, "", "a=b&", "data=x"},
    {"stream's form, one channel", run_ask_form, "", "channel=a&", ""},
    {"stream's form, unknown", run_ask_form, "", "a=b&", ""},
    {"stream's form, a long name", run_ask_form, "channel=", "a", ""},
    {"stream's JSON, one channel", run_ask_json, "{\"channels\": [\"a\"", ",\"a\"", "]}"},
    {"stream's JSON, a long name", run_ask_json, "{\"channels\": [\"", "a", "\"]}"},
    {"form, no data", run_form, "", "a", ""},
    {"JSON, escaped CR", run_json, "{\"data\":\"", "\\r", "\"}"},
    {"JSON, escaped letters", run_json, "{\"data\":\"", "\\u00e9", "\"}"},
    {"JSON, surrogates", run_json, "{\"data\":\"", "\\ud83d\\ude00", "\"}"},
    {"JSON, four-byte letters", run_json, "{\"data\":\"", "\xf0\x9f\x98\x80", "\"}"},
    {"JSON, cut in a string", run_json, "{\"data\":\"", "x", ""},
    {"JSON, numbers", run_json, "[", "1, ", "1]"},
    {"JSON, real numbers", run_json, "[", "0.1,", "1]"},
    {"JSON, digits", run_json, "[0.", "1", "]"},
    {"JSON, empty strings", run_json, "[", "\"\",", "1]"},
    {"JSON, empty objects", run_json, "[", "{}  ,", "1]"},
    {"JSON, nested arrays", run_json, "", "[", ""},
    {"JSON, nested objects", run_json, "", "{\"\":", ""},
    {"JSON, members", run_json, "{", "\"#\":0,", "\"data\":\"x\"}"},
    {"JSON, too many values", run_json, "[", "[],", "0]"},
    {"JSON, spaces", run_json, "", " ", "x"},
    {"JSON, lines", run_json, "", "\n", "x"},
    {"JSON, events", run_json, "[", "{\"data\":\"x\"},", "0]"},
    {"send, members", run_send, "{", "\"#\":0,", "\"message\":\"x\"}"},
    {"send, arrays", run_send, "{\"message\":\"x\",\"y\":[", "[]  ,", "0]}"},
    {"event stream, CR", run_stream_body, "", "\r", ""},
    {"event stream, LF", run_stream_body, "", "\n", ""},
    {"event stream, lines of data", run_stream_body, "", "data\r", "\r"},
    {"event stream, comments", run_stream_body, "", ":\n", "data\n\n"},
    {"event stream, retries", run_stream_body, "", "retry:1\r", "data\r\r"},
    {"event stream, ids", run_stream_body, "", "id:1\n", "data\n\n"},
    {"event stream, blocks without data", run_stream_body, "", "id:1\r\r", "data\r\r"},
    {"feed, events", run_feed, "", "channel:c\rdata\r\r", ""},
    {"feed, a long line of data", run_feed, "channel:c\ndata:", "x", ""},
    {"feed in pieces, events", run_feed_pieces, "", "channel:c\rdata\r\r", ""},
    {"feed in pieces, lines of data", run_feed_pieces, "", "data\r", "\r"},
    {"feed in pieces, a long line of data", run_feed_pieces, "channel:c\ndata:", "x", ""},
    {"feed in pieces, a long comment", run_feed_pieces, "", ":", ""},
    {"feed in pieces, a long unknown field", run_feed_pieces, "", "x", ""},
    {"client, CR", run_reader, "", "\r", ""},
    {"client, lines of data", run_reader, "", "data\r", "\r"},
    {"client, a long line of data", run_reader, "data:", "x", "\n\n"},
    {"client in pieces, lines of data", run_reader_pieces, "", "data\r", "\r"},
    {"client in pieces, a long line of data", run_reader_pieces, "data:", "x", "\n\n"},
    {"head, empty lines", run_request, "", "\r\n", ""},
    {"head, a long target", run_request, "GET /", "x", ""},
    {"head, short fields", run_request, HEAD, "a:\r\n", "\r\n"},
    {"head, known fields", run_request, HEAD, "accept:\r\n", "\r\n"},
    {"head, a long value", run_request, HEAD "a:", " ", "\r\n\r\n"},
    {"head, a list", run_request, HEAD "connection:", "close,", "\r\n\r\n"},
    {"head in pieces, short fields", run_request_pieces, HEAD, "a:\r\n", "\r\n"},
    {"head in pieces, a long value", run_request_pieces, HEAD "a:", "x", "\r\n\r\n"},
    {"requests", run_request, "", "GET / HTTP/1.1\r\nHost:\r\n\r\n", ""},
    {"requests in pieces", run_request_pieces, "", "GET / HTTP/1.1\r\nHost:\r\n\r\n", ""},
    {"chunks of a byte", run_request, CHUNKED, "1\r\nx\r\n", "0\r\n\r\n"},
    {"chunks of a byte, in pieces", run_request_pieces, CHUNKED, "1\r\nx\r\n", "0\r\n\r\n"},
    {"chunk extensions", run_request_pieces, CHUNKED "1;", "x", "\r\nx\r\n0\r\n\r\n"},
    {"trailers", run_request_pieces, CHUNKED "0\r\n", "a:\r\n", "\r\n"},
};

#define TRIALS (sizeof(trials) / sizeof(trials[0]))

/* --- measuring ----------------------------------------------------------------------------- */

/* The script has callgrind write its counts, and begin anew, at the end of these two, found
 * by their names. */
void parsers_prepared(void);
__attribute__((noinline)) void parsers_prepared(void)
{
    __asm__ volatile("");
}

void parsers_measured(void (*run)(struct text input), struct text input);
__attribute__((noinline)) void parsers_measured(void (*run)(struct text input), struct text input)
{
    run(input);
    __asm__ volatile(""); /* or the call would become a jump, which leaves this function */
}

static void put(struct text *input, char *room, const char *text, unsigned number)
{
    for (; *text; text++) {
        if (*text == '#')
            input->len += (size_t)snprintf(room + input->len, 8, "%07u", number % 10000000);
        else
            room[input->len++] = *text;
    }
}

/* The trial's text of about `size` bytes, in memory of its own. */
static struct text input_new(const struct trial *trial, size_t size)
{
    char *room = malloc(size + 256);
    struct text input = {room, 0};
    CHECK(room);
    put(&input, room, trial->begin, 0);
    for (unsigned number = 0; input.len < size; number++)
        put(&input, room, trial->unit, number);
    put(&input, room, trial->end, 0);
    return input;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What is longer than a target or a notice may be is refused unread; room for a unit begun before
 * the end. */
static size_t bytes_max(const struct trial *trial)
{
    if (trial->run == run_notice)
        return SUBSCRIBER_CHANNELS_DEFAULT * CHANNEL_BYTES_MAX;
    return trial->run == run_route ? TARGET_BYTES_MAX - 16 : SIZE_MAX;
}

static void measure(const struct trial *trial, size_t size, bool time)
{
    struct text input = input_new(trial, size);
    parsers_prepared();
    double begin_ms = now_ms();
    parsers_measured(trial->run, input);
    if (time)
        printf("%-40s %10zu bytes %9.2f ms\n", trial->name, input.len, now_ms() - begin_ms);
    else
        printf("{\"trial\": \"%s\", \"bytes\": %zu}\n", trial->name, input.len);
    free((char *)(uintptr_t)input.at);
}

int main(int argument_count, char **arguments)
{
    bool time = argument_count >= 2 && strcmp(arguments[1], "--time") == 0;
    size_t size = argument_count == 2 + time ? strtoul(arguments[1 + time], NULL, 10) : 0;
    if (size == 0 || size > 16u << 20) {
        fprintf(stderr,
                "Usage: parsers [--time] BYTES\n\n"
                "Runs each parser and builder over its worst inputs of so many bytes and of "
                "twice as many,\nto be counted by bench/micro/growth; with --time, over "
                "BYTES alone.\n");
        return 2;
    }
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    json_object_seed(1); /* the same work every time */
    int r = hub_new(&options, &hub);
    CHECK(r == 0);
    for (unsigned i = 0; i < TRIALS; i++) {
        size_t most = bytes_max(&trials[i]), large = time ? size : 2 * size;
        large = large < most ? large : most;
        if (!time)
            measure(&trials[i], large / 2, false);
        measure(&trials[i], large, time);
    }
    hub_free(hub);
    return 0;
}
