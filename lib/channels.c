/* SPDX-License-Identifier: MIT */
/*
 * Looking at channels, and closing one.
 *
 * What there is of a channel is the workers' own; they are asked (engine/control.h), and whoever
 * asks sleeps until the last of them has answered. Who gives up leaves the question behind, which
 * is freed when it is done: at most CONTROLS_MAX are under way in any case. A list is gathered
 * whole, page after page, so that going through it asks nobody any more.
 */
#include <errno.h>

#include "engine/base/clock.h"
#include "engine/base/wake.h"
#include "engine/own_channel.h"
#include "lib/event.h"
#include "lib/instance.h"

/* --- questions ------------------------------------------------------------------------------- */

enum { QUESTION_ASKED, QUESTION_DONE, QUESTION_LEFT };

/* Freed by whoever comes last: the asker, or the worker that answers when nobody waits any more. */
struct question {
    struct control *control;
    _Atomic uint32_t state; /* acq_rel: the answer is whole for who sees QUESTION_DONE */
};

static struct question *question_free(struct question *question)
{
    if (question)
        control_free(question->control);
    free(question);
    return NULL;
}

/* A worker's thread. Woken, the asker may free the question at once; the word is then some other
 * memory, whose sleepers look again. */
static void on_done(struct control *control)
{
    struct question *question = control->request.context;
    uint32_t state =
        atomic_exchange_explicit(&question->state, QUESTION_DONE, memory_order_acq_rel);
    if (state == QUESTION_LEFT)
        question_free(question);
    else
        futex_wake(&question->state);
}

static bool await(struct question *question)
{
    int64_t until_ns = clock_ns() + LIBRARY_ANSWER_MS * INT64_C(1000000);
    while (atomic_load_explicit(&question->state, memory_order_acquire) == QUESTION_ASKED) {
        uint32_t asked = QUESTION_ASKED;
        if (clock_ns() < until_ns)
            futex_wait(&question->state, QUESTION_ASKED, until_ns);
        else if (atomic_compare_exchange_strong_explicit(&question->state, &asked, QUESTION_LEFT,
                                                         memory_order_acq_rel,
                                                         memory_order_acquire))
            return false;
    }
    return true;
}

/* 0 with the question, answered; CONTROL_NONE, or a negative errno. */
static int ask(struct hub *hub, const struct control_request *request,
               struct question **ret_question)
{
    struct question *question = calloc(1, sizeof(*question));
    struct control_request asked = *request;
    asked.done = on_done;
    asked.context = question;
    if (question)
        question->control = control_new(&asked, hub_workers(hub));
    if (!question || !question->control) {
        question_free(question);
        return -ENOMEM;
    }
    int r = hub_control(hub, question->control);
    if (r == 0 && !await(question))
        return -ETIMEDOUT; /* it is freed when it is done */
    if (r == 0)
        r = question->control->result;
    if (r == 0)
        *ret_question = question;
    else
        question_free(question);
    return r;
}

/* Of calls that wait for workers. */
static int may_ask(const struct fanfare *fanfare)
{
    int r = instance_running(fanfare);
    return r == 0 && instance_in_hook ? -EDEADLK : r;
}

/* --- one channel ----------------------------------------------------------------------------- */

static void tell(const struct control_channel *from, struct fanfare_channel *ret_channel)
{
    ret_channel->subscribers = from->subscribers;
    ret_channel->events = from->events;
    ret_channel->bytes = from->bytes;
    ret_channel->last = from->last;
}

int fanfare_channel_get(struct fanfare *fanfare, const char *name, size_t name_len,
                        struct fanfare_channel *ret_channel)
{
    struct control_request request = {.kind = CONTROL_CHANNEL,
                                      .channel = text_given(name, name_len)};
    struct question *question;
    struct control_channel channel;
    int r = may_ask(fanfare);
    if (r == 0)
        r = struct_check(ret_channel, sizeof(*ret_channel));
    if (r == 0)
        r = name ? event_error(frame_check_channel(request.channel)) : -EINVAL;
    if (r == 0)
        r = ask(fanfare->hub, &request, &question);
    if (r < 0)
        return r;
    if (r == CONTROL_NONE)
        return -ENOENT;
    bool found = control_next_channel(question->control, &channel);
    question_free(question);
    if (!found)
        return -ENOENT;
    tell(&channel, ret_channel);
    ret_channel->name = NULL;
    ret_channel->name_len = 0;
    return 0;
}

