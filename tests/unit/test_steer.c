/* SPDX-License-Identifier: MIT */
/* What an operator wishes for one subscriber: an event of its own at its place, and its end. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/closes.h"
#include "engine/control.h"
#include "engine/hub.h"
#include "engine/subscriber_id.h"
#include "engine/worker/subscriber.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

static struct hub *hub;
static struct worker *worker;
static struct control *done;

static void begin(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.subscriber_ids = true;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    worker = hub_worker(hub, 0);
}

static void end(void)
{
    threadless_end(hub);
}

struct wanted {
    bool plain, polls;
    uint32_t limit, wait_ms;
};

/* Our end of a stream of channel "a". */
static int join(struct wanted wanted)
{
    int fds[2];
    struct text channel = TEXT("a");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = &channel,
                                        .channel_count = 1,
                                        .plain = wanted.plain,
                                        .polls = wanted.polls,
                                        .limit = wanted.limit,
                                        .wait_ms = wanted.wait_ms};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    threadless_turns(worker);
    char head[4096];
    cr_assert_gt(recv(fds[1], head, sizeof(head), 0), 0);
    return fds[1];
}

static void publish(const char *data)
{
    struct frame *frame;
    uint64_t first;
    struct event event = {.channel = TEXT("a"), .data = text_of(data), .retry_ms = -1};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
}

static void on_done(struct control *control)
{
    done = control;
}

static void wish(enum control_kind kind, uint64_t subscriber, struct text data)
{
    struct event event = {.type = TEXT("t"), .id = TEXT("5"), .data = data, .retry_ms = -1};
    struct control_request request = {.kind = kind, .subscriber = subscriber, .done = on_done};
    if (kind == CONTROL_SEND)
        cr_assert_eq(hub_private_frame(&event, &request.frame), 0);
    struct control *control = control_new(&request, 1);
    cr_assert_not_null(control);
    done = NULL;
    cr_assert_eq(hub_control(hub, control), 0);
}

static int answer(void)
{
    for (int i = 0; i < 100 && !done; i++)
        worker_turn(worker);
    cr_assert_not_null(done);
    int result = done->result;
    done = control_free(done);
    return result;
}

/* The first stream of a record. */
static uint64_t nth(uint32_t record)
{
    return subscriber_id_of(0, record + 1);
}

static const char *read_from(int peer)
{
    static char bytes[1 << 20];
    ssize_t len = recv(peer, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
    bytes[len > 0 ? len : 0] = '\0';
    return bytes;
}

static uint64_t counted(size_t offset)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return *(uint64_t *)(void *)((char *)&stats + offset);
}
#define COUNTED(name) counted(offsetof(struct stats, name))

#define LAST "\r\n0\r\n\r\n"

Test(steer, an_event_has_its_place, .init = begin, .fini = end)
{
    int peer = join((struct wanted){0}), other = join((struct wanted){.plain = true});
    publish("one");
    wish(CONTROL_SEND, nth(0), TEXT("alone"));
    publish("two"); /* before the answer: either place would do */
    cr_expect_eq(answer(), 0);
    publish("three");
    threadless_turns(worker);
    const char *text = read_from(peer);
    const char *one = strstr(text, "data: one\n"), *three = strstr(text, "data: three\n");
    const char *alone = strstr(text, "\r\n16\r\nevent: t\ndata: alone\n\n\r\n");
    cr_assert(one && alone && three, "%s", text);
    cr_expect(one < alone && alone < three, "%s", text);
    cr_expect(!strstr(read_from(other), "alone"));
    cr_expect_eq(COUNTED(history_events), 3, "it is in no history");
    cr_expect_eq(COUNTED(deliveries), 7);
    wish(CONTROL_SEND, nth(1), TEXT("a\nb"));
    cr_expect_eq(answer(), 0);
    threadless_turns(worker);
    cr_expect_str_eq(read_from(other), "event: t\ndata: a\ndata: b\n\n");
    cr_expect_str_eq(read_from(peer), "");
    close(peer), close(other);
}

