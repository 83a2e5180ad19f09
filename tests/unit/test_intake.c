/* SPDX-License-Identifier: MIT */
/* No acknowledged event is lost where a worker's records are used up: older ones make way, those of
 * subscribers are bounded, and what has to wait is kept a turn later. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

#define CHANNELS 4u

static struct hub *hub;
static struct worker *worker;

static void begin(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    worker = hub_worker(hub, 0);
    worker->channels.most = CHANNELS;
}

static void end(void)
{
    threadless_end(hub);
}

/* One event for each letter, on the channel of that name, in one call. */
static void publish(const char *channels)
{
    struct frame *frames[16];
    unsigned count = (unsigned)strlen(channels);
    uint64_t first;
    for (unsigned i = 0; i < count; i++) {
        struct event event = {.channel = {channels + i, 1}, .data = TEXT("x"), .retry_ms = -1};
        cr_assert_eq(hub_frame(hub, &event, &frames[i]), 0);
    }
    cr_assert_eq(hub_publish(hub, frames, count, &first), 0);
}

static void settle(void)
{
    for (int turns = 0; turns < 8; turns++) {
        cr_assert_eq(worker->io->operations->wait(worker->io, 0), 0);
        worker_turn(worker);
    }
}

static struct stats stats_now(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats;
}

/* Our end of a new subscriber's connection; it was refused if it says 503. */
static int subscribe(const char *channel, bool refused)
{
    int fds[2];
    char answer[16] = "";
    struct text name = text_of(channel);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {
        .fd = fds[0], .before = hub_next_sequence(hub), .channels = &name, .channel_count = 1};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    settle();
    cr_assert_gt(read(fds[1], answer, sizeof(answer) - 1), 12);
    cr_expect_eq(strncmp(answer, "HTTP/1.1 503", 12) == 0, refused, "%s", answer);
    return fds[1];
}

Test(intake, the_channel_published_to_longest_ago_makes_way, .init = begin, .fini = end)
{
    for (char c = 'a'; c <= 'j'; c++) {
        publish((char[]){c, '\0'});
        settle();
    }
    cr_expect_eq(worker->position, 11);
    cr_expect_eq(worker->channels.count, CHANNELS);
    cr_expect_eq(stats_now().history_events, CHANNELS);
    cr_expect_eq(stats_now().channels_dropped, 10 - CHANNELS);
}

Test(intake, what_finds_no_record_waits_for_the_sweep, .init = begin, .fini = end)
{
    publish("abcdefgh");
    worker_turn(worker);
    cr_expect_eq(worker->position, 1 + CHANNELS, "nothing that is not swept makes way");
    cr_expect_eq(worker->intake.stalled, 1);
    settle();
    cr_expect_eq(worker->position, 9);
    cr_expect_eq(worker->intake.stalled, 0);
    cr_expect_eq(stats_now().history_events, CHANNELS);
}

Test(intake, subscribers_leave_half_of_the_records, .init = begin, .fini = end)
{
    int a = subscribe("a", false), b = subscribe("b", false), again = subscribe("b", false);
    int c = subscribe("c", true);
    cr_expect_eq(stats_now().refused_channels, 1);
    publish("abcdefgh");
    settle();
    cr_expect_eq(worker->position, 9);
    cr_expect_eq(worker->channels.listened, CHANNELS / 2);
    close(a);
    settle();
    cr_expect_eq(worker->channels.listened, CHANNELS / 2 - 1);
    int d = subscribe("d", false);
    close(b), close(c), close(d), close(again);
    settle();
    cr_expect_eq(worker->channels.listened, 0);
}

/* Ends the channels NAME/first to NAME/last. */
static void end_channels(const char *name, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        char text[32];
        struct frame *frame;
        uint64_t sequence;
        snprintf(text, sizeof(text), "%s/%u", name, i);
        struct event event = {.channel = text_of(text), .ends = true, .retry_ms = -1};
        cr_assert_eq(hub_frame(hub, &event, &frame), 0);
        cr_assert_eq(hub_publish(hub, &frame, 1, &sequence), 0);
    }
    settle();
}

/* Somebody listens to 1,001 channels that have ended, and to one that has not. */
static int subscribe_to_ended(void)
{
    enum { ENDED = 1001 };
    static char names[ENDED][16];
    struct text channels[ENDED + 1] = {TEXT("open")};
    int fds[2];
    for (unsigned i = 1; i <= ENDED; i++) {
        snprintf(names[i - 1], sizeof(names[0]), "heard/%u", i);
        channels[i] = text_of(names[i - 1]);
    }
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = ENDED + 1};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    settle();
    end_channels("heard", 1, ENDED);
    cr_assert_eq(stats_now().subscribers, 1);
    return fds[1];
}

Test(intake, what_has_ended_makes_way_behind_what_is_listened_to, .init = begin, .fini = end)
{
    worker->channels.most = 2004;
    worker->limits.history_age_s = 0;
    int peer = subscribe_to_ended();
    end_channels("alone", 1, 1002);
    cr_assert_eq(worker->channels.count, worker->channels.most);
    end_channels("late", 1, 100);
    cr_expect_eq(worker->intake.stalled, 0);
    cr_expect_eq(worker->position, hub_next_sequence(hub));
    cr_expect_eq(worker->channels.count, worker->channels.most);
    close(peer);
}

Test(intake, ends_alone_are_given_up_for_memory, .init = begin, .fini = end)
{
    worker->ruling.items = &(struct rule){0}; /* keeps nothing */
    end_channels("a", 1, 3);
    cr_assert_eq(stats_now().history_events, 0);
    cr_assert_eq(stats_now().channels_ended, 3);
    worker->limits.memory_max = 1024;
    settle();
    cr_expect_eq(stats_now().channels_ended, 0);
    cr_expect_eq(worker->channels.count, 0);
}
