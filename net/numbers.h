/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a server, by name: the rows of STATS_TABLE and NET_STATS_TABLE as one list with
 * their values, and the text that Prometheus reads.
 *
 * /stats, /metrics and the library's counters are all made of this list, so that a counter cannot
 * exist without being visible in each of them. The list itself is constant. Each number is exact,
 * the set is not one instant. Any thread.
 */
#pragma once

#include "engine/hub.h"
#include "net/net_stats.h"

struct number {
    const char *name;
    const char *kind; /* "counter" or "gauge" */
    const char *help;
};

#define NUMBERS_COUNT_ROW(name, kind, help) +1
enum { NUMBERS = 0 STATS_TABLE(NUMBERS_COUNT_ROW) NET_STATS_TABLE(NUMBERS_COUNT_ROW) };

struct numbers {
    struct stats stats;
    struct net_totals totals;
    uint64_t values[NUMBERS]; /* of both, in the list's order */
};

/* NULL: there are not so many. */
const struct number *number_at(unsigned index);
/* Its index; -1: there is none of that name. */
int number_find(const char *name);

/* What a hub has counted, and the acceptors in front of it; `totals` NULL: there are none. */
void numbers_read(struct hub *hub, const struct net_totals *totals, struct numbers *ret_numbers);

/* Numbers by one word each: why streams ended, and why others had none. */
struct number_part {
    const char *word;
    uint64_t value;
};
#define NUMBERS_COUNT_REASON(name, counter, word) +1
#define NUMBERS_COUNT_WORD(word)                  +1
enum {
    NUMBERS_CLOSED = 0 CLOSE_REASONS(NUMBERS_COUNT_REASON),
    NUMBERS_REFUSED = 0 REFUSAL_REASONS(NUMBERS_COUNT_WORD),
};
void numbers_closed(const struct numbers *numbers, struct number_part ret_parts[NUMBERS_CLOSED]);
void numbers_refused(const struct numbers *numbers, struct number_part ret_parts[NUMBERS_REFUSED]);

/* All of them as Prometheus text, version 0.0.4, from malloc; NULL: out of memory. */
MUST_USE char *numbers_metrics(struct hub *hub, const struct numbers *numbers, uint64_t uptime_s);
