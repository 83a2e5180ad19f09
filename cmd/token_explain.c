/* SPDX-License-Identifier: MIT */
/*
 * fanfare token explain: what a token on standard input says, for people, and whether a server with
 * the key would take it now. What the token says is a stranger's text, and is printed as such.
 */
#include <errno.h>
#include <inttypes.h>
#include <strings.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/log.h"
#include "lib/terminal.h"
#include "cmd/token.h"
#include "engine/limits.h"
#include "net/access/claims.h"
#include "net/access/jws.h"
#include "engine/base/pattern.h"

static const char NAME[] = "token";

/* --- reading ------------------------------------------------------------------------------- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Without blanks around it, and without the word that stands before it in a header. */
static struct text trimmed(struct text text)
{
    while (text.len && is_blank(text.at[text.len - 1]))
        text.len--;
    while (text.len && is_blank(*text.at))
        text = (struct text){text.at + 1, text.len - 1};
    if (text.len >= 7 && strncasecmp(text.at, "Bearer ", 7) == 0)
        text = (struct text){text.at + 7, text.len - 7};
    return text;
}

/* --- saying -------------------------------------------------------------------------------- */

static void say(const char *what, struct text text)
{
    printf("%-12s", what);
    terminal_write(stdout, text, false);
    printf("\n");
}

static void say_patterns(const char *what, const struct patterns *patterns)
{
    if (patterns_count(patterns) == 0)
        say(what, TEXT("nothing"));
    for (size_t i = 0; i < patterns_count(patterns); i++)
        say(i ? "" : what, patterns_at(patterns, i));
}

/* "2026-11-27 14:03:00 UTC, in 2 hours". */
static void say_time(const char *what, int64_t at_s, int64_t now_s)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    char date[64];
    struct tm tm;
    time_t time = at_s;
    if (!gmtime_r(&time, &tm) || strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(date, sizeof(date), "%" PRId64 " seconds after 1970", at_s);
    uint64_t away =
        at_s > now_s ? (uint64_t)at_s - (uint64_t)now_s : (uint64_t)now_s - (uint64_t)at_s;
    unsigned unit = 0;
    while (unit < 3 && away < 2 * (uint64_t)units[unit].seconds)
        unit++;
    uint64_t count = away / (uint64_t)units[unit].seconds;
    printf("%-12s%s, %s%" PRIu64 " %s%s%s\n", what, date, at_s > now_s ? "in " : "", count,
           units[unit].name, count == 1 ? "" : "s", at_s > now_s ? "" : " ago");
}

static void say_claims(const struct claims *claims, int64_t now_s)
{
    struct text sub = grant_sub(claims->grant);
    if (sub.len)
        say("who", sub);
    say_patterns("subscribe", grant_patterns(claims->grant, GRANT_SUBSCRIBE));
    say_patterns("publish", grant_patterns(claims->grant, GRANT_PUBLISH));
    if (claims->begins_at_s != INT64_MIN)
        say_time("begins", claims->begins_at_s, now_s);
    if (claims->ends_at_s == GRANT_NEVER)
        say("ends", TEXT("never"));
    else
        say_time("ends", claims->ends_at_s, now_s);
}

static void say_signature(int fault, const struct keys *keys)
{
    if (fault == TOKEN_OK || fault == TOKEN_SIGNATURE)
        say("signature", fault ? TEXT("bad") : TEXT("good"));
    else if (keys_count(keys) == 1)
        printf("%-12snot looked at: the key is for %s\n", "signature",
               algorithm_name(key_algorithm(keys_at(keys, 0))));
    else
        say("signature", TEXT("not looked at: none of the keys is for it"));
}

/* The last line; the exit status. `checked`: there was a key. */
static int say_verdict(int fault, bool checked)
{
    if (fault == TOKEN_OK && checked)
        say("accepted", TEXT("yes"));
    else if (fault == TOKEN_OK)
        say("accepted", TEXT("only a key can tell: --key-file FILE"));
    else
        printf("%-12sno: %s\n", "accepted", token_fault_text((enum token_fault)fault));
    return fault == TOKEN_OK ? EXIT_DONE : EXIT_FAILED;
}

/* --- explaining ---------------------------------------------------------------------------- */

/* The first fault in the order in which a server looks, or -ENOMEM. */
static int explain(struct text token, const struct keys *keys)
{
    struct jws jws;
    struct claims claims;
    int64_t now_s = time(NULL);
    int r = jws_read(token, &jws);
    if (r)
        return r;
    say("algorithm", jws.algorithm);
    if (jws.has_kid)
        say("key", jws.kid);
    int fault = keys                                             ? jws_check(&jws, keys)
                : algorithm_of(jws.algorithm) == ALGORITHM_COUNT ? TOKEN_ALGORITHM
                                                                 : TOKEN_OK;
    r = claims_read(jws.payload, &claims);
    if (r == 0) {
        say_claims(&claims, now_s);
        r = claims_hold(&claims, now_s);
        claims_deinit(&claims);
    }
    if (keys)
        say_signature(fault, keys);
    jws_deinit(&jws);
    return fault ? fault : r;
}

int token_explain(const struct keys *keys)
{
    /* What is longer is refused for it, so one byte more is enough; and there are blanks. */
    char bytes[TOKEN_BYTES_MAX + 64];
    size_t len = fread(bytes, 1, sizeof(bytes), stdin);
    if (ferror(stdin)) {
        log_complain(NAME, "cannot read standard input");
        return EXIT_FAILED;
    }
    struct text token = trimmed((struct text){bytes, len});
    if (token.len == 0) {
        log_complain(NAME, "there is no token on standard input");
        return EXIT_USAGE;
    }
    int r = explain(token, keys);
    if (r < 0) {
        log_complain(NAME, "%s", strerror(-r));
        return EXIT_FAILED;
    }
    return say_verdict(r, keys != NULL);
}