Test(steer, what_waits_is_bounded, .init = begin, .fini = end)
{
    static char large[100000];
    memset(large, 'x', sizeof(large));
    int peer = join((struct wanted){0});
    uint64_t before = worker->memory.subscriber_bytes;
    int taken = 0, result = 0;
    /* Its socket takes some, and then nothing. */
    for (int i = 0; i < 50 && result == 0; i++) {
        wish(CONTROL_SEND, nth(0), (struct text){large, sizeof(large)});
        result = answer();
        taken += result == 0;
    }
    cr_expect_eq(result, CONTROL_FULL);
    cr_expect_eq(COUNTED(private_refused), 1);
    cr_expect(worker->memory.subscriber_bytes - before <= PRIVATE_BYTES_MAX + 2 * sizeof(large));
    cr_expect_gt(worker->memory.subscriber_bytes - before, sizeof(large));
    int seen = 0;
    for (int i = 0; i < 100; i++) {
        for (const char *at = read_from(peer); (at = strstr(at, "event: t\n")); at++)
            seen++;
        threadless_turns(worker);
    }
    cr_expect_eq(seen, taken, "each once");
    cr_expect_eq(worker->memory.subscriber_bytes, before);
    cr_expect_eq(worker->subscribers[0].state, SUBSCRIBER_CURRENT);
    close(peer);
}

Test(steer, it_goes_with_its_subscriber, .init = begin, .fini = end)
{
    static char large[100000];
    memset(large, 'x', sizeof(large));
    int peer = join((struct wanted){0}), result = 0;
    for (int i = 0; i < 50 && result == 0; i++) {
        wish(CONTROL_SEND, nth(0), (struct text){large, sizeof(large)});
        result = answer();
    }
    close(peer);
    threadless_turns(worker);
    cr_expect_eq(COUNTED(subscribers), 0);
    cr_expect_eq(worker->memory.subscriber_bytes, 0);
    wish(CONTROL_SEND, nth(0), TEXT("late"));
    cr_expect_eq(answer(), CONTROL_NONE, "it is gone");
    wish(CONTROL_END, nth(7), TEXT(""));
    cr_expect_eq(answer(), CONTROL_NONE, "it never was");
    wish(CONTROL_END, subscriber_id_of(9, 1), TEXT(""));
    cr_expect_eq(answer(), CONTROL_NONE, "no such worker");
}

/* It counts as an event for who wants so many, and for who waits for one. */
Test(steer, it_counts, .init = begin, .fini = end)
{
    int limited = join((struct wanted){.limit = 1});
    int waits = join((struct wanted){.polls = true, .wait_ms = 60000});
    for (uint32_t i = 0; i < 2; i++) {
        wish(CONTROL_SEND, nth(i), TEXT("alone"));
        cr_expect_eq(answer(), 0);
    }
    threadless_turns(worker);
    cr_expect(strstr(read_from(limited), "data: alone\n\n" LAST));
    cr_expect(strstr(read_from(waits), "data: alone\n\n" LAST));
    cr_expect_eq(COUNTED(closed_limit), 2);
    close(limited), close(waits);
}

Test(steer, an_end_is_in_order, .init = begin, .fini = end)
{
    int peer = join((struct wanted){0}), other = join((struct wanted){0});
    publish("one");
    wish(CONTROL_SEND, nth(0), TEXT("alone"));
    cr_expect_eq(answer(), 0);
    wish(CONTROL_END, nth(0), TEXT(""));
    cr_expect_eq(answer(), 0);
    publish("two");
    threadless_turns(worker);
    const char *text = read_from(peer);
    cr_expect(strstr(text, "data: one\n") && strstr(text, "data: alone\n"), "%s", text);
    const char *retry = strstr(text, "retry: ");
    cr_expect(retry && strstr(retry, "\n\n" LAST), "%s", text);
    cr_expect(!strstr(read_from(other), "retry: "));
    cr_expect_eq(COUNTED(closed_asked), 1);
    wish(CONTROL_END, nth(0), TEXT(""));
    cr_expect_eq(answer(), CONTROL_NONE, "once");
    close(peer), close(other);
}

/* And its socket is closed with the turn, though nothing else is to be done. */
Test(steer, an_end_at_once_sends_nothing, .init = begin, .fini = end)
{
    int peer = join((struct wanted){0});
    done = NULL;
    struct control *control = control_new(
        &(struct control_request){
            .kind = CONTROL_END, .subscriber = nth(0), .at_once = true, .done = on_done},
        1);
    cr_assert_not_null(control);
    cr_assert_eq(hub_control(hub, control), 0);
    worker_turn(worker);
    cr_expect_eq(answer(), 0);
    char byte;
    cr_expect_eq(recv(peer, &byte, 1, 0), 0, "closed, without an end of the response");
    cr_expect_eq(COUNTED(closed_cut), 1);
    close(peer);
}

/* One that was handed over, and waits for an event that its worker has not: our end. */
static int hand_over(uint64_t *ret_id)
{
    int fds[2];
    struct text channel = TEXT("a");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub) + 1,
                                        .channels = &channel,
                                        .channel_count = 1};
    cr_assert_eq(hub_subscribe(hub, &request, ret_id), 0);
    return fds[1];
}

