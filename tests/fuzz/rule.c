/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: rules for channels. What is taken says the same when it is written out and read
 * again, and what is not changes nothing and is answered by one sentence without a control
 * character.
 *
 * Input: a rule on each line.
 */
#include "tests/fuzz/target.h"

#include <errno.h>
#include <inttypes.h>

#include "engine/limits.h"
#include "engine/rule.h"

static const struct rule usual = {.history_events = 77,
                                  .history_bytes = 7777,
                                  .history_age_s = 777,
                                  .idle_timeout_ms = 70,
                                  .lifetime_ms = 700,
                                  .subscribers_max = 7};

static bool is_same(const struct rule *a, const struct rule *b)
{
    return a->history_events == b->history_events && a->history_bytes == b->history_bytes &&
           a->history_age_s == b->history_age_s && a->idle_timeout_ms == b->idle_timeout_ms &&
           a->lifetime_ms == b->lifetime_ms && a->subscribers_max == b->subscribers_max &&
           a->once == b->once && a->presence == b->presence;
}

static void expect_sentence(const char *error)
{
    size_t len = strlen(error);
    CHECK(len > 0 && len < 500 && strncmp(error, "channel \"", 9) == 0);
    for (size_t i = 0; i < len; i++)
        CHECK((unsigned char)error[i] >= ' ' && error[i] != 0x7f);
}

/* Every key, but for those that do not stand beside `once`. */
static void expect_read_back(const struct rule *rule, struct text pattern)
{
    char text[1024], history[128] = "", error[512];
    struct rule again = usual;
    struct text again_pattern;
    CHECK(pattern.len > 0 && pattern.len <= CHANNEL_BYTES_MAX);
    if (!rule->once)
        snprintf(history, sizeof(history),
                 "history-events=%" PRIu32 " history-bytes=%" PRIu64 " history-age=%" PRIu32,
                 rule->history_events, rule->history_bytes, rule->history_age_s);
    snprintf(text, sizeof(text),
             "%.*s idle-timeout=%u.%03u lifetime=%u.%03u subscribers-max=%u once=%d presence=%d %s",
             (int)pattern.len, pattern.at, rule->idle_timeout_ms / 1000,
             rule->idle_timeout_ms % 1000, rule->lifetime_ms / 1000, rule->lifetime_ms % 1000,
             rule->subscribers_max, rule->once, rule->presence, history);
    CHECK(rule_read(text, &again, &again_pattern, error, sizeof(error)) == 0);
    CHECK(is_same(rule, &again) && text_equals(pattern, again_pattern));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text rest = text_of_input(bytes, len);
    while (rest.len > 0) {
        struct text line = take_line(&rest), pattern;
        char *text = c_string_of(line), error[512] = "";
        struct rule rule = usual;
        int r = rule_read(text, &rule, &pattern, error, sizeof(error));
        CHECK(r == 0 || r == -EINVAL);
        if (r) {
            expect_sentence(error);
            CHECK(is_same(&rule, &usual));
        } else {
            CHECK(error[0] == '\0');
            CHECK(!rule.once || rule.history_events == 0);
            expect_read_back(&rule, pattern);
        }
        free(text);
    }
    return 0;
}
