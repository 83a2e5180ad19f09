/* SPDX-License-Identifier: MIT */
/* Subscribers as they are listed, and what became of an event for one of them, with its words. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/subscriber_id.h"
#include "engine/worker/subscriber.h"
#include "threadless.h"

static struct hub *hub;
static int peers[16];
static unsigned peer_count;

static void start(uint32_t history_events)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.subscriber_ids = true;
    options.history_events = history_events;
    options.slow = SLOW_SKIP;
    peer_count = 0;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
}

static void turn(void)
{
    while (worker_turn(hub_worker(hub, 0)))
        ;
}

static void stop(void)
{
    for (unsigned i = 0; i < peer_count; i++)
        close(peers[i]);
    threadless_end(hub);
}

/* Returns the id: records are used one after the other. */
static uint64_t subscribe(const struct text *channels, unsigned count, const char *resume)
{
    int fds[2], small = 4096;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = count,
                                        .has_resume = resume,
                                        .resume = text_of(resume),
                                        .peer = TEXT("12.0.0.7")};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    turn();
    peers[peer_count++] = fds[1];
    return subscriber_id_of(0, peer_count);
}

static uint64_t publish(const char *channel, const char *id, size_t bytes)
{
    char *data = calloc(1, bytes + 1);
    memset(data, 'x', bytes);
    struct event event = {
        .channel = text_of(channel), .data = {data, bytes}, .id = text_of(id), .retry_ms = -1};
    struct frame *frame;
    uint64_t first;
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    free(data);
    turn();
    return first;
}

static void on_done(struct control *control)
{
    (void)control;
}

static struct control *ask(const struct control_request *asked)
{
    struct control_request request = *asked;
    request.done = on_done;
    struct control *control = control_new(&request, 1);
    cr_assert_not_null(control);
    cr_assert_eq(hub_control(hub, control), 0);
    turn();
    return control;
}

/* By the event's sequence, or by an id of its own. */
static struct explanation explain(uint64_t subscriber, uint64_t sequence, const char *id,
                                  const char *words)
{
    char own[ID_LEN], text[EXPLANATION_TEXT_ROOM + 1];
    id_format(own, hub_ids(hub), sequence);
    struct control_request request = {.kind = CONTROL_EXPLAIN,
                                      .subscriber = subscriber,
                                      .event = id ? text_of(id) : (struct text){own, ID_LEN}};
    struct control *control = ask(&request);
    cr_assert_eq(control->result, CONTROL_FOUND);
    struct explanation explanation = control->explanation;
    text[explanation_write(&explanation, TEXT("LAST"), text)] = 0;
    cr_expect_not_null(strstr(text, words), "\"%s\" is not in: %s", words, text);
    control_free(control);
    return explanation;
}

#define EXPECT(expression, the_reason, is_delivered)                                               \
    do {                                                                                           \
        struct explanation seen = (expression);                                                    \
        cr_expect_eq(seen.reason, the_reason, "%s", explain_reason_text(seen.reason));             \
        cr_expect_eq(seen.delivered, is_delivered);                                                \
    } while (0)

