/* SPDX-License-Identifier: MIT */
/*
 * The hub while everything happens at once: publishers publish, subscribers join, leave, are cut
 * and resume, and in the midst of it the hub is closed and stopped.
 *
 * All events go to channels `a` and `b`, so who listens to both must see every sequence from its
 * joining point (B, or its resume point) without a hole, to the last number claimed; who listens to
 * one must see each publisher's events of it numbered without a hole. Sockets are socketpairs. For
 * ThreadSanitizer, and for AddressSanitizer's use-after-free.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/hub.h"
#include "tests/e2e/check.h"
#include "tests/e2e/stream.h"

#define PUBLISHERS 3u
#define READERS    2u
#define STREAMS    24u /* of each reader */

struct member {
    struct stream stream;
    bool both;
    uint64_t next;                    /* sequence that must come, of those that listen to both */
    uint32_t next_number[PUBLISHERS]; /* of channel `a`; UINT32_MAX: any */
    uint64_t leave_after;             /* events */
};

struct reader {
    unsigned seed;
    struct member members[STREAMS];
    unsigned joins, resumes, cut_early;
};

static struct hub *hub;
static atomic_bool closing;     /* no more joining */
static atomic_uint joining;     /* readers that may still call hub_subscribe */
static atomic_ullong delivered; /* events read by all */
static _Atomic uint64_t refused_after_close;
static struct reader readers[READERS];

static void on_event(struct stream *stream, const struct stream_event *event)
{
    struct member *member = stream->context;
    uint64_t sequence = strtoull(event->id + 13, NULL, 16);
    unsigned publisher, number;
    char channel;

    REQUIRE(sscanf(event->data, "%c %u %u", &channel, &publisher, &number) == 3 &&
                publisher < PUBLISHERS,
            "type %s, data \"%s\", id %s", event->type, event->data, event->id);
    REQUIRE(sequence >= member->next, "sequence %llu, wanted %llu", (unsigned long long)sequence,
            (unsigned long long)member->next);
    if (member->both) {
        REQUIRE(sequence == member->next, "sequence %llu, wanted %llu; event %llu of this stream",
                (unsigned long long)sequence, (unsigned long long)member->next,
                (unsigned long long)stream->seen);
    } else {
        uint32_t *next = &member->next_number[publisher];
        REQUIRE(channel == 'a', "an event of channel %c", channel);
        REQUIRE(*next == UINT32_MAX || number == *next, "publisher %u: %u, wanted %u", publisher,
                number, *next);
        *next = number + 1;
    }
    member->next = sequence + 1;
    delivered++;
}

static void wait_for_room(struct hub_waiter *waiter, struct frame **frames, unsigned count,
                          int *ret_r)
{
    struct pollfd ready = {.fd = waiter->eventfd, .events = POLLIN};
    uint64_t first, ignored;

    hub_waiter_arm(hub, waiter);
    *ret_r = hub_publish(hub, frames, count, &first);
    if (*ret_r != HUB_BUSY)
        return;
    if (waiter->eventfd == HUB_WAITER_SLEEPS) {
        REQUIRE(hub_waiter_sleep(hub, waiter, clock_ns() + DEADLINE_MS * INT64_C(1000000)),
                "a sleeping publisher was never woken");
        return;
    }
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "a waiting publisher was never woken");
    REQUIRE(read(waiter->eventfd, &ignored, sizeof(ignored)) == sizeof(ignored), "eventfd");
}

/* Publishes until the hub is closed. Numbers count per channel. */
static void *publisher_run(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument, seed = 5 + publisher;
    unsigned numbers[2] = {0, 0};
    struct hub_waiter waiter = {0};
    char data[8][400];
    int r = 0;

    hub_waiter_add(hub, &waiter,
                   publisher % 2 ? HUB_WAITER_SLEEPS : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    while (r == 0) {
        struct frame *frames[8];
        unsigned count = 1 + (unsigned)rand_r(&seed) % 8;
        uint64_t first;
        for (unsigned i = 0; i < count; i++) {
            unsigned channel = (unsigned)rand_r(&seed) % 2;
            int len = snprintf(data[i], sizeof(data[i]), "%c %u %u %*s", 'a' + channel, publisher,
                               numbers[channel]++, rand_r(&seed) % 60, "");
            struct event event = {.channel = channel ? TEXT("b") : TEXT("a"),
                                  .data = {data[i], (size_t)len},
                                  .retry_ms = -1};
            REQUIRE(hub_frame(hub, &event, &frames[i]) == 0, "hub_frame");
        }
        r = hub_publish(hub, frames, count, &first);
        while (r == HUB_BUSY)
            wait_for_room(&waiter, frames, count, &r);
        REQUIRE(r == 0 || r == -ESHUTDOWN, "hub_publish gives %d", r);
        if (r == -ESHUTDOWN) {
            refused_after_close += count;
            for (unsigned i = 0; i < count; i++)
                frame_unref(frames[i]);
        }
    }
    hub_waiter_remove(hub, &waiter);
    if (waiter.eventfd != HUB_WAITER_SLEEPS)
        close(waiter.eventfd);
    return NULL;
}

/* Joins, or joins again where it left off. */
static void member_join(struct reader *reader, struct member *member, bool resume)
{
    const struct text channels[] = {TEXT("a"), TEXT("b")};
    int fds[2];
    char id[136] = "";

    if (resume) {
        strcpy(id, member->stream.last_id);
        reader->resumes++;
        reader->cut_early += member->stream.seen == 0;
    }
    stream_close(&member->stream);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "%s",
            strerror(errno));
    struct subscribe_request request = {.fd = fds[1],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = member->both ? 2 : 1,
                                        .has_resume = resume,
                                        .resume = text_of(id),
                                        .head = TEXT("Cache-Control: no-store\r\n")};
    if (!resume) {
        member->next = request.before;
        memset(member->next_number, 0xff, sizeof(member->next_number));
    }
    int r = hub_subscribe(hub, &request, NULL);
    REQUIRE(r == 0, "hub_subscribe gives %d", r);
    stream_init(&member->stream, fds[0], on_event, member);
    member->leave_after = rand_r(&reader->seed) % 4 ? (uint64_t)rand_r(&reader->seed) % 3000 : 0;
    __atomic_fetch_add(&reader->joins, 1, __ATOMIC_RELAXED);
}

