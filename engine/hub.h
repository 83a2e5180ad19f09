/* SPDX-License-Identifier: MIT */
/*
 * The hub: the set of workers and the one sequence. This is the engine's whole face to `net`.
 *
 * Life: hub_new -> hub_start (workers run) -> hub_publish, hub_subscribe from any thread ->
 * hub_close (no event is claimed after it) -> hub_stop (workers deliver what is claimed, say
 * goodbye and end) -> hub_free. hub_new, hub_start, hub_stop and hub_free belong to one thread.
 *
 * Every call of any thread may be under way while hub_stop runs, and may follow it, until
 * hub_free. Why that is enough, call by call:
 *   hub_publish, hub_close_channel, hub_kick  touch the sequence word, the flow, the ledger
 *     and each worker's inbox and wake: all of them live until hub_free. Closed, the word gives no
 *     number any more; who has claimed one before stores its events, and workers wait for those up
 *     to drain_timeout_ms. What is stored after that is freed with the inbox. A wake that comes
 *     late finds its eventfd open (engine/io/io.h).
 *   hub_subscribe, hub_control, hub_census, hub_change  post to workers, and what they post has to
 *     be taken: they go through a gate (engine/base/gate.h), which hub_stop shuts before it orders
 *     the drain; behind that order nothing is posted.
 *   hub_stats, hub_groups, hub_waiter_...  read or link what lives until hub_free.
 *
 * The library never logs, exits, reads the environment or touches signals.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"
#include "engine/census.h"
#include "engine/control.h"
#include "engine/frame.h"
#include "engine/handoff.h"
#include "engine/options.h"
#include "engine/stats.h"
#include "engine/waiter.h"

/* Sensible values for all of them: `workers` is one per core that this process may use, and
 * `memory_max` half of the memory (engine/base/machine.h). */
void hub_options_default(struct hub_options *options);

struct hub;

/* 0, or a negative errno. */
MUST_USE int hub_new(const struct hub_options *options, struct hub **ret_hub);
/* Starts the workers. 0, or a negative errno (with IO_URING forced: what the kernel said). */
MUST_USE int hub_start(struct hub *hub);
/* Why hub_start failed, or why io_uring was not taken: strerror, in better words where there are
 * any. Static text. */
const char *hub_start_error(int r);
/* Which backend runs, and why: "io_uring", "io_uring (compat: asked for)", or "epoll (io_uring:
 * Operation not permitted)". Valid after hub_start; owned by the hub. */
const char *hub_io_name(const struct hub *hub);
/* Whether each subscriber takes a descriptor of this process: on all backends but the one that
 * registers sockets with its ring. Valid after hub_start. */
bool hub_takes_descriptors(const struct hub *hub);
/* The most subscribers a worker takes, after the machine's limits. */
uint32_t hub_worker_capacity(const struct hub *hub);
unsigned hub_workers(const struct hub *hub);
/* Changes what can change while it runs: history limits, heartbeat, retry, timeouts, hold_max, the
 * slow_ options and drain_timeout; the others stay as they were made. Any thread. On an error
 * nothing has changed. */
MUST_USE int hub_reload(struct hub *hub, const struct hub_options *options);
/* The same in two steps, for who has more to change at once: all that can fail, and what cannot.
 * hub_change and hub_forget free the change; hub_forget takes NULL. */
struct hub_change;
MUST_USE int hub_prepare(struct hub *hub, const struct hub_options *options,
                         struct hub_change **ret_change);
void hub_change(struct hub *hub, struct hub_change *change);
void hub_forget(struct hub_change *change);
/* The last number claimed is final from here on; waiters are woken. Any thread, any number of
 * times. */
void hub_close(struct hub *hub);
/* Delivers what was claimed, ends every response, joins the workers; at most drain_timeout_ms. */
void hub_stop(struct hub *hub);
/* The same, and at most so long: for who has spent some of it already. */
void hub_stop_within(struct hub *hub, uint32_t most_ms);
/* Of a hub that is stopped or was never started; no other call is under way. Takes NULL; returns
 * NULL. */
struct hub *hub_free(struct hub *hub);

/* --- publishing: any thread ---------------------------------------------------------------- */

/* Builds the frame of an event: 0, a positive enum frame_fault, or -ENOMEM. */
MUST_USE int hub_frame(struct hub *hub, const struct event *event, struct frame **ret_frame);

/* Whether a publish that begins with this event would find room now, as far as this event and so
 * many numbers go: a refusal before a frame is built costs some tens of ns. Counted as hub_publish
 * counts HUB_BUSY; true of a closed hub, too. The event's hash is known then. */
MUST_USE bool hub_admits(struct hub *hub, struct event *event, unsigned count);

enum {
    HUB_BUSY = 1,
    HUB_FULL = 2,
    HUB_NO_MEMORY = 3,
    HUB_ENDED = 4,
    HUB_TWICE = 5,
    HUB_KNOWN = 6,
};

/* Likewise of one for a single subscriber (CONTROL_SEND of control.h): it has no id, whatever `id`
 * is, nor `channel`, `key` or `ends`. */
MUST_USE int hub_private_frame(const struct event *event, struct frame **ret_frame);

/*
 * Publishes 1 to PUBLISH_EVENTS_MAX frames whole or not at all, in this order, one after the other
 * in the sequence; on 0 their references belong to the hub and *ret_first is the first one's
 * sequence. HUB_KNOWN is the same, but for those frames whose key was used in their channel before:
 * they are still the caller's, and hub_known_id says what was published; the others in `frames` are
 * NULL then, and have the numbers from *ret_first on.
 *
 * HUB_BUSY: no room now (the channel's share, an inbox, or memory_max). HUB_ENDED: the
 * channel of a frame has ended, of the *ret_first-th first; HUB_TWICE: that has the key of one
 * before it. -ESHUTDOWN: closed. -ENOMEM: for an
 * end or a key. All of them leave the frames with the caller, unstamped, to be tried
 * again or dropped. Never waits for room.
 */
