/* SPDX-License-Identifier: MIT */
/*
 * The names of what is said of a connection that is handed over: once for all notations, because
 * what one of them takes as a name is taken by name behind it. What they mean is said in
 * handover.h. Constants alone.
 */
#pragma once

/* X(row, name, whether it may come again, whether its value is a number) */
#define HANDOVER_NAMES(X)                                                                          \
    X(ADOPT, "adopt", true, false)                                                                 \
    X(RESUME, "last-event-id", false, false)                                                       \
    X(HEADER, "header", true, false)                                                               \
    X(HEAD, "head", false, false)                                                                  \
    X(HTTP, "http", false, false)                                                                  \
    X(LAST, "last", false, true)                                                                   \
    X(LIMIT, "limit", false, true)                                                                 \
    X(LIFETIME, "lifetime", false, true)                                                           \
    X(TAG, "tag", false, true)                                                                     \
    X(FIRST, "first", true, false)
