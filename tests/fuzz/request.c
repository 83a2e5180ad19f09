/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a connection's bytes, through the request parser to the route. Feeding them in
 * pieces, from a buffer that moves each time, gives what feeding them whole gives; a body is what
 * the framing says; and a route holds only what may be in one, and what was in the target.
 */
#include <ctype.h>

#include "tests/fuzz/rules.h"
#include "tests/fuzz/target.h"

#include <strings.h>

#include "net/access/credential.h"
#include "net/handlers/parts.h"
#include "net/http/parser.h"
#include "net/http/route.h"

static const struct http_limits real_limits = {.head_bytes_max = HEAD_BYTES_MAX,
                                               .target_bytes_max = TARGET_BYTES_MAX,
                                               .body_bytes_max = 1 << 20};
/* So small that inputs of a few hundred bytes meet all of them. */
static const struct http_limits small_limits = {
    .head_bytes_max = 160, .target_bytes_max = 40, .body_bytes_max = 24};

/* --- routes -------------------------------------------------------------------------------- */

static bool is_status(int status, const int *statuses)
{
    while (*statuses && *statuses != status)
        statuses++;
    return *statuses != 0;
}

static void add_encoded(struct record *target, const char *name, struct text value)
{
    static const char digits[] = "0123456789ABCDEF";
    record_add(target, name, strlen(name));
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.at[i];
        record_add(target, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
    }
}

static void add_number(struct record *target, const char *name, int64_t number)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%s%lld", name, (long long)number);
    record_add(target, text, (size_t)len);
}

static bool subscribes(const struct route *route)
{
    return route->kind == ROUTE_FOUND && route->row->parameters == ROUTE_SUBSCRIBES;
}

static bool publishes(const struct route *route)
{
    return route->kind == ROUTE_FOUND && route->row->parameters == ROUTE_PUBLISHES;
}

/* The route says all that counts of a target: written anew from it, the target gives the same. */
static void check_again(enum http_method method, const struct route *route)
{
    static struct route again;
    struct record target = {0};
    bool subscribe = subscribes(route);
    record_add(&target, subscribe ? "/events?" : "/publish?", subscribe ? 8 : 9);
    for (unsigned i = 0; i < route->channel_count; i++)
        add_encoded(&target, "&channel=", route->channels[i]);
    if (subscribe) {
        add_encoded(&target, "&last-event-id=", route->resume);
        add_number(&target, "&last=", route->last);
        if (route->limit)
            add_number(&target, "&limit=", route->limit);
    } else {
        add_encoded(&target, "&event=", route->event);
        add_encoded(&target, "&id=", route->id);
        if (route->retry_ms >= 0)
            add_number(&target, "&retry=", route->retry_ms);
    }
    if (target.len <= TARGET_BYTES_MAX) {
        route_match(&parts_routes, &route_rules_usual, method, text_of_record(&target), &again);
        CHECK(again.kind == route->kind && again.channel_count == route->channel_count);
        for (unsigned i = 0; i < route->channel_count; i++)
            CHECK(text_equals(again.channels[i], route->channels[i]));
        CHECK(again.has_resume == route->has_resume && text_equals(again.resume, route->resume));
        CHECK(again.last == route->last && again.limit == route->limit);
        CHECK(text_equals(again.event, route->event) && text_equals(again.id, route->id));
        CHECK(again.retry_ms == route->retry_ms);
    }
    free(target.at);
}

static bool is_dots(struct text segment)
{
    return text_equals(segment, TEXT(".")) || text_equals(segment, TEXT(".."));
}

/* A channel in the path comes first, percent-decoded once, and a `+` in it is a `+`. */
static void check_path(struct text target, const struct route *route)
{
    const char *prefix = subscribes(route) ? "/events/" : "/publish/";
    size_t at = strlen(prefix), len = 0;
    if (target.len < at || memcmp(target.at, prefix, at) != 0)
        return;
    CHECK(route->channel_count >= 1);
    struct text channel = route->channels[0];
    for (; at < target.len && target.at[at] != '?'; at++) {
        char byte = target.at[at];
        if (byte == '%') {
            CHECK(target.len - at > 2);
            byte = (char)strtoul((char[]){target.at[at + 1], target.at[at + 2], 0}, NULL, 16);
            at += 2;
        }
        CHECK(len < channel.len && channel.at[len] == byte);
        len++;
    }
    CHECK(len == channel.len);
    for (size_t from = 0; from <= len;) {
        const char *slash = from < len ? memchr(channel.at + from, '/', len - from) : NULL;
        size_t end = slash ? (size_t)(slash - channel.at) : len;
        CHECK(!is_dots((struct text){channel.at + from, end - from}));
        from = end + 1;
    }
}

