/* SPDX-License-Identifier: MIT */
/*
 * Places as browsers write them: an origin (`https://app.example:8443`) and a host with perhaps a
 * port (`app.example:8443`, `[::1]`), and when two of them are the same.
 *
 * A browser writes an origin in lower case, an international name as `xn--...`, and leaves out the
 * port that its scheme has by itself (RFC 6454, URL Standard 4.5): what is written otherwise in a
 * configuration can match no request, which is worth a sentence rather than a silent refusal.
 *
 * Pure: no allocation, no fd. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* Why this origin could match no request, as the rest of a sentence that begins with it; NULL: it
 * could. Static text. */
const char *place_origin_fault(const char *origin);
/* The same for a name that --host may give: NAME or NAME:PORT. */
const char *place_host_fault(const char *host);

/* True if a page of this origin came from this Host, whatever the scheme was on the way: TLS may
 * end at a proxy. A port that is not written is the one of the origin's scheme. */
bool place_is_same(struct text origin, struct text host);

/* True if a Host field's value is an address, or localhost: what no page has for its name that
 * somebody else could point at this machine. */
bool place_is_own(struct text host);

/* True if a Host field's value is this name. A name without a port holds for any. */
bool place_is_named(struct text host, const char *name);
