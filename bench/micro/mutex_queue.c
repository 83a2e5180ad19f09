/* SPDX-License-Identifier: MIT */
/* See mutex_queue.h. */
#include "bench/micro/mutex_queue.h"

#include <errno.h>

int mutex_queue_init(struct mutex_queue *queue, uint32_t slots)
{
    *queue = (struct mutex_queue){.mask = slots - 1, .next = 1, .taken = 1};
    queue->ring = calloc(slots, sizeof(struct frame *));
    if (!queue->ring)
        return -ENOMEM;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->not_empty, NULL);
    pthread_cond_init(&queue->not_full, NULL);
    return 0;
}

void mutex_queue_deinit(struct mutex_queue *queue)
{
    pthread_cond_destroy(&queue->not_full);
    pthread_cond_destroy(&queue->not_empty);
    pthread_mutex_destroy(&queue->lock);
    free(queue->ring);
    queue->ring = NULL;
}

void mutex_queue_put(struct mutex_queue *queue, struct frame *(*frame_of)(uint64_t sequence))
{
    pthread_mutex_lock(&queue->lock);
    while (queue->next - queue->taken > queue->mask) {
        queue->waiting_producers++;
        pthread_cond_wait(&queue->not_full, &queue->lock);
        queue->waiting_producers--;
    }
    struct frame *frame = frame_of(queue->next);
    frame->sequence = queue->next;
    queue->ring[queue->next++ & queue->mask] = frame;
    bool signal = queue->consumer_waits;
    queue->consumer_waits = false; /* one signal wakes it */
    pthread_mutex_unlock(&queue->lock);
    if (signal)
        pthread_cond_signal(&queue->not_empty);
}

unsigned mutex_queue_take(struct mutex_queue *queue, struct frame **frames, unsigned max)
{
    unsigned count = 0;
    pthread_mutex_lock(&queue->lock);
    while (queue->taken == queue->next) {
        queue->consumer_waits = true;
        queue->sleeps++;
        pthread_cond_wait(&queue->not_empty, &queue->lock);
    }
    queue->consumer_waits = false;
    for (; count < max && queue->taken < queue->next; queue->taken++)
        frames[count++] = queue->ring[queue->taken & queue->mask];
    bool signal = queue->waiting_producers > 0;
    pthread_mutex_unlock(&queue->lock);
    if (signal)
        pthread_cond_broadcast(&queue->not_full);
    return count;
}
