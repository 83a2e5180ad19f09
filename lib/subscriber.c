/* SPDX-License-Identifier: MIT */
/*
 * One subscriber by its id, or all of them: an event for it alone, and the end of its response.
 *
 * A wish travels to the worker as a control (engine/control.h) and frees itself there: nobody waits
 * for what comes of it, so an event that finds no room closes its subscriber, who would not hear
 * otherwise that it has lost one. Any thread.
 */
#include <errno.h>

#include "engine/control.h"
#include "lib/event.h"
#include "lib/instance.h"

/* The last worker's thread. */
static void on_done(struct control *control)
{
    control_free(control);
}

/* Takes the request's frame, on 0 alone. */
static int wish(struct fanfare *fanfare, struct control_request *request)
{
    request->done = on_done;
    struct control *control = control_new(request, hub_workers(fanfare->hub));
    if (!control)
        return -ENOMEM;
    int r = hub_control(fanfare->hub, control);
    if (r < 0) {
        control->request.frame = NULL;
        control_free(control);
    }
    return r == -EBUSY ? -EAGAIN : r;
}

static int check(const struct fanfare *fanfare, uint64_t subscriber)
{
    int r = instance_running(fanfare);
    return r == 0 && !hub_gave_id(fanfare->hub, subscriber) ? -EINVAL : r;
}

int fanfare_subscriber_send(struct fanfare *fanfare, uint64_t subscriber, const char *type,
                            const char *data, size_t data_len)
{
    struct control_request request = {
        .kind = CONTROL_SEND, .subscriber = subscriber, .or_close = true};
    struct event event = {.type = text_of(type),
                          .data = text_given(data, data_len),
                          .retry_ms = -1,
                          .without_data = !data};
    int r = check(fanfare, subscriber);
    if (r < 0)
        return r;
    if (!data && data_len > 0 && data_len != FANFARE_NUL)
        return -EINVAL;
    r = hub_private_frame(&event, &request.frame);
    if (r == 0)
        r = wish(fanfare, &request);
    else if (r > 0)
        return event_error((enum frame_fault)r);
    if (r < 0)
        frame_unref(request.frame);
    return r;
}

int fanfare_subscriber_end(struct fanfare *fanfare, uint64_t subscriber, unsigned flags)
{
    struct control_request request = {
        .kind = CONTROL_END, .subscriber = subscriber, .at_once = flags & FANFARE_AT_ONCE};
    int r = check(fanfare, subscriber);
    if (r == 0 && (flags & ~FANFARE_AT_ONCE))
        r = -EINVAL;
    return r < 0 ? r : wish(fanfare, &request);
}

int fanfare_subscriber_end_all(struct fanfare *fanfare, unsigned flags)
{
    int r = instance_running(fanfare);
    if (r == 0 && (flags & ~FANFARE_AT_ONCE))
        r = -EINVAL;
    if (r == 0)
        r = flags & FANFARE_AT_ONCE ? hub_cut(fanfare->hub) : hub_kick(fanfare->hub);
    return r == HUB_BUSY ? -EAGAIN : r;
}
