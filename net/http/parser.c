/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1 requests and answer heads; the contract is in http.h.
 *
 * A head goes through two readers. The first is the state machine below: it takes every byte as it
 * comes, cuts the request line, and lets nothing through but CRLF line ends, `name: value` lines
 * and printable values. The second is llhttp (net/http/fields.c), which gets the complete field
 * lines once. A request must pass both, so neither's leniency is ours: llhttp 8.1 alone takes a
 * bare CR or LF as line end, and any two bytes as the end of a chunk, which is why bodies are
 * decoded here.
 *
 * Every decision depends on the bytes up to the current one only, never on how they were cut.
 */
#include "net/http/parser.h"

#include <string.h>

#include "net/http/bytes.h"
#include "net/http/fields.h"

enum state {
    STATE_START, /* before the request line: empty lines are skipped (RFC 9112 section 2.2) */
    STATE_START_LF,
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_VERSION_LF,
    STATE_LINE, /* at the first byte of a field line, of the head or of the trailers */
    STATE_NAME,
    STATE_VALUE,
    STATE_VALUE_LF,
    STATE_END_LF,
    STATE_HEAD_COMPLETE,
    STATE_IDENTITY,
    STATE_CHUNK_SIZE,
    STATE_CHUNK_EXTENSION,
    STATE_CHUNK_SIZE_LF,
    STATE_CHUNK_DATA,
    STATE_CHUNK_CR,
    STATE_CHUNK_LF,
    STATE_DONE,
    STATE_REFUSED,
};

/* The longest registered method, UPDATEREDIRECTREF, has 17 bytes; longer than this is no method. */
#define METHOD_BYTES_MAX 32
/* "HTTP/1.1" */
#define VERSION_BYTES 8
/* A 64-bit size: what is longer has leading zeros to no purpose. */
#define CHUNK_SIZE_DIGITS_MAX 16

void http_parser_init(struct http_parser *parser, const struct http_limits *limits)
{
    *parser = (struct http_parser){.limits = *limits, .state = STATE_START};
}

void http_parser_start(struct http_parser *parser)
{
    struct http_limits limits = parser->limits;
    http_parser_init(parser, &limits);
}

bool http_parser_begun(const struct http_parser *parser)
{
    return parser->state > STATE_START_LF;
}

static enum http_result refuse(struct http_parser *parser, int status, const char *sentence)
{
    parser->state = STATE_REFUSED;
    parser->status = status;
    parser->sentence = sentence;
    return PARSE_REFUSED;
}

/* --- the request line ---------------------------------------------------------------------- */

static enum http_result end_method(struct http_parser *parser, const char *buffer, uint32_t at)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",       [METHOD_HEAD] = "HEAD",       [METHOD_POST] = "POST",
        [METHOD_QUERY] = "QUERY", /* which llhttp 8.1 does not know; it is never shown ours */
        [METHOD_DELETE] = "DELETE", [METHOD_OPTIONS] = "OPTIONS",
    };
    struct http_request *request = &parser->request;
    request->method_name = (struct http_span){parser->token, at - parser->token};
    request->method = METHOD_OTHER;
    for (unsigned i = 0; i < METHOD_OTHER; i++) {
        if (text_equals(http_text(buffer, request->method_name), text_of(names[i])))
            request->method = (enum http_method)i;
    }
    parser->token = at + 1;
    parser->state = STATE_TARGET;
    return PARSE_MORE;
}

static enum http_result end_version(struct http_parser *parser, const char *buffer, uint32_t at)
{
    struct text version = {buffer + parser->token, at - parser->token};
    if (version.len != VERSION_BYTES || memcmp(version.at, "HTTP/", 5) != 0 ||
        version.at[5] < '0' || version.at[5] > '9' || version.at[6] != '.' || version.at[7] < '0' ||
        version.at[7] > '9')
        return refuse(parser, 400, "the request line does not end with an HTTP version");
    if (version.at[5] != '1' || version.at[7] > '1')
        return refuse(parser, 505, "only HTTP/1.0 and HTTP/1.1 are understood here");
    parser->request.minor = version.at[7] == '1';
    parser->state = STATE_VERSION_LF;
    return PARSE_MORE;
}

