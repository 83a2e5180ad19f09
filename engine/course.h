/* SPDX-License-Identifier: MIT */
/*
 * A stream's course: from where on it was sent what its channels had, and what was left out, so
 * that it can be said of an event what became of it.
 *
 * A stream is a gapless run of its channels' events from its beginning up to its cursor, but for
 * what it was told that it cannot have. So a few numbers say it all, and nothing is noted for each
 * event: what is still in history and not behind the cursor was sent; what is not there any more
 * may have been sent first, or have gone before it could be.
 *
 * Exact but for what is no longer in history: of a stream that was told of several losses, what
 * lies before the latest one is COURSE_UNKNOWN, and of one with several channels also all that lies
 * before a loss, or, once it has ended, all. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct course {
    uint64_t began;           /* what it asked for comes after it */
    uint64_t greeted_through; /* what of that was gone when it joined ends here; 0: nothing was */
    uint64_t skipped_from;    /* the latest loss: after this, */
    uint64_t skipped_through; /* up to this */
    uint32_t skips;           /* losses since it joined */
    bool kept_back;           /* with the latest, what was retained was not given either */
    bool unsure;              /* so it was with an earlier one */
};

/* What became of an event of one of the stream's channels. */
enum course_fate {
    COURSE_SENT,
    COURSE_BEFORE, /* it is older than all that was asked for */
    COURSE_GONE,   /* history had let it go when the stream joined */
    COURSE_SKIPPED,
    COURSE_LACKS, /* it was not sent yet */
    COURSE_UNKNOWN,
};

/* A loss was told: of what comes after `from`, up to `through`; `kept_back`: retained or not. */
void course_skip(struct course *course, uint64_t from, uint64_t through, bool kept_back);

/* The event itself. */
struct course_event {
    uint64_t sequence;
    bool retained;         /* it is in its channel's history */
    bool many;             /* the stream has several channels */
    uint64_t told_through; /* then, what of this channel it was told, or not owed: if known */
    bool told_is_known;
};
enum course_fate course_fate_of(const struct course *course, uint64_t cursor,
                                const struct course_event *event);
