/* SPDX-License-Identifier: MIT */
/* Descriptors that wait for their block: see feed_descriptors.h. */
#include "net/feed/feed_descriptors.h"

#include "net/given.h"

void feed_descriptors_add(struct feed_descriptors *descriptors, unsigned count, uint64_t until)
{
    CHECK(count <= DESCRIPTORS_MAX - descriptors->count);
    for (unsigned i = 0; i < count; i++)
        descriptors->until[descriptors->count++] = until;
}

int feed_descriptors_take(struct feed_descriptors *descriptors)
{
    if (descriptors->count == 0)
        return -1;
    int fd = descriptors->fds[0];
    descriptors->count--;
    memmove(descriptors->fds, descriptors->fds + 1, descriptors->count * sizeof(int));
    memmove(descriptors->until, descriptors->until + 1, descriptors->count * sizeof(uint64_t));
    return fd;
}

unsigned feed_descriptors_expire(struct feed_descriptors *descriptors, uint64_t end)
{
    unsigned stale = 0;
    while (descriptors->count > 0 && descriptors->until[0] <= end) {
        given_close(feed_descriptors_take(descriptors));
        stale++;
    }
    return stale;
}

void feed_descriptors_close(struct feed_descriptors *descriptors)
{
    (void)feed_descriptors_expire(descriptors, UINT64_MAX);
}
