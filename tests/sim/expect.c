/* SPDX-License-Identifier: MIT */
/* See expect.h. */
#include "tests/sim/expect.h"

#include "engine/worker/gap.h"
#include "tests/sim/client.h"
#include "tests/sim/command.h"
#include "tests/sim/fail.h"
#include "tests/sim/world.h"

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The record that it is a member of, which may be closed by now; else the one of that name. */
static const struct channel *record_of(const struct client *client, unsigned index)
{
    struct membership single;
    uint32_t count;
    if (client->socket->state != SIM_OPEN)
        return world_record(client->worker, client->channels[index]);
    struct subscriber *subscriber = &client->worker->subscribers[client->socket->owner];
    return subscriber_memberships(subscriber, &single, &count)[index].channel;
}

/* What an ended channel counts as its own of those to all is what came before its end. */
static void check_ending(const struct client *client, unsigned number, const struct ending *ending)
{
    uint64_t last = model_last_before(client->model, number, ending->sequence);
    if (ending->channel->closed && last && model_at(client->model, last)->ends)
        return; /* it may have been closed after that */
    uint64_t wanted = model_last_before(client->model, MODEL_ALL, ending->sequence);
    if (ending->to_all != wanted)
        fail("channel %u, which has ended, has those to all up to %llu, expected %llu", number,
             (unsigned long long)ending->to_all, (unsigned long long)wanted);
}

/* An end without data that is gone with all else is no loss to who has what came before it. */
static uint64_t wanted_through(const struct client *client, unsigned number,
                               const struct channel *channel)
{
    uint64_t evicted = channel->history.evicted_through;
    if (!channel->ending || channel->ending->sequence != evicted ||
        !model_at(client->model, evicted)->without_data)
        return evicted;
    uint64_t earlier = model_last_before(client->model, number, evicted);
    if (channel->ending->before < earlier)
        fail("the end of channel %u hides event %llu", number, (unsigned long long)earlier);
    return channel->ending->before;
}

static void view_take(const struct client *client, struct view *view)
{
    const struct channel *all = client->worker->channels.all;
    *view = (struct view){.position = client->worker->position};
    if (all) {
        view->evicted[MODEL_ALL] = all->history.evicted_through;
        view->remembered_after[MODEL_ALL] = all->history.remembered_after;
    }
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned number = client->channels[i];
        const struct channel *channel = record_of(client, i);
        if (!channel)
            fail("client %u has joined a channel without a record", client->number);
        view->evicted[number] = channel->history.evicted_through;
        view->lost[number] = wanted_through(client, number, channel);
        view->remembered_after[number] = channel->history.remembered_after;
        view->to_all[number] = channel->ending ? channel->ending->to_all : UINT64_MAX;
        if (channel->ending)
            check_ending(client, number, channel->ending);
    }
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* --- where histories begin ------------------------------------------------------------------- */

uint64_t expect_to_all(const struct client *client)
{
    uint64_t through = 0;
    for (unsigned i = 0; i < client->channel_count; i++) {
        const struct channel *channel = record_of(client, i);
        bool ended = channel && channel->ending;
        through = max(through, ended ? channel->ending->to_all : UINT64_MAX);
    }
    return through;
}

static uint64_t view_to_all(const struct client *client, const struct view *view)
{
    uint64_t through = 0;
    for (unsigned i = 0; i < client->channel_count; i++)
        through = max(through, view->to_all[client->channels[i]]);
    return through;
}

/* Up to here the channel's history is gone: its own, or with those to all that it had. */
static uint64_t lost_through(const struct view *view, unsigned channel)
{
    return max(view->evicted[channel], min(view->evicted[MODEL_ALL], view->to_all[channel]));
}

/* Up to here the events to all are gone for the client: because they are, or because none of its
 * channels goes back so far. */
static uint64_t lost_to_all(const struct client *client, const struct view *view)
{
    uint64_t begin = UINT64_MAX;
    for (unsigned i = 0; i < client->channel_count; i++)
        begin = min(begin, view->lost[client->channels[i]]);
    return max(begin, min(view->evicted[MODEL_ALL], view_to_all(client, view)));
}

static bool is_retained(const struct client *client, const struct view *view, uint64_t sequence)
{
    unsigned channel = model_at(client->model, sequence)->channel;
    if (channel == MODEL_ALL)
        return sequence > lost_to_all(client, view) && sequence <= view_to_all(client, view);
    for (unsigned i = 0; i < client->channel_count; i++)
        if (client->channels[i] == channel)
            return sequence > lost_through(view, channel);
    return false;
}

/* The newest retained event of the subscription before `end`; 0: none. */
static uint64_t newest_before(const struct client *client, const struct view *view, uint64_t end)
{
    for (uint64_t sequence = end - 1; sequence >= 1; sequence--)
        if (is_retained(client, view, sequence))
            return sequence;
    return 0;
}

