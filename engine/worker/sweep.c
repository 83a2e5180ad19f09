/* SPDX-License-Identifier: MIT */
/*
 * Sweeps. A sweep's bytes, its run, are laid end to end once and sent to all. Under load events
 * coalesce by themselves: while a sweep runs the next events gather, and the next sweep carries all
 * of them.
 */
#include "engine/worker/sweep.h"

#include "engine/mutation.h"
#include "engine/worker/all.h"
#include "engine/worker/arena.h"
#include "engine/worker/batch.h"
#include "engine/worker/dirty.h"
#include "engine/worker/evict.h"
#include "engine/worker/runs.h"
#include "engine/worker/subscriber.h"

int sweep_init(struct worker *worker)
{
    /* As small as it may be where its reuse is tested, or it would hardly ever be full there. */
    return MUTATION_BUILD ? arena_init(&worker->sweep.arena, RUN_BYTES, RUN_FRAMES)
                          : arena_init(&worker->sweep.arena, SCRATCH_BYTES, SCRATCH_FRAMES);
}

void sweep_deinit(struct worker *worker)
{
    arena_deinit(&worker->sweep.arena);
}

/* What a slice may still do. */
struct budget {
    uint32_t sends;
    uint64_t bytes;
    int64_t due_ns;
};

static bool budget_is_spent(struct worker *worker, struct budget *budget)
{
    if (budget->sends == 0 || budget->bytes == 0)
        return true;
    return budget->sends % 64 == 63 && worker->io->operations->now_ns(worker->io) > budget->due_ns;
}

/* What a sweep brings everybody to with one run, which is so long. */
struct extent {
    uint64_t target;
    uint64_t place;        /* of the first in the channel's own history */
    uint32_t bytes, count; /* 0: the sweep went on from another turn, nobody has looked */
};

/* The same where events to all are to be among them. */
__attribute__((noinline)) static struct extent run_extent_of_all(const struct worker *worker,
                                                                 const struct channel *channel)
{
    struct all_reading reading = all_read(worker, channel);
    uint64_t target = channel->visited;
    uint32_t bytes = 0, count = 0;
    const struct frame *frame;
    while (count < RUN_FRAMES && (frame = all_next(&reading))) {
        if (count && bytes + frame->len > RUN_BYTES)
            break;
        bytes += frame->len;
        target = frame->sequence;
        count++;
    }
    return (struct extent){.target = target, .bytes = bytes, .count = count};
}

/* Of a sweep from `visited` on. */
static struct extent run_extent(const struct worker *worker, const struct channel *channel)
{
    if (all_is_pending(worker, channel))
        return run_extent_of_all(worker, channel);
    const struct history *history = &channel->history;
    /* What is given back was visited. */
    uint64_t first = history_after_from(history, history->returned, channel->visited);
    uint64_t place = first;
    uint64_t target = channel->visited;
    uint32_t bytes = 0, count = 0;
    for (; place < history->end && count < RUN_FRAMES; place++) {
        const struct frame *frame = history_at(history, place);
        if (count && bytes + frame->len > RUN_BYTES)
            break;
        bytes += frame->len;
        target = frame->sequence;
        count++;
    }
    return (struct extent){.target = target, .place = first, .bytes = bytes, .count = count};
}

/* Who cannot share a run waits for a send of its own, and each of its channels is told: that takes
 * as long as to copy a cache line for each, so these bytes are the answer. */
static uint64_t set_behind(struct worker *worker, struct subscriber *subscriber)
{
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
    return 64 * (subscriber->flags & SUBSCRIBER_MANY ? subscriber->set->count : UINT64_C(1));
}

/* Finds room for a run of one channel. True if it submitted the batch for it. */
static bool run_make_room(struct worker *worker, uint32_t bytes, uint32_t count)
{
    struct arena *arena = &worker->sweep.arena;
    if (arena_has_room(arena, count > 1 ? bytes : 0, count))
        return false;
    if (!MUTATION(arena_reused))
        batch_submit(worker); /* queued sends may lie in the arena */
    arena_empty(arena);
    runs_forget(worker, NULL);
    return true;
}

/* A run in the making. */
struct laying {
    enum form form;
    char *at; /* NULL: a lone frame is not copied */
    struct run_part *parts;
    uint32_t count, len;
};

static inline void lay(struct laying *laying, struct frame *frame)
{
    struct text view = form_view(laying->form, frame);
    if (laying->at)
        memcpy(laying->at + laying->len, view.at, view.len);
    laying->len += (uint32_t)view.len;
    laying->parts[laying->count++] = (struct run_part){.frame = frame, .end = laying->len};
}

static inline struct laying lay_own(const struct channel *channel, uint64_t place,
                                    struct laying laying)
{
    const struct history *history = &channel->history;
    struct run_part *parts = laying.parts;
    char *at = laying.at;
    const bool copied = at != NULL;
    uint32_t len = 0, made = 0;
    for (; place < history->end; place++) {
        struct frame *frame = history_at(history, place);
        if (frame->sequence > channel->sweep_target)
            break;
        struct text view = form_view(laying.form, frame);
        if (copied)
            memcpy(at + len, view.at, view.len);
        len += (uint32_t)view.len;
        parts[made++] = (struct run_part){.frame = frame, .end = len};
    }
    laying.count = made;
    laying.len = len;
    return laying;
}

