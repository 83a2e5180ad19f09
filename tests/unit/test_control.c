/* SPDX-License-Identifier: MIT */
/* Controls: pages merged from the workers' parts, and what becomes of a question in each case. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "threadless.h"

#define WORKERS 3u

static unsigned done_count;
static struct control *done_last;

static void on_done(struct control *control)
{
    done_count++;
    done_last = control;
}

static struct control *make(enum control_kind kind, const char *name, uint32_t limit)
{
    struct control_request request = {.kind = kind, .limit = limit, .done = on_done};
    *(kind == CONTROL_CHANNEL ? &request.channel : &request.after) = text_of(name);
    struct control *control = control_new(&request, WORKERS);
    cr_assert_not_null(control);
    return control;
}

/* --- parts without workers ------------------------------------------------------------------- */

static void add(struct control *control, unsigned worker, const char *name, uint64_t subscribers,
                uint64_t events)
{
    struct control_part *part = &control->parts[worker];
    if (!control_wants(part, text_of(name)))
        return;
    struct control_channel *channel = control_add_channel(part, text_of(name));
    if (!channel)
        return;
    channel->subscribers = subscribers;
    channel->events = channel->bytes = channel->last = events;
    channel->ended = false;
}

static void expect_next(struct control *control, const char *name, uint64_t subscribers,
                        uint64_t events)
{
    struct control_channel channel;
    cr_assert(control_next_channel(control, &channel), "%s is missing", name);
    cr_expect_eq(channel.name_len, strlen(name));
    cr_expect_arr_eq(channel.name, name, strlen(name), "%.*s instead of %s", channel.name_len,
                     channel.name, name);
    cr_expect_eq(channel.subscribers, subscribers);
    cr_expect_eq(channel.events, events);
}

Test(control, a_page_is_the_first_names_of_all_workers)
{
    struct control_channel channel;
    struct control *control = make(CONTROL_CHANNELS, "b", 3);
    /* In any order, on any worker: subscribers add up, events are the same ones. */
    add(control, 0, "e", 1, 5);
    add(control, 0, "d", 1, 6);
    add(control, 0, "a", 1, 1);
    add(control, 0, "b", 1, 1);
    add(control, 0, "bb", 1, 7);
    add(control, 0, "c", 1, 2);
    add(control, 1, "d", 2, 5);
    add(control, 1, "zz", 2, 5);
    add(control, 2, "c", 4, 3);
    expect_next(control, "bb", 1, 7);
    expect_next(control, "c", 5, 3);
    expect_next(control, "d", 3, 6);
    cr_expect(!control_next_channel(control, &channel));
    cr_expect(control->more, "e and zz are behind it");
    control_free(control);

    control = make(CONTROL_CHANNELS, "d", 2);
    add(control, 0, "e", 1, 5);
    add(control, 1, "zz", 2, 5);
    expect_next(control, "e", 1, 5);
    expect_next(control, "zz", 2, 5);
    cr_expect(!control_next_channel(control, &channel));
    cr_expect(!control->more, "a page may be full and the last one");
    control_free(control);
}

Test(control, many_names_come_in_order)
{
    struct control_channel channel;
    struct control *control = make(CONTROL_CHANNELS, "", CONTROL_LIMIT_MAX);
    char name[16];
    for (uint32_t i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "n%04u", i * 1999 % 3000);
        add(control, i % WORKERS, name, 1, 1);
    }
    for (uint32_t i = 0; i < CONTROL_LIMIT_MAX; i++) {
        snprintf(name, sizeof(name), "n%04u", i);
        expect_next(control, name, 1, 1);
    }
    cr_expect(!control_next_channel(control, &channel));
    cr_expect(control->more);
    control_free(control);
}

Test(control, the_server_s_own_are_hidden)
{
    cr_expect(control_hides(TEXT("@presence/a")));
    cr_expect(!control_hides(TEXT("@presence")));
    cr_expect(!control_hides(TEXT("a@presence/")));
    cr_expect(!control_hides(TEXT("")));
}

/* --- with workers ---------------------------------------------------------------------------- */

static struct hub *start(void)
{
    struct hub_options options;
    struct hub *hub;
    hub_options_default(&options);
    options.workers = WORKERS;
    options.worker_subscribers = 16;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    done_count = 0;
    return hub;
}

static void turn_all(struct hub *hub)
{
    for (unsigned i = 0; i < WORKERS; i++)
        while (worker_turn(hub_worker(hub, i)))
            ;
}

static void end(struct hub *hub)
{
    hub_close(hub);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *worker = hub_worker(hub, i);
        worker_drain(worker, hub_next_sequence(hub));
        while (!worker->stopped)
            worker_turn(worker);
        worker->io->operations->close(worker->io);
    }
    hub_stop(hub);
    hub_free(hub);
}

static void publish(struct hub *hub, const char *channel, bool ends)
{
    struct event event = {
        .channel = text_of(channel), .data = TEXT("x"), .retry_ms = -1, .ends = ends};
    struct frame *frame;
    uint64_t first;
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
}

