/* SPDX-License-Identifier: MIT */
/*
 * Questions to the application: see authorize.h.
 *
 * A struct asking is the acceptor's and ends with the wait; the struct question that it has started
 * is shared with the fetcher's thread by reference, and is itself the message that brings the
 * answer. So a client that leaves frees its part at once, whatever the application does.
 */
#include "net/authorize.h"

#include <errno.h>

#include "engine/base/builder.h"
#include "net/fetch/fetcher.h"
#include "net/http/fields.h"
#include "net/peer.h"
#include "net/service.h"

struct question {
    struct fetch fetch;           /* first */
    struct pending_answer posted; /* to the acceptor */
    struct service *service;      /* which outlives the fetcher's thread */
    struct server_state *server;  /* and this the fetcher */
    struct hash_wide hash;        /* of what is asked */
    unsigned channels_max;        /* of a subscriber */
    enum authorization result;    /* and what came of it, from `posted` on */
    struct hook_answer *answer;   /* of AUTHORIZATION_ANSWERED */
    char lines[];
};

struct asking {
    struct pending pending; /* first */
    struct question *question;
    bool answered;
};

/* --- what is asked ------------------------------------------------------------------------- */

struct line {
    const char *name;
    struct text value;
};

enum { LINE_COUNT = 5 };

/* Whom the request is of; empty: a program of this machine, over a socket file. */
static struct text address_of(struct client *client, char room[ADDRESS_TEXT_ROOM])
{
    struct address address = peer_of_request(client);
    if (address.family != ADDRESS_V4 && address.family != ADDRESS_V6)
        return TEXT("");
    address_write(&address, room);
    return text_of(room);
}

/* Several lines of cookies are one list (RFC 6265, 5.4; RFC 9113, 8.2.3). False: out of memory. */
static bool join_cookies(struct client *client, struct text *ret_cookies, char **ret_room)
{
    const struct http_request *request = &client->parser.request;
    struct text fields = client_text(client, request->fields), cookie;
    size_t at = 0;
    *ret_room = NULL;
    *ret_cookies = client_text(client, request->cookie);
    if (request->cookie_lines <= 1)
        return true;
    *ret_room = malloc(fields.len);
    if (!*ret_room)
        return false;
    struct builder builder = builder_of(*ret_room, fields.len);
    while (http_fields_next(fields, "cookie", &at, &cookie)) {
        if (cookie.len && builder_text(&builder).len)
            builder_put(&builder, TEXT("; "));
        builder_put(&builder, cookie);
    }
    *ret_cookies = builder_text(&builder);
    return true;
}

/* A question with its lines, which are its name in the cache, too; NULL: out of memory. */
static struct question *question_new(struct client *client)
{
    const struct http_request *request = &client->parser.request;
    char address[ADDRESS_TEXT_ROOM], *joined;
    struct text cookies;
    if (!join_cookies(client, &cookies, &joined))
        return NULL;
    const struct line lines[LINE_COUNT] = {
        {"Cookie: ", cookies},
        {"Authorization: ", client_text(client, request->authorization)},
        {"X-Original-URI: ", client_text(client, request->target)},
        {"X-Original-Method: ", client_text(client, request->method_name)},
        {"X-Forwarded-For: ", address_of(client, address)},
    };
    size_t len = 0;
    for (unsigned i = 0; i < LINE_COUNT; i++)
        len += lines[i].value.len ? strlen(lines[i].name) + lines[i].value.len + 1 : 0;
    struct question *question = calloc(1, sizeof(*question) + len);
    if (!question) {
        free(joined);
        return NULL;
    }
    struct builder builder = builder_of(question->lines, len);
    for (unsigned i = 0; i < LINE_COUNT; i++) {
        if (!lines[i].value.len)
            continue;
        builder_put(&builder, text_of(lines[i].name));
        builder_put(&builder, lines[i].value);
        builder_put(&builder, (struct text){"", 1});
    }
    free(joined);
    question->fetch.lines = builder_text(&builder);
    question->hash = hash_text_wide(question->fetch.lines);
    return question;
}

static size_t question_bytes(const struct question *question)
{
    return sizeof(struct asking) + sizeof(*question) + question->fetch.lines.len;
}

/* --- what comes of it: the fetcher's thread ------------------------------------------------ */

static void question_free(struct fetch *fetch)
{
    struct question *question = (struct question *)fetch;
    hook_answer_unref(question->answer);
    fetch_deinit(fetch);
    free(question);
}

static void posted_free(struct pending_answer *posted)
{
    fetch_unref(&LINK_OWNER(posted, struct question, posted)->fetch);
}

