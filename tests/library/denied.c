/* SPDX-License-Identifier: MIT */
/*
 * The machine says no: through the whole of the library the n-th allocation, descriptor, thread,
 * ring or mapping is refused, for n from the first to the last that a call needs.
 *
 * Each call then has an error that its page names, or does what it says; nothing crashes, no
 * descriptor and no thread is left, a connection that was not taken is untouched, a client is never
 * left without an end, and the engine goes on. While a fault is armed the tests themselves allocate
 * nothing: the wraps (tests/e2e/inject_wraps.c) would hit them, too.
 *
 * Length: one call after the other, each with what is expected of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/inject.h"
#include "tests/library/engine.h"
#include "tests/library/socket.h"

enum { WALK_MAX = 1000 };

static const enum inject_call rows[] = {INJECT_memory,     INJECT_eventfd,      INJECT_socket,
                                        INJECT_thread,     INJECT_mmap,         INJECT_epoll_ctl,
                                        INJECT_ring_setup, INJECT_ring_register};

static struct fanfare *fanfare;
static struct server server;
static struct ends reader = {-1, -1}; /* its stream is the engine's standing subscriber */
static uint64_t reader_id;
static unsigned walked; /* calls with a fault in them */

/* --- what is there --------------------------------------------------------------------------- */

/* What was closed leaves with the worker's next turn. */
static void expect_entries(const char *path, unsigned wanted)
{
    int64_t until_ms = check_now_ms() + DEADLINE_MS;
    unsigned seen;
    while ((seen = check_entries(path)) != wanted && check_now_ms() < until_ms)
        poll(NULL, 0, 1);
    EXPECT_INT(seen, wanted);
}

/* Reads until this text or the end of input. True: the text came. */
static bool reads(int fd, const char *text)
{
    static char bytes[65536];
    size_t len = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "neither \"%s\" nor an end", text);
        ssize_t got = read(fd, bytes + len, sizeof(bytes) - 1 - len);
        if (got <= 0)
            return false;
        len += (size_t)got;
        bytes[len] = '\0';
        if (strstr(bytes, text))
            return true;
        REQUIRE(len + 1 < sizeof(bytes), "no \"%s\" in so much", text);
    }
}

static struct fanfare_subscription plain(const char *channel)
{
    return (struct fanfare_subscription){.size = sizeof(struct fanfare_subscription),
                                         .channel = channel,
                                         .channel_len = FANFARE_NUL,
                                         .flags = FANFARE_HEAD_SENT | FANFARE_PLAIN};
}

/* A stream of the program's own, which has begun. */
static struct ends stream_of(const char *channel, uint64_t *ret_id)
{
    struct fanfare_event first = {.size = sizeof(first), .data = "begins", .data_len = 6};
    struct fanfare_subscription subscription = plain(channel);
    struct ends ends = socket_open(SOCKET_PAIR);
    subscription.first = &first;
    subscription.first_count = 1;
    REQUIRE(fanfare_adopt(fanfare, ends.ours, &subscription, ret_id) == 0, "adopt");
    ends.ours = -1;
    REQUIRE(reads(ends.clients, "begins"), "a stream that ends");
    return ends;
}

static void end_of(struct ends *ends)
{
    close(ends->clients);
    *ends = (struct ends){-1, -1};
}

static void fetch_notes(void)
{
    struct fanfare_note note = {.size = sizeof(note)};
    while (fanfare_note_next(fanfare, &note, 0) == 1)
        ;
}

/* Nothing is armed: what is published reaches the standing reader, or a new one. */
static void expect_working(void)
{
    static unsigned number;
    char text[32];
    snprintf(text, sizeof(text), "marker %u.", ++number);
    for (unsigned i = 0; i < 3; i++) {
        if (reader.clients < 0)
            reader = stream_of("news", &reader_id);
        EXPECT_INT(fanfare_publish(fanfare, "news", NULL, text, FANFARE_NUL, DEADLINE_MS, NULL), 0);
        if (reads(reader.clients, text))
            return;
        end_of(&reader);
    }
    REQUIRE(false, "three readers in turn were closed");
}

