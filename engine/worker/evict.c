/* SPDX-License-Identifier: MIT */
/*
 * What goes out of history again, and when: after a sweep whatever is over the limits, as far as
 * every member has had it or is slow; by age; and because of the memory ceiling. With it the bytes
 * in flight are given back, the slow policy is applied, and empty records are dropped.
 */
#include "engine/worker/evict.h"

#include "engine/base/heap.h"
#include "engine/mutation.h"
#include "engine/worker/all.h"
#include "engine/worker/gap.h"
#include "engine/worker/release.h"
#include "engine/worker/ruling.h"
#include "engine/worker/runs.h"
#include "engine/worker/source.h"
#include "engine/worker/subscriber.h"

static void let_go(struct worker *worker, struct channel *channel)
{
    struct ending *ending = TAKE(channel->ending);
    endings_remove(&worker->channels.closed, ending);
    worker->channels.memory -= heap_bytes(sizeof(*ending));
    free(ending);
    ledger_let_go(&worker->flow->ledger, channel->hash,
                  (struct text){channel->name, channel->name_len});
}

__attribute__((noinline)) static void evict_special(struct worker *worker,
                                                    const struct frame *frame)
{
    if (frame->flags & FRAME_KEYED)
        ledger_forget_key(&worker->flow->ledger, frame);
    if (!(frame->flags & FRAME_ALL))
        return;
    worker->all.evicted_through = frame->sequence;
    runs_forget(worker, NULL); /* of any channel whose sweep is under way */
}

void evict_oldest(struct worker *worker, struct channel *channel)
{
    struct history *history = &channel->history;
    struct frame *frame = history_evict(history, &worker->options->key);
    if (history->returned < history->begin) {
        history->returned = history->begin;
        release_flow(worker, frame);
    }
    if (__builtin_expect(frame->flags & (FRAME_KEYED | FRAME_ALL), 0))
        evict_special(worker, frame);
    COUNT(worker, evicted, 1);
    COUNT(worker, history_events, -1);
    COUNT(worker, history_bytes, -(uint64_t)frame->len);
    worker->memory.kept_bytes -= frame_memory(frame);
    release_frame(worker, frame);
}

/* The record goes, with everything that points to it. */
void evict_record(struct worker *worker, struct channel *channel)
{
    bool closed = channel->closed;
    if (closed)
        let_go(worker, channel);
    runs_forget(worker, channel);
    channels_drop(&worker->channels, channel);
    COUNT(worker, channels_dropped, 1);
    COUNT(worker, channels, closed ? 0 : -1);
}

/* --- ended channels ------------------------------------------------------------------------ */

void evict_ending(struct worker *worker, struct channel *channel)
{
    struct channels *channels = &worker->channels;
    struct ending *ending = TAKE(channel->ending);
    while (history_count(&channel->history))
        evict_oldest(worker, channel);
    if (channels->look_ended == ending)
        channels->look_ended = ending->later;
    endings_remove(&channels->ended, ending);
    uint64_t sequence = ending->sequence;
    channels->memory -= heap_bytes(sizeof(*ending));
    free(ending);
    COUNT(worker, channels_ended, -1);
    ledger_forget(&worker->flow->ledger, channel->hash,
                  (struct text){channel->name, channel->name_len}, sequence);
}

/* A record that only an end keeps. */
static bool is_only_ended(const struct channel *channel)
{
    return channel->ending && !channel->closed && !channel->member_count && !channel->dirty &&
           !channel->finishing && !history_count(&channel->history);
}

void evict_ended(struct worker *worker, struct channel *channel)
{
    if (is_only_ended(channel))
        evict_ending(worker, channel);
}

bool evict_an_ending(struct worker *worker)
{
    struct channels *channels = &worker->channels;
    const struct ending *begin = NULL;
    for (int looks = 0; looks < 1000; looks++) {
        struct ending *ending = channels->look_ended ? channels->look_ended : channels->ended.first;
        if (!ending || ending == begin)
            break;
        begin = begin ? begin : ending;
        channels->look_ended = ending->later;
        struct channel *channel = ending->channel;
        if (!is_only_ended(channel))
            continue;
        evict_ending(worker, channel);
        evict_record(worker, channel);
        return true;
    }
    return false;
}

/* --- after a sweep ------------------------------------------------------------------------- */

static const struct rule *rule_of(struct worker *worker, struct channel *channel)
{
    return channel == worker->channels.all ? &worker->ruling.of_all : ruling_of(worker, channel);
}

static bool is_over(const struct worker *worker, const struct rule *rule,
                    const struct channel *channel)
{
    const struct history *history = &channel->history;
    if (history_count(history) == 0)
        return false;
    const struct frame *oldest = history_at(history, history->begin);
    return history_count(history) > rule->history_events || history->bytes > rule->history_bytes ||
           oldest->sequence <= source_let_go(worker, channel) || /* see source.h */
           worker->now_ns - oldest->born_ns > (int64_t)rule->history_age_s * 1000000000;
}

