/* SPDX-License-Identifier: MIT */
/*
 * Hubs that start and stop while eight threads go on publishing, handing over sockets, asking and
 * steering: what engine/hub.h says of calls that are under way at the stop. For ThreadSanitizer and
 * AddressSanitizer above all; beside them each call's promise is looked at: a socket that was taken
 * is closed by the end of hub_stop and one that was not is still the caller's, a question that was
 * taken is answered once, an event that was taken has a number, and no descriptor is left.
 *
 * Every second hub has a millisecond to drain, so that workers end with events that nobody takes
 * any more, of publishers that are still storing them.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/gate.h"
#include "engine/census.h"
#include "engine/control.h"
#include "engine/hub.h"
#include "tests/e2e/check.h"

#define THREADS 8u
#define WORKERS 2u
#define SOCKETS 64 /* of one adopter in one round */
#define ENOUGH                                                                                     \
    40 /* calls of each thread before the stop begins; then they go on until it is over */
#define CHANNELS 3u

static struct hub *hub;
static struct hub_options options;
static pthread_barrier_t begin, end;
static atomic_bool over, stopping, stopped;
static atomic_ullong published, asked, answered;
static atomic_uint ready; /* threads that have made enough calls of this round */

struct caller {
    unsigned index, calls;
    int peers[SOCKETS], peer_count;
};

static void publish(struct caller *caller)
{
    char name[2] = {(char)('a' + caller->calls % CHANNELS), 0};
    struct event event = {.channel = text_of(name), .data = TEXT("something"), .retry_ms = -1};
    struct frame *frame;
    uint64_t first = 0;
    event.key = caller->calls % 16 == 0 ? text_of(name) : TEXT("");
    REQUIRE(hub_frame(hub, &event, &frame) == 0, "hub_frame");
    int r = hub_publish(hub, &frame, 1, &first);
    REQUIRE(r == 0 || r == HUB_BUSY || r == HUB_KNOWN || r == -ESHUTDOWN, "hub_publish gives %d",
            r);
    if (r == 0)
        published++;
    else
        frame_unref(frame);
}

/* False: the socket is closed. */
static bool read_all(int fd)
{
    static _Thread_local char bytes[65536];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        ;
    return n < 0 && errno == EAGAIN;
}

/* Hands one more over, and reads what the others are sent, so that none is slow. */
static void adopt(struct caller *caller)
{
    int fds[2];
    const struct text channels[] = {TEXT("a"), TEXT("b")};
    for (int i = 0; i < caller->peer_count; i++)
        (void)read_all(caller->peers[i]);
    if (caller->peer_count == SOCKETS)
        return;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "%s",
            strerror(errno));
    struct subscribe_request request = {.fd = fds[1],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = 1 + caller->calls % 2,
                                        .last = caller->calls % 3};
    int r = hub_subscribe(hub, &request, NULL);
    REQUIRE(r == 0 || r == HUB_FULL || r == HUB_NO_MEMORY || r == -ESHUTDOWN,
            "hub_subscribe gives %d", r);
    if (r == 0) {
        caller->peers[caller->peer_count++] = fds[0];
        return;
    }
    EXPECT(close(fds[1]) == 0, "the caller's socket: %s", strerror(errno));
    close(fds[0]);
}

static void on_done(struct control *control)
{
    answered++;
    control_free(control);
}

static void on_census(struct census *census)
{
    answered++;
    census_free(census);
}

static void ask(struct caller *caller)
{
    if (caller->calls % 2) {
        struct control_request request = {.kind = caller->calls % 4 == 1 ? CONTROL_CHANNELS
                                                                         : CONTROL_SUBSCRIBERS,
                                          .limit = 10,
                                          .done = on_done};
        struct control *control = control_new(&request, WORKERS);
        REQUIRE(control, "control_new");
        int r = hub_control(hub, control);
        REQUIRE(r == 0 || r == -EBUSY || r == -ESHUTDOWN, "hub_control gives %d", r);
        asked += r == 0;
        if (r != 0)
            control_free(control);
        return;
    }
    struct event event = {.channel = TEXT("a"), .data = TEXT("x"), .retry_ms = -1};
    struct frame *frame;
    REQUIRE(hub_frame(hub, &event, &frame) == 0, "hub_frame");
    struct census *census = census_new(&frame, 1, WORKERS);
    frame_unref(frame);
    REQUIRE(census, "census_new");
    census->done = on_census;
    int r = hub_census(hub, census);
    REQUIRE(r == 0 || r == -ESHUTDOWN, "hub_census gives %d", r);
    asked += r == 0;
    if (r != 0)
        census_free(census);
}