/* The wish is the first that happens to it, whatever comes after. */
Test(steer, who_has_not_begun_is_waited_for, .init = begin, .fini = end)
{
    uint64_t id;
    int peer = hand_over(&id);
    wish(CONTROL_SEND, id, TEXT("alone"));
    threadless_turns(worker);
    cr_expect_null(done, "there is nobody yet");
    publish("one"); /* older than its request, it says */
    cr_expect_eq(answer(), 0);
    publish("two");
    threadless_turns(worker);
    const char *text = read_from(peer);
    const char *alone = strstr(text, "data: alone\n"), *two = strstr(text, "data: two\n");
    cr_expect(alone && two && alone < two && !strstr(text, "data: one\n"), "%s", text);
    close(peer);
    uint64_t other;
    peer = hand_over(&other);
    wish(CONTROL_END, other, TEXT(""));
    threadless_turns(worker);
    cr_expect_null(done);
    publish("three");
    cr_expect_eq(answer(), 0);
    threadless_turns(worker);
    cr_expect_not_null(strstr(read_from(peer), LAST));
    close(peer);
}

Test(steer, who_is_refused_is_waited_for_no_longer, .init = begin, .fini = end)
{
    uint64_t id;
    int peer = hand_over(&id);
    wish(CONTROL_SEND, id, TEXT("alone"));
    threadless_turns(worker);
    cr_expect_null(done);
    worker_fail(worker);
    cr_expect_eq(answer(), CONTROL_NONE);
    close(peer);
}

static int send_or_close(uint64_t subscriber, size_t len)
{
    static char data[1 << 17];
    memset(data, 'x', sizeof(data));
    struct event event = {.data = {data, len}, .retry_ms = -1};
    struct control_request request = {
        .kind = CONTROL_SEND, .subscriber = subscriber, .or_close = true, .done = on_done};
    cr_assert_eq(hub_private_frame(&event, &request.frame), 0);
    struct control *control = control_new(&request, 1);
    cr_assert_not_null(control);
    done = NULL;
    cr_assert_eq(hub_control(hub, control), 0);
    return answer();
}

/* Where nobody hears that there is no room it is the subscriber's end, and so it is told. */
Test(steer, who_has_no_room_is_closed, .init = begin, .fini = end)
{
    int peer = join((struct wanted){0}), other = join((struct wanted){0}), r, sent = 0;
    while ((r = send_or_close(nth(0), 100000)) == 0 && sent < 100)
        sent++;
    cr_expect_eq(r, CONTROL_FULL);
    cr_expect_eq(COUNTED(closed_slow), 1);
    cr_expect_eq(COUNTED(private_sent), (uint64_t)sent);
    cr_expect_eq(send_or_close(nth(0), 1), CONTROL_NONE);
    cr_expect_eq(COUNTED(private_dropped), 1);
    cr_expect_eq(send_or_close(nth(1), 1), 0);
    threadless_turns(worker);
    cr_expect(strstr(read_from(other), "data: x\n"));
    close(peer), close(other);
}

static unsigned done_count;

static void count_done(struct control *control)
{
    done_count++;
    control_free(control);
}

/* Those under way have a bound, and one event of any size may be. */
Test(steer, wishes_have_a_bound, .init = begin, .fini = end)
{
    int peer = join((struct wanted){0});
    static char data[WISHES_BYTES_MAX];
    memset(data, 'x', sizeof(data));
    for (unsigned i = 0; i <= WISHES_MAX; i++) {
        struct control_request request = {
            .kind = CONTROL_END, .subscriber = nth(5), .done = count_done};
        struct control *control = control_new(&request, 1);
        cr_assert_eq(hub_control(hub, control), i < WISHES_MAX ? 0 : -EBUSY);
        if (i == WISHES_MAX)
            control_free(control);
    }
    cr_expect_eq(COUNTED(wishes_refused), 1);
    while (done_count < WISHES_MAX)
        worker_turn(worker);
    for (unsigned i = 0; i < 2; i++) {
        struct event event = {.data = {data, sizeof(data) - 100}, .retry_ms = -1};
        struct control_request request = {
            .kind = CONTROL_SEND, .subscriber = nth(0), .done = count_done};
        cr_assert_eq(hub_private_frame(&event, &request.frame), 0);
        struct control *control = control_new(&request, 1);
        cr_assert_eq(hub_control(hub, control), i == 0 ? 0 : -EBUSY);
        if (i == 1)
            control_free(control);
    }
    while (done_count <= WISHES_MAX)
        worker_turn(worker);
    wish(CONTROL_SEND, nth(0), TEXT("room again"));
    (void)answer();
    close(peer);
}

