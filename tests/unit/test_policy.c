/* SPDX-License-Identifier: MIT */
/*
 * Whom a browser may let in: the table of who may publish, what an origin and a host may look like,
 * and what is answered to pages.
 */
#include <criterion/criterion.h>

#include <errno.h>

#include "net/access/place.h"
#include "net/access/policy.h"

static char error[512];

#define LIST(...) ((const char *const[]){__VA_ARGS__})

static struct policy *policy_of(const struct policy_options *options)
{
    struct policy *policy = NULL;
    cr_assert_eq(policy_new(options, &policy, error, sizeof(error)), 0, "%s", error);
    return policy;
}

static void expect_refused(const struct policy_options *options, const char *said)
{
    struct policy *policy = NULL;
    cr_expect_eq(policy_new(options, &policy, error, sizeof(error)), -EINVAL);
    cr_expect(strstr(error, said) && !strchr(error, '\n'), "%s", error);
}

static bool may(const struct policy *policy, const char *host, const char *origin, const char *site)
{
    return policy_may_publish(policy, &(struct provenance){.host = text_of(host),
                                                           .origin = text_of(origin),
                                                           .fetch_site = text_of(site)});
}

/* The browser adds a cookie whichever page asks. */
Test(policy, cookies_are_of_own_pages_and_of_those_with_credentials)
{
    const char *const origins[] = {"https://app.example"};
    static const struct {
        bool may, may_with;
        const char *origin, *site;
    } rows[] = {
        {true, true, "", ""},
        {true, true, "", "same-origin"},
        {true, true, "http://x", ""},
        {false, false, "", "cross-site"},
        {false, false, "", "same-site"},
        {false, false, "https://evil.example", "cross-site"},
        {false, false, "null", ""},
        {false, true, "https://app.example", "cross-site"},
        {false, true, "https://app.example", ""},
    };
    for (unsigned credentials = 0; credentials < 2; credentials++) {
        struct policy_options options = {
            .origins = origins, .origin_count = 1, .credentials = credentials};
        struct policy *policy;
        cr_assert_eq(policy_new(&options, &policy, error, sizeof(error)), 0, "%s", error);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct provenance from = {.host = TEXT("x"),
                                      .origin = text_of(rows[i].origin),
                                      .fetch_site = text_of(rows[i].site)};
            cr_expect_eq(policy_may_use_cookies(policy, &from),
                         credentials ? rows[i].may_with : rows[i].may, "row %u, %u", i,
                         credentials);
        }
        policy_unref(policy);
    }
}

Test(policy, programs_and_own_pages_may_publish)
{
    static const struct {
        bool may;
        const char *host, *origin, *site;
    } rows[] = {
        {true, "x", "", ""},
        {true, "", "", ""},
        {true, "x", "", "none"},
        {true, "x", "", "same-origin"},
        {true, "localhost:8080", "http://localhost:8080", "same-origin"},
        {true, "live.example", "https://live.example", ""},
        {true, "live.example:443", "https://live.example", ""},
        {true, "live.example:80", "http://live.example", ""},
        {true, "live.example:8080", "https://live.example:8080", ""},
        {true, "LIVE.example", "https://live.example", ""},
        {true, "live.example.", "https://live.example", ""},
        {true, "[::1]:8080", "http://[::1]:8080", ""},
        {true, "x", "https://allowed.example", "cross-site"},
        {true, "x", "https://allowed.example", ""},
        {false, "127.0.0.1:80", "http://evil.example", "cross-site"},
        {false, "127.0.0.1:80", "http://evil.example", ""},
        {false, "live.example", "https://live.example", "cross-site"},
        {false, "live.example", "https://pages.live.example", "same-site"},
        {false, "x", "", "cross-site"},
        {false, "x", "", "same-site"},
        {false, "x", "", "nonsense"},
        {false, "x", "null", ""},
        {false, "x", "null", "cross-site"},
        {false, "null", "null", ""},
        {false, "live.example:8080", "https://live.example", ""},
        {false, "live.example:80", "https://live.example", ""},
        {false, "live.example", "https://live.example:8443", ""},
        {false, "[::1]:8080", "http://[::2]:8080", ""},
        {false, "", "https://live.example", ""},
        {false, "x", "https://allowed.example:8443", "cross-site"},
        {false, "x", "http://allowed.example", "cross-site"},
        {false, "x", "https://allowed.example.evil.example", "cross-site"},
        {false, "live.example@evil.example", "https://evil.example", ""},
        {false, "[::1", "http://[::1", ""},
        {false, "x:", "http://x:1x", ""},
    };
    struct policy *policy = policy_of(
        &(struct policy_options){.origins = LIST("https://allowed.example"), .origin_count = 1});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(may(policy, rows[i].host, rows[i].origin, rows[i].site), rows[i].may,
                     "host \"%s\" origin \"%s\" site \"%s\"", rows[i].host, rows[i].origin,
                     rows[i].site);
    policy_unref(policy);
    policy = policy_of(&(struct policy_options){.origins = LIST("*"), .origin_count = 1});
    cr_expect(may(policy, "x", "http://evil.example", "cross-site"));
    cr_expect(may(policy, "x", "null", "cross-site"));
    policy_unref(policy);
}

