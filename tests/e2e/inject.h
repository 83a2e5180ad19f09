/* SPDX-License-Identifier: MIT */
/*
 * Faults on order: what the program `fanfare_inject` and the test that orders them share.
 *
 * `fanfare_inject` is the server's own objects, linked so that the calls of the table below go
 * through inject_wraps.c first. The test makes a file of this structure and names it in
 * INJECT_FILE; both sides map it. Calls are counted per row while `armed`; call number `at` of row
 * `call` (from 1), and the `more` after it, fail with the row's error instead of being made.
 *
 * All members are atomics: the server's threads count, the test arms and reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Name, errno. A row may stand for several functions: `memory` for whatever allocates. */
#define INJECT_TABLE(X)                                                                            \
    X(memory, ENOMEM)                                                                              \
    X(accept4, EMFILE)                                                                             \
    X(send, ECONNRESET)                                                                            \
    X(send_full, EAGAIN)                                                                           \
    X(recv, ECONNRESET)                                                                            \
    X(epoll_ctl, ENOMEM)                                                                           \
    X(epoll_wait, EINTR)                                                                           \
    X(eventfd, EMFILE)                                                                             \
    X(socket, EMFILE)                                                                              \
    X(thread, EAGAIN)                                                                              \
    X(mmap, ENOMEM)                                                                                \
    X(ring_setup, ENOMEM)                                                                          \
    X(ring_register, ENOMEM)                                                                       \
    X(ring_enter, EAGAIN)                                                                          \
    X(ring_broken, EBADF)

enum inject_call {
#define X(name, error) INJECT_##name,
    INJECT_TABLE(X)
#undef X
        INJECT_CALLS
};

struct inject {
    _Atomic uint32_t armed;
    _Atomic uint32_t call; /* INJECT_CALLS: only count */
    _Atomic uint32_t at, more;
    _Atomic uint32_t injected; /* faults so far */
    _Atomic uint32_t calls[INJECT_CALLS];
};

/* Of this process: for a program that is linked with the wraps itself. */
struct inject *inject_own(void);
