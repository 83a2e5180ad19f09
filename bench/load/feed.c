/* SPDX-License-Identifier: MIT */
/*
 * The publisher of the benchmarks: an open loop over any of three ways (publish.h).
 *
 * Each event says when it was meant to go (marker.h), so a server that does not take it in time is
 * seen to be late. It prints one JSON object at the end: what was published, how fast, and how far
 * it fell behind its own schedule (`late_us`: the largest delay between the intended time and the
 * moment the event was given to the way; if that is large without the server's doing, the publisher
 * was the bottleneck).
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/load/marker.h"
#include "bench/load/publish.h"
#include "bench/load/schedule.h"

enum {
    KEY_TARGET = 256,
    KEY_METHOD,
    KEY_HEADER,
    KEY_PREFIX,
    KEY_SUFFIX,
    KEY_CONNECTIONS,
    KEY_PIPELINE,
    KEY_CHANNEL,
    KEY_CHANNELS,
    KEY_ZIPF,
    KEY_WORKERS,
    KEY_IO,
    KEY_WAIT
};

static const struct argp_option option_table[] = {
    {"channel", KEY_CHANNEL, "NAME", 0, "The one channel (bench)", 0},
    {"channels", KEY_CHANNELS, "N", 0, "Instead: channels c0 to c(N-1)", 0},
    {"zipf", KEY_ZIPF, "S", 0, "Channel k is as popular as k^-S (0: all alike)", 0},
    {"target", KEY_TARGET, "PATH", 0, "HTTP: the request's target (/publish/%c)", 1},
    {"method", KEY_METHOD, "NAME", 0, "HTTP: POST", 1},
    {"header", KEY_HEADER, "LINE", 0, "HTTP: one more header line; may be repeated", 1},
    {"prefix", KEY_PREFIX, "TEXT", 0, "HTTP: before the data in the body", 1},
    {"suffix", KEY_SUFFIX, "TEXT", 0, "HTTP: behind it", 1},
    {"connections", KEY_CONNECTIONS, "N", 0, "HTTP: kept connections (1)", 1},
    {"pipeline", KEY_PIPELINE, "N", 0, "HTTP: unanswered requests on each (1)", 1},
    {"workers", KEY_WORKERS, "N", 0, "engine: workers (1)", 2},
    {"io", KEY_IO, "NAME", 0, "engine: auto, uring, uring-compat or epoll (auto)", 2},
    {"wait", KEY_WAIT, 0, 0, "Begin when a line comes on standard input, end after another", 2},
    {0},
};

static struct {
    struct publish_options publish;
    struct schedule schedule;
    const char *channel;
    bool wait;
    char headers[2048];
} self;

static error_t take_publish_option(int key, char *text, struct argp_state *state)
{
    struct publish_options *publish = &self.publish;
    switch (key) {
    case KEY_TARGET:
        publish->target = text;
        return 0;
    case KEY_METHOD:
        publish->method = text;
        return 0;
    case KEY_HEADER:
        if (strlen(self.headers) + strlen(text) + 3 > sizeof(self.headers))
            argp_error(state, "the header lines are longer than %zu bytes", sizeof(self.headers));
        strncat(self.headers, text, strlen(text));
        strncat(self.headers, "\r\n", 3);
        return 0;
    case KEY_PREFIX:
        publish->prefix = text;
        return 0;
    case KEY_SUFFIX:
        publish->suffix = text;
        return 0;
    case KEY_CONNECTIONS:
        publish->connections = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_PIPELINE:
        publish->pipeline = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_WORKERS:
        publish->workers = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_IO:
        publish->io = text;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    struct schedule *schedule = &self.schedule;
    switch (key) {
    case KEY_CHANNEL:
        self.channel = text;
        return 0;
    case KEY_CHANNELS:
        schedule->channels = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_ZIPF:
        schedule->zipf = argument_number(text, state);
        return 0;
    case KEY_WAIT:
        self.wait = true;
        return 0;
    case ARGP_KEY_ARG:
        self.publish.to = text;
        return 0;
    case ARGP_KEY_INIT:
        state->child_inputs[0] = schedule;
        return 0;
    case ARGP_KEY_END:
        if (!self.publish.to || !schedule->channels)
            argp_error(state, "say where to publish; --channels is 1 at least");
        return 0;
    default:
        return take_publish_option(key, text, state);
    }
}

static struct way *open_way(void)
{
    char error[256] = "TO is feed:PATH, http://127.0.0.1:PORT or engine:PORT";
    struct way *way = NULL;
    if (strncmp(self.publish.to, "feed:", 5) == 0)
        way = way_feed_open(&self.publish, error, sizeof(error));
    else if (strncmp(self.publish.to, "http://", 7) == 0)
        way = way_http_open(&self.publish, error, sizeof(error));
    else if (strncmp(self.publish.to, "engine:", 7) == 0)
        way = way_engine_open(&self.publish, error, sizeof(error));
    if (!way)
        fprintf(stderr, "feed: %s\n", error);
    return way;
}

/* Publishes all of the schedule; the largest delay of an event behind its time. */
static uint64_t publish_all(struct way *way)
{
    struct schedule *schedule = &self.schedule;
    uint64_t late_us = 0;
    char name[32];
    for (;;) {
        uint64_t now_us = clock_us();
        struct due due;
        /* The clock is read again after some, or a flood would never end. */
        for (int i = 0; i < 64 && schedule_take(schedule, now_us, &due); i++) {
            snprintf(name, sizeof(name), "c%u", due.channel);
            const char *channel = schedule->channels > 1 ? name : self.channel;
            while (!way->broken &&
                   !way->operations->put(way, channel, schedule->data, schedule->bytes)) {
                way->operations->turn(way, UINT64_MAX);
                now_us = clock_us();
            }
            uint64_t late = now_us - due.intended_us;
            late_us = late > late_us ? late : late_us;
        }
        if (way->broken || schedule_is_over(schedule, now_us))
            break;
        if (schedule_next_us(schedule) > now_us)
            way->operations->turn(way, schedule_next_us(schedule));
    }
    way->operations->finish(way);
    uint64_t give_up_us = clock_us() + 60000000;
    do
        way->operations->turn(way, UINT64_MAX);
    while (!way->operations->is_done(way) && clock_us() < give_up_us);
    return late_us;
}

