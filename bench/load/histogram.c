/* SPDX-License-Identifier: MIT */
/* See histogram.h. */
#include "bench/load/histogram.h"

static uint32_t bucket_of(uint32_t value)
{
    if (value < HISTOGRAM_LINEAR)
        return value;
    uint32_t shift = 21 - (uint32_t)__builtin_clz(value); /* to a number from 1,024 to 2,047 */
    return HISTOGRAM_LINEAR + (shift - 1) * HISTOGRAM_HALF + (value >> shift) - HISTOGRAM_HALF;
}

uint64_t histogram_bucket_top(uint32_t bucket)
{
    if (bucket < HISTOGRAM_LINEAR)
        return bucket;
    uint32_t shift = (bucket - HISTOGRAM_LINEAR) / HISTOGRAM_HALF + 1;
    uint64_t low = (bucket - HISTOGRAM_LINEAR) % HISTOGRAM_HALF + HISTOGRAM_HALF;
    return ((low + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint32_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->count += from->count;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t histogram_at(const struct histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)histogram->count + 0.5), seen = 0;
    if (wanted < 1)
        wanted = 1;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= wanted)
            return histogram_bucket_top(i) < histogram->max ? histogram_bucket_top(i)
                                                            : histogram->max;
    }
    return histogram->max;
}
