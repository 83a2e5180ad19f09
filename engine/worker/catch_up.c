/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's own send, for whoever cannot share a sweep's run: the rest of a begun frame, a gap
 * notice, retained frames of one or many channels merged by sequence, and the end of the response,
 * in the order in which a client must get them.
 */
#include "engine/worker/worker.h"

/* What send_own gathers before it queues: items lie in the scratch arena. */
struct own {
    struct item *items;
    uint32_t count;
    uint32_t len;
    uint32_t skip;
    uint32_t events;
    uint64_t cursor;
    struct frame *gap; /* a private frame made for this send: a gap notice or the goodbye */
    bool ends;
    bool plain;
};

static void own_add(struct own *own, struct frame *frame)
{
    bool plain = own->plain && frame->kind == FRAME_EVENT;
    own->len += (uint32_t)frame_view(frame, plain).len - (own->count == 0 ? own->skip : 0);
    own->items[own->count++] = (struct item){.frame = frame, .end = own->len};
    if (frame->kind == FRAME_EVENT || frame->kind == FRAME_GAP)
        own->cursor = frame->sequence;
    if (frame->kind == FRAME_EVENT)
        own->events++;
    if (frame->kind == FRAME_LAST)
        own->ends = true;
}

/* Of the frames after the cursor the one that comes first, over all channels; NULL: none. `places`
 * are the channels' places, found on the first call. */
static struct frame *next_frame(const struct membership *memberships, uint32_t count,
                                uint64_t *places)
{
    struct frame *first = NULL;
    uint32_t from = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct history *history = &memberships[i].channel->history;
        if (places[i] == history->end)
            continue;
        struct frame *frame = history_at(history, places[i]);
        if (!first || frame->sequence < first->sequence) {
            first = frame;
            from = i;
        }
    }
    if (first)
        places[from]++;
    return first;
}

static bool own_has_room(const struct own *own, const struct subscriber *subscriber)
{
    if (own->count + 2 > CATCH_UP_FRAMES || own->len >= CATCH_UP_BYTES)
        return false;
    return !(subscriber->flags & SUBSCRIBER_LIMITED) || own->events < subscriber->events_left;
}

/* True if it gathered everything there is. */
static bool own_add_retained(struct own *own, struct subscriber *subscriber)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    uint64_t places[SUBSCRIBER_CHANNELS_MAX];
    for (uint32_t i = 0; i < count; i++)
        places[i] = history_after(&memberships[i].channel->history, own->cursor);
    while (own_has_room(own, subscriber)) {
        struct frame *frame = next_frame(memberships, count, places);
        if (!frame)
            return true;
        own_add(own, frame);
    }
    return false;
}

/* The private frame that ends a drained response: a `retry:` slot of the client's own, so that they
 * do not all come back in the same millisecond, and the last chunk. */
static struct frame *goodbye_frame(struct worker *worker, bool plain)
{
    uint32_t spread_ms = 1000 + worker->subscriber_count / 10;
    uint32_t slot = worker->drain_slot++;
    /* Slots are dealt by a multiplicative step, so that neighbours are far apart. */
    uint32_t retry_ms = worker->limits.retry_ms + slot * 2654435761u % spread_ms;
    char text[64], bytes[128];
    int text_len = snprintf(text, sizeof(text), "retry: %u\n\n", retry_ms);
    int len = plain ? snprintf(bytes, sizeof(bytes), "%s", text)
                    : snprintf(bytes, sizeof(bytes), "%x\r\n%s\r\n0\r\n\r\n", text_len, text);
    return frame_new_private(FRAME_LAST, bytes, (size_t)len);
}

/* Gathers in the order a client must get it. The items' references stay where they are: in history,
 * in subscriber->begun, in own->gap. False if memory ran out. */
