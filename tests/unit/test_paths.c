/* SPDX-License-Identifier: MIT */
/* Paths of the operator's: what may be one, what one means, and what no mapping can do. */
#include <criterion/criterion.h>
#include <errno.h>

#include "net/handlers/parts.h"
#include "net/http/paths.h"
#include "net/http/route.h"
#include "net/http/route_copy.h"

static const char *fault_of(const char *spec)
{
    static char error[512];
    struct paths *paths = NULL;
    int r = paths_new(&spec, 1, &paths, error, sizeof(error));
    paths_free(paths);
    return r == 0 ? "fine" : r == -EINVAL ? error : "?";
}

Test(paths, what_may_be_one)
{
    static const char *const fine[] = {
        "/ticker=a",      "/ticker/=a",      "/a/b%20c/d=x y",
        "/a=b=c",         "/old/*=*",        "/user/*=u/*/x",
        "/*=*",           "/a;v=1",          "//=x",
        "/eventsource=e", "/events2/*=pre*", "/sta/*=stats/\xc3\xa4*",
    };
    static const struct {
        const char *spec, *words;
    } wrong[] = {
        {"", "is not PATH=CHANNEL"},
        {"/a", "is not PATH=CHANNEL"},
        {"=a", "no path in front"},
        {"a=b", "no path in front"},
        {"/a=", "no channel's name"},
        {"/a=x\ny", "no channel's name"},
        {"/a=\xff", "no channel's name"},
        {"/a b=c", "stands in no URL"},
        {"/a?b=c", "stands in no URL"},
        {"/a#=c", "stands in no URL"},
        {"/\xc3\xa4=c", "stands in no URL"},
        {"/a\r\n=c", "stands in no URL"},
        {"/a*=c", "not all of the last segment"},
        {"/a*=*", "not all of the last segment"},
        {"/*/b=*", "not all of the last segment"},
        {"/**=*", "not all of the last segment"},
        {"/a/*=c", "none in its channel"},
        {"/a/*=", "none in its channel"},
        {"/a=*", "a * in its channel"},
        {"/=a", "the server's own"},
        {"/stats=a", "the server's own"},
        {"/events=a", "the server's own"},
        {"/events/*=*", "the server's own"},
        {"/events/x=a", "the server's own"},
        {"/stats/deep=a", "the server's own"},
        {"/publish/*=*", "the server's own"},
        {"/channels/*=*", "the server's own"},
        {"/.well-known/x=a", "the server's own"},
    };
    for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
        cr_expect_str_eq(fault_of(fine[i]), "fine", "%s: %s", fine[i], fault_of(fine[i]));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect_not_null(strstr(fault_of(wrong[i].spec), wrong[i].words), "%s: %s", wrong[i].spec,
                           fault_of(wrong[i].spec));
    char channel[300] = "/a=";
    memset(channel + 3, 'x', 256);
    cr_expect_str_eq(fault_of(channel), "fine");
    channel[259] = 'x';
    cr_expect_not_null(strstr(fault_of(channel), "longer than 256 bytes"));
    const char *const twice[] = {"/a=b", "/a/*=*", "/a=c"};
    struct paths *paths;
    char error[512];
    cr_assert_eq(paths_new(twice, 3, &paths, error, sizeof(error)), -EINVAL);
    cr_expect_str_eq(error, "path: \"/a=c\" has the path of one before it");
    cr_assert_eq(paths_new(twice, 2, &paths, error, sizeof(error)), 0);
    paths_free(paths);
}

/* Whatever the server answers itself is not to be mapped, whether the route is on or off. */
Test(paths, own_ones_are_all_known)
{
    for (unsigned i = 0; i < parts_routes.count; i++)
        cr_expect(paths_is_own(text_of(parts_routes.rows[i].path)), "%s",
                  parts_routes.rows[i].path);
    cr_expect(!paths_is_own(TEXT("/eventsource")));
    cr_expect(!paths_is_own(TEXT("//events")));
}

/* --- through a route ----------------------------------------------------------------------- */

static const char *const specs[] = {"/ticker=news",   "/old/deep/*=deep/*/x", "/old/*=*",
                                    "/user/*=user/*", "/spaced=a b",          "/*=any/*"};

