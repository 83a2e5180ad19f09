/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: tokens. As it is, an input is never a good one, since nobody can sign; signed with
 * the key it is judged as a second reading judges it, and changed anywhere after that it is
 * refused.
 *
 * Input: a header and a payload on a line each, the rest is channels. All of it also is a token.
 */
#include "tests/fuzz/access_rules.h"
#include "tests/fuzz/target.h"

#include "engine/limits.h"
#include "net/access/token.h"
#include "net/access/token_make.h"
#include "tests/unit/guard.h"

#define NOW     1764252000
#define CHANGES 4

static struct key *key;
static struct keys *keys;

/* Once for all inputs. */
static void make_key(void)
{
    char error[256];
    if (key)
        return;
    int r = key_new_secret(ALGORITHM_HS256, TEXT(""), TEXT("nobody knows these 32 bytes ...."),
                           &key, error, sizeof(error));
    keys = keys_new();
    CHECK(r == 0 && keys && keys_add(keys, key) == 0);
}

/* The fault; a grant is there exactly if there is none. */
static int verify(struct text token, struct grant **ret_grant)
{
    struct text guarded = guard_new(token);
    *ret_grant = NULL;
    int r = token_verify(keys, guarded, NOW, ret_grant);
    guard_free(guarded);
    CHECK(r >= 0 && r < TOKEN_FAULTS && (r == TOKEN_OK) == (*ret_grant != NULL));
    return r;
}

static void expect_refused(struct text token)
{
    struct grant *grant;
    CHECK(verify(token, &grant) != TOKEN_OK);
}

/* A byte changed, put in, taken out, or the end cut off. */
static void change(struct text token, struct chance *chance)
{
    char *bytes = malloc(token.len + 1);
    size_t at = chance_below(chance, token.len), len = token.len;
    char byte = "AQgw-_.="[chance_below(chance, 8)];
    CHECK(bytes);
    memcpy(bytes, token.at, len);
    switch (chance_below(chance, 4)) {
    case 0:
        bytes[at] = (char)(bytes[at] ^ (char)(1u << chance_below(chance, 8)));
        break;
    case 1:
        memmove(bytes + at + 1, bytes + at, len++ - at);
        bytes[at] = byte;
        break;
    case 2:
        memmove(bytes + at, bytes + at + 1, --len - at);
        break;
    default:
        len = at;
    }
    expect_refused((struct text){bytes, len});
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = text_of_input(bytes, len), rest = input;
    struct chance chance = chance_of(input);
    struct grant *grant;
    char *token = NULL;
    make_key();
    expect_refused(input);
    struct text header = take_line(&rest), payload = take_line(&rest);
    int r = token_sign(key, header, payload, &token);
    CHECK(r == 0);
    size_t token_len = strlen(token);
    enum token_fault fault = verify((struct text){token, token_len}, &grant);
    CHECK(fault == (token_len > TOKEN_BYTES_MAX ? TOKEN_TOO_LONG
                                                : access_rules_token(header, payload, NOW)));
    while (grant && rest.len > 0) {
        struct text name = take_line(&rest);
        CHECK(grant_may(grant, GRANT_SUBSCRIBE, name) ==
              access_rules_may(payload, "subscribe", name));
        CHECK(grant_may(grant, GRANT_PUBLISH, name) == access_rules_may(payload, "publish", name));
    }
    CHECK(!grant || grant_ends_at_s(grant) > NOW);
    grant_unref(grant);
    for (unsigned i = 0; i < CHANGES; i++)
        change((struct text){token, token_len}, &chance);
    free(token);
    return 0;
}