/* --- where it starts ------------------------------------------------------------------------- */

static uint64_t start_of_last(const struct client *client, const struct view *view)
{
    uint64_t oldest = client->before; /* the newest that there were when it asked */
    for (uint32_t i = 0; i < client->last; i++) {
        uint64_t newest = newest_before(client, view, oldest);
        if (newest == 0)
            break;
        oldest = newest;
    }
    return oldest - 1;
}

/* Whether its worker has the event, be it in a history that begins later by now. */
static bool is_kept(const struct client *client, const struct view *view, uint64_t sequence)
{
    unsigned channel = model_at(client->model, sequence)->channel;
    bool its = channel == MODEL_ALL;
    for (unsigned i = 0; i < client->channel_count; i++)
        its |= client->channels[i] == channel;
    return its && sequence > view->evicted[channel];
}

/* A given id is a position if exactly one retained event of the subscription has it. */
static bool find_given(const struct client *client, const struct view *view, uint64_t *ret_sequence)
{
    struct text id = {client->resume.at, client->resume.len};
    unsigned found = 0;
    for (uint64_t at = view->position - 1; at >= 1; at--) {
        if (!is_kept(client, view, at) || !text_equals(model_at(client->model, at)->id, id))
            continue;
        found++;
        *ret_sequence = at;
    }
    return found == 1;
}

static void expect_fresh(struct client *client, const struct view *view)
{
    client->header = "none";
    client->has_preface_id = !client->once;
    client->start = client->since ? client->since - 1 : client->before - 1;
    if (client->last)
        client->start = client->since ? min(client->start, start_of_last(client, view))
                                      : start_of_last(client, view);
    /* What was let go before it was there is not owed to it. */
    if (client->channel_count == 1)
        client->start = max(client->start,
                            max(view->lost[client->channels[0]],
                                min(view->evicted[MODEL_ALL], view->to_all[client->channels[0]])));
    client->cursor = client->start;
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        client->through[channel] = max(client->start, lost_through(view, channel));
    }
    client->through[MODEL_ALL] = max(client->start, lost_to_all(client, view));
}

/* How many events of a history came behind `sequence`, up to `through`; -1: nobody knows. */
static int64_t missed(const struct client *client, const struct view *view, unsigned channel,
                      uint64_t sequence, uint64_t through)
{
    if (through <= sequence)
        return 0;
    if (sequence < view->evicted[channel] && sequence < view->remembered_after[channel])
        return -1;
    return (int64_t)model_count(client->model, channel, sequence, through);
}

static int64_t sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

/* Of what is retained behind `from`, up to `end`, all is passed over: how many there are, and the
 * newest of them. */
static int64_t passed_over(const struct client *client, unsigned channel, uint64_t from,
                           uint64_t end, uint64_t *ret_to)
{
    int64_t count = (int64_t)model_count(client->model, channel, from, end);
    if (count)
        *ret_to = max(*ret_to, model_last_before(client->model, channel, end + 1));
    return count;
}

/* What is lost behind `sequence`, and behind what was told before. */
static void expect_losses(struct client *client, const struct view *view, bool everywhere,
                          uint64_t sequence)
{
    uint64_t to = lost_to_all(client, view), last = view->position - 1;
    uint64_t told = max(sequence, client->through[MODEL_ALL]);
    int64_t all = missed(client, view, MODEL_ALL, told, to);
    bool with_all = all != 0;
    uint64_t through_all = client->through[MODEL_ALL] = max(told, to);
    if (view->passes_over) {
        int64_t more =
            passed_over(client, MODEL_ALL, through_all, min(last, view_to_all(client, view)), &to);
        with_all |= more != 0;
        all = sum(all, more);
        client->through[MODEL_ALL] = max(through_all, last);
    }
    client->gap_count = client->gaps_seen = 0;
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        uint64_t through = max(sequence, client->through[channel]);
        uint64_t lost = lost_through(view, channel);
        int64_t own = missed(client, view, channel, through, lost);
        client->through[channel] = max(through, lost);
        uint64_t let_go = min(view->evicted[MODEL_ALL], view->to_all[channel]);
        bool its =
            view->lost[channel] > through || missed(client, view, channel, through, let_go) != 0;
        if (view->passes_over) {
            uint64_t close = command_close(client, channel);
            int64_t more = passed_over(client, channel, client->through[channel],
                                       close ? min(last, close) : last, &lost);
            its |= more != 0;
            own = sum(own, more);
            client->through[channel] = max(client->through[channel], last);
        }
        bool with = i == 0 && with_all;
        if (!everywhere && !its && !with)
            continue;
        client->gap_to[client->gap_count] = with ? max(lost, to) : lost;
        client->gap_missed[client->gap_count] = everywhere ? -1 : with ? sum(own, all) : own;
        client->gaps[client->gap_count++] = channel;
    }
}

