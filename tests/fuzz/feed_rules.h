/* SPDX-License-Identifier: MIT */
/*
 * The feed's grammar (docs/formats.md) a second time: of a whole text, line by line, with
 * none of the cutting, borrowing and bounding that net/feed/event_text.c is made of.
 *
 * Pure; called by the fuzz targets `feed` and `body`.
 */
#pragma once

#include "net/feed/event_text.h"

/* An event or a refusal. Of a refused one only `fault` and `ack` count. */
struct feed_item {
    enum event_text_fault fault; /* EVENT_TEXT_CUT: the input ends in it, whatever else it is */
    struct event event;          /* the data is the list's own, the rest lies in the text */
    struct text ack;
    bool wait_no;
    bool counts;
    bool adopts;          /* a hand-over */
    struct text adoption; /* its lines; likewise the list's own */
};

struct feed_list {
    struct feed_item *items;
    size_t count, size;
    char *data, *lines;
};

void feed_rules_read(struct text text, size_t data_max, bool feed, struct feed_list *ret_list);
void feed_rules_free(struct feed_list *list);
