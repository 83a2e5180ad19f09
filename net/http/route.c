/* SPDX-License-Identifier: MIT */
/*
 * What the targets of requests carry. The contract is in route.h.
 *
 * Two steps: the path and the method choose a row of the table or a refusal; then, on the rows
 * that have parameters, the channel of the path and the query's are decoded one after the other
 * into the scratch room and checked as they come. The first fault ends it.
 */
#include "net/http/route.h"

#include <strings.h>

#include "engine/frame.h"
#include "net/http/bytes.h"
#include "net/http/percent.h"

#define STRING_OF(value) #value
#define STRING(value)    STRING_OF(value)

const struct route_rules route_rules_usual = {
    .names = ROUTE_NAMES_ALL, .query_channels = true, .channels_max = SUBSCRIBER_CHANNELS_DEFAULT};

const struct route_methods route_reads = {
    .mask = 1u << METHOD_GET | 1u << METHOD_HEAD,
    .allow = "GET, HEAD, OPTIONS",
    .sentence = "this path is only for GET and HEAD",
};
const struct route_methods route_asks = {
    .mask = 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_POST | 1u << METHOD_QUERY,
    .allow = "GET, HEAD, POST, QUERY, OPTIONS",
    .sentence = "this path is only for GET, HEAD, POST and QUERY",
};
const struct route_methods route_writes = {
    .mask = 1u << METHOD_POST,
    .allow = "POST, OPTIONS",
    .sentence = "this path is only for POST",
};

/* A path of the operator's, where both may be. */
static const struct route_methods route_both = {
    .mask = 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_POST,
    .allow = "GET, HEAD, POST, OPTIONS",
    .sentence = "this path is only for GET, HEAD and POST",
};
const struct route_methods route_removes = {
    .mask = 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_DELETE,
    .allow = "GET, HEAD, DELETE, OPTIONS",
    .sentence = "this path is only for GET, HEAD and DELETE",
};
const struct route_methods route_handles = {
    .mask = 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_POST | 1u << METHOD_DELETE,
    .allow = "GET, HEAD, POST, DELETE, OPTIONS",
    .sentence = "this path is only for GET, HEAD, POST and DELETE",
};

static const struct route_parameter_row parameters[] = {
    {"channel", PARAMETER_CHANNEL, NULL},
    {"last-event-id", PARAMETER_RESUME, "last-event-id is given twice"},
    {"lastEventId", PARAMETER_RESUME, "last-event-id is given twice"},
    {"lastEventID", PARAMETER_RESUME, "last-event-id is given twice"},
    {"last_event_id", PARAMETER_RESUME, "last-event-id is given twice"},
    {"Last-Event-ID", PARAMETER_RESUME, "last-event-id is given twice"},
    {"last", PARAMETER_LAST, "last is given twice"},
    {"limit", PARAMETER_LIMIT, "limit is given twice"},
    {"event", PARAMETER_EVENT, "event is given twice"},
    {"id", PARAMETER_ID, "id is given twice"},
    {"retry", PARAMETER_RETRY, "retry is given twice"},
    {"wait", PARAMETER_WAIT, "wait is given twice"},
    {"end", PARAMETER_END, "end is given twice"},
    {"all", PARAMETER_ALL, "all is given twice"},
    {"count", PARAMETER_COUNT, "count is given twice"},
    {"preface", PARAMETER_PREFACE, "preface is given twice"},
    {"access_token", PARAMETER_TOKEN, "access_token is given twice"},
    {"after", PARAMETER_AFTER, "after is given twice"},
    {"subscriber", PARAMETER_SUBSCRIBER, "subscriber is given twice"},
};

static bool refuse(struct route *route, int status, const char *sentence)
{
    route->kind = ROUTE_REFUSED;
    route->status = status;
    route->sentence = sentence;
    return false;
}

/* Decodes into the scratch room, where the result stays until something else begins there. */
static bool decode(struct route *route, struct text text, bool query, struct text *ret_text)
{
    char *out = route->scratch + route->scratch_len;
    CHECK(text.len <= sizeof(route->scratch) - route->scratch_len);
    size_t len;
    if (percent_decode(text, query, out, &len) < 0)
        return refuse(route, 400, "a percent sign in the target lacks its two hex digits");
    route->scratch_len += len;
    *ret_text = (struct text){out, len};
    return true;
}

/* Likewise of what is not encoded and does not stay. */
static struct text keep(struct route *route, struct text text)
{
    char *out = route->scratch + route->scratch_len;
    CHECK(text.len <= sizeof(route->scratch) - route->scratch_len);
    if (text.len)
        memcpy(out, text.at, text.len);
    route->scratch_len += text.len;
    return (struct text){out, text.len};
}