/* The administration's rows are on its listener alone, and nothing else is there but what watches;
 * and what it is given is of the target. */
static void check_admin(enum http_method method, struct text target, const struct route *public)
{
    static const struct route_rules rules = {.names = ROUTE_NAMES_OF_ADMIN,
                                             .query_channels = true,
                                             .channels_max = SUBSCRIBER_CHANNELS_DEFAULT};
    static struct route admin;
    CHECK(!public->row || public->row->name != ROUTE_NAME_ADMIN);
    route_match(&parts_routes, &rules, method, target, &admin);
    CHECK(!admin.row || ROUTE_NAMES_OF_ADMIN & 1u << admin.row->name);
    CHECK(!admin.row || admin.row->act == ACT_LOOK);
    CHECK((admin.kind == ROUTE_REFUSED) == (admin.sentence != NULL));
    for (unsigned i = 0; i < admin.channel_count; i++)
        CHECK(rules_is_channel(admin.channels[i]));
    CHECK(admin.channel_count <= 1);
    CHECK(admin.after.len + admin.subscriber.len + admin.event.len <= target.len);
    CHECK(rules_is_text(admin.event));
}

static void check_route(enum http_method method, struct text target, const struct route *route)
{
    static const int statuses[] = {400, 404, 405, 414, 501, 0};
    CHECK((route->kind == ROUTE_REFUSED) == (route->status != 0));
    CHECK((route->kind == ROUTE_REFUSED) == (route->sentence != NULL));
    if (route->kind == ROUTE_REFUSED) {
        CHECK(is_status(route->status, statuses));
        CHECK(route->status != 404 || !route->allow);
        return;
    }
    CHECK(route->allow);
    bool posts = route->row && route->row->methods == &route_writes;
    CHECK(route->kind == ROUTE_OPTIONS ? method == METHOD_OPTIONS
          : posts                      ? method == METHOD_POST
                                       : method == METHOD_GET || method == METHOD_HEAD ||
                        (route->row->methods == &route_asks &&
                         (method == METHOD_POST || method == METHOD_QUERY)));
    CHECK(route->channel_count <= SUBSCRIBER_CHANNELS_MAX);
    bool asks_more = method == METHOD_POST || method == METHOD_QUERY; /* in its body */
    CHECK(!subscribes(route) || asks_more || route->channel_count >= 1);
    CHECK(!publishes(route) || route->channel_count <= 1);
    for (unsigned i = 0; i < route->channel_count; i++) {
        CHECK(rules_is_channel(route->channels[i]));
        for (unsigned k = 0; k < i; k++)
            CHECK(!text_equals(route->channels[i], route->channels[k]));
    }
    CHECK(route->has_resume == (route->resume.len > 0));
    CHECK(rules_is_text(route->event) && rules_is_text(route->id));
    CHECK(route->retry_ms >= -1 && route->retry_ms <= EVENT_RETRY_MS_MAX);
    if (subscribes(route) || publishes(route)) {
        check_path(target, route);
        check_again(method, route);
    }
}

/* --- credentials --------------------------------------------------------------------------- */

