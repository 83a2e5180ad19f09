/* SPDX-License-Identifier: MIT */
/*
 * The rules for channels: a compiled list of patterns, of which the first that matches a name says
 * what holds for that channel, with the server's own values behind the last.
 *
 * Compiled once, immutable from then on, and shared by reference count between threads: workers
 * look a channel up when they first see it (worker/ruling.h), net for what it counts and tells. A
 * reload makes a new list; who holds the old one keeps it. It knows nothing of channels.
 *
 * Pure but for the memory that it holds. Any thread.
 */
#pragma once

#include "engine/rule.h"

struct rules;

/* From texts as rule.h has them, and the server's own values. 0, -ENOMEM, or -EINVAL with one
 * sentence in `error`. Everything is borrowed for the call. */
MUST_USE int rules_new(const char *const *texts, unsigned count, const struct rule *usual,
                       struct rules **ret_rules, char *error, size_t error_size);
struct rules *rules_ref(struct rules *rules);
/* Takes NULL; returns NULL. */
struct rules *rules_unref(struct rules *rules);

/* What holds for the channel of that name. Of the list. */
const struct rule *rules_find(const struct rules *rules, struct text name);

/* How many were given. */
unsigned rules_count(const struct rules *rules);
/* By index; they lie one behind the other. Behind those that were given are RULES_OURS more: that
 * of rules_count is the server's own, the other one that of its own channels (own_channel.h), which
 * no pattern is for. */
const struct rule *rules_at(const struct rules *rules, unsigned index);
/* The pattern of one that was given. Of the list. */
struct text rules_pattern(const struct rules *rules, unsigned index);

/* Whether any of them, the server's own values included, has such a thing. */
enum rules_thing {
    RULES_TIMES = 1,       /* another idle timeout or lifetime than the server's own */
    RULES_SUBSCRIBERS = 2, /* a bound for the subscribers of a channel */
    RULES_ONCE = 4,
    RULES_PRESENCE = 8,
};
unsigned rules_things(const struct rules *rules);