/* --- the walk -------------------------------------------------------------------------------- */

static void arm(enum inject_call row, uint32_t at)
{
    struct inject *orders = inject_own();
    for (unsigned i = 0; i < INJECT_CALLS; i++)
        orders->calls[i] = 0;
    orders->injected = 0;
    orders->call = row;
    orders->at = at;
    orders->armed = 1;
}

/* Whether anything was refused. */
static bool disarm(void)
{
    inject_own()->armed = 0;
    return inject_own()->injected > 0;
}

static bool is_named(int r, const int *named)
{
    for (; *named; named++)
        if (r == *named)
            return true;
    return r >= 0;
}

/* A call of the engine that runs: what must be there before it, the call with what comes of it,
 * and what is left to close. `named`: its errors, and 0. */
struct walk {
    const char *name;
    void (*before)(void);
    int (*call)(void);
    void (*after)(int r);
    const int *named;
    bool tells; /* whatever is refused is an error of the call */
};

static void walk(const struct walk *walk)
{
    static char note[80];
    expect_working();
    unsigned descriptors = check_entries("/proc/self/fd");
    for (unsigned row = 0; row < sizeof(rows) / sizeof(*rows); row++) {
        bool hit = true;
        for (uint32_t at = 1; hit && at < WALK_MAX; at++) {
            snprintf(note, sizeof(note), "%s, fault %u of row %u", walk->name, at, rows[row]);
            check_note(note);
            if (walk->before)
                walk->before();
            arm(rows[row], at);
            int r = walk->call();
            hit = disarm();
            walked += hit;
            EXPECT(!hit || !walk->tells || r < 0, "%d", r);
            EXPECT(is_named(r, walk->named), "%d: %s", r, fanfare_strerror(r));
            if (walk->after)
                walk->after(r);
            fetch_notes();
            expect_working();
        }
        expect_entries("/proc/self/fd", descriptors);
    }
    check_note(NULL);
}

#define NAMED(...) ((const int[]){__VA_ARGS__, 0})

/* --- publishing ------------------------------------------------------------------------------- */

static int publish_one(void)
{
    uint64_t sequence;
    return fanfare_publish(fanfare, "news", "headline", "text", 4, 0, &sequence);
}

static int publish_three(void)
{
    static unsigned number;
    static char key[32], channel[32];
    number++;
    snprintf(key, sizeof(key), "key %u", number);
    snprintf(channel, sizeof(channel), "ends %u", number);
    const struct fanfare_event events[] = {
        {.size = sizeof(events[0]),
         .channel = "news",
         .channel_len = 4,
         .id = "own id",
         .id_len = 6,
         .data = "1",
         .data_len = 1,
         .key = key,
         .key_len = strlen(key)},
        {.size = sizeof(events[0]),
         .channel = channel,
         .channel_len = strlen(channel),
         .flags = FANFARE_END},
        {.size = sizeof(events[0]), .data = "all", .data_len = 3, .flags = FANFARE_TO_ALL},
    };
    return fanfare_publish_events(fanfare, events, 3, 0, NULL);
}

static int publish_text(void)
{
    return fanfare_publish_text(fanfare,
                                "channel: news\ndata: 1\ndata: 2\n\nchannel: b\ndata: 3\n\n",
                                FANFARE_NUL, 0, NULL, NULL);
}

static int publish_waiter(void)
{
    struct fanfare_event event = {
        .size = sizeof(event), .channel = "news", .channel_len = 4, .data = "x", .data_len = 1};
    struct fanfare_waiter *waiter = NULL;
    int r = fanfare_waiter_new(fanfare, &waiter);
    if (r == 0)
        r = fanfare_waiter_publish(waiter, &event, 1, NULL);
    fanfare_waiter_free(waiter);
    return r;
}

