/* SPDX-License-Identifier: MIT */
/*
 * Counters and gauges of an engine by name, and their Prometheus text: net/numbers.h, which /stats
 * and /metrics print too. They can be read from the start of an engine until it is freed, while it
 * runs and after. Any thread.
 */
#include <errno.h>

#include "engine/base/clock.h"
#include "lib/instance.h"
#include "net/numbers.h"

const char *fanfare_stat_name(unsigned index)
{
    const struct number *number = number_at(index);
    return number ? number->name : NULL;
}

const char *fanfare_stat_text(const char *name, const char *item)
{
    int index = name && item ? number_find(name) : -1;
    const struct number *number = index < 0 ? NULL : number_at((unsigned)index);
    if (!number)
        return NULL;
    return strcmp(item, "kind") == 0   ? number->kind
           : strcmp(item, "help") == 0 ? number->help
                                       : NULL;
}

static int read_numbers(const struct fanfare *fanfare, struct numbers *ret_numbers)
{
    struct net_totals totals;
    int r = instance_begun(fanfare);
    if (r < 0)
        return r;
    if (fanfare->server)
        server_totals(fanfare->server, &totals);
    numbers_read(fanfare->hub, fanfare->server ? &totals : NULL, ret_numbers);
    return 0;
}

int fanfare_stat(struct fanfare *fanfare, const char *name, uint64_t *ret_value)
{
    struct numbers numbers;
    int index = name ? number_find(name) : -1, r = read_numbers(fanfare, &numbers);
    if (r < 0)
        return r;
    if (index < 0)
        return FANFARE_ERROR_OPTION;
    if (!ret_value)
        return -EINVAL;
    *ret_value = numbers.values[index];
    return 0;
}

int fanfare_stats(struct fanfare *fanfare, uint64_t *ret_values, unsigned count)
{
    struct numbers numbers;
    int r = read_numbers(fanfare, &numbers);
    if (r < 0)
        return r;
    if (count > 0 && !ret_values)
        return -EINVAL;
    for (unsigned i = 0; i < count && i < NUMBERS; i++)
        ret_values[i] = numbers.values[i];
    return NUMBERS;
}

int fanfare_metrics(struct fanfare *fanfare, char *text, size_t size)
{
    struct numbers numbers;
    int r = read_numbers(fanfare, &numbers);
    if (r < 0)
        return r;
    if (size > 0 && !text)
        return -EINVAL;
    uint64_t uptime_s = (uint64_t)((clock_ns() - fanfare->started_ns) / 1000000000);
    char *metrics = numbers_metrics(fanfare->hub, &numbers, uptime_s);
    if (!metrics)
        return -ENOMEM;
    r = snprintf(text, size, "%s", metrics);
    free(metrics);
    return r;
}
