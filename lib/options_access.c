/* SPDX-License-Identifier: MIT */
/* Who needs a token, and who is asked: rows of `serve`'s table, see lib/options.h. */
#include "lib/options.h"

static const struct option rows[] = {
    {.group = "Access",
     .name = "publish-token-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Tokens, one a line: publishing over HTTP needs one of them, as Authorization: Bearer "
             "TOKEN. Reading stays free, the feed too",
     .from = FROM_ANY,
     SETTING(server.publish_token_file)},
    {.name = "jwt-key-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help =
         "Publishing and reading over HTTP need a JWT signed with this key, whose claim fanfare "
         "says {\"subscribe\": [PATTERN...], \"publish\": [PATTERN...]}; a stream ends with its "
         "token. A secret of 32 bytes or more, or a public key in PEM; may be repeated, for "
         "rotation. SIGHUP reads it again",
     .from = FROM_ANY,
     SETTING(server.jwt_key_file),
     .list_max = ACCESS_KEY_FILES_MAX,
     .count_offset = offsetof(struct settings, server.jwt_key_file_count)},
    {.name = "jwt-algorithm",
     .type = VALUE_CHOICE,
     .shown = "NAME",
     .choices = ALGORITHM_CHOICES,
     .usual = "HS256",
     .help = "What the keys of --jwt-key-file are for; a token never chooses",
     .from = FROM_ANY,
     SETTING(server.jwt_algorithm)},
    {.name = "jwt-jwks",
     .type = VALUE_TEXT,
     .shown = "FILE|URL",
     .usual_said = "none",
     .help = "A JWK set (RFC 7517) with keys for the same tokens, each with its own alg and kid; a "
             "URL is fetched every five minutes, at SIGHUP, and for a kid that is not known",
     .from = FROM_ANY,
     SETTING(server.jwt_jwks)},
    {.name = "anonymous",
     .type = VALUE_TEXT,
     .shown = "PATTERN",
     .usual_said = "none",
     .help =
         "Channels that may be read without a token where there are keys; * is any run of bytes, "
         "also /; may be repeated",
     .from = FROM_ANY,
     SETTING(server.anonymous),
     .list_max = ACCESS_PATTERNS_MAX,
     .count_offset = offsetof(struct settings, server.anonymous_count)},
    {.name = "publish-open",
     .type = VALUE_FLAG,
     .usual = "no",
     .help = "Let everybody publish who reaches a --listen that is not loopback or unix; without "
             "this, tokens, keys or an application to ask the server does not start there",
     .from = FROM_ANY,
     SETTING(server.publish_open)},
    {.name = "authorize-url",
     .type = VALUE_TEXT,
     .shown = "URL",
     .usual_said = "none",
     .help = "Ask this application for each subscriber and each publish over HTTP: 2xx lets in, "
             "401, 403, 404 and 429 are passed on, all else is 503. http://, https:// or "
             "unix:SOCKET:/PATH",
     .from = FROM_ANY,
     .restart = true,
     SETTING(server.authorize_url)},
    {.name = "authorize-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "5",
     .help = "Time for its answer (else 503)",
     .from = FROM_ANY,
     SETTING(server.authorize_timeout_ms)},
    {.name = "authorize-cache",
     .type = VALUE_SECONDS,
     .shown = "SECONDS",
     .max = 24 * 3600,
     .usual = "0",
     .help = "Keep what it said of a credential, address and target for so long; 0: not at all. "
             "SIGHUP forgets it",
     .from = FROM_ANY,
     SETTING(server.authorize_cache_s)},
    {.name = "opaque-ids",
     .type = VALUE_FLAG,
     .usual = "no",
     .help = "Ids from which nobody can read how many events other channels had; comparing two "
             "says nothing either",
     .from = FROM_ANY,
     .restart = true,
     SETTING(hub.opaque_ids)},
};

const struct option_table options_access = {rows, sizeof(rows) / sizeof(rows[0])};