Test(policy, an_origin_that_can_match_nothing_is_refused)
{
    static const char *const good[] = {"http://localhost:8080",
                                       "https://app.example",
                                       "https://app.example:8443",
                                       "http://127.0.0.1",
                                       "http://[::1]:3000",
                                       "capacitor://localhost",
                                       "https://xn--bcher-kva.example",
                                       "moz-extension://1e09b2",
                                       "https://a_b.example"};
    static const char *const bad[] = {"",
                                      "null",
                                      "app.example",
                                      "https://app.example/",
                                      "https://app.example/x",
                                      "https://",
                                      "://x",
                                      "https:",
                                      "https://app.example:443",
                                      "http://a:80",
                                      "http://a:",
                                      "http://a:x",
                                      "https://App.example",
                                      "HTTPS://app.example",
                                      "https://*.example",
                                      "**",
                                      ("https://b\xc3\xbc"
                                       "cher.example"),
                                      "https://u@app.example",
                                      "http://a b",
                                      "http://a:123456",
                                      "http://a\r\nX: y",
                                      "http://[::1",
                                      "http://a?b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_null(place_origin_fault(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_refused(&(struct policy_options){.origins = LIST(bad[i]), .origin_count = 1},
                       "allow-origin: ");
}

Test(policy, credentials_need_named_origins)
{
    expect_refused(&(struct policy_options){.origins = LIST("https://a.example", "*"),
                                            .origin_count = 2,
                                            .credentials = true},
                   "name the origins");
    expect_refused(&(struct policy_options){.credentials = true}, "needs an allow-origin");
}

static void expect_origin(const struct policy *policy, const char *origin, const char *allowed)
{
    struct text seen = policy_allowed_origin(policy, text_of(origin));
    cr_expect(text_equals(seen, text_of(allowed)), "%s: %.*s", origin, (int)seen.len, seen.at);
}

Test(policy, each_origin_is_answered_with_itself)
{
    struct policy *policy = policy_of(&(struct policy_options){
        .origins = LIST("https://a.example", "https://b.example"), .origin_count = 2});
    expect_origin(policy, "https://a.example", "https://a.example");
    expect_origin(policy, "https://b.example", "https://b.example");
    expect_origin(policy, "https://c.example", "");
    expect_origin(policy, "", "");
    cr_expect(policy_varies(policy));
    policy_unref(policy);
    policy = policy_of(
        &(struct policy_options){.origins = LIST("https://a.example", "*"), .origin_count = 2});
    expect_origin(policy, "https://a.example", "*");
    expect_origin(policy, "null", "*");
    cr_expect(!policy_varies(policy), "* is said to everybody");
    policy_unref(policy);
    policy = policy_of(&(struct policy_options){0});
    expect_origin(policy, "https://a.example", "");
    cr_expect(!policy_varies(policy));
    policy_unref(policy);
}

static void expect_headers(const struct policy_options *options, const char *asked,
                           const char *allowed)
{
    struct policy *policy = policy_of(options);
    struct text seen = policy_allowed_headers(policy, text_of(asked));
    cr_expect(text_equals(seen, text_of(allowed)), "%.*s", (int)seen.len, seen.at);
    policy_unref(policy);
}

