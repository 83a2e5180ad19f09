/* SPDX-License-Identifier: MIT */
/* JWS in compact form: see jws.h. */
#include "net/access/jws.h"

#include <errno.h>
#include <jansson.h>

#include "engine/limits.h"
#include "net/access/base64url.h"
#include "net/access/signature.h"

/* --- reading ------------------------------------------------------------------------------- */

/* Decodes one part to `*at` and moves it on. */
static bool take_part(struct text letters, unsigned char **at, struct text *ret_part)
{
    size_t len;
    if (!base64url_decode(letters, *at, &len))
        return false;
    *ret_part = (struct text){(const char *)*at, len};
    *at += len;
    return true;
}

/* Cuts at the first dot; false if there is none. */
static bool cut(struct text *rest, struct text *ret_part)
{
    const char *dot = rest->len ? memchr(rest->at, '.', rest->len) : NULL;
    if (!dot)
        return false;
    *ret_part = (struct text){rest->at, (size_t)(dot - rest->at)};
    *rest = (struct text){dot + 1, rest->len - ret_part->len - 1};
    return true;
}

static struct text string_of(const json_t *value)
{
    return (struct text){json_string_value(value), json_string_length(value)};
}

static int read_header(struct jws *jws, struct text bytes)
{
    json_error_t fault;
    jws->header = json_loadb(bytes.at, bytes.len, JSON_REJECT_DUPLICATES, &fault);
    if (!jws->header && json_error_code(&fault) == json_error_out_of_memory)
        return -ENOMEM;
    const json_t *algorithm = json_object_get(jws->header, "alg");
    const json_t *kid = json_object_get(jws->header, "kid");
    if (!json_is_object(jws->header) || !json_is_string(algorithm) || (kid && !json_is_string(kid)))
        return TOKEN_HEADER;
    if (json_object_get(jws->header, "crit"))
        return TOKEN_CRITICAL;
    jws->algorithm = string_of(algorithm);
    jws->has_kid = kid != NULL;
    if (kid)
        jws->kid = string_of(kid);
    return 0;
}

int jws_read(struct text text, struct jws *ret_jws)
{
    struct jws jws = {0};
    struct text rest = text, header, payload, bytes;
    if (text.len > TOKEN_BYTES_MAX)
        return TOKEN_TOO_LONG;
    if (!cut(&rest, &header) || !cut(&rest, &payload))
        return TOKEN_FORM;
    jws.room = malloc(BASE64URL_BYTES(text.len) + 4);
    if (!jws.room)
        return -ENOMEM;
    unsigned char *at = (unsigned char *)jws.room;
    jws.input = (struct text){text.at, header.len + 1 + payload.len};
    int r = TOKEN_FORM;
    if (take_part(header, &at, &bytes) && take_part(payload, &at, &jws.payload) &&
        take_part(rest, &at, &jws.signature))
        r = read_header(&jws, bytes);
    if (r) {
        jws_deinit(&jws);
        return r;
    }
    *ret_jws = jws;
    return 0;
}

void jws_deinit(struct jws *jws)
{
    json_decref(jws->header);
    free(jws->room);
    *jws = (struct jws){0};
}

/* --- checking ------------------------------------------------------------------------------ */

/* True if it names a key, some keys have names, and none has this one. */
static bool names_nobody(const struct jws *jws, const struct keys *keys)
{
    bool some_named = false;
    for (unsigned i = 0; i < keys_count(keys); i++) {
        struct text kid = key_kid(keys_at(keys, i));
        if (jws->has_kid && text_equals(kid, jws->kid))
            return false;
        some_named |= kid.len > 0;
    }
    return jws->has_kid && some_named;
}

/* Tries those of the named key, or the others that may have signed it: all, if it names none, else
 * those that have no name. 1: one of them did; 0: none; -ENOMEM. */
static int try_keys(const struct jws *jws, const struct keys *keys, bool named, unsigned *tried)
{
    enum algorithm algorithm = algorithm_of(jws->algorithm);
    for (unsigned i = 0; i < keys_count(keys) && *tried < KEYS_TRIED_MAX; i++) {
        const struct key *key = keys_at(keys, i);
        struct text kid = key_kid(key);
        bool wanted = named ? text_equals(kid, jws->kid) : !jws->has_kid || kid.len == 0;
        if (!wanted || key_algorithm(key) != algorithm)
            continue;
        (*tried)++;
        int r = signature_check(key, jws->input, jws->signature);
        if (r != 0)
            return r;
    }
    return 0;
}

int jws_check(const struct jws *jws, const struct keys *keys)
{
    unsigned tried = 0;
    int r = jws->has_kid ? try_keys(jws, keys, true, &tried) : 0;
    if (r == 0)
        r = try_keys(jws, keys, false, &tried);
    if (r < 0)
        return r;
    if (r == 1)
        return 0;
    if (names_nobody(jws, keys))
        return TOKEN_KEY;
    return tried ? TOKEN_SIGNATURE : TOKEN_ALGORITHM;
}
