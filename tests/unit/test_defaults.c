/* SPDX-License-Identifier: MIT */
/*
 * The defaults of the command line are those of the library: the option table says them once for
 * people, hub_options_default and server_options_default once for embedders, and here they meet.
 */
#include <criterion/criterion.h>

#include "cmd/options.h"
#include "engine/hub.h"

static struct serve_settings settings;
static struct hub_options hub;
static struct server_options server;

static void read_both(void)
{
    struct parse parse;
    serve_settings_begin(&settings);
    cr_assert_eq(parse_run(&parse, &command_serve, 0, NULL, &settings), 0, "%s", parse.error);
    cr_assert_eq(serve_settings_finish(&settings, &parse), 0, "%s", parse.error);
    hub_options_default(&hub);
    server_options_default(&server);
    parse_free(&parse);
}

#define EXPECT_SAME(part, member) cr_expect_eq(settings.base.part.member, part.member, #member)

Test(defaults, hub, .init = read_both)
{
    EXPECT_SAME(hub, workers);
    EXPECT_SAME(hub, io);
    EXPECT_SAME(hub, history_events);
    EXPECT_SAME(hub, history_bytes);
    EXPECT_SAME(hub, history_age_s);
    EXPECT_SAME(hub, end_keep_s);
    EXPECT_SAME(hub, heartbeat_s);
    EXPECT_SAME(hub, retry_ms);
    EXPECT_SAME(hub, write_timeout_ms);
    EXPECT_SAME(hub, idle_timeout_ms);
    EXPECT_SAME(hub, lifetime_ms);
    EXPECT_SAME(hub, opaque_ids);
    EXPECT_SAME(hub, memory_max);
    EXPECT_SAME(hub, slow);
    EXPECT_SAME(hub, stuck);
    EXPECT_SAME(hub, slow_after_ms);
    EXPECT_SAME(hub, hold_max_ms);
    EXPECT_SAME(hub, slow_rate);
    EXPECT_SAME(hub, drain_timeout_ms);
}

Test(defaults, server, .init = read_both)
{
    EXPECT_SAME(server, listen_mode);
    EXPECT_SAME(server, feed_mode);
    EXPECT_SAME(server, feed_uid);
    EXPECT_SAME(server, feed_gid);
    EXPECT_SAME(server, connections_max);
    EXPECT_SAME(server, subscribers_max);
    EXPECT_SAME(server, subscriber_channels_max);
    EXPECT_SAME(server, preface);
    EXPECT_SAME(server, refuse);
    EXPECT_SAME(server, retry_ms);
    EXPECT_SAME(server, body_max);
    EXPECT_SAME(server, head_bytes_max);
    EXPECT_SAME(server, target_bytes_max);
    EXPECT_SAME(server, head_timeout_ms);
    EXPECT_SAME(server, body_timeout_ms);
    EXPECT_SAME(server, keep_alive_timeout_ms);
    EXPECT_SAME(server, publish_wait_ms);
    EXPECT_SAME(server, query_channels);
    EXPECT_SAME(server, proxy_protocol);
    EXPECT_SAME(server, trusted_proxy_count);
    EXPECT_SAME(server, subscribers_per_address);
    EXPECT_SAME(server, subscribers_per_channel);
    EXPECT_SAME(server, connect_rate);
    EXPECT_SAME(server, authorize_timeout_ms);
    EXPECT_SAME(server, authorize_cache_s);
    EXPECT_SAME(server, peer_timeout_ms);
    EXPECT_SAME(server, send_buffer);
}

/* A balancer that keeps a connection for longer than we do sends into one that is being closed:
 * AWS's and nginx's keep them for 60 s. Docker kills 10 s after it has asked for a stop. */
Test(defaults, fit_what_stands_around, .init = read_both)
{
    cr_expect_gt(server.keep_alive_timeout_ms, 60000);
    cr_expect_lt(hub.drain_timeout_ms, 10000);
    cr_expect_gt(hub.drain_timeout_ms, STOP_ANSWER_MS, "the acceptors' part is of the same time");
}