static void print_result(const struct way *way, uint64_t late_us, uint64_t wall_us)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    uint64_t cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("{\"published\": {\"events\": %llu, \"accepted\": %llu, \"refused\": %llu, "
           "\"seconds\": %.6f, \"per_second\": %.1f, \"late_us\": %llu, \"cpu_us\": %llu, "
           "\"fault\": \"%s\"}}\n",
           (unsigned long long)self.schedule.made, (unsigned long long)way->counts.accepted,
           (unsigned long long)way->counts.refused, (double)wall_us / 1e6,
           wall_us ? (double)self.schedule.made * 1e6 / (double)wall_us : 0,
           (unsigned long long)late_us, (unsigned long long)cpu_us, way->counts.fault);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct argp_child children[] = {{&schedule_argp, 0, "What and when:", 0}, {0}};
    static const struct argp argp = {
        .children = children,
        .options = option_table,
        .parser = take_option,
        .args_doc = "feed:PATH|http://127.0.0.1:PORT|engine:PORT",
        .doc = "Publishes events that say when they were meant to go, and tells in JSON how it "
               "went. engine:PORT is a server in this process, published to by its own calls.",
    };
    self.publish = (struct publish_options){.target = "/publish/%c",
                                            .method = "POST",
                                            .headers = self.headers,
                                            .prefix = "",
                                            .suffix = "",
                                            .connections = 1,
                                            .pipeline = 1,
                                            .workers = 1,
                                            .io = "auto"};
    self.schedule = (struct schedule){.bytes = 128, .channels = 1, .pause_ms = 1500};
    self.channel = "bench";
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    struct way *way = open_way();
    if (!way)
        return 1;
    char line[64];
    if (self.wait && !fgets(line, sizeof(line), stdin))
        return 1;
    schedule_begin(&self.schedule);
    uint64_t late_us = publish_all(way);
    uint64_t wall_us = clock_us() - self.schedule.begin_us;
    int r = schedule_write_finals(&self.schedule);
    if (r < 0)
        fprintf(stderr, "feed: %s: %s\n", self.schedule.finals, strerror(-r));
    print_result(way, late_us, wall_us);
    if (self.wait)
        (void)!fgets(line, sizeof(line), stdin); /* any line, or the end of the input */
    way->operations->close(way);
    schedule_end(&self.schedule);
    return r < 0;
}