static enum http_result step_target(struct http_parser *parser, unsigned char byte, uint32_t at)
{
    uint32_t len = at - parser->token;
    if (byte == '\r' || byte == '\n')
        return refuse(parser, 400, "the request line has no HTTP version");
    if (byte == ' ') {
        if (len == 0)
            return refuse(parser, 400, "the request line has no target after one space");
        parser->request.target = (struct http_span){parser->token, len};
        parser->token = at + 1;
        parser->state = STATE_VERSION;
        return PARSE_MORE;
    }
    /* Bytes above ASCII should have been percent-encoded, but people type them; they frame
     * nothing, and the route checks that they are UTF-8. */
    if (byte < ' ' || byte == 0x7f)
        return refuse(parser, 400, "the request target contains a control character");
    if (len >= parser->limits.target_bytes_max)
        return refuse(parser, 414, "the request target is too long");
    return PARSE_MORE;
}

static enum http_result step_request_line(struct http_parser *parser, const char *buffer,
                                          uint32_t at)
{
    unsigned char byte = (unsigned char)buffer[at];
    switch ((enum state)parser->state) {
    case STATE_START:
        if (byte == '\r') {
            parser->state = STATE_START_LF;
            return PARSE_MORE;
        }
        parser->token = at;
        parser->state = STATE_METHOD;
        __attribute__((fallthrough));
    case STATE_METHOD:
        if (byte == ' ' && at > parser->token)
            return end_method(parser, buffer, at);
        if (!http_is_token(byte))
            return refuse(parser, 400, "the request does not begin with a method");
        if (at - parser->token >= METHOD_BYTES_MAX)
            return refuse(parser, 501, "the request method is unknown");
        return PARSE_MORE;
    case STATE_TARGET:
        return step_target(parser, byte, at);
    case STATE_VERSION:
        if (byte == '\r')
            return end_version(parser, buffer, at);
        if (byte == '\n')
            return refuse(parser, 400, "a line ends with LF instead of CRLF");
        if (at - parser->token >= VERSION_BYTES)
            return refuse(parser, 400, "the request line does not end with an HTTP version");
        return PARSE_MORE;
    default: /* STATE_START_LF, STATE_VERSION_LF */
        if (byte != '\n')
            return refuse(parser, 400, "a CR is not followed by LF");
        parser->fields = at + 1;
        parser->state = parser->state == STATE_START_LF ? STATE_START : STATE_LINE;
        return PARSE_MORE;
    }
}

/* --- field lines --------------------------------------------------------------------------- */

static enum http_result step_name(struct http_parser *parser, unsigned char byte)
{
    if (byte == ':') {
        parser->state = STATE_VALUE;
        return PARSE_MORE;
    }
    if (byte == ' ' || byte == '\t')
        return refuse(parser, 400, "a field name is followed by white space");
    if (byte == '\r' || byte == '\n')
        return refuse(parser, 400, "a field line has no colon");
    if (!http_is_token(byte))
        return refuse(parser, 400, "a field name contains a character that is not allowed");
    return PARSE_MORE;
}

/* Field lines of the head, or of the trailers, whose content is checked and then ignored. */
static enum http_result step_field(struct http_parser *parser, unsigned char byte)
{
    switch ((enum state)parser->state) {
    case STATE_LINE:
        if (byte == '\r') {
            parser->state = STATE_END_LF;
            return PARSE_MORE;
        }
        if (byte == '\n')
            return refuse(parser, 400, "a line ends with LF instead of CRLF");
        if (byte == ' ' || byte == '\t')
            return refuse(parser, 400, "a field line begins with white space");
        if (byte == ':')
            return refuse(parser, 400, "a field line has no name");
        parser->state = STATE_NAME;
        __attribute__((fallthrough));
    case STATE_NAME:
        return step_name(parser, byte);
    case STATE_VALUE:
        if (byte == '\r')
            parser->state = STATE_VALUE_LF;
        else if (byte == '\n')
            return refuse(parser, 400, "a line ends with LF instead of CRLF");
        else if (!http_is_value(byte))
            return refuse(parser, 400, "a field value contains a control character");
        return PARSE_MORE;
    default: /* STATE_VALUE_LF, STATE_END_LF */
        if (byte != '\n')
            return refuse(parser, 400, "a CR is not followed by LF");
        if (parser->state == STATE_VALUE_LF)
            parser->state = STATE_LINE;
        else
            parser->state = parser->trailers ? STATE_DONE : STATE_HEAD_COMPLETE;
        return PARSE_MORE;
    }
}

