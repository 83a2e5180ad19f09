/* SPDX-License-Identifier: MIT */
/*
 * The time in which pub has no server: it is said once that the server is gone and once that it is
 * back, and the waits between attempts grow (cmd/reconnect.h).
 *
 * While lines may still come (tail -f) it waits for as long as it takes, as sub does. Once the
 * input is at its end somebody waits for the exit status, so it gives up after OUTAGE_GIVE_UP_MS.
 *
 * States: working -> gone (outage_wait_ms, for each attempt) -> back (outage_back) -> working
 * (outage_over: something was acknowledged; until then the waits go on growing). pub's thread;
 * prints on stderr.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

enum { OUTAGE_GIVE_UP_MS = 60000 }; /* longer than any restart in order takes */

struct outage {
    bool gone;
    unsigned in_vain;
    int64_t since_ms; /* the input was at its end and the server gone; 0: not so */
};

/* How long to wait before the next attempt, or -1: given up. `told_ms` is the server's wish, 0:
 * none. */
int outage_wait_ms(struct outage *outage, const char *why, uint64_t waiting, bool input_ended,
                   uint32_t told_ms);
void outage_back(struct outage *outage, uint64_t waiting);
void outage_over(struct outage *outage);
