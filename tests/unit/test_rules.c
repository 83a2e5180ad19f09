/* SPDX-License-Identifier: MIT */
/* Rules for channels: what they say, which of them holds, and the sentence for each that cannot. */
#include <criterion/criterion.h>

#include <errno.h>

#include "engine/limits.h"
#include "engine/rules.h"

static const struct rule usual = {.history_events = 10000,
                                  .history_bytes = 16 << 20,
                                  .history_age_s = 3600,
                                  .idle_timeout_ms = 7,
                                  .subscribers_max = 5};

Test(rules, a_rule_says_what_it_names)
{
    struct rule rule = usual;
    struct text pattern;
    char error[512];
    int r = rule_read("  user/*  history-events=0 history-bytes=64k history-age=60 idle-timeout=0 "
                      "lifetime=2.25 subscribers-max=3 presence",
                      &rule, &pattern, error, sizeof(error));
    cr_assert_eq(r, 0, "%s", error);
    cr_expect(text_equals(pattern, TEXT("user/*")));
    cr_expect_eq(rule.history_events, 0);
    cr_expect_eq(rule.history_bytes, 64 << 10);
    cr_expect_eq(rule.history_age_s, 60);
    cr_expect_eq(rule.idle_timeout_ms, 0);
    cr_expect_eq(rule.lifetime_ms, 2250);
    cr_expect_eq(rule.subscribers_max, 3);
    cr_expect(rule.presence && !rule.once);

    rule = usual;
    r = rule_read("x lifetime=120", &rule, &pattern, error, sizeof(error));
    cr_assert_eq(r, 0);
    cr_expect_eq(rule.lifetime_ms, 120000);
    cr_expect_eq(rule.history_events, usual.history_events);
    cr_expect_eq(rule.idle_timeout_ms, usual.idle_timeout_ms);
    cr_expect_eq(rule.subscribers_max, usual.subscribers_max);

    rule = usual;
    cr_assert_eq(rule_read("x once=1", &rule, &pattern, error, sizeof(error)), 0);
    cr_expect(rule.once);
    cr_expect_eq(rule.history_events, 0, "one that is once keeps something");
    rule = usual;
    cr_assert_eq(rule_read("x once=0 history-bytes=7M", &rule, &pattern, error, sizeof(error)), 0);
    cr_expect(!rule.once);
    cr_expect_eq(rule.history_events, usual.history_events);
    cr_expect_eq(rule.history_bytes, 7 << 20);
}

#define KEYS                                                                                       \
    "there are history-events=N, history-bytes=SIZE, history-age=SECONDS, idle-timeout=SECONDS, "  \
    "lifetime=SECONDS, subscribers-max=N, once or presence"

Test(rules, what_is_wrong_is_said)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"", "channel \"\": the pattern is empty"},
        {"  ", "channel \"\": the pattern is empty"},
        {"a\x01 once",
         "channel \"a?\": the pattern has a control character in it, as no channel's name has"},
        {"x", "channel \"x\": no key stands behind the pattern; " KEYS},
        {"x frobnicate=1", "channel \"x\": \"frobnicate\" is no key of a rule; " KEYS},
        {"x lifetme=3", "channel \"x\": \"lifetme\" is no key of a rule, did you mean lifetime?"},
        {"x history_events=3",
         "channel \"x\": \"history_events\" is no key of a rule, did you mean history-events?"},
        {"x compress", "channel \"x\": compress is not there yet: streams are not compressed"},
        {"x once lifetime=1 once=0", "channel \"x\": once is given twice"},
        {"x lifetime", "channel \"x\": lifetime needs a value: 0, or 0.01 to 604800 seconds"},
        {"x lifetime=", "channel \"x\": lifetime=; allowed: 0, or 0.01 to 604800 seconds"},
        {"x lifetime=1.", "channel \"x\": lifetime=1.; allowed: 0, or 0.01 to 604800 seconds"},
        {"x lifetime=0.001",
         "channel \"x\": lifetime=0.001; allowed: 0, or 0.01 to 604800 seconds"},
        {"x lifetime=604801",
         "channel \"x\": lifetime=604801; allowed: 0, or 0.01 to 604800 seconds"},
        {"x history-events=-1", "channel \"x\": history-events=-1; allowed: 0 to 100000000"},
        {"x history-events=1e3", "channel \"x\": history-events=1e3; allowed: 0 to 100000000"},
        {"x history-events=100000001",
         "channel \"x\": history-events=100000001; allowed: 0 to 100000000"},
        {"x history-events=99999999999999999999",
         "channel \"x\": history-events=99999999999999999999; allowed: 0 to 100000000"},
        {"x history-bytes=7", "channel \"x\": history-bytes=7; allowed: 0, or 1K to 1024G"},
        {"x history-bytes=1T", "channel \"x\": history-bytes=1T; allowed: 0, or 1K to 1024G"},
        {"x history-bytes=M", "channel \"x\": history-bytes=M; allowed: 0, or 1K to 1024G"},
        {"x history-age=0", "channel \"x\": history-age=0; allowed: 1 to 31622400, whole seconds"},
        {"x history-age=1.5",
         "channel \"x\": history-age=1.5; allowed: 1 to 31622400, whole seconds"},
        {"x once=yes", "channel \"x\": once=yes; allowed: 1 or 0, or the word alone"},
        {"x presence=2", "channel \"x\": presence=2; allowed: 1 or 0, or the word alone"},
        {"x once history-age=5", "channel \"x\": once keeps no history; leave history-events, "
                                 "history-bytes and history-age out"},
        {"x \"=\x7f=1", "channel \"x\": \"?\" is no key of a rule; " KEYS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rule rule = usual;
        struct text pattern;
        char error[512] = "";
        int r = rule_read(rows[i].text, &rule, &pattern, error, sizeof(error));
        cr_expect_eq(r, -EINVAL, "%s", rows[i].text);
        cr_expect_str_eq(error, rows[i].said);
        cr_expect_eq(rule.lifetime_ms, usual.lifetime_ms, "%s: half of it holds", rows[i].text);
    }
}