/* Of several channels those that were closed are not listed any more. */
Test(steer, what_was_closed_is_not_listed, .init = begin, .fini = end)
{
    int fds[2];
    struct text channels[] = {TEXT("a"), TEXT("b")};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {
        .fd = fds[0], .before = hub_next_sequence(hub), .channels = channels, .channel_count = 2};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    threadless_turns(worker);
    cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
    threadless_turns(worker);
    struct control_request about = {
        .kind = CONTROL_SUBSCRIBER, .subscriber = nth(0), .done = on_done};
    struct control *control = control_new(&about, 1);
    cr_assert_not_null(control);
    done = NULL;
    cr_assert_eq(hub_control(hub, control), 0);
    while (!done)
        worker_turn(worker);
    struct control_subscriber subscriber;
    cr_assert(control_next_subscriber(done, &subscriber));
    cr_expect_eq(subscriber.channel_count, 1);
    cr_assert_eq(subscriber.name_count, 1);
    cr_expect(text_equals(subscriber.names[0], TEXT("b")));
    control_free(done);
    close(fds[1]);
}

/* A wish that nobody grants any more is answered, and its event freed. */
Test(steer, a_drain_answers, .init = begin)
{
    int peer = join((struct wanted){0});
    wish(CONTROL_SEND, nth(0), TEXT("late"));
    threadless_end(hub);
    cr_assert_not_null(done);
    cr_expect(done->result == 0 || done->result == -ESHUTDOWN);
    control_free(done);
    close(peer);
}

Test(steer, what_is_no_event)
{
    struct frame *frame;
    struct event event = {.type = TEXT("fanfare-gap"), .data = TEXT("x"), .retry_ms = -1};
    cr_expect_eq(hub_private_frame(&event, &frame), FRAME_TYPE_OURS);
    event = (struct event){.data = TEXT("\xff"), .retry_ms = -1};
    cr_expect_eq(hub_private_frame(&event, &frame), FRAME_DATA_TEXT);
    event = (struct event){.retry_ms = 5, .without_data = true};
    cr_assert_eq(hub_private_frame(&event, &frame), 0);
    struct text view = frame_view(frame, false);
    cr_expect(text_equals(view, TEXT("9\r\nretry: 5\n\r\n")), "%.*s", (int)view.len, view.at);
    frame_unref(frame);
}

/* What is for them alone is all that there is: who reads nothing has to go, or nobody could join
 * any more. */
Test(steer, events_of_their_own_do_not_fill_the_memory_for_good)
{
    static char data[60000];
    int peers[12], fds[2], own[12];
    struct text channel = TEXT("a");
    struct hub_options options;
    memset(data, 'x', sizeof(data));
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.subscriber_ids = true;
    options.slow_after_ms = 1;
    options.memory_max = CLOSES_BYTES + (2u << 20);
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    worker = hub_worker(hub, 0);
    for (unsigned i = 0; i < 12; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        struct subscribe_request request = {
            .fd = fds[0], .before = 1, .channels = &channel, .channel_count = 1};
        peers[i] = fds[1];
        own[i] = dup(fds[0]);
        cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
        threadless_turns(worker);
        while (send(own[i], data, sizeof(data), 0) > 0) /* between two frames it is full */
            ;
        while (send(own[i], data, 1, 0) > 0)
            ;
    }
    int r = 0;
    for (unsigned i = 0; i < 48 && r == 0; i++) {
        wish(CONTROL_SEND, nth(i % 12), (struct text){data, sizeof(data)});
        r = answer();
    }
    cr_assert_eq(r, -ENOMEM);
    cr_expect_null(worker->subscribers[0].begun);
    struct timespec now;
    time_t begin_s = 0;
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        begin_s = begin_s ? begin_s : now.tv_sec;
        cr_assert_eq(worker->io->operations->wait(worker->io, 0), 0);
        worker_turn(worker);
    } while (hub_memory_is_full(hub) && now.tv_sec < begin_s + 10);
    cr_expect_not(hub_memory_is_full(hub), "somebody has made room");
    cr_expect_geq(COUNTED(closed_memory), 1);
    cr_expect_geq(COUNTED(subscribers), 1);
    end();
    for (unsigned i = 0; i < 12; i++)
        close(peers[i]), close(own[i]);
}