static void publishing(void)
{
    const int *named = NAMED(-ENOMEM, -EAGAIN, -EMFILE);
    walk(&(struct walk){"publish", NULL, publish_one, NULL, named, false});
    walk(&(struct walk){"publish_events", NULL, publish_three, NULL, named, false});
    walk(&(struct walk){"publish_text", NULL, publish_text, NULL, named, false});
    walk(&(struct walk){"waiter", NULL, publish_waiter, NULL, named, false});
}

/* --- subscribers ------------------------------------------------------------------------------ */

static struct ends ends;
static uint64_t subscriber;

static void open_ends(void)
{
    ends = socket_open(SOCKET_PAIR);
}

/* What is taken begins, or is closed. */
static int adopt(void)
{
    static const char *const channels[] = {"news", "weather", "sport"};
    const struct fanfare_event first[] = {
        {.size = sizeof(first[0]), .data = "one", .data_len = 3},
        {.size = sizeof(first[0]), .data = "snapshot", .data_len = 8}};
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channels = channels,
                                                .channel_count = 3,
                                                .resume = "earliest",
                                                .resume_len = FANFARE_NUL,
                                                .head = "X-Own: 1\r\n",
                                                .head_len = FANFARE_NUL,
                                                .first = first,
                                                .first_count = 2,
                                                .tag = 7};
    int r = fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber);
    if (r == 0)
        reads(ends.clients, "snapshot");
    return r;
}

/* What was not taken is the caller's, and nobody has touched it. */
static void adopted(int r)
{
    char byte;
    if (r < 0) {
        EXPECT(fcntl(ends.ours, F_GETFD) >= 0, "closed");
        EXPECT(recv(ends.clients, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "written to");
        close(ends.ours);
    }
    close(ends.clients);
}

static void open_stream(void)
{
    ends = stream_of("alone", &subscriber);
}

static int send_one(void)
{
    int r = fanfare_subscriber_send(fanfare, subscriber, "t", "private", 7);
    if (r == 0)
        reads(ends.clients, "private");
    return r;
}

/* On 0 it ends. */
static int ended(int r)
{
    if (r == 0)
        EXPECT(!reads(ends.clients, "what nobody says"), "it goes on");
    return r;
}

static int end_one(void)
{
    return ended(fanfare_subscriber_end(fanfare, subscriber, 0));
}

static int end_all(void)
{
    int r = ended(fanfare_subscriber_end_all(fanfare, 0));
    if (r == 0) {
        EXPECT(!reads(reader.clients, "what nobody says"), "it goes on");
        end_of(&reader);
    }
    return r;
}

static int close_channel(void)
{
    return ended(fanfare_channel_close(fanfare, "alone", 5, 0));
}

static void close_ends(int r)
{
    (void)r;
    end_of(&ends);
}

static int next_note(void)
{
    struct fanfare_note note = {.size = sizeof(note)};
    return fanfare_note_next(fanfare, &note, 0);
}

static void subscribing(void)
{
    const int *named = NAMED(-ENOMEM, -EAGAIN);
    walk(&(struct walk){"adopt", open_ends, adopt, adopted, NAMED(-ENOMEM, -ENOBUFS, -ENOSPC),
                        false});
    walk(&(struct walk){"send", open_stream, send_one, close_ends, named, false});
    walk(&(struct walk){"end", open_stream, end_one, close_ends, named, false});
    walk(&(struct walk){"end_all", open_stream, end_all, close_ends, named, false});
    walk(&(struct walk){"note_next", open_stream, next_note, close_ends, NAMED(0), false});
    walk(&(struct walk){"channel_close", open_stream, close_channel, close_ends, named, false});
}

/* --- looking, and other options --------------------------------------------------------------- */

static int get_channel(void)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    return fanfare_channel_get(fanfare, "news", 4, &channel);
}