/* Adds a decoded channel, if it is not there yet. */
static bool add_channel(struct route *route, struct text channel)
{
    enum frame_fault fault = frame_check_channel(channel);
    if (fault != FRAME_OK)
        return refuse(route, 400, frame_fault_text(fault));
    for (unsigned i = 0; i < route->channel_count; i++) {
        if (text_equals(route->channels[i], channel))
            return true;
    }
    if (route->row->channels_max == 1 && route->channel_count == 1)
        return refuse(route, 400, "more than one channel is given");
    if (route->channel_count == route->channels_most) {
        snprintf(route->unknown, sizeof(route->unknown), "more than %u channels are given",
                 route->channels_most);
        return refuse(route, 400, route->unknown);
    }
    route->channels[route->channel_count++] = channel;
    return true;
}

/* Plain decimal digits, from least to most. */
static bool read_number(struct text text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.at[i] - '0');
        if (number > most)
            return false;
    }
    if (text.len == 0 || number < least)
        return false;
    *ret_number = number;
    return true;
}

bool route_take(struct route *route, enum route_parameter parameter, struct text value)
{
    uint64_t number;
    switch (parameter) {
    case PARAMETER_CHANNEL:
        return add_channel(route, value);
    case PARAMETER_RESUME:
        route->has_resume = value.len > 0;
        route->resume = value;
        return true;
    case PARAMETER_LAST:
        if (!read_number(value, 0, UINT32_MAX, &number))
            return refuse(route, 400, "last is not a number from 0 to 4294967295");
        route->last = (uint32_t)number;
        return true;
    case PARAMETER_LIMIT:
        if (!read_number(value, 1, UINT32_MAX, &number))
            return refuse(route, 400,
                          route->row->name == ROUTE_NAME_ADMIN /* whose lists have pages */
                              ? "limit is not a number from 1 to 1000"
                              : "limit is not a number from 1 to 4294967295");
        route->limit = (uint32_t)number;
        return true;
    case PARAMETER_EVENT:
        if (!frame_is_text(value))
            return refuse(route, 400, frame_fault_text(FRAME_TYPE_TEXT));
        route->event = value;
        return true;
    case PARAMETER_ID:
        if (!frame_is_text(value))
            return refuse(route, 400, frame_fault_text(FRAME_ID_TEXT));
        route->id = value;
        return true;
    case PARAMETER_RETRY:
        if (!retry_parse(value, &route->retry_ms))
            return refuse(route, 400, frame_fault_text(FRAME_RETRY_RANGE));
        return true;
    case PARAMETER_WAIT:
        number = 0;
        if (!text_equals(value, TEXT("no")) && !read_number(value, 0, WAIT_SECONDS_MAX, &number))
            return refuse(
                route, 400,
                "wait is neither no nor a number of seconds from 0 to " STRING(WAIT_SECONDS_MAX));
        route->polls = true;
        route->wait_ms = (uint32_t)number * 1000;
        return true;
    case PARAMETER_END:
        route->ends = text_equals(value, TEXT("1"));
        return route->ends || refuse(route, 400, "end has a value other than 1");
    case PARAMETER_ALL:
        route->all = text_equals(value, TEXT("1"));
        return route->all || refuse(route, 400, "all has a value other than 1");
    case PARAMETER_COUNT:
        route->counts = text_equals(value, TEXT("1"));
        return route->counts || refuse(route, 400, "count has a value other than 1");
    case PARAMETER_PREFACE:
        if (!text_equals(value, TEXT("yes")) && !text_equals(value, TEXT("no")))
            return refuse(route, 400, "preface is neither yes nor no");
        route->preface = value.len == 3 ? CHOICE_YES : CHOICE_NO;
        return true;
    case PARAMETER_TOKEN:
        route->token = value;
        return true;
    case PARAMETER_AFTER:
        route->after = value;
        return true;
    case PARAMETER_SUBSCRIBER:
        route->subscriber = value;
        return true;
    }
    return true;
}

/* Cuts off what comes before the first `separator`; the rest is what comes behind it. */
static struct text cut(struct text *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    struct text part = *rest;
    if (at) {
        part.len = (size_t)(at - rest->at);
        *rest = (struct text){at + 1, rest->len - part.len - 1};
    } else {
        *rest = (struct text){rest->at + rest->len, 0};
    }
    return part;
}

static bool refuse_unknown(struct route *route, struct text name)
{
    char word[HTTP_WORD_ROOM];
    http_word(name, word);
    if (route->row->only[0])
        snprintf(route->unknown, sizeof(route->unknown),
                 "unknown parameter \"%s\"; parameters are %s", word, route->row->only);
    else
        snprintf(route->unknown, sizeof(route->unknown),
                 "unknown parameter \"%s\"; this path takes none", word);
    return refuse(route, 400, route->unknown);
}

