/* SPDX-License-Identifier: MIT */
/* Defaults and ranges of what a server is told: see server_options.h. */
#include "net/server_options.h"

#include <errno.h>
#include <string.h>

#include "engine/base/machine.h"
#include "net/fetch/place.h"
#include "net/http/route_names.h"
#include "net/listen_spec.h"
#include "net/listener.h"

void server_options_default(struct server_options *options)
{
    struct machine machine;
    machine_read("", &machine);
    *options = (struct server_options){
        .listen_mode = 0666,
        .query_channels = true,
        .feed_mode = 0660,
        .feed_uid = -1,
        .handoff_mode = 0660,
        .handoff_uid = -1,
        .handoff_gid = -1,
        .feed_gid = -1,
        .acceptors = machine_threads(&machine, 4, ACCEPTORS_MAX),
        .connections_max = CONNECTIONS_DEFAULT,
        .subscribers_max = SUBSCRIBERS_DEFAULT,
        .subscriber_channels_max = SUBSCRIBER_CHANNELS_DEFAULT,
        .body_max = DATA_BYTES_DEFAULT,
        .head_bytes_max = HEAD_BYTES_MAX,
        .target_bytes_max = TARGET_BYTES_MAX,
        .head_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .keep_alive_timeout_ms = 75000,
        .publish_wait_ms = 1000,
        .authorize_timeout_ms = 5000,
        .decide_timeout_ms = DECIDE_MS,
        .peer_timeout_ms = 300000,
        .send_buffer = SEND_BUFFER_DEFAULT,
        .retry_ms = 2000,
        .refuse = REFUSE_RETRY,
        .preface = true,
        .access_log_sample = 1,
    };
}

static const char *range_fault(const struct server_options *options)
{
    const char *fault = NULL;
    if (options->listen_count > LISTEN_MAX)
        fault = "there are more than 16 addresses to listen on";
    else if (options->acceptors < 1 || options->acceptors > ACCEPTORS_MAX)
        fault = "the number of acceptors is not between 1 and 64";
    else if (options->connect_rate > CONNECT_RATE_MAX)
        fault = "the rate of connections is above 1,000,000 a second";
    else if (options->subscriber_channels_max < 1 ||
             options->subscriber_channels_max > SUBSCRIBER_CHANNELS_MAX)
        fault = "the channels of a subscriber are not between 1 and 4096";
    else if (options->access_log_sample < 1)
        fault = "one request of none is to be noted";
    else if (options->body_max > DATA_BYTES_MAX)
        fault = "the largest body is above 16 MiB";
    else if (options->head_bytes_max > HEAD_BYTES_MAX ||
             options->target_bytes_max > TARGET_BYTES_MAX)
        fault = "the largest head is above 16 KiB or the largest target above 8 KiB";
    return fault;
}

static int check_place(const char *option, const char *text, char *error, size_t error_size)
{
    struct fetch_place place;
    const char *fault = text ? fetch_place_read(text, &place) : NULL;
    if (fault)
        snprintf(error, error_size, "%s: what is given %s", option, fault);
    return fault ? -EINVAL : 0;
}

/* What is written in a language of its own. */
static int check_texts(const struct server_options *options, char *error, size_t error_size)
{
    char fault[256];
    unsigned routes;
    int r = options->routes ? route_names_read(options->routes, &routes, fault, sizeof(fault)) : 0;
    if (r)
        snprintf(error, error_size, "routes: %s", fault);
    for (unsigned i = 0; i < options->trusted_proxy_count && !r; i++) {
        struct address_range range;
        const char *wrong = address_range_read(options->trusted_proxy[i], &range);
        if (wrong) {
            snprintf(error, error_size, "trusted-proxy: \"%.100s\" %s", options->trusted_proxy[i],
                     wrong);
            r = -EINVAL;
        }
    }
    if (!r)
        r = check_place("authorize-url", options->authorize_url, error, error_size);
    if (!r)
        r = check_place("jwt-jwks", server_options_jwks_url(options), error, error_size);
    for (unsigned i = 0; i < options->listen_count && !r; i++) {
        struct listen_spec spec;
        r = listen_spec_read(options->listen[i], &spec, error, error_size);
    }
    return r;
}

/* Of what they say, net looks at subscribers-max, once and presence; the hub, which is given the
 * same texts, at the rest. */
static int make_channels(const struct server_options *options, struct rules **ret_rules,
                         char *error, size_t error_size)
{
    struct rule usual = {.subscribers_max = options->subscribers_per_channel};
    return rules_new(options->channel, options->channel_count, &usual, ret_rules, error,
                     error_size);
}