__attribute__((noinline)) static struct laying
lay_with_all(const struct worker *worker, const struct channel *channel, struct laying laying)
{
    struct all_reading reading = all_read(worker, channel);
    struct frame *frame;
    while ((frame = all_next(&reading)) && frame->sequence <= channel->sweep_target)
        lay(&laying, frame);
    return laying;
}

/* Lays the frames of the sweep under way end to end, once for each form that a member has. True if
 * it submitted the batch first. */
__attribute__((noinline)) static bool run_build(struct worker *worker, struct channel *channel,
                                                enum form form, struct extent *extent)
{
    struct arena *arena = &worker->sweep.arena;
    if (extent->count == 0)
        *extent = run_extent(worker, channel);
    DCHECK(extent->target >= channel->sweep_target && extent->count);
    bool submitted = run_make_room(worker, extent->bytes, extent->count);
    struct laying laying = {.form = form,
                            .at = extent->count > 1 ? arena->bytes + arena->bytes_used : NULL,
                            .parts = arena->parts + arena->parts_used};
    if (all_is_pending(worker, channel))
        laying = lay_with_all(worker, channel, laying);
    else
        laying = lay_own(channel, extent->place, laying);
    worker->sweep.runs[form] =
        (struct run){.channel = channel,
                     .bytes = laying.at ? laying.at : form_view(form, laying.parts[0].frame).at,
                     .parts = laying.parts,
                     .count = laying.count,
                     .len = laying.len,
                     .first = laying.parts[0].frame->sequence,
                     .last = channel->sweep_target};
    arena->parts_used += laying.count;
    arena->bytes_used += laying.at ? laying.len : 0;
    return submitted;
}

