/* SPDX-License-Identifier: MIT */
/* Subscriptions, read: see subscription.h. */
#include "lib/subscription.h"

#include <errno.h>

#include "engine/base/clock.h"
#include "engine/hub.h"
#include "lib/event.h"

enum { KNOWN_FLAGS = FANFARE_HEAD_SENT | FANFARE_PLAIN };

/* The one, or all of them in a row. */
static int read_channels(const struct fanfare_subscription *given, struct subscription *ret)
{
    struct adoption *adoption = &ret->adoption;
    unsigned count = 0;
    if (given->channel_count > SUBSCRIBER_CHANNELS_MAX)
        return FANFARE_ERROR_CHANNELS;
    if (given->channel_count > 0 && !given->channels)
        return -EINVAL;
    if (given->channel)
        ret->one = text_given(given->channel, given->channel_len);
    adoption->channels = &ret->one;
    adoption->channel_count = given->channel != NULL;
    if (given->channel_count == 0)
        return 0;
    ret->channels = malloc((given->channel_count + 1) * sizeof(*ret->channels));
    if (!ret->channels)
        return -ENOMEM;
    if (given->channel)
        ret->channels[count++] = ret->one;
    for (size_t i = 0; i < given->channel_count; i++)
        ret->channels[count++] = text_given(given->channels[i], FANFARE_NUL);
    adoption->channels = ret->channels;
    adoption->channel_count = count;
    return 0;
}

static int read_event(const struct fanfare_event *given, struct frame **ret_frame)
{
    struct event event;
    int r = event_read(given, &event);
    if (r < 0)
        return r;
    if (event.channel.len > 0 || event.id.len > 0 || event.key.len > 0 || given->flags)
        return -EINVAL;
    if (event.data.len > FIRST_BYTES_MAX)
        return -E2BIG;
    r = hub_private_frame(&event, ret_frame);
    return r < 0 ? r : event_error((enum frame_fault)r);
}

/* What is told before all else. How many bytes they may be in all is the hub's to say. */
static int read_first(const struct fanfare_subscription *given, struct subscription *ret)
{
    struct adoption *adoption = &ret->adoption;
    size_t size = given->first ? given->first->size : 0;
    if (given->first_count == 0)
        return 0;
    if (!given->first || size == 0)
        return -EINVAL;
    if (given->first_count > FANFARE_EVENTS_MAX)
        return -E2BIG;
    ret->first = calloc(given->first_count, sizeof(*ret->first));
    if (!ret->first)
        return -ENOMEM;
    int r = 0;
    adoption->first = ret->first;
    for (size_t i = 0; i < given->first_count && !r; i++) {
        const struct fanfare_event *event = (const void *)((const char *)given->first + i * size);
        r = event->size == size ? read_event(event, &ret->first[i]) : -EINVAL;
        adoption->first_count += r == 0;
    }
    return r;
}

/* One that cannot be an id is no other for being longer, and is not worth the memory. */
static struct text read_resume(const struct fanfare_subscription *given)
{
    struct text resume = text_given(given->resume, given->resume ? given->resume_len : 0);
    if (resume.len > EVENT_ID_BYTES_MAX + 1)
        resume.len = EVENT_ID_BYTES_MAX + 1;
    return resume;
}

int subscription_read(const struct fanfare_subscription *given,
                      struct subscription *ret_subscription)
{
    int r = struct_check(given, sizeof(*given));
    if (r < 0)
        return r;
    if (given->flags & ~(uint32_t)KNOWN_FLAGS)
        return -E2BIG;
    struct subscription subscription = {
        .adoption = {
            .resume = read_resume(given),
            .since = given->since,
            .tag = given->tag,
            .head = text_given(given->head, given->head ? given->head_len : 0),
            .last = given->last,
            .limit = given->limit,
            .ends_ns = given->lifetime_ms ? clock_ns() + (int64_t)given->lifetime_ms * 1000000 : 0,
            .head_sent = given->flags & FANFARE_HEAD_SENT,
            .plain = given->flags & FANFARE_PLAIN,
        }};
    if (subscription.adoption.head.len > ADOPT_HEAD_BYTES_MAX)
        return FANFARE_ERROR_HEAD;
    *ret_subscription = subscription;
    r = read_channels(given, ret_subscription);
    if (!r)
        r = read_first(given, ret_subscription);
    if (r)
        subscription_deinit(ret_subscription, false);
    return r;
}

void subscription_deinit(struct subscription *subscription, bool adopted)
{
    for (unsigned i = 0; i < subscription->adoption.first_count && !adopted; i++)
        frame_unref(subscription->first[i]);
    free(subscription->first);
    free(subscription->channels);
}

int subscription_result(int r)
{
    switch (r) {
    case ADOPT_NO_CHANNEL:
    case ADOPT_MANY_CHANNELS:
    case ADOPT_TOGETHER:
        return FANFARE_ERROR_CHANNELS;
    case ADOPT_CHANNEL_EMPTY:
        return FANFARE_ERROR_CHANNEL_EMPTY;
    case ADOPT_CHANNEL_LONG:
        return FANFARE_ERROR_CHANNEL_LONG;
    case ADOPT_CHANNEL_TEXT:
        return FANFARE_ERROR_CHANNEL_TEXT;
    case ADOPT_HEAD:
        return FANFARE_ERROR_HEAD;
    default:
        return r;
    }
}