Test(rules, a_long_pattern_is_cut_in_the_sentence)
{
    char text[300], error[512];
    struct rule rule = usual;
    struct text pattern;
    memset(text, 'p', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_expect_eq(rule_read(text, &rule, &pattern, error, sizeof(error)), -EINVAL);
    cr_expect_str_eq(error, "channel \"pppppppppppppppppppppppppppppppppppppppp...\": the pattern "
                            "is longer than 256 bytes, as no channel's name is");
}

Test(rules, the_first_that_matches_holds)
{
    static const char *const texts[] = {"login/* once subscribers-max=1", "login/slow lifetime=9",
                                        "*/private history-events=3", "news idle-timeout=0.5"};
    static const struct {
        const char *name;
        unsigned index;
    } rows[] = {{"login/x", 0}, {"login/slow", 0},    {"login", 4}, {"a/private", 2},
                {"news", 3},    {"login/private", 0}, {"new", 4},   {"", 4}};
    struct rules *rules;
    char error[512];
    cr_assert_eq(rules_new(texts, 4, &usual, &rules, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(rules_count(rules), 4);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct rule *rule = rules_find(rules, text_of(rows[i].name));
        cr_expect_eq(rule->index, rows[i].index, "%s: %u", rows[i].name, rule->index);
        cr_expect_eq(rule, rules_at(rules, rows[i].index));
    }
    cr_expect(text_equals(rules_pattern(rules, 2), TEXT("*/private")));
    cr_expect_eq(rules_things(rules), RULES_TIMES | RULES_SUBSCRIBERS | RULES_ONCE);
    cr_expect_eq(rules_ref(rules), rules);
    cr_expect_null(rules_unref(rules));
    cr_expect_eq(rules_find(rules, TEXT("x"))->history_events, 10000);
    cr_expect_null(rules_unref(rules));
}

Test(rules, without_any_the_servers_own_hold)
{
    struct rules *rules;
    char error[512];
    struct rule own = {.history_events = 3};
    cr_assert_eq(rules_new(NULL, 0, &own, &rules, error, sizeof(error)), 0);
    cr_expect_eq(rules_find(rules, TEXT("x"))->history_events, 3);
    cr_expect_eq(rules_find(rules, TEXT("x"))->index, 0);
    cr_expect_eq(rules_things(rules), 0);
    rules_unref(rules);
}

/* What is given for everything is not for what the server tells itself. */
Test(rules, its_own_channels_have_their_own)
{
    const char *texts[] = {"* once presence", "@presence/* history-events=9"};
    struct rules *rules;
    char error[512];
    cr_assert_eq(rules_new(texts, 2, &usual, &rules, error, sizeof(error)), 0, "%s", error);
    const struct rule *own = rules_find(rules, TEXT("@presence/room"));
    cr_expect_eq(own->index, 3);
    cr_expect_eq(own, rules_at(rules, 3));
    cr_expect(!own->once && !own->presence);
    cr_expect_eq(own->history_events, PRESENCE_HISTORY_EVENTS);
    cr_expect_geq(own->history_age_s, PRESENCE_HISTORY_AGE_S);
    cr_expect_eq(rules_find(rules, TEXT("@presence"))->index, 0);
    rules_unref(rules);
    /* Where there is no presence they are as old as all others. */
    cr_assert_eq(rules_new(NULL, 0, &usual, &rules, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(rules_at(rules, 1)->history_age_s, usual.history_age_s);
    rules_unref(rules);
}

Test(rules, they_have_a_bound)
{
    const char *texts[RULES_MAX + 1];
    struct rules *rules;
    char error[512];
    for (unsigned i = 0; i <= RULES_MAX; i++)
        texts[i] = "x once";
    cr_expect_eq(rules_new(texts, RULES_MAX + 1, &usual, &rules, error, sizeof(error)), -EINVAL);
    cr_expect_str_eq(error, "channel is given more than 256 times");
    cr_assert_eq(rules_new(texts, RULES_MAX, &usual, &rules, error, sizeof(error)), 0);
    rules_unref(rules);
}
