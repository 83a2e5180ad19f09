/* SPDX-License-Identifier: MIT */
/*
 * Joining: a hand-off becomes a subscriber, once the worker has taken every event published before
 * the request (another worker may have been ahead and have given this very client one of them
 * already).
 *
 * The resume point is a position, never searched for: the cursor is set, gaps are told, and what is
 * retained after it follows by the ordinary catching up, so replay and live delivery cannot race.
 * The response head, the resume point and gap notices are one private frame (form_open).
 */
#include "engine/worker/join.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/form.h"
#include "engine/mutation.h"
#include "engine/worker/dirty.h"
#include "engine/worker/evict.h"
#include "engine/worker/gap.h"
#include "engine/worker/group.h"
#include "engine/worker/identity.h"
#include "engine/worker/intake.h"
#include "engine/worker/kick.h"
#include "engine/worker/poll.h"
#include "engine/worker/release.h"
#include "engine/worker/ruling.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/visit.h"

/* Hand-offs between two looks at the clock, and of how many channels one counts as more of them. */
#define HANDOFFS_PER_LOOK   8
#define CHANNELS_OF_HANDOFF 64

/* --- where to begin ------------------------------------------------------------------------ */

/* How many retained frames lie after `sequence` and before the request's B. */
static uint64_t count_after(const struct worker *worker, const struct membership *members,
                            uint32_t count, uint64_t sequence, uint64_t before)
{
    uint64_t frames = 0;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, members, count, i, sequence);
        if (source_is_empty(&source))
            continue;
        uint64_t end = history_after(source.history, before - 1);
        source.end = end < source.end ? end : source.end;
        frames += source_is_empty(&source) ? 0 : source.end - source.place;
    }
    return frames;
}

/* The position before the `last` newest frames that the subscription had when it was asked for. */
static uint64_t position_of_newest(const struct worker *worker, const struct membership *members,
                                   uint32_t count, uint32_t last, uint64_t before)
{
    uint64_t low = 0, high = before - 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (count_after(worker, members, count, middle, before) <= last)
            high = middle;
        else
            low = middle + 1;
    }
    /* From there up to right before the oldest of them, so that nothing evicted is asked for. */
    uint64_t oldest = before;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, members, count, i, low);
        if (!source_is_empty(&source) && source_first(&source)->sequence < oldest)
            oldest = source_first(&source)->sequence;
    }
    return oldest - 1;
}

/* A publisher's own id is a position if exactly one retained event of the subscription has it. */
static bool find_given_id(const struct worker *worker, const struct membership *members,
                          uint32_t count, struct text id, uint64_t *ret_sequence)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < count; i++)
        found +=
            history_find_id(&members[i].channel->history, &worker->options->key, id, ret_sequence);
    if (worker->channels.all)
        found += history_find_id(&worker->channels.all->history, &worker->options->key, id,
                                 ret_sequence);
    return found == 1;
}

/* Sets the cursor and what was lost on the way to it. */
static void resolve(struct worker *worker, struct subscriber *subscriber,
                    const struct handoff *handoff, struct gap *ret_gap)
{
    struct membership single;
    uint32_t count;
    struct membership *members = subscriber_memberships(subscriber, &single, &count);
    *ret_gap = (struct gap){0};
    if (!handoff->has_resume) {
        subscriber->cursor = handoff->before - 1;
        if (handoff->last)
            subscriber->cursor =
                position_of_newest(worker, members, count, handoff->last, handoff->before);
        /* What was let go before this subscriber was here is not owed to it. */
        uint64_t begin = source_lost_through(worker, members[0].channel);
        if (count == 1 && begin > subscriber->cursor)
            subscriber->cursor = begin;
        gap_was_told(worker, subscriber);
        return;
    }
    uint64_t sequence;
    enum frame_fault fault = frame_check_id(handoff->resume);
    enum id_origin origin = id_read(worker->options->ids, handoff->resume, &sequence);
    if (origin != ID_OTHER || (!fault && handoff->resume.len))
        ret_gap->from = handoff->resume;
    bool placed = origin == ID_OURS
                      ? sequence < handoff->before
                      : origin == ID_OTHER && ret_gap->from.at &&
                            find_given_id(worker, members, count, handoff->resume, &sequence);
    if (placed) {
        ret_gap->reason = "expired";
        ret_gap->sequence = sequence;
    } else {
        ret_gap->reason = origin == ID_RESTARTED ? "restarted" : "unknown";
        ret_gap->everywhere = true;
    }
    subscriber->cursor = ret_gap->sequence;
}

/* --- the first frame ----------------------------------------------------------------------- */

static struct frame *first_frame(struct worker *worker, const struct handoff *handoff,
                                 const struct subscriber *subscriber, const struct gap *gap,
                                 struct frame *notice)
{
    char id[ID_LEN];
    bool from_here = !handoff->has_resume && !handoff->once;
    if (from_here)
        id_format_place(id, worker->options->ids, subscriber->cursor);
    struct form_opening opening = {
        .resumes = handoff->has_resume,
        .lines = handoff->head,
        .retry_ms = worker->limits.retry_ms,
        .point = from_here ? (struct text){id, sizeof(id)} : gap->from,
        .notice = notice,
        .charset = handoff->charset,
        .bare = handoff->bare,
        .subscriber =
            handoff->tells_id ? identity_id(worker, subscriber_index(worker, subscriber)) : 0};
    return release_private(worker, form_open(subscriber_form(subscriber), &opening));
}

