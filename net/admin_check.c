/* SPDX-License-Identifier: MIT */
/* Host, Origin and token of the administration's requests: see admin_check.h. */
#include "net/admin_check.h"

#include "net/access/credential.h"
#include "net/access/place.h"

static const struct server_limits *limits_of(const struct client *client)
{
    return &service_of(&client->connection)->limits;
}

static bool serves(const struct client *client)
{
    const struct server_limits *limits = limits_of(client);
    struct text host = client_text(client, client->parser.request.host);
    return client->listener->is_unix || host.len == 0 || place_is_own(host) ||
           policy_names(limits->policy, host) ||
           (limits->admin_tokens && policy_serves(limits->policy, host));
}

/* NULL: it has one, or needs none; else the value of WWW-Authenticate. */
static const char *challenge_of(const struct client *client)
{
    const struct token_list *tokens = limits_of(client)->admin_tokens;
    struct text field = client_text(client, client->parser.request.authorization);
    struct credential credential = credential_find(field, (struct text){NULL, 0}, TEXT(""));
    if (!tokens)
        return NULL;
    if (credential.place == CREDENTIAL_NONE)
        return "Bearer";
    return token_list_has(tokens, credential.token) ? NULL : "Bearer error=\"invalid_token\"";
}

struct verdict admin_check(struct client *client)
{
    struct net_stats *stats = &client->connection.loop->stats;
    struct provenance from = client_provenance(client);
    if (!serves(client))
        return (struct verdict){.admission = REFUSED,
                                .status = 421,
                                .word = "host",
                                .sentence = "this Host is not served here: ask by address, or "
                                            "--host NAME adds one",
                                .counter = &stats->requests_refused_host};
    if (!policy_is_own(&from))
        return (struct verdict){.admission = REFUSED,
                                .status = 403,
                                .word = "origin",
                                .sentence = "a page of another origin may not ask here",
                                .counter = &stats->requests_refused_admin_origin};
    const char *challenge = challenge_of(client);
    if (challenge)
        return (struct verdict){.admission = REFUSED,
                                .status = 401,
                                .word = "admin-token",
                                .sentence = "a token of --admin-token-file is needed: as "
                                            "Authorization: Bearer TOKEN",
                                .counter = &stats->requests_refused_admin_token,
                                .challenge = challenge};
    return (struct verdict){.admission = ADMITTED};
}