Test(policy, headers_are_added_to_the_usual_ones)
{
    expect_headers(&(struct policy_options){0}, "x-a",
                   "Authorization, Cache-Control, Content-Type, Last-Event-ID");
    expect_headers(&(struct policy_options){.origins = LIST("https://a.example"),
                                            .origin_count = 1,
                                            .headers = "X-Requested-With,traceparent  x"},
                   "x-a",
                   "Authorization, Cache-Control, Content-Type, Last-Event-ID, X-Requested-With, "
                   "traceparent, x");
    expect_headers(&(struct policy_options){.origins = LIST("https://a.example"),
                                            .origin_count = 1,
                                            .headers = "*"},
                   "x-a, x-b", "x-a, x-b");
    expect_headers(&(struct policy_options){.origins = LIST("*"), .origin_count = 1}, "x-a", "x-a");
    expect_refused(&(struct policy_options){.headers = "x-a, b:c"}, "\"b:c\"");
    expect_refused(&(struct policy_options){.headers = "x\r\ny"}, "allow-headers");
    expect_refused(&(struct policy_options){.headers = "x-a"}, "needs an allow-origin");
}

static bool serves(const char *const *hosts, unsigned count, const char *host)
{
    struct policy *policy =
        policy_of(&(struct policy_options){.hosts = hosts, .host_count = count});
    bool served = policy_serves(policy, text_of(host));
    policy_unref(policy);
    return served;
}

Test(policy, hosts_that_are_not_named_are_not_served)
{
    const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", "live.example:8080", "t:443"};
    static const char *const good[] = {
        "",         "localhost",  "LOCALHOST:8080",    "127.0.0.1", "127.0.0.1:5000", "[::1]",
        "[::1]:80", "localhost.", "live.example:8080", "t",         "t:443"};
    static const char *const bad[] = {"evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.2",
                                      "live.example",
                                      "live.example:81",
                                      "[::2]",
                                      "t:80",
                                      "xlocalhost",
                                      "::1"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(serves(hosts, 5, good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!serves(hosts, 5, bad[i]), "%s", bad[i]);
    cr_expect(serves(NULL, 0, "evil.example"), "no list is any");
    cr_expect(serves(LIST("a", "*"), 2, "evil.example"));
    static const char *const faulty[] = {"", "http://a", "a/b", "a b", "a:x", "[::1", "::1"};
    for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
        expect_refused(&(struct policy_options){.hosts = LIST(faulty[i]), .host_count = 1},
                       "host: ");
}

/* What no page has for its name that a stranger could point at this machine. */
Test(policy, own_places)
{
    static const char *const own[] = {"localhost",  "LOCALHOST:1",    "localhost.",
                                      "127.0.0.1",  "10.1.2.3:80",    "[::1]",
                                      "[::1]:8080", "255.255.255.255"};
    static const char *const others[] = {
        "",        "a",         "localhost.a", "xlocalhost", "127.0.0.1.a", "127.0.0.1.2",
        "1.2.3",   "1.2.3.256", "1.2..3",      ".1.2.3",     "1.2.3.0001",  "1.2.3.4@a",
        "[::1].a", "[a b]",     "2130706433",  "0x7f.0.0.1"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        cr_expect(place_is_own(text_of(own[i])), "%s", own[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect(!place_is_own(text_of(others[i])), "%s", others[i]);
    struct policy *policy =
        policy_of(&(struct policy_options){.hosts = LIST("ops.example", "*"), .host_count = 2});
    cr_expect(policy_names(policy, TEXT("ops.example:9000")));
    cr_expect(!policy_names(policy, TEXT("evil.example")), "any is no name");
    policy_unref(policy);
}

Test(policy, too_much_is_refused)
{
    const char *many[POLICY_ENTRIES_MAX + 1];
    char lengthy[POLICY_BYTES_MAX + 2];
    for (unsigned i = 0; i <= POLICY_ENTRIES_MAX; i++)
        many[i] = "http://a";
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    expect_refused(
        &(struct policy_options){.origins = many, .origin_count = POLICY_ENTRIES_MAX + 1},
        "64 times");
    expect_refused(&(struct policy_options){.hosts = LIST(lengthy), .host_count = 1}, "1,024");
    expect_refused(&(struct policy_options){.headers = lengthy}, "1,024");
}
