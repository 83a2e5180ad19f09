/* SPDX-License-Identifier: MIT */
/*
 * A crowd of slow readers: 20 readers that take everything, and 30 that take 60 kB/s, less than
 * --slow-rate and more than half of all. The publisher offers 4 MB/s. The crowd may hold it for
 * --hold-max, no longer, whatever its number. The good ones have everything in order.
 *
 * What the good ones got is printed for each second. A second in which the server says that it is
 * short of processor (`workers_short`) is left out of what is asserted: then nobody is dropped.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define GOOD_READERS 20u
#define SLOW_READERS 30u
#define SLOW_RATE    60000 /* bytes per second */
#define EVENT_BYTES  1024u
#define HOLD_MAX_MS  5000 /* the bytes in flight last for 4 s */
#define TURN_MS      10
#define TOTAL_MAX    (16u << 20)
/* What the publisher may be behind: what it could not offer while it was held it offers no more. */
#define BEHIND_MS 500
/* The hold, a window of --slow-after, and what this program's seconds are inexact by. */
#define HELD_SECONDS_MAX (HOLD_MAX_MS / 1000 + 3)
#define SECONDS_AFTER    3 /* watched after the crowd was closed */

static struct server server;
static unsigned rate; /* events per second that are offered */
static int permits;   /* eventfd: events that the publisher may send */
static atomic_bool over;
static _Atomic unsigned sent;

/* --- the publisher --------------------------------------------------------------------------- */

static void *publish_run(void *argument)
{
    struct client feed;
    char text[EVENT_BYTES + 64];

    (void)argument;
    client_open_feed(&feed, &server);
    for (;;) {
        uint64_t count = 0;
        REQUIRE(read(permits, &count, sizeof(count)) == sizeof(count), "eventfd");
        for (; count > 0 && !over; count--) {
            int len = snprintf(text, sizeof(text), "channel: hold\ndata: 0 %u ", sent);
            memset(text + len, '.', EVENT_BYTES);
            memcpy(text + len + EVENT_BYTES, "\n\n", 2);
            REQUIRE(client_send(&feed, text, (size_t)len + EVENT_BYTES + 2), "the feed was closed");
            sent++;
        }
        if (over)
            break;
    }
    client_finish(&feed);
    REQUIRE(client_ends(&feed), "the feed was answered");
    client_close(&feed);
    return NULL;
}

/* Permits for the time since the last call, but never more than for BEHIND_MS at once. */
static void permit(int64_t *last_ms, unsigned *given)
{
    int64_t now_ms = check_now_ms();
    uint64_t count = (uint64_t)(now_ms - *last_ms) * rate / 1000;

    if (count == 0)
        return;
    *last_ms = now_ms;
    if (*given - sent > rate * BEHIND_MS / 1000)
        return;
    REQUIRE(write(permits, &count, sizeof(count)) == sizeof(count), "eventfd");
    *given += (unsigned)count;
}

/* --- the slow ones --------------------------------------------------------------------------- */

struct slow_reader {
    struct stream stream;
    bool over;
    int64_t begun_ms;
};

static struct slow_reader slow[SLOW_READERS];
static void ignore(struct stream *stream, const struct stream_event *event)
{
    (void)stream;
    (void)event;
}

