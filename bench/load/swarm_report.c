/* SPDX-License-Identifier: MIT */
/* The swarm's reports: what the children counted, added up, as JSON. Parent only. See swarm.h. */
#include "bench/load/swarm.h"

#include <jansson.h>
#include <stdlib.h>

/* 16 buckets to each doubling: 6 percent is enough for the median of one event. */
uint32_t slot_bucket(uint32_t value)
{
    if (value < 16)
        return value;
    uint32_t shift = 27 - (uint32_t)__builtin_clz(value);
    return 16 + shift * 16 + (value >> shift) - 16;
}

static uint32_t slot_top(uint32_t bucket)
{
    if (bucket < 16)
        return bucket;
    uint32_t shift = (bucket - 16) / 16;
    return (((bucket - 16) % 16 + 17) << shift) - 1;
}

static void set_number(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *percentiles(const struct histogram *histogram)
{
    json_t *object = json_object();
    set_number(object, "count", histogram->count);
    set_number(object, "p50", histogram_at(histogram, 0.50));
    set_number(object, "p90", histogram_at(histogram, 0.90));
    set_number(object, "p99", histogram_at(histogram, 0.99));
    set_number(object, "p999", histogram_at(histogram, 0.999));
    set_number(object, "max", histogram->max);
    return object;
}

static json_t *curve(const struct histogram *histogram)
{
    static const double parts[] = {0,    0.1,   0.25,  0.5,    0.75,   0.9,     0.95,
                                   0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1};
    json_t *array = json_array();
    for (unsigned i = 0; histogram->count && i < sizeof(parts) / sizeof(parts[0]); i++)
        json_array_append_new(
            array, json_pack("[f,I]", parts[i], (json_int_t)histogram_at(histogram, parts[i])));
    return array;
}

void swarm_print_ready(const struct swarm *swarm, const char *name, bool storm)
{
    uint64_t begin = UINT64_MAX, end = 0, refused = 0, connected = 0;
    for (uint32_t i = 0; i < swarm->options.children; i++) {
        const struct tally *tally = &swarm->tallies[i];
        uint64_t first = storm ? tally->storm_begin_us : tally->connect_begin_us;
        uint64_t last = storm ? tally->storm_end_us : tally->connect_end_us;
        begin = first < begin ? first : begin;
        end = last > end ? last : end;
        refused += tally->refused;
        connected += tally->connected;
    }
    double seconds = end > begin ? (double)(end - begin) / 1e6 : 0;
    printf("{\"%s\": {\"connected\": %llu, \"refused\": %llu, \"seconds\": %.6f, "
           "\"per_second\": %.0f, \"fault\": \"%s\"}}\n",
           name, (unsigned long long)connected, (unsigned long long)refused, seconds,
           seconds > 0 ? (double)connected / seconds : 0, swarm->tallies[0].fault);
    fflush(stdout);
}

/* --- events by themselves -------------------------------------------------------------------- */

struct event_times {
    struct histogram first, median, last;
};

static uint32_t median_of(const uint32_t *buckets, uint32_t count)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < SLOT_BUCKETS; i++) {
        seen += buckets[i];
        if (seen * 2 >= count)
            return slot_top(i);
    }
    return 0;
}

static void add_slot(const struct swarm *swarm, uint32_t index, struct event_times *times)
{
    uint32_t buckets[SLOT_BUCKETS] = {0}, count = 0, first = UINT32_MAX, last = 0;
    for (uint32_t i = 0; i < swarm->options.children; i++) {
        const struct slot *slot = &swarm->tallies[i].slots[index];
        if (!slot->count)
            continue;
        count += slot->count;
        first = slot->first < first ? slot->first : first;
        last = slot->last > last ? slot->last : last;
        for (uint32_t b = 0; b < SLOT_BUCKETS; b++)
            buckets[b] += slot->buckets[b];
    }
    if (!count)
        return;
    histogram_add(&times->first, first);
    histogram_add(&times->median, median_of(buckets, count));
    histogram_add(&times->last, last);
}

