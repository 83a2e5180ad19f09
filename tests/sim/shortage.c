/* SPDX-License-Identifier: MIT */
/*
 * Shortage of memory: what a worker allocates to keep an acknowledged event (its channel's record,
 * a larger ring) fails now and then, some tries in a row. Nothing may be lost for it, which the
 * model sees: a worker has every event up to its position.
 *
 * Fewer in a row than make the worker let history go (evict.c), for the model knows nothing of
 * that; and not in a drain, which may end before its time is over only if it can.
 */
#include "tests/sim/world.h"

#include <errno.h>

#include "tests/sim/ask.h"

#define FAILURES_MAX 12

static struct world_worker *within; /* its intake_events; NULL: none */

bool __real_intake_events(struct worker *worker);
bool __wrap_intake_events(struct worker *worker);
int __real_history_add(struct history *history, const struct hash_key *key, struct frame *frame);
int __wrap_history_add(struct history *history, const struct hash_key *key, struct frame *frame);
struct channel *__real_channels_make(struct channels *channels, uint64_t hash, struct text name);
struct channel *__wrap_channels_make(struct channels *channels, uint64_t hash, struct text name);

struct channel *__real_channels_make_all(struct channels *channels);
struct channel *__wrap_channels_make_all(struct channels *channels);

bool __wrap_intake_events(struct worker *worker)
{
    within = world_worker_of(worker->io);
    bool any = __real_intake_events(worker);
    within = NULL;
    return any;
}

static bool fails(void)
{
    if (!within || !world->mischief || world->sim.calm || world->draining)
        return false;
    if (within->failures > 0) {
        within->failures--;
        return within->failures > 0; /* and at the end it succeeds once */
    }
    if (sim_random_one_in(world->random, 200))
        within->failures = sim_random_between(world->random, 1, FAILURES_MAX);
    return within->failures > 0;
}

int __wrap_history_add(struct history *history, const struct hash_key *key, struct frame *frame)
{
    return fails() ? -ENOMEM : __real_history_add(history, key, frame);
}

struct channel *__wrap_channels_make(struct channels *channels, uint64_t hash, struct text name)
{
    ask_made(channels, name);
    return fails() ? NULL : __real_channels_make(channels, hash, name);
}

struct channel *__wrap_channels_make_all(struct channels *channels)
{
    return fails() ? NULL : __real_channels_make_all(channels);
}
