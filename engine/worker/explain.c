/* SPDX-License-Identifier: MIT */
/* Facts about one event and one subscriber: see explain.h. */
#include "engine/worker/explain.h"

#include "engine/closes.h"
#include "engine/mutation.h"
#include "engine/worker/identity.h"
#include "engine/worker/standing.h"
#include "engine/worker/subscriber.h"

/* Who is asked about: there (`subscriber`), or ended and remembered. */
struct subject {
    struct subscriber *subscriber;
    struct close_record closed;
};

static bool find_subject(struct worker *worker, uint64_t id, struct subject *ret_subject)
{
    uint32_t index = identity_find(worker, id);
    *ret_subject = (struct subject){.subscriber = NULL};
    if (!worker->flow->closes)
        return false;
    if (index != IDENTITY_NONE) {
        ret_subject->subscriber = &worker->subscribers[index];
        return true;
    }
    return closes_find(worker->flow->closes, id, &ret_subject->closed);
}

/* --- the event ------------------------------------------------------------------------------- */

/* Whether the channel has it, or had it. */
static bool look_for_event(const struct worker *worker, const struct channel *channel,
                           struct text id, struct explanation *explanation)
{
    const struct history *history = &channel->history;
    uint64_t sequence = explanation->sequence;
    if (!sequence && !history_find_id(history, &worker->options->key, id, &sequence))
        return false;
    if (history_has(history, sequence))
        explanation->event = EVENT_RETAINED;
    else if (history_had(history, sequence))
        explanation->event = EVENT_LET_GO;
    else
        return false;
    explanation->sequence = sequence;
    explanation->channel_len = channel->name_len;
    memcpy(explanation->channel, channel->name, channel->name_len);
    return true;
}

/* What the id alone says. True: no channel can say more. */
static bool read_event(const struct worker *worker, struct text id, struct explanation *explanation)
{
    uint64_t sequence;
    explanation->event = EVENT_UNKNOWN;
    switch (id_read(worker->options->ids, id, &sequence)) {
    case ID_OTHER:
        return false;
    case ID_RESTARTED:
        explanation->event = EVENT_RESTARTED;
        return true;
    case ID_OURS:
        break;
    }
    if (sequence >= worker->position || sequence == 0) {
        explanation->event = EVENT_UNBORN;
        return true;
    }
    explanation->sequence = sequence;
    return false;
}

/* Which are everybody's own. */
static bool look_at_those_to_all(const struct worker *worker, struct text id,
                                 struct explanation *explanation)
{
    const struct channel *all = worker->channels.all;
    return all && look_for_event(worker, all, id, explanation);
}

/* Among the subject's own channels. */
static bool look_at_own(struct worker *worker, const struct subject *subject, struct text id,
                        struct slice *slice, struct explanation *explanation)
{
    if (subject->subscriber) {
        struct membership single;
        uint32_t count;
        const struct membership *memberships =
            subscriber_memberships(subject->subscriber, &single, &count);
        slice_take(slice, count);
        for (uint32_t i = 0; i < count; i++)
            if (look_for_event(worker, memberships[i].channel, id, explanation))
                return true;
        return look_at_those_to_all(worker, id, explanation);
    }
    const struct close_record *closed = &subject->closed;
    for (uint32_t i = 0; i < closed->channel_count && i < CLOSE_CHANNELS_REMEMBERED; i++) {
        const struct channel *channel =
            channels_of_hash(&worker->channels, closed->channels[i].hash);
        for (; channel; channel = channel->same_hash)
            if (look_for_event(worker, channel, id, explanation))
                return true;
    }
    return look_at_those_to_all(worker, id, explanation);
}

/* Among all of them. True once it is found, or nowhere. */
static bool look_at_all(struct worker *worker, struct control_part *part, struct slice *slice,
                        struct explanation *explanation)
{
    struct channels *channels = &worker->channels;
    struct text id = part->control->request.event;
    for (;;) {
        if (part->walk > channels->count)
            part->walk = channels->count;
        if (part->walk == 0)
            return true;
        if (slice_is_spent(worker, slice))
            return false;
        if (look_for_event(worker, channels->list[--part->walk], id, explanation))
            return true;
    }
}

/* --- the answer ------------------------------------------------------------------------------ */

static void decide(struct explanation *explanation, enum explain_reason reason,
                   enum explain_delivered delivered)
{
    explanation->reason = reason;
    explanation->delivered = delivered;
}

static void decide_by_fate(struct explanation *explanation, enum course_fate fate)
{
    bool is_there = explanation->closed == CLOSE_NONE;
    switch (fate) {
    case COURSE_SENT:
        decide(explanation, EXPLAIN_SENT, DELIVERED_YES);
        break;
    case COURSE_BEFORE:
        decide(explanation, EXPLAIN_BEFORE_JOIN, DELIVERED_NO);
        break;
    case COURSE_GONE:
        decide(explanation, EXPLAIN_EVICTED, DELIVERED_NO);
        break;
    case COURSE_SKIPPED:
        decide(explanation, EXPLAIN_SKIPPED, DELIVERED_NO);
        break;
    case COURSE_LACKS:
        decide(explanation,
               !is_there                              ? EXPLAIN_GONE
               : explanation->event == EVENT_RETAINED ? EXPLAIN_WAITING
                                                      : EXPLAIN_SKIPPED,
               DELIVERED_NO);
        break;
    case COURSE_UNKNOWN:
        decide(explanation, EXPLAIN_EVICTED, DELIVERED_UNKNOWN);
        break;
    }
    if (MUTATION(explained_wrongly) && fate == COURSE_LACKS)
        decide(explanation, EXPLAIN_SENT, DELIVERED_YES);
}

