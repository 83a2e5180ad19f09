/* SPDX-License-Identifier: MIT */
/* The life of a fetch, and what it gathers: see fetch.h. */
#include "net/fetch/fetch.h"

#include "engine/limits.h"

#define BYTES_FIRST 1024 /* most heads are shorter; picked by hand */

void fetch_init(struct fetch *fetch)
{
    fetch->head = (struct fetch_bytes){.most = FETCH_HEAD_BYTES_MAX};
    fetch->body = (struct fetch_bytes){.most = fetch->body_bytes_max};
    fetch->queue = (struct link){NULL, NULL};
    fetch->slot = NULL;
    fetch->due_ns = 0;
    fetch->hurried = false;
    atomic_init(&fetch->hastened, false);
    atomic_init(&fetch->references, 1);
    fetch_renew(fetch);
}

void fetch_renew(struct fetch *fetch)
{
    fetch->head.len = fetch->body.len = 0;
    fetch->outcome = FETCH_CANCELLED;
    fetch->status = 0;
    fetch->reason = NULL;
    fetch->over = false;
}

struct fetch *fetch_ref(struct fetch *fetch)
{
    atomic_fetch_add_explicit(&fetch->references, 1, memory_order_relaxed);
    return fetch;
}

struct fetch *fetch_unref(struct fetch *fetch)
{
    if (fetch && atomic_fetch_sub_explicit(&fetch->references, 1, memory_order_acq_rel) == 1)
        fetch->free(fetch);
    return NULL;
}

void fetch_deinit(struct fetch *fetch)
{
    free(fetch->head.at);
    free(fetch->body.at);
}

bool fetch_bytes_add(struct fetch_bytes *bytes, const char *at, size_t len)
{
    if (len > bytes->most - bytes->len)
        return false;
    if (len > bytes->capacity - bytes->len) {
        size_t capacity = bytes->capacity ? bytes->capacity * 2 : BYTES_FIRST;
        while (capacity < bytes->len + len)
            capacity *= 2;
        char *grown = realloc(bytes->at, capacity);
        if (!grown)
            return false;
        bytes->at = grown;
        bytes->capacity = capacity;
    }
    if (len)
        memcpy(bytes->at + bytes->len, at, len);
    bytes->len += len;
    return true;
}
