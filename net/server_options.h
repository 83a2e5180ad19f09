/* SPDX-License-Identifier: MIT */
/*
 * What can be said to a server about listening, limits and time, and what of it may be said again
 * while it runs (server_prepare in server.h). Plain values; texts are borrowed. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/limits.h"
#include "engine/rules.h"
#include "net/access/access.h"
#include "net/access/address.h"
#include "net/access/policy.h"
#include "net/access/token_list.h"
#include "net/site.h"

#define LISTEN_MAX 16 /* addresses of one server; picked by hand */

struct host_hook;

/* How a stream that cannot be had now is refused: see net/refusal.h. */
enum refuse_policy { REFUSE_RETRY, REFUSE_503 };

struct usher;

struct server_options {
    const char *listen[LISTEN_MAX]; /* "ADDR:PORT", "[V6]:PORT" or "unix:PATH", with
                                       options as in net/listen_spec.h; borrowed */
    unsigned listen_count;
    mode_t listen_mode;  /* of unix listeners: 0666, so that the directory decides */
    const char *routes;  /* words of net/http/route_names.h; NULL: all; borrowed */
    bool proxy_protocol; /* connections begin with a PROXY header, where a listener says nothing */
    /* Whom PROXY, X-Forwarded-For and Forwarded are believed from: access/address.h; borrowed */
    const char *trusted_proxy[ADDRESS_RANGES_MAX];
    unsigned trusted_proxy_count;
    bool query_channels;         /* channels may be named by the query, or a body, too */
    const char *default_channel; /* meant where none is named; NULL: none; borrowed */
    const char *path[PATHS_MAX]; /* "PATH=CHANNEL" as in net/http/paths.h; borrowed */
    unsigned path_count;
    const char *header[HEAD_LINES_MAX]; /* "NAME: VALUE", in all answers; borrowed */
    unsigned header_count;
    const char *stream_header[HEAD_LINES_MAX]; /* "PATTERN NAME: VALUE"; borrowed */
    unsigned stream_header_count;
    const char *page;    /* a file; NULL: the live page; borrowed */
    bool charset;        /* streams say that they are UTF-8, which they are anyway */
    const char *feed;    /* path of the feed socket; NULL: no feed; borrowed */
    mode_t feed_mode;    /* 0660 */
    int64_t feed_uid;    /* only this peer uid may publish; -1: any that the file mode lets in */
    int64_t feed_gid;    /* likewise by peer gid */
    bool feed_adopt;     /* feeds may hand connections over */
    const char *handoff; /* path of the hand-off socket; NULL: none; borrowed */
    mode_t handoff_mode; /* 0660 */
    int64_t handoff_uid, handoff_gid; /* likewise, of who may hand connections over */
    unsigned acceptors;               /* 1 to ACCEPTORS_MAX */
    uint32_t connections_max;         /* connections that are not subscribers, feeds included */
    uint32_t subscribers_max;
    uint32_t subscriber_channels_max; /* SUBSCRIBER_CHANNELS_MAX at most */
    uint32_t subscribers_per_address; /* of an IPv4 address or IPv6 /64; 0: any number */
    uint32_t subscribers_per_channel; /* where its rule says nothing else; 0: any number */
    const char *channel[RULES_MAX];   /* rules for channels: engine/rule.h; borrowed */
    unsigned channel_count;
    uint32_t connect_rate;     /* connections a second of an address; 0: any number */
    uint32_t body_max;         /* bytes of a publish body and of one event's data on the feed */
    uint32_t head_bytes_max;   /* HEAD_BYTES_MAX at most */
    uint32_t target_bytes_max; /* TARGET_BYTES_MAX at most */
    uint32_t head_timeout_ms;  /* to a connection's first byte, and from a request's
                                  first byte to the end of its head */
    uint32_t body_timeout_ms;
    uint32_t keep_alive_timeout_ms; /* a keep-alive connection without a request */
    uint32_t publish_wait_ms;       /* how long an HTTP publish waits for room before 503 */
    uint32_t peer_timeout_ms; /* a TCP client that acknowledges nothing for so long is gone; 0: when
                                 the kernel says so */
    uint32_t send_buffer;     /* SO_SNDBUF of a connection; 0: the kernel's own */
    uint32_t retry_ms;        /* as hub_options has it: for streams that cannot be had */
    enum refuse_policy refuse;
    bool preface; /* streams begin with `retry:` and an id, unless they ask otherwise */
    const char *authorize_url; /* asked for each subscriber and publish; NULL: nobody; borrowed */
    uint32_t authorize_timeout_ms; /* without an answer: 503 */
    uint32_t authorize_cache_s;    /* how long an answer holds; 0: for its request alone */
    const struct host_hook *hook;  /* whom the server runs in: net/host.h; NULL: nobody; borrowed */
    uint32_t decide_timeout_ms;    /* without its answer: 503 */
    /* Whose pages may read and publish, and which Host is served; borrowed; see access/policy.h. */
    const char *allow_origin[POLICY_ENTRIES_MAX]; /* "https://app.example", or "*" */
    unsigned allow_origin_count;
    bool allow_credentials;
    const char *allow_headers; /* words with commas or spaces between; NULL: the usual ones */
    const char *host[POLICY_ENTRIES_MAX]; /* NAME, NAME:PORT, or "*"; none: any */
    unsigned host_count;
    /* Who needs a token; borrowed; see access/access.h. */
    const char *publish_token_file; /* NULL: none */
    const char *jwt_key_file[ACCESS_KEY_FILES_MAX];
    unsigned jwt_key_file_count;
    enum algorithm jwt_algorithm;
    const char *jwt_jwks; /* a file or a URL; NULL: none */
    const char *anonymous[ACCESS_PATTERNS_MAX];
    unsigned anonymous_count;
    /* Where a running server is looked at and steered: as `listen`; NULL: nowhere; borrowed. Its
     * tokens: NULL: none is asked for. */
    const char *admin, *admin_token_file;
    const struct usher *usher;  /* net/usher.h; NULL: none; borrowed */
    bool keeps_journal;         /* whoever reads it: server_journal in server.h */
    uint32_t access_log_sample; /* one request of so many is noted there */
    bool publish_open; /* a listener that other machines reach may be published to by all of them */
};

#define SERVER_ADMIN_OPEN                                                                          \
    "admin %.100s: whoever reaches this address could steer the server; set "                      \
    "admin-token-file, or use unix:PATH or a loopback address"

void server_options_default(struct server_options *options);

/* What the options say about pages, hosts, tokens, channels and paths, with their files read. */
struct server_rules {
    struct policy *policy;
    struct rules *channels;
    struct access *access;           /* NULL: nobody needs a token */
    struct token_list *admin_tokens; /* NULL: none is asked for */
    struct site *site;
};

void server_rules_deinit(struct server_rules *rules);

/* 0, or a negative errno with one sentence that says what is wrong: a value, a file, or a listener
 * that would let everybody publish, or steer the server, where nobody has said so. `ret_rules`:
 * NULL if nobody wants to have them. */
MUST_USE int server_options_check(const struct server_options *options,
                                  struct server_rules *ret_rules, char *error, size_t error_size);
/* Where keys are to be fetched; NULL: nowhere. */
const char *server_options_jwks_url(const struct server_options *options);
/* The proxies that they trust, of options that were checked. */
void server_options_trusted(const struct server_options *options,
                            struct address_ranges *ret_ranges);
/* Takes over what may change while a server runs. */
void server_options_change(struct server_options *options, const struct server_options *other);