static int subscribe(struct hub *hub, const char *channel)
{
    int fds[2];
    struct text name = text_of(channel);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {
        .fd = fds[0], .before = hub_next_sequence(hub), .channels = &name, .channel_count = 1};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    return fds[1];
}

Test(control, the_workers_answer_together)
{
    struct hub *hub = start();
    struct control_channel channel;
    int peers[4];
    for (unsigned i = 0; i < 4; i++) /* on different workers */
        peers[i] = subscribe(hub, "b");
    publish(hub, "a", false);
    publish(hub, "a", true);
    publish(hub, "c", false);
    turn_all(hub);
    struct control *control = make(CONTROL_CHANNELS, "", 0);
    cr_assert_eq(hub_control(hub, control), 0);
    cr_expect_eq(done_count, 0);
    turn_all(hub);
    cr_assert_eq(done_count, 1);
    cr_assert_eq(done_last, control);
    cr_expect_eq(control->result, CONTROL_FOUND);
    cr_assert(control_next_channel(control, &channel));
    cr_expect_eq(channel.name[0], 'a');
    cr_expect_eq(channel.subscribers, 0);
    cr_expect_eq(channel.events, 2);
    cr_expect_gt(channel.bytes, 0);
    cr_expect_eq(channel.last, 2);
    cr_expect(channel.ended);
    cr_assert(control_next_channel(control, &channel));
    cr_expect_eq(channel.name[0], 'b');
    cr_expect_eq(channel.subscribers, 4);
    cr_expect_eq(channel.events, 0);
    cr_expect_eq(channel.last, 0);
    cr_expect(!channel.ended);
    expect_next(control, "c", 0, 1);
    cr_expect(!control_next_channel(control, &channel));
    cr_expect(!control->more);
    control_free(control);

    control = make(CONTROL_CHANNEL, "b", 0);
    cr_assert_eq(hub_control(hub, control), 0);
    turn_all(hub);
    cr_expect_eq(control->result, CONTROL_FOUND);
    expect_next(control, "b", 4, 0);
    control_free(control);
    control = make(CONTROL_CHANNEL, "bb", 0);
    cr_assert_eq(hub_control(hub, control), 0);
    turn_all(hub);
    cr_expect_eq(control->result, CONTROL_NONE);
    cr_expect(!control_next_channel(control, &channel));
    control_free(control);
    end(hub);
    for (unsigned i = 0; i < 4; i++)
        close(peers[i]);
}

/* More than a slice: the rest is the next turn's, and channels go meanwhile. */
Test(control, a_list_takes_as_many_turns_as_it_needs)
{
    struct hub *hub = start();
    struct worker *worker = hub_worker(hub, 0);
    char name[16];
    for (unsigned i = 0; i < 3 * INSPECT_LOOKS; i++) {
        snprintf(name, sizeof(name), "n%04u", i);
        publish(hub, name, false);
    }
    turn_all(hub);
    struct control *control = make(CONTROL_CHANNELS, "", 3);
    cr_assert_eq(hub_control(hub, control), 0);
    unsigned turns = 1;
    for (; worker_turn(worker); turns++)
        ;
    cr_expect_geq(turns, 3, "%u turns", turns);
    cr_expect_eq(done_count, 0, "the others have not answered");
    turn_all(hub);
    cr_expect_eq(done_count, 1);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "n%04u", i);
        expect_next(control, name, 0, 1);
    }
    control_free(control);
    end(hub);
}

Test(control, too_many_are_refused_and_a_drain_leaves_none_behind)
{
    struct hub *hub = start();
    struct control *controls[CONTROLS_MAX + 1];
    for (unsigned i = 0; i <= CONTROLS_MAX; i++) {
        controls[i] = make(CONTROL_CHANNELS, "", 0);
        cr_expect_eq(hub_control(hub, controls[i]), i < CONTROLS_MAX ? 0 : -EBUSY);
    }
    struct stats stats;
    hub_stats(hub, &stats);
    cr_expect_eq(stats.controls_refused, 1);
    /* Some are answered in part, and one is posted while the workers end. */
    while (worker_turn(hub_worker(hub, 0)))
        ;
    hub_close(hub);
    cr_expect_eq(hub_control(hub, controls[CONTROLS_MAX]), -ESHUTDOWN);
    end(hub);
    cr_expect_eq(done_count, CONTROLS_MAX);
    for (unsigned i = 0; i <= CONTROLS_MAX; i++) {
        cr_expect_eq(controls[i]->result, i < CONTROLS_MAX ? -ESHUTDOWN : 0);
        control_free(controls[i]);
    }
}

Test(control, a_worker_that_has_failed_answers)
{
    struct hub *hub = start();
    publish(hub, "a", false);
    worker_fail(hub_worker(hub, 1));
    struct control *control = make(CONTROL_CHANNELS, "", 0);
    cr_assert_eq(hub_control(hub, control), 0);
    turn_all(hub);
    cr_assert_eq(done_count, 1);
    cr_expect_eq(control->result, CONTROL_FOUND);
    expect_next(control, "a", 0, 1);
    control_free(control);
    end(hub);
}
