/* SPDX-License-Identifier: MIT */
/*
 * Fairness when the server has more to do than it can: a flooded channel hardly delays another one
 * on the same worker; publishers that wait for room are served in turn, feed and HTTP alike; a
 * storm of connections does not stop delivery; and 10,000 clients that all come back at once with
 * their resume points are served while events flow, with nothing missing and nothing twice.
 *
 * The figures are printed; what is asserted is generous, for the clients share the machine's cores
 * with the server.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define SAMPLES_MAX 200000u

static struct server server;
static int64_t end_ms;
static atomic_uint running;

/* --- a channel whose latency is measured ---------------------------------------------------- */

static struct {
    int64_t *us;
    unsigned count;
} samples;

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Publishes on a feed of its own, each event once the one before has arrived, until end_ms. */
static void *measure(void *argument)
{
    struct stream stream;
    struct client feed;
    char text[100], data[32];

    (void)argument;
    samples.count = 0;
    stream_open(&stream, &server, "/events/calm", NULL);
    stream_await_id(&stream);
    client_open_feed(&feed, &server);
    while (check_now_ms() < end_ms && samples.count < SAMPLES_MAX) {
        snprintf(data, sizeof(data), "%u", samples.count);
        snprintf(text, sizeof(text), "channel: calm\ndata: %s\n\n", data);
        int64_t start = now_us();
        REQUIRE(client_say(&feed, text), "the calm feed was closed");
        stream_expect(&stream, "message", data, NULL);
        samples.us[samples.count++] = now_us() - start;
    }
    client_close(&feed);
    stream_close(&stream);
    running--;
    return NULL;
}

/* Prints and gives the 99th percentile. */
static int64_t percentiles(const char *when)
{
    REQUIRE(samples.count > 0, "nothing arrived %s", when);
    qsort(samples.us, samples.count, sizeof(*samples.us), by_value);
    int64_t p99 = samples.us[samples.count * 99 / 100];
    printf("   another channel %s: %u events, p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", when,
           samples.count, (double)samples.us[samples.count / 2] / 1000, (double)p99 / 1000,
           (double)samples.us[samples.count - 1] / 1000);
    return p99;
}

static void measure_alone(unsigned ms)
{
    end_ms = check_now_ms() + ms;
    running = 1;
    measure(NULL);
    percentiles("without load");
}

/* --- one channel is flooded ----------------------------------------------------------------- */

static atomic_uint flooded;

/* As fast as the feed takes it, without asking for an answer but for the last one. */
static void *flood(void *argument)
{
    static char text[64 * 400];
    struct client feed;
    struct receipt receipt;
    unsigned number = 0;
    char pad[201];

    (void)argument;
    memset(pad, 'f', 200);
    pad[200] = '\0';
    client_open_feed(&feed, &server);
    while (check_now_ms() < end_ms) {
        size_t len = 0;
        for (unsigned i = 0; i < 64; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len,
                                    "channel: flood\ndata: 0 %u %s\n\n", number++, pad);
        REQUIRE(client_send(&feed, text, len), "the flooding feed was closed");
    }
    snprintf(text, sizeof(text), "channel: flood\ndata: 0 %u last\nack: last\n\n", number++);
    REQUIRE(client_say(&feed, text) && client_receipt(&feed, &receipt) && receipt.id[0],
            "the last event was not taken: %s", receipt.error);
    flooded = number;
    client_close(&feed);
    running--;
    return NULL;
}

static bool all_have_flood(void *context)
{
    struct crowd *crowd = context;

    if (crowd->closed || running)
        return crowd->closed;
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].seen < flooded)
            return false;
    return true;
}

