/* SPDX-License-Identifier: MIT */
/* A rule from its text: see rule.h. */
#include "engine/rule.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "engine/base/guess.h"
#include "engine/base/pattern.h"
#include "engine/mutation.h"

enum kind { COUNT, SIZE, SECONDS, DURATION, YES_NO };

enum { DAY_S = 24 * 3600 };

/* `least` is that of what is not 0. */
static const struct key {
    const char *name;
    enum kind kind;
    int64_t least, most; /* as they are kept */
    bool may_be_none;    /* 0 is allowed */
    size_t offset, size;
    const char *allowed;
} keys[] = {
#define MEMBER(member) offsetof(struct rule, member), sizeof(((struct rule *)0)->member)
    {"history-events", COUNT, 1, 100000000, true, MEMBER(history_events), "0 to 100000000"},
    {"history-bytes", SIZE, 1024, INT64_C(1024) << 30, true, MEMBER(history_bytes),
     "0, or 1K to 1024G"},
    {"history-age", SECONDS, 1, INT64_C(366) * DAY_S, false, MEMBER(history_age_s),
     "1 to 31622400, whole seconds"},
    {"idle-timeout", DURATION, 10, INT64_C(7) * DAY_S * 1000, true, MEMBER(idle_timeout_ms),
     "0, or 0.01 to 604800 seconds"},
    {"lifetime", DURATION, 10, INT64_C(7) * DAY_S * 1000, true, MEMBER(lifetime_ms),
     "0, or 0.01 to 604800 seconds"},
    {"subscribers-max", COUNT, 1, 100000000, true, MEMBER(subscribers_max), "0 to 100000000"},
    {"once", YES_NO, 1, 1, true, MEMBER(once), "1 or 0, or the word alone"},
    {"presence", YES_NO, 1, 1, true, MEMBER(presence), "1 or 0, or the word alone"},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))
#define KEYS_SAID                                                                                  \
    "history-events=N, history-bytes=SIZE, history-age=SECONDS, idle-timeout=SECONDS, "            \
    "lifetime=SECONDS, subscribers-max=N, once or presence"

/* Whatever it is, it can stand in a sentence. */
static const char *shown(struct text text, char out[44])
{
    size_t len = text.len < 40 ? text.len : 40;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        out[i] = (char)(byte < ' ' || byte == 0x7f || byte == '"' ? '?' : byte);
    }
    /* Not within a character. */
    while (len < text.len && len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80)
        len--;
    snprintf(out + len, 44 - len, "%s", len < text.len ? "..." : "");
    return out;
}

/* What is being read, and where a fault is said. */
struct reading {
    struct text pattern;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *reading,
                                                        const char *format, ...)
{
    char sentence[512], pattern[44];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    snprintf(reading->error, reading->error_size, "channel \"%s\": %s",
             shown(reading->pattern, pattern), sentence);
    return -EINVAL;
}

/* --- values ---------------------------------------------------------------------------------- */

/* Digits at the beginning; how many. At most 15, so that no factor of 1,000 overflows. */
static size_t take_digits(struct text text, int64_t *ret_number)
{
    size_t len = 0;
    int64_t number = 0;
    while (len < text.len && len < 15 && isdigit((unsigned char)text.at[len]))
        number = number * 10 + (text.at[len++] - '0');
    *ret_number = number;
    return len;
}

static bool take_size(struct text text, int64_t *ret_number)
{
    static const char units[] = "kmg";
    size_t len = take_digits(text, ret_number);
    if (len == 0 || len + 1 < text.len)
        return false;
    if (len == text.len)
        return true;
    const char *unit = strchr(units, tolower((unsigned char)text.at[len]));
    int shift = unit && *unit ? 10 * (int)(unit - units + 1) : 0;
    if (shift == 0 || *ret_number > INT64_MAX >> shift)
        return false;
    *ret_number <<= shift;
    return true;
}

/* Seconds with up to three decimals, as milliseconds. */
static bool take_duration(struct text text, int64_t *ret_ms)
{
    int64_t seconds, thousandths = 0, unit = 100;
    size_t len = take_digits(text, &seconds);
    bool any = len > 0;
    if (len < text.len) {
        if (text.at[len++] != '.' || len == text.len)
            return false;
        for (; len < text.len && isdigit((unsigned char)text.at[len]) && unit > 0; unit /= 10)
            thousandths += (text.at[len++] - '0') * unit;
        any = true;
    }
    *ret_ms = seconds * 1000 + thousandths;
    return any && len == text.len;
}

