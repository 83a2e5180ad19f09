/* SPDX-License-Identifier: MIT */
/*
 * The floor's subscribers and sends: see floor.c for what it is. One thread.
 *
 * Positions count bytes from the first frame on. Frames before `head` are laid; what every
 * subscriber has had lies before `tail`. The ring is mapped twice in a row, so that what a send
 * carries is always one piece.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FLOOR_RING_BYTES (64u << 20)
/* Room for a frame that is a little longer than the one before it. */
#define FRAME_SLACK 64u

struct floor_subscriber {
    int fd; /* -1: lost */
    bool full;
    uint64_t position;
};

struct floor {
    uint32_t count;
    uint32_t batch;
    bool one_event, uring, flood;
    /* Running. */
    struct floor_subscriber *subscribers;
    uint32_t accepted, full_count, lost;
    char *ring;
    uint64_t head, tail;
    uint64_t *ends; /* of the frames in the ring, by number */
    uint64_t frame_count;
    uint64_t sends, shorts, bytes;
    int epoll_fd;
    struct floor_ring *io; /* io_uring */
};

void floor_open(struct floor *floor);
/* All subscribers are there. */
void floor_begin(struct floor *floor);
void floor_lay(struct floor *floor, const char *bytes, uint32_t len);
/* Once over all subscribers: at most one send to each. True if any was made. Sets tail. */
bool floor_sends(struct floor *floor);
/* Until a full socket has room or the time is over. */
void floor_wait(struct floor *floor, int64_t wait_us);
