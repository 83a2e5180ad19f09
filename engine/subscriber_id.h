/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's id: what one open stream is called by whoever looks at a running server, in its
 * head, in logs and in presence.
 *
 * It says where the stream's record is, so that whoever has the id finds the stream without a
 * table: its worker, the record there, and how many streams that record had before. So no two
 * streams of a hub have the same one, until a record was used 16 million times; and ids are in the
 * order in which workers walk their records. 0 is nobody's. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

#define SUBSCRIBER_ID_LEN     16 /* hex digits, lower case */
#define SUBSCRIBER_SERIAL_MAX ((UINT32_C(1) << 24) - 1)

static inline uint64_t subscriber_id_of(unsigned worker, uint32_t record, uint32_t serial)
{
    return (uint64_t)worker << 56 | (uint64_t)record << 24 | serial;
}

static inline unsigned subscriber_id_worker(uint64_t id)
{
    return (unsigned)(id >> 56);
}

static inline uint32_t subscriber_id_record(uint64_t id)
{
    return (uint32_t)(id >> 24);
}

/* No terminating NUL is written. */
void subscriber_id_format(char out[SUBSCRIBER_ID_LEN], uint64_t id);
/* True if the text has exactly our form, and is not 0. */
MUST_USE bool subscriber_id_parse(struct text text, uint64_t *ret_id);
