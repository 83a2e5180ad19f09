/* SPDX-License-Identifier: MIT */
/* Measures the rate and deals the slots: see slots.h. */
#include "engine/slots.h"

#include "engine/limits.h"

#define WINDOW_NS 100000000ll
#define MINUTE_NS 60000000000ll
#define SECOND_NS 1000000000ll

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Ends the window and the minute that are over. Who was accepted since they began was so within
 * them, for each call looks here first. */
static void end_window(struct slots *slots, int64_t now_ns)
{
    if (now_ns - slots->window_ns < WINDOW_NS)
        return;
    slots->best = greater(slots->best, slots->accepted);
    slots->accepted = 0;
    slots->window_ns = now_ns;
    if (now_ns - slots->minute_ns < MINUTE_NS)
        return;
    slots->best_before = slots->best;
    slots->best = 0;
    slots->minute_ns = now_ns;
}

void slots_accept(struct slots *slots, int64_t now_ns)
{
    end_window(slots, now_ns);
    slots->accepted++;
}

uint32_t slots_rate(const struct slots *slots)
{
    uint32_t best = greater(slots->accepted, greater(slots->best, slots->best_before));
    if (best > SLOTS_RATE_MAX / (SECOND_NS / WINDOW_NS))
        return SLOTS_RATE_MAX;
    return greater(best * (uint32_t)(SECOND_NS / WINDOW_NS), SLOTS_RATE_MIN);
}

uint32_t slots_take(struct slots *slots, int64_t now_ns, uint32_t least_ms)
{
    if (slots->next_ns < now_ns || slots->next_ns - now_ns > SLOTS_SPREAD_MS_MAX * 1000000ll)
        slots->next_ns = now_ns;
    uint32_t behind_ms = (uint32_t)((slots->next_ns - now_ns) / 1000000);
    slots->next_ns += SECOND_NS / slots_rate(slots);
    return greater(least_ms, SLOTS_LEAST_MS) + behind_ms;
}
