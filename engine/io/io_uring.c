/* SPDX-License-Identifier: MIT */
/*
 * The io_uring backend: one ring per worker, made on its thread, in two variants that differ in
 * where a socket lives. Registered: in the ring's file table, its descriptor closed, so it counts
 * against RLIMIT_NOFILE per ring, not per process. Compat, for kernels before 6.13, which keep a
 * socket that left the table open as long as any older request lives: it stays an ordinary
 * descriptor, which each request holds for itself alone.
 *
 * Sends carry MSG_DONTWAIT and MSG_WAITALL and skip the completion of success: a whole send
 * completes silently inside the submit call, a short one reports its count, a full socket -EAGAIN.
 * Without MSG_WAITALL a short send would count as success and the rest be lost silently. A slot is
 * OPEN from add to remove and CLOSING until its polls have completed for the last time; only then
 * is it emptied and may be given out again, so no completion can name the wrong socket. The
 * generation in user_data is the second line of that defence.
 *
 * Length: the contract of io.h whole, and both variants side by side.
 */
#include "engine/io/io_uring.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/wake.h"
#include "engine/io/ring.h"
#include "engine/mutation.h"

#define WAIT_ALL   (MUTATION(send_without_waitall) ? 0 : MSG_WAITALL)
#define SEND_FLAGS (MSG_DONTWAIT | WAIT_ALL | MSG_NOSIGNAL)

#define NO_SLOT UINT32_MAX

enum user_data_kind {
    DATA_SEND = 1,
    DATA_HANGUP,
    DATA_WRITABLE,
    DATA_CANCEL_HANGUP,
    DATA_CANCEL_WRITABLE,
    DATA_WAKE,
    DATA_IGNORE,
};

enum slot_state { SLOT_FREE, SLOT_OPEN, SLOT_CLOSING };

struct slot {
    uint32_t owner; /* next free slot while free */
    uint16_t generation;
    uint8_t state;
    bool hangup_armed : 1;
    bool writable_armed : 1;
};

struct io_ring {
    struct io io;
    struct io_uring ring;
    bool open;
    int *descriptors; /* compat: by slot; NULL: sockets are registered */
    int failed;       /* the negative errno since which the ring is of no use; 0: it works */
    struct io_uring_sqe spare; /* where entries go then */
    int wake_fd;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t free_slot;
    char sink[16384]; /* where discarded input goes; never read */
};

static uint64_t data_of(enum user_data_kind kind, uint16_t generation, uint32_t low)
{
    return (uint64_t)kind << 56 | (uint64_t)generation << 32 | low;
}

/* --- submitting ---------------------------------------------------------------------------- */

static void ring_fail(struct io_ring *io, int r)
{
    if (r < 0 && !io->failed)
        io->failed = r;
}

/* Room for a request. Of a ring that has failed nothing is submitted any more. */
static struct io_uring_sqe *ring_entry(struct io_ring *io)
{
    struct io_uring_sqe *sqe = io->failed ? NULL : io_uring_get_sqe(&io->ring);
    if (!sqe && !io->failed) {
        ring_fail(io, ring_submit(&io->ring));
        sqe = io->failed ? NULL : io_uring_get_sqe(&io->ring);
    }
    return sqe ? sqe : &io->spare;
}

static int ring_flush(struct io *base)
{
    struct io_ring *io = (struct io_ring *)base;
    if (!io->failed)
        ring_fail(io, ring_submit(&io->ring));
    return io->failed;
}