static void case_fairness(void)
{
    unsigned readers = check_scaled(500);
    pthread_t threads[2];
    struct crowd crowd;
    struct tally tally;

    server_start(&server, SERVER_OPTIONS("--workers", "1"));
    tally_init(&tally, readers, 1, 16u << 20);
    crowd_open(&crowd, &server, readers, "/events/flood", tally_event, &tally);
    measure_alone(500);
    end_ms = check_now_ms() + check_seconds() * 1000;
    running = 2;
    pthread_create(&threads[0], NULL, flood, NULL);
    pthread_create(&threads[1], NULL, measure, NULL);
    crowd_run(&crowd, "flood", all_have_flood, &crowd);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    int64_t p99 = percentiles("beside a flood");
    printf("   the flood: %u events to %u readers, %llu deliveries, %lld missing\n", flooded,
           readers, (unsigned long long)tally.deliveries,
           (long long)flooded * readers - (long long)tally.deliveries);
    EXPECT(CHECK_SANITIZED || p99 < 1000000, "p99 is %lld us", (long long)p99);
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)flooded * readers);
    crowd_close(&crowd);
    tally_free(&tally);
    server_stop(&server);
}

/* --- publishers that wait are served in turn ------------------------------------------------ */

#define TURN_FEEDS      3u
#define TURN_PUBLISHERS 6u
#define TURN_BYTES      16000u
#define TURN_REQUEST    4u /* events: together about a turn's 64 KiB */

static atomic_uint taken[TURN_PUBLISHERS];

static size_t turn_event(char *text, unsigned publisher, unsigned number, bool by_feed)
{
    int len =
        by_feed ? sprintf(text, "channel: turns\nack: %u\ndata: %u %u ", number, publisher, number)
                : sprintf(text, "data: %u %u ", publisher, number);

    memset(text + len, 't', TURN_BYTES);
    memcpy(text + len + TURN_BYTES, "\n\n", 2);
    return (size_t)len + TURN_BYTES + 2;
}

static void *turn_feed(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument, sent = 0, answered = 0;
    struct client feed;
    struct receipt receipt;
    char text[TURN_BYTES + 200];

    client_open_feed(&feed, &server);
    while (answered < sent || check_now_ms() < end_ms) {
        if (check_now_ms() < end_ms && sent - answered < 16) {
            REQUIRE(client_send(&feed, text, turn_event(text, publisher, sent, true)), "closed");
            sent++;
            continue;
        }
        REQUIRE(client_receipt(&feed, &receipt) && receipt.id[0], "feed: %s", receipt.error);
        answered++;
    }
    taken[publisher] = answered;
    client_close(&feed);
    running--;
    return NULL;
}

static void *turn_http(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument, number = 0;
    char *body = malloc(TURN_REQUEST * (TURN_BYTES + 200)), head[200];
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    while (check_now_ms() < end_ms) {
        size_t len = 0;
        for (unsigned i = 0; i < TURN_REQUEST; i++)
            len += turn_event(body + len, publisher, number++, false);
        int head_len = snprintf(head, sizeof(head),
                                "POST /publish/turns HTTP/1.1\r\nHost: t\r\nContent-Type: "
                                "text/event-stream\r\nContent-Length: %zu\r\n\r\n",
                                len);
        REQUIRE(client_send(&client, head, (size_t)head_len) && client_send(&client, body, len) &&
                    client_answer(&client, false, &answer),
                "publisher %u was closed", publisher);
        REQUIRE(answer.status == 200, "publisher %u: %d %s", publisher, answer.status, answer.body);
        answer_free(&answer);
    }
    taken[publisher] = number;
    client_close(&client);
    free(body);
    running--;
    return NULL;
}

static bool all_have_turns(void *context)
{
    struct crowd *crowd = context;
    uint64_t total = 0;

    if (crowd->closed || running)
        return crowd->closed;
    for (unsigned i = 0; i < TURN_PUBLISHERS; i++)
        total += taken[i];
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].seen < total)
            return false;
    return true;
}

