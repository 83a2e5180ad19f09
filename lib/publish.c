/* SPDX-License-Identifier: MIT */
/*
 * Publishing from the program's own threads: fanfare_publish and its kin, and what they wait for.
 *
 * Events become frames here, on the caller's thread; the frames become the hub's in one step, whole
 * or not at all. Who does not wait learns that there is no room before a frame is built. Who waits
 * builds its frames once, and sleeps between tries without a descriptor (engine/waiter.h). No place
 * here is one where a thread is cancelled.
 */
#include "lib/publish.h"

#include <errno.h>

#include "engine/base/clock.h"
#include "lib/event.h"
#include "lib/instance.h"
#include "net/feed/event_text.h"

enum { WAIT_MS_MAX = 24 * 60 * 60 * 1000 };

static void unref_all(struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        frame_unref(frames[i]);
}

/* --- frames that are built ------------------------------------------------------------------- */

/* After HUB_KNOWN: how many were published before, which are the caller's still. Where all of them
 * were, the first one's number is told. */
static int count_known(struct frame *const *frames, unsigned count, uint64_t *ret_first)
{
    int known = 0;
    for (unsigned i = 0; i < count; i++)
        known += frames[i] != NULL;
    if (known == (int)count)
        *ret_first = frames[0]->sequence;
    return known;
}

/* The frames are gone in any case but -EAGAIN. */
static int hand_over(struct hub *hub, struct frame **frames, unsigned count, uint64_t *ret_first)
{
    uint64_t first;
    int r = hub_publish(hub, frames, count, &first);
    if (__builtin_expect(r == 0, 1)) {
        if (ret_first)
            *ret_first = first;
        return 0;
    }
    if (r == HUB_BUSY)
        return -EAGAIN;
    if (r == HUB_KNOWN) {
        r = count_known(frames, count, &first);
        if (ret_first)
            *ret_first = first;
    } else if (r == HUB_ENDED) {
        r = FANFARE_ERROR_ENDED;
    } else if (r == HUB_TWICE) {
        r = FANFARE_ERROR_KEY_TWICE;
    }
    unref_all(frames, count);
    return r;
}

