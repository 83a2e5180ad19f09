/* SPDX-License-Identifier: MIT */
/*
 * JSON texts (RFC 8259) of strangers: a body in, jansson's value out, or one sentence.
 *
 * What jansson makes of a text costs far more than the text where it has many values: 1 MiB of
 * `{},` took 90 ms of an acceptor, and many times its own size of memory. So values are counted
 * before, in one pass, and more than JSON_VALUES_MAX are refused unread.
 *
 * Pure but for what jansson allocates; acceptor threads. What the members mean is the caller's.
 */
#pragma once

#include <jansson.h>

#include "engine/base/base.h"

/* One sentence that names the fault; longer ones are cut. */
#define JSON_ERROR_BYTES 192

/* 0 with a reference; or an HTTP status (400, 413) with its sentence in `error`; or -ENOMEM. */
MUST_USE int json_text_load(struct text bytes, json_t **ret_json, char error[JSON_ERROR_BYTES]);
