/* SPDX-License-Identifier: MIT */
/*
 * The batch of sends: queued with the subscriber moved as if each went out whole, flushed together,
 * and put right for those that did not. Also the subscriber's own sends, for whoever cannot share a
 * sweep's run: the rest of a begun frame, a gap notice, retained frames of one or many channels
 * merged by sequence, and the end of the response.
 */
#include "engine/worker/worker.h"

#include <errno.h>

#include "engine/mutation.h"

/* --- the batch ----------------------------------------------------------------------------- */

static int arena_init(struct arena *arena, uint32_t bytes, uint32_t items)
{
    *arena = (struct arena){.bytes = malloc(bytes),
                            .items = malloc(items * sizeof(*arena->items)),
                            .bytes_size = bytes,
                            .items_size = items};
    return arena->bytes && arena->items ? 0 : -ENOMEM;
}

int sends_init(struct worker *worker)
{
    /* One more than are used: a sweep fetches the next record ahead. */
    worker->sends = calloc(SEND_BATCH + 1, sizeof(*worker->sends));
    /* As small as it may be where its reuse is tested, or it would hardly ever be full there. */
    int run = MUTATION_BUILD ? arena_init(&worker->run_arena, RUN_BYTES, RUN_FRAMES)
                             : arena_init(&worker->run_arena, SCRATCH_BYTES, SCRATCH_FRAMES);
    int scratch = arena_init(&worker->scratch, SCRATCH_BYTES, SCRATCH_FRAMES);
    return worker->sends && !run && !scratch ? 0 : -ENOMEM;
}

void sends_deinit(struct worker *worker)
{
    free(worker->sends);
    free(worker->run_arena.bytes);
    free(worker->run_arena.items);
    free(worker->scratch.bytes);
    free(worker->scratch.items);
}

struct send *send_queue(struct worker *worker, struct subscriber *subscriber, const char *bytes,
                        uint32_t len)
{
    CHECK(worker->send_count < SEND_BATCH);
    struct send *send = &worker->sends[worker->send_count];
    *send = (struct send){
        .subscriber = subscriber_index(worker, subscriber),
        .len = len,
        .events_left = subscriber->events_left,
        .cursor = subscriber->cursor,
        .written_ms = subscriber->written_ms,
    };
    subscriber->written_ms = worker_ms(worker);
    worker->io->operations->send(worker->io, subscriber->handle, bytes, len, worker->send_count);
    worker->send_count++;
    worker->batch_bytes += len;
    return send;
}

static uint32_t item_start(const struct send *send, uint32_t index)
{
    return index == 0 ? 0 : send->items[index - 1].end;
}

static uint32_t taken_of(const struct send *send)
{
    if (!send->is_short)
        return send->len;
    return send->result > 0 ? (uint32_t)send->result : 0;
}

/* Takes back what was counted for a short send and did not go out. Returns the first item that is
 * not whole. */
static uint32_t send_uncount(struct worker *worker, const struct send *send, uint32_t *ret_events)
{
    uint32_t reached = send->start + taken_of(send);
    uint32_t index = send->first;
    uint32_t events = 0;
    for (; index < send->count && send->items[index].end <= reached; index++)
        events += send->items[index].frame->kind == FRAME_EVENT;
    CHECK(index < send->count);
    worker->batch_events -= send->events - events;
    worker->batch_bytes -= send->len - taken_of(send);
    *ret_events = events;
    return index;
}

/* Puts the subscriber back to where a short send left it. */
static void send_roll_back(struct worker *worker, struct send *send, struct subscriber *subscriber)
{
    uint32_t events;
    uint32_t index = send_uncount(worker, send, &events);
    uint32_t reached = send->start + taken_of(send);
    subscriber->cursor = send->cursor;
    for (uint32_t i = send->first; i < index; i++)
        if (send->items[i].frame->kind == FRAME_EVENT || send->items[i].frame->kind == FRAME_GAP)
            subscriber->cursor = send->items[i].frame->sequence;
    if ((subscriber->flags & SUBSCRIBER_LIMITED) && !MUTATION(limit_counts_unsent))
        subscriber->events_left = send->events_left - events;

    struct frame *frame = send->items[index].frame;
    uint32_t offset = reached - item_start(send, index) + (index == send->first ? send->skip : 0);
    bool was_begun = index == send->first && send->kept;
    bool is_begun = was_begun || reached > item_start(send, index);
    if (is_begun) {
        subscriber->begun = was_begun ? TAKE(send->kept) : frame_ref(frame);
        subscriber->begun_offset = was_begun && MUTATION(offset_forgotten) ? 0 : offset;
    }
    /* A notice made for this send is told once it is begun; one begun earlier was told then. */
    uint32_t begun_through = is_begun && !was_begun ? index + 1 : index;
    for (uint32_t i = send->first; send->kept_gap && i < begun_through; i++)
        if (send->items[i].frame == send->kept_gap && send->kept_gap->kind == FRAME_GAP)
            gap_was_told(subscriber);
}

static bool has_everything(const struct subscriber *subscriber)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships =
        subscriber_memberships((struct subscriber *)subscriber, &single, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct history *history = &memberships[i].channel->history;
        if (history_after(history, subscriber->cursor) != history->end)
            return false;
    }
    return true;
}

static bool is_full(int32_t result)
{
    return result >= 0 || result == -EAGAIN || result == -ENOBUFS || result == -ENOMEM ||
           result == -EINTR;
}

static void count_taken(struct subscriber *subscriber, uint32_t bytes)
{
    uint32_t room = UINT32_MAX - subscriber->window_bytes;
    subscriber->window_bytes += bytes < room ? bytes : room;
}