/* The channel of that name among those of a live subscriber; NULL: it has none. */
static const struct membership *find_membership(struct subscriber *subscriber,
                                                struct membership *single, uint64_t hash,
                                                struct text name)
{
    uint32_t count;
    const struct membership *memberships = subscriber_memberships(subscriber, single, &count);
    for (uint32_t i = 0; i < count; i++) {
        const struct channel *channel = memberships[i].channel;
        if (channel->hash == hash &&
            text_equals((struct text){channel->name, channel->name_len}, name))
            return &memberships[i];
    }
    return NULL;
}

/* Whether the subject listens, or did, to the channel that has or had the event. One that was
 * closed has nothing of what its name had later. */
enum listener { LISTENS, LISTENS_NOT, LISTENS_PERHAPS };
static enum listener does_listen(const struct worker *worker, const struct subject *subject,
                                 const struct explanation *explanation, uint64_t *ret_told)
{
    struct text name = {explanation->channel, explanation->channel_len};
    uint64_t hash = hash_text(&worker->options->key, name);
    *ret_told = 0;
    if (name.len == 0) { /* to all */
        if (subject->subscriber && (subject->subscriber->flags & SUBSCRIBER_MANY))
            *ret_told = subject->subscriber->set->told_through;
        return LISTENS;
    }
    if (subject->subscriber) {
        struct membership single;
        const struct membership *membership =
            find_membership(subject->subscriber, &single, hash, name);
        if (!membership || (membership->channel->closed &&
                            explanation->sequence > membership->channel->ending->sequence))
            return LISTENS_NOT;
        *ret_told = membership->told_through;
        return LISTENS;
    }
    const struct close_record *closed = &subject->closed;
    for (uint32_t i = 0; i < closed->channel_count && i < CLOSE_CHANNELS_REMEMBERED; i++) {
        uint64_t closed_at = closed->channels[i].closed_at;
        if (closed->channels[i].hash == hash)
            return closed_at && explanation->sequence > closed_at ? LISTENS_NOT : LISTENS;
    }
    return closed->channel_count > CLOSE_CHANNELS_REMEMBERED ? LISTENS_PERHAPS : LISTENS_NOT;
}

/* `own`: it is in a channel of the subject's; else in one that may have had the same name once. */
static void judge(const struct worker *worker, const struct subject *subject,
                  const struct course *course, bool own, struct explanation *explanation)
{
    bool is_there = subject->subscriber;
    struct course_event event = {.sequence = explanation->sequence,
                                 .told_is_known = is_there,
                                 .many = is_there ? subject->subscriber->flags & SUBSCRIBER_MANY
                                                  : subject->closed.channel_count > 1};
    if (explanation->event != EVENT_RETAINED && explanation->event != EVENT_LET_GO) {
        bool before = explanation->sequence && explanation->sequence <= course->began;
        bool unborn = explanation->event == EVENT_UNBORN;
        decide(explanation, before ? EXPLAIN_BEFORE_JOIN : EXPLAIN_EVICTED,
               before || unborn ? DELIVERED_NO : DELIVERED_UNKNOWN);
        return;
    }
    /* One to all may be retained, and no part of a channel's history any more. */
    event.retained = own && explanation->event == EVENT_RETAINED && explanation->channel_len;
    enum listener listener = does_listen(worker, subject, explanation, &event.told_through);
    if (listener == LISTENS)
        decide_by_fate(explanation, course_fate_of(course, explanation->cursor, &event));
    else if (listener == LISTENS_NOT)
        decide(explanation, EXPLAIN_NOT_SUBSCRIBED, DELIVERED_NO);
    else
        decide(explanation, EXPLAIN_GONE, DELIVERED_UNKNOWN);
}

static void tell(struct worker *worker, const struct subject *subject, bool own,
                 struct explanation *explanation)
{
    struct course course = subject->closed.course;
    if (subject->subscriber) {
        struct standing standing;
        standing_of(worker, subject->subscriber, &standing);
        uint32_t index = subscriber_index(worker, subject->subscriber);
        course = identity_of(worker, index)->course;
        explanation->cursor = subject->subscriber->cursor;
        explanation->behind = standing.behind;
        explanation->behind_is_least = standing.behind_is_least;
        explanation->is_blocked = standing.is_blocked;
        explanation->is_slow = standing.is_slow;
        explanation->lagging_ms = standing.lagging_ms;
        explanation->window_ms = standing.window_ms;
        explanation->window_bytes = standing.window_bytes;
    } else {
        int64_t ago_ns = worker->now_ns - subject->closed.closed_ns;
        explanation->cursor = subject->closed.cursor;
        explanation->closed = subject->closed.reason;
        explanation->closed_ms = ago_ns > 0 ? (uint64_t)ago_ns / 1000000 : 0;
    }
    explanation->began = course.began;
    judge(worker, subject, &course, own, explanation);
}

bool explain_some(struct worker *worker, struct control_part *part, struct slice *slice)
{
    const struct control_request *request = &part->control->request;
    struct explanation *explanation = &part->control->explanation;
    struct subject subject;
    if (!find_subject(worker, request->subscriber, &subject))
        return true;
    if (!part->begun) {
        part->begun = true;
        bool is_over = read_event(worker, request->event, explanation);
        part->own = !is_over && look_at_own(worker, &subject, request->event, slice, explanation);
        part->walk = is_over || part->own ? 0 : worker->channels.count;
    }
    if (!look_at_all(worker, part, slice, explanation))
        return false;
    part->count = 1;
    tell(worker, &subject, part->own, explanation);
    return true;
}
