/* SPDX-License-Identifier: MIT */
/* One fetch that begins again and again: see jwks.h. */
#include "net/jwks.h"

#include <errno.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "net/fetch/fetcher.h"

#define SECOND_NS INT64_C(1000000000)
#define ACCEPT    "Accept: application/jwk-set+json, application/json"

struct jwks {
    struct fetch fetch; /* first */
    struct fetch_place place;
    struct server_state *state;
    void (*changed)(void *context);
    void *context;
    struct hash_wide last; /* of the set that holds */
    bool has_last;
    _Atomic int64_t miss_ns; /* a miss before this time is not looked at; relaxed, a number alone */
};

/* Of an RSA key that does not say. */
static enum algorithm rsa_usual(struct server_state *state)
{
    pthread_mutex_lock(&state->lock);
    enum algorithm said = state->limits.options.jwt_algorithm;
    pthread_mutex_unlock(&state->lock);
    return algorithm_family(said) == FAMILY_RSA ? said : ALGORITHM_RS256;
}

/* Whether what came is a set with keys for us; then it holds. */
static bool take(struct jwks *jwks)
{
    const struct fetch *fetch = &jwks->fetch;
    struct text text = {fetch->body.at, fetch->body.len};
    char error[256];
    unsigned left_out;
    if (fetch->outcome != FETCH_ANSWERED || fetch->status != 200)
        return false;
    struct hash_wide hash = hash_text_wide(text);
    if (jwks->has_last && memcmp(&hash, &jwks->last, sizeof(hash)) == 0)
        return true;
    struct keys *keys = keys_new();
    if (!keys || keys_add_jwks(keys, KEYS_URL, rsa_usual(jwks->state), text, &left_out, error,
                               sizeof(error))) {
        keys_unref(keys);
        return false;
    }
    jwks->last = hash;
    jwks->has_last = true;
    server_state_keys(jwks->state, keys);
    jwks->changed(jwks->context);
    return true;
}

static void on_done(struct fetch *fetch)
{
    struct jwks *jwks = (struct jwks *)fetch;
    struct server_state *state = jwks->state;
    if (fetch->outcome == FETCH_CANCELLED)
        return;
    bool taken = take(jwks);
    net_count(taken ? &state->fetcher_stats.jwks_fetched : &state->fetcher_stats.jwks_failed);
    fetch_renew(fetch);
    fetcher_start_at(state->fetcher, fetch,
                     clock_ns() + (taken ? JWKS_EVERY_S : JWKS_RETRY_S) * SECOND_NS);
}

static void on_free(struct fetch *fetch)
{
    fetch_deinit(fetch);
    free(fetch);
}

int jwks_new(struct server_state *state, const char *url, void (*changed)(void *context),
             void *context, struct jwks **ret_jwks)
{
    struct jwks *jwks = calloc(1, sizeof(*jwks));
    if (!jwks)
        return -ENOMEM;
    CHECK(!fetch_place_read(url, &jwks->place));
    jwks->state = state;
    jwks->changed = changed;
    jwks->context = context;
    jwks->fetch.place = &jwks->place;
    jwks->fetch.lines = (struct text){ACCEPT, sizeof(ACCEPT)}; /* with its NUL */
    jwks->fetch.timeout_ms = JWKS_TIMEOUT_MS;
    jwks->fetch.keeps_body = true;
    jwks->fetch.body_bytes_max = SECRET_FILE_BYTES_MAX;
    jwks->fetch.done = on_done;
    jwks->fetch.free = on_free;
    fetch_init(&jwks->fetch);
    *ret_jwks = jwks;
    return 0;
}

void jwks_start(struct jwks *jwks)
{
    fetcher_start(jwks->state->fetcher, &jwks->fetch);
}

void jwks_again(struct jwks *jwks)
{
    fetcher_hasten(jwks->state->fetcher, &jwks->fetch);
}

void jwks_miss(struct jwks *jwks)
{
    int64_t now_ns = clock_ns();
    int64_t next_ns = atomic_load_explicit(&jwks->miss_ns, memory_order_relaxed);
    if (now_ns >= next_ns && atomic_compare_exchange_strong_explicit(
                                 &jwks->miss_ns, &next_ns, now_ns + JWKS_GAP_S * SECOND_NS,
                                 memory_order_relaxed, memory_order_relaxed))
        jwks_again(jwks);
}

struct jwks *jwks_free(struct jwks *jwks)
{
    if (jwks)
        fetch_unref(&jwks->fetch);
    return NULL;
}
