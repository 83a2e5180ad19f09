/* SPDX-License-Identifier: MIT */
/*
 * Deliberate faults, to show that the tests see them (tests/sim/mutants): each is one condition
 * `MUTATION(name)` at the place where the mistake would be made.
 *
 * Without the build option `mutations` it is the constant 0 and leaves nothing behind. With it one
 * fault at most is switched on, by the environment variable FANFARE_MUTATION before main begins:
 * mutation.c, which is part of no other build.
 */
#pragma once

#ifdef FANFARE_MUTATIONS

#define MUTATIONS(X)                                                                               \
    X(age_ignored)         /* what is older than its rule allows stays */                          \
    X(all_for_known)       /* only channels with events of their own have those to all */          \
    X(all_twice)           /* who has several channels gets an event to all twice */               \
    X(all_unswept)         /* events to all are done with before all are swept for them */         \
    X(all_untold)          /* lost events to all are passed over in silence */                     \
    X(arena_reused)        /* a run is built over one that a queued send still points to */        \
    X(close_drops)         /* a channel's history goes at its close, whoever lacks it */           \
    X(close_ends_on)       /* a channel that had ended has still, after its close */               \
    X(close_keeps_seat)    /* who has other channels counts in one that was closed */              \
    X(close_untold)        /* a closed channel leaves no trace of what it had */                   \
    X(cursor_too_far)      /* a sweep leaves the cursor one sequence behind what was sent */       \
    X(drain_too_early)     /* goodbyes before everything claimed is taken */                       \
    X(drop_forgotten)      /* a dropped channel leaves no trace of what it evicted */              \
    X(end_looked_once)     /* a publisher looks for an end, and not again when it came too late */ \
    X(end_overtakes)       /* readers are ended before they have what came before the end */       \
    X(end_unawaited)       /* a name is free again although a reader lacks its end */              \
    X(end_unseen)          /* a publisher does not look whether its channel has ended */           \
    X(evict_past_reader)   /* history goes although a reader that is not slow needs it */          \
    X(event_unkept)        /* an event that there is no memory for is passed over */               \
    X(explained_wrongly)   /* what a subscriber lacks is said to be sent */                        \
    X(expired_served)      /* whose token has ended gets all that it lacks first */                \
    X(expired_stays)       /* and who does not read even that is never closed */                   \
    X(first_forgotten)     /* what a stream is to begin with is left out */                        \
    X(flow_kept)           /* bytes in flight are not given back when a frame is evicted */        \
    X(gap_untold)          /* what was lost is passed over in silence */                           \
    X(head_twice)          /* a response whose head is written has another one */                  \
    X(hold_for_ever)       /* a crowd of slow readers may stop a channel without end */            \
    X(id_unordered)        /* who joins later than others with higher ids is listed behind them */ \
    X(join_too_early)      /* before everything published before the request is taken */           \
    X(key_forgotten)       /* an event is published again under its key */                         \
    X(kick_forgets)        /* who asked before a kick and joins after it stays */                  \
    X(kick_spares_none)    /* who comes while a kick is under way is ended with the others */      \
    X(limit_counts_unsent) /* events of a short send count against `limit` */                      \
    X(missed_off_by_one)   /* the event resumed from counts as missed */                           \
    X(offset_forgotten)    /* a begun frame is begun anew after a second short send */             \
    X(park_blindly)        /* a worker sleeps without a last look: a lost wake-up */               \
    X(poll_forgets)        /* a long poll does not see what is retained for it */                  \
    X(poll_goes_on)        /* nor end with the first events that come */                           \
    X(once_keeps)          /* a channel of one event has it for who comes later */                 \
    X(presence_forgets)    /* what found no room is not told again */                              \
    X(private_overtakes)   /* an event for one comes before what was published before it */        \
    X(private_twice)       /* it is sent again after a short send, or with the next one */         \
    X(record_missed)       /* a list of channels passes over some */                               \
    X(rule_kept)           /* channels that exist keep the rules of before a reload */             \
    X(seat_kept)           /* who has ended keeps its seat */                                      \
    X(seat_untaken)        /* nobody is told of who has joined */                                  \
    X(send_to_blocked)     /* a sweep does not pass over blocked subscribers */                    \
    X(send_without_waitall) /* io_uring takes a short send for a whole one */                      \
    X(sieve_forgets)        /* who looks without the lock is not told of ends */                   \
    X(since_forgotten)      /* a stream begins at its request, and not where it is owed */         \
    X(since_untold)         /* what is gone of that is passed over in silence */                   \
    X(stuck_late)           /* who takes nothing is looked at when its window ends */              \
    X(stuck_untold)         /* and what it lacks is passed over in silence */                      \
    X(stuck_untried)        /* or is stuck although its socket takes bytes */                      \
    X(two_sends_in_flush)   /* a channel's next sweep begins before its last one is settled */     \
    X(waiters_asleep)       /* publishers are not woken when there is room again */                \
    X(walked_again)         /* a record that is met twice is listed twice */                       \
    X(wish_too_early)       /* it is answered although its stream is about to begin */             \
    X(writable_unawaited)   /* nobody asks when a full socket takes bytes again */

enum mutation {
    MUTATION_NONE,
#define X(name) MUTATION_##name,
    MUTATIONS(X)
#undef X
};

/* Constant from main on. */
extern enum mutation mutation_on;

#define MUTATION_BUILD 1
#define MUTATION(name) (mutation_on == MUTATION_##name)

#else

#define MUTATION_BUILD 0
#define MUTATION(name) 0

#endif
