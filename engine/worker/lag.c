/* SPDX-License-Identifier: MIT */
/*
 * Who is slow: a subscriber lags from its first short send until it has everything. At the end of
 * each window (slow_after) the worker tries to send without waiting for writability, since TCP
 * reports it late. If the socket is full again and took fewer bytes over the window than the
 * required rate asks, the subscriber is slow: it holds nobody any more, and when history passes it
 * the policy applies. Having everything ends lagging and slowness.
 *
 * Who took nothing at all for write_timeout is stuck, whatever its window: where windows are longer
 * than a second whoever is silent is tried once in a second, for the same reason, and in any case
 * once more in the end. Then it is closed, or (policy `skip`) it is slow from now on and to be
 * told, as soon as its socket takes bytes again, that it will not have what it lacks then. It
 * begins anew behind that.
 *
 * The required rate is slow_rate as long as few, or at most half of the worker's readers lag. When
 * most of them do, it may be not the clients that are slow but this server, its link or its
 * machine, and nobody is dropped for that: required is then a quarter of what the laggards take on
 * average, so that only who is far behind the others counts as slow, and at least a small part of
 * slow_rate, so that clients that stand still never stop a channel.
 *
 * Such a crowd may hold a channel for hold_max. That time is spent while the channel is held, one
 * of its laggards is below slow_rate, somebody waits for it who has everything (here or on another
 * worker), and this worker is not short of processor (load.h); else it comes back, more slowly.
 * Once it is spent, slow_rate is required of the channel's laggards, however many they are. So
 * where all readers are alike they are waited for, since nobody loses by that, and where the server
 * is short of time nobody is dropped.
 */
#include "engine/worker/lag.h"

#include "engine/mutation.h"
#include "engine/worker/batch.h"
#include "engine/worker/catch_up.h"
#include "engine/worker/load.h"
#include "engine/worker/subscriber.h"

/* Parts of the average, and of slow_rate, that are required when most readers lag; picked by hand.
 */
#define AVERAGE_PART 4
#define FLOOR_PART   64
/* Fewer laggards than this are clients of their own, not a crowd that shares one cause. */
#define CROWD_MIN 8
/* Windows that a laggard has when most readers lag; picked by hand. */
#define CROWDED_WINDOWS 4
/* So many milliseconds that nobody is held up give one back: who is dropped, returns and holds the
 * channel again does so for a small part of the time. Picked by hand. */
#define HELD_PART 4
/* How soon somebody is looked at again who is nearly stuck: well within the second that
 * write_timeout is kept to, which is also how often who is silent is tried. */
#define LOOK_AGAIN_NS 1000000
#define BEAT_MS       1000u

static int64_t window_ns(const struct worker *worker)
{
    return (int64_t)worker->limits.slow_after_ms * 1000000;
}

static bool window_over(const struct worker *worker, const struct subscriber *subscriber)
{
    return worker_ms(worker) - subscriber->window_ms >= worker->limits.slow_after_ms;
}

/* `rate` in bytes per second. */
static bool took_enough(const struct worker *worker, const struct subscriber *subscriber,
                        uint64_t rate)
{
    uint64_t window = worker_ms(worker) - subscriber->window_ms;
    return (uint64_t)subscriber->window_bytes * 1000 >= rate * window;
}

/* --- a crowd -------------------------------------------------------------------------------- */

/* Of all who are here some have everything. */
static bool some_are_current(const struct worker *worker)
{
    return worker->records.live > worker->lag.live;
}

static bool somebody_waits(struct worker *worker, const struct channel *channel)
{
    return channel->member_count > channel->behind_count ||
           (channel == worker->channels.all && some_are_current(worker)) ||
           (worker->flow->workers > 1 &&
            inquiry_ask(&worker->flow->inquiries, channel->hash, worker_ms(worker)));
}

/* Spends the channel's time for this round, or gives some back: once in a round. */
static void count_held(struct worker *worker, struct channel *channel)
{
    uint32_t now_ms = worker_ms(worker), max_ms = worker->limits.hold_max_ms;
    if (channel->held_at_ms == now_ms)
        return;
    uint32_t passed_ms = now_ms - channel->held_at_ms;
    uint32_t round_ms = now_ms - worker->lag.before_ms;
    bool held = channel->held && !worker->load.is_short && somebody_waits(worker, channel);
    uint32_t spent_ms = !held ? 0 : round_ms < passed_ms ? round_ms : passed_ms;
    uint32_t back_ms = (passed_ms - spent_ms) / HELD_PART;
    channel->held_at_ms = now_ms;
    channel->held_ms -= back_ms < channel->held_ms ? back_ms : channel->held_ms;
    uint32_t left_ms = channel->held_ms < max_ms ? max_ms - channel->held_ms : 0;
    channel->held_ms = spent_ms < left_ms ? channel->held_ms + spent_ms : max_ms;
}

