/* SPDX-License-Identifier: MIT */
/* Limits, phases and counters that all acceptors of a server share: see server_state.h. */
#include "net/server_state.h"

#include <errno.h>

#include "engine/base/clock.h"
#include "net/connect_rate.h"
#include "net/journal.h"
#include "net/presence.h"
#include "net/tally.h"
#include "net/usher.h"

int server_state_prepare(struct server_state *state, const struct server_options *options,
                         const struct server_rules *rules)
{
    bool counts = options->subscribers_per_address || rules_count(rules->channels) ||
                  (rules_things(rules->channels) & RULES_SUBSCRIBERS);
    if (counts && !state->tally)
        state->tally = tally_new(state->hub);
    bool tells = rules_things(rules->channels) & RULES_PRESENCE;
    if (tells && !state->presence)
        state->presence = presence_new(state->hub, &state->presence_stats);
    if (tells && !state->presence)
        return -ENOMEM;
    if (options->connect_rate && !state->rate) {
        state->rate = connect_rate_new();
        if (state->rate)
            hub_count_memory(state->hub, (int64_t)connect_rate_memory());
    }
    return (counts && !state->tally) || (options->connect_rate && !state->rate) ? -ENOMEM : 0;
}

int server_state_init(struct server_state *state, struct hub *hub, const struct server_parts *parts,
                      const struct server_options *options, const struct server_rules *rules)
{
    state->started_ns = clock_ns();
    state->hub = hub;
    state->parts = parts;
    state->hook = options->hook;
    pthread_mutex_init(&state->lock, NULL);
    questions_init(&state->questions);
    pthread_cond_init(&state->reached, NULL);
    int r = server_state_prepare(state, options, rules);
    state->usher = options->usher;
    if (options->keeps_journal)
        state->journal = journal_new(hub);
    if (options->keeps_journal && !state->journal)
        r = -ENOMEM;
    server_state_limit(state, options, rules);
    return r;
}

void server_state_deinit(struct server_state *state)
{
    pthread_cond_destroy(&state->reached);
    pthread_mutex_destroy(&state->lock);
    state->limits.policy = policy_unref(state->limits.policy);
    state->limits.channels = rules_unref(state->limits.channels);
    state->limits.access = access_unref(state->limits.access);
    state->limits.admin_tokens = token_list_unref(state->limits.admin_tokens);
    state->limits.site = site_unref(state->limits.site);
    state->limits.fetched = keys_unref(state->limits.fetched);
    questions_deinit(&state->questions);
    state->tally = tally_unref(state->tally);
    state->presence = presence_unref(state->presence);
    if (state->rate)
        hub_count_memory(state->hub, -(int64_t)connect_rate_memory());
    state->rate = connect_rate_free(state->rate);
    state->journal = journal_end(state->journal);
}

/* --- limits -------------------------------------------------------------------------------- */

void server_state_limit(struct server_state *state, const struct server_options *options,
                        const struct server_rules *rules)
{
    int64_t ms[DEADLINE_KINDS] = {
        [DEADLINE_FIRST] = options->head_timeout_ms,
        [DEADLINE_IDLE] = options->keep_alive_timeout_ms,
        [DEADLINE_HEAD] = options->head_timeout_ms,
        [DEADLINE_BODY] = options->body_timeout_ms,
        [DEADLINE_ROOM] = options->publish_wait_ms,
        [DEADLINE_AUTHORIZE] = options->authorize_timeout_ms,
        [DEADLINE_DECIDE] = options->decide_timeout_ms,
        [DEADLINE_QUESTION] = QUESTION_MS,
        [DEADLINE_ANSWER] = ANSWER_MS,
        [DEADLINE_LINGER] = LINGER_MS,
    };
    struct server_limits *limits = &state->limits;
    struct route_rules routes = {.names = ROUTE_NAMES_ALL,
                                 .query_channels = options->query_channels,
                                 .channels_max = options->subscriber_channels_max,
                                 .paths = rules->site->paths,
                                 .default_channel = rules->site->default_channel};
    char error[256];
    CHECK(!options->routes ||
          route_names_read(options->routes, &routes.names, error, sizeof(error)) == 0);
    pthread_mutex_lock(&state->lock);
    for (unsigned i = 0; i < DEADLINE_KINDS; i++)
        limits->deadline_ns[i] = ms[i] * 1000000;
    limits->options = *options;
    limits->routes = routes;
    server_options_trusted(options, &limits->trusted);
    policy_unref(limits->policy);
    access_unref(limits->access);
    token_list_unref(limits->admin_tokens);
    site_unref(limits->site);
    rules_unref(limits->channels);
    limits->policy = rules->policy;
    limits->channels = rules->channels;
    limits->access = rules->access;
    limits->site = rules->site;
    limits->admin_tokens = rules->admin_tokens;
    limits->tally = state->tally;
    limits->presence = state->presence;
    limits->rate = state->rate;
    pthread_mutex_unlock(&state->lock);
    atomic_fetch_add_explicit(&state->reloads, 1, memory_order_release);
}

