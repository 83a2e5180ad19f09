/* SPDX-License-Identifier: MIT */
/*
 * The swarm's parent: options, children, orders from standard input, reports on standard output.
 *
 * It prints one JSON object per line: `ready` when all seats are connected, `storm` when all are
 * back after one, `report` after `finish`. Orders, one per line:
 *
 *   finish FILE MS   FILE holds each channel's last sequence (32-bit, as `feed` and `floor` write
 *                    it): wait until everybody has everything, MS at most, report and end
 *   storm            every seat leaves and comes back, a sampled one with Last-Event-ID
 *   quit             end without a report; so does the end of the input
 */
#include "bench/load/swarm.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load/marker.h"

enum {
    KEY_TARGET = 256,
    KEY_CHANNEL,
    KEY_CHILDREN,
    KEY_CHANNELS,
    KEY_SPREAD,
    KEY_SAMPLE,
    KEY_VERIFY,
    KEY_STRIDE,
    KEY_WINDOW,
    KEY_SLOW_EVERY,
    KEY_SLOW_RATE,
    KEY_BUFFER,
    KEY_TIMEOUT,
    KEY_SKIP
};

static const struct argp_option option_table[] = {
    {"seats", 'n', "N", 0, "Subscribers in all (1000)", 0},
    {"target", KEY_TARGET, "PATH", 0, "What they ask for; %c is the channel (/events/%c)", 0},
    {"channel", KEY_CHANNEL, "NAME", 0, "The one channel (bench)", 0},
    {"channels", KEY_CHANNELS, "N", 0, "Instead: channels c0 to c(N-1), one for each seat", 0},
    {"spread", KEY_SPREAD, 0, 0, "Of them the first have ten seats, most have one; sets --seats",
     0},
    {"sample", KEY_SAMPLE, "N", 0, "Parse so many streams whole, drain the others (16)", 0},
    {"verify", KEY_VERIFY, 0, 0, "Parse all of them", 0},
    {"stride", KEY_STRIDE, "N", 0, "Of one event in N keep the times by itself (1)", 0},
    {"children", KEY_CHILDREN, "N", 0, "Processes (as few as 18,000 seats each allow)", 0},
    {"window", KEY_WINDOW, "N", 0, "Connections being made at once by each (256)", 0},
    {"slow-every", KEY_SLOW_EVERY, "N", 0, "One seat in N reads slowly", 0},
    {"slow-rate", KEY_SLOW_RATE, "BYTES", 0, "So many bytes per second (16384)", 0},
    {"receive-buffer", KEY_BUFFER, "BYTES", 0, "SO_RCVBUF (the system's)", 0},
    {"skip", KEY_SKIP, "BYTES", 0, "What stands in the data before the marker (0; 40 at most)", 0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "For connecting all of them (60)", 0},
    {0},
};

static uint32_t number_of(const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || *end || end == text || value > 100000000)
        argp_error(state, "%s is not a number from 0 to 100,000,000", text);
    return (uint32_t)value;
}

static error_t take_url(char *text, struct swarm_options *options, struct argp_state *state)
{
    char *host = strncmp(text, "http://", 7) == 0 ? text + 7 : text;
    char *colon = strrchr(host, ':');
    if (!colon)
        argp_error(state, "%s is not http://127.0.0.1:PORT", text);
    *colon = '\0';
    options->host = host;
    options->port = (uint16_t)number_of(colon + 1, state);
    return 0;
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    struct swarm_options *options = state->input;
    uint32_t *numbers[] = {
        [KEY_CHILDREN - KEY_TARGET] = &options->children,
        [KEY_CHANNELS - KEY_TARGET] = &options->channels,
        [KEY_SAMPLE - KEY_TARGET] = &options->sample,
        [KEY_STRIDE - KEY_TARGET] = &options->stride,
        [KEY_WINDOW - KEY_TARGET] = &options->window,
        [KEY_SLOW_EVERY - KEY_TARGET] = &options->slow_every,
        [KEY_SLOW_RATE - KEY_TARGET] = &options->slow_rate,
        [KEY_TIMEOUT - KEY_TARGET] = &options->timeout_s,
        [KEY_SKIP - KEY_TARGET] = &options->skip,
    };
    if (key >= KEY_TARGET && key <= KEY_SKIP && numbers[key - KEY_TARGET]) {
        *numbers[key - KEY_TARGET] = number_of(text, state);
        return 0;
    }
    switch (key) {
    case 'n':
        options->seats = number_of(text, state);
        return 0;
    case KEY_TARGET:
        options->target = text;
        return 0;
    case KEY_CHANNEL:
        options->channel = text;
        return 0;
    case KEY_SPREAD:
        options->spread = true;
        return 0;
    case KEY_VERIFY:
        options->sample = UINT32_MAX;
        return 0;
    case KEY_BUFFER:
        options->receive_buffer = (int)number_of(text, state);
        return 0;
    case ARGP_KEY_ARG:
        return take_url(text, options, state);
    case ARGP_KEY_END:
        if (!options->host)
            argp_error(state, "say where the server is: http://127.0.0.1:PORT");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what is shared ------------------------------------------------------------------------- */

static void *shared(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("swarm: mmap");
        exit(1);
    }
    return at;
}

static uint32_t spread_of(uint32_t channel)
{
    uint32_t seats = 1000 / (channel + 1);
    return seats > 10 ? 10 : seats < 1 ? 1 : seats;
}

static void lay_out(struct swarm *swarm)
{
    struct swarm_options *options = &swarm->options;
    if (options->spread) {
        options->seats = 0;
        for (uint32_t channel = 0; channel < options->channels; channel++)
            options->seats += spread_of(channel);
    }
    swarm->finals = shared(options->channels * sizeof(*swarm->finals));
    swarm->seat_channels = shared(options->seats * sizeof(*swarm->seat_channels));
    for (uint32_t seat = 0, channel = 0, of_it = 0; seat < options->seats; seat++) {
        swarm->seat_channels[seat] = channel;
        if (++of_it >= (options->spread ? spread_of(channel) : 1)) {
            channel = (channel + 1) % options->channels;
            of_it = 0;
        }
    }
    if (!options->children)
        options->children = (options->seats + SEATS_PER_CHILD - 1) / SEATS_PER_CHILD;
    swarm->tallies = shared(options->children * sizeof(*swarm->tallies));
}

static void start_children(struct swarm *swarm)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    uint32_t first = 0;
    for (uint32_t i = 0; i < swarm->options.children; i++) {
        uint32_t end =
            (uint32_t)((uint64_t)swarm->options.seats * (i + 1) / swarm->options.children);
        pid_t pid = fork();
        if (pid == 0)
            seats_run(swarm, i, first, end - first);
        if (pid < 0) {
            perror("swarm: fork");
            exit(1);
        }
        first = end;
    }
}

