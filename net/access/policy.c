/* SPDX-License-Identifier: MIT */
/* The rules about pages and hosts: see policy.h. */
#include "net/access/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <strings.h>

#include "net/access/place.h"

/* What an EventSource, its polyfills and a publishing fetch() need. */
#define HEADERS_ALWAYS "Authorization, Cache-Control, Content-Type, Last-Event-ID"

struct policy {
    _Atomic unsigned references;
    bool credentials;
    bool all_origins; /* a * is among them */
    bool all_headers;
    unsigned origin_count, host_count;
    char *origins[POLICY_ENTRIES_MAX];
    char *hosts[POLICY_ENTRIES_MAX];
    char *headers; /* those that are always allowed in front */
};

/* --- making one ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_size,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* How much of it can stand in a sentence. */
static int shown(const char *text, size_t most)
{
    size_t len = 0;
    while (len < most && len < 200 && (unsigned char)text[len] > ' ' && text[len] != 0x7f)
        len++;
    return (int)len;
}

/* Copies a checked list. */
static int take_list(const char *const *from, unsigned count, const char *option,
                     const char *(*fault_of)(const char *), char **to, unsigned *ret_count,
                     char *error, size_t error_size)
{
    if (count > POLICY_ENTRIES_MAX)
        return refuse(error, error_size, "%s is given more than %d times", option,
                      POLICY_ENTRIES_MAX);
    for (unsigned i = 0; i < count; i++) {
        const char *fault = strlen(from[i]) > POLICY_BYTES_MAX ? "is longer than 1,024 bytes"
                            : strcmp(from[i], "*") == 0        ? NULL
                                                               : fault_of(from[i]);
        if (fault)
            return refuse(error, error_size, "%s: \"%.*s\" %s", option, shown(from[i], 200),
                          from[i], fault);
        to[i] = strdup(from[i]);
        if (!to[i])
            return -ENOMEM;
        *ret_count = i + 1;
    }
    return 0;
}

static bool is_token(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)word[i]) && !strchr("!#$%&'*+-.^_`|~", word[i]))
            return false;
    return len > 0;
}

/* Appends the words to the names that are always allowed. */
static int take_headers(struct policy *policy, const char *words, char *error, size_t error_size)
{
    size_t len = words ? strlen(words) : 0;
    if (len > POLICY_BYTES_MAX)
        return refuse(error, error_size, "allow-headers is longer than 1,024 bytes");
    /* A word is parted from the next by one byte at least, and is written with two. */
    char *at = policy->headers = malloc(sizeof(HEADERS_ALWAYS) + 2 * len + 2);
    if (!at)
        return -ENOMEM;
    memcpy(at, HEADERS_ALWAYS, sizeof(HEADERS_ALWAYS));
    at += sizeof(HEADERS_ALWAYS) - 1;
    for (const char *word = words; word && *(word += strspn(word, ", ")); word += len) {
        len = strcspn(word, ", ");
        if (!is_token(word, len))
            return refuse(error, error_size, "allow-headers: \"%.*s\" is not a header's name",
                          shown(word, len), word);
        if (len == 1 && *word == '*') {
            policy->all_headers = true;
            continue;
        }
        memcpy(at, ", ", 2);
        memcpy(at + 2, word, len);
        at += 2 + len;
    }
    *at = '\0';
    return 0;
}

int policy_new(const struct policy_options *options, struct policy **ret_policy, char *error,
               size_t error_size)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    if (!policy)
        return -ENOMEM;
    atomic_init(&policy->references, 1);
    policy->credentials = options->credentials;
    int r = take_list(options->origins, options->origin_count, "allow-origin", place_origin_fault,
                      policy->origins, &policy->origin_count, error, error_size);
    if (!r)
        r = take_list(options->hosts, options->host_count, "host", place_host_fault, policy->hosts,
                      &policy->host_count, error, error_size);
    if (!r)
        r = take_headers(policy, options->headers, error, error_size);
    for (unsigned i = 0; i < policy->origin_count; i++)
        policy->all_origins |= strcmp(policy->origins[i], "*") == 0;
    if (!r && policy->credentials && policy->all_origins)
        r = refuse(error, error_size,
                   "allow-credentials does not go with allow-origin *: browsers refuse the two "
                   "together; name the origins");
    else if (!r && policy->credentials && policy->origin_count == 0)
        r = refuse(error, error_size,
                   "allow-credentials needs an allow-origin: it is for the pages of named origins");
    else if (!r && options->headers && policy->origin_count == 0)
        r = refuse(error, error_size,
                   "allow-headers needs an allow-origin: it is for the pages of other origins");
    if (r) {
        policy_unref(policy);
        return r;
    }
    *ret_policy = policy;
    return 0;
}

struct policy *policy_ref(struct policy *policy)
{
    atomic_fetch_add_explicit(&policy->references, 1, memory_order_relaxed);
    return policy;
}

struct policy *policy_unref(struct policy *policy)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!policy || atomic_fetch_sub_explicit(&policy->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (unsigned i = 0; i < policy->origin_count; i++)
        free(policy->origins[i]);
    for (unsigned i = 0; i < policy->host_count; i++)
        free(policy->hosts[i]);
    free(policy->headers);
    free(policy);
    return NULL;
}

/* --- asking it ----------------------------------------------------------------------------- */

struct text policy_allowed_origin(const struct policy *policy, struct text origin)
{
    if (origin.len == 0)
        return TEXT("");
    if (policy->all_origins)
        return TEXT("*");
    for (unsigned i = 0; i < policy->origin_count; i++)
        if (text_equals(origin, text_of(policy->origins[i])))
            return text_of(policy->origins[i]);
    return TEXT("");
}

bool policy_is_own(const struct provenance *from)
{
    struct text site = from->fetch_site;
    if (site.len == 0 && from->origin.len == 0)
        return true;
    if (text_equals(site, TEXT("same-origin")) || text_equals(site, TEXT("none")))
        return true;
    return site.len == 0 && place_is_same(from->origin, from->host);
}

bool policy_may_publish(const struct policy *policy, const struct provenance *from)
{
    return policy_is_own(from) || policy_allowed_origin(policy, from->origin).len > 0;
}

bool policy_may_use_cookies(const struct policy *policy, const struct provenance *from)
{
    return policy_is_own(from) ||
           (policy->credentials && policy_allowed_origin(policy, from->origin).len > 0);
}

bool policy_serves(const struct policy *policy, struct text host)
{
    if (policy->host_count == 0 || host.len == 0)
        return true;
    for (unsigned i = 0; i < policy->host_count; i++)
        if (place_is_named(host, policy->hosts[i]))
            return true;
    return false;
}

bool policy_names(const struct policy *policy, struct text host)
{
    for (unsigned i = 0; i < policy->host_count; i++)
        if (strcmp(policy->hosts[i], "*") != 0 && place_is_named(host, policy->hosts[i]))
            return true;
    return false;
}

bool policy_varies(const struct policy *policy)
{
    return policy->origin_count > 0 && !policy->all_origins;
}

bool policy_allows_credentials(const struct policy *policy)
{
    return policy->credentials;
}

struct text policy_allowed_headers(const struct policy *policy, struct text asked)
{
    bool any = policy->all_headers || policy->all_origins;
    return any && asked.len > 0 && asked.len <= POLICY_BYTES_MAX ? asked : text_of(policy->headers);
}
