/* SPDX-License-Identifier: MIT */
/*
 * Header fields by llhttp. In front of them it is shown a request line of our own making, so that
 * no method (CONNECT, PRI, SOURCE) can switch it to another protocol, and it is stopped at the end
 * of the head, because llhttp 8.1 takes any two bytes as the end of a chunk: bodies are http.c's.
 */
#include "net/http/fields.h"

#include <llhttp.h>
#include <string.h>

#include "net/http/bytes.h"

/* The fields we use, and what is said when one that must be alone comes twice. */
static const struct {
    const char *name;
    const char *twice;
} known_fields[FIELD_COUNT] = {
    [FIELD_HOST] = {"host", "the Host field is given twice"},
    [FIELD_CONTENT_LENGTH] = {"content-length", "the Content-Length field is given twice"},
    [FIELD_TRANSFER_ENCODING] = {"transfer-encoding", "the Transfer-Encoding field is given twice"},
    [FIELD_CONTENT_TYPE] = {"content-type", "the Content-Type field is given twice"},
    [FIELD_CONTENT_ENCODING] = {"content-encoding", "the Content-Encoding field is given twice"},
    [FIELD_LAST_EVENT_ID] = {"last-event-id", "the Last-Event-ID field is given twice"},
    [FIELD_IDEMPOTENCY_KEY] = {"idempotency-key", "the Idempotency-Key field is given twice"},
    [FIELD_ORIGIN] = {"origin", "the Origin field is given twice"},
    [FIELD_FETCH_SITE] = {"sec-fetch-site", "the Sec-Fetch-Site field is given twice"},
    [FIELD_AUTHORIZATION] = {"authorization", "the Authorization field is given twice"},
    [FIELD_REQUEST_METHOD] = {"access-control-request-method",
                              "the Access-Control-Request-Method field is given twice"},
    [FIELD_REQUEST_HEADERS] = {"access-control-request-headers", NULL},
    [FIELD_ACCEPT] = {"accept", NULL},
    [FIELD_COOKIE] = {"cookie", NULL},
    [FIELD_EXPECT] = {"expect", NULL},
};

const char *http_field_twice(enum http_field field)
{
    return known_fields[field].twice;
}

struct reader {
    const char *buffer;
    const char *end; /* of the head */
    struct http_fields *fields;
};

/* Without white space around. */
static struct text trimmed(struct text text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (struct text){text.at + 1, text.len - 1};
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The value is taken up to the line's CR and not as llhttp reports it, so that it is whole even if
 * llhttp is about to refuse it; then http.c can say what is wrong with it. */
static int on_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct reader *reader = llhttp->data;
    unsigned field = 0;
    while (field < FIELD_COUNT &&
           !http_equals_nocase((struct text){at, len}, known_fields[field].name))
        field++;
    if (field == FIELD_COUNT || reader->fields->count[field]++ > 0)
        return 0;
    const char *value = at + len;
    const char *end = memchr(value, '\r', (size_t)(reader->end - value));
    if (*value++ != ':' || !end)
        return -1;
    struct text text = trimmed((struct text){value, (size_t)(end - value)});
    reader->fields->value[field] =
        (struct http_span){(uint32_t)(text.at - reader->buffer), (uint32_t)text.len};
    return 0;
}

static int on_head(llhttp_t *llhttp)
{
    struct reader *reader = llhttp->data;
    reader->fields->keep_alive = llhttp_should_keep_alive(llhttp);
    return HPE_PAUSED; /* bodies are ours */
}

bool http_fields_next(struct text fields, const char *name, size_t *at, struct text *ret_value)
{
    size_t len = strlen(name);
    while (*at < fields.len) {
        const char *line = fields.at + *at;
        const char *end = memchr(line, '\r', fields.len - *at);
        if (!end)
            break;
        *at = (size_t)(end - fields.at) + 2;
        if ((size_t)(end - line) <= len || line[len] != ':' ||
            !http_equals_nocase((struct text){line, len}, name))
            continue;
        *ret_value = trimmed((struct text){line + len + 1, (size_t)(end - line) - len - 1});
        return true;
    }
    return false;
}

bool http_fields_read(const char *buffer, struct http_span span, unsigned minor,
                      struct http_fields *ret_fields)
{
    static const llhttp_settings_t settings = {
        .on_header_field = on_field,
        .on_headers_complete = on_head,
    };
    const char *line = minor == 0 ? "POST / HTTP/1.0\r\n" : "POST / HTTP/1.1\r\n";
    *ret_fields = (struct http_fields){.keep_alive = false};
    struct reader reader = {
        .buffer = buffer, .end = buffer + span.at + span.len, .fields = ret_fields};
    llhttp_t llhttp;
    llhttp_init(&llhttp, HTTP_REQUEST, &settings);
    llhttp.data = &reader;
    if (llhttp_execute(&llhttp, line, strlen(line)) != HPE_OK)
        return false;
    /* It must stop at the very last byte: not earlier, and not only when asked again. */
    return llhttp_execute(&llhttp, buffer + span.at, span.len) == HPE_PAUSED &&
           llhttp_get_error_pos(&llhttp) == reader.end;
}
