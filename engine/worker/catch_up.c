/* SPDX-License-Identifier: MIT */
/*
 * Catching up: a subscriber's own send, for whoever cannot share a sweep's run: the rest of a begun
 * frame, a gap notice, retained frames of one or many channels merged by sequence, and the end of
 * the response, in the order in which a client must get them.
 */
#include "engine/worker/catch_up.h"

#include "engine/mutation.h"
#include "engine/worker/arena.h"
#include "engine/worker/batch.h"
#include "engine/worker/gap.h"
#include "engine/worker/private.h"
#include "engine/worker/release.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"

int catch_up_init(struct worker *worker)
{
    return arena_init(&worker->catch_up.arena, SCRATCH_BYTES, SCRATCH_FRAMES);
}

void catch_up_deinit(struct worker *worker)
{
    arena_deinit(&worker->catch_up.arena);
}

/* What catch_up_send gathers before it queues: parts lie in the arena. */
struct gathered {
    struct run_part *parts;
    uint32_t count;
    uint32_t len;
    uint32_t skip;
    uint32_t events;
    uint64_t cursor;
    struct frame *gap; /* a private frame made for this send: a gap notice or the goodbye */
    bool ends;
    enum form form;
};

static void gathered_add(struct gathered *gathered, struct frame *frame)
{
    gathered->len += (uint32_t)form_view(gathered->form, frame).len -
                     (gathered->count == 0 ? gathered->skip : 0);
    gathered->parts[gathered->count++] = (struct run_part){.frame = frame, .end = gathered->len};
    if (frame->kind == FRAME_EVENT || frame->kind == FRAME_GAP)
        gathered->cursor = frame->sequence;
    gathered->events += frame_is_event(frame);
    if (frame->kind == FRAME_LAST)
        gathered->ends = true;
}

/* The frames after the cursor, over all channels of a subscriber, in their order: a heap of the
 * channels that have some, by the sequence of their next one. */
struct merge {
    uint32_t count;
    struct merge_channel {
        uint64_t sequence;
        struct source source;
    } channels[SUBSCRIBER_CHANNELS_MAX + 1]; /* the last: of the events to all */
};

static void merge_sift(struct merge *merge, uint32_t at)
{
    struct merge_channel moved = merge->channels[at];
    for (uint32_t child; (child = 2 * at + 1) < merge->count; at = child) {
        if (child + 1 < merge->count &&
            merge->channels[child + 1].sequence < merge->channels[child].sequence)
            child++;
        if (moved.sequence <= merge->channels[child].sequence)
            break;
        merge->channels[at] = merge->channels[child];
    }
    merge->channels[at] = moved;
}

static void merge_begin(const struct worker *worker, struct merge *merge,
                        const struct membership *memberships, uint32_t count, uint64_t cursor)
{
    merge->count = 0;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, memberships, count, i, cursor);
        if (!source_is_empty(&source))
            merge->channels[merge->count++] =
                (struct merge_channel){source_first(&source)->sequence, source};
    }
    if (MUTATION(all_twice) && count > 1 && worker->all.newest > cursor)
        merge->channels[merge->count++] = (struct merge_channel){
            worker->all.newest,
            {&worker->channels.all->history,
             history_after(&worker->channels.all->history, worker->all.newest - 1),
             worker->channels.all->history.end}};
    for (uint32_t i = merge->count / 2; i-- > 0;)
        merge_sift(merge, i);
}

/* NULL: none is left. */
static struct frame *merge_next(struct merge *merge)
{
    if (merge->count == 0)
        return NULL;
    struct merge_channel *first = &merge->channels[0];
    struct frame *frame = source_first(&first->source);
    first->source.place++;
    if (source_is_empty(&first->source))
        *first = merge->channels[--merge->count];
    else
        first->sequence = source_first(&first->source)->sequence;
    if (merge->count > 1)
        merge_sift(merge, 0);
    return frame;
}

