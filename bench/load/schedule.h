/* SPDX-License-Identifier: MIT */
/*
 * When which event is meant to be published, and what its data is: an open loop. The times are
 * fixed before the first event and do not depend on how fast the server takes them; what could not
 * be written in time is written later and keeps its time. Without a rate an event is meant to go
 * when it is made. Used by `feed` and `floor`. One owner.
 */
#pragma once

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct schedule {
    /* Constant. */
    double rate;       /* events per second; 0: as fast as they are taken */
    uint64_t events;   /* in all; 0: until the time is over */
    double seconds;    /* 0: until the events are over */
    uint32_t burst;    /* so many at a time, */
    uint32_t pause_ms; /* and then a pause; 0: no bursts */
    uint32_t bytes;    /* of data, MARKER_BYTES at least */
    uint32_t channels;
    double zipf;        /* exponent; 0: all channels alike */
    const char *finals; /* where each channel's last sequence is written; NULL: nowhere */
    /* Running. */
    uint64_t begin_us, made;
    uint32_t *sequences; /* of each channel the last one */
    double *popularity;  /* running sums, for zipf */
    uint64_t random;
    char *data; /* `bytes` of it, the marker in front */
};

/* Of which event it is told: its channel's number; its data is schedule->data. */
struct due {
    uint32_t channel;
    uint64_t intended_us;
};

void schedule_begin(struct schedule *schedule);
/* Nothing will be due any more. */
bool schedule_is_over(const struct schedule *schedule, uint64_t now_us);
/* When the next one is due; 0: at once. */
uint64_t schedule_next_us(const struct schedule *schedule);
/* Makes the next one if it is due. */
bool schedule_take(struct schedule *schedule, uint64_t now_us, struct due *ret_due);
/* Writes each channel's last sequence to `finals`, as `swarm` reads it. 0 or -errno. */
int schedule_write_finals(const struct schedule *schedule);
void schedule_end(struct schedule *schedule);

/* schedule_options.c: a child for the parser of a command line; its input is the schedule. */
extern const struct argp schedule_argp;
/* A number from 0 on, or the program ends with a sentence. */
double argument_number(const char *text, struct argp_state *state);
