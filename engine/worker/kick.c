/* SPDX-License-Identifier: MIT */
/* See kick.h. */
#include "engine/worker/kick.h"

#include "engine/mutation.h"
#include "engine/worker/subscriber.h"

bool kick_take(struct worker *worker, const struct frame *frame)
{
    struct kick *kick = &worker->kick;
    if (kick->under_way)
        return false;
    *kick = (struct kick){.before = frame->sequence,
                          .under_way = true,
                          .at_once = frame->flags & FRAME_AT_ONCE,
                          .end = worker->records.used};
    return true;
}

static void end(struct worker *worker, struct subscriber *subscriber)
{
    if (worker->kick.at_once)
        subscriber_close(worker, subscriber, CLOSE_CUT);
    else
        subscriber_end(worker, subscriber, CLOSE_ASKED);
}

/* As few as they may be where it is tested: there are not many there. */
static const uint32_t batch = MUTATION_BUILD ? 1 : KICK_BATCH;

/* What it took, in looks: each channel of a stream that ends is told. */
static uint32_t kick_one(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->state == SUBSCRIBER_FREE || subscriber->state == SUBSCRIBER_CLOSING)
        return 1;
    if (!(subscriber->flags & SUBSCRIBER_SPARED) || MUTATION(kick_spares_none))
        end(worker, subscriber);
    subscriber_clear(subscriber, SUBSCRIBER_SPARED);
    return 1 + (subscriber->flags & SUBSCRIBER_MANY ? subscriber->set->count : 0);
}

bool kick_walk(struct worker *worker)
{
    struct kick *kick = &worker->kick;
    for (uint32_t looks = 0; kick->next < kick->end && looks < batch;)
        looks += kick_one(worker, &worker->subscribers[kick->next++]);
    kick->under_way = kick->next < kick->end;
    return true;
}

void kick_tell_apart(struct worker *worker, struct subscriber *subscriber, uint64_t before)
{
    const struct kick *kick = &worker->kick;
    uint32_t index = subscriber_index(worker, subscriber);
    if (before <= kick->before && !MUTATION(kick_forgets))
        end(worker, subscriber);
    else if (kick->under_way && index >= kick->next && index < kick->end)
        subscriber->flags |= SUBSCRIBER_SPARED;
}