/* It has everything of channels that have ended: but for what dispatches nothing, like the end
 * itself. */
static bool has_all_for_good(const struct worker *worker, struct subscriber *subscriber)
{
    struct membership single;
    uint32_t count;
    struct membership *members = subscriber_memberships(subscriber, &single, &count);
    if (!subscriber_channels_ended(subscriber))
        return false;
    for (uint32_t i = 0; i <= count; i++) {
        struct source source = source_of(worker, members, count, i, subscriber->cursor);
        for (; !source_is_empty(&source); source.place++)
            if (!(source_first(&source)->flags & FRAME_WITHOUT_DATA))
                return false;
    }
    return true;
}

enum { JOIN_OVER = 1 };

/* The head and all that belongs to it becomes the begun frame. JOIN_OVER: there is nothing to send,
 * and never will be. */
static int greet(struct worker *worker, struct subscriber *subscriber,
                 const struct handoff *handoff, struct seat_begin *ret_begin)
{
    struct gap gap;
    if (handoff->once && handoff->has_resume)
        return JOIN_OVER;
    resolve(worker, subscriber, handoff, &gap);
    struct frame *notice = NULL;
    bool lost =
        handoff->has_resume && (gap.everywhere || gap_is_due(worker, subscriber, gap.sequence));
    if (handoff->has_resume && !lost && has_all_for_good(worker, subscriber))
        return JOIN_OVER;
    if (lost) {
        notice = gap_frame(worker, subscriber, &gap);
        if (!notice)
            return -ENOMEM;
    }
    subscriber->begun = first_frame(worker, handoff, subscriber, &gap, notice);
    if (worker->identities.of) {
        struct course *course = &identity_of(worker, subscriber_index(worker, subscriber))->course;
        course->began = handoff->has_resume ? gap.sequence : subscriber->cursor;
        course->greeted_through = notice ? notice->sequence : 0;
    }
    if (notice) {
        subscriber->cursor = notice->sequence;
        gap_was_told(worker, subscriber);
    }
    if (handoff->polls)
        poll_begin(worker, subscriber, handoff, notice != NULL);
    ret_begin->cursor = subscriber->cursor;
    ret_begin->resume = lost ? SEAT_GAP : handoff->has_resume ? SEAT_RESUMED : SEAT_ANEW;
    release_frame(worker, notice);
    return subscriber->begun ? 0 : -ENOMEM;
}

/* --- adopting ------------------------------------------------------------------------------ */

/* The whole answer, for who is not to be a subscriber. */
static void answer(struct worker *worker, int fd, struct text bytes)
{
    ssize_t sent = send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* best effort: the connection is closed either way */
    io_discard_input(fd);
    close(fd);
    atomic_fetch_sub_explicit(&worker->reserved, 1, memory_order_relaxed);
}

/* No room in here, or no time left: the client gets an answer it can act on. Who has no position of
 * its own yet comes back with that of its request, and has missed nothing. */
static void refuse(struct worker *worker, const struct handoff *handoff, const char *reason,
                   const char *sentence)
{
    char bytes[FORM_REFUSAL_BYTES_MAX], id[ID_LEN];
    bool from_here = !handoff->has_resume && !handoff->last && !handoff->once;
    if (from_here)
        id_format_place(id, worker->options->ids, handoff->before - 1);
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
    size_t len = form_refusal(handoff->plain ? FORM_PLAIN : FORM_CHUNKED, &refusal, bytes);
    answer(worker, handoff->fd, (struct text){bytes, len});
    COUNT(worker, refused_put_off, handoff->puts_off);
}

static void refuse_for_memory(struct worker *worker, const struct handoff *handoff)
{
    COUNT(worker, refused_memory, 1);
    refuse(worker, handoff, "memory", "the server is out of memory");
}

/* It comes back to what has ended, and has had all of it. */
static void tell_over(struct worker *worker, const struct handoff *handoff)
{
    struct frame *over = form_over(handoff->head);
    if (!over) {
        refuse_for_memory(worker, handoff);
        return;
    }
    answer(worker, handoff->fd, (struct text){over->bytes, over->len});
    COUNT(worker, answered_ended, 1);
    frame_unref(over);
}

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
    bool looks_back = handoff->has_resume || handoff->last;
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
    enum form form = handoff->plain ? FORM_PLAIN : FORM_CHUNKED;
    subscriber->flags |= (uint16_t)(form << SUBSCRIBER_FORM_SHIFT);
    if (handoff->limit)
        subscriber->flags |= SUBSCRIBER_LIMITED;
    if (handoff->bare)
        subscriber->flags |= SUBSCRIBER_BARE;
    subscriber->events_left = handoff->limit;
    subscriber->joined_ms = subscriber->event_ms = subscriber->written_ms = worker_ms(worker);
    visits_expect(worker, subscriber, handoff->ends_ns);
    if (worker->identities.of)
        identity_begin(worker, subscriber_index(worker, subscriber), handoff->peer);
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
    static const struct seat_end over = {.reason = CLOSE_ENDED};
    dress(worker, subscriber, handoff);
    struct seat_begin begin = {.subscriber =
                                   identity_id(worker, subscriber_index(worker, subscriber))};
    int r = greet(worker, subscriber, handoff, &begin);
    if (r == JOIN_OVER) {
        subscriber_abandon(worker, subscriber);
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
    for (unsigned i = 0; (handoff->has_resume || handoff->last) && i < handoff->channel_count;
         i++) {
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
