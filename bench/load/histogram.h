/* SPDX-License-Identifier: MIT */
/*
 * A histogram of microseconds in the manner of HdrHistogram: buckets of one microsecond up to
 * 2,048, then 1,024 to each doubling, so that any value up to 2^32 is kept to 0.1 percent. Fixed
 * size, no allocation, added up by plain sums. One owner; it may lie in memory that processes
 * share, if the reader waits for the writer.
 */
#pragma once

#include <stdint.h>

#define HISTOGRAM_LINEAR  2048u
#define HISTOGRAM_HALF    1024u
#define HISTOGRAM_BUCKETS (HISTOGRAM_LINEAR + 21u * HISTOGRAM_HALF)

struct histogram {
    uint64_t count;
    uint64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint32_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value below or at which `part` (0 to 1) of all values lie; 0 if there are none. */
uint64_t histogram_at(const struct histogram *histogram, double part);
/* The largest value of a bucket. */
uint64_t histogram_bucket_top(uint32_t bucket);
