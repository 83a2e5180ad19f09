/* SPDX-License-Identifier: MIT */
/* Making tokens: see token_make.h. */
#include "net/access/token_make.h"

#include <errno.h>
#include <jansson.h>

#include "net/access/base64url.h"
#include "net/access/grant.h"
#include "net/access/signature.h"

static size_t encode(struct text bytes, char *out)
{
    return base64url_encode((const unsigned char *)bytes.at, bytes.len, out);
}

int token_sign(const struct key *key, struct text header, struct text payload, char **ret_token)
{
    unsigned char signature[SIGNATURE_BYTES_MAX];
    size_t signature_len, len;
    char *token = malloc(BASE64URL_LETTERS(header.len) + BASE64URL_LETTERS(payload.len) +
                         BASE64URL_LETTERS(SIGNATURE_BYTES_MAX) + 3);
    if (!token)
        return -ENOMEM;
    len = encode(header, token);
    token[len++] = '.';
    len += encode(payload, token + len);
    int r = signature_make(key, (struct text){token, len}, signature, &signature_len);
    if (r) {
        free(token);
        return r;
    }
    token[len++] = '.';
    len += encode((struct text){(char *)signature, signature_len}, token + len);
    token[len] = '\0';
    *ret_token = token;
    return 0;
}

/* New; NULL: no memory, or no UTF-8. */
static json_t *list_of(const struct text *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++)
        if (json_array_append_new(list, json_stringn(texts[i].at, texts[i].len)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

/* New; NULL: as above. */
static json_t *claims_of(const struct token_order *order)
{
    json_t *subscribe = list_of(order->subscribe, order->subscribe_count);
    json_t *publish = list_of(order->publish, order->publish_count);
    json_t *claims = NULL;
    if (subscribe && publish)
        claims = json_pack("{s:{s:O, s:O}, s:I}", "fanfare", "subscribe", subscribe, "publish",
                           publish, "iat", (json_int_t)order->issued_at_s);
    json_decref(subscribe);
    json_decref(publish);
    if (claims && order->ends_at_s != GRANT_NEVER &&
        json_object_set_new(claims, "exp", json_integer(order->ends_at_s)) != 0) {
        json_decref(claims);
        return NULL;
    }
    return claims;
}

int token_make(const struct token_order *order, char **ret_token)
{
    char header[64];
    int header_len = snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
                              algorithm_name(key_algorithm(order->key)));
    json_t *claims = claims_of(order);
    char *payload = claims ? json_dumps(claims, JSON_COMPACT) : NULL;
    json_decref(claims);
    if (!payload)
        return -EINVAL;
    int r = token_sign(order->key, (struct text){header, (size_t)header_len}, text_of(payload),
                       ret_token);
    free(payload);
    return r;
}
