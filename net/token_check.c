/* SPDX-License-Identifier: MIT */
/* Tokens of requests, and what they cover: see token_check.h. */
#include "net/token_check.h"

#include <time.h>

#include "engine/base/clock.h"
#include "net/access/credential.h"
#include "net/access/token_fault.h"
#include "net/http/fields.h"
#include "net/jwks.h"

#define UNCOVERED "the token does not cover all that is asked for"

/* Further away than this is never: the clock counts to 292 years. */
#define ENDS_S_MAX (INT64_C(100) * 366 * 24 * 3600)

static const struct verdict admitted = {.admission = ADMITTED};

static const struct access *access_of(const struct client *client)
{
    return service_of(&client->connection)->limits.access;
}

static struct net_stats *stats_of(const struct client *client)
{
    return &client->connection.loop->stats;
}

static struct verdict refused(int status, const char *word, const char *sentence,
                              _Atomic uint64_t *counter, const char *challenge)
{
    return (struct verdict){.admission = REFUSED,
                            .status = status,
                            .word = word,
                            .sentence = sentence,
                            .counter = counter,
                            .challenge = challenge};
}

static struct verdict uncovered(const struct client *client)
{
    return refused(403, "token-uncovered", UNCOVERED,
                   &stats_of(client)->requests_refused_token_uncovered,
                   "Bearer error=\"insufficient_scope\"");
}

/* --- a bad one ----------------------------------------------------------------------------- */

