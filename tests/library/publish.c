/* SPDX-License-Identifier: MIT */
/*
 * Publishing by calls, as subscribers on real sockets see it: order, all or nothing, what an event
 * can have, waiting for room and what ends a wait.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/library/full.h"

#define THREADS 8u

static struct fanfare_event event_of(const char *channel, const char *data)
{
    return (struct fanfare_event){.size = sizeof(struct fanfare_event),
                                  .channel = channel,
                                  .channel_len = FANFARE_NUL,
                                  .data = data,
                                  .data_len = FANFARE_NUL};
}

/* --- order ----------------------------------------------------------------------------------- */

/* What each thread publishes: its own numbers, by one of the three ways in turns. */
struct writer {
    struct fanfare *fanfare;
    unsigned number, events;
    pthread_t thread;
};

static int write_some(struct writer *writer, unsigned at, unsigned count)
{
    char data[8][32], text[8 * 64];
    struct fanfare_event events[8];
    uint64_t first;
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        snprintf(data[i], sizeof(data[i]), "%u %u", writer->number, at + i);
        events[i] = event_of("order", data[i]);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "channel: order\ndata: %s\n\n",
                                data[i]);
    }
    if (count == 1)
        return fanfare_publish(writer->fanfare, "order", NULL, data[0], FANFARE_NUL,
                               FANFARE_FOREVER, &first);
    unsigned seen = count;
    int r = at % 2
                ? fanfare_publish_text(writer->fanfare, text, len, FANFARE_FOREVER, NULL, &seen)
                : fanfare_publish_events(writer->fanfare, events, count, FANFARE_FOREVER, &first);
    return seen == count ? r : -1;
}

static void *write_all(void *context)
{
    struct writer *writer = context;
    for (unsigned at = 0; at < writer->events;) {
        unsigned count = 1 + at % 8;
        if (count > writer->events - at)
            count = writer->events - at;
        if (write_some(writer, at, count) != 0)
            return NULL;
        at += count;
    }
    return writer;
}

static struct {
    struct fanfare *fanfare;
    unsigned next[THREADS], seen;
    uint64_t sequence;
} order;

static void on_ordered(struct stream *stream, const struct stream_event *event)
{
    unsigned thread, number;
    uint64_t sequence;
    (void)stream;
    REQUIRE(sscanf(event->data, "%u %u", &thread, &number) == 2 && thread < THREADS, "%s",
            event->data);
    EXPECT_INT(number, order.next[thread]);
    order.next[thread] = number + 1;
    REQUIRE(fanfare_id_parse(order.fanfare, event->id, FANFARE_NUL, &sequence) == 0, "%s",
            event->id);
    EXPECT_INT(sequence, order.sequence + 1);
    order.sequence = sequence;
    order.seen++;
}

static void keeps_the_order_of_threads(void)
{
    struct server server;
    struct stream stream;
    struct writer writers[THREADS];
    unsigned events = check_scaled(20000), all = THREADS * events;
    struct fanfare *fanfare = engine_new(NULL);
    engine_start(fanfare, &server);
    memset(&order, 0, sizeof(order));
    order.fanfare = fanfare;
    stream_open(&stream, &server, "/events/order", NULL);
    stream_await_head(&stream);
    stream.on_event = on_ordered;
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.fanfare = fanfare, .number = i, .events = events};
        REQUIRE(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]) == 0, "a thread");
    }
    int64_t end_ms = check_now_ms() + 2 * DEADLINE_MS;
    while (order.seen < all && check_now_ms() < end_ms) {
        struct pollfd ready = {.fd = stream.fd, .events = POLLIN};
        poll(&ready, 1, 100);
        REQUIRE(stream_take(&stream, 1u << 20), "closed");
    }
    EXPECT_INT(order.seen, all);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(writers[i].thread, &result);
        EXPECT(result == &writers[i], "thread %u could not publish", i);
    }
    EXPECT_INT(fanfare_position(fanfare), order.sequence + 1);
    stream_close(&stream);
    engine_end(fanfare);
}

/* --- all or nothing -------------------------------------------------------------------------- */