static void case_turns(void)
{
    unsigned readers = CHECK_SANITIZED ? 10 : 40, least = UINT32_MAX, most = 0;
    pthread_t threads[TURN_PUBLISHERS];
    struct crowd crowd;
    struct tally tally;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--publish-wait", "60", "--history-bytes", "1M"));
    tally_init(&tally, readers, TURN_PUBLISHERS, 4u << 20);
    crowd_open(&crowd, &server, readers, "/events/turns", tally_event, &tally);
    end_ms = check_now_ms() + check_seconds() * 1000;
    running = TURN_PUBLISHERS;
    for (uintptr_t i = 0; i < TURN_PUBLISHERS; i++)
        pthread_create(&threads[i], NULL, i < TURN_FEEDS ? turn_feed : turn_http, (void *)i);
    crowd_run(&crowd, "turns", all_have_turns, &crowd);
    printf("   events of %u publishers (%u feeds, then HTTP):", TURN_PUBLISHERS, TURN_FEEDS);
    for (unsigned i = 0; i < TURN_PUBLISHERS; i++) {
        pthread_join(threads[i], NULL);
        least = taken[i] < least ? taken[i] : least;
        most = taken[i] > most ? taken[i] : most;
        printf(" %u", taken[i]);
    }
    long long waited = server_stat(&server, "publishes_waited");
    printf("; they waited %lld times\n", waited);
    EXPECT(waited > 0, "nobody had to wait");
    EXPECT(least >= most / 4, "the one got %u through, the other %u", least, most);
    EXPECT_INT(crowd.closed, 0);
    crowd_close(&crowd);
    tally_free(&tally);
    server_stop(&server);
}

/* --- a storm of connections ----------------------------------------------------------------- */

/* Connects and hangs up as fast as it goes: at once, in mid-request, or right after subscribing. */
static _Noreturn void storm(_Atomic uint64_t *count)
{
    static const char *const words[] = {"", "GET /events/calm HT",
                                        "GET /events/storm HTTP/1.1\r\nHost: t\r\n\r\n"};
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (unsigned i = 0;; i++) {
        int fd = connect_tcp(&server, 1 + i % 1000);
        const char *text = words[i % 3];
        (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
        (*count)++;
    }
}

static bool all_have_storm(void *context)
{
    struct crowd *crowd = context;

    return crowd->closed || running == 0;
}

static void case_storm(void)
{
    unsigned readers = check_scaled(100);
    pthread_t threads[2];
    struct crowd crowd;
    struct tally tally;
    int status;

    _Atomic uint64_t *count =
        mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(count != MAP_FAILED, "mmap: %s", strerror(errno));
    server_start(&server, SERVER_OPTIONS("--workers", "1"));
    measure_alone(500);
    fflush(stdout);
    pid_t parent = getpid(), pid = fork();
    REQUIRE(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            storm(count);
        _exit(1);
    }
    /* Those that come now are served in the midst of it, too. */
    tally_init(&tally, readers, 1, 16u << 20);
    crowd_open(&crowd, &server, readers, "/events/calm", NULL, NULL);
    end_ms = check_now_ms() + check_seconds() * 1000;
    running = 1;
    pthread_create(&threads[0], NULL, measure, NULL);
    crowd_run(&crowd, "calm", all_have_storm, &crowd);
    pthread_join(threads[0], NULL);
    uint64_t connections = *count;
    kill(pid, SIGKILL);
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "the storm ended by itself");
    unsigned published = samples.count;
    int64_t p99 = percentiles("in a storm");
    for (unsigned i = 0; i < readers; i++) {
        for (unsigned k = 0; k < published; k++) {
            char data[32];
            snprintf(data, sizeof(data), "%u", k);
            stream_expect(&crowd.streams[i], "message", data, NULL);
        }
    }
    printf("   %llu connections opened and reset, %u events to %u readers meanwhile\n",
           (unsigned long long)connections, published, readers);
    EXPECT(CHECK_SANITIZED || p99 < 1000000, "p99 is %lld us", (long long)p99);
    EXPECT(connections > 100, "only %llu connections", (unsigned long long)connections);
    EXPECT_INT(crowd.closed, 0);
    crowd_close(&crowd);
    tally_free(&tally);
    server_await(&server, "subscribers", false, 0);
    server_await(&server, "connections_open", false, 1);
    munmap((void *)count, sizeof(*count));
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    samples.us = calloc(SAMPLES_MAX, sizeof(*samples.us));
    REQUIRE(samples.us, "out of memory");
    check_case("fairness", case_fairness);
    check_case("turns", case_turns);
    check_case("storm", case_storm);
    free(samples.us);
    return check_end();
}