static bool gathered_has_room(const struct gathered *gathered, const struct subscriber *subscriber)
{
    if (gathered->count + 2 > CATCH_UP_FRAMES || gathered->len >= CATCH_UP_BYTES)
        return false;
    return !(subscriber->flags & (SUBSCRIBER_LIMITED | SUBSCRIBER_POLLS)) ||
           gathered->events < subscriber->events_left;
}

/* Gathers what is retained of one channel, which is what nearly all have. True: all of it. */
static bool gathered_add_of(struct gathered *gathered, const struct subscriber *subscriber)
{
    const struct history *history = &subscriber->channel->history;
    uint64_t place = history_after(history, gathered->cursor);
    while (gathered_has_room(gathered, subscriber)) {
        if (place == history->end)
            return true;
        gathered_add(gathered, history_at(history, place++));
    }
    return false;
}

/* Likewise of all its channels, and of the events to all. */
static bool gathered_add_retained(const struct worker *worker, struct gathered *gathered,
                                  struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_MANY) && worker->all.newest <= gathered->cursor)
        return gathered_add_of(gathered, subscriber);
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    struct merge merge;
    merge_begin(worker, &merge, memberships, count, gathered->cursor);
    while (gathered_has_room(gathered, subscriber)) {
        struct frame *frame = merge_next(&merge);
        if (!frame)
            return true;
        gathered_add(gathered, frame);
    }
    return false;
}

/* Gathers what is retained, and then anew with the events for it alone among that, each at its
 * place. True: all of them, and everything that is retained. */
__attribute__((noinline)) static bool gathered_add_private(struct worker *worker,
                                                           struct subscriber *subscriber,
                                                           struct gathered *gathered)
{
    struct frame *frames[CATCH_UP_FRAMES];
    const struct gathered before = *gathered;
    bool everything = gathered_add_retained(worker, gathered, subscriber);
    uint32_t count = gathered->count - before.count, i = 0;
    for (; i < count; i++)
        frames[i] = gathered->parts[before.count + i].frame;
    const struct private_event *next = private_first(worker, subscriber_index(worker, subscriber));
    *gathered = before;
    i = 0;
    while (gathered_has_room(gathered, subscriber)) {
        if (next && (i < count ? frames[i]->sequence >= next->before : everything)) {
            gathered_add(gathered, next->frame);
            next = next->next;
        } else if (i < count) {
            gathered_add(gathered, frames[i++]);
        } else {
            return everything;
        }
    }
    return false;
}

/* All that it is to have and lacks. True: there is nothing more now. */
static bool gathered_add_events(struct worker *worker, struct subscriber *subscriber,
                                struct gathered *gathered)
{
    if (__builtin_expect(subscriber->flags & SUBSCRIBER_PRIVATE, 0))
        return gathered_add_private(worker, subscriber, gathered);
    return gathered_add_retained(worker, gathered, subscriber);
}

/* The private frame that ends a drained response: a `retry:` slot of the client's own, so that they
 * do not all come back in the same millisecond, and the last chunk. */
static struct frame *goodbye_frame(struct worker *worker, const struct subscriber *subscriber,
                                   bool ended)
{
    uint32_t spread_ms = 1000 + worker->records.live / 10;
    uint32_t slot = worker->drain.slot++;
    /* Slots are dealt by a multiplicative step, so that neighbours are far apart. */
    uint32_t retry_ms = worker->limits.retry_ms + slot * 2654435761u % spread_ms;
    bool bare = subscriber->flags & SUBSCRIBER_BARE;
    return release_private(worker,
                           form_goodbye(subscriber_form(subscriber), retry_ms, bare, ended));
}

static void add_end(struct worker *worker, struct gathered *gathered)
{
    gathered->ends = true;
    if (form_has_end(gathered->form))
        gathered_add(gathered, worker->forms[gathered->form].end);
}

/* The notice of what it cannot have any more, and of what it is not to have because it was stuck.
 * False if memory ran out. */
