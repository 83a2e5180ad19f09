/* SPDX-License-Identifier: MIT */
/* Bodies that ask for a stream: what each gives beside the query's values, and every refusal. */
#include "net/handlers/subscribe_body.h"

#include <criterion/criterion.h>

#include "net/handlers/parts.h"
#include "tests/unit/guard.h"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

/* What is said of the body, in one line. */
static const char *describe(const char *target, const char *type, const char *coding,
                            const char *bytes)
{
    static char line[8192];
    static struct route route;
    struct subscribe_body body;
    char error[JSON_ERROR_BYTES] = "";
    route_match(&parts_routes, &route_rules_usual, METHOD_QUERY, text_of(target), &route);
    cr_assert_eq(route.kind, ROUTE_FOUND, "%s", route.sentence);
    struct text guarded = guard_new(text_of(bytes));
    struct subscribe_text text = {text_of(type), text_of(coding), guarded};
    int r = subscribe_body_read(&body, &text, &route, error);
    guard_free(guarded); /* nothing of it may be borrowed any more */
    size_t len = 0;
    line[0] = '\0';
    if (r)
        len += (size_t)snprintf(line, sizeof(line), "%d %s", r, error);
    for (unsigned i = 0; i < body.channel_count && r == 0; i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "[%.*s]", (int)body.channels[i].len,
                                body.channels[i].at);
    if (r == 0 && route.has_resume)
        len += (size_t)snprintf(line + len, sizeof(line) - len, " resume=%.*s",
                                (int)route.resume.len, route.resume.at);
    if (r == 0)
        snprintf(line + len, sizeof(line) - len, " last=%u limit=%u wait=%d %u preface=%d",
                 route.last, route.limit, route.polls, route.wait_ms, (int)route.preface);
    subscribe_body_deinit(&body);
    return line;
}

#define NOTHING " last=0 limit=0 wait=0 0 preface=0"

static const struct row {
    const char *type, *bytes, *line;
} rows[] = {
    {"", "", NOTHING},
    {"image/png", "", NOTHING},
    {FORM, "channel=a&channel=b+c&channel=%C3%BC&channel=a",
     "[a][b c][\xc3\xbc] last=0 limit=0 wait=0 0 preface=0"},
    {FORM "; charset=utf-8",
     "channel=a&last=5&limit=6&last-event-id=x%20y&wait=7&preface=no&other=1",
     "[a] resume=x y last=5 limit=6 wait=1 7000 preface=2"},
    {FORM, "lastEventId=x", " resume=x last=0 limit=0 wait=0 0 preface=0"},
    {FORM, "&&=&access_token=x&channel", "400 the channel name is empty"},
    {FORM, "channel=%0A", "400 the channel name is not valid UTF-8 without control characters"},
    {FORM, "last=1&last=1", "400 last is given twice"},
    {FORM, "lastEventId=1&last_event_id=1", "400 last-event-id is given twice"},
    {FORM, "last=x", "400 last is not a number from 0 to 4294967295"},
    {JSON, "{}", NOTHING},
    {JSON, "{\"channels\": [\"a\", \"b\", \"a\"], \"channel\": \"c\"}",
     "[a][b][c] last=0 limit=0 wait=0 0 preface=0"},
    {JSON,
     "{\"last\": 5, \"limit\": \"6\", \"last_event_id\": \"x\", \"wait\": 7, \"preface\": false, "
     "\"more\": {}}",
     " resume=x last=5 limit=6 wait=1 7000 preface=2"},
    {JSON, "{\"last\": null, \"last_event_id\": null, \"wait\": \"no\"}",
     " last=0 limit=0 wait=1 0 preface=0"},
    {JSON, "[]", "400 the body is not a JSON object"},
    {JSON, "{", "400 the body is not valid JSON: it ends too early (line 1, column 1)"},
    {JSON, "{\"channels\": \"a\"}", "400 channels is not a list of strings"},
    {JSON, "{\"channels\": [\"a\", 1]}", "400 channels is not a list of strings"},
    {JSON, "{\"channels\": [\"\"]}", "400 the channel name is empty"},
    {JSON, "{\"channel\": 1}", "400 channel is not a string"},
    {JSON, "{\"last_event_id\": 1}", "400 last_event_id is not a string"},
    {JSON, "{\"last\": -1}", "400 last is not a number from 0 to 4294967295"},
    {JSON, "{\"last\": 1.5}", "400 last is neither a string nor an integer"},
    {JSON, "{\"limit\": []}", "400 limit is neither a string nor an integer"},
    {JSON, "{\"limit\": 0}", "400 limit is not a number from 1 to 4294967295"},
    {JSON, "{\"last_event_id\": \"a\", \"lastEventId\": \"b\"}",
     "400 last-event-id is given twice"},
    {"", "channel=a",
     "415 the content type is neither application/json nor application/x-www-form-urlencoded"},
    {JSON "; charset=latin1", "{}", "415 the body's charset is not utf-8"},
};