static bool take_value(enum kind kind, struct text text, int64_t *ret_number)
{
    switch (kind) {
    case SIZE:
        return take_size(text, ret_number);
    case DURATION:
        return take_duration(text, ret_number);
    case YES_NO:
        return text.len <= 1 && take_digits(text, ret_number) == 1;
    default:
        return text.len > 0 && take_digits(text, ret_number) == text.len;
    }
}

static void store(struct rule *rule, const struct key *key, int64_t number)
{
    char *at = (char *)rule + key->offset;
    if (key->size == sizeof(uint64_t))
        *(uint64_t *)(void *)at = (uint64_t)number;
    else if (key->size == sizeof(uint32_t))
        *(uint32_t *)(void *)at = (uint32_t)number;
    else
        *(bool *)at = number != 0;
}

/* --- keys ------------------------------------------------------------------------------------ */

static const struct key *find_key(struct text name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (text_equals(name, text_of(keys[i].name)))
            return &keys[i];
    return NULL;
}

static int refuse_key(const struct reading *reading, struct text name)
{
    char word[44];
    struct guess guess;
    if (text_equals(name, TEXT("compress")))
        return refuse(reading, "compress is not there yet: streams are not compressed");
    guess_begin(&guess, name.at, name.len);
    for (size_t i = 0; i < KEYS; i++)
        guess_offer(&guess, keys[i].name);
    if (guess.best)
        return refuse(reading, "\"%s\" is no key of a rule, did you mean %s?", shown(name, word),
                      guess.best);
    return refuse(reading, "\"%s\" is no key of a rule; there are " KEYS_SAID, shown(name, word));
}

/* One `key=value`, or a key alone. */
static int take_word(const struct reading *reading, struct text word, struct rule *rule,
                     unsigned *seen)
{
    char text[44];
    const char *sign = memchr(word.at, '=', word.len);
    struct text name = {word.at, sign ? (size_t)(sign - word.at) : word.len};
    struct text value = sign ? (struct text){sign + 1, word.len - name.len - 1} : TEXT("1");
    const struct key *key = find_key(name);
    if (!key)
        return refuse_key(reading, name);
    if (*seen & 1u << (key - keys))
        return refuse(reading, "%s is given twice", key->name);
    *seen |= 1u << (key - keys);
    if (!sign && key->kind != YES_NO)
        return refuse(reading, "%s needs a value: %s", key->name, key->allowed);
    int64_t number;
    if (!take_value(key->kind, value, &number) || number > key->most ||
        (number < key->least && !(number == 0 && key->may_be_none)))
        return refuse(reading, "%s=%s; allowed: %s", key->name, shown(value, text), key->allowed);
    store(rule, key, number);
    return 0;
}

/* The next word, and what is behind it. */
static struct text take_next(const char **at)
{
    const char *begin = *at + strspn(*at, " \t");
    size_t len = strcspn(begin, " \t");
    *at = begin + len;
    return (struct text){begin, len};
}

int rule_read(const char *text, struct rule *rule, struct text *ret_pattern, char *error,
              size_t error_size)
{
    struct rule read = *rule;
    struct reading reading = {take_next(&text), error, error_size};
    const char *fault = pattern_fault(reading.pattern);
    unsigned seen = 0;
    if (fault)
        return refuse(&reading, "the pattern %s", fault);
    for (struct text word; (word = take_next(&text)).len > 0;) {
        int r = take_word(&reading, word, &read, &seen);
        if (r)
            return r;
    }
    if (seen == 0)
        return refuse(&reading, "no key stands behind the pattern; there are " KEYS_SAID);
    if (read.once && (seen & 7)) /* the first three */
        return refuse(&reading, "once keeps no history; leave history-events, history-bytes and "
                                "history-age out");
    if (read.once && !MUTATION(once_keeps))
        read.history_events = 0;
    *rule = read;
    *ret_pattern = reading.pattern;
    return 0;
}