static json_t *rounds(const struct swarm *swarm)
{
    json_t *array = json_array();
    for (uint32_t number = 0; number < ROUNDS_MAX; number++) {
        struct round all = {.begin_us = UINT64_MAX, .intended_us = UINT64_MAX};
        bool any = false;
        for (uint32_t i = 0; i < swarm->options.children; i++) {
            const struct tally *tally = &swarm->tallies[i];
            if (number >= tally->round_count)
                continue;
            const struct round *round = &tally->rounds[number];
            any = true;
            all.begin_us = round->begin_us < all.begin_us ? round->begin_us : all.begin_us;
            all.end_us = round->end_us > all.end_us ? round->end_us : all.end_us;
            all.bytes += round->bytes;
            if (round->intended_us && round->intended_us < all.intended_us)
                all.intended_us = round->intended_us;
        }
        if (!any || all.intended_us == UINT64_MAX)
            continue;
        json_array_append_new(array,
                              json_pack("{s:I,s:I,s:I}", "bytes", (json_int_t)all.bytes, "first_us",
                                        (json_int_t)(all.begin_us - all.intended_us), "last_us",
                                        (json_int_t)(all.end_us - all.intended_us)));
    }
    return array;
}

/* --- the whole ------------------------------------------------------------------------------- */

static struct tally *sum_of(const struct swarm *swarm)
{
    struct tally *sum = calloc(1, sizeof(*sum));
    if (!sum)
        abort();
    sum->begin_us = UINT64_MAX;
    for (uint32_t i = 0; i < swarm->options.children; i++) {
        const struct tally *tally = &swarm->tallies[i];
        sum->seats += tally->seats;
        sum->sampled += tally->sampled;
        sum->slow += tally->slow;
        sum->refused += tally->refused;
        sum->closed += tally->closed;
        sum->slow_closed += tally->slow_closed;
        sum->faulty += tally->faulty;
        sum->short_streams += tally->short_streams;
        sum->lengths_differ |= tally->lengths_differ;
        sum->events += tally->events;
        sum->missing += tally->missing;
        sum->duplicates += tally->duplicates;
        sum->reordered += tally->reordered;
        sum->gaps += tally->gaps;
        sum->bytes += tally->bytes;
        sum->sampled_bytes += tally->sampled_bytes;
        sum->slow_bytes += tally->slow_bytes;
        sum->cpu_us += tally->cpu_us;
        if (tally->begin_us && tally->begin_us < sum->begin_us)
            sum->begin_us = tally->begin_us;
        if (tally->end_us > sum->end_us)
            sum->end_us = tally->end_us;
        histogram_merge(&sum->latency, &tally->latency);
    }
    return sum;
}

/* What the drained seats had, by their bytes: as many events as a sampled seat had for as many. */
static uint64_t deliveries_of(const struct tally *sum)
{
    if (sum->sampled_bytes == 0)
        return 0;
    double per_event = (double)sum->sampled_bytes / (double)(sum->events ? sum->events : 1);
    return sum->events + (uint64_t)((double)(sum->bytes - sum->sampled_bytes) / per_event + 0.5);
}

void swarm_print_report(const struct swarm *swarm)
{
    struct tally *sum = sum_of(swarm);
    struct event_times *times = calloc(1, sizeof(*times));
    if (!times)
        abort();
    for (uint32_t i = 0; i < SLOTS_MAX; i++)
        add_slot(swarm, i, times);
    json_t *report = json_object();
    set_number(report, "seats", sum->seats);
    set_number(report, "sampled", sum->sampled);
    set_number(report, "slow", sum->slow);
    set_number(report, "refused", sum->refused);
    set_number(report, "closed", sum->closed);
    set_number(report, "slow_closed", sum->slow_closed);
    set_number(report, "faulty", sum->faulty);
    set_number(report, "short_streams", sum->short_streams);
    json_object_set_new(report, "lengths_differ", json_boolean(sum->lengths_differ));
    set_number(report, "events", sum->events);
    set_number(report, "deliveries", deliveries_of(sum));
    set_number(report, "missing", sum->missing);
    set_number(report, "duplicates", sum->duplicates);
    set_number(report, "reordered", sum->reordered);
    set_number(report, "gaps", sum->gaps);
    set_number(report, "bytes", sum->bytes);
    set_number(report, "slow_bytes", sum->slow_bytes);
    set_number(report, "wall_us", sum->end_us > sum->begin_us ? sum->end_us - sum->begin_us : 0);
    set_number(report, "cpu_us", sum->cpu_us);
    set_number(report, "end_us", sum->end_us);
    json_object_set_new(report, "latency_us", percentiles(&sum->latency));
    json_object_set_new(report, "first_us", percentiles(&times->first));
    json_object_set_new(report, "median_us", percentiles(&times->median));
    json_object_set_new(report, "last_us", percentiles(&times->last));
    json_object_set_new(report, "histogram", curve(&sum->latency));
    json_object_set_new(report, "rounds", rounds(swarm));
    json_object_set_new(report, "fault", json_string(swarm->tallies[0].fault));
    json_t *line = json_pack("{s:o}", "report", report);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
    free(times);
    free(sum);
}