/* The first part of the run after a cursor that is within it. */
__attribute__((noinline)) static uint32_t run_after(const struct run *run, uint64_t cursor)
{
    uint32_t low = 0, high = run->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (run->parts[middle].frame->sequence <= cursor)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void run_send(struct worker *worker, struct subscriber *subscriber, const struct run *run,
                     struct budget *budget)
{
    bool within = __builtin_expect(subscriber->cursor >= run->first, 0);
    uint32_t first = within ? run_after(run, subscriber->cursor) : 0;
    uint32_t start = first ? run->parts[first - 1].end : 0;
    uint32_t len = run->len - start;
    struct batch_send *send = batch_queue(worker, subscriber, run->bytes + start, len);
    send->parts = run->parts;
    send->first = first;
    send->count = run->count;
    send->start = start;
    send->events = run->count - first;
    worker->batch.events += send->events;
    subscriber->cursor = run->last + MUTATION(cursor_too_far);
    budget->sends--;
    budget->bytes -= len < budget->bytes ? len : budget->bytes;
}

/* What the next send touches: a send that is a system call of its own leaves little in the caches,
 * and takes long enough for these to come back. */
static void prefetch_next(const struct worker *worker, const struct channel *channel)
{
    if (channel->sweep_next < channel->member_count)
        __builtin_prefetch(&worker->subscribers[channel->members[channel->sweep_next]], 1);
    const char *send = (const char *)&worker->batch.sends[worker->batch.count + 1];
    __builtin_prefetch(send, 1);
    __builtin_prefetch(send + 64, 1);
}

/* Has the members of a channel that has ended, or was closed, wait for what they lack and the end
 * of their responses: a send of its own for each, and counted as one here. True when all were
 * visited. */
__attribute__((noinline)) static bool end_members(struct worker *worker, struct channel *channel,
                                                  struct budget *budget)
{
    while (channel->sweep_next < channel->member_count) {
        if (budget_is_spent(worker, budget))
            return false;
        struct subscriber *subscriber = &worker->subscribers[channel->members[channel->sweep_next]];
        channel->sweep_next++;
        budget->sends--;
        if (channel->closed)
            subscriber_let_go_of(worker, subscriber, channel);
        if (subscriber->state == SUBSCRIBER_CURRENT && subscriber->cursor < channel->sweep_target)
            (void)set_behind(worker, subscriber);
    }
    return true;
}

/* Goes on with the channel's sweep. True when every member was visited. On its own its loop keeps
 * what it needs in registers. */
__attribute__((noinline)) static bool sweep_members(struct worker *worker, struct channel *channel,
                                                    struct budget *budget, struct extent *extent)
{
    uint32_t swept = UINT32_MAX; /* the kind that `run`, which is this sweep's, is for */
    const struct run *run = NULL;
    while (channel->sweep_next < channel->member_count) {
        if (worker->batch.count == SEND_BATCH)
            batch_submit(worker);
        struct subscriber *subscriber = &worker->subscribers[channel->members[channel->sweep_next]];
        if ((subscriber->state != SUBSCRIBER_CURRENT &&
             !(subscriber->state == SUBSCRIBER_BLOCKED && MUTATION(send_to_blocked))) ||
            subscriber->cursor >= channel->sweep_target) {
            channel->sweep_next++;
            continue;
        }
        uint32_t kind = subscriber->flags & (SUBSCRIBER_SPECIAL | SUBSCRIBER_FORM);
        if (kind != swept && (kind & SUBSCRIBER_SPECIAL)) {
            uint64_t bytes = set_behind(worker, subscriber);
            channel->sweep_next++;
            budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
            if (budget->bytes == 0)
                return false;
            continue;
        }
        if (budget_is_spent(worker, budget))
            return false;
        if (kind != swept) {
            enum form form = subscriber_form(subscriber);
            swept = kind;
            run = &worker->sweep.runs[form];
            if ((run->channel != channel || run->last != channel->sweep_target) &&
                run_build(worker, channel, form, extent))
                continue; /* sends were settled, and this very subscriber may be closing now */
        }
        channel->sweep_next++;
        prefetch_next(worker, channel);
        run_send(worker, subscriber, run, budget);
    }
    return true;
}

/* Of one that nobody listens to: all of it is swept at once. */
static uint64_t newest_of(const struct worker *worker, const struct channel *channel)
{
    uint64_t own = history_newest(&channel->history);
    return channel->ending || own > worker->all.pending ? own : worker->all.pending;
}

/* A piece of one channel's sweep. True when it is over. */
static bool sweep_channel(struct worker *worker, struct channel *channel, struct budget *budget)
{
    struct extent extent = {0};
    if (channel->sweep_target == 0) {
        /* The last sweep's sends must be settled: never two sends to one socket in a batch. */
        if (channel->finishing && channel->last_batch == worker->batch.number &&
            !MUTATION(two_sends_in_flush))
            batch_submit(worker);
        extent = run_extent(worker, channel);
        if (channel->member_count == 0 && extent.count)
            extent.target = newest_of(worker, channel);
        if (__builtin_expect(channel->closed, 0)) { /* all are woken, once */
            extent.count = channel->visited < channel->ending->sequence;
            extent.target = channel->ending->sequence;
        }
        channel->sweep_target = extent.target;
        channel->sweep_next = extent.count && channel->member_count ? 0 : channel->member_count;
        runs_forget(worker, channel);
    }
    if (!(channel->ending ? end_members(worker, channel, budget)
                          : sweep_members(worker, channel, budget, &extent)))
        return false;
    channel->visited = channel->sweep_target;
    channel->last_batch = worker->batch.number;
    channel->sweep_target = 0;
    channel->sweep_next = 0;
    return true;
}

static void dirty_append(struct worker *worker, struct channel *channel)
{
    channel->dirty = false;
    dirty_add(worker, channel);
}

/* A channel's share of what the turn has left. */
static struct budget next_slice(struct worker *worker, uint64_t sends, uint64_t bytes,
                                int64_t due_ns)
{
    int64_t slice_due_ns = worker->io->operations->now_ns(worker->io) + SLICE_NS;
    return (struct budget){.sends = (uint32_t)(sends < SLICE_SENDS ? sends : SLICE_SENDS),
                           .bytes = bytes < SLICE_BYTES ? bytes : SLICE_BYTES,
                           .due_ns = slice_due_ns < due_ns ? slice_due_ns : due_ns};
}

bool sweep_channels(struct worker *worker)
{
    if (!worker->dirty.first)
        return false;
    int64_t due_ns = worker->io->operations->now_ns(worker->io) + TURN_NS;
    uint64_t sends = TURN_SENDS, bytes = TURN_SWEEP_BYTES;
    /* Channels without members cost no sends: bound their number too. */
    for (uint32_t visits = 0; worker->dirty.first && visits < TAKE_BATCH; visits++) {
        struct channel *channel = dirty_take(worker);
        struct budget slice = next_slice(worker, sends, bytes, due_ns);
        struct budget before = slice;
        bool over = sweep_channel(worker, channel, &slice);
        sends -= before.sends - slice.sends;
        bytes -= before.bytes - slice.bytes;
        bool more = history_newest(&channel->history) > channel->visited ||
                    all_is_pending(worker, channel) ||
                    (channel->closed && channel->visited < channel->ending->sequence);
        if (over && !channel->finishing) {
            channel->finishing = true;
            channel->next_finishing = worker->sweep.finishing;
            worker->sweep.finishing = channel;
        }
        if (!over || more)
            dirty_append(worker, channel);
        else
            channel->dirty = false;
        if (sends == 0 || bytes == 0 || worker->io->operations->now_ns(worker->io) >= due_ns)
            break;
    }
    return true;
}

void sweep_finish(struct worker *worker)
{
    DCHECK(worker->batch.count == 0);
    while (worker->sweep.finishing) {
        struct channel *channel = worker->sweep.finishing;
        worker->sweep.finishing = channel->next_finishing;
        channel->finishing = false;
        channel->swept = channel->visited;
        COUNT(worker, sweeps, 1);
        all_channel_swept(worker, channel);
        evict_trim(worker, channel);
    }
}
