/* SPDX-License-Identifier: MIT */
/* Reads the files of tokens and keys, and asks them: see access.h. */
#include "net/access/access.h"

#include <errno.h>
#include <stdatomic.h>

#include "net/access/objection.h"
#include "engine/base/pattern.h"
#include "net/access/secret_file.h"
#include "net/access/token.h"
#include "net/access/token_list.h"

struct access {
    _Atomic unsigned references;
    struct token_list *tokens;  /* NULL: none */
    struct grant *publisher;    /* what each of them grants */
    struct keys *keys;          /* NULL: none */
    struct patterns *anonymous; /* NULL: nothing is */
};

/* --- making one ---------------------------------------------------------------------------- */

#define FAULT_BYTES 512

/* Puts the option's name in front of what is wrong with it. */
static int say(int r, const char *option, const char *fault, char *error, size_t error_size)
{
    if (r < 0 && r != -ENOMEM)
        snprintf(error, error_size, "%s: %s", option, fault);
    return r;
}

static int read_tokens(struct access *access, const char *path, char *error, size_t error_size)
{
    int r = token_list_read(path, &access->tokens, error, error_size);
    if (r)
        return r;
    struct text all = TEXT("*");
    return grant_new(
        &(struct grant_options){.publish = &all, .publish_count = 1, .ends_at_s = GRANT_NEVER},
        &access->publisher);
}

static int read_key(struct access *access, const char *path, enum algorithm algorithm, bool is_set,
                    char *error, size_t error_size)
{
    struct secret secret;
    char fault[FAULT_BYTES] = "";
    unsigned left_out;
    int r = secret_file_read(path, &secret, error, error_size);
    if (r)
        return r;
    struct text text = {secret.bytes, secret.len};
    if (is_set)
        r = keys_add_jwks(access->keys, KEYS_FILE, algorithm, text, &left_out, fault,
                          sizeof(fault));
    else
        r = keys_add_key(access->keys, algorithm, text, fault, sizeof(fault));
    secret_deinit(&secret);
    if (r && r != -ENOMEM)
        snprintf(error, error_size, "%.200s %.300s", path, fault);
    return r;
}

static int read_keys(struct access *access, const struct access_options *options, char *error,
                     size_t error_size)
{
    char fault[FAULT_BYTES] = "";
    if (options->jwt_key_file_count == 0 && !options->jwks_file && !options->keys_come)
        return 0;
    access->keys = keys_new();
    int r = access->keys ? 0 : -ENOMEM;
    for (unsigned i = 0; i < options->jwt_key_file_count && !r; i++)
        r = say(read_key(access, options->jwt_key_files[i], options->jwt_algorithm, false, fault,
                         sizeof(fault)),
                "jwt-key-file", fault, error, error_size);
    enum algorithm usual = algorithm_family(options->jwt_algorithm) == FAMILY_RSA
                               ? options->jwt_algorithm
                               : ALGORITHM_RS256;
    if (!r && options->jwks_file)
        r = say(read_key(access, options->jwks_file, usual, true, fault, sizeof(fault)), "jwt-jwks",
                fault, error, error_size);
    return r;
}

static int read_anonymous(struct access *access, const struct access_options *options, char *error,
                          size_t error_size)
{
    struct text texts[ACCESS_PATTERNS_MAX];
    if (options->anonymous_count > ACCESS_PATTERNS_MAX)
        return objection_say(error, error_size, "anonymous is given more than %d times",
                             ACCESS_PATTERNS_MAX);
    for (unsigned i = 0; i < options->anonymous_count; i++) {
        texts[i] = text_of(options->anonymous[i]);
        const char *fault = pattern_fault(texts[i]);
        if (fault)
            return objection_say(error, error_size, "anonymous: \"%.100s\" %s",
                                 options->anonymous[i], fault);
    }
    if (options->anonymous_count == 0)
        return 0;
    return patterns_new(texts, options->anonymous_count, &access->anonymous);
}

static int check(const struct access_options *options, char *error, size_t error_size)
{
    bool keys = options->jwt_key_file_count > 0 || options->jwks_file || options->keys_come;
    if (options->jwt_key_file_count > ACCESS_KEY_FILES_MAX)
        return objection_say(error, error_size, "jwt-key-file is given more than %d times",
                             ACCESS_KEY_FILES_MAX);
    if (options->anonymous_count > 0 && !keys)
        return objection_say(error, error_size,
                             "anonymous needs jwt-key-file or jwt-jwks: without a key everything "
                             "may be read without a token");
    return 0;
}

int access_new(const struct access_options *options, struct access **ret_access, char *error,
               size_t error_size)
{
    char fault[FAULT_BYTES] = "";
    int r = check(options, error, error_size);
    if (r)
        return r;
    *ret_access = NULL;
    if (!options->publish_token_file && options->jwt_key_file_count == 0 && !options->jwks_file &&
        !options->keys_come)
        return 0;
    struct access *access = calloc(1, sizeof(*access));
    if (!access)
        return -ENOMEM;
    atomic_init(&access->references, 1);
    if (options->publish_token_file)
        r = say(read_tokens(access, options->publish_token_file, fault, sizeof(fault)),
                "publish-token-file", fault, error, error_size);
    if (!r)
        r = read_keys(access, options, error, error_size);
    if (!r)
        r = read_anonymous(access, options, error, error_size);
    if (r)
        access = access_unref(access);
    *ret_access = access;
    return r;
}

struct access *access_ref(struct access *access)
{
    if (access)
        atomic_fetch_add_explicit(&access->references, 1, memory_order_relaxed);
    return access;
}

struct access *access_unref(struct access *access)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!access || atomic_fetch_sub_explicit(&access->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    token_list_unref(access->tokens);
    grant_unref(access->publisher);
    keys_unref(access->keys);
    patterns_free(access->anonymous);
    free(access);
    return NULL;
}

/* --- asking it ----------------------------------------------------------------------------- */

bool access_needs_token(const struct access *access, enum grant_right right)
{
    return access && (access->keys || (right == GRANT_PUBLISH && access->tokens));
}

bool access_is_anonymous(const struct access *access, struct text channel)
{
    return !access || !access->keys || patterns_match(access->anonymous, channel);
}

/* Other keys may judge otherwise. */
static bool is_of_keys(int fault)
{
    return fault == TOKEN_KEY || fault == TOKEN_ALGORITHM || fault == TOKEN_SIGNATURE;
}

int access_judge(const struct access *access, const struct keys *fetched, struct text token,
                 int64_t now_s, struct grant **ret_grant)
{
    if (token_list_has(access->tokens, token)) {
        *ret_grant = grant_ref(access->publisher);
        return 0;
    }
    if (!access->keys)
        return TOKEN_UNKNOWN;
    bool own = !fetched || keys_count(access->keys) > 0;
    int r = own ? token_verify(access->keys, token, now_s, ret_grant) : TOKEN_KEY;
    return fetched && is_of_keys(r) ? token_verify(fetched, token, now_s, ret_grant) : r;
}
