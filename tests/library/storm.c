/* SPDX-License-Identifier: MIT */
/*
 * Everything that any thread may call, from eight of them at random, while the owner sets other
 * options, drains and stops: connections that are given in whatever state they are, subscribers
 * that are steered before they have joined, requests that are answered by whoever comes first, or
 * by nobody before their clients hang up.
 *
 * Whatever is called says 0 or what its page names; who has joined leaves exactly once; nothing is
 * left of it. ThreadSanitizer looks for the rest.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/hooked.h"
#include "tests/library/socket.h"

enum { THREADS = 8, RECENT = 64, SUBSCRIBERS_OF_ROUND = 20000 };

static struct fanfare *fanfare;
static struct server server;
static atomic_bool over;
static _Atomic uint64_t recent[RECENT];
static atomic_uint calls, joined, left, adopted;

/* One call's result is 0, a count, or one of these. */
static void expect_named(const char *name, int r)
{
    static const int named[] = {-ESHUTDOWN, -EAGAIN, -ENOENT,  -EBUSY,    -ETIMEDOUT, -ENOSPC,
                                -EINVAL,    -EPIPE,  -ENOBUFS, -ENOTCONN, -EMFILE};
    bool is_named = r >= 0;
    calls++;
    for (unsigned i = 0; i < sizeof(named) / sizeof(*named); i++)
        is_named |= r == named[i];
    if (!is_named) {
        fprintf(stderr, "%s: %d: %s\n", name, r, fanfare_strerror(r));
        abort();
    }
}

/* --- what threads do -------------------------------------------------------------------------- */

static uint64_t any_id(unsigned dice)
{
    return recent[dice % RECENT];
}

/* In the state that the dice say: its client is there, has spoken, hangs up, has half closed. */
static void give(unsigned dice)
{
    struct fanfare_event first = {.size = sizeof(first), .data = "first", .data_len = 5};
    static const char *const channels[] = {"news", "sport", "weather"};
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channels = channels,
                                                .channel_count = 1 + dice % 3,
                                                .first = &first,
                                                .first_count = dice / 2 % 2,
                                                .tag = dice,
                                                .limit = dice / 8 % 4,
                                                .last = dice / 32 % 2 * 100,
                                                .lifetime_ms = dice / 64 % 4 * 5,
                                                .since = dice / 256 % 2};
    struct ends ends = socket_open((enum socket_kind)(dice / 512 % SOCKET_KINDS));
    unsigned state = dice / 2048 % 5;
    uint64_t subscriber = 0;
    if (state == 0)
        (void)!write(ends.clients, "GET / HTTP/1.1\r\n\r\n", 18);
    if (state == 1)
        shutdown(ends.clients, SHUT_WR);
    if (state == 2)
        socket_reset(ends.clients);
    int r = fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber);
    expect_named("adopt", r);
    if (r < 0)
        close(ends.ours);
    if (r == 0) {
        adopted++;
        recent[subscriber % RECENT] = subscriber;
        if (state == 3)
            expect_named("end", fanfare_subscriber_end(fanfare, subscriber, dice / 16384 % 2));
        else
            expect_named("send", fanfare_subscriber_send(fanfare, subscriber, NULL, "own", 3));
    }
    if (state != 2)
        close(ends.clients);
}

static void publish_some(unsigned dice)
{
    char key[16];
    snprintf(key, sizeof(key), "%u", dice % 50);
    struct fanfare_event events[3];
    memset(events, 0, sizeof(events));
    for (unsigned i = 0; i < 3; i++)
        events[i] = (struct fanfare_event){.size = sizeof(events[0]),
                                           .channel = "news",
                                           .channel_len = 4,
                                           .data = "data",
                                           .data_len = 4};
    events[1].key = key;
    events[1].key_len = FANFARE_NUL;
    if (dice % 7 == 0)
        events[2] = (struct fanfare_event){
            .size = sizeof(events[0]), .flags = FANFARE_TO_ALL, .data = "all", .data_len = 3};
    expect_named("publish_events",
                 fanfare_publish_events(fanfare, events, 3, (int)(dice % 3), NULL));
}

static void use_waiter(void)
{
    struct fanfare_event event = {
        .size = sizeof(event), .channel = "sport", .channel_len = 5, .data = "x", .data_len = 1};
    struct fanfare_waiter *waiter = NULL;
    int r = fanfare_waiter_new(fanfare, &waiter);
    expect_named("waiter_new", r);
    if (r == 0)
        expect_named("waiter_publish", fanfare_waiter_publish(waiter, &event, 1, NULL));
    fanfare_waiter_free(waiter);
}

static void look(unsigned dice)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    struct fanfare_list *list = NULL;
    char text[4096];
    uint64_t value;
    expect_named("stat", fanfare_stat(fanfare, "subscribers", &value));
    expect_named("metrics", fanfare_metrics(fanfare, text, sizeof(text)));
    expect_named("text",
                 fanfare_subscriber_text(fanfare, any_id(dice), "channels", text, sizeof(text)));
    expect_named("get", fanfare_channel_get(fanfare, "news", 4, &channel));
    if (fanfare_channel_list(fanfare, "", &list) == 0)
        while (fanfare_list_next(list, &channel) == 1)
            ;
    fanfare_list_free(list);
    (void)fanfare_position(fanfare);
}

