/* SPDX-License-Identifier: MIT */
/*
 * What the benches found, as a table for people or as JSON for bench/run: each result is the median
 * of its repeats with the smallest and the largest of them, in a unit, with a sentence on what it
 * is and, where the project has set itself one, its target.
 *
 * Rows are printed as they come, so that a long run shows where it is; JSON is printed at the end.
 * Owner: the main thread.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

/* A median of fewer says little about the spread. What is done only once (the making of 100,000
 * channels) has one sample, and says so. */
#define REPEATS_MIN     5u
#define REPEATS_DEFAULT 7u
#define REPEATS_MAX     101u

struct samples {
    unsigned count;
    double values[REPEATS_MAX];
};

void samples_add(struct samples *samples, double value);
double samples_median(const struct samples *samples);

struct result {
    const char *unit;
    const char *detail; /* one sentence, or NULL */
    double at_most;     /* the target of the median; 0: there is none */
};

struct report {
    unsigned repeats; /* that each bench is to make */
    bool json;
    json_t *benches; /* with `json` only */
    unsigned missed; /* targets */
};

void report_init(struct report *report, bool json, unsigned repeats);
/* Prints what is still to be printed. */
void report_deinit(struct report *report);

/* The name is a format, as of printf. */
__attribute__((format(printf, 4, 5))) void report_add(struct report *report,
                                                      const struct samples *samples,
                                                      const struct result *result,
                                                      const char *name_format, ...);
