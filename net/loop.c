/* SPDX-License-Identifier: MIT */
/* Waiting, deadlines and the count of memory of one thread: see loop.h. */
#include "net/loop.h"

#include <errno.h>
#include <unistd.h>

#include "engine/base/clock.h"

int loop_init(struct loop *loop, struct hub *hub)
{
    loop->hub = hub;
    loop->now_ns = clock_ns();
    list_init(&loop->open);
    list_init(&loop->ready);
    list_init(&loop->closed);
    for (unsigned i = 0; i < DEADLINE_KINDS; i++)
        list_init(&loop->deadlines[i]);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_deinit(struct loop *loop)
{
    loop_tell_memory(loop);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

/* --- events -------------------------------------------------------------------------------- */

int loop_control(struct loop *loop, int operation, int fd, uint32_t events, struct source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop->epoll_fd, operation, fd, &event) ? -errno : 0;
}

void loop_forget(struct loop *loop, int fd)
{
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static int timeout_ms(int64_t until_ns)
{
    if (until_ns == INT64_MAX)
        return -1;
    int64_t left_ns = until_ns - clock_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

void loop_wait(struct loop *loop, int64_t until_ns)
{
    int count = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_MAX, timeout_ms(until_ns));
    CHECK(count >= 0 || errno == EINTR);
    loop->event_count = count;
    loop->body_bytes = 0;
    loop->now_ns = clock_ns();
}

void loop_dispatch(struct loop *loop)
{
    for (int i = 0; i < loop->event_count; i++) {
        struct source *source = loop->events[i].data.ptr;
        source->on_event(source);
    }
}

bool loop_may_decode(struct loop *loop, size_t bytes)
{
    if (loop->body_bytes > 0 && loop->body_bytes + bytes > ROUND_BODY_BYTES)
        return false;
    loop->body_bytes += bytes;
    return true;
}

/* --- deadlines ----------------------------------------------------------------------------- */

void loop_set_deadline(struct loop *loop, struct deadline *deadline, enum deadline_kind kind)
{
    list_remove(&deadline->link);
    deadline->kind = (uint8_t)kind;
    if (kind == DEADLINE_NONE)
        return;
    deadline->at_ns = loop->now_ns + loop->duration_ns[kind];
    list_add(&loop->deadlines[kind], &deadline->link);
}

struct deadline *loop_first(const struct loop *loop, enum deadline_kind kind)
{
    const struct link *list = &loop->deadlines[kind];
    return list_is_empty(list) ? NULL : LINK_OWNER(list->next, struct deadline, link);
}

struct deadline *loop_after(const struct loop *loop, const struct deadline *deadline)
{
    const struct link *list = &loop->deadlines[deadline->kind];
    struct link *next = deadline->link.next;
    return next == list ? NULL : LINK_OWNER(next, struct deadline, link);
}

int64_t loop_since_ns(const struct loop *loop, const struct deadline *deadline)
{
    return deadline->at_ns - loop->duration_ns[deadline->kind];
}

struct deadline *loop_expired(struct loop *loop)
{
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++) {
        struct deadline *first = loop_first(loop, (enum deadline_kind)i);
        if (first && first->at_ns <= loop->now_ns)
            return first;
    }
    return NULL;
}

int64_t loop_next_deadline(const struct loop *loop)
{
    int64_t next_ns = INT64_MAX;
    for (unsigned i = DEADLINE_NONE + 1; i < DEADLINE_KINDS; i++) {
        const struct deadline *first = loop_first(loop, (enum deadline_kind)i);
        if (first && first->at_ns < next_ns)
            next_ns = first->at_ns;
    }
    return next_ns;
}

/* Behind the first that is soon enough all are: the list is in order. */
void loop_set_duration(struct loop *loop, enum deadline_kind kind, int64_t duration_ns)
{
    loop->duration_ns[kind] = duration_ns;
    int64_t latest_ns = loop->now_ns + duration_ns;
    struct link *list = &loop->deadlines[kind];
    for (struct link *link = list->previous; link != list; link = link->previous) {
        struct deadline *deadline = LINK_OWNER(link, struct deadline, link);
        if (deadline->at_ns <= latest_ns)
            return;
        deadline->at_ns = latest_ns;
    }
}

/* --- memory -------------------------------------------------------------------------------- */

void loop_tell_memory(struct loop *loop)
{
    if (loop->memory_change)
        hub_count_memory(loop->hub, loop->memory_change);
    loop->memory_change = 0;
}

void loop_count_memory(struct loop *loop, int64_t change)
{
    loop->memory_change += change;
    if (loop->memory_change > MEMORY_BATCH_BYTES || loop->memory_change < -MEMORY_BATCH_BYTES)
        loop_tell_memory(loop);
}
