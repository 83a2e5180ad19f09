/* SPDX-License-Identifier: MIT */
/*
 * The route function: tables of targets and what becomes of them, each target right before an
 * unmapped page. What a route says is written down as one line and compared whole.
 *
 * Length: tables of targets.
 */
#include "net/http/route.h"
#include "net/http/route_copy.h"

#include <criterion/criterion.h>

#include "engine/frame.h"
#include "net/handlers/parts.h"
#include "tests/unit/guard.h"

static void note(char *line, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(char *line, size_t size, const char *format, ...)
{
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line + used, size - used, format, arguments);
    va_end(arguments);
    cr_assert(len >= 0 && (size_t)len < size - used);
}

static void match(enum http_method method, struct text target, struct route *ret_route)
{
    memset(ret_route, 0xa5, sizeof(*ret_route)); /* whatever is not filled is noticed */
    struct text guarded = guard_new(target);
    route_match(&parts_routes, &route_rules_usual, method, guarded, ret_route);
    guard_free(guarded); /* the route must not borrow it */
}

static const char *name_of(const struct route *route)
{
    static const char *const names[][2] = {
        {"/events", "subscribe"},
        {"/stream", "subscribe"},
        {"/publish", "publish"},
        {"/send", "send"},
        {"/", "page"},
        {"/healthz", "health"},
        {"/stats", "stats"},
        {"/metrics", "metrics"},
    };
    if (route->kind != ROUTE_FOUND)
        return route->kind == ROUTE_OPTIONS ? "options" : "refused";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(route->row->path, names[i][0]) == 0)
            return names[i][1];
    }
    return "unknown";
}

#define TOKEN "access_token"

static const char *describe(const struct route *route)
{
    static char line[16384];
    size_t size = sizeof(line);
    line[0] = 0;
    note(line, size, "%s", name_of(route));
    if (route->kind == ROUTE_REFUSED)
        note(line, size, " %d %s", route->status, route->sentence);
    if (route->kind == ROUTE_OPTIONS || route->status == 405)
        note(line, size, " (%s)", route->allow);
    if (route->kind != ROUTE_FOUND || !route->row->parameters)
        return line;
    for (unsigned i = 0; i < route->channel_count; i++)
        note(line, size, " [%.*s]", (int)route->channels[i].len, route->channels[i].at);
    if (route->has_resume)
        note(line, size, " resume=%.*s", (int)route->resume.len, route->resume.at);
    if (route->last)
        note(line, size, " last=%u", route->last);
    if (route->limit)
        note(line, size, " limit=%u", route->limit);
    if (route->polls)
        note(line, size, " wait=%u", route->wait_ms);
    if (route->preface != CHOICE_NONE)
        note(line, size, " preface=%s", route->preface == CHOICE_YES ? "yes" : "no");
    if (route->event.len)
        note(line, size, " event=%.*s", (int)route->event.len, route->event.at);
    if (route->id.len)
        note(line, size, " id=%.*s", (int)route->id.len, route->id.at);
    if (route->token.at)
        note(line, size, " token=%.*s", (int)route->token.len, route->token.at);
    if (route->retry_ms != -1)
        note(line, size, " retry=%lld", (long long)route->retry_ms);
    if (route->ends)
        note(line, size, " end");
    return line;
}

struct example {
    enum http_method method;
    const char *target;
    const char *line;
};

static void check(const struct example *examples, size_t count)
{
    static struct route route;
    for (size_t i = 0; i < count; i++) {
        match(examples[i].method, text_of(examples[i].target), &route);
        cr_expect_str_eq(describe(&route), examples[i].line, "%s gave: %s", examples[i].target,
                         describe(&route));
    }
}

#define CHECK_EXAMPLES(examples) check(examples, sizeof(examples) / sizeof((examples)[0]))