/* Takes part of what is there, so that cuts fall anywhere. False: nothing came. */
static bool member_read(struct reader *reader, struct member *member)
{
    uint64_t before = member->stream.bytes;

    stream_take(&member->stream, 1 + (size_t)rand_r(&reader->seed) % (before < 400 ? 200 : 65536));
    if (member->stream.status)
        REQUIRE(member->stream.status == 200, "status %d", member->stream.status);
    if (member->stream.closed)
        REQUIRE(closing && member->stream.ended, "a subscriber was closed after %llu events",
                (unsigned long long)member->stream.seen);
    return member->stream.bytes != before;
}

static void reader_wait(struct reader *reader)
{
    struct pollfd ready[STREAMS];

    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *stream = &reader->members[i].stream;
        ready[i] = (struct pollfd){.fd = stream->closed ? -1 : stream->fd, .events = POLLIN};
    }
    REQUIRE(poll(ready, STREAMS, DEADLINE_MS) > 0, "no subscriber got anything for %d ms",
            DEADLINE_MS);
}

static void *reader_run(void *argument)
{
    struct reader *reader = argument;
    bool may_join = true;
    unsigned open = STREAMS;

    for (unsigned i = 0; i < STREAMS; i++) {
        reader->members[i].both = i % 3 != 0;
        reader->members[i].stream.fd = -1;
        member_join(reader, &reader->members[i], false);
    }
    while (open > 0) {
        bool moved = false;
        if (may_join && closing) {
            may_join = false;
            joining--;
        }
        open = 0;
        for (unsigned i = 0; i < STREAMS; i++) {
            struct member *member = &reader->members[i];
            if (member->stream.closed)
                continue;
            moved = member_read(reader, member) || moved;
            open += !member->stream.closed;
            if (may_join && member->stream.seen >= member->leave_after && member->stream.last_id[0])
                member_join(reader, member, rand_r(&reader->seed) % 2);
        }
        if (!moved && open > 0)
            reader_wait(reader);
    }
    return NULL;
}

static void await(const char *what, bool (*done)(void))
{
    int64_t deadline = check_now_ms() + 2 * DEADLINE_MS;

    while (!done()) {
        REQUIRE(check_now_ms() < deadline, "%s does not come; %llu events read", what,
                (unsigned long long)delivered);
        poll(NULL, 0, 1);
    }
}

static bool busy_enough(void)
{
    unsigned joins = 0;

    for (unsigned i = 0; i < READERS; i++)
        joins += __atomic_load_n(&readers[i].joins, __ATOMIC_RELAXED);
    return delivered > check_scaled(1000000) && joins > check_scaled(2000);
}

static bool nobody_joins(void)
{
    return joining == 0;
}

static void case_all_at_once(void)
{
    pthread_t threads[PUBLISHERS + READERS];
    struct hub_options options;
    struct stats stats;
    unsigned count = 0;

    hub_options_default(&options);
    options.workers = 2;
    options.io = check_registers() ? IO_URING : check_on_ring() ? IO_URING_COMPAT : IO_EPOLL;
    /* A starved reader thread is neither a slow client nor one that is cut at the end. */
    options.slow_after_ms = 60000;
    options.drain_timeout_ms = 60000;
    /* Room for all: who is cut while far behind must find everything again. */
    options.history_events = 10000000;
    options.history_bytes = UINT64_C(2) << 30;
    int r = hub_new(&options, &hub);
    REQUIRE(r == 0, "hub_new gives %d", r);
    r = hub_start(hub);
    REQUIRE(r == 0, "hub_start gives %d", r);
    printf("   %s\n", hub_io_name(hub));
    joining = READERS;
    for (unsigned i = 0; i < READERS; i++) {
        readers[i].seed = 99 + i;
        pthread_create(&threads[count++], NULL, reader_run, &readers[i]);
    }
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[count++], NULL, publisher_run, (void *)i);
    await("enough work", busy_enough);
    closing = true;
    await("the last join", nobody_joins);
    hub_close(hub); /* The publishers are still busy. */
    hub_stop(hub);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    uint64_t end = hub_next_sequence(hub);
    hub_stats(hub, &stats);
    EXPECT_INT(stats.published, end - 1);
    EXPECT_INT(stats.subscribers, 0);
    EXPECT_INT(stats.in_flight_bytes, 0);
    EXPECT_INT(stats.closed_cut, 0);
    EXPECT_INT(stats.gaps_told, 0);
    EXPECT(refused_after_close > 0, "no publisher saw the close");
    for (unsigned i = 0; i < READERS; i++) {
        for (unsigned m = 0; m < STREAMS; m++) {
            struct member *member = &readers[i].members[m];
            if (member->both)
                EXPECT_INT(member->next, end);
            stream_close(&member->stream);
        }
        printf("   reader %u: %u joins, %u of them resumed, %u of those cut before an event\n", i,
               readers[i].joins, readers[i].resumes, readers[i].cut_early);
    }
    printf("   %llu events published, %llu delivered\n", (unsigned long long)(end - 1),
           (unsigned long long)delivered);
    hub = hub_free(hub);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("all_at_once", case_all_at_once);
    return check_end();
}