/* --- the head's meaning -------------------------------------------------------------------- */

/* A coding that is not the one we understand: 501 if chunked still delimits the body (RFC 9112
 * section 6.1), else 400, since then the end of the body is not known. */
static enum http_result refuse_coding(struct http_parser *parser, struct text codings)
{
    static const char chunked[] = "chunked";
    const size_t len = sizeof(chunked) - 1;
    bool last = codings.len > len &&
                http_equals_nocase((struct text){codings.at + codings.len - len, len}, chunked);
    size_t at = codings.len - (last ? len : 0);
    while (last && at > 0 && (codings.at[at - 1] == ' ' || codings.at[at - 1] == '\t'))
        at--;
    last = last && at > 1 && codings.at[at - 1] == ',';
    /* Applied twice it would delimit something else. */
    for (size_t i = 0; last && i + len <= at; i++)
        last = !http_equals_nocase((struct text){codings.at + i, len}, chunked);
    return refuse(parser, last ? 501 : 400, "the only transfer coding understood here is chunked");
}

static enum http_result read_framing(struct http_parser *parser, const char *buffer,
                                     const struct http_fields *fields)
{
    struct http_request *request = &parser->request;
    if (fields->count[FIELD_TRANSFER_ENCODING] > 0) {
        struct text coding = http_text(buffer, fields->value[FIELD_TRANSFER_ENCODING]);
        if (fields->count[FIELD_CONTENT_LENGTH] > 0)
            return refuse(parser, 400, "both Content-Length and Transfer-Encoding are given");
        if (request->minor == 0)
            return refuse(parser, 400, "HTTP/1.0 has no Transfer-Encoding");
        if (!http_equals_nocase(coding, "chunked"))
            return refuse_coding(parser, coding);
        request->chunked = request->has_body = true;
        return PARSE_HEAD;
    }
    if (fields->count[FIELD_CONTENT_LENGTH] == 0)
        return PARSE_HEAD;
    struct text length = http_text(buffer, fields->value[FIELD_CONTENT_LENGTH]);
    bool over = false;
    for (size_t i = 0; i < length.len; i++) {
        if (length.at[i] < '0' || length.at[i] > '9')
            return refuse(parser, 400, "the Content-Length is not a decimal number");
        if (!over)
            request->content_length = request->content_length * 10 + (uint64_t)(length.at[i] - '0');
        over = request->content_length > parser->limits.body_bytes_max;
    }
    if (length.len == 0)
        return refuse(parser, 400, "the Content-Length is not a decimal number");
    if (over)
        return refuse(parser, 413, "the request body is too large");
    request->has_body = request->content_length > 0;
    return PARSE_HEAD;
}

static enum http_result refuse_twice(struct http_parser *parser, const struct http_fields *fields)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const char *sentence = http_field_twice((enum http_field)i);
        if (fields->count[i] > 1 && sentence)
            return refuse(parser, 400, sentence);
    }
    return PARSE_HEAD;
}

/* At the head's last byte. PARSE_HEAD or PARSE_REFUSED. */
static enum http_result end_head(struct http_parser *parser, const char *buffer, uint32_t end)
{
    struct http_request *request = &parser->request;
    struct http_fields fields;
    struct http_span span = {parser->fields, end - parser->fields};
    bool read = http_fields_read(buffer, span, request->minor, &fields);
    /* Ours come first: their sentences say more than what llhttp stopped at. */
    if (refuse_twice(parser, &fields) == PARSE_REFUSED ||
        read_framing(parser, buffer, &fields) == PARSE_REFUSED)
        return PARSE_REFUSED;
    if (!read)
        return refuse(parser, 400, "the header fields cannot be read");
    if (fields.count[FIELD_HOST] == 0 && request->minor == 1)
        return refuse(parser, 400, "the Host field is missing");
    if (!http_is_host(http_text(buffer, fields.value[FIELD_HOST])))
        return refuse(parser, 400, "the Host field is not a host");