static bool gathered_add_gap(struct worker *worker, struct subscriber *subscriber,
                             struct gathered *gathered)
{
    bool stuck = subscriber->flags & SUBSCRIBER_STUCK;
    if (!(stuck ? gap_is_any(worker, subscriber, gathered->cursor)
                : gap_is_due(worker, subscriber, gathered->cursor)))
        return true;
    if (stuck && MUTATION(stuck_untold)) {
        subscriber_clear(subscriber, SUBSCRIBER_STUCK);
        gathered->cursor = worker->position - 1;
        return true;
    }
    char from[ID_LEN];
    id_format_place(from, worker->options->ids, gathered->cursor);
    struct gap gap = {.reason = stuck ? "stuck" : "slow",
                      .from = {from, sizeof(from)},
                      .sequence = gathered->cursor,
                      .all = stuck};
    gathered->gap = gap_frame(worker, subscriber, &gap);
    if (!gathered->gap)
        return false;
    gathered_add(gathered, gathered->gap);
    COUNT(worker, skipped, 1);
    return true;
}

/* Gathers in the order a client must get it. The parts' references stay where they are: in history,
 * in subscriber->begun, in gathered->gap. False if memory ran out. */
static bool gather(struct worker *worker, struct subscriber *subscriber, struct gathered *gathered)
{
    if (subscriber->begun) {
        gathered->skip = subscriber->begun_offset;
        gathered_add(gathered, subscriber->begun);
        if (gathered->ends)
            return true;
    }
    /* Who may not have any more of it gets the end behind the frame that it has begun. */
    bool expired = subscriber->ending == CLOSE_EXPIRED && !MUTATION(expired_served);
    if (!expired && !gathered_add_gap(worker, subscriber, gathered))
        return false;
    bool everything = expired ||
                      (MUTATION(end_overtakes) && subscriber_channels_ended(subscriber)) ||
                      gathered_add_events(worker, subscriber, gathered);
    if (subscriber_waits(subscriber) && (gathered->events || gathered->gap) &&
        !MUTATION(poll_goes_on)) {
        subscriber->flags |= SUBSCRIBER_LIMITED;
        subscriber->events_left = gathered->events;
    }
    if ((subscriber->flags & SUBSCRIBER_LIMITED) && gathered->events == subscriber->events_left) {
        add_end(worker, gathered);
    } else if (everything && subscriber_is_ending(worker, subscriber) && !gathered->gap) {
        /* A name that was closed may be published to again: whoever comes back finds that. */
        bool ended = !expired && subscriber_channels_ended(subscriber) &&
                     !subscriber_is_closed_on(subscriber);
        gathered->gap = goodbye_frame(worker, subscriber, ended);
        gathered->ends = true; /* without memory for a goodbye the response just ends */
        if (gathered->gap)
            gathered_add(gathered, gathered->gap);
    } else if (everything && subscriber_is_served(subscriber)) {
        add_end(worker, gathered); /* some of what it was to get has been skipped */
    }
    return true;
}

/* The gathered bytes as one piece: a lone frame is sent from where it lies, more are copied. */
static const char *gathered_bytes(struct worker *worker, const struct gathered *gathered)
{
    const char *first = form_view(gathered->form, gathered->parts[0].frame).at + gathered->skip;
    if (gathered->count == 1)
        return first;
    char *bytes = worker->catch_up.arena.bytes + worker->catch_up.arena.bytes_used;
    memcpy(bytes, first, gathered->parts[0].end);
    for (uint32_t i = 1; i < gathered->count; i++) {
        struct text view = form_view(gathered->form, gathered->parts[i].frame);
        memcpy(bytes + gathered->parts[i - 1].end, view.at, view.len);
    }
    worker->catch_up.arena.bytes_used += gathered->len;
    return bytes;
}

/* A frame that is too large to be copied with others goes alone; the rest comes with the next send.
 * True if there is any: it may be the notice of a loss, of which no history says a thing. */