void server_state_keys(struct server_state *state, struct keys *keys)
{
    pthread_mutex_lock(&state->lock);
    struct keys *before = state->limits.fetched;
    state->limits.fetched = keys;
    pthread_mutex_unlock(&state->lock);
    keys_unref(before);
    atomic_fetch_add_explicit(&state->reloads, 1, memory_order_release);
}

void server_state_limits(struct server_state *state, struct server_limits *limits)
{
    policy_unref(limits->policy);
    rules_unref(limits->channels);
    access_unref(limits->access);
    token_list_unref(limits->admin_tokens);
    site_unref(limits->site);
    keys_unref(limits->fetched);
    pthread_mutex_lock(&state->lock);
    *limits = state->limits;
    policy_ref(limits->policy);
    rules_ref(limits->channels);
    access_ref(limits->access);
    if (limits->admin_tokens)
        token_list_ref(limits->admin_tokens);
    site_ref(limits->site);
    if (limits->fetched)
        keys_ref(limits->fetched);
    pthread_mutex_unlock(&state->lock);
}

void server_state_stream_limits(struct server_state *state, struct stream_limits *ret_limits)
{
    struct server_limits *limits = &state->limits;
    const struct server_options *options = &limits->options;
    pthread_mutex_lock(&state->lock);
    *ret_limits = (struct stream_limits){
        .subscribers_max = options->subscribers_max,
        .subscribers_per_address = options->subscribers_per_address,
        .subscriber_channels_max = options->subscriber_channels_max,
        .charset = options->charset,
        .preface = options->preface,
        .tells_id = options->admin != NULL,
        .refuse = options->refuse,
        .retry_ms = options->retry_ms,
        .peer_timeout_ms = options->peer_timeout_ms,
        .send_buffer = options->send_buffer,
        .channels = rules_ref(limits->channels),
        .site = site_ref(limits->site),
        .tally = limits->tally,
        .presence = limits->presence,
    };
    pthread_mutex_unlock(&state->lock);
}

void stream_limits_deinit(struct stream_limits *limits)
{
    limits->channels = rules_unref(limits->channels);
    limits->site = site_unref(limits->site);
}

/* --- phases -------------------------------------------------------------------------------- */

void server_state_reach(struct server_state *state, unsigned *count)
{
    pthread_mutex_lock(&state->lock);
    (*count)++;
    pthread_cond_signal(&state->reached);
    pthread_mutex_unlock(&state->lock);
}

void server_state_await(struct server_state *state, const unsigned *count, unsigned acceptors)
{
    pthread_mutex_lock(&state->lock);
    while (*count < acceptors)
        pthread_cond_wait(&state->reached, &state->lock);
    pthread_mutex_unlock(&state->lock);
}

/* --- looking ------------------------------------------------------------------------------- */

void server_state_totals(const struct server_state *state, struct net_totals *ret_totals)
{
    *ret_totals = (struct net_totals){0};
    const struct net_stats *const others[] = {&state->fetcher_stats, &state->presence_stats,
                                              &state->adopt_stats};
    unsigned own = state->acceptor_count;
    for (unsigned i = 0; i < own + sizeof(others) / sizeof(others[0]); i++) {
        const struct net_stats *stats = i < own ? state->stats[i] : others[i - own];
#define ADD(name, kind, help)                                                                      \
    ret_totals->name += atomic_load_explicit(&stats->name, memory_order_relaxed);
        NET_STATS_TABLE(ADD)
#undef ADD
    }
    if (state->usher)
        ret_totals->notes_waiting = state->usher->waiting(state->usher->context);
    if (state->journal)
        ret_totals->access_log_lost = journal_lost(state->journal);
}
