/* SPDX-License-Identifier: MIT */
/*
 * What the server says about itself: /healthz, /stats (one flat JSON object) and /metrics
 * (Prometheus text, version 0.0.4).
 *
 * Both print all of net/numbers.h. Counters are read while everybody runs: each number is exact,
 * the set is not one instant. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/handler.h"

extern const struct handler operations_health;
extern const struct handler operations_stats;
extern const struct handler operations_metrics;
