/* SPDX-License-Identifier: MIT */
/*
 * Addresses of clients and proxies, and ranges of them: values, from text and from sockets.
 *
 * An IPv4 address that a socket or a text wraps into IPv6 (::ffff:1.2.3.4) is the IPv4 address, so
 * that one client has one address whichever way it comes. A unix socket's peer has none, but can be
 * trusted by a range of its own (`unix`). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/base/base.h"

enum address_family {
    ADDRESS_NONE, /* not known */
    ADDRESS_UNIX, /* on this machine, over a socket file */
    ADDRESS_V4,
    ADDRESS_V6,
};

struct address {
    uint8_t family;    /* enum address_family */
    uint8_t bytes[16]; /* in network order; of V4 the first four; the rest is 0 */
};

struct address_range {
    struct address address;
    uint8_t bits; /* of the address that count */
};

#define ADDRESS_RANGES_MAX 64 /* proxies are named one by one, or by network; picked by hand */

struct address_ranges {
    unsigned count;
    struct address_range items[ADDRESS_RANGES_MAX];
};

#define ADDRESS_TEXT_ROOM 46 /* the longest IPv6 text and its NUL */

/* An address alone: no port, no brackets, no zone. False: it is none. */
MUST_USE bool address_read(struct text text, struct address *ret_address);
/* ADDRESS_NONE for a family that has none of these. */
struct address address_of_socket(const struct sockaddr *socket, socklen_t len);
/* Of four or sixteen bytes in network order. */
struct address address_of_bytes(enum address_family family, const void *bytes);
/* `unix` and `unknown` where there is none. */
void address_write(const struct address *address, char out[ADDRESS_TEXT_ROOM]);
bool address_equals(const struct address *a, const struct address *b);

/* What one client has for itself: an IPv4 address, an IPv6 network of 64 bits. False: neither. */
MUST_USE bool address_group(const struct address *address, struct address *ret_group);

/* ADDRESS, ADDRESS/BITS or `unix`. NULL, or why not, as the rest of a sentence that begins with the
 * text; static. */
const char *address_range_read(const char *text, struct address_range *ret_range);
/* True if one of them has it. */
bool address_ranges_have(const struct address_ranges *ranges, const struct address *address);