MUST_USE int hub_publish(struct hub *hub, struct frame **frames, unsigned count,
                         uint64_t *ret_first);
/* The id of the event that was published with this frame's key: its length. */
size_t hub_known_id(struct hub *hub, const struct frame *frame, char out[EVENT_ID_BYTES_MAX]);

/* --- an operator's commands: any thread ------------------------------------------------------ */

/* They have a place in the one order, which is theirs when these return. 0; HUB_BUSY: an inbox is
 * full; -ESHUTDOWN, -ENOMEM: nothing has happened. */

/* What was published to the channel before is delivered; then who listens to it alone is ended, who
 * has other channels keeps those, and its history is gone. The name is free at once, of one that
 * had ended too. There need not be such a channel. `name` is checked by frame_check_channel. */
MUST_USE int hub_close_channel(struct hub *hub, struct text name);
/* Whoever has asked for a stream before is ended in order, with what it lacks and a `retry:` of its
 * own; whoever asks after it is not. */
MUST_USE int hub_kick(struct hub *hub);
/* The same at once: what they lack is not sent. */
MUST_USE int hub_cut(struct hub *hub);

/*
 * A thread that found HUB_BUSY registers its eventfd, arms, tries once more and only then waits:
 * the hub adds 1 to the eventfd as soon as there may be room again, or when it is closed, and
 * disarms. `eventfd` is borrowed until hub_waiter_remove; with HUB_WAITER_SLEEPS in its place the
 * thread waits in hub_waiter_sleep.
 */
void hub_waiter_add(struct hub *hub, struct hub_waiter *waiter, int eventfd);
void hub_waiter_arm(struct hub *hub, struct hub_waiter *waiter);
/* From its return on the eventfd is not added to any more, until it is armed again. */
void hub_waiter_disarm(struct hub *hub, struct hub_waiter *waiter);
/* Until it is disarmed by the hub (true), or it is `until_ns` of clock_ns (false; INT64_MAX: for
 * ever). Not a place where a thread is cancelled. */
bool hub_waiter_sleep(struct hub *hub, struct hub_waiter *waiter, int64_t until_ns);
void hub_waiter_remove(struct hub *hub, struct hub_waiter *waiter);

/* --- subscribing: any thread --------------------------------------------------------------- */

/* The next sequence that will be claimed: the B of a subscribe request. */
uint64_t hub_next_sequence(const struct hub *hub);
/* How places in the sequence are told. */
struct ids *hub_ids(struct hub *hub);

/*
 * Hands a socket to a worker, which answers with the response head and owns it from then on. 0: the
 * fd and the references to `first` are consumed, and *ret_subscriber (may be NULL) is its id; 0:
 * subscribers have none. HUB_FULL: no worker has room; HUB_NO_MEMORY: memory_max is reached;
 * -E2BIG: `first` is longer than FIRST_BYTES_MAX; -ESHUTDOWN, -ENOMEM: all of that stays with the
 * caller.
 */
MUST_USE int hub_subscribe(struct hub *hub, const struct subscribe_request *request,
                           uint64_t *ret_subscriber);
/* Whether it may be the id of one who was handed over; who has gone has one, too. */
bool hub_gave_id(const struct hub *hub, uint64_t subscriber);

/* --- memory: any thread -------------------------------------------------------------------- */

/* What the caller holds for connections counts against memory_max too: more (or less) of it. */
void hub_count_memory(struct hub *hub, int64_t bytes);
/* Whether they may hold so much more: large requests leave some of their share to small ones. */
bool hub_connections_may_hold(const struct hub *hub, uint64_t more, bool large);
/* Of everything else: events, channels and subscribers. */
bool hub_memory_is_full(const struct hub *hub);

/* --- without threads ------------------------------------------------------------------------ */

struct io;
struct worker;

/*
 * For simulations, unit tests and benches alone: instead of hub_start, with an io backend for each
 * worker that `open` supplies, and no thread; the caller makes the workers turn (worker_turn) in
 * whatever order it wants. Everything else is the same code as in a hub with threads. 0 or the
 * negative errno of `open`.
 *
 * Leaving: hub_close, worker_drain on each worker, worker_turn until worker->stopped, the backends'
 * close, then hub_stop and hub_free.
 */
MUST_USE int hub_start_threadless(struct hub *hub,
                                  int (*open)(void *context, unsigned index, struct io **ret_io),
                                  void *context);
struct worker *hub_worker(struct hub *hub, unsigned index);

/* --- looking ------------------------------------------------------------------------------- */

/*
 * Asks the workers: control.h. 0: it will be done, at a drain as well. -EBUSY: as many as may be
 * are under way; -ESHUTDOWN: the hub is closed. Both leave it with the caller. Any thread, but not
 * from within `done`.
 */
MUST_USE int hub_control(struct hub *hub, struct control *control);

/* Asks the workers: census.h. 0: it will be done, at a drain as well; -ESHUTDOWN: the hub is
 * closed, and it stays with the caller. Any thread. */
MUST_USE int hub_census(struct hub *hub, struct census *census);

/* Sums all counters: any thread; each number is exact, the set is not one instant. */
void hub_stats(struct hub *hub, struct stats *ret_stats);
/* How many subscribers there are, with those on their way to a worker. Any thread. */
uint64_t hub_subscribers(const struct hub *hub);
/* How many there are of each group. Any thread. */
void hub_groups(const struct hub *hub, uint64_t ret_subscribers[SUBSCRIBER_GROUPS_MAX]);
