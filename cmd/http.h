/* SPDX-License-Identifier: MIT */
/*
 * What pub and sub share as clients of HTTP: the address a user gave, a libcurl handle with the
 * limits that hold for every server, and sentences for what goes wrong.
 *
 * A server may be anything that answers at the address, so: http and https alone, a bounded number
 * of redirects, a bounded time to connect. Main thread; libcurl is begun and ended by the caller.
 */
#pragma once

#include <curl/curl.h>

#include "engine/base/base.h"

enum {
    HTTP_REDIRECTS_MAX = 10,    /* browsers follow 20; a chain of 10 is a loop */
    HTTP_CONNECT_S = 30,        /* TCP and TLS */
    HTTP_ANSWER_S = 300,        /* from a request to the end of an answer that is no stream */
    HTTP_ANSWER_BYTES = 1 << 20 /* of such an answer; more: it is not ours */
};

/* NULL: out of memory. */
CURL *http_new(void);

/* One sentence about a transfer that failed with this code; `detail` is curl's own text. */
void http_fault(CURLcode code, const char *detail, const char *url, char *out, size_t out_size);
