/* SPDX-License-Identifier: MIT */
/* Rows of trouble, and when they speak: see watch.h. */
#include "cmd/watch.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { JUMP_MS = 2000 }; /* less is a clock being set right, or a sample that came late */

/* Each row's counter so far, and its line behind the number. */
#define WATCH_TABLE(X)                                                                             \
    X(hub.workers_failed,                                                                          \
      "workers have failed because the kernel refused their ring or epoll set; their subscribers " \
      "were closed, and they serve nobody until the server is started again")                      \
    X(net.connections_refused_descriptors,                                                         \
      "connections were refused for want of descriptors; raise the limit (ulimit -Hn, "            \
      "LimitNOFILE=), or lower --connections-max and --subscribers-max")                           \
    X(net.listeners_rested,                                                                        \
      "times nothing could be accepted for a moment, for want of descriptors or memory; clients "  \
      "wait or are refused by the kernel: raise the limits of the process")                        \
    X(net.connections_refused_limit,                                                               \
      "connections were refused because --connections-max are open; raise it, or look for a "      \
      "client that keeps many")                                                                    \
    X(net.subscribers_refused + now->hub.refused_full,                                             \
      "subscribers were refused because there is room for no more; raise --subscribers-max, or "   \
      "the limit of descriptors")                                                                  \
    X(net.subscribers_refused_memory + now->net.requests_refused_memory +                          \
          now->net.connections_refused_memory + now->hub.refused_memory,                           \
      "requests were refused because memory is short; raise --memory-max, or keep less history "   \
      "(--history-bytes, --history-events, --history-age)")                                        \
    X(hub.closed_memory,                                                                           \
      "subscribers that were far behind were closed because --memory-max is reached; raise it, "   \
      "or keep less history")                                                                      \
    X(hub.evicted_memory,                                                                          \
      "events left history early because --memory-max is reached; clients that come back may "     \
      "miss them: raise it, or lower --history-bytes")                                             \
    X(hub.intake_stalled,                                                                          \
      "times a worker had no memory for the next event; publishers wait: give the process more, "  \
      "or lower --memory-max")                                                                     \
    X(hub.closed_slow + now->hub.skipped,                                                          \
      "times a subscriber was closed or skipped ahead because it takes less than --slow-rate and " \
      "history passed it; a larger --history-bytes gives them more time")                          \
    X(hub.closed_stuck, "subscribers were closed because they took nothing for --write-timeout")   \
    X(net.publishes_refused_busy,                                                                  \
      "publishes were refused because there was no room within --publish-wait; a slow subscriber " \
      "or short memory holds them back")                                                           \
    X(net.requests_refused_authorize_timeout + now->net.requests_refused_authorize_failed +        \
          now->net.requests_refused_authorize_answer,                                              \
      "requests were refused because the application at --authorize-url did not answer, or said "  \
      "neither yes nor no; /stats tells which (requests_refused_authorize_...)")                   \
    X(net.jwks_failed,                                                                             \
      "times the keys at --jwt-jwks could not be fetched, or had none for us; those that were "    \
      "there hold on: is the URL right, and does it answer with a JWK set?")                       \
    X(net.requests_refused_authorize_full,                                                         \
      "requests were refused because too many wait for the application at --authorize-url; it is " \
      "too slow for the clients that come, --authorize-cache may help")                            \
    X(net.subscribers_refused_address + now->net.subscribers_refused_channel,                      \
      "streams were refused by --subscribers-per-address, --subscribers-per-channel or a rule's "  \
      "subscribers-max; behind a proxy that --trusted-proxy does not name all clients have its "   \
      "address")                                                                                   \
    X(net.connections_refused_rate,                                                                \
      "connections were refused by --connect-rate; behind a proxy that --trusted-proxy does not "  \
      "name all clients have its address")                                                         \
    X(net.connections_refused_proxy + now->net.connections_refused_untrusted,                      \
      "connections were refused for want of a PROXY header of a trusted proxy; is the proxy set "  \
      "to send one (haproxy: send-proxy-v2), and does --trusted-proxy name it?")                   \
    X(net.forwarded_broken,                                                                        \
      "requests of trusted proxies do not say whose they are and count as the proxies' own; have " \
      "them write X-Forwarded-For or Forwarded, and remove the other one")                         \
    X(net.access_log_lost, "joins, leaves, refusals and requests are not in the access log; is "   \
                           "its disk full, or slow? "                                              \
                           "--access-log-sample N makes it shorter")                               \
    X(net.feeds_refused_peer, "publishers were refused on the feed by --feed-uid or --feed-gid")

static const char *const LINES[] = {
#define X(counter, line) line,
    WATCH_TABLE(X)
#undef X
};