static bool is_slowest(struct worker *worker, struct subscriber *subscriber, void *context)
{
    (void)worker;
    uint64_t *cursor = context;
    if (!subscriber_holds_nothing(subscriber) && subscriber->cursor < *cursor)
        *cursor = subscriber->cursor;
    return true;
}

/* The earliest cursor among the members that lack something and hold the channel. */
__attribute__((noinline)) static uint64_t look_for_slowest(struct worker *worker,
                                                           const struct channel *channel)
{
    uint64_t cursor = UINT64_MAX;
    if (channel == worker->channels.all)
        all_lacking(worker, is_slowest, &cursor);
    for (uint32_t i = 0; i < channel->member_count; i++) {
        const struct subscriber *subscriber = &worker->subscribers[channel->members[i]];
        if (subscriber_lacks(subscriber) && !subscriber_holds_nothing(subscriber) &&
            subscriber->cursor < cursor)
            cursor = subscriber->cursor;
    }
    return cursor;
}

static inline uint64_t slowest_reader(struct worker *worker, const struct channel *channel)
{
    bool any = channel->behind_count || channel == worker->channels.all;
    return any ? look_for_slowest(worker, channel) : UINT64_MAX;
}

/* And among all to whom it is still to be given, slow ones too. */
static uint64_t slowest_of_all(const struct worker *worker, const struct channel *channel)
{
    uint64_t cursor = UINT64_MAX;
    for (uint32_t i = 0; i < channel->member_count && !MUTATION(close_drops); i++) {
        const struct subscriber *subscriber = &worker->subscribers[channel->members[i]];
        if (subscriber_lacks(subscriber) && subscriber->ending != CLOSE_EXPIRED &&
            subscriber->cursor < cursor)
            cursor = subscriber->cursor;
    }
    return cursor;
}

/* Up to where it has everything, or is being told what it has not. */
static uint64_t position_of(const struct subscriber *subscriber)
{
    const struct frame *begun = subscriber->begun;
    return begun && begun->kind == FRAME_GAP && begun->sequence > subscriber->cursor
               ? begun->sequence
               : subscriber->cursor;
}

static bool close_if_passed(struct worker *worker, struct subscriber *subscriber, void *context)
{
    (void)context;
    if ((subscriber->flags & (SUBSCRIBER_SLOW | SUBSCRIBER_STUCK)) == SUBSCRIBER_SLOW &&
        subscriber->ending != CLOSE_EXPIRED &&
        gap_is_due(worker, subscriber, position_of(subscriber)))
        subscriber_close(worker, subscriber, CLOSE_SLOW);
    return true;
}

/* History has passed some slow members: the policy `disconnect` closes them. With `skip` they stay,
 * and are told when their socket takes bytes again. */
static void apply_slow_policy(struct worker *worker, struct channel *channel)
{
    if (worker->limits.slow != SLOW_DISCONNECT)
        return;
    if (channel == worker->channels.all)
        all_lacking(worker, close_if_passed, NULL);
    if (channel->behind_count == 0)
        return;
    for (uint32_t i = channel->member_count; i-- > 0;) {
        struct subscriber *subscriber = &worker->subscribers[channel->members[i]];
        if (subscriber_lacks(subscriber))
            close_if_passed(worker, subscriber, NULL);
    }
}

static void set_held(struct worker *worker, struct channel *channel, bool held)
{
    if (channel->held != held)
        COUNT(worker, channels_held, held ? 1 : -1);
    channel->held = held;
}

/* How far the channel may be given back beyond a reader at `cursor`: half of its history, not all
 * of it. What a reader that is cut off had in its buffers, and what comes until it is back, must
 * still be there when it resumes. Bytes are taken to be spread evenly. */
static uint64_t place_for_reader(const struct rule *rule, const struct history *history,
                                 uint64_t cursor)
{
    uint64_t room = rule->history_events / 2;
    if (history->bytes > 0) {
        double per_event = (double)history->bytes / (double)history_count(history);
        double by_bytes = (double)rule->history_bytes / 2 / per_event;
        if (by_bytes < (double)room)
            room = (uint64_t)by_bytes;
    }
    return history_after(history, cursor) + room;
}

/* What is over the limits goes, but for what a reader at `reader` lacks. */
static void trim_over(struct worker *worker, struct channel *channel, const struct rule *rule,
                      uint64_t reader)
{
    struct history *history = &channel->history;
    bool needed = reader < channel->swept && !MUTATION(evict_past_reader);
    uint64_t limit = needed ? reader : channel->swept;
    uint64_t begin = history->begin;
    while (is_over(worker, rule, channel) && history_at(history, history->begin)->sequence <= limit)
        evict_oldest(worker, channel);
    if (history->begin != begin)
        apply_slow_policy(worker, channel);
}