const struct route_parameter_row *route_parameter_find(unsigned mask, struct text name)
{
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
        if ((mask & 1u << parameters[i].parameter) &&
            text_equals(name, text_of(parameters[i].name)))
            return &parameters[i];
    return NULL;
}

static bool read_query(struct route *route, const struct route_rules *rules, struct text query)
{
    unsigned seen = 0; /* bit per enum route_parameter */
    while (query.len > 0) {
        struct text value = cut(&query, '&');
        struct text name = cut(&value, '=');
        if (name.len == 0 && value.len == 0)
            continue;
        if (!decode(route, name, true, &name) || !decode(route, value, true, &value))
            return false;
        const struct route_parameter_row *row = route_parameter_find(route->row->parameters, name);
        if (!row && route->row->only)
            return refuse_unknown(route, name);
        if (!row)
            continue;
        if (row->twice && (seen & 1u << row->parameter))
            return refuse(route, 400, row->twice);
        seen |= 1u << row->parameter;
        if (row->parameter == PARAMETER_CHANNEL && !rules->query_channels)
            return refuse(route, 400, "the query names a channel, which only the path may here");
        if (!route_take(route, row->parameter, value))
            return false;
    }
    return true;
}

/* Turns the absolute form (RFC 9112 section 3.2.2) into path and query; the host in it does not
 * matter here, since we serve the same to all. */
static struct text strip_origin(struct text target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (target.len <= len || strncasecmp(target.at, schemes[i], len) != 0)
            continue;
        if (target.at[len] == '/' || target.at[len] == '?')
            return target; /* no host: not a URL */
        while (len < target.len && target.at[len] != '/' && target.at[len] != '?')
            len++;
        return (struct text){target.at + len, target.len - len};
    }
    return target;
}

/* True if a segment is `.` or `..`, between slashes of which each may be percent-encoded, too. */
static bool has_dot_segment(struct text path)
{
    unsigned dots = 0, others = 0;
    for (size_t i = 0; i < path.len; i++) {
        int byte = (unsigned char)path.at[i];
        if (byte == '%' && path.len - i > 2) {
            int high = http_hex_digit((unsigned char)path.at[i + 1]);
            int low = http_hex_digit((unsigned char)path.at[i + 2]);
            byte = high < 0 || low < 0 ? '%' : high * 16 + low;
            i += byte == '%' ? 0 : 2;
        }
        if (byte == '/' && others == 0 && (dots == 1 || dots == 2))
            return true;
        dots = byte == '/' ? 0 : dots + (byte == '.');
        others = byte == '/' ? 0 : others + (byte != '.');
    }
    return others == 0 && (dots == 1 || dots == 2);
}

/* The row of a path. ret_rest: what follows "/path/", its `at` NULL if nothing does. */
static const struct route_row *find_row(const struct route_table *table, unsigned names,
                                        struct text path, struct text *ret_rest)
{
    for (unsigned i = 0; i < table->count; i++) {
        const struct route_row *row = &table->rows[i];
        size_t len = strlen(row->path);
        *ret_rest = (struct text){NULL, 0};
        if (path.len < len || memcmp(path.at, row->path, len) != 0 || !(names & 1u << row->name))
            continue;
        if (path.len == len)
            return row;
        if (row->has_rest && path.at[len] == '/') {
            *ret_rest = (struct text){path.at + len + 1, path.len - len - 1};
            return row;
        }
    }
    return NULL;
}

/* What a path is found to be. */
struct place {
    const struct route_row *row; /* NULL: nothing */
    const struct route_methods *methods;
    bool is_mapped;
    struct paths_match match; /* then; else its `rest` is what comes behind the row's path */
};

/* The row of a path that is the operator's. A listener that has neither route has none of them. */
static void find_mapped(const struct route_table *table, const struct route_rules *rules,
                        enum http_method method, struct text path, struct place *place)
{
    bool streams = table->streams && rules->names & 1u << table->streams->name;
    bool publishes = table->publishes && rules->names & 1u << table->publishes->name;
    if (!(streams || publishes) || !paths_find(rules->paths, path, &place->match))
        return;
    place->is_mapped = true;
    place->row =
        publishes && (method == METHOD_POST || !streams) ? table->publishes : table->streams;
    place->methods = streams && publishes ? &route_both : place->row->methods;
}

/* What the method makes of a place: true if the route's own parameters are to be read. */
static bool choose(enum http_method method, const struct place *place, struct route *route)
{
    route->kind = method == METHOD_OPTIONS ? ROUTE_OPTIONS : ROUTE_FOUND;
    route->row = place->row;
    route->allow = place->methods->allow;
    route->json_errors = place->row->json_errors;
    if (method == METHOD_OPTIONS)
        return false;
    if (place->methods->mask & 1u << method)
        return place->row->parameters != 0 || place->row->only;
    return refuse(route, 405, place->methods->sentence);
}

