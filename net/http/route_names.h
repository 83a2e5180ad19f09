/* SPDX-License-Identifier: MIT */
/*
 * The names under which routes are switched on and off (--routes, and `routes=` of a listener):
 * each row of the route table belongs to one of them, and several paths may share one.
 *
 * A name is here as soon as there is a route of it, so that none can be asked for that nobody
 * answers. Pure; any thread.
 */
#pragma once

#include "engine/base/base.h"

enum route_name {
    ROUTE_NAME_SUBSCRIBE,
    ROUTE_NAME_PUBLISH,
    ROUTE_NAME_SEND,
    ROUTE_NAME_PAGE,
    ROUTE_NAME_HEALTH,
    ROUTE_NAME_STATS,
    ROUTE_NAME_METRICS,
    ROUTE_NAMES,                    /* of those above, which can be written */
    ROUTE_NAME_ADMIN = ROUTE_NAMES, /* on the administration's listener alone, and never else */
};

#define ROUTE_NAMES_ALL ((1u << ROUTE_NAMES) - 1)
/* What the administration's listener answers, and what is there alone where there is one. */
#define ROUTE_NAMES_WATCHING (1u << ROUTE_NAME_STATS | 1u << ROUTE_NAME_METRICS)
#define ROUTE_NAMES_OF_ADMIN                                                                       \
    (1u << ROUTE_NAME_ADMIN | 1u << ROUTE_NAME_HEALTH | ROUTE_NAMES_WATCHING)

/* Reads words with commas or spaces between into a bit for each enum route_name. 0, or -EINVAL with
 * the rest of a sentence that begins with the option's name. */
MUST_USE int route_names_read(const char *words, unsigned *ret_names, char *error,
                              size_t error_size);
