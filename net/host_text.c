/* SPDX-License-Identifier: MIT */
/* Texts of a request, made on demand: see host_text.h. */
#include "net/host_text.h"

#include "engine/base/builder.h"
#include "net/http/bytes.h"
#include "net/http/fields.h"
#include "net/http/percent.h"

/* Room for a text of at most `most` bytes. NULL: out of memory. */
static struct host_text *room_for(const char *item, size_t most)
{
    size_t name = strlen(item) + 1;
    struct host_text *text = malloc(sizeof(*text) + most + 1 + name);
    if (!text)
        return NULL;
    memcpy(text->bytes + most + 1, item, name);
    text->item = text->bytes + most + 1;
    return text;
}

/* It is what is asked for, with so many bytes. */
static struct text keep(struct host_request *request, struct host_text *text, size_t len)
{
    text->len = len;
    text->bytes[len] = '\0';
    text->next = request->texts;
    request->texts = text;
    return (struct text){text->bytes, len};
}

static struct text keep_copy(struct host_request *request, const char *item, struct text from)
{
    struct host_text *text = from.at ? room_for(item, from.len) : NULL;
    if (!text)
        return (struct text){NULL, 0};
    if (from.len)
        memcpy(text->bytes, from.at, from.len);
    return keep(request, text, from.len);
}

static struct text head_text(const struct host_request *request, struct http_span span)
{
    return http_text(request->input, span);
}

/* --- what has to be looked for ------------------------------------------------------------- */

static struct text read_path(struct host_request *request, const char *item)
{
    struct text path = route_path(head_text(request, request->head.target));
    struct host_text *text = room_for(item, path.len + 1);
    size_t len = 0;
    if (!text)
        return (struct text){NULL, 0};
    /* The host is not asked about one that cannot be decoded. */
    if (path.len == 0)
        text->bytes[len++] = '/';
    else if (percent_decode(path, false, text->bytes, &len) < 0)
        len = 0;
    return keep(request, text, len);
}

static struct text until(struct text *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    size_t len = at ? (size_t)(at - rest->at) : rest->len;
    struct text part = {rest->at, len};
    *rest = (struct text){rest->at + len + (at != NULL), rest->len - len - (at != NULL)};
    return part;
}

static struct text read_query(struct host_request *request, const char *item, struct text name)
{
    struct text query = head_text(request, request->head.target);
    struct host_text *text = room_for(item, query.len);
    if (!text)
        return (struct text){NULL, 0};
    until(&query, '?');
    while (query.len) {
        struct text value = until(&query, '&');
        struct text encoded = until(&value, '=');
        size_t len;
        if (percent_decode(encoded, true, text->bytes, &len) < 0 ||
            !text_equals((struct text){text->bytes, len}, name))
            continue;
        if (percent_decode(value, true, text->bytes, &len) == 0 && !memchr(text->bytes, 0, len))
            return keep(request, text, len);
        break;
    }
    free(text);
    return (struct text){NULL, 0};
}

static struct text read_header(struct host_request *request, const char *item, const char *name)
{
    struct text fields = head_text(request, request->head.fields), value;
    struct text separator = http_equals_nocase(text_of(name), "cookie") ? TEXT("; ") : TEXT(", ");
    struct host_text *text = room_for(item, fields.len);
    size_t at = 0;
    bool found = false;
    if (!text)
        return (struct text){NULL, 0};
    /* A line is at least as long as its value and a separator. */
    struct builder builder = builder_of(text->bytes, fields.len);
    while (*name && http_fields_next(fields, name, &at, &value)) {
        if (found)
            builder_put(&builder, separator);
        builder_put(&builder, value);
        found = true;
    }
    if (found)
        return keep(request, text, builder_text(&builder).len);
    free(text);
    return (struct text){NULL, 0};
}

static struct text read_channels(struct host_request *request, const char *item)
{
    const struct route *route = request->route;
    size_t most = 0;
    for (unsigned i = 0; i < route->channel_count; i++)
        most += route->channels[i].len + 1;
    struct host_text *text = most ? room_for(item, most) : NULL;
    if (!text)
        return (struct text){NULL, 0};
    struct builder builder = builder_of(text->bytes, most);
    for (unsigned i = 0; i < route->channel_count; i++) {
        if (i > 0)
            builder_put(&builder, TEXT("\n"));
        builder_put(&builder, route->channels[i]);
    }
    return keep(request, text, builder_text(&builder).len);
}

/* The header is the newer of the two: a browser keeps the URL and sends what it saw last. */
static struct text read_resume(struct host_request *request, const char *item)
{
    struct text resume = head_text(request, request->head.last_event_id);
    if (resume.len == 0)
        resume = request->route->resume;
    return resume.len ? keep_copy(request, item, resume) : (struct text){NULL, 0};
}

static const char *behind(const char *item, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(item, prefix, len) == 0 ? item + len : NULL;
}

struct text host_text(struct host_request *request, const char *item)
{
    const char *name;
    for (const struct host_text *text = request->texts; text; text = text->next)
        if (strcmp(text->item, item) == 0)
            return (struct text){text->bytes, text->len};
    if (strcmp(item, "body") == 0) /* which has its NUL where it lies */
        return request->head.has_body ? head_text(request, request->head.body)
                                      : (struct text){NULL, 0};
    if ((name = behind(item, "header:")))
        return read_header(request, item, name);
    if ((name = behind(item, "query:")))
        return read_query(request, item, text_of(name));
    if (strcmp(item, "path") == 0)
        return read_path(request, item);
    if (strcmp(item, "method") == 0)
        return keep_copy(request, item, head_text(request, request->head.method_name));
    if (strcmp(item, "target") == 0)
        return keep_copy(request, item, head_text(request, request->head.target));
    if (strcmp(item, "peer") == 0)
        return text_of(request->peer);
    if (strcmp(item, "channels") == 0)
        return read_channels(request, item);
    if (strcmp(item, "resume") == 0)
        return read_resume(request, item);
    if (strcmp(item, "version") == 0)
        return request->head.minor ? TEXT("1.1") : TEXT("1.0");
    return (struct text){NULL, 0};
}
