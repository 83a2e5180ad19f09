/* SPDX-License-Identifier: MIT */
/*
 * Joining: a hand-off becomes a subscriber, once the worker has taken every event published before
 * the request (another worker may have been ahead and have given this very client one of them
 * already).
 *
 * Where it begins, and what it is told first, says greet.c. Who cannot be had gets an answer in
 * place of a response.
 */
#include "engine/worker/join.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/form.h"
#include "engine/mutation.h"
#include "engine/worker/dirty.h"
#include "engine/worker/evict.h"
#include "engine/worker/greet.h"
#include "engine/worker/group.h"
#include "engine/worker/identity.h"
#include "engine/worker/intake.h"
#include "engine/worker/kick.h"
#include "engine/worker/release.h"
#include "engine/worker/ruling.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/visit.h"

/* Hand-offs between two looks at the clock, and of how many channels one counts as more of them. */
#define HANDOFFS_PER_LOOK   8
#define CHANNELS_OF_HANDOFF 64

/* --- who is not to be a subscriber ------------------------------------------------------------ */

/* The whole answer; empty: none. */
static void answer(struct worker *worker, int fd, struct text bytes)
{
    if (bytes.len) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        (void)sent; /* best effort: the connection is closed either way */
    }
    io_discard_input(fd);
    close(fd);
    atomic_fetch_sub_explicit(&worker->reserved, 1, memory_order_relaxed);
}

static enum form form_of(const struct handoff *handoff)
{
    return handoff->plain ? FORM_PLAIN : FORM_CHUNKED;
}

/* No room in here, or no time left: the client gets an answer it can act on. Who has no position of
 * its own yet comes back with that of its request, and has missed nothing. Whose response has begun
 * cannot be answered any more: it is closed, and comes back. */
static void refuse(struct worker *worker, const struct handoff *handoff, const char *reason,
                   const char *sentence)
{
    char bytes[FORM_REFUSAL_BYTES_MAX], id[ID_LEN];
    bool from_here = !handoff->has_resume && !handoff->last && !handoff->once;
    if (from_here)
        id_format_place(id, worker->options->ids,
                        (handoff->since ? handoff->since : handoff->before) - 1);
    struct form_refusal refusal = {
        .reason = text_of(reason),
        .sentence = text_of(sentence),
        .lines = handoff->head,
        .puts_off = handoff->puts_off,
        .charset = handoff->charset,
        .bare = handoff->bare,
        .retry_ms = slots_take(&worker->arrivals.slots, worker->now_ns, worker->limits.retry_ms),
        .point = {from_here ? id : NULL, sizeof(id)},
    };
    size_t len = handoff->head_sent ? 0 : form_refusal(form_of(handoff), &refusal, bytes);
    answer(worker, handoff->fd, (struct text){bytes, len});
    COUNT(worker, refused_put_off, handoff->puts_off && !handoff->head_sent);
}

static void refuse_for_memory(struct worker *worker, const struct handoff *handoff)
{
    COUNT(worker, refused_memory, 1);
    refuse(worker, handoff, "memory", "the server is out of memory");
}

/* It comes back to what has ended, and has had all of it. A response that has begun has nothing but
 * its end. */
static void tell_over(struct worker *worker, const struct handoff *handoff)
{
    struct frame *over = handoff->head_sent ? form_end(form_of(handoff)) : form_over(handoff->head);
    if (!over) {
        refuse_for_memory(worker, handoff);
        return;
    }
    answer(worker, handoff->fd, (struct text){over->bytes, over->len});
    COUNT(worker, answered_ended, 1);
    frame_unref(over);
}

/* --- adopting ------------------------------------------------------------------------------ */

/* A subscriber's records stay as long as it does: with too many of them an event's channel might
 * find none. */
static bool may_listen(const struct worker *worker, const struct handoff *handoff)
{
    uint32_t most = worker->channels.most / CHANNELS_LISTENED_PART;
    uint32_t added = 0;
    if (worker->channels.listened + handoff->channel_count <= most)
        return true;
    for (unsigned i = 0; i < handoff->channel_count; i++) {
        const struct channel *channel =
            channels_find(&worker->channels, handoff->hashes[i], handoff->channels[i]);
        added += !channel || channel->member_count == 0;
    }
    return worker->channels.listened + added <= most;
}

