/* SPDX-License-Identifier: MIT */
/*
 * The questions of a server to its workers (engine/control.h): so many are under way at once, the
 * others wait in the order in which they came, whichever acceptor they are of.
 *
 * A question is made by an acceptor and belongs to this list while it waits, to the hub while it is
 * under way, and to its acceptor's mailbox from `done` on. Whoever takes it out of there gives its
 * place to the next one (questions_next).
 *
 * Any thread; one lock, held for a few pointers. Knows no connection: that is question.h.
 */
#pragma once

#include <pthread.h>

#include "engine/base/list.h"
#include "engine/control.h"
#include "engine/hub.h"

struct questions {
    pthread_mutex_t lock;
    struct link waiting;
    unsigned waiting_count;
    unsigned under_way;
};

/* Embedded in what asks. */
struct asked {
    struct link link; /* questions->waiting */
    struct control *control;
    /* It could not be asked: control->result says why. Of one that has waited alone. */
    void (*failed)(struct asked *asked);
};

void questions_init(struct questions *questions);
/* None waits any more. */
void questions_deinit(struct questions *questions);

/* Asks it, or lets it wait. 0; -EBUSY: as many wait as may; -ESHUTDOWN: the hub is closed. */
MUST_USE int questions_ask(struct questions *questions, struct hub *hub, struct asked *asked);
/* True if it waited, and is the caller's again; else it is on its way. */
MUST_USE bool questions_give_up(struct questions *questions, struct asked *asked);
/* One that was under way is over: its place is the next one's. */
void questions_next(struct questions *questions, struct hub *hub);
