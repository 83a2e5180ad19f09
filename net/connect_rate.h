/* SPDX-License-Identifier: MIT */
/*
 * How fast each address connects: a token bucket for each that has connected lately. N tokens come
 * in a second, up to N; a connection takes one.
 *
 * The table is of fixed size, RATE_ADDRESSES, in sets of eight: a bucket is kept as long as nobody
 * needs its place. Who does takes that of the fullest bucket of its set, which says least: one that
 * is full (nothing came for a second) says nothing at all. So with more addresses a second than
 * there are places somebody is forgotten who had used up part of his rate, and may come N times
 * anew; that is counted. The other way, to refuse who finds no place, would let whoever has so many
 * addresses (a /48 of IPv6 is enough) lock everybody else out; the one who has them is bounded by
 * no rate of one address anyway.
 *
 * Locks: 64, each around a sixty-fourth of the sets, held for the eight entries of one: two cache
 * lines. An accept is some microseconds of system calls, so acceptors hardly ever meet. Without
 * --connect-rate there is no table and nothing is asked, the socket's address included.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "net/access/address.h"

struct connect_rate;

/* NULL: out of memory. */
MUST_USE struct connect_rate *connect_rate_new(void);
/* Takes NULL; returns NULL. */
struct connect_rate *connect_rate_free(struct connect_rate *rate);
/* Bytes that it holds, from the beginning. */
size_t connect_rate_memory(void);

/* One more connection of this address, of which `most` may come a second. False: it may not.
 * *ret_forgot: another address was forgotten before its bucket was full. Any thread. */
MUST_USE bool connect_rate_take(struct connect_rate *rate, const struct address *address,
                                uint32_t most, int64_t now_ns, bool *ret_forgot);
