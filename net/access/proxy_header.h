/* SPDX-License-Identifier: MIT */
/*
 * The PROXY protocol, versions 1 and 2: what a proxy writes in front of a connection's own bytes,
 * to say whose connection it is.
 *
 * Only the source's address is taken. What a header may say of the way (TLS and so on, version 2's
 * further fields) is skipped. A header that names nobody (LOCAL, UNKNOWN, families and protocols
 * that are none of a TCP client's) is one without a source: the connection is the proxy's own.
 *
 * Called again from the first byte whenever more has come. It looks at PROXY_V1_BYTES_MAX bytes at
 * most, or at the 52 of a version 2 header that counts, and never behind the header. Pure; any
 * thread.
 */
#pragma once

#include "net/access/address.h"

/* As the protocol's own text says: the longest line of version 1, with its CRLF. */
#define PROXY_V1_BYTES_MAX 107

enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_REFUSED };

struct proxy_header {
    size_t bytes;          /* of the header; what follows is the connection's */
    struct address source; /* ADDRESS_NONE: the proxy's own connection */
};

/* *ret_header is written on PROXY_DONE. */
MUST_USE enum proxy_result proxy_header_read(struct text input, struct proxy_header *ret_header);