static void publishes_all_or_nothing(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new(NULL);
    char id[FANFARE_ID_SIZE], seen[136];
    uint64_t first = 0;
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/all", NULL);
    stream_await_head(&stream);
    struct fanfare_event events[3] = {event_of("all", "one"), event_of("all", "two"),
                                      event_of("all", "three")};
    events[2].type = "a\nb";
    events[2].type_len = FANFARE_NUL;
    uint64_t position = fanfare_position(fanfare);
    EXPECT_INT(fanfare_publish_events(fanfare, events, 3, 0, &first), FANFARE_ERROR_TYPE_TEXT);
    EXPECT_INT(fanfare_event_check(&events[1]), 0);
    EXPECT_INT(fanfare_event_check(&events[2]), FANFARE_ERROR_TYPE_TEXT);
    EXPECT_INT(fanfare_publish_text(fanfare, "channel: all\ndata: x\n\nchannel: all\n\n",
                                    FANFARE_NUL, 0, &first, NULL),
               FANFARE_ERROR_SYNTAX);
    EXPECT_INT(first, 0);
    EXPECT_INT(fanfare_position(fanfare), position);
    events[2].type = NULL;
    EXPECT_INT(fanfare_publish_events(fanfare, events, 3, 0, &first), 0);
    EXPECT_INT(first, position);
    EXPECT_INT(fanfare_position(fanfare), position + 3);
    stream_expect(&stream, "message", "one", seen);
    int len = fanfare_id_format(fanfare, first, id);
    EXPECT_INT(len, strlen(id));
    EXPECT_TEXT(seen, id);
    stream_expect(&stream, "message", "two", NULL);
    stream_expect(&stream, "message", "three", NULL);
    stream_close(&stream);
    engine_end(fanfare);
}

/* --- what an event can have ------------------------------------------------------------------ */

static void publishes_all_that_an_event_can_have(void)
{
    struct server server;
    struct stream stream;
    struct fanfare *fanfare = engine_new(NULL);
    char id[136];
    uint64_t first, again;
    engine_start(fanfare, &server);
    stream_open(&stream, &server, "/events/a", NULL);
    stream_await_head(&stream);
    struct fanfare_event event = event_of("a", "two\nlines");
    event.type = "headline and more";
    event.type_len = 8;
    event.id = "my own";
    event.id_len = FANFARE_NUL;
    event.key = "k";
    event.key_len = FANFARE_NUL;
    EXPECT_INT(fanfare_publish_events(fanfare, &event, 1, 0, &first), 0);
    stream_expect(&stream, "headline", "two\nlines", id);
    EXPECT_TEXT(id, "my own");
    /* The key was there before: nothing is published, and what was is named. */
    EXPECT_INT(fanfare_publish_events(fanfare, &event, 1, 0, &again), 1);
    EXPECT_INT(again, first);
    struct fanfare_event both[2] = {event, event_of("a", "new")};
    EXPECT_INT(fanfare_publish_events(fanfare, both, 2, 0, &again), 1);
    EXPECT_INT(again, first + 1);
    stream_expect(&stream, "message", "new", NULL);
    both[1] = event_of("a", "newer");
    both[0].key = both[1].key = "l";
    both[1].key_len = 1;
    EXPECT_INT(fanfare_publish_events(fanfare, both, 2, 0, NULL), FANFARE_ERROR_KEY_TWICE);
    /* A delay alone is no event. */
    struct fanfare_event delay = {.size = sizeof(delay), .channel = "a", .channel_len = 1};
    delay.retry_ms = 4321;
    EXPECT_INT(fanfare_publish_events(fanfare, &delay, 1, 0, NULL), 0);
    struct fanfare_event all = event_of(NULL, "to everybody");
    all.flags = FANFARE_TO_ALL;
    EXPECT_INT(fanfare_publish_events(fanfare, &all, 1, 0, NULL), 0);
    stream_expect(&stream, "message", "to everybody", NULL);
    EXPECT_INT(stream.retry, 4321);
    delay.retry_ms = FANFARE_RETRY_AT_ONCE;
    EXPECT_INT(fanfare_publish_events(fanfare, &delay, 1, 0, NULL), 0);
    struct fanfare_event end = event_of("a", "the last one");
    end.flags = FANFARE_END;
    EXPECT_INT(fanfare_publish_events(fanfare, &end, 1, 0, NULL), 0);
    stream_expect(&stream, "message", "the last one", NULL);
    stream_expect_end(&stream);
    EXPECT_INT(fanfare_publish(fanfare, "a", NULL, "x", 1, 0, NULL), FANFARE_ERROR_ENDED);
    stream_close(&stream);
    engine_end(fanfare);
}

/* --- waiting --------------------------------------------------------------------------------- */

struct sleeper {
    struct full *full;
    _Atomic int result; /* 1: not yet */
    pthread_t thread;
};

static void *sleep_for_room(void *context)
{
    struct sleeper *sleeper = context;
    sleeper->result = full_publish(sleeper->full, FANFARE_FOREVER);
    return NULL;
}

static uint64_t refusals(struct full *full)
{
    uint64_t value = 0;
    EXPECT_INT(fanfare_stat(full->fanfare, "publish_busy", &value), 0);
    return value;
}

