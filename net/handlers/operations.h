/* SPDX-License-Identifier: MIT */
/*
 * What the server says about itself: the bodies of /stats (one flat JSON object) and /metrics
 * (Prometheus text, version 0.0.4).
 *
 * Both print the rows of STATS_TABLE and NET_STATS_TABLE, so that a counter cannot exist without
 * being visible. Counters are read while everybody runs: each number is exact, the set is not one
 * instant. Any thread; no I/O. The caller frees the text.
 */
#pragma once

#include "net/server_state.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* NUL-terminated, or NULL: out of memory. */
MUST_USE char *operations_stats(const struct server_state *server);
MUST_USE char *operations_metrics(const struct server_state *server);
