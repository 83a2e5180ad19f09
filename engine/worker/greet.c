/* SPDX-License-Identifier: MIT */
/*
 * A subscriber's beginning: see greet.h.
 *
 * The resume point is a position, never searched for: the cursor is set, gaps are told, and what is
 * retained after it follows by the ordinary catching up, so replay and live delivery cannot race.
 * The response head, the resume point, events for it alone and gap notices are one private frame
 * (form_open).
 */
#include "engine/worker/greet.h"

#include <errno.h>

#include "engine/form.h"
#include "engine/mutation.h"
#include "engine/worker/gap.h"
#include "engine/worker/identity.h"
#include "engine/worker/poll.h"
#include "engine/worker/release.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"

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
        uint64_t since = MUTATION(since_forgotten) ? 0 : handoff->since;
        uint64_t owed = (since ? since : handoff->before) - 1;
        subscriber->cursor = owed;
        if (since && gap_is_due(worker, subscriber, owed) && !MUTATION(since_untold)) {
            ret_gap->reason = "expired";
            ret_gap->sequence = owed;
            return;
        }
        if (handoff->last) {
            uint64_t newest =
                position_of_newest(worker, members, count, handoff->last, handoff->before);
            subscriber->cursor = newest < owed || !since ? newest : owed;
        }
        /* What was let go before this subscriber was here is not owed to it. */
        uint64_t begin = source_lost_through(worker, members[0].channel);
        if (count == 1 && begin > subscriber->cursor)
            subscriber->cursor = begin;
        gap_was_told(worker, subscriber);
        return;
    }
    uint64_t sequence;
    enum id_origin origin = id_read(worker->options->ids, handoff->resume, &sequence);
    if (origin != ID_OTHER || (handoff->resume.len && !frame_check_id(handoff->resume)))
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
    struct form_opening opening = {.head_sent = handoff->head_sent && !MUTATION(head_twice),
                                   .first = handoff->first,
                                   .first_count =
                                       MUTATION(first_forgotten) ? 0 : handoff->first_count,
                                   .resumes = handoff->has_resume,
                                   .lines = handoff->head,
                                   .retry_ms = worker->limits.retry_ms,
                                   .point = from_here             ? (struct text){id, sizeof(id)}
                                            : handoff->has_resume ? gap->from
                                                                  : (struct text){0},
                                   .notice = notice,
                                   .charset = handoff->charset,
                                   .bare = handoff->bare,
                                   .subscriber = handoff->tells_id ? handoff->subscriber : 0};
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

int greet(struct worker *worker, struct subscriber *subscriber, const struct handoff *handoff,
          struct seat_begin *ret_begin)
{
    struct gap gap;
    char id[ID_LEN];
    if (handoff->once && handoff->has_resume)
        return GREET_OVER;
    resolve(worker, subscriber, handoff, &gap);
    struct frame *notice = NULL;
    bool lost = gap.reason && (gap.everywhere || gap_is_due(worker, subscriber, gap.sequence));
    if (handoff->has_resume && !lost && has_all_for_good(worker, subscriber))
        return GREET_OVER;
    if (lost) {
        if (!handoff->has_resume) {
            id_format_place(id, worker->options->ids, gap.sequence);
            gap.from = (struct text){id, sizeof(id)};
        }
        notice = gap_frame(worker, subscriber, &gap);
        if (!notice)
            return -ENOMEM;
    }
    struct frame *opening = first_frame(worker, handoff, subscriber, &gap, notice);
    if (!opening) {
        release_frame(worker, notice);
        return -ENOMEM;
    }
    if (opening->len > 0)
        subscriber->begun = opening;
    else /* its head is written, and there is nothing to say */
        release_frame(worker, opening);
    if (worker->identities.of) {
        struct course *course = &identity_of(worker, subscriber_index(worker, subscriber))->course;
        course->began = subscriber->cursor;
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
    return 0;
}