static const char *meant_by(const struct route_rules *rules, enum http_method method,
                            const char *target)
{
    static struct route route;
    static char line[1024];
    route_match(&parts_routes, rules, method, text_of(target), &route);
    if (route.kind == ROUTE_REFUSED)
        snprintf(line, sizeof(line), "%d %s", route.status, route.status == 405 ? route.allow : "");
    else if (route.kind == ROUTE_OPTIONS)
        snprintf(line, sizeof(line), "%s", route.allow);
    else
        snprintf(line, sizeof(line), "%s", route.row->act == ACT_PUBLISH ? "publish" : "stream");
    for (unsigned i = 0; route.kind == ROUTE_FOUND && i < route.channel_count; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " [%.*s]",
                 (int)route.channels[i].len, route.channels[i].at);
    return line;
}

struct example {
    enum http_method method;
    const char *target, *line;
};

static void expect_all(const struct route_rules *rules, const struct example *examples,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(meant_by(rules, examples[i].method, examples[i].target), examples[i].line,
                         "%s: %s, not %s", examples[i].target,
                         meant_by(rules, examples[i].method, examples[i].target), examples[i].line);
}

static struct route_rules rules_of(unsigned names, bool query_channels)
{
    char error[256];
    struct paths *paths;
    cr_assert_eq(paths_new(specs, sizeof(specs) / sizeof(specs[0]), &paths, error, sizeof(error)),
                 0, "%s", error);
    return (struct route_rules){.names = names,
                                .query_channels = query_channels,
                                .channels_max = 3,
                                .paths = paths,
                                .default_channel = TEXT_INIT("usual")};
}

#define EXPECT_ALL(rules, examples)                                                                \
    expect_all(&(rules), examples, sizeof(examples) / sizeof((examples)[0]))

Test(paths, what_they_mean)
{
    struct route_rules rules = rules_of(ROUTE_NAMES_ALL, true);
    static const struct example examples[] = {
        {METHOD_GET, "/ticker", "stream [news]"},
        {METHOD_HEAD, "/ticker", "stream [news]"},
        {METHOD_GET, "/ticker?last=3", "stream [news]"},
        {METHOD_GET, "http://host/ticker", "stream [news]"},
        {METHOD_POST, "/ticker?event=e", "publish [news]"},
        {METHOD_POST, "/ticker?event=e&evnt=f", "400 "},
        {METHOD_POST, "/ticker?channel=b", "400 "},
        {METHOD_GET, "/ticker?channel=b", "stream [news] [b]"},
        {METHOD_GET, "/ticker?channel=b&channel=c&channel=d", "400 "},
        {METHOD_QUERY, "/ticker", "405 GET, HEAD, POST, OPTIONS"},
        {METHOD_OPTIONS, "/ticker", "GET, HEAD, POST, OPTIONS"},
        {METHOD_GET, "/old/a", "stream [a]"},
        {METHOD_GET, "/old/a%2fb%20c", "stream [a/b c]"},
        {METHOD_GET, "/old/deep/a", "stream [deep/a/x]"}, /* the first holds */
        {METHOD_GET, "/user/42/mail", "stream [user/42/mail]"},
        {METHOD_GET, "/spaced", "stream [a b]"},
        {METHOD_GET, "/else", "stream [any/else]"},
        {METHOD_GET, "/ticker/", "stream [any/ticker/]"}, /* another path than /ticker */
        {METHOD_GET, "//stats", "stream [any//stats]"},
        /* What is no name is none here either. */
        {METHOD_GET, "/old/", "400 "},
        {METHOD_GET, "/old/%00", "400 "},
        {METHOD_GET, "/old/%0a", "400 "},
        {METHOD_GET, "/old/%ff", "400 "},
        {METHOD_GET, "/old/%2", "400 "},
        /* Nor are segments of dots a way out of a prefix. */
        {METHOD_GET, "/old/../ticker", "400 "},
        {METHOD_GET, "/old/%2e%2e/ticker", "400 "},
        {METHOD_GET, "/old/..%2fticker", "400 "},
        {METHOD_GET, "/old/.", "400 "},
        /* Ours stay ours. */
        {METHOD_GET, "/stats", "stream"},
        {METHOD_GET, "/stats/x", "404 "},
        {METHOD_GET, "/publish/a", "405 POST, OPTIONS"},
        {METHOD_GET, "/events/a", "stream [a]"},
        {METHOD_GET, "/events", "stream [usual]"},
        {METHOD_GET, "/events?channel=a", "stream [a]"},
        {METHOD_POST, "/events", "stream"}, /* its body may name one */
        {METHOD_GET, "/stream", "stream [usual]"},
        {METHOD_POST, "/send", "publish [usual]"},
        {METHOD_POST, "/publish", "publish"},
    };
    EXPECT_ALL(rules, examples);
    paths_free((struct paths *)rules.paths);
}