static bool gathered_cut(struct worker *worker, struct gathered *gathered)
{
    uint32_t room = worker->catch_up.arena.bytes_size - worker->catch_up.arena.bytes_used;
    uint32_t count = gathered->count;
    while (gathered->count > 1 && gathered->len > room) {
        struct frame *frame = gathered->parts[--gathered->count].frame;
        gathered->len = gathered->parts[gathered->count - 1].end;
        gathered->events -= frame_is_event(frame);
        gathered->ends = false;
        if (frame == gathered->gap)
            release_frame(worker, TAKE(gathered->gap));
    }
    return gathered->count < count;
}

static void gathered_queue(struct worker *worker, struct subscriber *subscriber,
                           struct gathered *gathered)
{
    bool is_cut = gathered_cut(worker, gathered);
    struct batch_send *send =
        batch_queue(worker, subscriber, gathered_bytes(worker, gathered), gathered->len);
    worker->catch_up.arena.parts_used += gathered->count;
    send->parts = gathered->parts;
    send->count = gathered->count;
    send->skip = gathered->skip;
    send->events = gathered->events;
    send->catches_up = true;
    send->ends = gathered->ends;
    send->is_cut = is_cut;
    send->kept = TAKE(subscriber->begun);
    send->kept_gap = TAKE(gathered->gap);
    worker->batch.events += gathered->events;
    for (uint32_t i = 0; i < gathered->count; i++) {
        const struct frame *frame = gathered->parts[i].frame;
        if (frame->kind == FRAME_EVENT || frame->kind == FRAME_GAP)
            subscriber->cursor = frame->sequence;
        if (frame_is_event(frame) && (subscriber->flags & SUBSCRIBER_LIMITED))
            subscriber->events_left--;
    }
}

void catch_up_make_room(struct worker *worker)
{
    if (worker->batch.count == SEND_BATCH ||
        !arena_has_room(&worker->catch_up.arena, 2 * CATCH_UP_BYTES, CATCH_UP_FRAMES))
        batch_submit(worker);
}

uint32_t catch_up_send(struct worker *worker, struct subscriber *subscriber)
{
    struct gathered gathered = {.parts = worker->catch_up.arena.parts +
                                         worker->catch_up.arena.parts_used,
                                .cursor = subscriber->cursor,
                                .form = subscriber_form(subscriber)};
    if (!gather(worker, subscriber, &gathered)) {
        subscriber_close(worker, subscriber, CLOSE_ERROR);
        return 0;
    }
    if (gathered.len) {
        gathered_queue(worker, subscriber, &gathered);
        return gathered.len;
    }
    release_frame(worker, gathered.gap);
    if (gathered.ends) { /* the response ends with the connection */
        subscriber_close(worker, subscriber, subscriber_end_reason(worker, subscriber));
    } else {
        subscriber_caught_up(worker, subscriber);
        subscriber_set_state(worker, subscriber, SUBSCRIBER_CURRENT);
    }
    return 0;
}

bool catch_up_some(struct worker *worker)
{
    uint32_t turns =
        worker->catch_up.count < CATCH_UP_SENDS ? worker->catch_up.count : CATCH_UP_SENDS;
    uint64_t bytes = 0;
    uint32_t channels = 0; /* beyond those of usual subscribers */
    for (uint32_t i = 0; i < turns && bytes < CATCH_UP_TURN_BYTES && channels < CATCH_UP_CHANNELS;
         i++) {
        catch_up_make_room(worker);
        struct subscriber *subscriber =
            &worker->subscribers[worker->catch_up.ring[worker->catch_up.first]];
        worker->catch_up.first = (worker->catch_up.first + 1) % worker->options->sockets;
        worker->catch_up.count--;
        subscriber_clear(subscriber, SUBSCRIBER_QUEUED);
        if (subscriber->state != SUBSCRIBER_BEHIND)
            continue;
        if (subscriber->flags & SUBSCRIBER_MANY)
            channels += subscriber->set->count;
        bytes += catch_up_send(worker, subscriber);
    }
    return turns > 0;
}