Test(explain, sent_before_elsewhere_and_unknown)
{
    struct text a = TEXT("a");
    start(10);
    uint64_t early = publish("a", NULL, 10);
    uint64_t id = subscribe(&a, 1, NULL);
    uint64_t sent = publish("a", "mine", 10), other = publish("b", "yours", 10);
    EXPECT(explain(id, early, NULL, "older than what"), EXPLAIN_BEFORE_JOIN, DELIVERED_NO);
    EXPECT(explain(id, sent, NULL, "was written to"), EXPLAIN_SENT, DELIVERED_YES);
    EXPECT(explain(id, 0, "mine", "up to LAST."), EXPLAIN_SENT, DELIVERED_YES);
    EXPECT(explain(id, other, NULL, "the channel \"b\""), EXPLAIN_NOT_SUBSCRIBED, DELIVERED_NO);
    EXPECT(explain(id, 0, "yours", "the channel \"b\""), EXPLAIN_NOT_SUBSCRIBED, DELIVERED_NO);
    EXPECT(explain(id, 0, "nobody's", "No channel has"), EXPLAIN_EVICTED, DELIVERED_UNKNOWN);
    EXPECT(explain(id, other + 1, NULL, "No event has"), EXPLAIN_EVICTED, DELIVERED_NO);
    EXPECT(explain(id, 0, "000000000000-0000000000000001", "another start"), EXPLAIN_EVICTED,
           DELIVERED_UNKNOWN);
    /* What it was sent may have gone from the history since. */
    for (int i = 0; i < 20; i++)
        publish("a", NULL, 10);
    EXPECT(explain(id, sent, NULL, "was written to"), EXPLAIN_SENT, DELIVERED_YES);
    EXPECT(explain(id, early, NULL, "older than what"), EXPLAIN_BEFORE_JOIN, DELIVERED_NO);
    struct control_request none = {.kind = CONTROL_EXPLAIN, .subscriber = id + 1, .event = a};
    struct control *control = ask(&none);
    cr_expect_eq(control->result, CONTROL_NONE);
    control_free(control);
    stop();
}

Test(explain, lost_before_it_joined)
{
    struct text a = TEXT("a");
    char resume[ID_LEN + 1] = {0};
    start(5);
    uint64_t first = publish("a", NULL, 10);
    for (int i = 0; i < 10; i++)
        publish("a", NULL, 10);
    id_format(resume, hub_ids(hub), first);
    uint64_t id = subscribe(&a, 1, resume);
    EXPECT(explain(id, first, NULL, "older"), EXPLAIN_BEFORE_JOIN, DELIVERED_NO);
    EXPECT(explain(id, first + 1, NULL, "when the subscriber joined"), EXPLAIN_EVICTED,
           DELIVERED_NO);
    EXPECT(explain(id, first + 8, NULL, "was written to"), EXPLAIN_SENT, DELIVERED_YES);
    stop();
}

Test(explain, waiting_then_gone)
{
    struct text channels[] = {TEXT("a"), TEXT("b")};
    start(1000);
    uint64_t id = subscribe(channels, 2, NULL);
    uint64_t sent = publish("a", NULL, 10), last = 0;
    for (int i = 0; i < 20; i++)
        last = publish("b", NULL, 2000);
    EXPECT(explain(id, sent, NULL, "was written"), EXPLAIN_SENT, DELIVERED_YES);
    struct explanation waiting = explain(id, last, NULL, "its socket is full, and took ");
    EXPECT(waiting, EXPLAIN_WAITING, DELIVERED_NO);
    cr_expect_gt(waiting.behind, 1);
    cr_expect(waiting.is_blocked);
    cr_expect_gt(waiting.lagging_ms, 0);
    struct control_request list = {.kind = CONTROL_SUBSCRIBERS, .channel = TEXT("b")};
    struct control *control = ask(&list);
    struct control_subscriber subscriber;
    cr_assert(control_next_subscriber(control, &subscriber));
    cr_expect_eq(subscriber.id, id);
    cr_expect_eq(subscriber.behind, waiting.behind);
    cr_expect(subscriber.is_blocked);
    cr_expect_eq(subscriber.channel_count, 2);
    cr_expect_eq(subscriber.name_count, 2);
    cr_expect(text_equals(subscriber.names[1], TEXT("b")));
    cr_expect(text_equals((struct text){subscriber.peer, subscriber.peer_len}, TEXT("12.0.0.7")));
    cr_expect(!control_next_subscriber(control, &subscriber));
    control_free(control);

    struct worker *worker = hub_worker(hub, 0);
    close(peers[0]);
    while (worker->records.live) {
        cr_assert_eq(worker->io->operations->wait(worker->io, 1000000000), 0);
        worker_turn(worker);
    }
    EXPECT(explain(id, last, NULL, "The client hung up"), EXPLAIN_GONE, DELIVERED_NO);
    EXPECT(explain(id, last, NULL, "(gone), before the event"), EXPLAIN_GONE, DELIVERED_NO);
    struct explanation over = explain(id, sent, NULL, "socket. The client hung up");
    EXPECT(over, EXPLAIN_SENT, DELIVERED_YES);
    cr_expect_eq(over.closed, CLOSE_GONE);
    cr_expect_eq(over.cursor, waiting.cursor);
    uint64_t other = publish("c", NULL, 10);
    EXPECT(explain(id, other, NULL, "did not listen"), EXPLAIN_NOT_SUBSCRIBED, DELIVERED_NO);
    peers[0] = dup(2);
    stop();
}