Test(paths, what_is_switched_off_stays_off)
{
    static const struct example nothing[] = {
        {METHOD_GET, "/ticker", "404 "},
        {METHOD_POST, "/old/a", "404 "},
        {METHOD_OPTIONS, "/old/a", "404 "},
    };
    static const struct example streams[] = {
        {METHOD_GET, "/ticker", "stream [news]"},
        {METHOD_POST, "/ticker", "405 GET, HEAD, OPTIONS"},
        {METHOD_GET, "/stats", "404 "}, /* and is no channel */
        {METHOD_GET, "/metrics", "404 "},
        {METHOD_GET, "/channels", "404 "},
        {METHOD_GET, "/", "404 "},
    };
    static const struct example publishes[] = {
        {METHOD_POST, "/ticker", "publish [news]"},
        {METHOD_GET, "/ticker", "405 POST, OPTIONS"},
        {METHOD_HEAD, "/old/a", "405 POST, OPTIONS"},
    };
    static const struct example by_path[] = {
        {METHOD_GET, "/old/a", "stream [a]"},       {METHOD_GET, "/old/a?channel=b", "400 "},
        {METHOD_POST, "/old/a?channel=b", "400 "},  {METHOD_GET, "/events", "stream [usual]"},
        {METHOD_POST, "/events", "stream [usual]"}, /* its body may name none */
        {METHOD_POST, "/publish", "400 "},
    };
    struct route_rules rules = rules_of(1u << ROUTE_NAME_HEALTH | 1u << ROUTE_NAME_SEND, true);
    EXPECT_ALL(rules, nothing);
    rules.names = 1u << ROUTE_NAME_SUBSCRIBE;
    EXPECT_ALL(rules, streams);
    rules.names = 1u << ROUTE_NAME_PUBLISH;
    EXPECT_ALL(rules, publishes);
    rules.names = ROUTE_NAMES_ALL;
    rules.query_channels = false;
    EXPECT_ALL(rules, by_path);
    paths_free((struct paths *)rules.paths);
}

/* The longest target decoded, and the longest name that a mapping makes around it. */
Test(paths, the_longest)
{
    static char spec[400], target[TARGET_BYTES_MAX + 1];
    const char *one = spec;
    char error[256];
    struct paths *paths;
    static struct route route;
    memset(spec, 'x', 254);
    memcpy(spec, "/p/*=", 5);
    strcat(spec, "*y");
    cr_assert_eq(paths_new(&one, 1, &paths, error, sizeof(error)), 0, "%s", error);
    struct route_rules rules = route_rules_usual;
    rules.paths = paths;
    memset(target, 'a', TARGET_BYTES_MAX);
    memcpy(target, "/p/", 3);
    route_match(&parts_routes, &rules, METHOD_GET, (struct text){target, TARGET_BYTES_MAX}, &route);
    cr_expect_eq(route.status, 400);
    memcpy(target, "/p/abcdef?", 10);
    route_match(&parts_routes, &rules, METHOD_GET, (struct text){target, TARGET_BYTES_MAX}, &route);
    cr_assert_eq(route.kind, ROUTE_FOUND);
    cr_expect_eq(route.channels[0].len, 256);
    struct route *copy = route_copy(&route);
    cr_expect(text_equals(copy->channels[0], route.channels[0]));
    free(copy);
    paths_free(paths);
}
