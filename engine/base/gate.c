/* SPDX-License-Identifier: MIT */
/* Shutting a gate: see gate.h. */
#include "engine/base/gate.h"

#include <errno.h>

void gate_init(struct gate *gate)
{
    atomic_init(&gate->word, 0);
    sem_init(&gate->empty, 0, 0);
}

void gate_deinit(struct gate *gate)
{
    sem_destroy(&gate->empty);
}

void gate_shut(struct gate *gate)
{
    /* Acquire: with nobody inside, what the last leaver did is seen through this. */
    uint32_t inside = atomic_fetch_or_explicit(&gate->word, GATE_SHUT, memory_order_acq_rel);
    CHECK(!(inside & GATE_SHUT));
    while (inside && sem_wait(&gate->empty) < 0)
        CHECK(errno == EINTR);
}
