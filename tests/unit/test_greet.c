/* SPDX-License-Identifier: MIT */
/* What a stream begins with: its head, events for it alone, and what it is owed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/io/io_epoll.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

static struct hub *small_hub(void)
{
    struct hub_options options;
    struct hub *hub;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = THREADLESS_SOCKETS;
    options.drain_timeout_ms = 0;
    options.history_events = 2;
    options.retry_ms = 3000;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    return hub;
}

static void publish(struct hub *hub, const char *data)
{
    struct event event = {.channel = TEXT("c"), .data = text_of(data), .retry_ms = -1};
    struct frame *frame;
    uint64_t first;
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
}

static struct frame *private_frame(const char *data)
{
    struct event event = {.data = text_of(data), .retry_ms = -1};
    struct frame *frame;
    cr_assert_eq(hub_private_frame(&event, &frame), 0);
    return frame;
}

/* The request for "c", with what it says of itself; the other end of its socket. */
static int ask(struct hub *hub, struct subscribe_request request)
{
    const struct text channel = TEXT("c");
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    request.fd = fds[0];
    request.channels = &channel;
    request.channel_count = 1;
    request.before = request.before ? request.before : hub_next_sequence(hub);
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    threadless_turns(hub_worker(hub, 0));
    return fds[1];
}

static void expect_stream(int fd, const char *wanted)
{
    char bytes[4096];
    ssize_t len = recv(fd, bytes, sizeof(bytes), 0);
    struct text text = {bytes, len > 0 ? (size_t)len : 0};
    cr_expect(text_equals(text, text_of(wanted)), "%.*s", (int)text.len, text.at);
    close(fd);
}

Test(greet, whose_head_is_sent_has_none)
{
    struct hub *hub = small_hub();
    struct frame *first[2] = {private_frame("a"), private_frame("b")};
    int both = ask(hub, (struct subscribe_request){
                            .head_sent = true, .plain = true, .first = first, .first_count = 2});
    int bare = ask(hub, (struct subscribe_request){.head_sent = true, .plain = true, .bare = true});
    int chunks =
        ask(hub, (struct subscribe_request){.head_sent = true,
                                            .bare = true,
                                            .first = (struct frame *[]){private_frame("c")},
                                            .first_count = 1});
    struct stats stats;
    hub_stats(hub, &stats);
    cr_expect_eq(stats.joined, 3);
    publish(hub, "d");
    threadless_turns(hub_worker(hub, 0));
    char bytes[512] = {0};
    cr_expect_gt(recv(both, bytes, sizeof(bytes) - 1, 0), 0);
    cr_expect_eq(strncmp(bytes, "retry: 3000\nid: ", 16), 0, "%s", bytes);
    cr_expect_not_null(strstr(bytes, "\n\ndata: a\n\ndata: b\n\ndata: d\nid: "), "%s", bytes);
    memset(bytes, 0, sizeof(bytes));
    cr_expect_gt(recv(bare, bytes, sizeof(bytes) - 1, 0), 0);
    cr_expect_eq(strncmp(bytes, "data: d\nid: ", 12), 0, "%s", bytes);
    memset(bytes, 0, sizeof(bytes));
    cr_expect_gt(recv(chunks, bytes, sizeof(bytes) - 1, 0), 0);
    cr_expect_eq(strncmp(bytes, "9\r\ndata: c\n\n\r\n", 14), 0, "%s", bytes);
    close(both), close(bare), close(chunks);
    threadless_end(hub);
}

/* It is closed, and what it was to begin with goes. */
Test(greet, whose_head_is_sent_has_no_refusal)
{
    struct hub *hub = small_hub();
    struct frame *first = private_frame("a");
    frame_ref(first);
    int fd = ask(hub, (struct subscribe_request){
                          .before = 16, .head_sent = true, .first = &first, .first_count = 1});
    threadless_end(hub);
    expect_stream(fd, "");
    cr_expect_gt(frame_release(first), 0, "it was the last reference");
}

Test(greet, a_snapshot_has_its_most)
{
    struct hub *hub = small_hub();
    static char data[FIRST_BYTES_MAX];
    memset(data, 'x', sizeof(data) - 1);
    struct frame *first = private_frame(data);
    struct text channel = TEXT("c");
    struct subscribe_request request = {.fd = -1,
                                        .before = 1,
                                        .channels = &channel,
                                        .channel_count = 1,
                                        .first = &first,
                                        .first_count = 1};
    cr_expect_eq(hub_subscribe(hub, &request, NULL), -E2BIG);
    frame_unref(first);
    threadless_end(hub);
}

/* The stream's text, each of our ids cut down to `#` and its last digit. */
static void expect_since(struct hub *hub, struct subscribe_request request, const char *wanted)
{
    char bytes[1024] = {0}, text[1024] = {0};
    request.head_sent = request.plain = true;
    int fd = ask(hub, request);
    ssize_t len = recv(fd, bytes, sizeof(bytes) - 1, 0);
    size_t out = 0;
    for (ssize_t i = 0; i < len; i++) {
        bool is_id = i + ID_LEN <= len && id_has_form((struct text){bytes + i, ID_LEN});
        if (is_id) {
            text[out++] = '#';
            i += ID_LEN - 1;
        }
        text[out++] = bytes[i];
    }
    cr_expect_str_eq(text, wanted);
    close(fd);
}

/* What was published from a position on comes, once; what is gone of it is told. */
Test(greet, who_asks_since_a_position_is_owed_it)
{
    struct hub *hub = small_hub();
    publish(hub, "1");
    publish(hub, "2");
    threadless_turns(hub_worker(hub, 0));
    expect_since(hub, (struct subscribe_request){.since = 3}, "retry: 3000\nid: #2\n\n");
    expect_since(hub, (struct subscribe_request){.since = 2},
                 "retry: 3000\nid: #1\n\ndata: 2\nid: #2\n\n");
    expect_since(hub, (struct subscribe_request){.since = 2, .last = 2},
                 "retry: 3000\nid: #0\n\ndata: 1\nid: #1\n\ndata: 2\nid: #2\n\n");
    expect_since(hub, (struct subscribe_request){.since = 1, .last = 1},
                 "retry: 3000\nid: #0\n\ndata: 1\nid: #1\n\ndata: 2\nid: #2\n\n");
    expect_since(hub, (struct subscribe_request){.since = 99}, "retry: 3000\nid: #2\n\n");
    publish(hub, "3"); /* between the position and the join */
    expect_since(hub, (struct subscribe_request){.since = 3, .before = 3},
                 "retry: 3000\nid: #2\n\ndata: 3\nid: #3\n\n");
    publish(hub, "4");
    threadless_turns(hub_worker(hub, 0)); /* and 2 is gone */
    struct frame *first = private_frame("a");
    expect_since(hub, (struct subscribe_request){.since = 2, .first = &first, .first_count = 1},
                 "retry: 3000\nid: #1\n\ndata: a\n\n"
                 "event: fanfare-gap\ndata: {\"reason\": \"expired\", \"channel\": \"c\", "
                 "\"from\": \"#1\", \"to\": \"#2\", \"missed\": 1}\nid: #2\n\n"
                 "data: 3\nid: #3\n\ndata: 4\nid: #4\n\n");
    threadless_end(hub);
}