int fanfare_channel_close(struct fanfare *fanfare, const char *name, size_t name_len,
                          unsigned flags)
{
    struct text channel = text_given(name, name_len);
    int r = instance_running(fanfare);
    if (r < 0)
        return r;
    if (!name || (flags & ~FANFARE_FORGET))
        return -EINVAL;
    r = event_error(frame_check_channel(channel));
    if (r == 0 && channel_is_own(channel))
        r = FANFARE_ERROR_CHANNEL_OURS;
    if (r == 0)
        r = hub_close_channel(fanfare->hub, channel);
    return r == HUB_BUSY ? -EAGAIN : r;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Records, one behind the other: what is said of a channel, and its name with a NUL. */
struct fanfare_list {
    char *bytes;
    size_t len, size, at;
};

static size_t record_bytes(size_t name_len)
{
    size_t bytes = sizeof(struct fanfare_channel) + name_len + 1;
    return (bytes + alignof(struct fanfare_channel) - 1) & ~(alignof(struct fanfare_channel) - 1);
}

static int keep_channel(struct fanfare_list *list, const struct control_channel *channel)
{
    size_t needed = list->len + record_bytes(channel->name_len);
    if (needed > list->size) {
        size_t size = needed + list->size + 4096;
        char *bytes = realloc(list->bytes, size);
        if (!bytes)
            return -ENOMEM;
        list->bytes = bytes;
        list->size = size;
    }
    struct fanfare_channel *record = (void *)(list->bytes + list->len);
    *record = (struct fanfare_channel){.size = sizeof(*record), .name_len = channel->name_len};
    tell(channel, record);
    char *name = (char *)(record + 1);
    memcpy(name, channel->name, channel->name_len);
    name[channel->name_len] = '\0';
    list->len = needed;
    return 0;
}

static bool begins_with(const struct control_channel *channel, struct text prefix)
{
    return prefix.len == 0 ||
           (channel->name_len >= prefix.len && memcmp(channel->name, prefix.at, prefix.len) == 0);
}

/* The page behind `after`, which becomes its last name. 1: there is another one. */
static int keep_page(struct hub *hub, struct fanfare_list *list, struct text prefix,
                     struct control_channel *after)
{
    struct control_request request = {.kind = CONTROL_CHANNELS,
                                      .after = {after->name, after->name_len},
                                      .limit = CONTROL_LIMIT_MAX};
    struct question *question;
    int r = ask(hub, &request, &question);
    if (r != 0)
        return r == CONTROL_NONE ? 0 : r;
    bool more = true;
    while (r == 0 && more && control_next_channel(question->control, after)) {
        more = begins_with(after, prefix);
        if (more)
            r = keep_channel(list, after);
    }
    if (r == 0)
        r = more && question->control->more;
    question_free(question);
    return r;
}

/* In front of all names that begin with the prefix, and behind those in front of them: none has a
 * byte 0xff. */
static void begin_before(struct text prefix, struct control_channel *ret_after)
{
    ret_after->name_len = 0;
    if (prefix.len == 0)
        return;
    memcpy(ret_after->name, prefix.at, prefix.len);
    ret_after->name[prefix.len - 1]--;
    ret_after->name_len = (uint16_t)prefix.len;
    if (prefix.len < sizeof(ret_after->name))
        ret_after->name[ret_after->name_len++] = '\xff';
}

int fanfare_channel_list(struct fanfare *fanfare, const char *prefix,
                         struct fanfare_list **ret_list)
{
    struct text begin = text_of(prefix ? prefix : "");
    struct control_channel after;
    int r = may_ask(fanfare);
    if (r < 0)
        return r;
    if (!ret_list)
        return -EINVAL;
    struct fanfare_list *list = calloc(1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    r = begin.len <= sizeof(after.name); /* else no name begins so */
    begin_before(r ? begin : (struct text){NULL, 0}, &after);
    while (r == 1)
        r = keep_page(fanfare->hub, list, begin, &after);
    if (r < 0)
        fanfare_list_free(list);
    else
        *ret_list = list;
    return r;
}

int fanfare_list_next(struct fanfare_list *list, struct fanfare_channel *ret_channel)
{
    int r = list ? struct_check(ret_channel, sizeof(*ret_channel)) : -EINVAL;
    if (r < 0)
        return r;
    if (list->at == list->len)
        return 0;
    const struct fanfare_channel *record = (const void *)(list->bytes + list->at);
    size_t size = ret_channel->size;
    *ret_channel = *record;
    ret_channel->size = size;
    ret_channel->name = (const char *)(record + 1);
    list->at += record_bytes(record->name_len);
    return 1;
}

void fanfare_list_free(struct fanfare_list *list)
{
    if (!list)
        return;
    free(list->bytes);
    free(list);
}
