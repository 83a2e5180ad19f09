/* SPDX-License-Identifier: MIT */
/* See load.h. */
#include "engine/worker/load.h"

#include "engine/base/clock.h"
#include "engine/worker/state.h"

/* Long enough for a turn with all of its bounds to be a small part of it; picked by hand. */
#define PERIOD_NS 1000000000

static void set_short(struct worker *worker, bool is_short)
{
    worker->load.is_short = is_short;
    if (worker->load.is_counted != is_short)
        COUNT(worker, workers_short, is_short ? 1 : -1);
    worker->load.is_counted = is_short;
}

static void begin(struct worker *worker)
{
    struct load *load = &worker->load;
    load->since_ns = worker->now_ns;
    load->idle_before_ns = load->idle_ns;
    load->waited_ns = clock_waited_ns();
}

void load_measure(struct worker *worker)
{
    struct load *load = &worker->load;
    if (load->since_ns == 0) {
        load->is_short = true;
        begin(worker);
        return;
    }
    int64_t passed_ns = worker->now_ns - load->since_ns;
    if (passed_ns < PERIOD_NS)
        return;
    int64_t idle_ns = load->idle_ns - load->idle_before_ns;
    int64_t waited_ns = load->waited_ns;
    begin(worker);
    int64_t spare_ns = idle_ns - (load->waited_ns - waited_ns);
    set_short(worker, spare_ns * 2 < passed_ns);
}

void load_forget(struct worker *worker)
{
    worker->load.since_ns = 0;
    set_short(worker, false);
}
