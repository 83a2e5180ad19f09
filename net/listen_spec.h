/* SPDX-License-Identifier: MIT */
/*
 * What one --listen says: an address, and behind it, with spaces between, what holds for this
 * listener alone: `ADDR:PORT routes=subscribe,health proxy-protocol=1`.
 *
 *   routes=LIST          instead of --routes
 *   proxy-protocol[=1]   instead of --proxy-protocol; 0: not here
 *   mode=MODE            of unix:PATH, instead of --listen-mode
 *
 * The address itself is looked at by listener_open. Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "engine/base/base.h"

#define LISTEN_ADDRESS_ROOM 320 /* a name of 255 bytes, its brackets and its port */

struct listen_spec {
    char address[LISTEN_ADDRESS_ROOM];
    unsigned routes; /* bits of enum route_name; 0: not said */
    bool has_proxy_protocol, proxy_protocol;
    bool has_mode;
    mode_t mode;
};

/* 0, or -EINVAL with one sentence. */
MUST_USE int listen_spec_read(const char *text, struct listen_spec *ret_spec, char *error,
                              size_t error_size);