/* Of a closed channel all goes that nobody lacks. It holds no publishers: nothing follows there,
 * and the name is another channel's. */
static void trim_closed(struct worker *worker, struct channel *channel)
{
    struct history *history = &channel->history;
    const struct rule *rule = rule_of(worker, channel);
    uint64_t lacking = channel->behind_count ? slowest_of_all(worker, channel) : UINT64_MAX;
    uint64_t limit = lacking < channel->swept ? lacking : channel->swept;
    while (history_count(history) && history_at(history, history->begin)->sequence <= limit)
        evict_oldest(worker, channel);
    if (is_over(worker, rule, channel))
        trim_over(worker, channel, rule, slowest_reader(worker, channel));
    release_swept(worker, channel, history->end);
    set_held(worker, channel, false);
    channel->watched = history_count(history);
}

/* What may go of an open one, and whether it is held. */
static void trim_open(struct worker *worker, struct channel *channel)
{
    struct history *history = &channel->history;
    const struct rule *rule = rule_of(worker, channel);
    uint64_t reader = slowest_reader(worker, channel);
    uint64_t place = history->end;
    bool over = false; /* because a reader needs it */
    if (reader != UINT64_MAX)
        place = place_for_reader(rule, history, reader);
    if (is_over(worker, rule, channel)) {
        trim_over(worker, channel, rule, reader);
        over = is_over(worker, rule, channel) &&
               history_at(history, history->begin)->sequence <= channel->swept;
        if (over)
            place = history->begin;
    }
    release_swept(worker, channel, place);
    bool held = history->returned < history->end &&
                history_at(history, history->returned)->sequence <= channel->swept;
    set_held(worker, channel, held);
    channel->watched = held || over;
}

bool evict_trim(struct worker *worker, struct channel *channel)
{
    DCHECK(worker->batch.count == 0);
    if (channel->closed)
        trim_closed(worker, channel);
    else
        trim_open(worker, channel);
    channels_count(&worker->channels, channel);
    if (history_count(&channel->history))
        return false;
    channels_untouch(&worker->channels, channel);
    if (channel->member_count || channel->dirty || channel->finishing ||
        (channel->ending && !channel->closed))
        return false;
    evict_record(worker, channel);
    return true;
}

/* --- the memory ceiling --------------------------------------------------------------------- */

/* Of a channel's history one round takes this part. */
#define ROUND_PART 16

uint32_t evict_part(struct worker *worker, struct channel *channel, uint64_t too_much)
{
    struct history *history = &channel->history;
    uint64_t reader = slowest_reader(worker, channel);
    uint64_t limit = reader < channel->swept ? reader : channel->swept;
    uint64_t before = worker->memory.kept_bytes;
    uint64_t most = history_count(history) / ROUND_PART + 1;
    uint32_t count = 0;
    while (count < most && before - worker->memory.kept_bytes < too_much &&
           history_count(history) && history_at(history, history->begin)->sequence <= limit) {
        evict_oldest(worker, channel);
        count++;
    }
    COUNT(worker, evicted_memory, count);
    if (count)
        apply_slow_policy(worker, channel);
    return count;
}

/* --- by age ---------------------------------------------------------------------------------- */

/* Channels that one tick looks at for their age. */
#define EXPIRE_LOOKS 1000u

/* One of the ages: whoever was published to so long ago is passed, once, and has its limits applied
 * if the age is its own. What a reader needs of it is left to when that reader moves: it is
 * watched. Looks that are left. */
static uint32_t expire_age(struct worker *worker, unsigned age, uint32_t looks)
{
    uint32_t age_s = worker->ruling.ages_s[age];
    for (; looks > 0; looks--) {
        struct channel *channel = channels_walk(&worker->channels, WALK_AGES + age);
        if (!channel)
            break;
        const struct frame *latest = history_at(&channel->history, channel->history.end - 1);
        if (worker->now_ns - latest->born_ns <= (int64_t)age_s * 1000000000)
            break; /* all others were published to later */
        channels_pass(&worker->channels, WALK_AGES + age, channel);
        if (rule_of(worker, channel)->history_age_s == age_s && !MUTATION(age_ignored))
            evict_trim(worker, channel);
    }
    return looks;
}

/* For channels that nobody publishes to any more. Where the looks do not suffice for all ages, the
 * next tick goes on with the one that had too few. */
void evict_expired(struct worker *worker)
{
    struct ruling *ruling = &worker->ruling;
    uint32_t looks = EXPIRE_LOOKS;
    for (unsigned i = 0; i < ruling->age_count; i++) {
        looks = expire_age(worker, ruling->age_next, looks);
        if (looks == 0)
            return;
        ruling->age_next = (ruling->age_next + 1) % ruling->age_count;
    }
}
