/* SPDX-License-Identifier: MIT */
/*
 * The batch of sends: queued with the subscriber moved as if each went out whole, submitted
 * together, and put right for those that did not. See batch.h.
 */
#include "engine/worker/batch.h"

#include <errno.h>

#include "engine/mutation.h"
#include "engine/worker/arena.h"
#include "engine/worker/gap.h"
#include "engine/worker/identity.h"
#include "engine/worker/private.h"
#include "engine/worker/release.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"

int batch_init(struct worker *worker)
{
    /* One more than are used: a sweep fetches the next record ahead. */
    worker->batch.sends = calloc(SEND_BATCH + 1, sizeof(*worker->batch.sends));
    return worker->batch.sends ? 0 : -ENOMEM;
}

void batch_deinit(struct worker *worker)
{
    free(worker->batch.sends);
}

struct batch_send *batch_queue(struct worker *worker, struct subscriber *subscriber,
                               const char *bytes, uint32_t len)
{
    CHECK(worker->batch.count < SEND_BATCH);
    struct batch_send *send = &worker->batch.sends[worker->batch.count];
    *send = (struct batch_send){
        .subscriber = subscriber_index(worker, subscriber),
        .len = len,
        .events_left = subscriber->events_left,
        .cursor = subscriber->cursor,
        .written_ms = subscriber->written_ms,
    };
    subscriber->written_ms = worker_ms(worker);
    worker->io->operations->send(worker->io, subscriber->handle, bytes, len, worker->batch.count);
    worker->batch.count++;
    worker->batch.bytes += len;
    return send;
}

static uint32_t part_start(const struct batch_send *send, uint32_t index)
{
    return index == 0 ? 0 : send->parts[index - 1].end;
}

static uint32_t taken_of(const struct batch_send *send)
{
    if (!send->is_short)
        return send->len;
    return send->result > 0 ? (uint32_t)send->result : 0;
}

/* Takes back what was counted for a short send and did not go out. Returns the first part that is
 * not whole. */
static uint32_t send_uncount(struct worker *worker, const struct batch_send *send,
                             uint32_t *ret_events)
{
    uint32_t reached = send->start + taken_of(send);
    uint32_t index = send->first;
    uint32_t events = 0;
    for (; index < send->count && send->parts[index].end <= reached; index++)
        events += frame_is_event(send->parts[index].frame);
    CHECK(index < send->count);
    worker->batch.events -= send->events - events;
    worker->batch.bytes -= send->len - taken_of(send);
    *ret_events = events;
    return index;
}

/* The newest sequence that it has whole when the parts before `index` are. */
static uint64_t cursor_before(const struct batch_send *send, uint32_t index)
{
    uint64_t cursor = send->cursor;
    for (uint32_t i = send->first; i < index; i++)
        if (send->parts[i].frame->kind == FRAME_EVENT || send->parts[i].frame->kind == FRAME_GAP)
            cursor = send->parts[i].frame->sequence;
    return cursor;
}

/* A short send to one that is closing, or will be: what it had is still told. */
static void send_give_up(struct worker *worker, const struct batch_send *send,
                         struct subscriber *subscriber)
{
    uint32_t events;
    subscriber->cursor = cursor_before(send, send_uncount(worker, send, &events));
}

/* A notice of a loss is on its way to the client, made for this send. */
static void gap_told(struct worker *worker, const struct batch_send *send,
                     struct subscriber *subscriber)
{
    struct identity *identity = identity_of(worker, send->subscriber);
    uint32_t index = send->first;
    bool stuck = subscriber->flags & SUBSCRIBER_STUCK;
    gap_was_told(worker, subscriber);
    if (!identity)
        return;
    while (send->parts[index].frame != send->kept_gap)
        index++;
    course_skip(&identity->course, cursor_before(send, index), send->kept_gap->sequence, stuck);
}

