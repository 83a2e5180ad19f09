/* SPDX-License-Identifier: MIT */
/* The worker's side of the inbox: see inbox.h for the model. */
#include "engine/inbox.h"

#include "engine/mutation.h"

void inbox_init(struct inbox *inbox, const struct conveyor *conveyor, struct sleepers *sleepers,
                unsigned number)
{
    inbox->conveyor = conveyor;
    inbox->sleepers = &sleepers->words[number / 64];
    inbox->sleeper = UINT64_C(1) << number % 64;
    atomic_init(&inbox->taken, 1); /* sequences start at 1 */
    atomic_init(&inbox->parked, false);
    mailbox_init(&inbox->messages);
}

void inbox_deinit(struct inbox *inbox)
{
    const struct conveyor *conveyor = TAKE(inbox->conveyor);
    for (uint32_t i = 0; conveyor && i <= conveyor->mask; i++)
        frame_unref(conveyor_at(conveyor, inbox_position(inbox) + i));
}

unsigned inbox_take(struct inbox *inbox, struct frame **frames, unsigned max)
{
    uint64_t position = inbox_position(inbox);
    unsigned count = 0;
    while (count < max) {
        struct frame *frame = conveyor_at(inbox->conveyor, position + count);
        if (!frame)
            break;
        DCHECK(frame->sequence == position + count);
        frames[count++] = frame;
    }
    if (count)
        atomic_store_explicit(&inbox->taken, position + count, memory_order_release);
    return count;
}

void inbox_post(struct inbox *inbox, struct message *message)
{
    (void)mailbox_post(&inbox->messages, message); /* who wakes is decided by `parked` */
}

struct message *inbox_take_messages(struct inbox *inbox)
{
    return mailbox_take(&inbox->messages);
}

bool inbox_park(struct inbox *inbox)
{
    atomic_store_explicit(&inbox->parked, true, memory_order_relaxed);
    atomic_fetch_or_explicit(inbox->sleepers, inbox->sleeper, memory_order_relaxed);
    /* Full fence: either the producer's look at the bit and `parked` sees both, or our look below
     * sees what it stored. Pairs with the fence before inbox_claim_wake. */
    atomic_thread_fence(memory_order_seq_cst);
    if (MUTATION(park_blindly))
        return true;
    uint64_t position = inbox_position(inbox);
    if (!conveyor_at(inbox->conveyor, position) && mailbox_is_empty(&inbox->messages))
        return true;
    inbox_unpark(inbox);
    return false;
}

void inbox_unpark(struct inbox *inbox)
{
    atomic_store_explicit(&inbox->parked, false, memory_order_relaxed);
    if (atomic_load_explicit(inbox->sleepers, memory_order_relaxed) & inbox->sleeper)
        atomic_fetch_and_explicit(inbox->sleepers, ~inbox->sleeper, memory_order_relaxed);
}