static struct verdict bad(const struct client *client, enum token_fault fault)
{
    struct net_stats *stats = stats_of(client);
    static const struct {
        const char *word;
        size_t counter; /* where it is in the statistics */
    } rows[TOKEN_FAULTS] = {
#define X(member, fault)                                                                           \
    [fault] = {"token-" #member, offsetof(struct net_stats, requests_refused_token_##member)},
        X(too_long, TOKEN_TOO_LONG) X(form, TOKEN_FORM) X(header, TOKEN_HEADER)
            X(critical, TOKEN_CRITICAL) X(algorithm, TOKEN_ALGORITHM) X(key, TOKEN_KEY)
                X(signature, TOKEN_SIGNATURE) X(claims, TOKEN_CLAIMS) X(time, TOKEN_TIME)
                    X(rights, TOKEN_RIGHTS) X(expired, TOKEN_EXPIRED) X(early, TOKEN_EARLY)
                        X(unknown, TOKEN_UNKNOWN)
#undef X
    };
    _Atomic uint64_t *counter = (void *)((char *)stats + rows[fault].counter);
    return refused(401, rows[fault].word, token_fault_text(fault), counter,
                   "Bearer error=\"invalid_token\"");
}

/* It may be good, by keys that are not here: fetched yet, or again. */
static bool is_of_keys_to_come(const struct client *client, enum token_fault fault)
{
    const struct service *service = service_of(&client->connection);
    struct jwks *jwks = service->server->jwks;
    bool of_keys = fault == TOKEN_KEY || (fault == TOKEN_ALGORITHM && !service->limits.fetched);
    if (jwks && of_keys && service->limits.fetched)
        jwks_miss(jwks);
    return jwks && of_keys && !service->limits.fetched;
}

static struct verdict pending(const struct client *client)
{
    return (struct verdict){.admission = REFUSED,
                            .status = 503,
                            .sentence = "the keys of tokens are not here yet, try again",
                            .counter = &stats_of(client)->requests_refused_token_pending,
                            .reason = "keys"};
}

static struct verdict missing(const struct client *client)
{
    return refused(
        401, "token-missing",
        "a token is needed: as Authorization: Bearer TOKEN, as ?access_token=, or in the "
        "cookie " CREDENTIAL_COOKIE,
        &stats_of(client)->requests_refused_token_missing, "Bearer");
}

/* A page of another origin, which may not send cookies: the token is the visitor's, not the page's.
 */
static bool is_foreign_cookie(const struct client *client)
{
    struct provenance from = client_provenance(client);
    return !policy_may_use_cookies(service_of(&client->connection)->limits.policy, &from);
}

static struct verdict foreign_cookie(const struct client *client)
{
    return refused(403, "cookie",
                   "pages of this origin may not use a visitor's cookie; --allow-origin ORIGIN "
                   "with --allow-credentials lets them",
                   &stats_of(client)->requests_refused_cookie, NULL);
}

/* --- what it covers ------------------------------------------------------------------------ */

static enum grant_right right_of(const struct client *client)
{
    return client->route->row->act == ACT_PUBLISH ? GRANT_PUBLISH : GRANT_SUBSCRIBE;
}

static bool covers(const struct client *client, enum grant_right right, struct text channel)
{
    return grant_may(client->grant, right, channel) ||
           (right == GRANT_SUBSCRIBE && access_is_anonymous(access_of(client), channel));
}

static struct verdict look_at_channels(const struct client *client, const struct text *channels,
                                       unsigned count)
{
    enum grant_right right = right_of(client);
    for (unsigned i = 0; i < count; i++)
        if (!covers(client, right, channels[i]))
            return client->grant ? uncovered(client) : missing(client);
    return admitted;
}

/* Who has no token may have another reason to be let in, which the application knows; and to what
 * it let in it has the last word (authorize.h). */
static bool is_for_application(const struct client *client)
{
    return service_of(&client->connection)->server->authorizes;
}

/* Some proxies write a list that came in pieces (HTTP/2) as lines. */
static struct credential in_other_cookies(const struct client *client)
{
    struct text fields = client_text(client, client->parser.request.fields), cookie;
    struct credential credential = {CREDENTIAL_NONE, {"", 0}};
    size_t at = 0;
    while (credential.place == CREDENTIAL_NONE && http_fields_next(fields, "cookie", &at, &cookie))
        credential = credential_find(TEXT(""), (struct text){NULL, 0}, cookie);
    return credential;
}

struct verdict token_check(struct client *client)
{
    const struct access *access = access_of(client);
    const struct route *route = client->route;
    if (!access || route->kind != ROUTE_FOUND || route->row->act == ACT_LOOK ||
        !access_needs_token(access, right_of(client)))
        return admitted;
    const struct http_request *request = &client->parser.request;
    struct credential credential =
        credential_find(client_text(client, request->authorization), route->token,
                        client_text(client, request->cookie));
    if (credential.place == CREDENTIAL_NONE && request->cookie_lines > 1)
        credential = in_other_cookies(client);
    if (credential.place == CREDENTIAL_NONE && is_for_application(client))
        return admitted;
    if (credential.place == CREDENTIAL_NONE && route->row->act == ACT_PUBLISH)
        return missing(client);
    if (credential.place == CREDENTIAL_BY_COOKIE && is_foreign_cookie(client))
        return foreign_cookie(client);
    int r = credential.place == CREDENTIAL_NONE
                ? 0
                : access_judge(access, service_of(&client->connection)->limits.fetched,
                               credential.token, time(NULL), &client->grant);
    if (r < 0)
        return (struct verdict){.admission = REFUSED,
                                .status = 503,
                                .sentence = "the server is out of memory",
                                .counter = &stats_of(client)->requests_refused_memory,
                                .reason = "memory"};
    if (r > 0 && is_of_keys_to_come(client, (enum token_fault)r))
        return pending(client);
    if (r > 0)
        return bad(client, (enum token_fault)r);
    return look_at_channels(client, route->channels, route->channel_count);
}

/* --- what stands in the body ---------------------------------------------------------------- */

/* What has to be covered: of an event to all what only patterns that match every name do. */
static struct text address_of(const struct frame *frame)
{
    return frame->flags & FRAME_ALL ? TEXT("*") : frame_channel(frame);
}

struct verdict token_check_frames(const struct client *client, struct frame *const *frames,
                                  unsigned count)
{
    if (!access_needs_token(access_of(client), GRANT_PUBLISH))
        return admitted;
    /* The body may have come slowly, and the application's answer. */
    if (client->grant && time(NULL) >= grant_ends_at_s(client->grant))
        return bad(client, TOKEN_EXPIRED);
    if (is_for_application(client))
        return admitted;
    for (unsigned i = 0; i < count; i++) {
        struct text channel = address_of(frames[i]);
        /* That of the route was looked at. */
        bool known =
            (i > 0 && text_equals(channel, address_of(frames[i - 1]))) ||
            (client->route->channel_count > 0 && text_equals(channel, client->route->channels[0]));
        if (!known && !covers(client, GRANT_PUBLISH, channel))
            return uncovered(client);
    }
    return admitted;
}

struct verdict token_check_channels(const struct client *client, const struct text *channels,
                                    unsigned count)
{
    return access_needs_token(access_of(client), GRANT_SUBSCRIBE) && !is_for_application(client)
               ? look_at_channels(client, channels, count)
               : admitted;
}

int64_t token_ends_ns(const struct client *client)
{
    struct timespec now;
    int64_t ends_s = client->grant ? grant_ends_at_s(client->grant) : GRANT_NEVER;
    if (ends_s == GRANT_NEVER)
        return 0;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ends_s > now.tv_sec + ENDS_S_MAX)
        return 0;
    int64_t left_ns = (ends_s - now.tv_sec) * 1000000000 - now.tv_nsec;
    return clock_ns() + (left_ns > 0 ? left_ns : 0);
}