/* --- orders --------------------------------------------------------------------------------- */

static void give(struct swarm *swarm, enum swarm_order order)
{
    atomic_store_explicit(&swarm->order, (int)order, memory_order_relaxed);
    atomic_fetch_add_explicit(&swarm->order_number, 1, memory_order_release);
}

/* Until every child is at `stage`; a child that died ends it all. */
static void wait_for(struct swarm *swarm, enum swarm_stage stage, uint64_t timeout_us)
{
    uint64_t until_us = clock_us() + timeout_us;
    for (uint32_t i = 0; i < swarm->options.children;) {
        if (atomic_load_explicit(&swarm->tallies[i].stage, memory_order_acquire) == (int)stage) {
            i++;
            continue;
        }
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0 || clock_us() > until_us) {
            fprintf(stderr, "swarm: a child %s; first fault: %s\n",
                    clock_us() > until_us ? "took too long" : "died",
                    swarm->tallies[i].fault[0] ? swarm->tallies[i].fault : "none");
            give(swarm, ORDER_QUIT);
            exit(1);
        }
        poll(NULL, 0, 2);
    }
}

static void read_finals(struct swarm *swarm, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "swarm: %s: %s\n", path, strerror(errno));
        give(swarm, ORDER_QUIT);
        exit(1);
    }
    size_t got = fread(swarm->finals, sizeof(*swarm->finals), swarm->options.channels, file);
    fclose(file);
    if (got != swarm->options.channels)
        fprintf(stderr, "swarm: %s is for %zu channels, not %u\n", path, got,
                swarm->options.channels);
}

static void order_storm(struct swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->options.children; i++)
        atomic_store_explicit(&swarm->tallies[i].stage, STAGE_STORMING, memory_order_relaxed);
    give(swarm, ORDER_STORM);
    wait_for(swarm, STAGE_READY, (uint64_t)swarm->options.timeout_s * 1000000);
    swarm_print_ready(swarm, "storm", true);
}

static void order_finish(struct swarm *swarm, char *arguments)
{
    char *space = strrchr(arguments, ' ');
    uint64_t wait_us = space ? strtoul(space + 1, NULL, 10) * 1000 : 10000000;
    if (space)
        *space = '\0';
    read_finals(swarm, arguments);
    swarm->finish_by_us = clock_us() + wait_us;
    give(swarm, ORDER_FINISH);
    wait_for(swarm, STAGE_SETTLED, wait_us + 30000000);
    swarm_print_report(swarm);
}

static void obey(struct swarm *swarm)
{
    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "storm") == 0) {
            order_storm(swarm);
        } else if (strncmp(line, "finish ", 7) == 0) {
            order_finish(swarm, line + 7);
            break;
        } else if (strcmp(line, "quit") == 0) {
            break;
        } else {
            fprintf(stderr, "swarm: no such order: %s\n", line);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = take_option,
        .args_doc = "http://127.0.0.1:PORT",
        .doc = "Subscribes many times over and tells what arrived, in JSON. Orders on standard "
               "input: `finish FILE MILLISECONDS`, `storm`, `quit`.",
    };
    struct swarm *swarm = shared(sizeof(*swarm));
    swarm->options = (struct swarm_options){.target = "/events/%c",
                                            .channel = "bench",
                                            .seats = 1000,
                                            .channels = 1,
                                            .sample = 16,
                                            .stride = 1,
                                            .window = 256,
                                            .slow_rate = 16384,
                                            .timeout_s = 60};
    argp_parse(&argp, argc, argv, 0, NULL, &swarm->options);
    struct swarm_options *options = &swarm->options;
    if (!options->channels || !options->stride || !options->window || !options->seats ||
        options->skip > 40) {
        fprintf(stderr, "swarm: --seats, --channels, --stride and --window are 1 at least, --skip "
                        "is 40 at most\n");
        return 2;
    }
    lay_out(swarm);
    if (options->children > CHILDREN_MAX) {
        fprintf(stderr, "swarm: %u children are more than %u\n", options->children, CHILDREN_MAX);
        return 2;
    }
    start_children(swarm);
    wait_for(swarm, STAGE_READY, (uint64_t)options->timeout_s * 1000000);
    swarm_print_ready(swarm, "ready", false);
    obey(swarm);
    give(swarm, ORDER_QUIT);
    while (wait(NULL) > 0)
        ;
    return 0;
}