static enum authorization result_of(struct question *question)
{
    const struct fetch *fetch = &question->fetch;
    struct text head = {fetch->head.at, fetch->head.len};
    switch (fetch->outcome) {
    case FETCH_ANSWERED:
        return hook_answer_read(fetch->status, head, question->channels_max, &question->answer)
                   ? AUTHORIZATION_UNUSABLE
                   : AUTHORIZATION_ANSWERED;
    case FETCH_LARGE:
        return AUTHORIZATION_UNUSABLE;
    case FETCH_TIMEOUT:
        return AUTHORIZATION_TIMEOUT;
    case FETCH_FAILED:
    case FETCH_CANCELLED:
        break;
    }
    return AUTHORIZATION_FAILED;
}

static void on_done(struct fetch *fetch)
{
    struct question *question = (struct question *)fetch;
    atomic_fetch_sub_explicit(&question->server->authorizing, 1, memory_order_relaxed);
    if (fetch->outcome == FETCH_CANCELLED)
        return;
    question->result = result_of(question);
    fetch_ref(fetch);
    service_answer(question->service, &question->posted);
}

/* --- waiting ------------------------------------------------------------------------------- */

static void settle(struct client *client, enum authorization result, struct hook_answer *answer)
{
    client->authorization = result;
    client->hook_answer = answer ? hook_answer_ref(answer) : NULL;
}

/* What is no longer said goes first. */
static void keep(struct service *service, const struct question *question)
{
    int64_t kept_ns = service->limits.options.authorize_cache_s * INT64_C(1000000000);
    size_t before = service->hook_cache.bytes;
    if (kept_ns == 0 || !question->answer || question->answer->status == 429)
        return;
    hook_cache_expire(&service->hook_cache, service->loop.now_ns - kept_ns);
    hook_cache_add(&service->hook_cache, &question->hash, question->answer, service->loop.now_ns);
    loop_count_memory(&service->loop, (int64_t)service->hook_cache.bytes - (int64_t)before);
}

static enum handler_result on_answer(struct client *client, struct pending *pending,
                                     const struct pending_answer *posted)
{
    struct asking *asking = (struct asking *)pending;
    struct question *question = LINK_OWNER(posted, struct question, posted);
    asking->answered = true;
    settle(client, question->result, question->answer);
    keep(question->service, question);
    return ADMIT;
}

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    (void)pending;
    settle(client, AUTHORIZATION_TIMEOUT, NULL);
    return ADMIT;
}

static void on_free(struct client *client, struct pending *pending)
{
    struct asking *asking = (struct asking *)pending;
    struct service *service = service_of(&client->connection);
    if (asking->answered) {
        fetch_unref(&asking->question->fetch);
    } else {
        net_count(&service->loop.stats.authorize_cancelled);
        fetcher_cancel(service->server->fetcher, &asking->question->fetch);
    }
    free(asking);
}

static const struct pending_operations pending_operations = {
    .expire = on_expire,
    .answer = on_answer,
    .free = on_free,
    .deadline = DEADLINE_AUTHORIZE,
};

/* Whether a client that ends its side of the connection has left: a subscriber has, as it has for a
 * worker; who polls, or has a body to come, may say all of it and wait for the answer. */
static bool is_gone_at_its_end(const struct client *client)
{
    const struct route *route = client->route;
    return route->row->act == ACT_SUBSCRIBE && route->limit == 0 && !route->polls &&
           !client->parser.request.has_body;
}

/* Takes the question over. */
static enum authorization ask(struct client *client, struct question *question)
{
    struct service *service = service_of(&client->connection);
    struct server_state *server = service->server;
    size_t bytes = question_bytes(question);
    if (atomic_fetch_add_explicit(&server->authorizing, 1, memory_order_relaxed) >=
        AUTHORIZE_WAITING_MAX) {
        atomic_fetch_sub_explicit(&server->authorizing, 1, memory_order_relaxed);
        free(question);
        return AUTHORIZATION_FULL;
    }
    struct asking *asking =
        hub_connections_may_hold(service->hub, bytes, false) ? calloc(1, sizeof(*asking)) : NULL;
    if (!asking || pending_begin(&service->pendings, &asking->pending, &pending_operations,
                                 &client->connection)) {
        atomic_fetch_sub_explicit(&server->authorizing, 1, memory_order_relaxed);
        free(asking);
        free(question);
        return AUTHORIZATION_NO_MEMORY;
    }
    question->fetch.place = &server->authorize_place;
    question->fetch.timeout_ms = service->limits.options.authorize_timeout_ms;
    question->channels_max = service->limits.options.subscriber_channels_max;
    question->fetch.body_bytes_max = AUTHORIZE_BODY_BYTES_MAX;
    question->fetch.done = on_done;
    question->fetch.free = question_free;
    question->posted = (struct pending_answer){.id = asking->pending.id, .free = posted_free};
    question->service = service;
    question->server = server;
    fetch_init(&question->fetch);
    asking->question = question;
    asking->pending.bytes = bytes;
    asking->pending.watches = is_gone_at_its_end(client);
    client->pending = &asking->pending;
    net_count(&service->loop.stats.authorize_asked);
    fetcher_start(server->fetcher, &question->fetch);
    return AUTHORIZATION_ASKED;
}