/* What is asked of the crowd, and for how long it has held its channels. */
static void look_at_crowd(struct worker *worker)
{
    uint64_t bytes = 0, time_ms = 0;
    for (uint32_t i = 0; i < worker->lag.listed; i++) {
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (!(subscriber->flags & SUBSCRIBER_LAGGING) || (subscriber->flags & SUBSCRIBER_SLOW))
            continue;
        bytes += subscriber->window_bytes;
        time_ms += worker_ms(worker) - subscriber->window_ms;
        if (took_enough(worker, subscriber, worker->limits.slow_rate))
            continue;
        struct membership single;
        uint32_t count;
        struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
        for (uint32_t k = 0; k < count; k++)
            count_held(worker, memberships[k].channel);
        if (worker->channels.all)
            count_held(worker, worker->channels.all);
    }
    uint64_t slow_rate = worker->limits.slow_rate;
    uint64_t rate = time_ms ? bytes * 1000 / time_ms / AVERAGE_PART : slow_rate;
    uint64_t least = slow_rate / FLOOR_PART + 1;
    worker->lag.crowd = (struct demand){rate > slow_rate ? slow_rate
                                        : rate < least   ? least
                                                         : rate,
                                        worker->limits.slow_after_ms * CROWDED_WINDOWS};
}

/* A round begins. */
static void look_around(struct worker *worker)
{
    uint32_t readers = worker->records.live - worker->lag.slow;
    uint32_t laggards = worker->lag.live - worker->lag.slow;
    uint32_t window_ms = worker->limits.slow_after_ms;
    worker->lag.before_ms = worker->lag.round_ms;
    worker->lag.round_ms = worker_ms(worker);
    /* Rounds may have rested; laggards are looked at once in a window at least. */
    if (worker->lag.round_ms - worker->lag.before_ms > window_ms)
        worker->lag.before_ms = worker->lag.round_ms - window_ms;
    worker->lag.crowded = laggards > readers / 2 && laggards >= CROWD_MIN;
    if (!worker->lag.crowded) {
        load_forget(worker);
        return;
    }
    load_measure(worker);
    look_at_crowd(worker);
}

static bool is_held_too_long(const struct worker *worker, const struct channel *channel)
{
    return channel->held_ms >= worker->limits.hold_max_ms && !MUTATION(hold_for_ever);
}

static struct demand demand_of(const struct worker *worker, struct subscriber *subscriber)
{
    struct demand usual = {worker->limits.slow_rate, worker->limits.slow_after_ms};
    if (!worker->lag.crowded)
        return usual;
    const struct channel *all = worker->channels.all;
    if (all && !worker->load.is_short && is_held_too_long(worker, all))
        return usual;
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i < count && !worker->load.is_short; i++)
        if (is_held_too_long(worker, memberships[i].channel))
            return usual;
    return worker->lag.crowd;
}

void lag_answer(struct worker *worker)
{
    struct inquiries *inquiries = &worker->flow->inquiries;
    uint32_t index = 0, now_ms = worker_ms(worker);
    uint64_t hash;
    while ((hash = inquiry_next(inquiries, now_ms, &index)))
        if (channels_wait(&worker->channels, hash) ||
            (hash == channels_hash_of_all(worker->channels.key) && some_are_current(worker)))
            inquiry_answer(inquiries, hash, now_ms, index);
}

/* --- a round -------------------------------------------------------------------------------- */

/* Drops from the list who does not lag any more. */
static void list_clean(struct worker *worker)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->lag.listed; i++) {
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (subscriber->flags & SUBSCRIBER_LAGGING)
            worker->lag.list[kept++] = worker->lag.list[i];
        else
            subscriber_clear(subscriber, SUBSCRIBER_LISTED);
    }
    worker->lag.listed = kept;
}

/* It holds nobody from here on: its held channels look again. */
static void call_slow(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->flags & SUBSCRIBER_SLOW)
        return;
    subscriber->flags |= SUBSCRIBER_SLOW;
    worker->lag.slow++;
    COUNT(worker, became_slow, 1);
    COUNT(worker, subscribers_slow, 1);
    subscriber_set_state(worker, subscriber, SUBSCRIBER_BLOCKED);
}

static void judge(struct worker *worker, struct subscriber *subscriber)
{
    if (subscriber->state != SUBSCRIBER_BLOCKED)
        return; /* its socket takes more: it waits for us, and its window goes on */
    struct demand demand = demand_of(worker, subscriber);
    bool lacks =
        !(subscriber->flags & SUBSCRIBER_SLOW) && !took_enough(worker, subscriber, demand.rate);
    if (lacks && worker_ms(worker) - subscriber->window_ms < demand.window_ms)
        return; /* it has longer than one */
    if (lacks)
        call_slow(worker, subscriber);
    subscriber->window_ms = worker_ms(worker);
    subscriber->window_bytes = 0;
}

static bool is_stuck(const struct worker *worker, const struct subscriber *subscriber)
{
    uint32_t timeout_ms = worker->limits.write_timeout_ms;
    return timeout_ms && subscriber->state == SUBSCRIBER_BLOCKED &&
           !(subscriber->flags & SUBSCRIBER_STUCK) &&
           worker_ms(worker) - subscriber->written_ms >= timeout_ms;
}

