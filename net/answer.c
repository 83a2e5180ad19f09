/* SPDX-License-Identifier: MIT */
/* Formats and writes the answers to an HTTP client: see answer.h. */
#include "net/answer.h"

#include <stdarg.h>
#include <time.h>

#include "net/http/answer.h"
#include "net/http/fields.h"
#include "net/note.h"

/* Bytes enough for all further lines: an origin, and the headers of a preflight. */
#define LINES_ROOM                                                                                 \
    (3 * POLICY_BYTES_MAX + HOOK_LINES_BYTES_MAX + HEAD_LINES_BYTES_MAX + HOST_FIELDS_BYTES_MAX +  \
     1024)

struct lines {
    char *at;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add_line(struct lines *lines, const char *format,
                                                           ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(lines->at + lines->len, lines->size - lines->len, format, arguments);
    va_end(arguments);
    /* A line that does not fit is left out whole. */
    if (len > 0 && (size_t)len < lines->size - lines->len)
        lines->len += (size_t)len;
}

static void add_text(struct lines *lines, struct text text)
{
    if (text.len == 0 || text.len >= lines->size - lines->len)
        return;
    memcpy(lines->at + lines->len, text.at, text.len);
    lines->len += text.len;
}

static const struct head_lines *lines_of(const struct client *client)
{
    return service_of(&client->connection)->limits.site->lines;
}

static const struct policy *policy_of(const struct client *client)
{
    return service_of(&client->connection)->limits.policy;
}

static struct text allowed_origin(const struct client *client)
{
    /* No page of another origin sees what the administration says. */
    if (!client->head_done || client->listener->kind == LISTENER_ADMIN)
        return TEXT("");
    return policy_allowed_origin(policy_of(client),
                                 client_text(client, client->parser.request.origin));
}

/* Whether a page of the request's origin may see the answer. */
static bool add_origin(struct lines *lines, const struct client *client)
{
    const struct policy *policy = policy_of(client);
    struct text origin = allowed_origin(client);
    if (policy_varies(policy))
        add_line(lines, "Vary: Origin\r\n");
    if (origin.len == 0)
        return false;
    add_line(lines, "Access-Control-Allow-Origin: %.*s\r\n", (int)origin.len, origin.at);
    if (policy_allows_credentials(policy))
        add_line(lines, "Access-Control-Allow-Credentials: true\r\n");
    return true;
}

/* What the operator says of streams of these channels. */
static void add_of_stream(struct lines *lines, const struct client *client,
                          const struct text *channels, unsigned count)
{
    char room[HEAD_LINES_BYTES_MAX];
    size_t len = head_lines_of_stream(lines_of(client), channels, count, room);
    add_text(lines, (struct text){room, len});
}

/* What the application gave for this answer. */
static void add_given(struct lines *lines, const struct client *client, bool allows)
{
    const struct hook_answer *given = client->hook_answer;
    if (given && hook_answer_allows(given) == allows)
        add_text(lines, given->lines);
}

static void add_preflight(struct lines *lines, const struct client *client, const char *methods)
{
    struct text asked = client_text(client, client->parser.request.access_control_request_headers);
    struct text headers = policy_allowed_headers(policy_of(client), asked);
    add_line(lines,
             "Access-Control-Allow-Methods: %s\r\n"
             "Access-Control-Allow-Headers: %.*s\r\n"
             "Access-Control-Max-Age: 86400\r\n",
             methods, (int)headers.len, headers.at);
}

struct text answer_stream_lines(const struct client *client, char *room, size_t size)
{
    struct lines lines = {.at = room, .size = size};
    struct text date = http_date_line(time(NULL));
    lines.len = date.len < size ? date.len : 0;
    memcpy(room, date.at, lines.len);
    if (add_origin(&lines, client))
        add_line(&lines, "Access-Control-Expose-Headers: Fanfare-Resume, Fanfare-Refused, "
                         "Fanfare-Subscriber\r\n");
    add_text(&lines, head_lines_always(lines_of(client)));
    return (struct text){room, lines.len};
}

struct text answer_granted_lines(const struct client *client, const struct text *channels,
                                 unsigned channel_count, char *room, size_t size)
{
    struct lines lines = {.at = room, .size = size};
    lines.len = answer_stream_lines(client, room, size).len;
    add_of_stream(&lines, client, channels, channel_count);
    add_given(&lines, client, true);
    return (struct text){room, lines.len};
}

static void add_lines(struct lines *lines, const struct client *client, const struct answer *answer)
{
    bool shown = add_origin(lines, client);
    size_t before = lines->len;
    if (client->hook_answer && client->hook_answer->status == answer->status)
        add_given(lines, client, false);
    bool given = lines->len > before; /* of a 429: when to come back */
    if (answer->allow)
        add_line(lines, "Allow: %s\r\n", answer->allow);
    if (answer->challenge)
        add_line(lines, "WWW-Authenticate: %s\r\n", answer->challenge);
    if (answer->status == 503 || (answer->status == 429 && !given))
        add_line(lines, "Retry-After: %d\r\n", RETRY_AFTER_S);
    /* What tells a page what to do about a refusal, and that it may not see unasked. */
    if (answer->status >= 400 && shown)
        add_line(lines, "Access-Control-Expose-Headers: Allow, Retry-After, WWW-Authenticate\r\n");
    if (answer->preflight && shown)
        add_preflight(lines, client, answer->allow ? answer->allow : "");
    add_text(lines, head_lines_always(lines_of(client)));
    if (answer->no_length) /* which is the head of a stream */
        add_of_stream(lines, client, client->route->channels, client->route->channel_count);
    add_text(lines, answer->fields);
    /* All that we answer is of this moment. */
    size_t at = 0;
    struct text said;
    if (!answer->fields.len || !http_fields_next(answer->fields, "cache-control", &at, &said))
        add_line(lines, "Cache-Control: no-store\r\n");
}

/* Removes the Content-Length line of a formatted head: a stream has none. */
static size_t drop_length(char *head, size_t len)
{
    char *line = memmem(head, len, "Content-Length: ", 16);
    char *end = line ? memchr(line, '\n', (size_t)(head + len - line)) : NULL;
    if (!end)
        return len;
    end++;
    memmove(line, end, (size_t)(head + len - end));
    return len - (size_t)(end - line);
}

static void count_status(struct net_stats *stats, int status)
{
    if (status < 300)
        net_count(&stats->responses_2xx);
    else if (status < 400)
        net_count(&stats->responses_3xx);
    else if (status < 500)
        net_count(&stats->responses_4xx);
    else
        net_count(&stats->responses_5xx);
}

/* Whether this is the last answer; before its head is formatted, which says so. */
static void settle_end(struct client *client)
{
    if (!client->head_done || !client->parser.request.keep_alive ||
        service_of(&client->connection)->stopping)
        client->close_after = true;
}

static bool is_head_only(const struct client *client)
{
    return client->head_done && client->parser.request.method == METHOD_HEAD;
}

enum handler_result answer_send(struct client *client, const struct answer *answer)
{
    char room[LINES_ROOM];
    struct lines lines = {.at = room, .size = sizeof(room)};
    add_lines(&lines, client, answer);
    settle_end(client);
    struct http_answer head = {.status = answer->status,
                               .keep_alive = !client->close_after,
                               .content_type = answer->content_type,
                               .content_length = answer->body.len,
                               .extra = {room, lines.len},
                               .now = time(NULL)};
    struct text body = is_head_only(client) ? TEXT("") : answer->body;
    char bytes[HTTP_HEAD_ROOM + LINES_ROOM + 1024];
    size_t len = http_format_head(bytes, sizeof(bytes) - 1024, &head);
    CHECK(len > 0);
    if (answer->no_length)
        len = drop_length(bytes, len);
    count_status(&client->connection.loop->stats, answer->status);
    note_answer(client, answer->status, body.len);
    if (body.len <= sizeof(bytes) - len) {
        if (body.len)
            memcpy(bytes + len, body.at, body.len);
        connection_write(&client->connection, bytes, len + body.len);
        return ANSWERED;
    }
    /* Both go out together if the head is queued first. */
    connection_append(&client->connection, bytes, len);
    connection_append(&client->connection, body.at, body.len);
    connection_flush(&client->connection);
    return ANSWERED;
}

/* Of a formatted answer. */
static size_t head_len(const char *bytes, size_t len)
{
    const char *end = memmem(bytes, len, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : len;
}

enum handler_result answer_error(struct client *client, int status, const char *sentence)
{
    return answer_challenge(client, status, sentence, NULL);
}

enum handler_result answer_challenge(struct client *client, int status, const char *sentence,
                                     const char *challenge)
{
    struct answer answer = {.status = status, .challenge = challenge};
    if (status == 405 && client->route)
        answer.allow = client->route->allow;
    char room[LINES_ROOM];
    struct lines lines = {.at = room, .size = sizeof(room)};
    add_lines(&lines, client, &answer);
    settle_end(client);
    struct http_answer head = {.status = status,
                               .keep_alive = !client->close_after,
                               .extra = {room, lines.len},
                               .now = time(NULL)};
    char bytes[HTTP_HEAD_ROOM + LINES_ROOM + HTTP_ERROR_ROOM];
    size_t len = http_format_error(bytes, sizeof(bytes), &head, sentence, client->json_errors,
                                   is_head_only(client));
    CHECK(len > 0);
    count_status(&client->connection.loop->stats, status);
    note_answer(client, status, len - head_len(bytes, len));
    connection_write(&client->connection, bytes, len);
    return ANSWERED;
}

void answer_continue(struct client *client)
{
    struct text text = TEXT("HTTP/1.1 100 Continue\r\n\r\n");
    connection_write(&client->connection, text.at, text.len);
}

size_t answer_refusal(int status, const char *sentence, struct text further, char *out, size_t size)
{
    char room[64 + HEAD_LINES_BYTES_MAX];
    struct lines lines = {.at = room, .size = sizeof(room)};
    add_line(&lines, "Retry-After: %d\r\n", RETRY_AFTER_S);
    add_text(&lines, further);
    struct http_answer head = {.status = status, .extra = {room, lines.len}, .now = time(NULL)};
    size_t len = http_format_error(out, size, &head, sentence, false, false);
    CHECK(len > 0);
    return len;
}