static bool lies_in(struct text part, struct text whole)
{
    return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

/* A token is a part of the first place that has one, and nothing else. */
static void check_credential(struct text authorization, struct text query, struct text cookie)
{
    struct credential credential = credential_find(authorization, query, cookie);
    bool bearer = authorization.len >= 6 && strncasecmp(authorization.at, "bearer", 6) == 0 &&
                  (authorization.len == 6 || strchr(" \t", authorization.at[6]));
    switch (credential.place) {
    case CREDENTIAL_BY_HEADER:
        CHECK(bearer && lies_in(credential.token, authorization));
        break;
    case CREDENTIAL_BY_QUERY:
        CHECK(!bearer && query.at && text_equals(credential.token, query));
        break;
    case CREDENTIAL_BY_COOKIE:
        CHECK(!bearer && !query.at && lies_in(credential.token, cookie));
        CHECK(memmem(cookie.at, cookie.len, "fanfare=", 8));
        break;
    case CREDENTIAL_NONE:
        CHECK(!bearer && !query.at && credential.token.len == 0);
    }
}

/* --- requests ------------------------------------------------------------------------------ */

static void record_span(struct record *record, const char *buffer, struct http_span span,
                        size_t filled)
{
    CHECK(span.len == 0 || (size_t)span.at + span.len <= filled);
    record_text(record, span.len ? http_text(buffer, span) : TEXT(""));
}

static void record_head(struct record *record, const struct http_request *request,
                        const char *buffer, size_t filled)
{
    static struct route route;
    const struct http_span spans[] = {request->method_name,
                                      request->target,
                                      request->host,
                                      request->content_type,
                                      request->content_encoding,
                                      request->last_event_id,
                                      request->origin,
                                      request->fetch_site,
                                      request->access_control_request_method,
                                      request->access_control_request_headers,
                                      request->accept,
                                      request->authorization,
                                      request->cookie};
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        record_span(record, buffer, spans[i], filled);
    record_number(record, request->method);
    record_number(record, request->minor);
    record_number(record, request->keep_alive);
    record_number(record, request->chunked);
    record_number(record, request->has_body);
    record_number(record, request->expect_continue);
    record_number(record, request->content_length);
    CHECK(request->minor <= 1 && request->target.len > 0);
    CHECK(request->has_body == (request->chunked || request->content_length > 0));
    CHECK(!request->chunked || request->content_length == 0);
    struct text target = http_text(buffer, request->target);
    route_match(&parts_routes, &route_rules_usual, request->method, target, &route);
    check_route(request->method, target, &route);
    check_admin(request->method, target, &route);
    check_credential(http_text(buffer, request->authorization), route.token,
                     http_text(buffer, request->cookie));
    record_text(record, route.token.at ? route.token : TEXT(""));
    record_number(record, route.kind);
    record_number(record, (uint64_t)route.status);
}

static bool is_name(struct text text, const char *name)
{
    return text.len == strlen(name) && strncasecmp(text.at, name, text.len) == 0;
}

/* A field line: a token, a colon at once, and a value without controls. */
static struct text check_field(struct text line)
{
    const char *colon = memchr(line.at, ':', line.len);
    CHECK(colon && colon > line.at);
    struct text name = {line.at, (size_t)(colon - line.at)};
    for (size_t i = 0; i < name.len; i++)
        CHECK(name.at[i] > ' ' && name.at[i] < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", name.at[i]));
    for (size_t i = name.len; i < line.len; i++)
        CHECK((unsigned char)line.at[i] >= ' ' ? line.at[i] != 0x7f : line.at[i] == '\t');
    return name;
}

/* What RFC 9112 forbids is not in a head that was accepted: two readers in a row must not see two
 * different requests in it. `head` ends with its empty line. */
static void check_head(const struct http_request *request, struct text head)
{
    unsigned hosts = 0, lengths = 0, codings = 0;
    while (head.len >= 2 && memcmp(head.at, "\r\n", 2) == 0)
        head = (struct text){head.at + 2, head.len - 2};
    for (bool first = true;; first = false) {
        const char *end = memmem(head.at, head.len, "\r\n", 2);
        CHECK(end);
        struct text line = {head.at, (size_t)(end - head.at)};
        head = (struct text){end + 2, head.len - line.len - 2};
        CHECK(!memchr(line.at, '\r', line.len) && !memchr(line.at, '\n', line.len));
        if (line.len == 0)
            break;
        struct text name = first ? TEXT("") : check_field(line);
        hosts += is_name(name, "host");
        lengths += is_name(name, "content-length");
        codings += is_name(name, "transfer-encoding");
        if (!is_name(name, "content-length"))
            continue;
        struct text rest = {name.at + name.len + 1, line.len - name.len - 1};
        while (rest.len && (rest.at[0] == ' ' || rest.at[0] == '\t'))
            rest = (struct text){rest.at + 1, rest.len - 1};
        CHECK(rules_number(rest, &rest) == request->content_length);
        for (size_t i = 0; i < rest.len; i++)
            CHECK(rest.at[i] == ' ' || rest.at[i] == '\t');
    }
    CHECK(head.len == 0);
    CHECK(hosts == 1 || (hosts == 0 && request->minor == 0));
    CHECK(lengths + codings <= 1 && request->chunked == (codings == 1));
    CHECK(!request->chunked || request->minor == 1);
}

/* The body by the framing, read a second time from the bytes as they were sent. */
static void check_body(const struct http_request *request, struct text body, struct text sent)
{
    if (!request->chunked) {
        CHECK(body.len == request->content_length && text_equals(body, sent));
        return;
    }
    size_t len = 0;
    for (size_t at = 0;;) {
        size_t size = 0;
        for (size_t digit = at; digit < sent.len && isxdigit((unsigned char)sent.at[digit]);
             digit++)
            size = size * 16 + (size_t)(isdigit((unsigned char)sent.at[digit])
                                            ? sent.at[digit] - '0'
                                            : (sent.at[digit] | 32) - 'a' + 10);
        const char *lf = memchr(sent.at + at, '\n', sent.len - at);
        CHECK(lf);
        at = (size_t)(lf - sent.at) + 1;
        if (size == 0)
            break;
        CHECK(size <= sent.len - at && size <= body.len - len);
        CHECK(memcmp(body.at + len, sent.at + at, size) == 0);
        len += size;
        at += size + 2;
        CHECK(at < sent.len);
    }
    CHECK(len == body.len);
    CHECK(sent.len >= 4 && memcmp(sent.at + sent.len - 4, "\r\n\r\n", 4) == 0);
}

static void check_refusal(const struct http_parser *parser)
{
    static const int statuses[] = {400, 413, 414, 431, 501, 505, 0};
    CHECK(is_status(parser->status, statuses));
    CHECK(parser->sentence && parser->sentence[0]);
}

/* --- a connection -------------------------------------------------------------------------- */

struct connection {
    struct http_parser parser;
    struct record *record;
    char *buffer;
    size_t from, filled;
    /* Where the request and its body begin, as they were sent; only if nothing is cut. */
    size_t begin, body_at;
    bool in_body;
};

/* Parses what is in the buffer; false when a request was refused. */
static bool parse_all(struct connection *connection, const struct text *whole)
{
    struct http_parser *parser = &connection->parser;
    const struct http_request *request = &parser->request;
    enum http_result result;
    do {
        size_t next;
        result =
            http_parse(parser, connection->buffer, connection->from, connection->filled, &next);
        CHECK(next <= connection->filled);
        connection->from = next;
        if (result == PARSE_HEAD) {
            connection->body_at = next;
            connection->in_body = true;
            CHECK(request->target.len <= parser->limits.target_bytes_max);
            CHECK(!whole || next - connection->begin <= parser->limits.head_bytes_max);
            if (whole)
                check_head(request,
                           (struct text){whole->at + connection->begin, next - connection->begin});
            record_head(connection->record, request, connection->buffer, next);
        } else if (result == PARSE_DONE) {
            record_span(connection->record, connection->buffer, request->body, next);
            if (whole && request->has_body)
                check_body(
                    request, http_text(connection->buffer, request->body),
                    (struct text){whole->at + connection->body_at, next - connection->body_at});
            CHECK(request->has_body || request->body.len == 0);
            CHECK(request->body.len <= parser->limits.body_bytes_max);
            connection->begin = next;
            connection->in_body = false;
            http_parser_start(parser);
        }
    } while (result == PARSE_HEAD || result == PARSE_DONE);
    if (!http_parser_begun(parser) && result == PARSE_MORE)
        connection->from = 0; /* of a request that has not begun nothing needs to be kept */
    connection->filled = connection->from;
    /* The framing of chunks is squeezed out: it cannot fill the buffer. */
    if (result == PARSE_MORE && connection->in_body)
        CHECK(connection->from == (size_t)request->body.at + request->body.len);
    if (result == PARSE_MORE)
        return true;
    check_refusal(parser);
    record_number(connection->record, (uint64_t)parser->status);
    record_text(connection->record, text_of(parser->sentence));
    return false;
}

/* `piece_max` 0: all at once. Each piece comes into a buffer that has exactly room for it. */
static void drive(const struct http_limits *limits, struct text input, size_t piece_max,
                  struct record *record)
{
    struct chance chance = chance_of(input);
    struct connection connection = {.record = record};
    struct text rest = input;
    http_parser_init(&connection.parser, limits);
    bool open = true;
    while (open && rest.len > 0) {
        size_t len = piece_max ? 1 + chance_below(&chance, piece_max) : rest.len;
        len = len < rest.len ? len : rest.len;
        char *buffer = malloc(connection.filled + len);
        CHECK(buffer);
        if (connection.filled)
            memcpy(buffer, connection.buffer, connection.filled);
        memcpy(buffer + connection.filled, rest.at, len);
        free(connection.buffer);
        connection.buffer = buffer;
        connection.filled += len;
        rest = (struct text){rest.at + len, rest.len - len};
        open = parse_all(&connection, piece_max ? NULL : &input);
    }
    record_number(record, open && http_parser_begun(&connection.parser));
    free(connection.buffer);
}

static void compare(const struct http_limits *limits, struct text input)
{
    struct record whole = {0}, cut = {0};
    drive(limits, input, 0, &whole);
    for (size_t piece_max = input.len <= 600 ? 1 : 100; piece_max < 1000; piece_max *= 9) {
        cut.len = 0;
        drive(limits, input, piece_max, &cut);
        CHECK(text_equals(text_of_record(&whole), text_of_record(&cut)));
    }
    free(whole.at);
    free(cut.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = text_of_input(bytes, len);
    compare(&real_limits, input);
    compare(&small_limits, input);
    return 0;
}
