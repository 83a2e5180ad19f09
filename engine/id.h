/* SPDX-License-Identifier: MIT */
/*
 * Ids: what a client is told of its place in the one order, and gives back to go on from there.
 *
 * An id is `EPOCH-NUMBER`: 12 hex digits made by chance at the start, and 16 that say which place
 * it is: of an event, its sequence; else that of the last one before the place (0: before all).
 *
 * Opaque ids have the same form, but from the number nobody without the key learns anything: it is
 * a sequence of 48 bits with a count of 16, as one block of 64, enciphered. An event's count is 0,
 * so that all who get it get the same id. Every other place (where a stream begins, what a gap
 * lies between) has the next count each time it is told: else two ids alike would say that nobody
 * had published in between, and whoever asks often enough could count.
 *
 * The cipher is a Feistel network of two halves and six rounds of SipHash, which the seeded hash is
 * anyway: a permutation whatever the rounds are, so no two places share an id, and with six rounds
 * of a keyed function not to be told from chance up to nearly 2^32 ids seen of one server's life
 * (J. Patarin, "Security of Random Feistel Schemes with 5 or more Rounds", 2004; four, by the
 * older proof of Luby and Rackoff, only up to some 2^16). A 64-bit cipher of a library would do as
 * well, but OpenSSL has none left that it does not call legacy, and libsodium none at all.
 *
 * Immutable but for the count, so for any thread.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/base/hash.h"

#define ID_LEN        29 /* 12 hex digits of epoch, '-', 16 hex digits of the number */
#define ID_EPOCH_LEN  13 /* of them, with the '-' */
#define ID_EPOCH_BITS 48

struct ids {
    char epoch[ID_EPOCH_LEN];
    bool opaque;
    struct hash_key key;
    alignas(64) _Atomic uint32_t told; /* places so far; opaque alone. Relaxed: it guards nothing */
};

/* With a key the ids are opaque; NULL: they are not. */
void ids_init(struct ids *ids, uint64_t epoch, const struct hash_key *key);

/* The id of an event. No terminating NUL is written. */
void id_format(char out[ID_LEN], const struct ids *ids, uint64_t sequence);
/* An id of any other place: behind this event, whoever's it is. */
void id_format_place(char out[ID_LEN], struct ids *ids, uint64_t sequence);

/* Whether the text has the form of our ids, of whatever start of the server. */
bool id_has_form(struct text text);

enum id_origin {
    ID_OTHER,     /* not of our form */
    ID_RESTARTED, /* of another epoch */
    ID_OURS,
};
/* Of one of ours the sequence, which may be one that was never given; else 0. */
enum id_origin id_read(const struct ids *ids, struct text text, uint64_t *ret_sequence);