static int list_channels(void)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    struct fanfare_list *list = NULL;
    int r = fanfare_channel_list(fanfare, NULL, &list);
    while (r >= 0 && (r = fanfare_list_next(list, &channel)) == 1)
        ;
    fanfare_list_free(list);
    return r;
}

static int metrics(void)
{
    static char text[1 << 16];
    return fanfare_metrics(fanfare, text, sizeof(text));
}

static int apply(void)
{
    static unsigned number;
    int r = fanfare_set(fanfare, "retry", ++number % 2 ? "1" : "2");
    if (r == 0)
        r = fanfare_set(fanfare, "header", "X-Operator: 1");
    int applied = fanfare_apply(fanfare);
    EXPECT(r == 0 || applied == r, "%d, then %d", r, applied);
    EXPECT(applied == 0 || fanfare_error(fanfare)[0], "no sentence");
    return applied;
}

static void applied(int r)
{
    (void)r;
    engine_set(fanfare, "header", NULL);
    EXPECT_INT(fanfare_apply(fanfare), 0);
}

static void looking(void)
{
    walk(&(struct walk){"channel_get", NULL, get_channel, NULL, NAMED(-ENOMEM, -ENOENT), false});
    walk(&(struct walk){"channel_list", NULL, list_channels, NULL, NAMED(-ENOMEM), false});
    walk(&(struct walk){"metrics", NULL, metrics, NULL, NAMED(-ENOMEM), false});
    walk(&(struct walk){"apply", NULL, apply, applied, NAMED(-ENOMEM), true});
}

/* --- requests --------------------------------------------------------------------------------- */

static const char *request_text;
static _Atomic(struct fanfare_request *) kept; /* by the hook, for the test's thread */

static int accept_with_first(struct fanfare_request *request)
{
    struct fanfare_event first = {.size = sizeof(first), .data = "snapshot", .data_len = 8};
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "news",
                                                .channel_len = 4,
                                                .head = "X-Own: 1\r\n",
                                                .head_len = FANFARE_NUL,
                                                .first = &first,
                                                .first_count = 1};
    return fanfare_request_accept(request, &subscription, NULL);
}

static int answer(struct fanfare_request *request, const char *path)
{
    const int *named = NAMED(-ENOMEM, -ENOBUFS, -ENOSPC, -EPIPE);
    int r;
    if (strstr(path, "accept"))
        r = accept_with_first(request);
    else if (strstr(path, "reply"))
        r = fanfare_request_reply(request, 200, "text/plain", "snapshot", 8, "X-Own: 1\r\n");
    else
        r = fanfare_request_pass(request);
    EXPECT(is_named(r, named), "%s: %d: %s", path, r, fanfare_strerror(r));
    return 1;
}

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    const char *path = fanfare_request_text(request, "path", NULL);
    (void)fanfare_request_text(request, "query:b", NULL);
    (void)fanfare_request_text(request, "header:accept", NULL);
    (void)fanfare_request_text(request, "channels", NULL);
    (void)fanfare_request_text(request, "peer", NULL);
    (void)fanfare_request_text(request, "target", NULL);
    if (path && strstr(path, "/keep/")) {
        kept = request;
        return 1;
    }
    return path ? answer(request, path) : 0;
}