static int make_policy(const struct server_options *options, struct policy **ret_policy,
                       char *error, size_t error_size)
{
    struct policy_options said = {.origins = options->allow_origin,
                                  .origin_count = options->allow_origin_count,
                                  .credentials = options->allow_credentials,
                                  .headers = options->allow_headers,
                                  .hosts = options->host,
                                  .host_count = options->host_count};
    return policy_new(&said, ret_policy, error, error_size);
}

const char *server_options_jwks_url(const struct server_options *options)
{
    const char *text = options->jwt_jwks;
    return text && fetch_place_is(text) ? text : NULL;
}

static int make_access(const struct server_options *options, struct access **ret_access,
                       char *error, size_t error_size)
{
    const char *url = server_options_jwks_url(options);
    struct access_options said = {.publish_token_file = options->publish_token_file,
                                  .jwt_key_files = options->jwt_key_file,
                                  .jwt_key_file_count = options->jwt_key_file_count,
                                  .jwt_algorithm = options->jwt_algorithm,
                                  .jwks_file = url ? NULL : options->jwt_jwks,
                                  .keys_come = url != NULL,
                                  .anonymous = options->anonymous,
                                  .anonymous_count = options->anonymous_count};
    return access_new(&said, ret_access, error, error_size);
}

static int make_site(const struct server_options *options, struct site **ret_site, char *error,
                     size_t error_size)
{
    struct site_options said = {.default_channel = options->default_channel,
                                .paths = options->path,
                                .path_count = options->path_count,
                                .page = options->page,
                                .lines = {.always = options->header,
                                          .always_count = options->header_count,
                                          .of_streams = options->stream_header,
                                          .of_streams_count = options->stream_header_count,
                                          .has_origins = options->allow_origin_count > 0}};
    return site_new(&said, ret_site, error, error_size);
}

/* Whether somebody decides who may publish over HTTP. */
static bool publishing_is_ruled(const struct server_options *options, const struct access *access)
{
    return access_needs_token(access, GRANT_PUBLISH) || options->authorize_url;
}

/* Who binds an address that other machines reach, and says nothing else, would let all of them
 * publish: that has to be meant. */
static int check_openness(const struct server_options *options, const struct access *access,
                          char *error, size_t error_size)
{
    const unsigned publishes = 1u << ROUTE_NAME_PUBLISH | 1u << ROUTE_NAME_SEND;
    unsigned usual = ROUTE_NAMES_ALL;
    int r = 0;
    if (options->publish_open || publishing_is_ruled(options, access))
        return 0;
    if (options->routes)
        r = route_names_read(options->routes, &usual, error, error_size);
    for (unsigned i = 0; i < options->listen_count && !r; i++) {
        struct listen_spec spec;
        r = listen_spec_read(options->listen[i], &spec, error, error_size);
        if (r || !((spec.routes ? spec.routes : usual) & publishes) ||
            listener_is_local(spec.address))
            continue;
        snprintf(
            error, error_size,
            "listen %.100s: whoever reaches this address could publish; set "
            "publish-token-file, jwt-key-file or authorize-url, or publish-open yes if that is "
            "meant",
            spec.address);
        r = -EINVAL;
    }
    return r;
}

/* The administration has no name or password but these tokens. */
static int check_admin(const struct server_options *options, char *error, size_t error_size)
{
    if (options->admin && !options->admin_token_file && !listener_is_local(options->admin)) {
        snprintf(error, error_size, SERVER_ADMIN_OPEN, options->admin);
        return -EINVAL;
    }
    if (options->admin_token_file && !options->admin) {
        snprintf(error, error_size,
                 "admin-token-file is for the listener of admin, which is not "
                 "given");
        return -EINVAL;
    }
    return 0;
}

static int read_admin_tokens(const struct server_options *options, struct token_list **ret_tokens,
                             char *error, size_t error_size)
{
    if (!options->admin_token_file)
        return 0;
    int r = token_list_read(options->admin_token_file, ret_tokens, error, error_size);
    if (r && r != -ENOMEM) {
        char fault[512];
        snprintf(fault, sizeof(fault), "%s", error);
        snprintf(error, error_size, "admin-token-file: %s", fault);
    }
    return r;
}

void server_rules_deinit(struct server_rules *rules)
{
    rules->policy = policy_unref(rules->policy);
    rules->channels = rules_unref(rules->channels);
    rules->access = access_unref(rules->access);
    rules->admin_tokens = token_list_unref(rules->admin_tokens);
    rules->site = site_unref(rules->site);
}

