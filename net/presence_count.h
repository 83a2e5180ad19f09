/* SPDX-License-Identifier: MIT */
/*
 * What is told of who comes to one channel and goes, and when: how many are there, and the changes
 * that are not told yet. It knows no threads, no locks and no hub, so that a test can drive it in
 * any order.
 *
 * A change is told by itself, with its subscriber, while the channel has PRESENCE_EACH_MAX of them
 * at most, or had before it, and no more than PRESENCE_WAITING_MAX changes wait. All others are
 * *gathered*: one event without a subscriber that says how many there are by then, at most every
 * PRESENCE_EVERY_MS, and none if that was told already. Changes that wait are told in their order,
 * each with the number after it, what is gathered behind them; what found no room goes first.
 *
 * So, whatever the order of changes and of events that could not be published, once nothing changes
 * any more and presence_next says NOTHING, the last number told is how many are there.
 *
 * One thread at a time.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* What is to be told. */
struct presence_news {
    bool joins;
    bool alone; /* of one subscriber; else of several, or of one that nobody knows any more */
    uint64_t subscriber; /* of one that is told alone; 0: it has no number */
    uint64_t there;
};

struct presence_change; /* one that waits */

struct presence_count {
    uint32_t each_max, waiting_max; /* those of limits.h; tests have smaller ones */
    uint64_t there;
    uint64_t told; /* the last number that was told */
    struct presence_change *first, *last;
    unsigned waiting;
    struct presence_news held; /* gathered, and put off: goes before what waits */
    bool has_held;
    bool gathered;    /* there are changes that are told together */
    bool told_before; /* something was gathered and told, at: */
    int64_t told_ns;
};

enum presence_step {
    PRESENCE_NOTHING, /* all is told */
    PRESENCE_LATER,   /* not before *ret_due_ns */
    PRESENCE_NEWS,    /* this now: then presence_told, or presence_put_off */
};

void presence_count_init(struct presence_count *count, uint32_t each_max, uint32_t waiting_max);
/* One subscriber more, or one less. */
void presence_change(struct presence_count *count, bool joins, uint64_t subscriber);

MUST_USE enum presence_step presence_next(struct presence_count *count, int64_t now_ns,
                                          struct presence_news *ret_news, int64_t *ret_due_ns);
/* The news have been published. */
void presence_told(struct presence_count *count, const struct presence_news *news, int64_t now_ns);
/* They could not be: presence_next says the same again. */
void presence_put_off(struct presence_count *count, const struct presence_news *news);

/* There is something to tell, now or later. */
bool presence_has_news(const struct presence_count *count);
/* Nobody is there, and all is told. */
bool presence_is_over(const struct presence_count *count);
/* Bytes of what waits. */
size_t presence_memory(const struct presence_count *count);
void presence_count_deinit(struct presence_count *count);