/* The channel that the path says or means, if it does. */
static bool take_path(struct route *route, const struct route_rules *rules,
                      const struct place *place)
{
    struct text rest = place->match.rest;
    if (place->is_mapped) {
        struct text name = keep(route, place->match.before);
        if (!decode(route, rest, false, &rest))
            return false;
        name.len += rest.len + keep(route, place->match.behind).len;
        return add_channel(route, name);
    }
    if (route->row->channel)
        route->channels[route->channel_count++] = rules->default_channel.len
                                                      ? keep(route, rules->default_channel)
                                                      : text_of(route->row->channel);
    if (rest.at && !decode(route, rest, false, &rest))
        return false;
    if (!rest.at || !route->row->rest_is_subscriber)
        return !rest.at || add_channel(route, rest);
    route->subscriber = rest;
    return true;
}

static void read_target(struct route *route, const struct route_rules *rules,
                        enum http_method method, const struct place *place, struct text query)
{
    const struct route_row *row = route->row;
    if (!take_path(route, rules, place) || !read_query(route, rules, query))
        return;
    if (route->all && route->channel_count > 0) {
        refuse(route, 400, frame_fault_text(FRAME_ALL_CHANNEL));
        return;
    }
    bool usual = row->channels_min > 0 && rules->default_channel.len > 0;
    if (row->has_rest && !place->match.rest.at && !rules->query_channels && !usual) {
        refuse(route, 400, "the path names no channel, and nothing else may here");
        return;
    }
    /* A body may name them, and is not here yet. */
    bool has_body = method == METHOD_POST || method == METHOD_QUERY;
    if (route->channel_count >= row->channels_min || (has_body && rules->query_channels))
        return;
    if (usual)
        route->channels[route->channel_count++] = keep(route, rules->default_channel);
    else
        refuse(route, 400, "no channel is given to subscribe to");
}

void route_match(const struct route_table *table, const struct route_rules *rules,
                 enum http_method method, struct text target, struct route *ret_route)
{
    struct route *route = ret_route;
    route->kind = ROUTE_REFUSED;
    route->row = NULL;
    route->status = 0;
    route->sentence = NULL;
    route->allow = NULL;
    route->json_errors = false;
    route->channel_count = 0;
    route->channels_most = rules->channels_max;
    route->channels = route->room;
    route->has_resume = route->polls = false;
    route->resume = route->event = route->id = route->token = (struct text){NULL, 0};
    route->subscriber = route->after = (struct text){NULL, 0};
    route->last = route->limit = 0;
    route->preface = CHOICE_NONE;
    route->wait_ms = 0;
    route->retry_ms = -1;
    route->ends = route->all = route->counts = false;
    route->scratch_len = 0;

    if (target.len > TARGET_BYTES_MAX) {
        refuse(route, 414, "the request target is too long");
        return;
    }
    if (method == METHOD_OPTIONS && text_equals(target, TEXT("*"))) {
        route->kind = ROUTE_OPTIONS;
        route->allow = "GET, HEAD, POST, QUERY, OPTIONS";
        return;
    }
    struct text stripped = strip_origin(target);
    bool absolute = stripped.len < target.len;
    if (!absolute && (target.len == 0 || target.at[0] != '/')) {
        refuse(route, 400, "the request target is neither a path nor an http URL");
        return;
    }
    if (stripped.len > 0 && memchr(stripped.at, '#', stripped.len)) {
        refuse(route, 400, "the request target contains a fragment");
        return;
    }
    struct text query = stripped;
    struct text path = cut(&query, '?');
    if (path.len == 0)
        path = TEXT("/");
    if (has_dot_segment(path)) {
        refuse(route, 400,
               rules->query_channels
                   ? "the path has a segment of dots: name such a channel by ?channel="
                   : "the path has a segment of dots, so it names no channel");
        return;
    }
    struct place place = {.is_mapped = false};
    place.row = find_row(table, rules->names, path, &place.match.rest);
    if (place.row)
        place.methods = place.row->methods;
    else if (rules->paths)
        find_mapped(table, rules, method, path, &place);
    if (!place.row)
        refuse(route, 404, "there is nothing at this path");
    else if (choose(method, &place, route))
        read_target(route, rules, method, &place, query);
}

struct text route_path(struct text target)
{
    struct text path = strip_origin(target);
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] == '?' || path.at[i] == '#')
            path.len = i;
    if (path.len > 0 && path.at[0] != '/')
        path.len = 0;
    return path;
}
