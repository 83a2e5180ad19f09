/* SPDX-License-Identifier: MIT */
/*
 * What a server holds of the machine, to be compared before and after: descriptors, memory, and the
 * kernel's sockets, those too that no process has a descriptor of.
 *
 * The kernel counts sockets by network namespace (`used`, `inuse`) and for the whole machine
 * (`alloc`). In a namespace of its own, where that is permitted, a test sees its own sockets and no
 * others, exactly; else whoever else is on the machine is in the counts. One thread.
 */
#pragma once

#include <stdbool.h>

#include "tests/e2e/server.h"

/* As the kernel numbers them in /proc/net/tcp; there are 12. */
enum { TCP_STATE_TIME_WAIT = 6, TCP_STATE_CLOSE_WAIT = 8, TCP_STATE_LISTEN = 10, TCP_STATES = 13 };

struct balance {
    unsigned descriptors;
    long resident_bytes;
    long long memory_bytes;
    unsigned states[TCP_STATES]; /* sockets at the server's port by their state */
    long used;                   /* sockets of every kind, TIME_WAIT not among them */
    long inuse;                  /* TCP sockets that can be found by an address */
    long alloc;                  /* TCP sockets that exist, on the machine */
    long time_wait;
};

/* Gives this process a network of its own; the servers that it starts are in it, too. False: that
 * is not permitted, and all is as before. Before any thread and any socket. */
bool balance_isolate(void);

/* Waits until the server has let go of every connection: no subscriber, no channel, and at its port
 * only sockets that listen. Ends the test with what is left if that does not come. */
void balance_settle(const struct server *server);
/* What it holds now; of a settled server, while this process has no connection to it. */
void balance_take(const struct server *server, struct balance *ret_balance);
/* Waits until the counts are those of `before`, then expects it of each. `slack`: so many sockets
 * may others have opened; `resident_more`: so much larger may it be. */
void balance_expect(const struct server *server, const struct balance *before, long slack,
                    long resident_more, struct balance *ret_after);