    request->keep_alive = fields.keep_alive;
    request->fields = span;
    request->host = fields.value[FIELD_HOST];
    request->content_type = fields.value[FIELD_CONTENT_TYPE];
    request->content_encoding = fields.value[FIELD_CONTENT_ENCODING];
    request->last_event_id = fields.value[FIELD_LAST_EVENT_ID];
    request->idempotency_key = fields.value[FIELD_IDEMPOTENCY_KEY];
    request->origin = fields.value[FIELD_ORIGIN];
    request->fetch_site = fields.value[FIELD_FETCH_SITE];
    request->access_control_request_method = fields.value[FIELD_REQUEST_METHOD];
    request->access_control_request_headers = fields.value[FIELD_REQUEST_HEADERS];
    request->accept = fields.value[FIELD_ACCEPT];
    request->authorization = fields.value[FIELD_AUTHORIZATION];
    request->cookie = fields.value[FIELD_COOKIE];
    request->cookie_lines = fields.count[FIELD_COOKIE];
    request->expect_continue =
        request->minor == 1 &&
        http_equals_nocase(http_text(buffer, fields.value[FIELD_EXPECT]), "100-continue");

    request->body.at = end;
    parser->left = request->content_length;
    if (request->has_body)
        parser->state = request->chunked ? STATE_CHUNK_SIZE : STATE_IDENTITY;
    else
        parser->state = STATE_DONE;
    return PARSE_HEAD;
}

/* --- bodies -------------------------------------------------------------------------------- */

static enum http_result step_chunk_size(struct http_parser *parser, unsigned char byte)
{
    int digit = http_hex_digit(byte);
    if (digit >= 0) {
        if (++parser->size_bytes > CHUNK_SIZE_DIGITS_MAX)
            return refuse(parser, 400, "a chunk size has too many digits");
        parser->left = parser->left * 16 + (unsigned)digit;
        if (parser->left > parser->limits.body_bytes_max - parser->request.body.len)
            return refuse(parser, 413, "the request body is too large");
        return PARSE_MORE;
    }
    if (parser->size_bytes == 0 || (byte != ';' && byte != '\r'))
        return refuse(parser, 400, "a chunk size is not a hexadecimal number");
    parser->state = byte == ';' ? STATE_CHUNK_EXTENSION : STATE_CHUNK_SIZE_LF;
    return PARSE_MORE;
}

/* The framing between chunk data. */
static enum http_result step_chunk(struct http_parser *parser, unsigned char byte)
{
    switch ((enum state)parser->state) {
    case STATE_CHUNK_SIZE:
        return step_chunk_size(parser, byte);
    case STATE_CHUNK_EXTENSION:
        if (byte == '\r')
            parser->state = STATE_CHUNK_SIZE_LF;
        else if (!http_is_value(byte))
            return refuse(parser, 400, "a chunk extension contains a control character");
        return PARSE_MORE;
    case STATE_CHUNK_SIZE_LF:
        if (byte != '\n')
            return refuse(parser, 400, "a CR is not followed by LF");
        parser->trailers = parser->left == 0;
        parser->state = parser->trailers ? STATE_LINE : STATE_CHUNK_DATA;
        return PARSE_MORE;
    case STATE_CHUNK_CR:
        if (byte != '\r')
            return refuse(parser, 400, "a chunk is longer than its size says");
        parser->state = STATE_CHUNK_LF;
        return PARSE_MORE;
    default: /* STATE_CHUNK_LF */
        if (byte != '\n')
            return refuse(parser, 400, "a CR is not followed by LF");
        parser->size_bytes = 0;
        parser->state = STATE_CHUNK_SIZE;
        return PARSE_MORE;
    }
}