int server_options_check(const struct server_options *options, struct server_rules *ret_rules,
                         char *error, size_t error_size)
{
    const char *fault = range_fault(options);
    struct server_rules rules = {.policy = NULL};
    if (fault) {
        snprintf(error, error_size, "cannot start the server: %s", fault);
        return -EINVAL;
    }
    int r = check_texts(options, error, error_size);
    if (!r)
        r = make_channels(options, &rules.channels, error, error_size);
    if (!r)
        r = make_policy(options, &rules.policy, error, error_size);
    if (!r)
        r = make_access(options, &rules.access, error, error_size);
    if (!r)
        r = make_site(options, &rules.site, error, error_size);
    if (!r)
        r = check_openness(options, rules.access, error, error_size);
    if (!r)
        r = check_admin(options, error, error_size);
    if (!r)
        r = read_admin_tokens(options, &rules.admin_tokens, error, error_size);
    if (r == -ENOMEM)
        snprintf(error, error_size, "out of memory");
    if (r == 0 && ret_rules)
        *ret_rules = rules;
    else
        server_rules_deinit(&rules);
    return r;
}

void server_options_trusted(const struct server_options *options, struct address_ranges *ret_ranges)
{
    ret_ranges->count = options->trusted_proxy_count;
    for (unsigned i = 0; i < ret_ranges->count; i++)
        CHECK(!address_range_read(options->trusted_proxy[i], &ret_ranges->items[i]));
}

void server_options_change(struct server_options *options, const struct server_options *other)
{
    options->feed_uid = other->feed_uid;
    options->handoff_uid = other->handoff_uid;
    options->handoff_gid = other->handoff_gid;
    options->feed_gid = other->feed_gid;
    options->routes = other->routes;
    options->query_channels = other->query_channels;
    options->default_channel = other->default_channel;
    memcpy(options->path, other->path, sizeof(options->path));
    options->path_count = other->path_count;
    memcpy(options->header, other->header, sizeof(options->header));
    options->header_count = other->header_count;
    memcpy(options->stream_header, other->stream_header, sizeof(options->stream_header));
    options->stream_header_count = other->stream_header_count;
    options->page = other->page;
    options->charset = other->charset;
    memcpy(options->trusted_proxy, other->trusted_proxy, sizeof(options->trusted_proxy));
    options->trusted_proxy_count = other->trusted_proxy_count;
    options->connections_max = other->connections_max;
    options->subscribers_max = other->subscribers_max;
    options->subscriber_channels_max = other->subscriber_channels_max;
    options->subscribers_per_address = other->subscribers_per_address;
    options->subscribers_per_channel = other->subscribers_per_channel;
    memcpy(options->channel, other->channel, sizeof(options->channel));
    options->channel_count = other->channel_count;
    options->connect_rate = other->connect_rate;
    options->body_max = other->body_max;
    options->head_bytes_max = other->head_bytes_max;
    options->target_bytes_max = other->target_bytes_max;
    options->head_timeout_ms = other->head_timeout_ms;
    options->body_timeout_ms = other->body_timeout_ms;
    options->keep_alive_timeout_ms = other->keep_alive_timeout_ms;
    options->publish_wait_ms = other->publish_wait_ms;
    options->authorize_timeout_ms = other->authorize_timeout_ms;
    options->authorize_cache_s = other->authorize_cache_s;
    options->decide_timeout_ms = other->decide_timeout_ms;
    options->peer_timeout_ms = other->peer_timeout_ms;
    options->send_buffer = other->send_buffer;
    options->retry_ms = other->retry_ms;
    options->refuse = other->refuse;
    options->preface = other->preface;
    memcpy(options->allow_origin, other->allow_origin, sizeof(options->allow_origin));
    options->allow_origin_count = other->allow_origin_count;
    options->allow_credentials = other->allow_credentials;
    options->allow_headers = other->allow_headers;
    memcpy(options->host, other->host, sizeof(options->host));
    options->host_count = other->host_count;
    options->publish_token_file = other->publish_token_file;
    memcpy(options->jwt_key_file, other->jwt_key_file, sizeof(options->jwt_key_file));
    options->jwt_key_file_count = other->jwt_key_file_count;
    options->jwt_algorithm = other->jwt_algorithm;
    options->jwt_jwks = other->jwt_jwks;
    memcpy(options->anonymous, other->anonymous, sizeof(options->anonymous));
    options->anonymous_count = other->anonymous_count;
    options->access_log_sample = other->access_log_sample;
    options->publish_open = other->publish_open;
    /* One that goes, or moves, with the next start keeps its tokens until then. */
    if (options->admin && other->admin && strcmp(options->admin, other->admin) == 0)
        options->admin_token_file = other->admin_token_file;
}
