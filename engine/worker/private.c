/* SPDX-License-Identifier: MIT */
/* Queues of events for one subscriber each: see private.h. */
#include "engine/worker/private.h"

#include <errno.h>
#include <sys/mman.h>

#include "engine/base/heap.h"
#include "engine/worker/release.h"

struct private_queue {
    struct private_event *first, *last;
    uint32_t count;
    uint64_t bytes;
};

static size_t table_bytes(const struct worker *worker)
{
    return worker->options->sockets * sizeof(struct private_queue *);
}

int private_init(struct worker *worker)
{
    void *at = mmap(NULL, table_bytes(worker), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    worker->privates.of = at;
    return 0;
}

void private_deinit(struct worker *worker)
{
    if (worker->privates.of)
        munmap(worker->privates.of, table_bytes(worker));
}

struct private_event *private_first(const struct worker *worker, uint32_t index)
{
    return worker->privates.of[index]->first;
}

static bool is_full(const struct private_queue *queue, const struct frame *frame)
{
    return queue &&
           (queue->count == PRIVATE_EVENTS_MAX || queue->bytes + frame->len > PRIVATE_BYTES_MAX);
}

int private_add(struct worker *worker, uint32_t index, struct frame *frame)
{
    struct private_queue *queue = worker->privates.of[index];
    if (is_full(queue, frame))
        return PRIVATE_FULL;
    struct private_event *event = malloc(sizeof(*event));
    if (event && !queue) {
        queue = calloc(1, sizeof(*queue));
        worker->memory.subscriber_bytes += queue ? heap_bytes(sizeof(*queue)) : 0;
        worker->privates.of[index] = queue;
    }
    if (!queue || !event) {
        free(event);
        return -ENOMEM;
    }
    *event = (struct private_event){.frame = frame, .before = worker->position};
    if (queue->last)
        queue->last->next = event;
    else
        queue->first = event;
    queue->last = event;
    queue->count++;
    queue->bytes += frame->len;
    worker->memory.subscriber_bytes += heap_bytes(sizeof(*event)) + frame_memory(frame);
    return 0;
}

static void pop(struct worker *worker, struct private_queue *queue)
{
    struct private_event *event = queue->first;
    queue->first = event->next;
    if (!queue->first)
        queue->last = NULL;
    queue->count--;
    queue->bytes -= event->frame->len;
    worker->memory.subscriber_bytes -= heap_bytes(sizeof(*event));
    release_frame(worker, event->frame);
    free(event);
}

bool private_sent(struct worker *worker, uint32_t index, uint32_t count)
{
    struct private_queue *queue = worker->privates.of[index];
    for (; count > 0; count--)
        pop(worker, queue);
    if (queue->count > 0)
        return false;
    worker->privates.of[index] = NULL;
    worker->memory.subscriber_bytes -= heap_bytes(sizeof(*queue));
    free(queue);
    return true;
}

void private_drop(struct worker *worker, uint32_t index)
{
    (void)private_sent(worker, index, worker->privates.of[index]->count);
}