/* --- the check ----------------------------------------------------------------------------- */

/* Asks, unless it is known. */
static void begin(struct client *client)
{
    struct service *service = service_of(&client->connection);
    struct question *question = question_new(client);
    if (!question) {
        client->authorization = AUTHORIZATION_NO_MEMORY;
        return;
    }
    int64_t kept_ns = service->limits.options.authorize_cache_s * INT64_C(1000000000);
    struct hook_answer *known = kept_ns ? hook_cache_find(&service->hook_cache, &question->hash,
                                                          service->loop.now_ns - kept_ns)
                                        : NULL;
    if (known) {
        net_count(&service->loop.stats.authorize_cached);
        settle(client, AUTHORIZATION_ANSWERED, known);
        free(question);
        return;
    }
    client->authorization = ask(client, question);
}

/* It may be had later. */
static struct verdict put_off(const char *sentence, _Atomic uint64_t *counter)
{
    return (struct verdict){.admission = REFUSED,
                            .status = 503,
                            .sentence = sentence,
                            .counter = counter,
                            .reason = "application"};
}

static struct verdict no_memory(struct net_stats *stats)
{
    return (struct verdict){.admission = REFUSED,
                            .status = 503,
                            .sentence = CLIENT_NO_MEMORY,
                            .counter = &stats->requests_refused_memory,
                            .reason = "memory"};
}

static const char *sentence_of(int status)
{
    switch (status) {
    case 401:
        return "the application wants to know who asks";
    case 404:
        return "the application says that there is nothing at this path";
    case 429:
        return "the application says that there were too many requests, try again later";
    default:
        return "the application does not allow this";
    }
}

/* What the application said is done. */
static struct verdict follow(struct client *client)
{
    struct net_stats *stats = &client->connection.loop->stats;
    const struct hook_answer *answer = client->hook_answer;
    if (!hook_answer_allows(answer))
        return (struct verdict){.admission = REFUSED,
                                .status = answer->status,
                                .word = "application",
                                .sentence = sentence_of(answer->status),
                                .counter = &stats->requests_refused_authorize,
                                .reason = answer->status == 429 ? "application" : NULL};
    /* Who may publish to the channels that it names may not to all. */
    if (answer->channel_count > 0 && client->route->all)
        return (struct verdict){.admission = REFUSED,
                                .status = 403,
                                .sentence =
                                    "the application allows channels, and not to publish to all",
                                .counter = &stats->requests_refused_authorize};
    if (answer->channel_count > 0 &&
        client_set_channels(client, answer->channels, answer->channel_count) < 0)
        return no_memory(stats);
    net_count(&stats->authorize_allowed);
    return (struct verdict){.admission = ADMITTED};
}

struct verdict authorize_check(struct client *client)
{
    struct net_stats *stats = &client->connection.loop->stats;
    const struct route *route = client->route;
    if (!service_of(&client->connection)->server->authorizes || route->kind != ROUTE_FOUND ||
        route->row->act == ACT_LOOK)
        return (struct verdict){.admission = ADMITTED};
    if (client->authorization == AUTHORIZATION_NONE)
        begin(client);
    switch (client->authorization) {
    case AUTHORIZATION_ASKED:
        return (struct verdict){.admission = UNDECIDED};
    case AUTHORIZATION_ANSWERED:
        return follow(client);
    case AUTHORIZATION_TIMEOUT:
        return put_off("the application did not say in time whether this is allowed",
                       &stats->requests_refused_authorize_timeout);
    case AUTHORIZATION_FULL:
        return put_off("too many requests wait for the application, try again",
                       &stats->requests_refused_authorize_full);
    case AUTHORIZATION_NO_MEMORY:
        return no_memory(stats);
    case AUTHORIZATION_UNUSABLE:
        return put_off("the application's answer says neither yes nor no",
                       &stats->requests_refused_authorize_answer);
    case AUTHORIZATION_NONE:
    case AUTHORIZATION_FAILED:
        break;
    }
    return put_off("the application cannot be asked whether this is allowed",
                   &stats->requests_refused_authorize_failed);
}

bool authorize_covers(const struct client *client, struct text channel)
{
    const struct route *route = client->route;
    if (!service_of(&client->connection)->server->authorizes)
        return true;
    for (unsigned i = 0; i < route->channel_count; i++)
        if (text_equals(route->channels[i], channel))
            return true;
    return false;
}

bool authorize_covers_all(const struct client *client)
{
    return !service_of(&client->connection)->server->authorizes || client->route->all;
}
