/* SPDX-License-Identifier: MIT */
/*
 * Whom a browser may let in: the origins whose pages may read and publish, the headers that they
 * may send, and the Host values that are served.
 *
 * A policy is made from the options, checked, and immutable from then on; it is shared by reference
 * count, and a reload makes a new one. It decides about what a *browser* says of a page (Origin,
 * Sec-Fetch-Site, Host), which a page cannot forge. A program can: this is no access control
 * against programs.
 *
 * Pure but for the memory that it holds. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

#define POLICY_ENTRIES_MAX 64   /* origins, and hosts; picked by hand. More: refused at start */
#define POLICY_BYTES_MAX   1024 /* one origin, one host, all headers. Longer: refused at start */

/* Borrowed for the call of policy_new. */
struct policy_options {
    const char *const *origins; /* "https://app.example", or "*" */
    unsigned origin_count;
    bool credentials;         /* cookies of such pages are wanted */
    const char *headers;      /* words with commas or spaces between; NULL: none */
    const char *const *hosts; /* NAME, NAME:PORT, or "*"; none: any */
    unsigned host_count;
};

struct policy;

/* 0, -ENOMEM, or -EINVAL with one sentence in `error`. */
MUST_USE int policy_new(const struct policy_options *options, struct policy **ret_policy,
                        char *error, size_t error_size);
struct policy *policy_ref(struct policy *policy);
/* Takes NULL; returns NULL. */
struct policy *policy_unref(struct policy *policy);

/* What a request says about where it comes from; empty: it does not say. */
struct provenance {
    struct text host, origin, fetch_site;
};

/* True if it comes from a program, or from a page of this very server. */
bool policy_is_own(const struct provenance *from);
/* True if such a request may change something: it comes from a program, from a page of this very
 * server, or from a page whose origin is allowed. */
bool policy_may_publish(const struct policy *policy, const struct provenance *from);
/* True if a cookie that comes with it may be used, which the visitor's browser adds whatever page
 * asks: one of this server's, or of an allowed origin with credentials. */
bool policy_may_use_cookies(const struct policy *policy, const struct provenance *from);
/* True if this Host is served, or none is said. */
bool policy_serves(const struct policy *policy, struct text host);
/* True if it is one that the options name, and not only one of any. */
bool policy_names(const struct policy *policy, struct text host);

/* The value of Access-Control-Allow-Origin for a request of this origin; empty: none. Of the policy
 * or of `origin`. */
struct text policy_allowed_origin(const struct policy *policy, struct text origin);
/* True if answers differ by Origin, whether the request has one or not: they say Vary. */
bool policy_varies(const struct policy *policy);
bool policy_allows_credentials(const struct policy *policy);
/* The value of Access-Control-Allow-Headers for what a preflight asks. Of the policy or of `asked`.
 */
struct text policy_allowed_headers(const struct policy *policy, struct text asked);
