/* SPDX-License-Identifier: MIT */
/*
 * Whether the worker is short of processor: over about a second it had less than half of the time
 * to spare. To spare is the time after a turn that found nothing to do, less what the thread then
 * waited for a processor that others had. So a machine that is too busy counts as well as a worker
 * that has too much to do.
 *
 * Measured only while somebody asks (lag.c, while most readers lag); what was not measured yet is
 * taken for short, since then nobody is dropped. The worker's thread alone.
 */
#pragma once

struct worker;

/* Goes on measuring, at most once a second in earnest: see worker->load.is_short. */
void load_measure(struct worker *worker);
/* Nobody asks any more. */
void load_forget(struct worker *worker);
