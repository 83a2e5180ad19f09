/* SPDX-License-Identifier: MIT */
/* The seeded hash of channel names and ids: SipHash-2-4 from libsodium, so that nobody outside can
 * choose names that collide. */
#pragma once

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