/* Armed before each try, so that room that comes after it is heard of. */
static int wait_and_hand_over(struct hub *hub, struct frame **frames, unsigned count,
                              int64_t until_ns, uint64_t *ret_first)
{
    struct hub_waiter waiter;
    int r;
    hub_waiter_add(hub, &waiter, HUB_WAITER_SLEEPS);
    do {
        hub_waiter_arm(hub, &waiter);
        r = hand_over(hub, frames, count, ret_first);
    } while (r == -EAGAIN && hub_waiter_sleep(hub, &waiter, until_ns));
    hub_waiter_remove(hub, &waiter);
    return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* As long as the caller allows; the frames are gone in any case. */
static int publish_frames(struct hub *hub, struct frame **frames, unsigned count, int timeout_ms,
                          uint64_t *ret_first)
{
    int r = hand_over(hub, frames, count, ret_first);
    if (__builtin_expect(r != -EAGAIN, 1))
        return r;
    if (timeout_ms != 0) {
        int64_t until_ns = INT64_MAX;
        if (timeout_ms > WAIT_MS_MAX)
            timeout_ms = WAIT_MS_MAX;
        if (timeout_ms != FANFARE_FOREVER)
            until_ns = clock_ns() + (int64_t)timeout_ms * 1000000;
        r = wait_and_hand_over(hub, frames, count, until_ns, ret_first);
    }
    if (r == -EAGAIN || r == -ETIMEDOUT)
        unref_all(frames, count);
    return r;
}

/* --- events ---------------------------------------------------------------------------------- */

/* 0, or why not at all: of the engine, and of a call that may wait so long. */
static int may_publish(const struct fanfare *fanfare, int timeout_ms)
{
    int r = instance_running(fanfare);
    if (r < 0)
        return r;
    if (timeout_ms < FANFARE_FOREVER)
        return -EINVAL;
    return timeout_ms != 0 && instance_in_hook ? -EDEADLK : 0;
}

static int build(struct hub *hub, const struct event *event, struct frame **ret_frame)
{
    int r = hub_frame(hub, event, ret_frame);
    return __builtin_expect(r > 0, 0) ? event_error((enum frame_fault)r) : r;
}

/* `waits`: that there is no room is no reason to stop. */
static int build_all(struct hub *hub, const struct fanfare_event *events, unsigned count,
                     bool waits, struct frame **frames)
{
    unsigned built = 0;
    int r = 0;
    const char *at = (const char *)events;
    for (; r == 0 && built < count; built += r == 0, at += events->size) {
        const struct fanfare_event *given = (const void *)at;
        struct event event;
        r = given->size == events->size ? event_read(given, &event) : -EINVAL;
        if (r == 0 && built == 0 && !waits && !hub_admits(hub, &event, count))
            r = -EAGAIN;
        if (r == 0)
            r = build(hub, &event, &frames[built]);
    }
    if (r != 0)
        unref_all(frames, built);
    return r;
}

static int check_count(const struct fanfare_event *events, unsigned count)
{
    if (!events || count == 0)
        return -EINVAL;
    return count > FANFARE_EVENTS_MAX ? -E2BIG : 0;
}

static int publish_given(struct hub *hub, const struct fanfare_event *events, unsigned count,
                         int timeout_ms, uint64_t *ret_first)
{
    struct frame *frames[FANFARE_EVENTS_MAX];
    int r = check_count(events, count);
    if (r == 0)
        r = build_all(hub, events, count, timeout_ms != 0, frames);
    return r == 0 ? publish_frames(hub, frames, count, timeout_ms, ret_first) : r;
}

int publish_try(struct hub *hub, const struct fanfare_event *events, unsigned count,
                uint64_t *ret_first)
{
    return publish_given(hub, events, count, 0, ret_first);
}

int fanfare_publish_events(struct fanfare *fanfare, const struct fanfare_event *events,
                           unsigned count, int timeout_ms, uint64_t *ret_first)
{
    int r = may_publish(fanfare, timeout_ms);
    return r < 0 ? r : publish_given(fanfare->hub, events, count, timeout_ms, ret_first);
}

int fanfare_publish(struct fanfare *fanfare, const char *channel, const char *type,
                    const char *data, size_t data_len, int timeout_ms, uint64_t *ret_sequence)
{
    int r = may_publish(fanfare, timeout_ms);
    if (r < 0)
        return r;
    if (!data && data_len > 0 && data_len != FANFARE_NUL)
        return -EINVAL;
    struct event event = {.channel = text_of(channel),
                          .type = text_of(type),
                          .data = text_given(data, data_len),
                          .retry_ms = -1,
                          .without_data = !data};
    if (timeout_ms == 0 && !hub_admits(fanfare->hub, &event, 1))
        return -EAGAIN;
    struct frame *frame;
    r = build(fanfare->hub, &event, &frame);
    return r == 0 ? publish_frames(fanfare->hub, &frame, 1, timeout_ms, ret_sequence) : r;
}

int fanfare_event_check(const struct fanfare_event *event)
{
    struct event read;
    int r = event_read(event, &read);
    return r < 0 ? r : event_error(frame_check_event(&read));
}

/* --- text ------------------------------------------------------------------------------------ */

/* What the parser found to be an event: `ack:` and its kin are a connection's, which a call has
 * none of. */
static int add_event(struct hub *hub, const struct event_text *parser, struct frame **frames,
                     unsigned *count)
{
    if (parser->ack.len || parser->wait_no || parser->counts)
        return FANFARE_ERROR_SYNTAX;
    if (*count == FANFARE_EVENTS_MAX)
        return -E2BIG;
    int r = build(hub, &parser->event, &frames[*count]);
    *count += r == 0;
    return r;
}

static int refused(const struct event_text *parser)
{
    return parser->fault == EVENT_TEXT_LARGE    ? FANFARE_ERROR_DATA_LONG
           : parser->fault == EVENT_TEXT_MEMORY ? -ENOMEM
                                                : FANFARE_ERROR_SYNTAX;
}

/* All of the text's events; those that were built are the caller's, whatever the result. */
static int build_text(struct hub *hub, struct text text, struct frame **frames, unsigned *count)
{
    struct event_text parser;
    enum event_text_result result = EVENT_TEXT_EVENT;
    int r = 0;
    event_text_init(&parser, FANFARE_DATA_MAX, true);
    while (r == 0 && result != EVENT_TEXT_MORE) {
        size_t consumed;
        result = event_text_read(&parser, text.at, text.len, &consumed);
        text = (struct text){text.at + consumed, text.len - consumed};
        if (result == EVENT_TEXT_EVENT)
            r = add_event(hub, &parser, frames, count);
        else if (result == EVENT_TEXT_ADOPTION)
            r = FANFARE_ERROR_SYNTAX;
        else if (result == EVENT_TEXT_REFUSED)
            r = refused(&parser);
    }
    if (r == 0 && event_text_end(&parser) == EVENT_TEXT_REFUSED)
        r = refused(&parser);
    event_text_deinit(&parser);
    return r == 0 && *count == 0 ? -EINVAL : r;
}

int fanfare_publish_text(struct fanfare *fanfare, const char *text, size_t text_len, int timeout_ms,
                         uint64_t *ret_first, unsigned *ret_count)
{
    struct frame *frames[FANFARE_EVENTS_MAX];
    unsigned count = 0;
    int r = may_publish(fanfare, timeout_ms);
    if (r < 0)
        return r;
    if (!text)
        return -EINVAL;
    r = build_text(fanfare->hub, text_given(text, text_len), frames, &count);
    if (r != 0) {
        unref_all(frames, count);
        return r;
    }
    r = publish_frames(fanfare->hub, frames, count, timeout_ms, ret_first);
    if (r >= 0 && ret_count)
        *ret_count = count;
    return r;
}

/* --- places in the order --------------------------------------------------------------------- */

int fanfare_id_format(const struct fanfare *fanfare, uint64_t sequence, char *id)
{
    int r = instance_begun(fanfare);
    if (r < 0)
        return r;
    if (!id || sequence == 0 || sequence >> ID_EPOCH_BITS)
        return -EINVAL;
    id_format(id, hub_ids(fanfare->hub), sequence);
    id[ID_LEN] = '\0';
    return ID_LEN;
}

int fanfare_id_parse(const struct fanfare *fanfare, const char *id, size_t id_len,
                     uint64_t *ret_sequence)
{
    uint64_t sequence;
    int r = instance_begun(fanfare);
    if (r < 0)
        return r;
    if (!id || !ret_sequence ||
        id_read(hub_ids(fanfare->hub), text_given(id, id_len), &sequence) != ID_OURS)
        return -EINVAL;
    *ret_sequence = sequence;
    return 0;
}

uint64_t fanfare_position(const struct fanfare *fanfare)
{
    return instance_begun(fanfare) < 0 ? 0 : hub_next_sequence(fanfare->hub);
}