/* Once a turn is enough for a storm of them. NULL: there is none. */
static void apply_limits(struct worker *worker, struct channel *channel)
{
    if (!channel || channel->trimmed_ns == worker->now_ns)
        return;
    channel->trimmed_ns = worker->now_ns;
    evict_trim(worker, channel); /* which may drop it */
}

/* Finds or makes the channels, with their limits applied where history is asked for. */
static int find_channels(struct worker *worker, const struct handoff *handoff,
                         struct channel **channels)
{
    bool looks_back = handoff_looks_back(handoff);
    if (looks_back)
        apply_limits(worker, worker->channels.all);
    for (unsigned i = 0; looks_back && i < handoff->channel_count; i++)
        apply_limits(worker,
                     channels_find(&worker->channels, handoff->hashes[i], handoff->channels[i]));
    for (unsigned i = 0; i < handoff->channel_count; i++) {
        channels[i] = intake_channel(worker, handoff->hashes[i], handoff->channels[i]);
        if (!channels[i])
            return -ENOMEM;
        /* Until there is a member, only the dirty mark keeps an empty record. */
        dirty_add(worker, channels[i]);
    }
    return 0;
}

/* What it is from its request on. */
static void dress(struct worker *worker, struct subscriber *subscriber,
                  const struct handoff *handoff)
{
    subscriber->flags |= (uint16_t)(form_of(handoff) << SUBSCRIBER_FORM_SHIFT);
    if (handoff->limit)
        subscriber->flags |= SUBSCRIBER_LIMITED;
    if (handoff->bare)
        subscriber->flags |= SUBSCRIBER_BARE;
    subscriber->events_left = handoff->limit;
    subscriber->joined_ms = subscriber->event_ms = subscriber->written_ms = worker_ms(worker);
    visits_expect(worker, subscriber, handoff->ends_ns);
    if (worker->identities.of)
        identity_begin(worker, subscriber_index(worker, subscriber), handoff->subscriber,
                       handoff->peer);
}

static void adopt(struct worker *worker, struct handoff *handoff)
{
    struct channel *channels[SUBSCRIBER_CHANNELS_MAX];
    if (flow_memory_is_full(worker->flow)) { /* by those who came between the request and now */
        refuse_for_memory(worker, handoff);
        return;
    }
    if (!may_listen(worker, handoff)) {
        COUNT(worker, refused_channels, 1);
        refuse(worker, handoff, "full",
               "the server has as many channels with subscribers as it may");
        return;
    }
    struct subscriber *subscriber = subscriber_new(worker);
    if (!subscriber || find_channels(worker, handoff, channels) < 0 ||
        subscriber_join(worker, subscriber, channels, handoff->channel_count) < 0) {
        if (subscriber)
            subscriber_release(worker, subscriber);
        refuse_for_memory(worker, handoff);
        return;
    }
    dress(worker, subscriber, handoff);
    struct seat_begin begin = {.subscriber = handoff->subscriber};
    int r = greet(worker, subscriber, handoff, &begin);
    if (r == GREET_OVER) {
        subscriber_abandon(worker, subscriber);
        struct seat_end over = {.reason = CLOSE_ENDED, .subscriber = handoff->subscriber};
        handoff->seat = seat_leave(handoff->seat, &over);
        tell_over(worker, handoff);
        return;
    }
    if (r == 0)
        r = worker->io->operations->add(worker->io, handoff->fd,
                                        subscriber_index(worker, subscriber));
    if (r < 0) {
        subscriber_abandon(worker, subscriber);
        refuse_for_memory(worker, handoff);
        return;
    }
    subscriber->handle = r;
    worker->records.live++;
    if (handoff->seat) {
        if (!MUTATION(seat_untaken))
            seat_taken(handoff->seat, &begin);
        worker->seats.of[subscriber_index(worker, subscriber)] = TAKE(handoff->seat);
        worker->seats.count++;
    }
    worker->memory.subscriber_bytes += SUBSCRIBER_MEMORY;
    group_join(worker, subscriber_index(worker, subscriber), handoff->group);
    COUNT(worker, subscribers, 1);
    COUNT(worker, joined, 1);
    slots_accept(&worker->arrivals.slots, worker->now_ns);
    COUNT(worker, resumed, handoff->has_resume);
    kick_joined(worker, subscriber, handoff->before);
    subscriber_queue(worker, subscriber);
}