Test(route, paths)
{
    static const struct example examples[] = {
        {METHOD_GET, "/", "page"},
        {METHOD_HEAD, "/", "page"},
        {METHOD_GET, "/?anything=%zz", "page"},
        {METHOD_GET, "/healthz", "health"},
        {METHOD_GET, "/stats?x", "stats"},
        {METHOD_HEAD, "/metrics", "metrics"},
        {METHOD_POST, "/send", "send [default]"},
        {METHOD_GET, "/stream", "subscribe [default]"},
        {METHOD_GET, "/stream?limit=3&last=2", "subscribe [default] last=2 limit=3"},
        {METHOD_GET, "/events/news", "subscribe [news]"},
        {METHOD_HEAD, "/events/news", "subscribe [news]"},
        {METHOD_POST, "/publish/news", "publish [news]"},
        {METHOD_POST, "/publish", "publish"},
        {METHOD_POST, "/publish?", "publish"},
        {METHOD_GET, "http://localhost:8080/events/a?channel=b", "subscribe [a] [b]"},
        {METHOD_GET, "HTTPS://localhost/stats", "stats"},
        {METHOD_GET, "http://localhost", "page"},
        {METHOD_GET, "http://localhost?x=1", "page"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, paths_refused)
{
    static const struct example examples[] = {
        {METHOD_GET, "/nothing", "refused 404 there is nothing at this path"},
        {METHOD_GET, "//", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/Events/a", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/%65vents/a", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/eventsource", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/stats/", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/stream/a", "refused 404 there is nothing at this path"},
        {METHOD_OPTIONS, "/nothing", "refused 404 there is nothing at this path"},
        {METHOD_OTHER, "/%zz", "refused 404 there is nothing at this path"},
        {METHOD_GET, "", "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "*", "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "events/a",
         "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_OTHER, "a:80", "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "ftp://a/stats",
         "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "http://", "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "http:///stats",
         "refused 400 the request target is neither a path nor an http URL"},
        {METHOD_GET, "/events/a#b", "refused 400 the request target contains a fragment"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, methods)
{
    static const struct example examples[] = {
        {METHOD_POST, "/events/a", "subscribe [a]"},
        {METHOD_POST, "/events", "subscribe"}, /* the body is to name them */
        {METHOD_QUERY, "/events?last=3", "subscribe last=3"},
        {METHOD_QUERY, "/events/", "refused 400 the channel name is empty"},
        {METHOD_OTHER, "/events/a",
         "refused 405 this path is only for GET, HEAD, POST and QUERY (GET, HEAD, POST, QUERY, "
         "OPTIONS)"},
        {METHOD_QUERY, "/publish/a", "refused 405 this path is only for POST (POST, OPTIONS)"},
        {METHOD_POST, "/", "refused 405 this path is only for GET and HEAD (GET, HEAD, OPTIONS)"},
        {METHOD_OTHER, "/stats",
         "refused 405 this path is only for GET and HEAD (GET, HEAD, OPTIONS)"},
        {METHOD_GET, "/publish/a", "refused 405 this path is only for POST (POST, OPTIONS)"},
        {METHOD_HEAD, "/publish", "refused 405 this path is only for POST (POST, OPTIONS)"},
        {METHOD_GET, "/send", "refused 405 this path is only for POST (POST, OPTIONS)"},
        /* The method comes before the content. */
        {METHOD_OTHER, "/publish/%zz", "refused 405 this path is only for POST (POST, OPTIONS)"},
        {METHOD_OPTIONS, "/events/", "options (GET, HEAD, POST, QUERY, OPTIONS)"},
        {METHOD_OPTIONS, "/publish/a", "options (POST, OPTIONS)"},
        {METHOD_OPTIONS, "/send", "options (POST, OPTIONS)"},
        {METHOD_OPTIONS, "/healthz", "options (GET, HEAD, OPTIONS)"},
        {METHOD_OPTIONS, "*", "options (GET, HEAD, POST, QUERY, OPTIONS)"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, errors_of_send_are_json)
{
    static struct route route;
    match(METHOD_GET, TEXT("/send"), &route);
    cr_expect(route.json_errors);
    match(METHOD_POST, TEXT("/send"), &route);
    cr_expect(route.json_errors);
    match(METHOD_GET, TEXT("/publish"), &route);
    cr_expect_not(route.json_errors);
    match(METHOD_GET, TEXT("/nothing"), &route);
    cr_expect_not(route.json_errors);
    cr_expect_null(route.allow);
}

Test(route, channels)
{
    static const struct example examples[] = {
        {METHOD_GET, "/events/a/b//c/", "subscribe [a/b//c/]"},
        {METHOD_GET, "/events/a%2Fb", "subscribe [a/b]"},
        {METHOD_GET, "/events//", "subscribe [/]"},
        {METHOD_GET, "/events/%C3%bc", "subscribe [\xc3\xbc]"},
        {METHOD_GET, "/events/\xc3\xbc", "subscribe [\xc3\xbc]"},
        {METHOD_GET, "/events/a+b%20c", "subscribe [a+b c]"},
        {METHOD_GET, "/events?channel=a+b%2Bc", "subscribe [a b+c]"},
        {METHOD_GET, "/events/%2541", "subscribe [%41]"},
        {METHOD_GET, "/events/a?channel=%2525", "subscribe [a] [%25]"},
        {METHOD_GET, "/events?channel=a&channel=b&channel=a", "subscribe [a] [b]"},
        {METHOD_GET, "/events/a?channel=b&channel=%61", "subscribe [a] [b]"},
        {METHOD_GET, "/events?&&channel=a&&", "subscribe [a]"},
        {METHOD_GET, "/events?ch%61nnel=a=b?c", "subscribe [a=b?c]"},
        {METHOD_GET, "/events/a%3Fb%23c%26d", "subscribe [a?b#c&d]"},
        {METHOD_GET, "/stream?channel=default&channel=x", "subscribe [default] [x]"},
        {METHOD_POST, "/publish?channel=a", "publish [a]"},
        {METHOD_POST, "/publish/a?channel=a", "publish [a]"},
        {METHOD_POST, "/publish/a/b", "publish [a/b]"},
        {METHOD_GET, "/events", "refused 400 no channel is given to subscribe to"},
        {METHOD_GET, "/events?", "refused 400 no channel is given to subscribe to"},
        {METHOD_GET, "/events?Channel=a", "refused 400 no channel is given to subscribe to"},
        {METHOD_GET, "/events/", "refused 400 the channel name is empty"},
        {METHOD_GET, "/events/?channel=a", "refused 400 the channel name is empty"},
        {METHOD_GET, "/events?channel=", "refused 400 the channel name is empty"},
        {METHOD_GET, "/events?channel", "refused 400 the channel name is empty"},
        {METHOD_GET, "/events/a?channel=&channel=b", "refused 400 the channel name is empty"},
        {METHOD_POST, "/publish/", "refused 400 the channel name is empty"},
        {METHOD_POST, "/publish/a?channel=b", "refused 400 more than one channel is given"},
        {METHOD_POST, "/publish?channel=a&channel=b", "refused 400 more than one channel is given"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, channel_bytes_refused)
{
    static const char *const channels[] = {"%00",          "a%0Ab",     "%0d",  "%7F",
                                           "%C3",          "%C0%80",    "\xc3", "%ED%A0%80",
                                           "%F5%80%80%80", "%C3%BC%FF", "%09",  "a%1f"};
    static struct route route;
    char target[64];
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        for (unsigned form = 0; form < 3; form++) {
            static const char *const forms[] = {"/events/%s", "/events?channel=%s", "/publish/%s"};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(target, sizeof(target), forms[form], channels[i]);
#pragma GCC diagnostic pop
            match(form == 2 ? METHOD_POST : METHOD_GET, text_of(target), &route);
            cr_expect_eq(route.kind, ROUTE_REFUSED, "%s", target);
            cr_expect_eq(route.status, 400, "%s", target);
            cr_expect_str_eq(route.sentence, frame_fault_text(FRAME_CHANNEL_TEXT), "%s", target);
        }
    }
}

Test(route, percent_refused)
{
    static const char *const targets[] = {
        "/events/%",
        "/events/%4",
        "/events/%zz",
        "/events/%4g",
        "/events/a%",
        "/events?channel=%",
        "/events?channel=%4&x=1",
        "/events/a?last=%",
        "/events/a?x=%0",
        "/events/a?%=x",
        "/events/% 41",
        "/events/a?channel=%u0041",
    };
    static struct route route;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        match(METHOD_GET, text_of(targets[i]), &route);
        cr_expect_str_eq(describe(&route),
                         "refused 400 a percent sign in the target lacks its two hex digits", "%s",
                         targets[i]);
    }
}

/* What a proxy would resolve, or leave as it is, is not left to chance. */
Test(route, segments_of_dots)
{
    static const char *const refused[] = {"/.",
                                          "/..",
                                          "/events/..",
                                          "/events/.",
                                          "/./stats",
                                          "/events/../send",
                                          "/publish/../events/x",
                                          "/events/a/..",
                                          "/events/a/./b",
                                          "/events/%2e%2E",
                                          "/events/.%2e/x",
                                          "/events/%2e",
                                          "/events/a%2f..",
                                          "/events/..%2Fa",
                                          "/events/a%2f%2e%2e%2fb",
                                          "/%2e%2e/",
                                          "/events/..?last=1",
                                          "http://a/../x"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        static struct route route;
        match(METHOD_GET, text_of(refused[i]), &route);
        cr_assert_str_eq(describe(&route),
                         "refused 400 the path has a segment of dots: name such "
                         "a channel by ?channel=",
                         "%s", refused[i]);
    }
    static const struct example examples[] = {
        {METHOD_GET, "/events/...", "subscribe [...]"},
        {METHOD_GET, "/events/a..b/.c/d.", "subscribe [a..b/.c/d.]"},
        {METHOD_GET, "/events/..%20", "subscribe [.. ]"},
        {METHOD_GET, "/events/%252e", "subscribe [%2e]"},
        {METHOD_GET, "/events?channel=..&channel=.&channel=a/../b", "subscribe [..] [.] [a/../b]"},
        {METHOD_POST, "/publish?channel=%2e%2e", "publish [..]"},
        {METHOD_GET, "/events/..%",
         "refused 400 a percent sign in the target lacks its two hex "
         "digits"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, tokens)
{
    static const struct example examples[] = {
        {METHOD_GET, "/events/a?access_token=x%2Ey", "subscribe [a] token=x.y"},
        {METHOD_GET, "/events/a?access_token", "subscribe [a] token="},
        {METHOD_POST, "/publish/a?access_token=x+y", "publish [a] token=x y"},
        {METHOD_POST, "/send?access_token=x", "send [default] token=x"},
        {METHOD_GET, "/events/a?access_token=x&access_token=x",
         "refused 400 access_token is given twice"},
        {METHOD_GET, "/stats?access_token=x", "stats"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, parameters_of_streams)
{
    static const struct example examples[] = {
        {METHOD_GET, "/events/a?wait=no", "subscribe [a] wait=0"},
        {METHOD_GET, "/events/a?wait=0", "subscribe [a] wait=0"},
        {METHOD_GET, "/events/a?wait=3600", "subscribe [a] wait=3600000"},
        {METHOD_GET, "/events/a?wait=3601",
         "refused 400 wait is neither no nor a number of seconds from 0 to 3600"},
        {METHOD_GET, "/events/a?wait=1.5",
         "refused 400 wait is neither no nor a number of seconds from 0 to 3600"},
        {METHOD_GET, "/events/a?wait=yes",
         "refused 400 wait is neither no nor a number of seconds from 0 to 3600"},
        {METHOD_GET, "/events/a?wait",
         "refused 400 wait is neither no nor a number of seconds from 0 to 3600"},
        {METHOD_GET, "/events/a?wait=no&wait=no", "refused 400 wait is given twice"},
        {METHOD_GET, "/events/a?preface=no", "subscribe [a] preface=no"},
        {METHOD_GET, "/events/a?preface=yes", "subscribe [a] preface=yes"},
        {METHOD_GET, "/events/a?preface=not", "refused 400 preface is neither yes nor no"},
        {METHOD_GET, "/events/a?preface", "refused 400 preface is neither yes nor no"},
        {METHOD_GET, "/events/a?preface=no&preface=no", "refused 400 preface is given twice"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, parameters)
{
    static const struct example examples[] = {
        {METHOD_GET, "/events/a?last-event-id=x%20y", "subscribe [a] resume=x y"},
        {METHOD_GET, "/events/a?lastEventId=x", "subscribe [a] resume=x"},
        {METHOD_GET, "/events/a?last-event-id=", "subscribe [a]"},
        {METHOD_GET, "/events/a?last-event-id=%0a%ff", "subscribe [a] resume=\n\xff"},
        {METHOD_GET, "/events/a?last=0&limit=4294967295", "subscribe [a] limit=4294967295"},
        {METHOD_GET, "/events/a?last=4294967295&limit=1", "subscribe [a] last=4294967295 limit=1"},
        {METHOD_GET, "/events/a?last=007", "subscribe [a] last=7"},
        {METHOD_GET, "/events/a?event=x&id=y&retry=z&retry=z&unknown", "subscribe [a]"},
        {METHOD_POST, "/publish/a?event=x+y&id=%C3%BC&retry=0",
         "publish [a] event=x y id=\xc3\xbc retry=0"},
        {METHOD_POST, "/publish/a?retry=86400000", "publish [a] retry=3600000"},
        {METHOD_POST, "/publish/a?event=&id=", "publish [a]"},
        {METHOD_GET, "/events/a?lastEventID=x", "subscribe [a] resume=x"},
        {METHOD_GET, "/events/a?last_event_id=x", "subscribe [a] resume=x"},
        {METHOD_GET, "/events/a?Last-Event-ID=x", "subscribe [a] resume=x"},
        {METHOD_GET, "/events/a?LAST-EVENT-ID=x", "subscribe [a]"},
        {METHOD_POST, "/publish/a?&event=x&&", "publish [a] event=x"},
        {METHOD_POST, "/send?evnt=x", "send [default]"},
        {METHOD_POST, "/publish/a?evnt=x",
         "refused 400 unknown parameter \"evnt\"; parameters are channel, event, id, "
         "retry, end, all, count, " TOKEN},
        {METHOD_POST, "/publish/a?event=x&last=1",
         "refused 400 unknown parameter \"last\"; parameters are channel, event, id, "
         "retry, end, all, count, " TOKEN},
        {METHOD_POST, "/publish/a?=x",
         "refused 400 unknown parameter \"\"; parameters are channel, event, id, retry, "
         "end, all, count, " TOKEN},
        {METHOD_POST, "/publish/a?a%0d%22%5c%c3%a4b",
         "refused 400 unknown parameter \"a?????b\"; parameters are channel, event, id, "
         "retry, end, all, count, " TOKEN},
        {METHOD_POST, "/publish/a?0123456789012345678901234567890123456789x",
         "refused 400 unknown parameter \"0123456789012345678901234567890123456789...\"; "
         "parameters are channel, event, id, retry, end, all, count, " TOKEN},
        {METHOD_GET, "/events/a?last=", "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last", "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last=4294967296",
         "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last=18446744073709551617",
         "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last=-1", "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last=+1", "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?last=1%00",
         "refused 400 last is not a number from 0 to 4294967295"},
        {METHOD_GET, "/events/a?limit=0", "refused 400 limit is not a number from 1 to 4294967295"},
        {METHOD_GET, "/events/a?limit=0x1",
         "refused 400 limit is not a number from 1 to 4294967295"},
        {METHOD_GET, "/events/a?limit=4294967296",
         "refused 400 limit is not a number from 1 to 4294967295"},
        {METHOD_POST, "/publish/a?retry=1s",
         "refused 400 retry is not a number of milliseconds, 0 or more"},
        {METHOD_POST,
         "/publish/a?retry=", "refused 400 retry is not a number of milliseconds, 0 or more"},
        {METHOD_GET, "/events/a?last=1&last=1", "refused 400 last is given twice"},
        {METHOD_GET, "/events/a?limit=1&limit=2", "refused 400 limit is given twice"},
        {METHOD_GET, "/events/a?lastEventId=&last-event-id=x",
         "refused 400 last-event-id is given twice"},
        {METHOD_POST, "/publish/a?event=x&event=x", "refused 400 event is given twice"},
        {METHOD_POST, "/publish/a?id=x&id=x", "refused 400 id is given twice"},
        {METHOD_POST, "/publish/a?retry=1&retry=1", "refused 400 retry is given twice"},
        {METHOD_POST, "/publish?all=1&all=1", "refused 400 all is given twice"},
        {METHOD_POST, "/publish?all=0", "refused 400 all has a value other than 1"},
        {METHOD_POST, "/publish/a?all=1", "refused 400 an event to all names no channel"},
        {METHOD_POST, "/publish?all=1&channel=a", "refused 400 an event to all names no channel"},
    };
    CHECK_EXAMPLES(examples);
}

Test(route, parameter_text_refused)
{
    static struct route route;
    match(METHOD_POST, TEXT("/publish/a?event=%ff"), &route);
    cr_expect_eq(route.status, 400);
    cr_expect_str_eq(route.sentence, frame_fault_text(FRAME_TYPE_TEXT));
    match(METHOD_POST, TEXT("/publish/a?id=a%00b"), &route);
    cr_expect_eq(route.status, 400);
    cr_expect_str_eq(route.sentence, frame_fault_text(FRAME_ID_TEXT));
}

Test(route, channel_length_border)
{
    static struct route route;
    char target[512];
    for (size_t len = CHANNEL_BYTES_MAX; len <= CHANNEL_BYTES_MAX + 1; len++) {
        size_t at = (size_t)snprintf(target, sizeof(target), "/events/");
        memset(target + at, 'x', len);
        match(METHOD_GET, (struct text){target, at + len}, &route);
        if (len == CHANNEL_BYTES_MAX) {
            cr_expect_eq(route.kind, ROUTE_FOUND);
            cr_expect_eq(route.channels[0].len, len);
        } else {
            cr_expect_eq(route.status, 400);
            cr_expect_str_eq(route.sentence, frame_fault_text(FRAME_CHANNEL_LONG));
        }
    }
}

Test(route, channel_count_border)
{
    static struct route route;
    char target[2048];
    for (unsigned count = SUBSCRIBER_CHANNELS_DEFAULT; count <= SUBSCRIBER_CHANNELS_DEFAULT + 1;
         count++) {
        size_t at = (size_t)snprintf(target, sizeof(target), "/events?");
        for (unsigned i = 0; i < count; i++)
            at += (size_t)snprintf(target + at, sizeof(target) - at, "channel=%u&channel=%u&", i,
                                   i / 2);
        match(METHOD_GET, (struct text){target, at}, &route);
        if (count == SUBSCRIBER_CHANNELS_DEFAULT) {
            cr_expect_eq(route.kind, ROUTE_FOUND);
            cr_expect_eq(route.channel_count, SUBSCRIBER_CHANNELS_DEFAULT);
            cr_expect(text_equals(route.channels[SUBSCRIBER_CHANNELS_DEFAULT - 1], TEXT("63")));
        } else {
            cr_expect_str_eq(describe(&route), "refused 400 more than 64 channels are given");
        }
    }
}

Test(route, target_length_border)
{
    static struct route route;
    static char target[TARGET_BYTES_MAX + 1];
    memset(target, 'x', sizeof(target));
    memcpy(target, "/events/a?", 10);
    match(METHOD_GET, (struct text){target, TARGET_BYTES_MAX}, &route);
    cr_expect_str_eq(describe(&route), "subscribe [a]");
    match(METHOD_GET, (struct text){target, TARGET_BYTES_MAX + 1}, &route);
    cr_expect_str_eq(describe(&route), "refused 414 the request target is too long");
}

Test(route, names_switch_rows_off)
{
    static struct route route;
    static const struct route_rules rules = {.names = 1u << ROUTE_NAME_SUBSCRIBE |
                                                      1u << ROUTE_NAME_HEALTH,
                                             .query_channels = true,
                                             .channels_max = 64};
    static const struct example examples[] = {
        {METHOD_GET, "/events/a", "subscribe [a]"},
        {METHOD_GET, "/stream", "subscribe [default]"},
        {METHOD_GET, "/healthz", "health"},
        {METHOD_POST, "/publish/a", "refused 404 there is nothing at this path"},
        {METHOD_OPTIONS, "/publish/a", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/stats", "refused 404 there is nothing at this path"},
        {METHOD_GET, "/metrics", "refused 404 there is nothing at this path"},
        {METHOD_POST, "/send", "refused 404 there is nothing at this path"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        route_match(&parts_routes, &rules, examples[i].method, text_of(examples[i].target), &route);
        cr_expect_str_eq(describe(&route), examples[i].line, "%s", examples[i].target);
    }
}

/* Each row has the name that its path says. */
Test(route, each_row_is_switched_by_a_name)
{
    for (unsigned i = 0; i < parts_routes.count; i++)
        cr_expect_leq(parts_routes.rows[i].name, ROUTE_NAME_ADMIN);
    cr_expect_eq(parts_routes.rows[0].name, ROUTE_NAME_SUBSCRIBE);
}

/* The administration's rows have a name that nobody can write, and no list of names has. */
Test(route, administration)
{
    static struct route route;
    static const struct route_rules rules = {
        .names = ROUTE_NAMES_OF_ADMIN, .query_channels = true, .channels_max = 64};
    cr_expect_eq(ROUTE_NAMES_ALL & 1u << ROUTE_NAME_ADMIN, 0);
    route_match(&parts_routes, &route_rules_usual, METHOD_GET, TEXT("/channels/a"), &route);
    cr_expect_eq(route.status, 404);
    route_match(&parts_routes, &rules, METHOD_GET, TEXT("/channels/a%2fb?after=x+y&limit=7"),
                &route);
    cr_assert_eq(route.kind, ROUTE_FOUND);
    cr_expect_eq(route.row->name, ROUTE_NAME_ADMIN);
    cr_expect_eq(route.channel_count, 1);
    cr_expect(text_equals(route.channels[0], TEXT("a/b")));
    cr_expect(text_equals(route.after, TEXT("x y")));
    cr_expect_eq(route.limit, 7);
    route_match(&parts_routes, &rules, METHOD_GET, TEXT("/events/a"), &route);
    cr_expect_eq(route.status, 404);
    route_match(&parts_routes, &rules, METHOD_GET, TEXT("/channels?afte=x"), &route);
    cr_expect_eq(route.status, 400);
}

Test(route, channels_by_the_path_alone)
{
    static struct route route;
    static const struct route_rules rules = {
        .names = ROUTE_NAMES_ALL, .query_channels = false, .channels_max = 64};
#define QUERY_REFUSED "refused 400 the query names a channel, which only the path may here"
#define NONE_REFUSED  "refused 400 the path names no channel, and nothing else may here"
    static const struct example examples[] = {
        {METHOD_GET, "/events/a%2fb?last=2", "subscribe [a/b] last=2"},
        {METHOD_GET, "/stream?last=2", "subscribe [default] last=2"},
        {METHOD_POST, "/publish/a?event=e", "publish [a] event=e"},
        {METHOD_POST, "/send?channel=x", "send [default]"}, /* which has no parameters */
        {METHOD_GET, "/events/a?channel=b", QUERY_REFUSED},
        {METHOD_GET, "/events?channel=b", QUERY_REFUSED},
        {METHOD_GET, "/events?%63hannel=b", QUERY_REFUSED},
        {METHOD_GET, "/stream?channel=b", QUERY_REFUSED},
        {METHOD_POST, "/publish?channel=b", QUERY_REFUSED},
        {METHOD_GET, "/events", NONE_REFUSED},
        {METHOD_POST, "/publish", NONE_REFUSED}, /* the body would name it */
        {METHOD_GET, "/healthz?channel=b", "health"},
        /* No advice that does not hold. */
        {METHOD_GET, "/events/..",
         "refused 400 the path has a segment of dots, so it names no channel"},
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        route_match(&parts_routes, &rules, examples[i].method, text_of(examples[i].target), &route);
        cr_expect_str_eq(describe(&route), examples[i].line, "%s", examples[i].target);
    }
}

/* Every byte in every place: one of the known answers, and nothing decoded but valid text. */
Test(route, any_byte_anywhere)
{
    static struct route route;
    static const char good[] = "/events/a%41?channel=b+c&limit=1";
    char target[sizeof(good)];
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(target, good, sizeof(good));
            target[i] = (char)byte;
            match(METHOD_GET, (struct text){target, sizeof(good) - 1}, &route);
            if (route.kind == ROUTE_REFUSED) {
                cr_assert(route.status == 400 || route.status == 404, "%d", route.status);
                cr_assert_not_null(route.sentence);
                continue;
            }
            cr_assert_eq(route.kind, ROUTE_FOUND);
            for (unsigned j = 0; j < route.channel_count; j++)
                cr_assert_eq(frame_check_channel(route.channels[j]), FRAME_OK);
        }
    }
}

Test(route, a_copy_says_the_same_and_holds_its_own_texts)
{
    static const struct example examples[] = {
        {METHOD_POST, "/publish/a%20b?event=e&id=i&retry=5", ""},
        {METHOD_GET, "/events/a?channel=b&last-event-id=7&last=3&limit=2", ""},
        {METHOD_GET, "/stream", ""},
        {METHOD_POST, "/send", ""},
        {METHOD_GET, "/nothing", ""},
    };
    static struct route route;
    char line[512];
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        match(examples[i].method, text_of(examples[i].target), &route);
        snprintf(line, sizeof(line), "%s", describe(&route));
        struct route *copy = route_copy(&route);
        cr_assert_not_null(copy);
        cr_expect_lt(route_bytes(copy), sizeof(route));
        memset(&route, 0xa5, sizeof(route));
        cr_expect_str_eq(describe(copy), line);
        free(copy);
    }
}

/* What somebody else says of the channels; all else of the request is as it was asked. */
Test(route, copy_with_other_channels)
{
    static struct route route;
    const struct text others[] = {TEXT("user/42"), TEXT("x")};
    match(METHOD_GET, TEXT("/events/a%2Fb?channel=c&last-event-id=an%20id&access_token=t"), &route);
    struct route *copy = route_copy_with(&route, others, 2);
    cr_assert_not_null(copy);
    memset(&route, 0xa5, sizeof(route));
    cr_expect_eq(copy->kind, ROUTE_FOUND);
    cr_expect_eq(copy->channel_count, 2);
    cr_expect(text_equals(copy->channels[0], others[0]));
    cr_expect(text_equals(copy->channels[1], others[1]));
    cr_expect(text_equals(copy->resume, TEXT("an id")));
    cr_expect(text_equals(copy->token, TEXT("t")));
    /* A copy of the copy, as it is made when the turn ends. */
    struct route *again = route_copy(copy);
    cr_assert_not_null(again);
    cr_expect_eq(route_bytes(again), route_bytes(copy));
    memset(copy, 0xa5, route_bytes(again));
    cr_expect(text_equals(again->channels[1], others[1]));
    free(copy);
    free(again);
}