enum { COUNTED_ROWS = sizeof(LINES) / sizeof(LINES[0]), STALL_ROW = COUNTED_ROWS, JUMP_ROW, ROWS };
static_assert((int)ROWS <= (int)WATCH_ROWS_MAX, "a row has its place in struct watch");

static void counters_read(const struct watch_sample *now, uint64_t counters[COUNTED_ROWS])
{
    unsigned row = 0;
#define X(counter, line) counters[row++] = now->counter;
    WATCH_TABLE(X)
#undef X
}

void watch_read(struct watch_sample *ret_sample,
                uint64_t (*number)(void *context, const char *name), void *context)
{
#define X(name) ret_sample->hub.name = number(context, #name);
    WATCH_HUB(X)
#undef X
#define X(name) ret_sample->net.name = number(context, #name);
    WATCH_NET(X)
#undef X
}

void watch_begin(struct watch *watch, const struct watch_sample *now)
{
    uint64_t counters[COUNTED_ROWS];
    memset(watch, 0, sizeof(*watch));
    watch->last = *now;
    counters_read(now, counters);
    for (unsigned i = 0; i < COUNTED_ROWS; i++)
        watch->rows[i].said = counters[i];
}

/* Whether a row that has something to say may say it now; then it counts as said. */
static bool may_speak(struct watch_row *row, int64_t now_ms)
{
    int64_t quiet_ms = now_ms - row->said_ms;
    if (row->wait_ms > 0 && quiet_ms < row->wait_ms)
        return false;
    bool goes_on = row->wait_ms > 0 && quiet_ms < 2 * row->wait_ms;
    int64_t twice_ms = row->wait_ms * 2 < WATCH_LAST_MS ? row->wait_ms * 2 : WATCH_LAST_MS;
    row->wait_ms = goes_on ? twice_ms : WATCH_FIRST_MS;
    row->said_ms = now_ms;
    return true;
}

static void look_at_counters(struct watch *watch, const struct watch_sample *now,
                             void (*each)(void *context, const char *line), void *context)
{
    uint64_t counters[COUNTED_ROWS];
    char line[512];
    counters_read(now, counters);
    for (unsigned i = 0; i < COUNTED_ROWS; i++) {
        struct watch_row *row = &watch->rows[i];
        if (counters[i] <= row->said || !may_speak(row, now->monotonic_ms))
            continue;
        snprintf(line, sizeof(line), "%" PRIu64 " %s", counters[i] - row->said, LINES[i]);
        row->said = counters[i];
        each(context, line);
    }
}

/* Publishers that wait are how a full server slows them down; that nothing goes out is trouble. */
static void look_at_publishers(struct watch *watch, const struct watch_sample *now,
                               void (*each)(void *context, const char *line), void *context)
{
    struct watch_row *row = &watch->rows[STALL_ROW];
    char line[512];
    if (watch->last.net.publishes_waiting > 0 && now->net.publishes_waiting > 0 &&
        watch->last.hub.published == now->hub.published)
        watch->stalled_ms += (uint64_t)(now->monotonic_ms - watch->last.monotonic_ms);
    if (watch->stalled_ms - row->said < 2 * WATCH_EVERY_MS || !may_speak(row, now->monotonic_ms))
        return;
    snprintf(line, sizeof(line),
             "%" PRIu64 " publishers wait, and for %" PRIu64 " s nothing went out; %" PRIu64
             " channels are held by subscribers that are behind "
             "(--hold-max, --slow, --history-bytes), or memory is short (--memory-max)",
             now->net.publishes_waiting, (watch->stalled_ms - row->said) / 1000,
             now->hub.channels_held);
    row->said = watch->stalled_ms;
    each(context, line);
}

static void look_at_clock(struct watch *watch, const struct watch_sample *now,
                          void (*each)(void *context, const char *line), void *context)
{
    int64_t jump_ms =
        (now->wall_ms - watch->last.wall_ms) - (now->monotonic_ms - watch->last.monotonic_ms);
    char line[256];
    if ((jump_ms > -JUMP_MS && jump_ms < JUMP_MS) ||
        !may_speak(&watch->rows[JUMP_ROW], now->monotonic_ms))
        return;
    snprintf(line, sizeof(line),
             "the machine's clock was set %s by %" PRId64
             " s; nothing here follows it but the dates of this log",
             jump_ms > 0 ? "forward" : "back", (jump_ms > 0 ? jump_ms : -jump_ms) / 1000);
    each(context, line);
}

void watch_look(struct watch *watch, const struct watch_sample *now,
                void (*each)(void *context, const char *line), void *context)
{
    look_at_counters(watch, now, each, context);
    look_at_publishers(watch, now, each, context);
    look_at_clock(watch, now, each, context);
    watch->last = *now;
}
