/* SPDX-License-Identifier: MIT */
/* The floor's sends, plain and by io_uring: see floor.h. */
#include "bench/load/floor.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ENDS   (1u << 20) /* frames in the ring at most: 64 MiB of the smallest */
#define SUBMIT 1024u
#define FLAGS  (MSG_DONTWAIT | MSG_NOSIGNAL)

struct floor_ring {
    struct io_uring ring;
    uint32_t lens[SUBMIT];
    uint32_t indices[SUBMIT];
    uint32_t queued;
};

static void fail(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- the ring of bytes ------------------------------------------------------------------------ */

void floor_open(struct floor *floor)
{
    floor->subscribers = calloc(floor->count, sizeof(*floor->subscribers));
    floor->ends = malloc(ENDS * sizeof(*floor->ends));
    int fd = memfd_create("floor", MFD_CLOEXEC);
    if (!floor->subscribers || !floor->ends || fd < 0 || ftruncate(fd, FLOOR_RING_BYTES) < 0)
        fail("memory");
    floor->ring = mmap(NULL, 2ul * FLOOR_RING_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 2; i++)
        if (mmap(floor->ring + (size_t)i * FLOOR_RING_BYTES, FLOOR_RING_BYTES,
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
            fail("mmap");
    close(fd);
    floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

void floor_lay(struct floor *floor, const char *bytes, uint32_t len)
{
    memcpy(floor->ring + floor->head % FLOOR_RING_BYTES, bytes, len);
    floor->head += len;
    floor->ends[floor->frame_count++ % ENDS] = floor->head;
}

/* --- full sockets ----------------------------------------------------------------------------- */

static void set_full(struct floor *floor, uint32_t index, bool full)
{
    struct floor_subscriber *subscriber = &floor->subscribers[index];
    if (subscriber->full == full)
        return;
    subscriber->full = full;
    floor->full_count += full ? 1 : -1u;
}

static void lose(struct floor *floor, uint32_t index)
{
    set_full(floor, index, false);
    floor->subscribers[index].fd = -1;
    floor->lost++;
}

/* Edge-triggered and registered once, as the engine does on epoll: the kernel reports room after a
 * send that found none. */
void floor_begin(struct floor *floor)
{
    for (uint32_t i = 0; i < floor->count; i++) {
        struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u32 = i};
        if (epoll_ctl(floor->epoll_fd, EPOLL_CTL_ADD, floor->subscribers[i].fd, &event) < 0)
            fail("epoll_ctl");
    }
    struct epoll_event events[256];
    while (epoll_wait(floor->epoll_fd, events, 256, 0) > 0)
        ;
    if (!floor->uring)
        return;
    floor->io = calloc(1, sizeof(*floor->io));
    if (!floor->io)
        fail("memory");
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = SUBMIT * 4};
    int r = io_uring_queue_init_params(SUBMIT, &floor->io->ring, &parameters);
    if (r == 0)
        r = io_uring_register_files_sparse(&floor->io->ring, floor->count);
    for (uint32_t i = 0; r >= 0 && i < floor->count; i++)
        r = io_uring_register_files_update(&floor->io->ring, i, &floor->subscribers[i].fd, 1);
    if (r < 0) {
        errno = -r;
        fail("io_uring");
    }
    (void)io_uring_register_ring_fd(&floor->io->ring);
}

void floor_wait(struct floor *floor, int64_t wait_us)
{
    struct epoll_event events[256];
    struct timespec timeout = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
    int count = epoll_pwait2(floor->epoll_fd, events, 256, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        uint32_t index = events[i].data.u32;
        if (floor->subscribers[index].fd < 0)
            continue;
        if (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            lose(floor, index);
        else
            set_full(floor, index, false);
    }
}

/* --- sends ------------------------------------------------------------------------------------ */

/* `taken` bytes of `len`, or a negative errno. */
static void settle(struct floor *floor, uint32_t index, uint32_t len, int64_t taken)
{
    struct floor_subscriber *subscriber = &floor->subscribers[index];
    floor->sends++;
    if (taken < 0 && taken != -EAGAIN) {
        lose(floor, index);
        return;
    }
    if (taken > 0) {
        subscriber->position += (uint64_t)taken;
        floor->bytes += (uint64_t)taken;
    }
    if (taken < (int64_t)len) {
        floor->shorts++;
        set_full(floor, index, true);
    }
}

static void flush(struct floor *floor)
{
    struct floor_ring *io = floor->io;
    if (!io || !io->queued)
        return;
    int r;
    do
        r = io_uring_submit_and_get_events(&io->ring);
    while ((r >= 0 && io_uring_sq_ready(&io->ring)) || r == -EINTR || r == -EAGAIN || r == -EBUSY);
    if (r < 0) {
        errno = -r;
        fail("io_uring");
    }
    struct io_uring_cqe *cqe;
    while (io_uring_peek_cqe(&io->ring, &cqe) == 0) {
        uint32_t tag = (uint32_t)cqe->user_data;
        settle(floor, io->indices[tag], io->lens[tag], cqe->res);
        io->lens[tag] = 0;
        io_uring_cqe_seen(&io->ring, cqe);
    }
    for (uint32_t tag = 0; tag < io->queued; tag++)
        if (io->lens[tag])
            settle(floor, io->indices[tag], io->lens[tag], io->lens[tag]);
    io->queued = 0;
}

static void queue(struct floor *floor, uint32_t index, const char *bytes, uint32_t len)
{
    struct floor_ring *io = floor->io;
    struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);
    io_uring_prep_send(sqe, (int)index, bytes, len, FLAGS | MSG_WAITALL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = io->queued;
    io->indices[io->queued] = index;
    io->lens[io->queued++] = len;
    if (io->queued == SUBMIT)
        flush(floor);
}

/* Where the frame that the position lies in ends. */
static uint64_t frame_end(const struct floor *floor, uint64_t position)
{
    uint64_t high = floor->frame_count - 1;
    /* Nearly everybody is at the newest one. */
    if (high == 0 || floor->ends[(high - 1) % ENDS] <= position)
        return floor->ends[high % ENDS];
    uint64_t low = floor->frame_count > ENDS ? floor->frame_count - ENDS : 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (floor->ends[middle % ENDS] <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return floor->ends[low % ENDS];
}

bool floor_sends(struct floor *floor)
{
    uint64_t made = floor->sends;
    if (floor->full_count)
        floor_wait(floor, 0);
    for (uint32_t i = 0; i < floor->count; i++) {
        struct floor_subscriber *subscriber = &floor->subscribers[i];
        if (subscriber->full || subscriber->fd < 0 || subscriber->position == floor->head)
            continue;
        uint64_t end = floor->one_event ? frame_end(floor, subscriber->position) : floor->head;
        uint64_t len = end - subscriber->position;
        if (len > floor->batch && !floor->one_event)
            len = floor->batch;
        const char *bytes = floor->ring + subscriber->position % FLOOR_RING_BYTES;
        if (floor->uring)
            queue(floor, i, bytes, (uint32_t)len);
        else {
            ssize_t taken = send(subscriber->fd, bytes, len, FLAGS);
            settle(floor, i, (uint32_t)len, taken < 0 ? -errno : taken);
        }
    }
    flush(floor);
    uint64_t tail = floor->head;
    for (uint32_t i = 0; i < floor->count; i++)
        if (floor->subscribers[i].fd >= 0 && floor->subscribers[i].position < tail)
            tail = floor->subscribers[i].position;
    floor->tail = tail;
    return floor->sends != made;
}
