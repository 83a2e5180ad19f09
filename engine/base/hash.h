/* SPDX-License-Identifier: MIT */
/* The seeded hash of channel names and ids: SipHash-2-4 from libsodium, so that nobody outside can
 * choose names that collide. And a wide one, which stands for a text that is not kept. */
#pragma once

#include <sodium/crypto_generichash.h>
#include <sodium/crypto_shorthash.h>

#include "engine/base/base.h"

struct hash_key {
    unsigned char bytes[crypto_shorthash_KEYBYTES];
};

static inline uint64_t hash_text(const struct hash_key *key, struct text text)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text.at, text.len, key->bytes);
    return hash;
}

/* BLAKE2b: nobody finds two texts with the same one. */
struct hash_wide {
    unsigned char bytes[32];
};

static inline struct hash_wide hash_text_wide(struct text text)
{
    struct hash_wide hash;
    crypto_generichash(hash.bytes, sizeof(hash.bytes), (const unsigned char *)text.at, text.len,
                       NULL, 0);
    return hash;
}
