/* SPDX-License-Identifier: MIT */
/* See schedule.h. */
#include "bench/load/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/marker.h"

void schedule_begin(struct schedule *schedule)
{
    schedule->sequences = calloc(schedule->channels, sizeof(*schedule->sequences));
    schedule->popularity = calloc(schedule->channels, sizeof(*schedule->popularity));
    schedule->data = malloc(schedule->bytes);
    if (!schedule->sequences || !schedule->popularity || !schedule->data)
        abort();
    memset(schedule->data, 'x', schedule->bytes);
    double sum = 0;
    for (uint32_t i = 0; i < schedule->channels; i++)
        schedule->popularity[i] = sum += pow(i + 1, -schedule->zipf);
    schedule->random = 0x9e3779b97f4a7c15;
    schedule->made = 0;
    schedule->begin_us = clock_us();
}

void schedule_end(struct schedule *schedule)
{
    free(schedule->sequences);
    free(schedule->popularity);
    free(schedule->data);
}

bool schedule_is_over(const struct schedule *schedule, uint64_t now_us)
{
    if (schedule->events && schedule->made >= schedule->events)
        return true;
    if (schedule->seconds <= 0)
        return false;
    uint64_t end_us = schedule->begin_us + (uint64_t)(schedule->seconds * 1e6);
    uint64_t next_us = schedule_next_us(schedule);
    return (next_us ? next_us : now_us) >= end_us;
}

uint64_t schedule_next_us(const struct schedule *schedule)
{
    if (schedule->burst)
        return schedule->begin_us + schedule->made / schedule->burst * schedule->pause_ms * 1000;
    if (schedule->rate <= 0)
        return 0;
    return schedule->begin_us + (uint64_t)((double)schedule->made * 1e6 / schedule->rate);
}

static uint32_t pick_channel(struct schedule *schedule)
{
    if (schedule->channels == 1)
        return 0;
    /* xorshift64*, the same picks in each run. */
    schedule->random ^= schedule->random >> 12;
    schedule->random ^= schedule->random << 25;
    schedule->random ^= schedule->random >> 27;
    double part = (double)(schedule->random * 2685821657736338717u >> 11) / 9007199254740992.0;
    double wanted = part * schedule->popularity[schedule->channels - 1];
    uint32_t low = 0, high = schedule->channels - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (schedule->popularity[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool schedule_take(struct schedule *schedule, uint64_t now_us, struct due *ret_due)
{
    if (schedule_is_over(schedule, now_us))
        return false;
    uint64_t next_us = schedule_next_us(schedule);
    if (next_us > now_us)
        return false;
    ret_due->intended_us = next_us ? next_us : now_us;
    ret_due->channel = pick_channel(schedule);
    schedule->made++;
    marker_write(schedule->data, ++schedule->sequences[ret_due->channel], ret_due->intended_us);
    return true;
}

int schedule_write_finals(const struct schedule *schedule)
{
    if (!schedule->finals)
        return 0;
    FILE *file = fopen(schedule->finals, "wb");
    if (!file)
        return -errno;
    size_t put =
        fwrite(schedule->sequences, sizeof(*schedule->sequences), schedule->channels, file);
    return fclose(file) == 0 && put == schedule->channels ? 0 : -EIO;
}
