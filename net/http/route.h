/* SPDX-License-Identifier: MIT */
/*
 * Routing: rows of routes, a method and a request target in, what is wanted out (the tables of
 * README.md).
 *
 * The path is matched as it was sent and percent-decoded after that, once. Query names and values
 * are decoded likewise, and there, and only there, `+` is a space. A known parameter that is
 * malformed, out of range, or given twice is refused by name, on the routes that use it. An unknown
 * one is refused where the row says so (a misspelt one of a publish would be lost in silence), and
 * ignored elsewhere, since polyfills add their own. All texts of a route lie in it or are static.
 *
 * Where channels are named by the path alone (rules), a route that can have one there needs it, and
 * a query that names one is refused: then a proxy's rules by path hold for channels.
 *
 * A path with a segment `.` or `..` is refused, percent-encoded or not: a proxy in front may have
 * rules by path, and resolves such segments, or does not. Channels so named are had by the query.
 *
 * A path that no row has may be one of the operator's (paths.h): then it is a stream of its
 * channel, and by POST a publish to it, where these routes are switched on. The channel that the
 * path means is put in front; all else is read and checked as on rows of ours.
 *
 * Who answers a route is the row's `handler`, which is not looked at here. Matching is pure: no fd,
 * no allocation, the same answer for the same input. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/base.h"
#include "engine/limits.h"
#include "net/http/paths.h"
#include "net/http/request.h"
#include "net/http/route_names.h"

/* Which methods a path is for, and what is said to the others. */
struct route_methods {
    unsigned mask; /* a bit for each enum http_method */
    const char *allow;
    const char *sentence;
};
extern const struct route_methods route_asks;   /* GET, HEAD, POST and QUERY: a body may ask, too */
extern const struct route_methods route_reads;  /* GET and HEAD */
extern const struct route_methods route_writes; /* POST */
/* Of the administration: what can be read and removed, removed and written to. */
extern const struct route_methods route_removes, route_handles;

enum route_parameter {
    PARAMETER_CHANNEL,
    PARAMETER_RESUME,
    PARAMETER_LAST,
    PARAMETER_LIMIT,
    PARAMETER_EVENT,
    PARAMETER_ID,
    PARAMETER_RETRY,
    PARAMETER_END,
    PARAMETER_COUNT,
    PARAMETER_PREFACE,
    PARAMETER_TOKEN,
    PARAMETER_WAIT,
    PARAMETER_ALL,
    PARAMETER_AFTER,
    PARAMETER_SUBSCRIBER,
};

#define ROUTE_SUBSCRIBES                                                                           \
    (1u << PARAMETER_CHANNEL | 1u << PARAMETER_RESUME | 1u << PARAMETER_LAST |                     \
     1u << PARAMETER_LIMIT | 1u << PARAMETER_PREFACE | 1u << PARAMETER_TOKEN |                     \
     1u << PARAMETER_WAIT)
#define ROUTE_PUBLISHES                                                                            \
    (1u << PARAMETER_CHANNEL | 1u << PARAMETER_EVENT | 1u << PARAMETER_ID |                        \
     1u << PARAMETER_RETRY | 1u << PARAMETER_TOKEN | 1u << PARAMETER_END | 1u << PARAMETER_ALL |   \
     1u << PARAMETER_COUNT)

struct handler;

/* What is done at a path, for those who decide whether it may be. */
enum route_act {
    ACT_LOOK, /* nothing that concerns a channel: the page, health, statistics */
    ACT_SUBSCRIBE,
    ACT_PUBLISH,
};

/* One path and what is served there. Immutable. */
struct route_row {
    const char *path;
    enum route_name name;    /* which switches it on and off */
    bool has_rest;           /* "/path/REST" is this route, too, and REST is a channel */
    bool rest_is_subscriber; /* instead */
    bool json_errors;        /* errors of this path are JSON */
    enum route_act act;
    bool always; /* answered although the server has as many connections as it may */
    const struct route_methods *methods;
    unsigned parameters;   /* a bit for each enum route_parameter it uses */
    const char *only;      /* their names, where others are refused, "" none; NULL: ignored */
    unsigned channels_min; /* 0 or 1 */
    unsigned channels_max; /* 1 or SUBSCRIBER_CHANNELS_MAX */
    const char *channel;   /* one that the path itself means, if no default is set; NULL: none */
    const struct handler *handler;
};

