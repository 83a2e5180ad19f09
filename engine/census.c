/* SPDX-License-Identifier: MIT */
/* Censuses' memory and their end: see census.h. */
#include "engine/census.h"

#include "engine/base/heap.h"

struct census *census_new(struct frame *const *frames, unsigned count, unsigned workers)
{
    size_t names = 0, parts = sizeof(struct census) + workers * sizeof(struct census_part);
    for (unsigned i = 0; i < count; i++)
        names += frames[i]->channel_len;
    size_t size = parts + count * sizeof(struct census_channel) + names;
    size = (size + alignof(struct census) - 1) / alignof(struct census) * alignof(struct census);
    struct census *census = aligned_alloc(alignof(struct census), size);
    if (!census)
        return NULL;
    *census = (struct census){.count = count, .part_count = workers, .bytes = heap_bytes(size)};
    census->channels = (struct census_channel *)(void *)((char *)census + parts);
    char *at = (char *)(census->channels + count);
    for (unsigned i = 0; i < count; i++) {
        struct text name = frame_channel(frames[i]);
        if (name.len)
            memcpy(at, name.at, name.len);
        census->channels[i].hash = frames[i]->channel_hash;
        census->channels[i].name = (struct text){at, name.len};
        atomic_init(&census->channels[i].subscribers, 0);
        at += name.len;
    }
    for (unsigned i = 0; i < workers; i++)
        census->parts[i] = (struct census_part){.message.kind = MESSAGE_CENSUS, .census = census};
    return census;
}

struct census *census_free(struct census *census)
{
    free(census);
    return NULL;
}

void census_finish(struct census_part *part)
{
    struct census *census = part->census;
    if (atomic_fetch_sub_explicit(&census->pending, 1, memory_order_acq_rel) == 1)
        census->done(census);
}
