/* SPDX-License-Identifier: MIT */
/* Writes and reads ids, and enciphers their numbers: see id.h. */
#include "engine/id.h"

#include <endian.h>

/* Eight digits at once, the most significant first: each event gets an id, so this is hot. */
static void put_hex_word(char out[8], uint32_t value)
{
    /* One digit to a byte, the first one in the lowest. */
    uint64_t digits = __builtin_bswap32(value);
    digits = (digits | digits << 16) & 0x0000ffff0000ffff;
    digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
    digits = (digits & 0x000f000f000f000f) << 8 | (digits >> 4 & 0x000f000f000f000f);
    /* '0' plus the digit, and 39 more from 10 on, which is where 'a' is. */
    uint64_t letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
    digits += 0x3030303030303030 + letters * ('a' - '0' - 10);
    digits = htole64(digits);
    memcpy(out, &digits, sizeof(digits));
}

static bool parse_hex(const char *at, int digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (int i = 0; i < digits; i++) {
        unsigned digit = (unsigned)(unsigned char)at[i] - '0';
        if (digit > 9) {
            digit = (unsigned)(unsigned char)at[i] - 'a';
            if (digit > 5)
                return false;
            digit += 10;
        }
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

/* --- the cipher ---------------------------------------------------------------------------- */

enum { ROUNDS = 6, COUNT_BITS = 16 };

static uint32_t keyed(const struct hash_key *key, uint32_t half, int round)
{
    char text[sizeof(half) + 1]; /* one block of SipHash */
    memcpy(text, &half, sizeof(half));
    text[sizeof(half)] = (char)round;
    return (uint32_t)hash_text(key, (struct text){text, sizeof(text)});
}

static uint64_t encipher(const struct hash_key *key, uint64_t block)
{
    uint32_t left = (uint32_t)(block >> 32), right = (uint32_t)block;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t mixed = left ^ keyed(key, right, round);
        left = right;
        right = mixed;
    }
    return (uint64_t)left << 32 | right;
}

static uint64_t decipher(const struct hash_key *key, uint64_t block)
{
    uint32_t left = (uint32_t)(block >> 32), right = (uint32_t)block;
    for (int round = ROUNDS; round-- > 0;) {
        uint32_t mixed = right ^ keyed(key, left, round);
        right = left;
        left = mixed;
    }
    return (uint64_t)left << 32 | right;
}

/* --- ids ----------------------------------------------------------------------------------- */

void ids_init(struct ids *ids, uint64_t epoch, const struct hash_key *key)
{
    char digits[16];
    put_hex_word(digits, (uint32_t)(epoch >> 32));
    put_hex_word(digits + 8, (uint32_t)epoch);
    memcpy(ids->epoch, digits + 4, ID_EPOCH_LEN - 1);
    ids->epoch[ID_EPOCH_LEN - 1] = '-';
    ids->opaque = key != NULL;
    ids->key = key ? *key : (struct hash_key){0};
    atomic_init(&ids->told, 0);
}

static inline void put(char out[ID_LEN], const struct ids *ids, uint64_t number)
{
    memcpy(out, ids->epoch, ID_EPOCH_LEN);
    put_hex_word(out + ID_EPOCH_LEN, (uint32_t)(number >> 32));
    put_hex_word(out + ID_EPOCH_LEN + 8, (uint32_t)number);
}

__attribute__((noinline)) static void put_opaque(char out[ID_LEN], const struct ids *ids,
                                                 uint64_t sequence, uint64_t count)
{
    put(out, ids, encipher(&ids->key, sequence << COUNT_BITS | count));
}

void id_format(char out[ID_LEN], const struct ids *ids, uint64_t sequence)
{
    if (__builtin_expect(ids->opaque, 0))
        put_opaque(out, ids, sequence, 0);
    else
        put(out, ids, sequence);
}

void id_format_place(char out[ID_LEN], struct ids *ids, uint64_t sequence)
{
    if (!ids->opaque) {
        put(out, ids, sequence);
        return;
    }
    uint32_t told = atomic_fetch_add_explicit(&ids->told, 1, memory_order_relaxed);
    put_opaque(out, ids, sequence, 1 + told % ((1u << COUNT_BITS) - 1)); /* never an event's */
}

static bool parse(struct text text, uint64_t *ret_epoch, uint64_t *ret_number)
{
    return text.len == ID_LEN && text.at[ID_EPOCH_LEN - 1] == '-' &&
           parse_hex(text.at, ID_EPOCH_LEN - 1, ret_epoch) &&
           parse_hex(text.at + ID_EPOCH_LEN, ID_LEN - ID_EPOCH_LEN, ret_number);
}

bool id_has_form(struct text text)
{
    uint64_t epoch, number;
    return parse(text, &epoch, &number);
}

enum id_origin id_read(const struct ids *ids, struct text text, uint64_t *ret_sequence)
{
    uint64_t epoch, number;
    *ret_sequence = 0;
    if (!parse(text, &epoch, &number))
        return ID_OTHER;
    if (memcmp(text.at, ids->epoch, ID_EPOCH_LEN) != 0)
        return ID_RESTARTED;
    *ret_sequence = ids->opaque ? decipher(&ids->key, number) >> COUNT_BITS : number;
    return ID_OURS;
}