/* Of the events for it alone those before part `end` are sent, or begun. */
__attribute__((noinline)) static void settle_private(struct worker *worker,
                                                     struct subscriber *subscriber,
                                                     const struct batch_send *send, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = send->first + (send->kept != NULL); i < end; i++)
        count += send->parts[i].frame->kind == FRAME_PRIVATE;
    if (count > 0 && MUTATION(private_twice))
        count--;
    if (private_sent(worker, subscriber_index(worker, subscriber), count))
        subscriber_clear(subscriber, SUBSCRIBER_PRIVATE);
}

/* Puts the subscriber back to where a short send left it. */
static void send_roll_back(struct worker *worker, struct batch_send *send,
                           struct subscriber *subscriber)
{
    uint32_t events;
    uint32_t index = send_uncount(worker, send, &events);
    uint32_t reached = send->start + taken_of(send);
    subscriber->cursor = cursor_before(send, index);
    if ((subscriber->flags & SUBSCRIBER_LIMITED) && !MUTATION(limit_counts_unsent))
        subscriber->events_left = send->events_left - events;

    struct frame *frame = send->parts[index].frame;
    uint32_t offset = reached - part_start(send, index) + (index == send->first ? send->skip : 0);
    bool was_begun = index == send->first && send->kept;
    bool is_begun = was_begun || reached > part_start(send, index);
    if (is_begun) {
        subscriber->begun = was_begun ? TAKE(send->kept) : frame_ref(frame);
        subscriber->begun_offset = was_begun && MUTATION(offset_forgotten) ? 0 : offset;
    }
    /* A notice made for this send is told once it is begun; one begun earlier was told then. */
    uint32_t begun_through = is_begun && !was_begun ? index + 1 : index;
    for (uint32_t i = send->first; send->kept_gap && i < begun_through; i++)
        if (send->parts[i].frame == send->kept_gap && send->kept_gap->kind == FRAME_GAP)
            gap_told(worker, send, subscriber);
    if (__builtin_expect(subscriber->flags & SUBSCRIBER_PRIVATE, 0))
        settle_private(worker, subscriber, send, begun_through);
}

static bool has_everything(const struct worker *worker, const struct subscriber *subscriber)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships =
        subscriber_memberships((struct subscriber *)subscriber, &single, &count);
    if (count == 1 && worker->all.newest <= subscriber->cursor)
        return history_newest(&memberships[0].channel->history) <= subscriber->cursor;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, memberships, count, i, subscriber->cursor);
        if (!source_is_empty(&source))
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

/* It has all of a send of its own: perhaps that was everything. */
static inline void settle_caught_up(struct worker *worker, struct subscriber *subscriber,
                                    bool is_cut)
{
    if (!is_cut && !(subscriber->flags & SUBSCRIBER_PRIVATE) &&
        has_everything(worker, subscriber) && !subscriber_is_ending(worker, subscriber) &&
        !subscriber_is_served(subscriber)) {
        subscriber_caught_up(worker, subscriber);
        subscriber_set_state(worker, subscriber, SUBSCRIBER_CURRENT);
        return;
    }
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
}

static void send_settle(struct worker *worker, struct batch_send *send)
{
    struct subscriber *subscriber = &worker->subscribers[send->subscriber];
    if (subscriber->state == SUBSCRIBER_CLOSING) { /* it hung up meanwhile */
        if (send->is_short)
            send_give_up(worker, send, subscriber);
        return;
    }
    if (subscriber->flags & SUBSCRIBER_LAGGING)
        count_taken(subscriber, taken_of(send));
    if (send->is_short) {
        COUNT(worker, sends_short, 1);
        if (!is_full(send->result)) {
            send_give_up(worker, send, subscriber);
            subscriber_close(worker, subscriber,
                             send->result == -EPIPE || send->result == -ECONNRESET ? CLOSE_GONE
                                                                                   : CLOSE_ERROR);
            return;
        }
        send_roll_back(worker, send, subscriber);
        if (taken_of(send) == 0)
            subscriber->written_ms = send->written_ms; /* nothing was */
        subscriber_block(worker, subscriber, taken_of(send) > 0);
        return;
    }
    subscriber_clear(subscriber, SUBSCRIBER_PROMISED);
    if (send->events)
        subscriber->event_ms = worker_ms(worker);
    if (send->kept_gap && send->kept_gap->kind == FRAME_GAP)
        gap_told(worker, send, subscriber);
    if (send->ends) {
        subscriber_close(worker, subscriber, subscriber_end_reason(worker, subscriber));
    } else if (send->catches_up) {
        if (__builtin_expect(subscriber->flags & SUBSCRIBER_PRIVATE, 0))
            settle_private(worker, subscriber, send, send->count);
        settle_caught_up(worker, subscriber, send->is_cut);
    }
}