/*
 * The stream of a channel of one event (rule.h, `once`) ends with its first event, whatever was
 * asked for, and begins at its request: what is older is for nobody who comes. It is given no id
 * before that event, and so a client that comes back with one has had its own (greet).
 */
__attribute__((noinline)) static void ask_for_one(const struct worker *worker,
                                                  struct handoff *handoff)
{
    if (handoff->channel_count > 1 || !rules_find(worker->ruling.rules, handoff->channels[0])->once)
        return;
    handoff->once = true;
    handoff->limit = 1;
    handoff->last = MUTATION(once_keeps) ? handoff->last : 0;
}

void join_take(struct worker *worker, struct handoff *handoff)
{
    size_t bytes = handoff_memory(handoff); /* which hub_subscribe has told */
    worker->memory.subscriber_bytes += bytes;
    worker->memory.told_bytes += bytes;
    handoff->next = NULL;
    handoff->arrival = ++worker->arrivals.count;
    if (worker->arrivals.last)
        worker->arrivals.last->next = handoff;
    else
        worker->arrivals.first = handoff;
    worker->arrivals.last = handoff;
    if (__builtin_expect(worker->ruling.things & RULES_ONCE, 0))
        ask_for_one(worker, handoff);
}

/* Everything published before the request is taken, and where history is asked for it is swept too,
 * so that the history's limits can be applied to it. That is at most a sweep away. */
static bool is_ready(const struct worker *worker, const struct handoff *handoff)
{
    if (handoff->before > worker->position && !MUTATION(join_too_early))
        return false;
    for (unsigned i = 0; handoff_looks_back(handoff) && i < handoff->channel_count; i++) {
        const struct channel *channel =
            channels_find(&worker->channels, handoff->hashes[i], handoff->channels[i]);
        if (!channel)
            continue;
        uint64_t place = history_after(&channel->history, handoff->before - 1);
        if (place > channel->history.begin &&
            history_at(&channel->history, place - 1)->sequence > channel->swept)
            return false;
    }
    return true;
}

static void forget(struct worker *worker, struct handoff *handoff)
{
    worker->memory.subscriber_bytes -= handoff_memory(handoff);
    handoff_free(handoff);
    release_tell(worker, MEMORY_BATCH_BYTES);
}

bool join_ready(struct worker *worker)
{
    if (!worker->arrivals.first)
        return false;
    struct handoff *last_kept = NULL;
    struct handoff *handoff = worker->arrivals.first;
    bool any = false;
    int64_t due_ns = worker->io->operations->now_ns(worker->io) + HANDOFF_NS;
    uint32_t since = 1; /* the last look */
    for (int i = 0; i < HANDOFF_BATCH && handoff; i++, since++) {
        since += handoff->channel_count / CHANNELS_OF_HANDOFF;
        if (since >= HANDOFFS_PER_LOOK) {
            if (i > 0 && worker->io->operations->now_ns(worker->io) >= due_ns)
                break;
            since = 0;
        }
        struct handoff *next = handoff->next;
        if (is_ready(worker, handoff)) {
            if (last_kept)
                last_kept->next = next;
            else
                worker->arrivals.first = next;
            if (!next)
                worker->arrivals.last = last_kept;
            adopt(worker, handoff);
            forget(worker, handoff);
            any = true;
        } else {
            last_kept = handoff;
        }
        handoff = next;
    }
    return any;
}

void join_refuse_waiting(struct worker *worker)
{
    while (worker->arrivals.first) {
        struct handoff *handoff = worker->arrivals.first;
        worker->arrivals.first = handoff->next;
        if (worker_has_failed(worker)) {
            COUNT(worker, refused_full, 1);
            COUNT(worker, refused_failed, 1);
            refuse(worker, handoff, "full", "this part of the server has failed");
        } else {
            COUNT(worker, closed_cut, 1);
            refuse(worker, handoff, "drain", "the server is stopping");
        }
        forget(worker, handoff);
    }
    worker->arrivals.last = NULL;
}
