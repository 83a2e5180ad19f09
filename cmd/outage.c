/* SPDX-License-Identifier: MIT */
/* What pub says and how long it waits while its server is gone: see outage.h. */
#include "cmd/outage.h"

#include <inttypes.h>
#include <time.h>

#include "cmd/log.h"
#include "cmd/reconnect.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int outage_wait_ms(struct outage *outage, const char *why, uint64_t waiting, bool input_ended,
                   uint32_t told_ms)
{
    if (!outage->gone)
        log_complain("pub",
                     "the connection is lost: %s; %" PRIu64
                     " events are not acknowledged and will be sent again",
                     why, waiting);
    outage->gone = true;
    if (!input_ended)
        outage->since_ms = 0;
    else if (outage->since_ms == 0)
        outage->since_ms = now_ms();
    else if (now_ms() - outage->since_ms >= OUTAGE_GIVE_UP_MS)
        return -1;
    return (int)reconnect_wait_ms(told_ms, ++outage->in_vain, reconnect_random());
}

void outage_back(struct outage *outage, uint64_t waiting)
{
    if (outage->gone)
        log_complain("pub", "the connection is back; %" PRIu64 " events are sent again", waiting);
    outage->gone = false;
}

void outage_over(struct outage *outage)
{
    outage->in_vain = 0;
    outage->since_ms = 0;
}