struct route_table {
    const struct route_row *rows;
    unsigned count;
    const struct route_row *streams, *publishes; /* what a path of the operator's is; may be NULL */
};

/* What is served of a table, and how. */
struct route_rules {
    unsigned names;        /* a bit for each enum route_name; the other rows are not there (404) */
    bool query_channels;   /* a query or a body may name channels, and not the path alone */
    unsigned channels_max; /* of a subscriber; SUBSCRIBER_CHANNELS_MAX at most */
    const struct paths *paths;   /* the operator's; NULL: none; both outlive every route */
    struct text default_channel; /* where none is named; empty: none */
};

extern const struct route_rules route_rules_usual; /* all, by the query too */

enum route_kind {
    ROUTE_FOUND,
    ROUTE_OPTIONS, /* of a known path; `allow` is set */
    ROUTE_REFUSED,
};

/* What a yes/no parameter says. */
enum route_choice { CHOICE_NONE, CHOICE_YES, CHOICE_NO };

/* A row that allows GET allows HEAD: whoever answers leaves out the body (and starts no stream). */
struct route {
    enum route_kind kind;
    const struct route_row *row; /* NULL: unknown path, or `*` */
    int status;                  /* ROUTE_REFUSED: 400, 404, 405 or 414 */
    const char *sentence;        /* ROUTE_REFUSED: one plain sentence, here or static */
    const char *allow;           /* the path's methods, "GET, HEAD, OPTIONS"; NULL: unknown path */
    bool json_errors;            /* of the row */
    unsigned channel_count;
    unsigned channels_most; /* of this route */
    struct text *channels;  /* checked by frame_check_channel, no two alike; they lie in here */
    /* subscribe */
    bool has_resume;    /* the query has a last-event-id that is not empty (the header beats it) */
    struct text resume; /* as the client gave it, valid or not */
    uint32_t last;      /* 0: not given */
    uint32_t limit;     /* 0: never ends */
    enum route_choice preface;
    struct text token; /* of access_token; `at` NULL: not given */
    bool polls;        /* wait is given */
    uint32_t wait_ms;  /* 0: `no` */
    /* publish; `event` and `id` are valid UTF-8, frame_new checks the rest */
    struct text event;
    struct text id;
    int64_t retry_ms; /* -1: not given */
    bool ends;        /* the channel */
    bool all;         /* to all; then there is no channel */
    bool counts;      /* the answer says how many subscribers there are */
    /* the administration; not checked, and `at` NULL: not given */
    struct text subscriber, after;
    /* route.c's own: room for the sentence that names a parameter. */
    char unknown[192];
    /* And the decoded text; decoding never lengthens, so the largest target fits, and with it what
     * a mapping adds. */
    size_t scratch_len;
    char scratch[TARGET_BYTES_MAX + CHANNEL_BYTES_MAX];
    struct text room[SUBSCRIBER_CHANNELS_MAX]; /* of the channels; a copy's lies behind its text */
};

/* Fills all of the route but the scratch room that it does not need. `target` is borrowed for the
 * call. */
void route_match(const struct route_table *table, const struct route_rules *rules,
                 enum http_method method, struct text target, struct route *ret_route);

/* What of a target may be shown to others than its client: the path as it came, without what may
 * hold a secret (a query, a fragment, who is named in front of a host). Empty: it has none. */
struct text route_path(struct text target);

/* What a body says may be said as in a query: the row of a name, of those in `mask` (bits for each
 * enum route_parameter), or NULL; and taking a value, decoded, which then is borrowed by the route.
 * False: it is refused. */
struct route_parameter_row {
    const char *name;
    enum route_parameter parameter;
    const char *twice; /* what is said if it comes twice; NULL: it may */
};
const struct route_parameter_row *route_parameter_find(unsigned mask, struct text name);
MUST_USE bool route_take(struct route *route, enum route_parameter parameter, struct text value);

/* Whether its stream is to have no block without data; `preface` is what is usual. */
static inline bool route_is_bare(const struct route *route, bool preface)
{
    return route->preface == CHOICE_NONE ? !preface : route->preface == CHOICE_NO;
}