/* Whose socket a prepared request is about. */
static void name_socket(const struct io_ring *io, struct io_uring_sqe *sqe, uint32_t index)
{
    if (io->descriptors) {
        sqe->fd = io->descriptors[index];
    } else {
        sqe->fd = (int)index;
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

static void ring_send(struct io *base, int handle, const char *bytes, uint32_t len, uint32_t tag)
{
    struct io_ring *io = (struct io_ring *)base;
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_send(sqe, -1, bytes, len, SEND_FLAGS);
    name_socket(io, sqe, (uint32_t)handle);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = data_of(DATA_SEND, 0, tag);
}

static void arm_hangup(struct io_ring *io, uint32_t index)
{
    struct slot *slot = &io->slots[index];
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_poll_multishot(sqe, -1, POLLRDHUP);
    name_socket(io, sqe, index);
    sqe->user_data = data_of(DATA_HANGUP, slot->generation, index);
    slot->hangup_armed = true;
}

static void ring_await_writable(struct io *base, int handle)
{
    struct io_ring *io = (struct io_ring *)base;
    struct slot *slot = &io->slots[handle];
    if (slot->writable_armed)
        return;
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_poll_add(sqe, -1, POLLOUT);
    name_socket(io, sqe, (uint32_t)handle);
    sqe->user_data = data_of(DATA_WRITABLE, slot->generation, (uint32_t)handle);
    slot->writable_armed = true;
}

static void arm_wake(struct io_ring *io)
{
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_poll_multishot(sqe, io->wake_fd, POLLIN);
    sqe->user_data = data_of(DATA_WAKE, 0, 0);
}

/* --- sockets ------------------------------------------------------------------------------- */

static int table_set(struct io_ring *io, uint32_t index, int fd)
{
    int r = io->failed ? io->failed : io_uring_register_files_update(&io->ring, index, &fd, 1);
    return r == 1 ? 0 : r < 0 ? r : -EIO;
}

static int socket_enter(struct io_ring *io, uint32_t index, int fd)
{
    int r = 0;
    if (io->descriptors)
        io->descriptors[index] = fd;
    else if ((r = table_set(io, index, fd)) == 0)
        close(fd);
    return r;
}

static int socket_leave(struct io_ring *io, uint32_t index)
{
    /* A queued entry may name it still; once closed, its number may be anybody's. */
    if (io->open && !io->failed && io_uring_sq_ready(&io->ring))
        ring_fail(io, ring_submit(&io->ring));
    if (!io->descriptors)
        return table_set(io, index, -1);
    close(io->descriptors[index]);
    return 0;
}

static int ring_add(struct io *base, int fd, uint32_t owner)
{
    struct io_ring *io = (struct io_ring *)base;
    uint32_t index = io->free_slot;
    if (io->failed)
        return io->failed;
    if (index == NO_SLOT)
        return -ENOSPC;
    int r = socket_enter(io, index, fd);
    if (r < 0)
        return r;
    struct slot *slot = &io->slots[index];
    io->free_slot = slot->owner;
    *slot = (struct slot){
        .owner = owner, .generation = (uint16_t)(slot->generation + 1), .state = SLOT_OPEN};
    arm_hangup(io, index);
    return (int)index;
}

static void cancel(struct io_ring *io, uint32_t index, bool hangup)
{
    uint16_t generation = io->slots[index].generation;
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_poll_remove(sqe,
                              data_of(hangup ? DATA_HANGUP : DATA_WRITABLE, generation, index));
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = data_of(hangup ? DATA_CANCEL_HANGUP : DATA_CANCEL_WRITABLE, generation, index);
}

/* No request names the socket any more. */
static void close_slot(struct io_ring *io, uint32_t index)
{
    struct slot *slot = &io->slots[index];
    int r = socket_leave(io, index);
    ring_fail(io, r); /* the socket would stay open, and its peer wait for ever */
    if (r < 0)
        return;
    slot->state = SLOT_FREE;
    slot->owner = io->free_slot;
    io->free_slot = index;
}

/* The last completion of its polls may have come. */
static void close_if_done(struct io_ring *io, uint32_t index)
{
    if (!io->slots[index].hangup_armed && !io->slots[index].writable_armed)
        close_slot(io, index);
}

/* The sockets in the file table close with the ring. Descriptors do not, and no completion will
 * come that would close them. The eventfd stays. */
static void ring_take_down(struct io_ring *io)
{
    if (io->open)
        io_uring_queue_exit(&io->ring);
    io->open = false;
    for (uint32_t i = 0; io->descriptors && i < io->slot_count; i++)
        if (io->slots[i].state == SLOT_CLOSING)
            close_slot(io, i);
}

static void ring_remove(struct io *base, int handle)
{
    struct io_ring *io = (struct io_ring *)base;
    struct slot *slot = &io->slots[handle];
    DCHECK(slot->state == SLOT_OPEN);
    slot->state = SLOT_CLOSING;
    if (io->failed) {
        if (io->descriptors)
            close_slot(io, (uint32_t)handle);
        return; /* from the file table it goes with the ring */
    }
    /* MSG_TRUNC drops TCP data in the kernel; unix sockets ignore it and copy, so the length must
     * be the buffer's. */
    struct io_uring_sqe *sqe = ring_entry(io);
    io_uring_prep_recv(sqe, -1, io->sink, sizeof(io->sink), MSG_DONTWAIT | MSG_TRUNC);
    name_socket(io, sqe, (uint32_t)handle);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = data_of(DATA_IGNORE, 0, 0);
    if (slot->hangup_armed)
        cancel(io, (uint32_t)handle, true);
    if (slot->writable_armed)
        cancel(io, (uint32_t)handle, false);
    close_if_done(io, (uint32_t)handle);
}

/* --- events -------------------------------------------------------------------------------- */

static bool on_poll(struct io_ring *io, const struct io_uring_cqe *cqe, bool hangup,
                    struct io_event *ret_event)
{
    uint32_t index = (uint32_t)cqe->user_data;
    struct slot *slot = &io->slots[index];
    if (slot->state == SLOT_FREE || slot->generation != (uint16_t)(cqe->user_data >> 32))
        return false;
    bool over = !(cqe->flags & IORING_CQE_F_MORE);
    if (hangup && over)
        slot->hangup_armed = false;
    if (!hangup)
        slot->writable_armed = false;
    if (slot->state == SLOT_CLOSING) {
        if (!over) /* it fired while it was being cancelled: cancel again */
            cancel(io, index, hangup);
        close_if_done(io, index);
        return false;
    }
    bool broken = cqe->res < 0 || (cqe->res & (POLLHUP | POLLERR));
    bool ended = !broken && (cqe->res & POLLRDHUP);
    if (hangup && over && !broken)
        arm_hangup(io, index);
    if (hangup && !broken && !ended)
        return false;
    *ret_event = (struct io_event){.kind = broken  ? IO_HANGUP
                                           : ended ? IO_ENDED
                                                   : IO_WRITABLE,
                                   .owner = slot->owner};
    return true;
}

/* A cancel that found its poll about to fire: if that firing posts nothing, nobody would cancel it
 * again. */
static void on_cancel_failed(struct io_ring *io, const struct io_uring_cqe *cqe, bool hangup)
{
    uint32_t index = (uint32_t)cqe->user_data;
    const struct slot *slot = &io->slots[index];
    if (cqe->res == -EALREADY && slot->state == SLOT_CLOSING &&
        slot->generation == (uint16_t)(cqe->user_data >> 32) &&
        (hangup ? slot->hangup_armed : slot->writable_armed))
        cancel(io, index, hangup);
}

static bool translate(struct io_ring *io, const struct io_uring_cqe *cqe,
                      struct io_event *ret_event)
{
    uint64_t count;
    switch ((enum user_data_kind)(cqe->user_data >> 56)) {
    case DATA_SEND:
        *ret_event = (struct io_event){
            .kind = IO_SHORT, .owner = (uint32_t)cqe->user_data, .result = cqe->res};
        return true;
    case DATA_HANGUP:
        return on_poll(io, cqe, true, ret_event);
    case DATA_WRITABLE:
        return on_poll(io, cqe, false, ret_event);
    case DATA_CANCEL_HANGUP:
        on_cancel_failed(io, cqe, true);
        return false;
    case DATA_CANCEL_WRITABLE:
        on_cancel_failed(io, cqe, false);
        return false;
    case DATA_WAKE:
        if (read(io->wake_fd, &count, sizeof(count)) < 0)
            count = 0; /* non-blocking: somebody's wake was reset already */
        if (!(cqe->flags & IORING_CQE_F_MORE))
            arm_wake(io);
        return false;
    case DATA_IGNORE:
        return false;
    }
    return false;
}

static bool ring_next(struct io *base, struct io_event *ret_event)
{
    struct io_ring *io = (struct io_ring *)base;
    struct io_uring_cqe *cqe;
    /* Peeking also runs deferred work that the kernel has flagged: it does so in small portions. */
    while (!io->failed && io_uring_peek_cqe(&io->ring, &cqe) == 0) {
        struct io_uring_cqe copy = *cqe;
        io_uring_cqe_seen(&io->ring, cqe);
        if (translate(io, &copy, ret_event))
            return true;
    }
    return false;
}

static int ring_wait(struct io *base, int64_t timeout_ns)
{
    struct io_ring *io = (struct io_ring *)base;
    if (io->failed) {
        /* The first wait says so at once, for the failure may have come after the last flush. */
        if (io->open)
            ring_take_down(io);
        else
            io_wait_for_wake(io->wake_fd, timeout_ns);
        return io->failed;
    }
    if (timeout_ns == 0)
        return ring_is_quiet(&io->ring) ? 0 : ring_flush(base);
    struct __kernel_timespec timeout = {.tv_sec = timeout_ns / 1000000000,
                                        .tv_nsec = timeout_ns % 1000000000};
    struct io_uring_cqe *cqe;
    int r = io_uring_submit_and_wait_timeout(&io->ring, &cqe, 1, timeout_ns < 0 ? NULL : &timeout,
                                             NULL);
    if (r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
        ring_fail(io, r);
    return io->failed;
}

static void ring_wake(struct io *base)
{
    wake_add(((struct io_ring *)base)->wake_fd);
}

/* --- open and close ------------------------------------------------------------------------ */

static bool all_slots_free(const struct io_ring *io)
{
    uint32_t i = 0;
    while (i < io->slot_count && io->slots[i].state == SLOT_FREE)
        i++;
    return i == io->slot_count;
}

/* Frees every slot and reaps before the ring goes, so that peers see an orderly end. */
static void close_slots(struct io_ring *io)
{
    struct io_event event;
    for (uint32_t i = 0; i < io->slot_count; i++)
        if (io->slots[i].state == SLOT_OPEN)
            ring_remove(&io->io, (int)i);
    for (int tries = 0; tries < 1000 && !all_slots_free(io); tries++) {
        ring_wait(&io->io, 10000000);
        while (ring_next(&io->io, &event))
            ;
    }
}

static void ring_end(struct io *base)
{
    struct io_ring *io = (struct io_ring *)base;
    if (io->open && io->slots && !io->failed)
        close_slots(io);
    for (uint32_t i = 0; io->slots && i < io->slot_count; i++) /* of one that failed */
        if (io->slots[i].state == SLOT_OPEN)
            io->slots[i].state = SLOT_CLOSING;
    ring_take_down(io);
    free(TAKE(io->descriptors));
    free(TAKE(io->slots));
}

static void ring_close(struct io *base)
{
    struct io_ring *io = (struct io_ring *)base;
    ring_end(base);
    if (io->wake_fd >= 0)
        close(io->wake_fd);
    free(io);
}

static const struct io_operations ring_operations = {
    .end = ring_end,
    .close = ring_close,
    .add = ring_add,
    .remove = ring_remove,
    .send = ring_send,
    .flush = ring_flush,
    .await_writable = ring_await_writable,
    .wait = ring_wait,
    .next = ring_next,
    .now_ns = io_clock_ns,
    .wake = ring_wake,
};

/* Slots beyond the sockets asked for: some may be closing while their successors come. */
#define SLOTS_CLOSING 256u

/* Where sockets will live, and how many there may be. */
static int set_up_sockets(struct io_ring *io, bool compat, uint32_t count)
{
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit); /* the kernel's bound for a file table */
    if (compat || count + SLOTS_CLOSING <= limit.rlim_cur)
        count += SLOTS_CLOSING;
    io->slots = calloc(count, sizeof(*io->slots));
    if (!io->slots)
        return -ENOMEM;
    io->slot_count = count;
    for (uint32_t i = 0; i < count; i++)
        io->slots[i].owner = i + 1 < count ? i + 1 : NO_SLOT;
    if (!compat)
        return io_uring_register_files_sparse(&io->ring, count);
    io->descriptors = calloc(count, sizeof(*io->descriptors));
    return io->descriptors ? 0 : -ENOMEM;
}

static int set_up(struct io_ring *io, bool compat, uint32_t sockets)
{
    int r = ring_open(&io->ring);
    if (r < 0)
        return r;
    io->open = true;
    io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (io->wake_fd < 0)
        return -errno;
    r = set_up_sockets(io, compat, sockets);
    if (r < 0)
        return r;
    arm_wake(io);
    return ring_submit(&io->ring);
}

static int open_variant(bool compat, uint32_t sockets, struct io **ret_io)
{
    struct io_ring *io = calloc(1, sizeof(*io));
    if (!io)
        return -ENOMEM;
    io->io.operations = &ring_operations;
    io->wake_fd = -1;
    int r = set_up(io, compat, sockets);
    if (r < 0) {
        ring_close(&io->io);
        return r;
    }
    *ret_io = &io->io;
    return 0;
}

int io_uring_open(uint32_t sockets, struct io **ret_io)
{
    return open_variant(false, sockets, ret_io);
}

int io_uring_compat_open(uint32_t sockets, struct io **ret_io)
{
    return open_variant(true, sockets, ret_io);
}
