/* SPDX-License-Identifier: MIT */
/*
 * The runs of the sweeps under way (sweep.c lays them), which point to frames and channels: before
 * one of these goes, whatever points to it is forgotten, and laid anew if it is wanted again.
 *
 * While no send is queued, or the bytes stay where they are. The worker's thread alone.
 */
#pragma once

#include "engine/worker/state.h"

/* NULL: of all channels. */
static inline void runs_forget(struct worker *worker, const struct channel *channel)
{
    for (enum form form = 0; form < FORM_COUNT; form++)
        if (!channel || worker->sweep.runs[form].channel == channel)
            worker->sweep.runs[form].channel = NULL;
}