/* `promised`: the kernel says that the socket takes bytes. */
static void try_again(struct worker *worker, struct subscriber *subscriber, bool promised)
{
    if (subscriber->state != SUBSCRIBER_BLOCKED)
        return;
    if (promised)
        subscriber->flags |= SUBSCRIBER_PROMISED;
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BEHIND);
    subscriber_queue(worker, subscriber);
}

/* A half-closed connection may still be read from (RFC 9112 section 9.6): what is owed is sent, all
 * of it to whoever asked for so many events, to the others what there is now. Who is owed nothing
 * has left: a stream without end has no other prompt sign of it. */
static void peer_ended(struct worker *worker, struct subscriber *subscriber)
{
    bool has_end = subscriber->flags & (SUBSCRIBER_LIMITED | SUBSCRIBER_POLLS);
    if (subscriber->state == SUBSCRIBER_CURRENT && !has_end) {
        subscriber_close(worker, subscriber, CLOSE_GONE);
        return;
    }
    if (!has_end && !subscriber->ending)
        subscriber->ending = CLOSE_GONE;
    try_again(worker, subscriber, false);
}

static void on_event(struct worker *worker, const struct io_event *event)
{
    if (event->kind == IO_SHORT) {
        CHECK(event->owner < worker->batch.count);
        struct batch_send *send = &worker->batch.sends[event->owner];
        send->is_short = event->result < (int32_t)send->len;
        send->result = event->result;
        return;
    }
    struct subscriber *subscriber = &worker->subscribers[event->owner];
    if (subscriber->state == SUBSCRIBER_CLOSING || subscriber->state == SUBSCRIBER_FREE)
        return;
    if (event->kind == IO_HANGUP)
        subscriber_close(worker, subscriber, CLOSE_GONE);
    else if (event->kind == IO_ENDED)
        peer_ended(worker, subscriber);
    else
        try_again(worker, subscriber, true);
}

bool batch_events(struct worker *worker)
{
    struct io_event event;
    bool any = false;
    while (worker->io->operations->next(worker->io, &event)) {
        on_event(worker, &event);
        any = true;
    }
    return any;
}

static void settle(struct worker *worker)
{
    uint32_t count = worker->batch.count;
    batch_events(worker);
    COUNT(worker, sends, count);
    for (uint32_t i = 0; i < count; i++)
        send_settle(worker, &worker->batch.sends[i]);
    COUNT(worker, deliveries, worker->batch.events);
    COUNT(worker, delivered_bytes, worker->batch.bytes);
}

void batch_submit(struct worker *worker)
{
    uint32_t count = worker->batch.count;
    if (count == 0)
        return;
    if (worker->io->operations->flush(worker->io) == 0)
        settle(worker);
    else
        worker_fail(worker); /* what went out is not known: all subscribers will be closed */
    for (uint32_t i = 0; i < count; i++) {
        struct batch_send *send = &worker->batch.sends[i];
        if (!send->catches_up)
            continue; /* a swept one keeps nothing */
        release_frame(worker, send->kept);
        release_frame(worker, send->kept_gap);
    }
    CHECK(worker->batch.count == count);
    worker->batch.count = 0;
    worker->batch.number++;
    arena_empty(&worker->catch_up.arena);
    worker->batch.events = 0;
    worker->batch.bytes = 0;
}
