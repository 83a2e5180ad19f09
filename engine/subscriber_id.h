/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's id: what one stream is called by whoever looks at a running server, in its head,
 * in logs, in presence, and by who has handed its connection over.
 *
 * A number that the hub counts up with each hand-off, and in its low 8 bits the worker that has the
 * stream. So it is known before the stream has begun, no two of a hub are the same, ids are in the
 * order in which the streams were asked for, and a worker's are a few steps apart. They stay below
 * 2^53, what a number of JavaScript holds, for 35 million million streams. 0 is nobody's. Pure; any
 * thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/limits.h"

#define SUBSCRIBER_ID_LEN         16 /* hex digits, lower case */
#define SUBSCRIBER_ID_WORKER_BITS 8

static_assert(WORKERS_MAX <= 1 << SUBSCRIBER_ID_WORKER_BITS, "an id says its worker");

/* Numbers count from 1. */
static inline uint64_t subscriber_id_of(unsigned worker, uint64_t number)
{
    return number << SUBSCRIBER_ID_WORKER_BITS | worker;
}

static inline unsigned subscriber_id_worker(uint64_t id)
{
    return (unsigned)(id & ((1u << SUBSCRIBER_ID_WORKER_BITS) - 1));
}

static inline uint64_t subscriber_id_number(uint64_t id)
{
    return id >> SUBSCRIBER_ID_WORKER_BITS;
}

/* No terminating NUL is written. */
void subscriber_id_format(char out[SUBSCRIBER_ID_LEN], uint64_t id);
/* True if the text has exactly our form, and is not 0. */
MUST_USE bool subscriber_id_parse(struct text text, uint64_t *ret_id);
