/* SPDX-License-Identifier: MIT */
/* See steer.h. */
#include "engine/worker/steer.h"

#include <errno.h>

#include "engine/mutation.h"
#include "engine/worker/identity.h"
#include "engine/worker/private.h"
#include "engine/worker/subscriber.h"

/* NULL: it is gone, or never was. */
static struct subscriber *find(const struct worker *worker, uint64_t id)
{
    uint32_t index = identity_find(worker, id);
    if (index == IDENTITY_NONE || worker->subscribers[index].state == SUBSCRIBER_CLOSING)
        return NULL;
    return &worker->subscribers[index];
}

/* Takes the frame, on 0 alone. */
static int send_to(struct worker *worker, struct subscriber *subscriber, struct frame *frame)
{
    DCHECK(worker->batch.count == 0);
    /* Nothing more is sent to it but the end. */
    if (subscriber->ending == CLOSE_EXPIRED || subscriber_is_served(subscriber))
        return CONTROL_NONE;
    if (flow_memory_is_full(worker->flow))
        return -ENOMEM;
    int r = private_add(worker, subscriber_index(worker, subscriber), frame);
    if (r == PRIVATE_FULL) {
        COUNT(worker, private_refused, 1);
        return CONTROL_FULL;
    }
    if (r < 0)
        return r;
    subscriber->flags |= SUBSCRIBER_PRIVATE;
    if (subscriber->state == SUBSCRIBER_CURRENT) {
        subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
        subscriber_queue(worker, subscriber);
    }
    return 0;
}

/* Nobody would hear that it lost one. */
static int send_or_close(struct worker *worker, struct subscriber *subscriber,
                         struct control_request *request)
{
    int r = send_to(worker, subscriber, request->frame);
    COUNT(worker, private_sent, r == 0);
    COUNT(worker, private_dropped, r == CONTROL_NONE);
    if (r == 0) {
        request->frame = NULL; /* it is the subscriber's */
    } else if (request->or_close && r != CONTROL_NONE) {
        subscriber_close(worker, subscriber, r == CONTROL_FULL ? CLOSE_SLOW : CLOSE_MEMORY);
        subscriber_bury(worker);
    }
    return r;
}

void steer_take(const struct worker *worker, struct control_part *part)
{
    part->behind = worker->arrivals.count;
}

/* Which of the hand-offs that wait is its own does not matter: all of them are ready soon. */
static bool may_join(const struct worker *worker, const struct control_part *part)
{
    const struct handoff *first = worker->arrivals.first;
    return first && first->arrival <= part->behind &&
           identity_find(worker, part->control->request.subscriber) == IDENTITY_NONE &&
           !MUTATION(wish_too_early);
}

bool steer_waits(const struct worker *worker, const struct control_part *part)
{
    const struct control *control = part->control;
    if (!control_is_wish(control))
        return false;
    return (worker->position < control->before && !MUTATION(private_overtakes)) ||
           may_join(worker, part);
}

bool steer_some(struct worker *worker, struct control_part *part, int *ret_result)
{
    struct control_request *request = &part->control->request;
    if (steer_waits(worker, part))
        return false;
    struct subscriber *subscriber = find(worker, request->subscriber);
    if (!subscriber) {
        *ret_result = CONTROL_NONE;
        COUNT(worker, private_dropped, request->kind == CONTROL_SEND);
    } else if (request->kind == CONTROL_SEND) {
        *ret_result = send_or_close(worker, subscriber, request);
    } else {
        *ret_result = 0;
        if (request->at_once) { /* which leaves nothing for the next turn to bury */
            subscriber_close(worker, subscriber, CLOSE_CUT);
            subscriber_bury(worker);
        } else {
            subscriber_end(worker, subscriber, CLOSE_ASKED);
        }
    }
    return true;
}