static void slow_connect(struct slow_reader *reader, unsigned number)
{
    int small = 65536;

    stream_init(&reader->stream, connect_tcp(&server, 100 + number), ignore, NULL);
    setsockopt(reader->stream.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    stream_send_request(&reader->stream, "/events/hold", NULL);
    reader->begun_ms = check_now_ms();
}

/* Takes what its rate allows. */
static void slow_turn(struct slow_reader *reader)
{
    uint64_t budget = (uint64_t)(check_now_ms() - reader->begun_ms) * SLOW_RATE / 1000;

    if (!reader->over && budget > reader->stream.bytes)
        reader->over = !stream_take(&reader->stream, budget - reader->stream.bytes);
}

/* --- what is seen ---------------------------------------------------------------------------- */

struct watch {
    int64_t due_ms;
    uint64_t seen;     /* by the first good reader, at the last second */
    unsigned seconds;  /* of them */
    unsigned held;     /* seconds below half of what is offered, up to now */
    unsigned held_max; /* the most of them in a row */
    unsigned short_seconds;
    unsigned after; /* seconds since the whole crowd was closed */
};

static void watch_look(struct watch *watch, const struct crowd *crowd)
{
    int64_t now_ms = check_now_ms();

    if (now_ms < watch->due_ms)
        return;
    uint64_t seen = crowd->streams[0].seen;
    unsigned got =
        (unsigned)((seen - watch->seen) * 1000 / (uint64_t)(now_ms - watch->due_ms + 1000));
    bool is_short = server_stat(&server, "workers_short") > 0;

    watch->due_ms = now_ms + 1000;
    watch->seen = seen;
    watch->seconds++;
    watch->short_seconds += is_short;
    if (got >= rate / 2)
        watch->held = 0;
    else if (!is_short)
        watch->held++;
    if (watch->held > watch->held_max)
        watch->held_max = watch->held;
    if (server_stat(&server, "closed_slow") >= SLOW_READERS)
        watch->after++;
    printf(" %u%s", got, is_short ? "(short)" : "");
    fflush(stdout);
}

static bool all_have_all(void *context)
{
    const struct crowd *crowd = context;

    if (crowd->closed)
        return true;
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].seen < sent)
            return false;
    return true;
}

static void case_crowd(void)
{
    struct crowd crowd;
    struct tally tally;
    struct watch watch = {0};
    pthread_t publisher;
    unsigned given = 0;

    rate = check_scaled(4000);
    permits = eventfd(0, EFD_CLOEXEC);
    tally_init(&tally, GOOD_READERS, 1, TOTAL_MAX);
    crowd_open(&crowd, &server, GOOD_READERS, "/events/hold", tally_event, &tally);
    for (unsigned i = 0; i < SLOW_READERS; i++)
        slow_connect(&slow[i], i);
    server_await(&server, "subscribers", true, GOOD_READERS + SLOW_READERS);
    pthread_create(&publisher, NULL, publish_run, NULL);
    int64_t start_ms = check_now_ms(), last_ms = start_ms;
    watch.due_ms = start_ms + 1000;
    printf("   events per second of %u:", rate);
    while (watch.after < SECONDS_AFTER && check_now_ms() - start_ms < DEADLINE_MS &&
           !crowd.closed) {
        permit(&last_ms, &given);
        crowd_turn(&crowd, TURN_MS);
        for (unsigned i = 0; i < SLOW_READERS; i++)
            slow_turn(&slow[i]);
        watch_look(&watch, &crowd);
    }
    over = true;
    uint64_t last = 1;
    REQUIRE(write(permits, &last, sizeof(last)) == sizeof(last), "eventfd");
    for (unsigned i = 0; i < SLOW_READERS; i++)
        stream_close(&slow[i].stream);
    pthread_join(publisher, NULL);
    crowd_run(&crowd, "good readers", all_have_all, &crowd);
    printf("\n   %u events, at most %u s below half, %u s short of processor; of %u slow "
           "readers %lld were closed\n",
           sent, watch.held_max, watch.short_seconds, SLOW_READERS,
           server_stat(&server, "closed_slow"));
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)sent * GOOD_READERS);
    EXPECT_INT(server_stat(&server, "published"), sent);
    if (!CHECK_SANITIZED) {
        EXPECT(watch.held_max <= HELD_SECONDS_MAX, "%u s below half of what is offered",
               watch.held_max);
        EXPECT(watch.after || watch.short_seconds, "the crowd was not closed");
    }
    crowd_close(&crowd);
    tally_free(&tally);
    close(permits);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--history-bytes", "4M", "--hold-max", "5"));
    check_case("crowd", case_crowd);
    server_stop(&server);
    return check_end();
}