static void expect_gaps(struct client *client, const struct view *view, bool everywhere,
                        uint64_t sequence)
{
    expect_losses(client, view, everywhere, sequence);
    /* The position before the first event that follows and is there already. */
    uint64_t next = client_next(client);
    client->gap_position = next && next < view->position ? next - 1 : view->position - 1;
}

/* Without a resume point, but since a position: what is gone from there on is told. */
static bool expect_owed(struct client *client, const struct view *view)
{
    client->cursor = client->start = client->since - 1;
    expect_gaps(client, view, false, client->start);
    client->header = "none";
    client->has_preface_id = !client->once;
    client->reason = "expired";
    client->from_is_told = true;
    return client->gap_count > 0;
}

static void expect_retained(struct client *client, const struct view *view)
{
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        client->retained +=
            model_count(client->model, channel, client->through[channel], view->position - 1);
    }
    client->retained += model_count(client->model, MODEL_ALL, client->through[MODEL_ALL],
                                    min(view->position - 1, view_to_all(client, view)));
}

static void expect_position(struct client *client, const struct view *given)
{
    struct view view = *given;
    if (view.position < client->before)
        fail("client %u has joined at %llu, before its own %llu", client->number,
             (unsigned long long)view.position, (unsigned long long)client->before);
    if (!client->has_resume) {
        if (!client->since || !expect_owed(client, &view))
            expect_fresh(client, &view);
        return;
    }
    struct text point = {client->resume.at, client->resume.len};
    uint64_t sequence;
    enum id_origin origin = id_read(client->ids, point, &sequence);
    bool ours = origin != ID_OTHER;
    client->from_is_told = ours || (point.len && frame_check_id(point) == FRAME_OK);
    client->has_preface_id = client->from_is_told;
    bool everywhere = true;
    client->reason = "unknown";
    if (origin == ID_RESTARTED) {
        client->reason = "restarted";
    } else if (ours ? sequence < client->before
                    : client->from_is_told && find_given(client, &view, &sequence)) {
        client->reason = "expired";
        everywhere = false;
    }
    if (everywhere)
        sequence = 0;
    client->cursor = sequence;
    expect_gaps(client, &view, everywhere, sequence);
    client->header = client->gap_count ? "gap" : "complete";
}

void expect_greeting(struct client *client)
{
    struct view view;
    view_take(client, &view);
    expect_position(client, &view);
    expect_retained(client, &view);
    client->greeting_gaps = client->gap_count;
}

/* --- in the middle of the stream -------------------------------------------------------------- */

struct frame *__real_gap_frame(struct worker *worker, struct subscriber *subscriber,
                               const struct gap *gap);
struct frame *__wrap_gap_frame(struct worker *worker, struct subscriber *subscriber,
                               const struct gap *gap);
void __real_gap_was_told(const struct worker *worker, struct subscriber *subscriber);
void __wrap_gap_was_told(const struct worker *worker, struct subscriber *subscriber);

/* NULL: it is about to join. */
static struct client *client_of(const struct subscriber *subscriber)
{
    return subscriber->handle < 0 ? NULL
                                  : sim_socket_find(&world->sim, subscriber->handle)->context;
}

/* A notice says what was gone when it was made. One that was not begun is made anew. */
struct frame *__wrap_gap_frame(struct worker *worker, struct subscriber *subscriber,
                               const struct gap *gap)
{
    struct client *client = client_of(subscriber);
    struct view view;
    if (client) {
        view_take(client, &view);
        view.passes_over = gap->all;
        if (client->notices.len && !client->notice_begun)
            client->notices.len -= sizeof(view);
        bytes_add(&client->notices, (const char *)&view, sizeof(view));
        client->notice_begun = false;
    }
    return __real_gap_frame(worker, subscriber, gap);
}

void __wrap_gap_was_told(const struct worker *worker, struct subscriber *subscriber)
{
    struct client *client = client_of(subscriber);
    if (client)
        client->notice_begun = true;
    __real_gap_was_told(worker, subscriber);
}

void expect_notice(struct client *client)
{
    struct view view;
    if (client->notices.len < sizeof(view))
        fail("client %u is told a gap that nobody made", client->number);
    memcpy(&view, client->notices.at, sizeof(view));
    client->notices.len -= sizeof(view);
    memmove(client->notices.at, client->notices.at + sizeof(view), client->notices.len);
    client->reason = view.passes_over ? "stuck" : "slow";
    client->is_skipped = true;
    expect_losses(client, &view, false, client->cursor);
    if (client->gap_count == 0)
        fail("client %u is told a gap although nothing is lost", client->number);
}
