/* SPDX-License-Identifier: MIT */
/*
 * An HTTP client: its connection, the request that it sends and what it holds of its input.
 *
 * Input: a read goes to the loop's own buffer and is parsed there, so most requests are served
 * without a buffer of their own; only what is left when the turn ends (an unfinished or a pipelined
 * request) is moved to one, which is freed as soon as it is empty. The route that was matched for a
 * request lies in the service's scratch room likewise and is copied only if the request is still
 * unfinished when the turn ends. An idle client holds only this struct.
 *
 * An own buffer grows with its request, up to the largest body that is allowed. While memory_max is
 * reached only a small one (INPUT_BYTES_SMALL) may: HUB_NO_MEMORY is for the client to be told.
 * Requests that came behind the current one are kept in any case, for they cannot be answered yet;
 * they are one read's worth at most.
 *
 * Belongs to the acceptor's thread. Parses and answers nothing: that is exchange.c, and what it
 * calls.
 */
#pragma once

#include "net/access/address.h"
#include "net/access/grant.h"
#include "net/access/policy.h"
#include "net/handler.h"
#include "net/hook/hook_answer.h"
#include "net/http/parser.h"
#include "net/http/route.h"
#include "net/service.h"

/* What is known of what the application says (authorize.h) of the current request. */
enum authorization {
    AUTHORIZATION_NONE, /* not asked */
    AUTHORIZATION_ASKED,
    AUTHORIZATION_ANSWERED, /* client->hook_answer */
    AUTHORIZATION_TIMEOUT,
    AUTHORIZATION_FAILED,   /* it cannot be reached, or does not speak HTTP */
    AUTHORIZATION_UNUSABLE, /* what it said is no answer */
    AUTHORIZATION_FULL,     /* as many wait for it as may */
    AUTHORIZATION_NO_MEMORY,
};

#define CLIENT_STOPPING  "the server is stopping"
#define CLIENT_NO_MEMORY "the server has reached its memory limit, try again"

/* What the host says of a stream that it lets in (hosting.h), and what came of that. */
struct adoption;
struct client_terms {
    const struct adoption *adoption; /* its members that are 0 are the client's; NULL: all are */
    int result;
    uint64_t subscriber;
};

struct client {
    struct connection connection;    /* first: see struct source */
    const struct listener *listener; /* it came over */
    struct http_parser parser;
    struct address peer; /* peer.h */
    bool peer_known;
    bool forwarding_broken; /* of the current request, and it was counted */
    bool announced;         /* the PROXY header in front was read, or none is wanted */
    bool head_done;         /* the head of the current request was seen */
    bool complete;       /* all of the request was read, and it waits for a round to be acted on */
    bool request_done;   /* all of it was read, or the rest of it does not matter */
    bool answering;      /* its answer is not taken yet */
    bool close_after;    /* which is the last one */
    bool late;           /* came beyond connections_max */
    bool json_errors;    /* errors of the current request are JSON */
    bool own_input;      /* `input` is ours; else it is the loop's, for this turn */
    bool own_route;      /* likewise, the service's */
    uint8_t checks_done; /* of admission.c, that have let the request in */
    enum authorization authorization;
    const char *refused_for; /* its next answer is a refusal: note.h; NULL: it is none */
    char *input;             /* [0, at) is parsed, [at, len) is not; NULL: no input */
    size_t at, len, capacity;
    const struct route *route;       /* of the current request, once its head is done; NULL: none */
    struct pending *pending;         /* will answer it; NULL: nothing is waited for */
    struct hook_answer *hook_answer; /* the application's, a reference; NULL: none */
    struct client_terms *terms;      /* NULL: as the client asks */
    uint64_t before;                 /* hub_next_sequence when it was complete; 0: it is now */
    struct grant *grant;             /* of its token; NULL: none is needed, or none came */
};

/* The head's field, whose text lies in the input: for the length of the turn. */
static inline struct text client_text(const struct client *client, struct http_span span)
{
    return http_text(client->input, span);
}

/* Where the page is from that made the request, if it was one, and whom it asked. */
static inline struct provenance client_provenance(const struct client *client)
{
    const struct http_request *request = &client->parser.request;
    return (struct provenance){.host = client_text(client, request->host),
                               .origin = client_text(client, request->origin),
                               .fetch_site = client_text(client, request->fetch_site)};
}

/* Bytes that it holds, for memory_max. */
size_t client_memory(const struct client *client);
/* Of one that is closed. */
void client_free(struct client *client);

/* Finds the route of the request whose head is complete. */
void client_match(struct client *client);
/* Other channels than it asks for, from now on. 0, or -ENOMEM. */
MUST_USE int client_set_channels(struct client *client, const struct text *channels,
                                 unsigned count);
/* The request is over, and so is its route. */
void client_forget(struct client *client);
/* Gives up what the request was waiting for, if it was. */
void client_unwait(struct client *client);

/* --- input: each 0, HUB_NO_MEMORY or -ENOMEM ----------------------------------------------- */

/* Reads once behind what is there. */
MUST_USE int client_read(struct client *client);
/* So many more bytes are promised: whether there is room to begin with them. It takes no memory,
 * which comes as the bytes do. */
MUST_USE int client_expect(const struct client *client, size_t more);
/* At the end of a turn: what is not used up leaves the rooms that everybody shares. */
MUST_USE int client_keep(struct client *client);
void client_drop(struct client *client);

/* --- a request that others look at ---------------------------------------------------------- */

/* Its buffer and route are the client's own from here on, and where `whole` a NUL stands behind the
 * body. 0, HUB_NO_MEMORY or -ENOMEM. */
MUST_USE int client_own(struct client *client, bool whole);
/* Gives both away, which are to be given to free(), and keeps what came behind the request. NULL:
 * there is none. */
char *client_give_input(struct client *client);
struct route *client_give_route(struct client *client);
