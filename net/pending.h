/* SPDX-License-Identifier: MIT */
/*
 * Pending requests: those whose answer comes later, after their handler has returned WAITING.
 *
 * What a handler leaves behind embeds a struct pending: it knows how to go on when there may be
 * room, when time is up, and when an answer comes from another thread. Such an answer names the
 * request by its id, which is never given twice: if the client has gone meanwhile, or was answered
 * otherwise, the id names nothing any more, and the answer is thrown away. So whoever answers later
 * keeps an id and no pointer to anything of the acceptor's.
 *
 * States: begun (pending_begin) -> over (pending_end), once, by the acceptor's own thread. A struct
 * pending belongs to it; a pending_answer to whoever made it, from its post on to the acceptor.
 */
#pragma once

#include <stdint.h>

#include "engine/base/mailbox.h"
#include "engine/base/map.h"
#include "net/connection.h"
#include "net/handler.h"

struct pending;
struct pending_answer;

/* Each but `free` answers the client or returns WAITING. */
struct pending_operations {
    /* There may be room. Only of one that is in the queue of waiters. */
    enum handler_result (*retry)(struct client *client, struct pending *pending);
    /* It has waited long enough, and answers now. */
    enum handler_result (*expire)(struct client *client, struct pending *pending);
    /* Its answer has come. Only of one whose id was given away. WAITING: for something else, which
     * is client->pending now. */
    enum handler_result (*answer)(struct client *client, struct pending *pending,
                                  const struct pending_answer *answer);
    /* It is over, whatever came of it. */
    void (*free)(struct client *client, struct pending *pending);
    enum deadline_kind deadline; /* at whose end it expires */
};

struct pending {
    const struct pending_operations *operations;
    struct connection *connection;
    uint64_t id;
    size_t bytes; /* memory of it and of what it holds */
    bool acted;   /* what was asked is done, and the answer alone is late, or it is somebody else's
                     to give: at a stop it expires, and says what there is to say */
    bool keeps_input; /* the client's buffer and route stay as they are, and where */
    bool watches;     /* a peer that ends its side is gone, and so is the request */
};

/* Embedded in what an answer brings; see service_answer. */
struct pending_answer {
    struct message message; /* first */
    uint64_t id;
    void (*free)(struct pending_answer *answer);
};

struct pendings {
    struct map by_id; /* struct pending * */
    uint64_t last_id;
};

void pendings_deinit(struct pendings *pendings);

/* It gets its id. 0, or -ENOMEM. */
MUST_USE int pending_begin(struct pendings *pendings, struct pending *pending,
                           const struct pending_operations *operations,
                           struct connection *connection);
void pending_end(struct pendings *pendings, struct pending *pending);
/* NULL: it is over. */
struct pending *pending_find(const struct pendings *pendings, uint64_t id);
