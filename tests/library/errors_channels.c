/* SPDX-License-Identifier: MIT */
/* The errors of looking at channels, of closing one and of counters: see errors.h. */
#include <errno.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/library/errors.h"
#include "tests/library/provoke.h"

/* --- calls ----------------------------------------------------------------------------------- */

static int get_of(struct fanfare *fanfare, const char *name)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    return fanfare_channel_get(fanfare, name, FANFARE_NUL, &channel);
}

static int get(struct fanfare *fanfare)
{
    return get_of(fanfare, "nobody's");
}

static int list(struct fanfare *fanfare)
{
    struct fanfare_list *list;
    int r = fanfare_channel_list(fanfare, NULL, &list);
    if (r == 0)
        fanfare_list_free(list);
    return r;
}

static int close_channel(struct fanfare *fanfare)
{
    return fanfare_channel_close(fanfare, "a", 1, 0);
}

static int count_of(struct fanfare *fanfare)
{
    uint64_t value;
    return fanfare_stat(fanfare, "published", &value);
}

static int all_counts(struct fanfare *fanfare)
{
    return fanfare_stats(fanfare, NULL, 0);
}

static int metrics(struct fanfare *fanfare)
{
    return fanfare_metrics(fanfare, NULL, 0);
}

/* Each call in each place. */
PROVOKE(get, new)
PROVOKE(get, child)
PROVOKE(get, hook)
PROVOKE(list, new)
PROVOKE(list, child)
PROVOKE(list, hook)
PROVOKE(list, none)
PROVOKE(close_channel, new)
PROVOKE(close_channel, child)
PROVOKE(count_of, new)
PROVOKE(count_of, child)
PROVOKE(all_counts, new)
PROVOKE(all_counts, child)
PROVOKE(all_counts, none)
PROVOKE(metrics, new)
PROVOKE(metrics, child)
PROVOKE(metrics, none)

/* --- what is wrong with the call itself ------------------------------------------------------ */

static char long_name[FANFARE_CHANNEL_MAX + 2];

static const char *too_long(void)
{
    memset(long_name, 'x', FANFARE_CHANNEL_MAX + 1);
    return long_name;
}

#define NAMED(error, name)                                                                         \
    static int get_##error(void)                                                                   \
    {                                                                                              \
        return get_of(provoke_running(), name);                                                    \
    }                                                                                              \
    static int close_##error(void)                                                                 \
    {                                                                                              \
        return fanfare_channel_close(provoke_running(), name, FANFARE_NUL, 0);                     \
    }
NAMED(empty, "")
NAMED(long, too_long())
NAMED(text, "a\nb")
NAMED(nobodys, "nobody's")

static int close_ours(void)
{
    return fanfare_channel_close(provoke_running(), "@presence/a", FANFARE_NUL, 0);
}

static int close_flagged(void)
{
    return fanfare_channel_close(provoke_running(), "a", 1, 1);
}

static int get_without_size(void)
{
    struct fanfare_channel channel = {.size = 0};
    return fanfare_channel_get(provoke_running(), "a", 1, &channel);
}

static int get_newer(void)
{
    struct {
        struct fanfare_channel channel;
        uint64_t more;
    } newer = {{.size = sizeof(newer)}, 1};
    return fanfare_channel_get(provoke_running(), "a", 1, &newer.channel);
}

static int next_of_none(void)
{
    struct fanfare_channel channel = {.size = sizeof(channel)};
    return fanfare_list_next(NULL, &channel);
}

static int stat_of_nothing(void)
{
    uint64_t value;
    return fanfare_stat(provoke_running(), "no such counter", &value);
}

static int stat_nowhere(void)
{
    return fanfare_stat(provoke_running(), "published", NULL);
}

const struct error_row errors_channels[] = {
    {"fanfare_channel_get", -ENOENT, get_nobodys},
    {"fanfare_channel_get", -EINVAL, get_without_size},
    {"fanfare_channel_get", -E2BIG, get_newer},
    {"fanfare_channel_get", -EDEADLK, get_hook},
    {"fanfare_channel_get", -ESHUTDOWN, get_new},
    {"fanfare_channel_get", -ECHILD, get_child},
    {"fanfare_channel_get", FANFARE_ERROR_CHANNEL_EMPTY, get_empty},
    {"fanfare_channel_get", FANFARE_ERROR_CHANNEL_LONG, get_long},
    {"fanfare_channel_get", FANFARE_ERROR_CHANNEL_TEXT, get_text},
    {"fanfare_channel_list", -EINVAL, list_none},
    {"fanfare_channel_list", -EDEADLK, list_hook},
    {"fanfare_channel_list", -ESHUTDOWN, list_new},
    {"fanfare_channel_list", -ECHILD, list_child},
    {"fanfare_list_next", -EINVAL, next_of_none},
    {"fanfare_channel_close", -EINVAL, close_flagged},
    {"fanfare_channel_close", -ESHUTDOWN, close_channel_new},
    {"fanfare_channel_close", -ECHILD, close_channel_child},
    {"fanfare_channel_close", FANFARE_ERROR_CHANNEL_EMPTY, close_empty},
    {"fanfare_channel_close", FANFARE_ERROR_CHANNEL_LONG, close_long},
    {"fanfare_channel_close", FANFARE_ERROR_CHANNEL_TEXT, close_text},
    {"fanfare_channel_close", FANFARE_ERROR_CHANNEL_OURS, close_ours},
    {"fanfare_channel_close", 0, close_nobodys},
    {"fanfare_stat", FANFARE_ERROR_OPTION, stat_of_nothing},
    {"fanfare_stat", -EINVAL, stat_nowhere},
    {"fanfare_stat", -ESHUTDOWN, count_of_new},
    {"fanfare_stat", -ECHILD, count_of_child},
    {"fanfare_stats", -EINVAL, all_counts_none},
    {"fanfare_stats", -ESHUTDOWN, all_counts_new},
    {"fanfare_stats", -ECHILD, all_counts_child},
    {"fanfare_metrics", -EINVAL, metrics_none},
    {"fanfare_metrics", -ESHUTDOWN, metrics_new},
    {"fanfare_metrics", -ECHILD, metrics_child},
    {NULL, 0, NULL},
};