/* What was kept is answered here, until the client has an answer, or an end. */
static int exchange(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    struct pollfd ready = {.events = POLLIN};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ready.fd = ends.clients = (socket)(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ready.fd < 0)
        return 0;
    REQUIRE(connect(ready.fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    (void)!write(ready.fd, request_text, strlen(request_text));
    int64_t until_ms = check_now_ms() + DEADLINE_MS;
    while (poll(&ready, 1, 1) == 0) {
        REQUIRE(check_now_ms() < until_ms, "no answer");
        struct fanfare_request *request = atomic_exchange(&kept, NULL);
        if (request)
            answer(request, request_text);
    }
    reads(ready.fd, "\r\n\r\n");
    return 0;
}

static void exchanged(int r)
{
    (void)r;
    if (ends.clients >= 0)
        close(ends.clients);
}

static void asking(void)
{
    static const char *const requests[] = {
        "GET /own/accept?b=%41 HTTP/1.1\r\nHost: t\r\nAccept: a\r\nAccept: b\r\n\r\n",
        "GET /own/reply?b=%41 HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /own/keep/accept HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /own/keep/reply HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /own/keep/pass HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /events?channel=news HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /own/reply HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nbody",
    };
    for (unsigned i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        request_text = requests[i];
        walk(&(struct walk){requests[i], NULL, exchange, exchanged, NAMED(0), false});
    }
}

/* --- life ------------------------------------------------------------------------------------- */

/* Tries all of it; what was refused is tried once more, with nothing in the way. */
static bool live(enum inject_call row, uint32_t at, bool to_end)
{
    struct ends stream = {-1, -1};
    arm(row, to_end ? UINT32_MAX : at);
    fanfare = fanfare_new();
    int r = fanfare_set(fanfare, "workers", "1");
    r = r ? r : fanfare_set(fanfare, "io", check_backend());
    r = r ? r : fanfare_set(fanfare, "acceptors", "1");
    r = r ? r : fanfare_set(fanfare, "listen", "127.0.0.1:0");
    r = r ? r : fanfare_set(fanfare, "header", "X-Own: 1");
    r = r ? r : fanfare_set(fanfare, "notes", "on");
    int started = fanfare_start(fanfare);
    EXPECT(!fanfare || r == 0 || started == r, "%d, then %d", r, started);
    EXPECT(is_named(started, NAMED(-ENOMEM, -EMFILE, -EAGAIN, -EINVAL)), "%d: %s", started,
           fanfare_error(fanfare));
    EXPECT(started == 0 || fanfare_error(fanfare)[0], "no sentence");
    EXPECT(started != -EINVAL || !fanfare, "%s", fanfare_error(fanfare));
    if (to_end && started == 0) {
        stream = stream_of("news", NULL);
        arm(row, at);
        r = fanfare_publish(fanfare, "news", NULL, "last", 4, 0, NULL);
        EXPECT(is_named(r, NAMED(-ENOMEM, -EAGAIN)), "%d", r);
        EXPECT_INT(fanfare_stop(fanfare), 0);
    }
    bool hit = disarm();
    walked += hit;
    if (fanfare && started < 0)
        EXPECT_INT(fanfare_start(fanfare), 0);
    if (stream.clients >= 0) {
        EXPECT(!reads(stream.clients, "what nobody says"), "it goes on");
        end_of(&stream);
    }
    fanfare_free(fanfare);
    return hit;
}

static void living(void)
{
    static char note[80];
    for (unsigned i = 0; i < 3; i++)
        live(INJECT_memory, UINT32_MAX, i % 2);
    unsigned descriptors = check_entries("/proc/self/fd"),
             threads = check_entries("/proc/self/task");
    for (unsigned row = 0; row < sizeof(rows) / sizeof(*rows); row++)
        for (unsigned to_end = 0; to_end < 2; to_end++) {
            bool hit = true;
            for (uint32_t at = 1; hit && at < WALK_MAX; at++) {
                snprintf(note, sizeof(note), "life %u, fault %u of row %u", to_end, at, rows[row]);
                check_note(note);
                hit = live(rows[row], at, to_end);
            }
            expect_entries("/proc/self/fd", descriptors);
            expect_entries("/proc/self/task", threads);
        }
    check_note(NULL);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("a life", living);
    fanfare = engine_new((const char *const[]){"notes", "on", NULL});
    EXPECT_INT(fanfare_on_request(fanfare, on_request, NULL), 0);
    engine_start(fanfare, &server);
    check_case("publishing", publishing);
    check_case("subscribers", subscribing);
    check_case("looking, and other options", looking);
    check_case("requests", asking);
    if (reader.clients >= 0)
        end_of(&reader);
    engine_end(fanfare);
    printf("%u calls with a fault\n", walked);
    return check_end();
}
