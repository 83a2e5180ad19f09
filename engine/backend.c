/* SPDX-License-Identifier: MIT */
/* See backend.h. */
#include "engine/backend.h"

#include <errno.h>
#include <stdio.h>

#include "engine/io/io_epoll.h"
#include "engine/io/io_uring.h"
#include "engine/io/probe.h"

const char *backend_error(int r)
{
    switch (r) {
    case -EOPNOTSUPP:
        return "this kernel keeps removed sockets open";
    case -EINVAL:
        return "needs Linux 6.1";
    default:
        return strerror(-r);
    }
}

/* The best variant that the kernel keeps the contract with. One that is forbidden is no reason to
 * try another: whoever forbids a part of io_uring is taken to mean all of it. */
static int choose_ring(bool compat, struct backend *ret_backend)
{
    int r = compat ? -EOPNOTSUPP : probe_io(io_uring_open);
    if (r == 0) {
        *ret_backend = (struct backend){.open = io_uring_open, .name = "io_uring"};
        return 0;
    }
    if (r != -EOPNOTSUPP)
        return r;
    *ret_backend = (struct backend){.open = io_uring_compat_open, .takes_descriptors = true};
    snprintf(ret_backend->name, sizeof(ret_backend->name), "io_uring (compat: %s)",
             compat ? "asked for" : "this kernel keeps registered sockets open");
    return probe_io(io_uring_compat_open);
}

bool backend_fall_back(struct backend *backend, int r)
{
    if (backend->open == io_epoll_open)
        return false;
    *backend = (struct backend){.open = io_epoll_open, .takes_descriptors = true};
    snprintf(backend->name, sizeof(backend->name), "epoll (io_uring: %s)", backend_error(r));
    return true;
}

int backend_choose(enum io_choice choice, struct backend *ret_backend)
{
    *ret_backend = (struct backend){0};
    if (choice == IO_EPOLL) {
        *ret_backend =
            (struct backend){.open = io_epoll_open, .takes_descriptors = true, .name = "epoll"};
        return 0;
    }
    int r = choose_ring(choice == IO_URING_COMPAT, ret_backend);
    if (r < 0 && choice == IO_AUTO) {
        backend_fall_back(ret_backend, r);
        r = 0;
    }
    return r;
}
