/* SPDX-License-Identifier: MIT */
/*
 * Who a request is of when it came through proxies: the rightmost address of X-Forwarded-For, or of
 * Forwarded (RFC 7239), that is no trusted proxy's.
 *
 * Each proxy adds, at the right, the address that it was connected from. So the lists are read from
 * the right, and only as far as what stands there was written by somebody who is trusted: what a
 * client made up itself stands to the left of its own address and is never looked at.
 *
 * What names no address (`unknown`, `_hidden`, what is malformed) ends the way: the client is the
 * proxy that wrote it. Where a request has both fields they must come to the same address, since a
 * proxy that writes one of them lets the other pass, and who does not know that the other is
 * believed could be told anything; else the client is the peer. Nobody gets another one's address
 * by what he sends, and nothing is refused for it.
 *
 * Linear in the head. Pure; any thread.
 */
#pragma once

#include "net/access/address.h"

struct forwarded {
    struct address client;
    bool broken; /* a field that should have said so did not say who it is */
};

/* `peer` is who is connected, `fields` the request's field lines, each with its CRLF. */
struct forwarded forwarded_read(const struct address_ranges *trusted, const struct address *peer,
                                struct text fields);