static void send_settle(struct worker *worker, struct send *send)
{
    struct subscriber *subscriber = &worker->subscribers[send->subscriber];
    uint32_t events;
    if (subscriber->state == SUBSCRIBER_FREE) { /* closed in this very flush */
        if (send->is_short)
            send_uncount(worker, send, &events);
        return;
    }
    if (subscriber->flags & SUBSCRIBER_LAGGING)
        count_taken(subscriber, taken_of(send));
    if (send->is_short) {
        COUNT(worker, sends_short, 1);
        if (!is_full(send->result)) {
            send_uncount(worker, send, &events);
            subscriber_close(worker, subscriber,
                             send->result == -EPIPE || send->result == -ECONNRESET ? CLOSE_GONE
                                                                                   : CLOSE_ERROR);
            return;
        }
        send_roll_back(worker, send, subscriber);
        if (taken_of(send) == 0)
            subscriber->written_ms = send->written_ms; /* nothing was */
        lag_blocked(worker, subscriber, taken_of(send) > 0);
        return;
    }
    subscriber->flags &= (uint16_t)~SUBSCRIBER_PROMISED;
    if (send->events)
        subscriber->event_ms = worker_ms(worker);
    if (send->kept_gap && send->kept_gap->kind == FRAME_GAP)
        gap_was_told(subscriber);
    if (send->ends) {
        subscriber_close(worker, subscriber, subscriber_end_reason(worker, subscriber));
    } else if (send->own && has_everything(subscriber) &&
               !subscriber_is_ending(worker, subscriber)) {
        lag_ended(worker, subscriber);
        subscriber_set_state(worker, subscriber, SUBSCRIBER_CURRENT);
    } else if (send->own) {
        subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
        catch_up_add(worker, subscriber);
    }
}

static void on_event(struct worker *worker, const struct io_event *event)
{
    if (event->kind == IO_SHORT) {
        CHECK(event->owner < worker->send_count);
        struct send *send = &worker->sends[event->owner];
        send->is_short = event->result < (int32_t)send->len;
        send->result = event->result;
        return;
    }
    struct subscriber *subscriber = &worker->subscribers[event->owner];
    if (subscriber->state == SUBSCRIBER_FREE)
        return;
    if (event->kind == IO_HANGUP) {
        subscriber_close(worker, subscriber, CLOSE_GONE);
    } else if (subscriber->state == SUBSCRIBER_BLOCKED) {
        subscriber->flags |= SUBSCRIBER_PROMISED;
        subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
        catch_up_add(worker, subscriber);
    }
}

bool worker_events(struct worker *worker)
{
    struct io_event event;
    bool any = false;
    while (worker->io->operations->next(worker->io, &event)) {
        on_event(worker, &event);
        any = true;
    }
    return any;
}

static void finish_sweeps(struct worker *worker)
{
    while (worker->finishing) {
        struct channel *channel = worker->finishing;
        worker->finishing = channel->next_finishing;
        channel->finishing = false;
        channel->swept = channel->visited;
        COUNT(worker, sweeps, 1);
        channel_trim(worker, channel);
    }
}

void worker_flush(struct worker *worker)
{
    if (worker->send_count) {
        int r = worker->io->operations->flush(worker->io);
        CHECK(r == 0);
        worker_events(worker);
        COUNT(worker, sends, worker->send_count);
        uint32_t count = worker->send_count;
        for (uint32_t i = 0; i < count; i++)
            send_settle(worker, &worker->sends[i]);
        for (uint32_t i = 0; i < count; i++) {
            struct send *send = &worker->sends[i];
            if (!send->own)
                continue; /* a swept one keeps nothing */
            worker_release(worker, send->kept);
            worker_release(worker, send->kept_gap);
        }
        CHECK(worker->send_count == count);
        worker->send_count = 0;
        worker->scratch.bytes_used = 0;
        worker->scratch.items_used = 0;
        COUNT(worker, deliveries, worker->batch_events);
        COUNT(worker, delivered_bytes, worker->batch_bytes);
        worker->batch_events = 0;
        worker->batch_bytes = 0;
    }
    finish_sweeps(worker);
    subscribers_bury(worker);
}

/* --- the catch-up list --------------------------------------------------------------------- */

void catch_up_add(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->flags & SUBSCRIBER_QUEUED)
        return;
    subscriber->flags |= SUBSCRIBER_QUEUED;
    uint32_t size = worker->options->sockets;
    uint32_t at = (worker->catch_up_first + worker->catch_up_count++) % size;
    worker->catch_up[at] = subscriber_index(worker, subscriber);
}

bool worker_catch_up(struct worker *worker)
{
    uint32_t turns =
        worker->catch_up_count < CATCH_UP_SENDS ? worker->catch_up_count : CATCH_UP_SENDS;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < turns && bytes < CATCH_UP_TURN_BYTES; i++) {
        struct subscriber *subscriber =
            &worker->subscribers[worker->catch_up[worker->catch_up_first]];
        worker->catch_up_first = (worker->catch_up_first + 1) % worker->options->sockets;
        worker->catch_up_count--;
        subscriber->flags &= (uint16_t)~SUBSCRIBER_QUEUED;
        if (subscriber->state == SUBSCRIBER_BEHIND)
            bytes += send_own(worker, subscriber);
    }
    return turns > 0;
}

void send_heartbeat(struct worker *worker, struct subscriber *subscriber)
{
    if (worker->send_count == SEND_BATCH) {
        worker_flush(worker);
        if (subscriber->state != SUBSCRIBER_CURRENT)
            return;
    }
    struct item *item = &worker->heartbeats[subscriber->flags & SUBSCRIBER_PLAIN ? 1 : 0];
    struct send *send = send_queue(worker, subscriber, item->frame->bytes, item->frame->len);
    send->items = item;
    send->count = 1;
    COUNT(worker, heartbeats, 1);
}