/* Takes body bytes, which stay where they are unless chunk framing was in front of them. */
static size_t take_data(struct http_parser *parser, char *buffer, size_t from, size_t to)
{
    struct http_span *body = &parser->request.body;
    size_t len = to - from < parser->left ? to - from : (size_t)parser->left;
    if (from != body->at + body->len)
        memmove(buffer + body->at + body->len, buffer + from, len);
    body->len += (uint32_t)len;
    parser->left -= len;
    if (parser->left == 0)
        parser->state = parser->state == STATE_IDENTITY ? STATE_DONE : STATE_CHUNK_CR;
    return from + len;
}

/* Jumps over bytes of a target, a name or a value that change nothing: a short cut past step_head,
 * which looks at the first one that does, and at every one that is over a limit. */
static size_t skip_ordinary(const struct http_parser *parser, const char *buffer, size_t from,
                            size_t to)
{
    const unsigned char *bytes = (const unsigned char *)buffer;
    size_t most = (size_t)parser->start + parser->limits.head_bytes_max - parser->empty;
    size_t target = (size_t)parser->token + parser->limits.target_bytes_max;
    to = to < most ? to : most;
    switch ((enum state)parser->state) {
    case STATE_TARGET:
        for (to = to < target ? to : target; from < to; from++)
            if (bytes[from] <= ' ' || bytes[from] == 0x7f)
                break;
        return from;
    case STATE_NAME:
        while (from < to && http_is_token(bytes[from]))
            from++;
        return from;
    case STATE_VALUE:
        while (from < to && http_is_value(bytes[from]))
            from++;
        return from;
    default:
        return from;
    }
}

static enum http_result step_head(struct http_parser *parser, const char *buffer, uint32_t at)
{
    /* Until the request begins its bytes may lie anywhere: what was parsed need not be kept. */
    if (parser->state <= STATE_START_LF)
        parser->start = at;
    if (at - parser->start >= parser->limits.head_bytes_max - parser->empty)
        return refuse(parser, 431, "the request head is too long");
    if (parser->state == STATE_START_LF || (parser->state == STATE_START && buffer[at] == '\r'))
        parser->empty++;
    if (parser->state < STATE_LINE)
        return step_request_line(parser, buffer, at);
    if (step_field(parser, (unsigned char)buffer[at]) == PARSE_REFUSED)
        return PARSE_REFUSED;
    return parser->state == STATE_HEAD_COMPLETE ? end_head(parser, buffer, at + 1) : PARSE_MORE;
}

/* Takes no offset: in a body the bytes of a call may come to lie where those of the last one did.
 */
static enum http_result step_body(struct http_parser *parser, unsigned char byte)
{
    bool extra = parser->trailers || parser->state == STATE_CHUNK_EXTENSION;
    if (extra && ++parser->overhead > parser->limits.head_bytes_max)
        return refuse(parser, 431, "the chunk extensions and trailer fields are too long");
    return parser->trailers ? step_field(parser, byte) : step_chunk(parser, byte);
}

enum http_result http_parse(struct http_parser *parser, char *buffer, size_t from, size_t to,
                            size_t *ret_next)
{
    CHECK(from <= to && to <= UINT32_MAX);
    CHECK(parser->state != STATE_REFUSED);
    enum http_result result = PARSE_MORE;
    while (from < to && parser->state != STATE_DONE && result == PARSE_MORE) {
        if (parser->state == STATE_IDENTITY || parser->state == STATE_CHUNK_DATA) {
            from = take_data(parser, buffer, from, to);
            continue;
        }
        bool head = parser->state < STATE_HEAD_COMPLETE && !parser->trailers;
        size_t next = head ? skip_ordinary(parser, buffer, from, to) : from;
        if (next > from) {
            from = next;
            continue;
        }
        result = head ? step_head(parser, buffer, (uint32_t)from)
                      : step_body(parser, (unsigned char)buffer[from]);
        from++;
    }
    if (result == PARSE_MORE && parser->state == STATE_DONE)
        result = PARSE_DONE;
    bool in_body = parser->state > STATE_HEAD_COMPLETE || parser->trailers;
    *ret_next = from;
    if (result == PARSE_MORE && in_body)
        *ret_next = parser->request.body.at + parser->request.body.len;
    return result;
}