/* Until it has tried a second time, which it does only to sleep then. */
static void sleeper_begin(struct sleeper *sleeper, struct full *full)
{
    uint64_t before = refusals(full);
    *sleeper = (struct sleeper){.full = full, .result = 1};
    REQUIRE(pthread_create(&sleeper->thread, NULL, sleep_for_room, sleeper) == 0, "a thread");
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (refusals(full) < before + 2 && check_now_ms() < end_ms)
        sched_yield();
    EXPECT(refusals(full) >= before + 2, "it does not sleep");
}

static void waits_for_room(void)
{
    struct full full;
    struct sleeper sleepers[3];
    full_begin(&full);
    EXPECT_INT(full_publish(&full, 0), -EAGAIN);
    EXPECT_INT(full_publish(&full, 1), -ETIMEDOUT);
    /* Others are not held up by it. */
    EXPECT_INT(fanfare_publish(full.fanfare, "other", NULL, "x", 1, 0, NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        sleeper_begin(&sleepers[i], &full);
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while ((sleepers[0].result == 1 || sleepers[1].result == 1 || sleepers[2].result == 1) &&
           check_now_ms() < end_ms)
        full_read(&full);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_INT(sleepers[i].result, 0);
        pthread_join(sleepers[i].thread, NULL);
    }
    full_end(&full);
}

static void a_stop_ends_the_wait(void)
{
    struct full full;
    struct sleeper sleeper;
    full_begin(&full);
    sleeper_begin(&sleeper, &full);
    EXPECT_INT(fanfare_stop(full.fanfare), 0);
    pthread_join(sleeper.thread, NULL);
    EXPECT_INT(sleeper.result, -ESHUTDOWN);
    EXPECT_INT(full_publish(&full, FANFARE_FOREVER), -ESHUTDOWN);
    full_end(&full);
}

static bool is_told(const struct fanfare_waiter *waiter)
{
    struct pollfd ready = {.fd = fanfare_waiter_fd(waiter), .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

static void a_waiter_is_told(void)
{
    struct full full;
    struct fanfare_waiter *waiter;
    full_begin(&full);
    struct fanfare_event event = event_of(FULL_CHANNEL, full_data);
    struct fanfare_event small = event_of("other", "x");
    event.data_len = sizeof(full_data);
    REQUIRE(fanfare_waiter_new(full.fanfare, &waiter) == 0, "no waiter");
    EXPECT(!is_told(waiter), "before anything was refused");
    EXPECT_INT(fanfare_waiter_publish(waiter, &event, 1, NULL), -EAGAIN);
    /* What finds room takes the signal back, or the wish for one. */
    EXPECT_INT(fanfare_waiter_publish(waiter, &small, 1, NULL), 0);
    EXPECT(!is_told(waiter), "it has what it wanted");
    int r = -EAGAIN;
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (r == -EAGAIN && check_now_ms() < end_ms) {
        r = fanfare_waiter_publish(waiter, &event, 1, NULL);
        while (r == -EAGAIN && !is_told(waiter) && check_now_ms() < end_ms)
            full_read(&full);
    }
    EXPECT_INT(r, 0);
    EXPECT(!is_told(waiter), "the call takes the signal back");
    fanfare_waiter_free(waiter);
    full_end(&full);
}

/* With a signal to take back, which it does before and behind a try. */
static void *publish_cancelled(void *waiter)
{
    struct fanfare_event small = event_of("other", "x");
    pthread_cancel(pthread_self());
    return fanfare_waiter_publish(waiter, &small, 1, NULL) == 0 ? waiter : NULL;
}

static void a_cancelled_thread_publishes_whole(void)
{
    struct full full;
    struct fanfare_waiter *waiter;
    pthread_t thread;
    void *result;
    full_begin(&full);
    struct fanfare_event event = event_of(FULL_CHANNEL, full_data);
    event.data_len = sizeof(full_data);
    REQUIRE(fanfare_waiter_new(full.fanfare, &waiter) == 0, "no waiter");
    EXPECT_INT(fanfare_waiter_publish(waiter, &event, 1, NULL), -EAGAIN);
    REQUIRE(!pthread_create(&thread, NULL, publish_cancelled, waiter), "no thread");
    pthread_join(thread, &result);
    EXPECT(result == waiter, "it ended in the call");
    fanfare_waiter_free(waiter);
    full_end(&full);
}

/* A loop that publishes until the engine stops, and sleeps whenever there is no room. */
static void *run_loop(void *context)
{
    struct full *full = context;
    struct fanfare_waiter *waiter;
    struct fanfare_event event = event_of(FULL_CHANNEL, full_data);
    event.data_len = sizeof(full_data);
    int r = fanfare_waiter_new(full->fanfare, &waiter);
    while (r == 0) {
        r = fanfare_waiter_publish(waiter, &event, 1, NULL);
        struct pollfd ready = {.fd = fanfare_waiter_fd(waiter), .events = POLLIN};
        if (r == -EAGAIN)
            r = poll(&ready, 1, DEADLINE_MS) == 1 ? 0 : -ETIMEDOUT;
    }
    fanfare_waiter_free(waiter);
    return (void *)(intptr_t)r;
}

static void waiters_miss_no_moment(void)
{
    struct full full;
    pthread_t threads[THREADS];
    full_begin(&full);
    for (unsigned i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, run_loop, &full) == 0, "a thread");
    uint64_t wanted = fanfare_position(full.fanfare) + check_scaled(100);
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (fanfare_position(full.fanfare) < wanted && check_now_ms() < end_ms)
        full_read(&full);
    EXPECT(fanfare_position(full.fanfare) >= wanted, "the loops sleep for ever");
    EXPECT_INT(fanfare_stop(full.fanfare), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        EXPECT_INT((intptr_t)result, -ESHUTDOWN);
    }
    full_end(&full);
}

/* --- a child --------------------------------------------------------------------------------- */

static int child(struct fanfare *fanfare, struct fanfare_waiter *waiter)
{
    struct fanfare_event event = event_of("a", "x");
    uint64_t sequence;
    int wrong = fanfare_publish(fanfare, "a", NULL, "x", 1, FANFARE_FOREVER, NULL) != -ECHILD;
    wrong += fanfare_publish_events(fanfare, &event, 1, 0, NULL) != -ECHILD;
    wrong += fanfare_waiter_publish(waiter, &event, 1, NULL) != -ECHILD;
    wrong += fanfare_id_parse(fanfare, "x", 1, &sequence) != -ECHILD;
    wrong += fanfare_position(fanfare) != 0;
    fanfare_waiter_free(waiter);
    return wrong;
}

static void a_child_is_told_so(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    struct fanfare_waiter *waiter;
    int status;
    engine_start(fanfare, NULL);
    REQUIRE(fanfare_waiter_new(fanfare, &waiter) == 0, "no waiter");
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(fanfare, waiter));
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child");
    EXPECT_INT(WEXITSTATUS(status), 0);
    EXPECT_INT(fanfare_publish(fanfare, "a", NULL, "x", 1, 0, NULL), 0);
    fanfare_waiter_free(waiter);
    engine_end(fanfare);
}

static void ask(struct client *client)
{
    struct answer answer;
    client_request(client, "GET", "/healthz", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
}

/* It has copies of the sockets: what is closed here stays open there, and the kernel goes on to
 * report it to whoever has not taken it out of his set. */
static void a_child_may_keep_what_is_closed(void)
{
    struct server server;
    struct client first, second;
    struct fanfare *fanfare = engine_new(NULL);
    int ends[2], status;
    engine_start(fanfare, &server);
    client_open(&first, &server);
    ask(&first);
    REQUIRE(pipe(ends) == 0, "a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        close(first.fd); /* the client's own end */
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    client_close(&first);
    for (unsigned i = 0; i < 50; i++) {
        client_open(&second, &server);
        ask(&second);
        client_close(&second);
    }
    uint64_t open = UINT64_MAX;
    int64_t end_ms = check_now_ms() + DEADLINE_MS;
    while (open != 0 && check_now_ms() < end_ms)
        EXPECT_INT(fanfare_stat(fanfare, "connections_open", &open), 0);
    EXPECT_INT(open, 0);
    close(ends[1]);
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child");
    EXPECT_INT(WEXITSTATUS(status), 0);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("keeps_the_order_of_threads", keeps_the_order_of_threads);
    check_case("publishes_all_or_nothing", publishes_all_or_nothing);
    check_case("publishes_all_that_an_event_can_have", publishes_all_that_an_event_can_have);
    check_case("waits_for_room", waits_for_room);
    check_case("a_stop_ends_the_wait", a_stop_ends_the_wait);
    check_case("a_waiter_is_told", a_waiter_is_told);
    check_case("a_cancelled_thread_publishes_whole", a_cancelled_thread_publishes_whole);
    check_case("waiters_miss_no_moment", waiters_miss_no_moment);
    check_case("a_child_is_told_so", a_child_is_told_so);
    check_case("a_child_may_keep_what_is_closed", a_child_may_keep_what_is_closed);
    return check_end();
}
