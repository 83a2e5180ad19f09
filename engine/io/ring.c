/* SPDX-License-Identifier: MIT */
/* See ring.h. */
#include "engine/io/ring.h"

#include <errno.h>

#define RING_FLAGS                                                                                 \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |         \
     IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |                   \
     IORING_SETUP_CLAMP)

/* A batch of sends, and as many polls and cancels. Rings count against RLIMIT_MEMLOCK, 8 MiB by
 * default on Debian, so a smaller one is tried when there is no room. */
#define RING_ENTRIES     2048u
#define RING_ENTRIES_MIN 128u

int ring_open(struct io_uring *ring)
{
    unsigned entries = RING_ENTRIES;
    int r;
    do {
        struct io_uring_params parameters = {.flags = RING_FLAGS, .cq_entries = entries * 4};
        r = io_uring_queue_init_params(entries, ring, &parameters);
        entries /= 2;
    } while (r == -ENOMEM && entries >= RING_ENTRIES_MIN);
    if (r < 0)
        return r;
    /* Both are improvements only: where they are forbidden it goes without. */
    (void)io_uring_register_ring_fd(ring);
    unsigned int threads[2] = {1, 1};
    (void)io_uring_register_iowq_max_workers(ring, threads);
    return 0;
}

int ring_submit(struct io_uring *ring)
{
    int r;
    do {
        r = io_uring_submit_and_get_events(ring);
    } while ((r >= 0 && io_uring_sq_ready(ring)) || r == -EINTR || r == -EAGAIN || r == -EBUSY);
    return r < 0 ? r : 0;
}

bool ring_is_quiet(const struct io_uring *ring)
{
    unsigned flags = IO_URING_READ_ONCE(*ring->sq.kflags);
    return !io_uring_sq_ready(ring) && !(flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}
