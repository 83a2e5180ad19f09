/* SPDX-License-Identifier: MIT */
/*
 * fanfare token: reads the key, and prints a token or hands over to token_explain.c.
 *
 * A PEM key says itself what it is for, since nothing is trusted to it here that a server would
 * not check again; a server has to be told.
 */
#include "cmd/token.h"

#include <errno.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/log.h"
#include "net/access/grant.h"
#include "net/access/keys.h"
#include "engine/base/pattern.h"
#include "net/access/secret_file.h"
#include "net/access/token_make.h"

static const char NAME[] = "token";

static enum algorithm algorithm_for(const struct token_settings *settings, struct text text)
{
    enum algorithm usual = key_usual_algorithm(text);
    if (settings->has_algorithm)
        return settings->algorithm;
    return usual == ALGORITHM_COUNT ? ALGORITHM_HS256 : usual;
}

/* Nobody's secret begins like this, and every JWK set does. */
static bool is_json(struct text text)
{
    size_t at = 0;
    while (at < text.len && strchr(" \t\r\n", text.at[at]))
        at++;
    return at < text.len && text.at[at] == '{';
}

/* The file's key, or to explain with, those of the JWK set that it is. */
static int keys_add_text(struct keys *keys, const struct token_settings *settings, struct text text,
                         char *error, size_t error_size)
{
    enum algorithm algorithm = algorithm_for(settings, text);
    struct key *key = NULL;
    unsigned left_out;
    if (settings->explain && is_json(text))
        return keys_add_jwks(keys, KEYS_FILE,
                             algorithm_family(algorithm) == FAMILY_RSA ? algorithm
                                                                       : ALGORITHM_RS256,
                             text, &left_out, error, error_size);
    int r = key_new_text(algorithm, text, settings->explain ? PEM_EITHER : PEM_PRIVATE, &key, error,
                         error_size);
    if (!r)
        r = keys_add(keys, key);
    key_unref(key);
    return r;
}

/* What is in the file, for the caller to give up; NULL, and it was told why not. */
static struct keys *keys_read(const struct token_settings *settings)
{
    char error[512];
    struct secret secret;
    int r = secret_file_read(settings->key_file, &secret, error, sizeof(error));
    if (r) {
        log_complain(NAME, "--key-file: %s", r == -ENOMEM ? strerror(ENOMEM) : error);
        return NULL;
    }
    struct keys *keys = keys_new();
    r = keys ? keys_add_text(keys, settings, (struct text){secret.bytes, secret.len}, error,
                             sizeof(error))
             : -ENOMEM;
    secret_deinit(&secret);
    if (r == 0)
        return keys;
    if (r == -ENOMEM)
        log_complain(NAME, "%s", strerror(ENOMEM));
    else
        log_complain(NAME, "--key-file: %.200s %s", settings->key_file, error);
    return keys_unref(keys);
}

/* Checks the patterns of an option into `texts`. */
static bool take_patterns(const char *option, const char *const *from, unsigned count,
                          struct text *texts)
{
    for (unsigned i = 0; i < count; i++) {
        texts[i] = text_of(from[i]);
        const char *fault = pattern_fault(texts[i]);
        if (fault) {
            log_complain(NAME, "--%s: a pattern %s", option, fault);
            return false;
        }
    }
    return true;
}

static int make(const struct token_settings *settings, const struct key *key)
{
    struct text subscribe[TOKEN_PATTERNS_MAX], publish[TOKEN_PATTERNS_MAX];
    int64_t now_s = time(NULL);
    const struct token_order order = {
        .key = key,
        .subscribe = subscribe,
        .subscribe_count = settings->subscribe_count,
        .publish = publish,
        .publish_count = settings->publish_count,
        .issued_at_s = now_s,
        .ends_at_s = settings->expires_s ? now_s + settings->expires_s : GRANT_NEVER,
    };
    if (!take_patterns("subscribe", settings->subscribe, settings->subscribe_count, subscribe) ||
        !take_patterns("publish", settings->publish, settings->publish_count, publish))
        return EXIT_USAGE;
    if (settings->subscribe_count + settings->publish_count == 0)
        log_complain(NAME, "note: this token allows nothing; --subscribe and --publish say what "
                           "one allows");
    char *token;
    int r = token_make(&order, &token);
    if (r) {
        log_complain(NAME, "%s",
                     r == -ENOMEM ? strerror(ENOMEM) : "a pattern is not UTF-8, and a token is");
        return r == -ENOMEM ? EXIT_FAILED : EXIT_USAGE;
    }
    if (strlen(token) > TOKEN_BYTES_MAX)
        log_complain(NAME, "note: this token has %zu bytes, and a server takes %u", strlen(token),
                     TOKEN_BYTES_MAX);
    printf("%s\n", token);
    free(token);
    return EXIT_DONE;
}

int token_run(const struct parse *parse, const struct token_settings *settings)
{
    (void)parse;
    struct keys *keys = settings->key_file ? keys_read(settings) : NULL;
    if (settings->key_file && !keys)
        return EXIT_USAGE;
    int status = settings->explain ? token_explain(keys) : make(settings, keys_at(keys, 0));
    keys_unref(keys);
    return status;
}
