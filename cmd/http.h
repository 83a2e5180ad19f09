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
    HTTP_FAULT_BYTES = 512,     /* of a sentence about a file */
    HTTP_ANSWER_BYTES = 1 << 20 /* of such an answer; more: it is not ours */
};

/* NULL: out of memory. */
CURL *http_new(void);

/* From now on requests carry the token of this file, which is read anew: its first line that is
 * neither empty nor a comment (#). To another host, where a redirection leads, curl does not give
 * it. NULL: no token. 0, or a negative errno with one sentence. */
MUST_USE int http_authorize(CURL *curl, const char *token_file, char *error, size_t error_size);

/* One sentence about a transfer that failed with this code; `detail` is curl's own text. */
void http_fault(CURLcode code, const char *detail, const char *url, char *out, size_t out_size);
