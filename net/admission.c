/* SPDX-License-Identifier: MIT */
/* The checks between a request's route and its handler: see admission.h. */
#include "net/admission.h"

#include "net/admin_check.h"
#include "net/answer.h"
#include "net/authorize.h"
#include "net/hosting.h"
#include "net/note.h"
#include "net/refusal.h"
#include "net/token_check.h"

static const struct policy *policy_of(const struct client *client)
{
    return service_of(&client->connection)->limits.policy;
}

/* --- the checks ---------------------------------------------------------------------------- */

static struct verdict check_host(struct client *client)
{
    struct text host = client_text(client, client->parser.request.host);
    /* A socket file's directory decides who comes, and a proxy that uses one passes any Host on. */
    if (policy_serves(policy_of(client), host) || client->listener->is_unix)
        return (struct verdict){.admission = ADMITTED};
    return (struct verdict){.admission = REFUSED,
                            .status = 421,
                            .word = "host",
                            .sentence = "this Host is not served here; --host NAME adds one",
                            .counter = &client->connection.loop->stats.requests_refused_host};
}

/* What the host does at a path of its own may be anything, unless the method says that it changes
 * nothing. */
static bool may_change(const struct client *client)
{
    enum http_method method = client->parser.request.method;
    if (hosting_owns(client))
        return method != METHOD_GET && method != METHOD_HEAD && method != METHOD_OPTIONS;
    return client->route->kind == ROUTE_FOUND && method == METHOD_POST;
}

static struct verdict check_origin(struct client *client)
{
    struct provenance from = client_provenance(client);
    if (!may_change(client) || policy_may_publish(policy_of(client), &from))
        return (struct verdict){.admission = ADMITTED};
    bool publishes = client->route->row && client->route->row->act == ACT_PUBLISH;
    return (struct verdict){
        .admission = REFUSED,
        .status = 403,
        .word = "origin",
        .sentence =
            publishes ? "pages of this origin may not publish here; --allow-origin ORIGIN lets them"
                      : "pages of this origin may not POST here; --allow-origin ORIGIN lets them",
        .counter = &client->connection.loop->stats.publishes_refused_origin};
}

/* The application, or the host, would take a cookie for the visitor's own wish, and the browser
 * adds it whoever asks. A token in one is looked at by itself (token_check.h); a GET changes
 * nothing. */
static bool believes_cookies(const struct client *client)
{
    const struct route *route = client->route;
    bool publishes = route->kind == ROUTE_FOUND && route->row->act == ACT_PUBLISH;
    return hosting_kind(client) ? publishes || (hosting_owns(client) && may_change(client))
                                : publishes && service_of(&client->connection)->server->authorizes;
}

static struct verdict check_cookie(struct client *client)
{
    struct provenance from = client_provenance(client);
    if (client->parser.request.cookie_lines == 0 || !believes_cookies(client) ||
        policy_may_use_cookies(policy_of(client), &from))
        return (struct verdict){.admission = ADMITTED};
    return (struct verdict){.admission = REFUSED,
                            .status = 403,
                            .word = "cookie",
                            .sentence = "pages of this origin may not publish with a visitor's "
                                        "cookie; --allow-origin ORIGIN with --allow-credentials "
                                        "lets them",
                            .counter = &client->connection.loop->stats.requests_refused_cookie};
}

/* In this order; NULL: no more. */
static struct verdict (*const checks[])(struct client *client) = {
    check_host,  check_origin,    check_cookie,
    token_check, authorize_check, /* last: the application is asked about what all others let in */
    NULL,
};
static struct verdict (*const admin_checks[])(struct client *client) = {admin_check, NULL};

/* --- asking them --------------------------------------------------------------------------- */

/* What is left of the request is not read. */
static void answer(struct client *client, const struct verdict *verdict)
{
    if (verdict->counter)
        net_count(verdict->counter);
    client->close_after |= client->parser.request.has_body && !client->request_done;
    client->request_done = true;
    note_refused(client, verdict->word);
    if (verdict->reason)
        refusal_answer(client,
                       &(struct refusal){verdict->status, verdict->reason, verdict->sentence});
    else
        answer_challenge(client, verdict->status, verdict->sentence, verdict->challenge);
}

enum admission admission_ask(struct client *client)
{
    bool is_admin = client->listener->kind == LISTENER_ADMIN;
    struct verdict (*check)(struct client * client);
    while ((check = (is_admin ? admin_checks : checks)[client->checks_done])) {
        struct verdict verdict = check(client);
        if (verdict.admission == REFUSED)
            answer(client, &verdict);
        if (verdict.admission != ADMITTED)
            return verdict.admission;
        client->checks_done++;
    }
    return ADMITTED;
}

/* --- what stands in the body ---------------------------------------------------------------- */

#define UNASKED_CHANNEL "the application was not asked about this channel: name it in the URL"
#define UNASKED_ALL     "the application was not asked about a publish to all: say all=1 in the URL"

/* The application saw the target alone. */
static struct verdict unasked(const struct client *client, const char *sentence)
{
    return (struct verdict){.admission = REFUSED,
                            .status = 403,
                            .word = "application",
                            .sentence = sentence,
                            .counter = &client->connection.loop->stats.requests_refused_authorize};
}

static bool let_in(struct client *client, const struct verdict *verdict)
{
    if (verdict->admission == REFUSED)
        answer(client, verdict);
    return verdict->admission == ADMITTED;
}

bool admission_lets_publish(struct client *client, struct frame *const *frames, unsigned count)
{
    struct verdict verdict = token_check_frames(client, frames, count);
    for (unsigned i = 0; i < count && verdict.admission == ADMITTED; i++)
        if (frames[i]->flags & FRAME_ALL ? !authorize_covers_all(client)
                                         : !authorize_covers(client, frame_channel(frames[i])))
            verdict = unasked(client, frames[i]->flags & FRAME_ALL ? UNASKED_ALL : UNASKED_CHANNEL);
    return let_in(client, &verdict);
}

bool admission_lets_read(struct client *client, const struct text *channels, unsigned count)
{
    struct verdict verdict = token_check_channels(client, channels, count);
    for (unsigned i = 0; i < count && verdict.admission == ADMITTED; i++)
        if (!authorize_covers(client, channels[i]))
            verdict = unasked(client, UNASKED_CHANNEL);
    return let_in(client, &verdict);
}