/* True if it stays. */
static bool spare_stuck(struct worker *worker, struct subscriber *subscriber)
{
    if (worker->limits.stuck == STUCK_DISCONNECT) {
        subscriber_close(worker, subscriber, CLOSE_STUCK);
        return false;
    }
    call_slow(worker, subscriber);
    subscriber->flags |= SUBSCRIBER_STUCK;
    COUNT(worker, became_stuck, 1);
    return true;
}

/* What it lacks is worth a try: its window is over, or it would be stuck. */
static bool is_to_be_tried(const struct worker *worker, const struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_LAGGING) || subscriber->state != SUBSCRIBER_BLOCKED)
        return false;
    bool silent = worker->lag.beats && !(subscriber->flags & SUBSCRIBER_STUCK) &&
                  worker_ms(worker) - subscriber->written_ms >= BEAT_MS / 2;
    return ((silent || is_stuck(worker, subscriber)) && !MUTATION(stuck_untried)) ||
           (window_over(worker, subscriber) &&
            !took_enough(worker, subscriber, worker->limits.slow_rate));
}

/* When to look at it again: at the end of its window, or soon if that is over and it goes on; but
 * no later than it would be stuck. */
static int64_t next_look(const struct worker *worker, const struct subscriber *subscriber)
{
    uint32_t timeout_ms = worker->limits.write_timeout_ms;
    uint32_t silent_ms = worker_ms(worker) - subscriber->written_ms;
    int64_t age_ns = (int64_t)(worker_ms(worker) - subscriber->window_ms) * 1000000;
    int64_t left_ns = window_ns(worker) - age_ns;
    if (left_ns <= 0)
        left_ns = window_ns(worker) / 8 + 1000000;
    if (timeout_ms && !MUTATION(stuck_late)) {
        int64_t stuck_ns = ((int64_t)timeout_ms - (int64_t)silent_ms) * 1000000;
        if (stuck_ns < LOOK_AGAIN_NS) /* it was said to take bytes, and may not */
            stuck_ns = LOOK_AGAIN_NS;
        if (stuck_ns > BEAT_MS * INT64_C(1000000) || (subscriber->flags & SUBSCRIBER_STUCK))
            stuck_ns = BEAT_MS * INT64_C(1000000);
        if (stuck_ns < left_ns)
            left_ns = stuck_ns;
    }
    return worker->now_ns + left_ns;
}

/* A slice of the round: a bounded number of tries, one batch, and the verdicts. How far it came. */
static uint32_t look_at(struct worker *worker, uint32_t first, uint32_t last)
{
    uint64_t bytes = 0;
    uint32_t channels = 0; /* beyond those of usual subscribers, as in catch_up.c */
    for (uint32_t i = first; i < last; i++) {
        catch_up_make_room(worker);
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (subscriber->flags & SUBSCRIBER_MANY)
            channels += subscriber->set->count;
        if (is_to_be_tried(worker, subscriber))
            bytes += catch_up_send(worker, subscriber);
        if (bytes >= CATCH_UP_TURN_BYTES || channels >= CATCH_UP_CHANNELS)
            last = i + 1;
    }
    batch_submit(worker);
    for (uint32_t i = first; i < last; i++) {
        struct subscriber *subscriber = &worker->subscribers[worker->lag.list[i]];
        if (!(subscriber->flags & SUBSCRIBER_LAGGING))
            continue;
        if (is_stuck(worker, subscriber) && !spare_stuck(worker, subscriber))
            continue;
        if (window_over(worker, subscriber))
            judge(worker, subscriber);
        int64_t due = next_look(worker, subscriber);
        if (due < worker->lag.round_due_ns)
            worker->lag.round_due_ns = due;
    }
    return last;
}

/* Windows that are no longer than a beat bring their own tries. */
static void begin_beat(struct worker *worker)
{
    struct lag *lag = &worker->lag;
    lag->beats = worker->limits.write_timeout_ms && worker->limits.slow_after_ms > BEAT_MS &&
                 worker->now_ns >= lag->beat_due_ns;
    if (lag->beats)
        lag->beat_due_ns = worker->now_ns + BEAT_MS * INT64_C(1000000);
}

/* A piece of a round. True if there is more of it. */
__attribute__((noinline)) static bool go_around(struct worker *worker)
{
    if (worker->lag.next == 0) {
        list_clean(worker);
        look_around(worker);
        begin_beat(worker);
        worker->lag.round_due_ns = INT64_MAX;
    }
    uint32_t last = worker->lag.next + LAG_BATCH;
    if (last > worker->lag.listed)
        last = worker->lag.listed;
    last = look_at(worker, worker->lag.next, last);
    if (last < worker->lag.listed) {
        worker->lag.next = last;
        return true;
    }
    worker->lag.next = 0;
    worker->lag.due_ns = worker->lag.round_due_ns;
    return false;
}

bool lag_check(struct worker *worker)
{
    return worker->now_ns >= worker->lag.due_ns && go_around(worker);
}