Test(explain, skipped_ahead)
{
    struct text a = TEXT("a");
    start(4);
    uint64_t id = subscribe(&a, 1, NULL), first = publish("a", NULL, 10);
    struct worker *worker = hub_worker(hub, 0);
    while (worker->subscribers[0].state != SUBSCRIBER_BLOCKED)
        publish("a", NULL, 2000);
    uint64_t lost = hub_next_sequence(hub), kept = 0;
    worker->subscribers[0].flags |= SUBSCRIBER_SLOW; /* a window later it would be */
    worker->lag.slow++;
    for (int i = 0; i < 20; i++)
        kept = publish("a", NULL, 10);
    EXPECT(explain(id, lost, NULL, "which it will be told"), EXPLAIN_SKIPPED, DELIVERED_NO);
    EXPECT(explain(id, kept, NULL, "which is slow"), EXPLAIN_WAITING, DELIVERED_NO);
    char bytes[65536];
    while (worker->subscribers[0].state != SUBSCRIBER_CURRENT) {
        while (recv(peers[0], bytes, sizeof(bytes), 0) > 0)
            ;
        cr_assert_eq(worker->io->operations->wait(worker->io, 1000000000), 0);
        turn();
    }
    EXPECT(explain(id, first, NULL, "was written"), EXPLAIN_SENT, DELIVERED_YES);
    EXPECT(explain(id, lost, NULL, "told of the gap"), EXPLAIN_SKIPPED, DELIVERED_NO);
    EXPECT(explain(id, kept, NULL, "was written"), EXPLAIN_SENT, DELIVERED_YES);
    stop();
}

Test(explain, subscribers_come_in_pages)
{
    struct text channels[] = {TEXT("a"), TEXT("b")};
    struct control_subscriber subscriber;
    start(10);
    for (unsigned i = 0; i < 9; i++)
        subscribe(&channels[i % 2], 1, NULL);
    uint64_t after = 0;
    unsigned seen = 0;
    for (bool more = true; more;) {
        struct control_request page = {
            .kind = CONTROL_SUBSCRIBERS, .subscriber = after, .limit = 2, .channel = channels[0]};
        struct control *control = ask(&page);
        while (control_next_subscriber(control, &subscriber)) {
            cr_expect_gt(subscriber.id, after);
            cr_expect_eq(subscriber_id_number(subscriber.id), 1 + 2 * seen++);
            after = subscriber.id;
        }
        more = control->more;
        control_free(control);
    }
    cr_expect_eq(seen, 5);
    struct control_request one = {.kind = CONTROL_SUBSCRIBER, .subscriber = after};
    struct control *control = ask(&one);
    cr_expect_eq(control->result, CONTROL_FOUND);
    cr_assert(control_next_subscriber(control, &subscriber));
    cr_expect_eq(subscriber.id, after);
    control_free(control);
    one.subscriber = after + ((uint64_t)5 << 56);
    control = ask(&one);
    cr_expect_eq(control->result, CONTROL_NONE);
    control_free(control);
    stop();
}
