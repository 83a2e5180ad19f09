/* SPDX-License-Identifier: MIT */
/*
 * The host: the program that the server runs in. Its hook is called for a request once all of that
 * is here, may look at it, and may answer it itself: at once, or later and on any thread.
 *
 * States of a request: OPEN (nobody has said what becomes of it) -> CLAIMED (the host has, and it
 * is on its way to the acceptor) -> OVER; or OPEN -> OVER, where it is past its time, the client
 * has gone or the server stops. Whoever moves it from OPEN, by compare-and-swap, has decided, so a
 * late answer finds out at once that it is late.
 *
 * Ownership: a reference is the host's until it answers, one the acceptor's until the client goes
 * on without it; a message on its way has the host's. What it says lies in the client's buffer and
 * route, which stay where they are while the client waits, and are given to the request where the
 * client does not wait any longer (hosting.c): so no text moves before the answer.
 *
 * An answer that is given inside the hook of its own request is carried out there. One from
 * elsewhere goes through the acceptor's mailbox, by the id of the pending request. To accept tells
 * what came of it, and waits for that: an acceptor's thread, which is in some hook, may not.
 *
 * host_ functions: the thread that has the request, which is any. The acceptor's part is hosting.c.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "net/adopt.h"
#include "net/http/request.h"
#include "net/http/route.h"
#include "net/pending.h"

struct client;
struct host_request;
struct service;

enum host_kind {
    HOST_SUBSCRIBE = 1,
    HOST_PUBLISH = 2,
    HOST_OTHER = 3, /* of a path that no route has */
};

/* What a server is told of its host: immutable, outlives it. */
struct host_hook {
    /* An acceptor's thread. 0: go on as if there were no host. 1: it has been answered, or will. */
    int (*request)(void *context, struct host_request *request);
    /* Likewise, of one that it has taken and not answered: it has ended without. Not given: the
     * host finds out when it answers. */
    void (*over)(void *context, struct host_request *request);
    void *context;
    size_t room; /* bytes of the host's own in each request, zero at first */
};

/* Borrowed for the call. */
struct host_reply {
    int status;               /* 200 to 599 */
    const char *content_type; /* NULL: none */
    struct text body;
    struct text fields; /* whole lines: head_line_check_reply */
};

enum host_verb { HOST_REPLY, HOST_ACCEPT, HOST_PASS, HOST_FAIL };

struct host_answer {
    enum host_verb verb;
    struct host_reply reply;
    const struct adoption *terms; /* of HOST_ACCEPT; NULL: as the client asked */
};

/* One that was asked for: host_text.h. */
struct host_text {
    struct host_text *next;
    const char *item; /* its name, behind the text */
    size_t len;
    char bytes[];
};

enum host_state { HOST_OPEN, HOST_CLAIMED, HOST_OVER };

struct host_request {
    struct pending pending;       /* first; the acceptor's */
    struct pending_answer posted; /* once it is claimed */
    _Atomic unsigned references;
    _Atomic uint32_t state; /* enum host_state; a futex. OVER is a release of what came of it */
    const struct host_hook *hook;
    struct service *service; /* outlives every request that is OPEN */
    enum host_kind kind;
    /* The request, as it was complete. */
    const char *input;
    struct http_request head;
    const struct route *route;
    uint64_t before; /* hub_next_sequence then */
    char peer[ADDRESS_TEXT_ROOM];
    struct host_text *texts; /* that were asked for (host_text.h); of whoever has it */
    /* The acceptor's. */
    struct client *client; /* NULL: it goes on without */
    bool decided;          /* in the hook itself */
    enum handler_result decision;
    bool is_held; /* counted */
    char *kept_input;
    struct route *kept_route;
    /* What the host says, from CLAIMED on. */
    struct host_answer said;
    struct host_answer *copy; /* what the texts of a reply lie in; NULL: of no reply */
    /* What came of it, at OVER. */
    int result;
    uint64_t subscriber;
    max_align_t room[]; /* the host's */
};

struct host_request *host_request_ref(struct host_request *request);
void host_request_unref(struct host_request *request);
/* Moves it from this state to OVER, with what came of it. False: it was in another one. */
MUST_USE bool host_request_end(struct host_request *request, enum host_state from, int result,
                               uint64_t subscriber);
/* The acceptor's thread, around the hook: whose it is. `act` carries an answer out. */
MUST_USE int host_call(struct host_request *request,
                       void (*act)(struct host_request *request, const struct host_answer *answer));
/* Whether this thread is in a hook. */
bool host_is_calling(void);

/* --- what it says -------------------------------------------------------------------------- */

static inline void *host_context(const struct host_request *request)
{
    return request->hook->context;
}

/* --- what becomes of it -------------------------------------------------------------------- */

/*
 * Each of them is the end of it, whatever it returns. -EPIPE: the client has gone; -ETIMEDOUT: it
 * had its 503; -ESHUTDOWN: it had it because the server stops; -EINVAL: it has been answered in
 * this hook already. Of host_accept also what adopt_socket says, and the client has had its answer.
 */

/* -EINVAL: what is given is no answer, -E2BIG: its body is too long, -EBADMSG: its fields are none,
 * and the client has had a 500; -ENOMEM: a 503. */
int host_reply(struct host_request *request, const struct host_reply *reply);
/* A HEAD was let in: it has its answer, and there is no stream. */
enum { HOST_HEAD = 100 };
/* `terms` NULL: as the client asked; members that are 0 are the client's. Of kind HOST_PUBLISH
 * -EINVAL, and 500. In the hook of another request it may not be called, for it waits. */
bool host_may_accept(const struct host_request *request);
int host_accept(struct host_request *request, const struct adoption *terms,
                uint64_t *ret_subscriber);
int host_pass(struct host_request *request);
/* There is no answer: 503, or 500 for what was one and cannot be used. */
int host_fail(struct host_request *request, int status);
