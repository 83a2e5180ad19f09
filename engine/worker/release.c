/* SPDX-License-Identifier: MIT */
/* See release.h. */
#include "engine/worker/release.h"

#include "engine/mutation.h"

void release_frame(struct worker *worker, struct frame *frame)
{
    bool published = frame && frame->kind == FRAME_EVENT;
    uint32_t bytes = frame_release(frame);
    if (published)
        worker->release.bytes += bytes;
    else
        worker->memory.subscriber_bytes -= bytes;
}

struct frame *release_private(struct worker *worker, struct frame *frame)
{
    if (frame)
        worker->memory.subscriber_bytes += frame_memory(frame);
    return frame;
}

void release_tell(struct worker *worker, uint64_t least)
{
    struct memory *memory = &worker->memory;
    uint64_t now = worker->channels.memory + memory->subscriber_bytes;
    bool more = now > memory->told_bytes;
    if ((more ? now - memory->told_bytes : memory->told_bytes - now) <= least)
        return;
    atomic_fetch_add_explicit(&worker->flow->record_bytes, now - memory->told_bytes,
                              memory_order_relaxed);
    memory->told_bytes = now;
    worker->release.any |= !more;
}

void release_flow(struct worker *worker, struct frame *frame)
{
    if (!flow_swept(worker->flow, frame) || MUTATION(flow_kept))
        return;
    flow_subtract(worker->flow, &frame, 1);
    worker->release.any = true;
}

/* Summed, so that it costs few atomic operations. */
void release_swept(struct worker *worker, struct channel *channel, uint64_t place)
{
    struct history *history = &channel->history;
    struct frame *frames[128];
    unsigned count = 0;
    for (; history->returned < history->end && history->returned < place; history->returned++) {
        struct frame *frame = history_at(history, history->returned);
        if (frame->sequence > channel->swept)
            break;
        if (!flow_swept(worker->flow, frame))
            continue;
        frames[count++] = frame;
        if (count == sizeof(frames) / sizeof(frames[0])) {
            flow_subtract(worker->flow, frames, count);
            count = 0;
        }
        worker->release.any = true;
    }
    if (count)
        flow_subtract(worker->flow, frames, count);
}

void release_settle(struct worker *worker)
{
    release_tell(worker, 0);
    if (worker->release.bytes) {
        atomic_fetch_sub_explicit(&worker->flow->frame_bytes, worker->release.bytes,
                                  memory_order_relaxed);
        worker->release.bytes = 0;
        worker->release.any = true;
    }
    if (worker->release.any && !MUTATION(waiters_asleep)) {
        worker->release.any = false;
        flow_wake(worker->flow);
    }
}