static void fetch(int timeout_ms)
{
    struct fanfare_note note = {.size = sizeof(note)};
    int r = fanfare_note_next(fanfare, &note, timeout_ms);
    expect_named("note_next", r);
    joined += r == 1 && note.kind == FANFARE_NOTE_JOINED;
    left += r == 1 && note.kind == FANFARE_NOTE_LEFT && note.reason != FANFARE_LEFT_REFUSED;
}

static void answer(struct fanfare_request *request, unsigned dice)
{
    struct fanfare_subscription subscription = {
        .size = sizeof(subscription), .channel = "news", .channel_len = 4, .limit = 1};
    int r;
    (void)fanfare_request_text(request, "header:x", NULL);
    if (dice % 3 == 0)
        r = fanfare_request_accept(request, &subscription, NULL);
    else if (dice % 3 == 1)
        r = fanfare_request_reply(request, 200, "text/plain", "yes", 3, NULL);
    else
        r = fanfare_request_pass(request);
    expect_named("answer", r);
}

/* One that somebody has kept. */
static void answer_kept(unsigned dice)
{
    struct fanfare_request *request = NULL;
    pthread_mutex_lock(&hooked.lock);
    if (hooked.taken_count != hooked.kept_count)
        request = hooked.kept[hooked.taken_count++ % HOOKED_MAX];
    pthread_mutex_unlock(&hooked.lock);
    if (request)
        answer(request, dice);
}

static int on_request(struct fanfare_request *request, void *user)
{
    static atomic_uint number;
    unsigned dice = number++;
    (void)user;
    if (dice % 4 == 0)
        return 0;
    if (dice % 4 == 1)
        answer(request, dice / 4);
    else
        hooked_keep(request);
    return 1;
}

/* A client that asks, and hangs up at some time. */
static void ask(unsigned dice)
{
    static const char *const texts[] = {
        "GET /own?a=b HTTP/1.1\r\nHost: t\r\nX: 1\r\nX: 2\r\n\r\n",
        "GET /events?channel=news HTTP/1.1\r\nHost: t\r\n\r\n",
        ("POST /own HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabcGET /own HTTP/1.1\r\n"
         "Host: t\r\n\r\n")};
    const char *text = texts[dice % 3];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(fd, text, strlen(text)) > 0)
        (void)poll(&ready, 1, (int)(dice / 4 % 3));
    if (dice / 16 % 2)
        socket_reset(fd);
    else
        close(fd);
}

static void step(unsigned dice)
{
    unsigned rest = dice / 16;
    switch (dice % 16) {
    case 0:
    case 1:
    case 2:
        if (adopted < SUBSCRIBERS_OF_ROUND)
            give(rest);
        break;
    case 3:
    case 4:
        publish_some(rest);
        break;
    case 5:
        use_waiter();
        break;
    case 6:
        look(rest);
        break;
    case 7:
        expect_named("end", fanfare_subscriber_end(fanfare, any_id(rest), rest / RECENT % 2));
        break;
    case 8:
        expect_named("send", fanfare_subscriber_send(fanfare, any_id(rest), "t", "own", 3));
        break;
    case 9:
        if (rest % 16 == 0)
            expect_named("end_all", fanfare_subscriber_end_all(fanfare, rest / 16 % 2));
        break;
    case 10:
        expect_named("close", fanfare_channel_close(fanfare, "weather", 7, 0));
        break;
    case 11:
    case 12:
        ask(rest);
        break;
    case 13:
        answer_kept(rest);
        break;
    default:
        fetch((int)(rest % 3));
    }
}

static void *steps(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    while (!over)
        step((unsigned)rand_r(&seed));
    return NULL;
}

/* --- a round ---------------------------------------------------------------------------------- */

/* The owner's part, until enough was called. */
static void own(unsigned wanted)
{
    for (unsigned i = 0; calls < wanted; i++) {
        engine_set(fanfare, "retry", i % 2 ? "1" : "2");
        engine_set(fanfare, "header", i % 2 ? "X-Own: 1" : NULL);
        engine_set(fanfare, "memory-max", i % 3 ? "64M" : "8M");
        EXPECT_INT(fanfare_apply(fanfare), 0);
    }
}

static void run_round(unsigned number)
{
    static const char *const options[] = {
        "notes", "on",      "drain-timeout", "1", "decide-timeout",
        "0.05",  "channel", "news presence", NULL};
    pthread_t threads[THREADS];
    fanfare = hooked_engine(&server, on_request, options);
    over = false;
    calls = joined = left = adopted = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, steps, (void *)(number * THREADS + i + 1));
    own(check_scaled(10000));
    if (number % 2)
        EXPECT_INT(fanfare_drain(fanfare), 0);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    over = true;
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (hooked.taken_count != hooked.kept_count)
        answer_kept(number);
    struct fanfare_note note = {.size = sizeof(note)};
    while (fanfare_note_next(fanfare, &note, 0) == 1) {
        joined += note.kind == FANFARE_NOTE_JOINED;
        left += note.kind == FANFARE_NOTE_LEFT && note.reason != FANFARE_LEFT_REFUSED;
    }
    EXPECT(joined > 0, "nobody has joined");
    EXPECT_INT(joined, left);
    fanfare_free(fanfare);
}

static void any_thread_any_time(void)
{
    run_round(0);
    unsigned before = check_entries("/proc/self/fd");
    for (unsigned i = 1; i < 3; i++)
        run_round(i);
    EXPECT_INT(check_entries("/proc/self/fd"), before);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("any thread, any time", any_thread_any_time);
    return check_end();
}
