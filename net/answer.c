/* SPDX-License-Identifier: MIT */
/* Formats and writes the answers to an HTTP client: see answer.h. */
#include "net/answer.h"

#include <jansson.h>
#include <stdarg.h>
#include <time.h>

#include "net/http/answer.h"

/* Bytes enough for all further lines: a configured origin is at most 1,024 bytes long. */
#define LINES_ROOM 2048

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

static const char *allowed_origin(const struct client *client)
{
    if (!client->head_done || client->parser.request.origin.len == 0)
        return NULL;
    return service_of(&client->connection)->limits.options.allow_origin;
}

static void add_origin(struct lines *lines, const struct client *client)
{
    const char *origin = allowed_origin(client);
    if (!origin)
        return;
    add_line(lines, "Access-Control-Allow-Origin: %s\r\n", origin);
    if (strcmp(origin, "*") != 0)
        add_line(lines, "Vary: Origin\r\n");
}

struct text answer_stream_lines(const struct client *client, char *room, size_t size)
{
    struct lines lines = {.at = room, .size = size};
    struct text date = http_date_line(time(NULL));
    size_t before = lines.len = date.len < size ? date.len : 0;
    memcpy(room, date.at, lines.len);
    add_origin(&lines, client);
    if (lines.len > before)
        add_line(&lines, "Access-Control-Expose-Headers: Fanfare-Resume\r\n");
    return (struct text){room, lines.len};
}

static void add_lines(struct lines *lines, const struct client *client, const struct answer *answer)
{
    add_origin(lines, client);
    if (answer->allow)
        add_line(lines, "Allow: %s\r\n", answer->allow);
    if (answer->status == 503)
        add_line(lines, "Retry-After: %d\r\n", RETRY_AFTER_S);
    if (answer->preflight && allowed_origin(client))
        add_line(lines,
                 "Access-Control-Allow-Methods: %s\r\n"
                 "Access-Control-Allow-Headers: Authorization, Cache-Control, Content-Type, "
                 "Last-Event-ID\r\n"
                 "Access-Control-Max-Age: 86400\r\n",
                 answer->allow ? answer->allow : "");
    /* All that we answer is of this moment. */
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
    else if (status < 500)
        net_count(&stats->responses_4xx);
    else
        net_count(&stats->responses_5xx);
}

void answer_send(struct client *client, const struct answer *answer)
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    char room[LINES_ROOM];
    struct lines lines = {.at = room, .size = sizeof(room)};
    add_lines(&lines, client, answer);

    if (!client->head_done || !request->keep_alive || service->stopping)
        client->close_after = true;
    struct http_answer head = {.status = answer->status,
                               .keep_alive = !client->close_after,
                               .content_type = answer->content_type,
                               .content_length = answer->body.len,
                               .extra = {room, lines.len},
                               .now = time(NULL)};
    bool head_only = client->head_done && request->method == METHOD_HEAD;
    struct text body = head_only ? TEXT("") : answer->body;
    char bytes[HTTP_HEAD_ROOM + LINES_ROOM + 1024];
    size_t len = http_format_head(bytes, sizeof(bytes) - 1024, &head);
    CHECK(len > 0);
    if (answer->no_length)
        len = drop_length(bytes, len);
    count_status(&service->loop.stats, answer->status);
    if (body.len <= sizeof(bytes) - len) {
        if (body.len)
            memcpy(bytes + len, body.at, body.len);
        connection_write(&client->connection, bytes, len + body.len);
        return;
    }
    /* Both go out together if the head is queued first. */
    connection_append(&client->connection, bytes, len);
    connection_append(&client->connection, body.at, body.len);
    connection_flush(&client->connection);
}

static void send_json_error(struct client *client, struct answer *answer, const char *sentence)
{
    json_t *object = json_pack("{s:s}", "error", sentence);
    char *text = object ? json_dumps(object, 0) : NULL;
    json_decref(object);
    answer->content_type = "application/json";
    answer->body = text ? text_of(text) : TEXT("{\"error\": \"out of memory\"}");
    answer_send(client, answer);
    free(text);
}

void answer_error(struct client *client, int status, const char *sentence, const char *allow,
                  bool json)
{
    struct answer answer = {.status = status, .allow = allow};
    if (json) {
        send_json_error(client, &answer, sentence);
        return;
    }
    char body[512];
    int len = snprintf(body, sizeof(body), "%s\n", sentence);
    answer.content_type = "text/plain; charset=utf-8";
    answer.body = (struct text){body, (size_t)len < sizeof(body) ? (size_t)len : sizeof(body) - 1};
    answer_send(client, &answer);
}

void answer_continue(struct client *client)
{
    struct text text = TEXT("HTTP/1.1 100 Continue\r\n\r\n");
    connection_write(&client->connection, text.at, text.len);
}
