/* SPDX-License-Identifier: MIT */
/* The command line of a schedule, for each program that publishes: a child of its argp parser,
 * whose input is the struct schedule. See schedule.h. */
#include <stdlib.h>

#include "bench/load/marker.h"
#include "bench/load/schedule.h"

enum { KEY_RATE = 512, KEY_EVENTS, KEY_SECONDS, KEY_BURST, KEY_PAUSE, KEY_BYTES, KEY_FINALS };

static const struct argp_option option_table[] = {
    {"rate", KEY_RATE, "N", 0, "Events per second (as fast as they are taken)", 0},
    {"events", KEY_EVENTS, "N", 0, "So many in all", 0},
    {"seconds", KEY_SECONDS, "N", 0, "For so long", 0},
    {"burst", KEY_BURST, "N", 0, "So many at a time, then a pause", 0},
    {"pause", KEY_PAUSE, "MS", 0, "From burst to burst (1500)", 0},
    {"bytes", KEY_BYTES, "N", 0, "Data of an event, 16 at least (128)", 0},
    {"finals", KEY_FINALS, "FILE", 0, "Write each channel's last sequence there, for swarm", 0},
    {0},
};

double argument_number(const char *text, struct argp_state *state)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= 0))
        argp_error(state, "%s is not a number from 0 on", text);
    return value;
}

static error_t take_option(int key, char *text, struct argp_state *state)
{
    struct schedule *schedule = state->input;
    switch (key) {
    case KEY_RATE:
        schedule->rate = argument_number(text, state);
        return 0;
    case KEY_EVENTS:
        schedule->events = (uint64_t)argument_number(text, state);
        return 0;
    case KEY_SECONDS:
        schedule->seconds = argument_number(text, state);
        return 0;
    case KEY_BURST:
        schedule->burst = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_PAUSE:
        schedule->pause_ms = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_BYTES:
        schedule->bytes = (uint32_t)argument_number(text, state);
        return 0;
    case KEY_FINALS:
        schedule->finals = text;
        return 0;
    case ARGP_KEY_END:
        if ((!schedule->events && schedule->seconds <= 0) || schedule->bytes < MARKER_BYTES)
            argp_error(state, "--events or --seconds are needed, and --bytes of %d at least",
                       MARKER_BYTES);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp schedule_argp = {.options = option_table, .parser = take_option};