Test(subscribe_body, rows)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *line = describe("/events", rows[i].type, "", rows[i].bytes);
        cr_expect_str_eq(line, rows[i].line, "%s gave: %s", rows[i].bytes, line);
    }
    cr_expect_str_eq(describe("/events", JSON, "gzip", "x"),
                     "415 a Content-Encoding is not understood here: send the body as it is");
}

/* What the query says holds until the body says otherwise. */
Test(subscribe_body, beside_a_query)
{
    cr_expect_str_eq(
        describe("/events/a?last=1&limit=2&lastEventId=q&wait=3", FORM, "", "last=5&channel=b"),
        "[b] resume=q last=5 limit=2 wait=1 3000 preface=0");
    cr_expect_str_eq(
        describe("/events/a?lastEventId=q", JSON, "identity", "{\"last_event_id\": \"x\"}"),
        " resume=x last=0 limit=0 wait=0 0 preface=0");
}

Test(subscribe_body, channel_count_border)
{
    char bytes[2048] = "";
    size_t len = 0;
    for (unsigned i = 0; i < 64; i++)
        len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, "channel=%u&channel=0&", i);
    cr_expect_str_neq(describe("/events", FORM, "", bytes), "");
    cr_expect(strncmp(describe("/events", FORM, "", bytes), "[0][1]", 6) == 0);
    snprintf(bytes + len, sizeof(bytes) - len, "channel=more");
    cr_expect_str_eq(describe("/events", FORM, "", bytes), "400 more than 64 channels are given");
}

/* Thousands, each of them twice, where so many are allowed. */
Test(subscribe_body, as_many_as_can_be_allowed)
{
    static struct route route;
    static struct subscribe_body body;
    static char bytes[2 * SUBSCRIBER_CHANNELS_MAX * 16];
    const struct route_rules rules = {
        .names = ROUTE_NAMES_ALL, .query_channels = true, .channels_max = SUBSCRIBER_CHANNELS_MAX};
    char error[JSON_ERROR_BYTES] = "", name[16];
    size_t len = 0;
    for (unsigned i = 0; i < 2 * SUBSCRIBER_CHANNELS_MAX; i++)
        len += (size_t)snprintf(bytes + len, sizeof(bytes) - len, "channel=%u&",
                                i % SUBSCRIBER_CHANNELS_MAX);
    struct subscribe_text text = {text_of(FORM), TEXT(""), {bytes, len}};
    route_match(&parts_routes, &rules, METHOD_POST, TEXT("/events"), &route);
    cr_assert_eq(subscribe_body_read(&body, &text, &route, error), 0, "%s", error);
    cr_assert_eq(body.channel_count, SUBSCRIBER_CHANNELS_MAX);
    for (unsigned i = 0; i < SUBSCRIBER_CHANNELS_MAX; i++) {
        snprintf(name, sizeof(name), "%u", i);
        cr_assert(text_equals(body.channels[i], text_of(name)), "%u", i);
        cr_assert_eq(subscribe_body_add(&body, text_of(name), error), 0);
    }
    cr_assert_eq(subscribe_body_add(&body, TEXT("more"), error), 400);
    cr_assert_str_eq(error, "more than 4096 channels are given");
    subscribe_body_deinit(&body);
}