/* What an operator does. */
static void steer(struct caller *caller)
{
    struct stats stats;
    uint64_t groups[SUBSCRIBER_GROUPS_MAX];
    int r = 0;
    switch (caller->calls % 5) {
    case 0:
        r = hub_close_channel(hub, TEXT("b"));
        break;
    case 1:
        r = hub_kick(hub);
        break;
    case 2:
        r = hub_reload(hub, &options);
        break;
    case 3:
        hub_stats(hub, &stats);
        break;
    case 4:
        hub_groups(hub, groups);
        break;
    }
    REQUIRE(r == 0 || r == HUB_BUSY || r == -ESHUTDOWN, "a command gives %d", r);
}

static void *run(void *argument)
{
    static void (*const calls[])(struct caller * caller) = {publish, adopt, ask, steer};
    struct caller *caller = argument;
    for (;;) {
        pthread_barrier_wait(&begin);
        if (over)
            return NULL;
        for (caller->calls = 0; !stopped; caller->calls++) {
            calls[caller->index % 4](caller);
            if (caller->calls + 1 == ENOUGH)
                ready++;
            while (caller->calls + 1 >= ENOUGH && !stopping)
                sched_yield();
        }
        pthread_barrier_wait(&end);
    }
}

/* What the hub has taken it has closed. */
static void look_at_peers(struct caller *caller)
{
    for (int i = 0; i < caller->peer_count; i++) {
        EXPECT(!read_all(caller->peers[i]), "a socket that was taken is open");
        close(caller->peers[i]);
    }
    caller->peer_count = 0;
}

static void run_round(unsigned round, struct caller *callers)
{
    struct stats stats;
    options.workers = WORKERS;
    options.worker_subscribers = 1000;
    options.io = check_registers() ? IO_URING : check_on_ring() ? IO_URING_COMPAT : IO_EPOLL;
    options.subscriber_ids = round % 3 != 0;
    options.drain_timeout_ms = round % 2 ? 1 : 5000;
    int r = hub_new(&options, &hub);
    REQUIRE(r == 0, "hub_new gives %d", r);
    r = hub_start(hub);
    REQUIRE(r == 0, "hub_start gives %d", r);
    published = asked = answered = 0;
    ready = 0;
    stopping = stopped = false;
    pthread_barrier_wait(&begin);
    for (int64_t deadline = check_now_ms() + DEADLINE_MS; ready < THREADS;) {
        REQUIRE(check_now_ms() < deadline, "the callers come to nothing");
        poll(NULL, 0, 1);
    }
    stopping = true; /* they go on */
    hub_stop(hub);
    stopped = true;
    pthread_barrier_wait(&end);
    EXPECT_INT(answered, asked);
    for (unsigned i = 0; i < THREADS; i++)
        look_at_peers(&callers[i]);
    hub_stats(hub, &stats);
    EXPECT_INT(stats.published, published);
    EXPECT_INT(stats.subscribers, 0);
    EXPECT(published > 0 && asked > 0, "%llu events, %llu questions", (unsigned long long)published,
           (unsigned long long)asked);
    hub_stop(hub); /* which is over */
    hub = hub_free(hub);
}

static void case_stop(void)
{
    static struct caller callers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_init(&begin, NULL, THREADS + 1);
    pthread_barrier_init(&end, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i].index = i;
        pthread_create(&threads[i], NULL, run, &callers[i]);
    }
    hub_options_default(&options);
    unsigned rounds = check_scaled(100);
    unsigned before = check_entries("/proc/self/fd");
    for (unsigned i = 0; i < rounds; i++)
        run_round(i, callers);
    EXPECT_INT(check_entries("/proc/self/fd"), before);
    over = true;
    pthread_barrier_wait(&begin);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&begin);
    pthread_barrier_destroy(&end);
    printf("   %u hubs\n", rounds);
}

/* --- the gate alone ------------------------------------------------------------------------ */

static struct gate gate;
static atomic_uint inside, passed;
static unsigned done[THREADS]; /* by each inside, and read by who has shut it */

static void *pass(void *argument)
{
    unsigned *mine = argument;
    while (gate_enter(&gate)) {
        inside++;
        (*mine)++;
        if (*mine % 64 == 0)
            sched_yield(); /* while it is inside */
        passed++;
        inside--;
        gate_leave(&gate);
    }
    return NULL;
}

static void case_gate(void)
{
    pthread_t threads[THREADS];
    for (unsigned round = 0; round < check_scaled(300); round++) {
        unsigned sum = 0;
        gate_init(&gate);
        passed = 0;
        memset(done, 0, sizeof(done));
        for (unsigned i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, pass, &done[i]);
        while (passed < 200)
            sched_yield();
        gate_shut(&gate);
        EXPECT_INT(inside, 0);
        for (unsigned i = 0; i < THREADS; i++)
            sum += done[i];
        EXPECT_INT(sum, passed);
        EXPECT(!gate_enter(&gate), "it is shut");
        for (unsigned i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        gate_deinit(&gate);
    }
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("gate", case_gate);
    check_case("stop", case_stop);
    return check_end();
}
