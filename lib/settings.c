/* SPDX-License-Identifier: MIT */
/* What follows from the options that were set: see settings.h. */
#include "lib/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/machine.h"
#include "lib/ask.h"

#define MEMORY_OF_THE_MACHINE UINT64_MAX /* nobody has said one; 0 is a wish: no bound */

void settings_begin(struct settings *settings)
{
    *settings = (struct settings){.hub.memory_max = MEMORY_OF_THE_MACHINE};
}

static int admin_choose(struct settings *settings, char *error, size_t error_size)
{
    struct admin_place place;
    char fault[400];
    if (!settings->admin)
        return 0;
    if (!admin_place_read(settings->admin, &place, fault, sizeof(fault))) {
        snprintf(error, error_size, "admin: %s", fault);
        return -EINVAL;
    }
    if (place.is_usual) {
        snprintf(error, error_size,
                 "admin: \"unix\" alone names no place here; allowed: "
                 "unix:PATH or ADDR:PORT");
        return -EINVAL;
    }
    snprintf(settings->admin_listen, sizeof(settings->admin_listen), "%s%s",
             place.is_unix ? "unix:" : "", place.text);
    settings->server.admin = settings->admin_listen;
    return 0;
}

int settings_finish(struct settings *settings, char *error, size_t error_size)
{
    struct hub_options *hub = &settings->hub;
    struct server_options *server = &settings->server;
    struct machine machine;
    int r = machine_read("", &machine);
    if (r < 0) { /* or the usual bounds would silently be others */
        snprintf(error, error_size, "cannot read how much memory this machine has: %s",
                 strerror(-r));
        return r;
    }
    if (hub->workers == 0)
        hub->workers = machine_threads(&machine, 1, WORKERS_MAX);
    if (server->acceptors == 0)
        server->acceptors = machine_threads(&machine, 4, ACCEPTORS_MAX);
    if (hub->end_keep_s == 0)
        hub->end_keep_s = hub->history_age_s;
    settings->memory_usual = hub->memory_max == MEMORY_OF_THE_MACHINE;
    if (settings->memory_usual)
        hub->memory_max = machine_memory_share(&machine);
    hub->descriptors_kept =
        settings->descriptors_kept + server->connections_max + CONNECTIONS_RESERVED;
    /* Who may stay although it takes nothing is not to be cut by the kernel for it. */
    server->peer_timeout_ms = hub->stuck == STUCK_SKIP ? 0 : hub->write_timeout_ms;
    server->retry_ms = hub->retry_ms;
    server->feed = settings->feed && strcmp(settings->feed, "none") != 0 ? settings->feed : NULL;
    server->handoff =
        settings->handoff && strcmp(settings->handoff, "none") != 0 ? settings->handoff : NULL;
    server->keeps_journal = settings->access_log != NULL;
    hub->subscriber_ids |=
        server->keeps_journal || settings->admin || server->feed_adopt || server->handoff;
    hub->subscriber_ids |= settings->notes;
    hub->rules = server->channel;
    hub->rule_count = server->channel_count;
    hub->worker_subscribers = (server->subscribers_max + hub->workers - 1) / hub->workers;
    if (server->target_bytes_max > server->head_bytes_max) {
        snprintf(error, error_size,
                 "target-max: %u bytes do not fit into a head of %u; allowed: head-max at most",
                 server->target_bytes_max, server->head_bytes_max);
        return -EINVAL;
    }
    char fault[128];
    if (settings->ask && ask_read(settings->ask, &settings->ask_kinds, fault, sizeof(fault))) {
        snprintf(error, error_size, "ask: %s", fault);
        return -EINVAL;
    }
    return admin_choose(settings, error, error_size);
}
