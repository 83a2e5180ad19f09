/* SPDX-License-Identifier: MIT */
/* Sets of keys: see keys.h. */
#include "net/access/keys.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>

#include "engine/limits.h"
#include "net/access/jwk.h"
#include "net/access/objection.h"

struct keys {
    _Atomic unsigned references;
    unsigned count;
    struct key *items[KEYS_MAX];
};

struct keys *keys_new(void)
{
    struct keys *keys = calloc(1, sizeof(*keys));
    if (keys)
        atomic_init(&keys->references, 1);
    return keys;
}

struct keys *keys_ref(struct keys *keys)
{
    atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    return keys;
}

struct keys *keys_unref(struct keys *keys)
{
    /* Release and acquire: whoever frees it sees all uses by the others as over. */
    if (!keys || atomic_fetch_sub_explicit(&keys->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (unsigned i = 0; i < keys->count; i++)
        key_unref(keys->items[i]);
    free(keys);
    return NULL;
}

unsigned keys_count(const struct keys *keys)
{
    return keys->count;
}

const struct key *keys_at(const struct keys *keys, unsigned index)
{
    CHECK(index < keys->count);
    return keys->items[index];
}

static int refuse_more(char *error, size_t error_size)
{
    return objection_say(error, error_size, "is one key too many: there may be %d", KEYS_MAX);
}

int keys_add(struct keys *keys, struct key *key)
{
    if (keys->count == KEYS_MAX)
        return -E2BIG;
    keys->items[keys->count++] = key_ref(key);
    return 0;
}

int keys_add_key(struct keys *keys, enum algorithm algorithm, struct text text, char *error,
                 size_t error_size)
{
    if (keys->count == KEYS_MAX)
        return refuse_more(error, error_size);
    int r = key_new_text(algorithm, text, PEM_PUBLIC, &keys->items[keys->count], error, error_size);
    keys->count += r == 0;
    return r;
}

int keys_add_all(struct keys *keys, const struct keys *others)
{
    unsigned count = others->count; /* it may be the same set */
    if (count > KEYS_MAX - keys->count)
        return -E2BIG;
    for (unsigned i = 0; i < count; i++)
        keys->items[keys->count++] = key_ref(others->items[i]);
    return 0;
}

/* --- JWK sets ------------------------------------------------------------------------------ */

/* The set's list, or the one key in a list; new. NULL: it is neither. */
static json_t *list_of(json_t *root)
{
    json_t *list = json_object_get(root, "keys");
    if (list)
        return json_is_array(list) ? json_incref(list) : NULL;
    return json_object_get(root, "kty") ? json_pack("[O]", root) : NULL;
}

/* Adds those that are for us. */
static int add_list(struct keys *keys, bool secrets, enum algorithm rsa_usual, const json_t *list,
                    unsigned *ret_left_out, char *error, size_t error_size)
{
    unsigned left_out = 0, before = keys->count;
    char why[192], first[256] = "is empty";
    const json_t *jwk;
    size_t i;
    json_array_foreach(list, i, jwk)
    {
        struct key *key = NULL;
        int r = jwk_read(jwk, rsa_usual, secrets, &key, why, sizeof(why));
        if (r == -ENOMEM)
            return r;
        if (r == 0 && keys->count == KEYS_MAX) {
            key_unref(key);
            return refuse_more(error, error_size);
        }
        if (r == 0)
            keys->items[keys->count++] = key;
        else if (left_out++ == 0)
            snprintf(first, sizeof(first), "key %zu of it %s", i + 1, why);
    }
    if (keys->count == before)
        return objection_say(error, error_size, "holds no key that can be used: %s", first);
    if (left_out > 0)
        objection_say(error, error_size, "%s", first);
    *ret_left_out = left_out;
    return 0;
}

int keys_add_jwks(struct keys *keys, enum keys_origin origin, enum algorithm rsa_usual,
                  struct text json, unsigned *ret_left_out, char *error, size_t error_size)
{
    json_error_t fault;
    if (json.len > SECRET_FILE_BYTES_MAX)
        return objection_say(error, error_size, "is longer than %u bytes", SECRET_FILE_BYTES_MAX);
    json_t *root = json_loadb(json.at, json.len, JSON_REJECT_DUPLICATES, &fault);
    if (!root && json_error_code(&fault) == json_error_out_of_memory)
        return -ENOMEM;
    json_t *list = list_of(root);
    int r;
    if (!root)
        r = objection_say(error, error_size, "is not valid JSON (line %d, column %d)", fault.line,
                          fault.column);
    else if (!list)
        r = objection_say(error, error_size,
                          "is not a set of JWKs: it has no list \"keys\" and is no key itself");
    else
        r = add_list(keys, origin == KEYS_FILE, rsa_usual, list, ret_left_out, error, error_size);
    json_decref(list);
    json_decref(root);
    return r;
}