static bool own_gather(struct worker *worker, struct subscriber *subscriber, struct own *own)
{
    if (subscriber->begun) {
        own->skip = subscriber->begun_offset;
        own_add(own, subscriber->begun);
        if (own->ends)
            return true;
    }
    if (gap_is_due(subscriber, own->cursor)) {
        char from[ID_LEN];
        id_format(from, worker->options->epoch, own->cursor);
        struct gap gap = {.reason = "slow",
                          .plain = own->plain,
                          .from = {from, sizeof(from)},
                          .sequence = own->cursor};
        own->gap = gap_frame(worker, subscriber, &gap);
        if (!own->gap)
            return false;
        own_add(own, own->gap);
        COUNT(worker, skipped, 1);
    }
    bool everything = own_add_retained(own, subscriber);
    if ((subscriber->flags & SUBSCRIBER_LIMITED) && own->events == subscriber->events_left) {
        own->ends = true;
        if (!own->plain)
            own_add(own, worker->last_chunk);
    } else if (everything && subscriber_is_ending(worker, subscriber) && !own->gap) {
        own->gap = goodbye_frame(worker, own->plain);
        own->ends = true; /* without memory for a goodbye the response just ends */
        if (own->gap)
            own_add(own, own->gap);
    }
    return true;
}

/* The gathered bytes as one piece: a lone frame is sent from where it lies, more are copied. */
static const char *own_bytes(struct worker *worker, const struct own *own)
{
    const struct frame *frame = own->items[0].frame;
    bool plain = own->plain && frame->kind == FRAME_EVENT;
    const char *first = frame_view(frame, plain).at + own->skip;
    if (own->count == 1)
        return first;
    char *bytes = worker->scratch.bytes + worker->scratch.bytes_used;
    memcpy(bytes, first, own->items[0].end);
    for (uint32_t i = 1; i < own->count; i++) {
        struct text view =
            frame_view(own->items[i].frame, own->plain && own->items[i].frame->kind == FRAME_EVENT);
        memcpy(bytes + own->items[i - 1].end, view.at, view.len);
    }
    worker->scratch.bytes_used += own->len;
    return bytes;
}

/* A frame that is too large to be copied with others goes alone; the rest comes with the next send.
 */
static void own_cut(struct worker *worker, struct own *own)
{
    uint32_t room = worker->scratch.bytes_size - worker->scratch.bytes_used;
    while (own->count > 1 && own->len > room) {
        struct frame *frame = own->items[--own->count].frame;
        own->len = own->items[own->count - 1].end;
        own->events -= frame->kind == FRAME_EVENT;
        own->ends = false;
        if (frame == own->gap)
            own->gap = frame_unref(own->gap);
    }
}

static void own_queue(struct worker *worker, struct subscriber *subscriber, struct own *own)
{
    own_cut(worker, own);
    struct send *send = send_queue(worker, subscriber, own_bytes(worker, own), own->len);
    worker->scratch.items_used += own->count;
    send->items = own->items;
    send->count = own->count;
    send->skip = own->skip;
    send->events = own->events;
    send->own = true;
    send->ends = own->ends;
    send->kept = TAKE(subscriber->begun);
    send->kept_gap = TAKE(own->gap);
    worker->batch_events += own->events;
    for (uint32_t i = 0; i < own->count; i++) {
        const struct frame *frame = own->items[i].frame;
        if (frame->kind == FRAME_EVENT || frame->kind == FRAME_GAP)
            subscriber->cursor = frame->sequence;
        if (frame->kind == FRAME_EVENT && (subscriber->flags & SUBSCRIBER_LIMITED))
            subscriber->events_left--;
    }
}

uint32_t send_own(struct worker *worker, struct subscriber *subscriber)
{
    if (worker->send_count == SEND_BATCH ||
        worker->scratch.bytes_size - worker->scratch.bytes_used < 2 * CATCH_UP_BYTES ||
        worker->scratch.items_size - worker->scratch.items_used < CATCH_UP_FRAMES)
        worker_flush(worker);
    if (subscriber->state != SUBSCRIBER_BEHIND && subscriber->state != SUBSCRIBER_BLOCKED)
        return 0; /* the flush changed it */
    struct own own = {.items = worker->scratch.items + worker->scratch.items_used,
                      .cursor = subscriber->cursor,
                      .plain = subscriber->flags & SUBSCRIBER_PLAIN};
    if (!own_gather(worker, subscriber, &own)) {
        subscriber_close(worker, subscriber, CLOSE_ERROR);
        return 0;
    }
    if (own.len) {
        own_queue(worker, subscriber, &own);
        return own.len;
    }
    frame_unref(own.gap);
    if (own.ends) { /* a plain response ends with the connection */
        subscriber_close(worker, subscriber, subscriber_end_reason(worker, subscriber));
    } else {
        lag_ended(worker, subscriber);
        subscriber_set_state(worker, subscriber, SUBSCRIBER_CURRENT);
    }
    return 0;
}
