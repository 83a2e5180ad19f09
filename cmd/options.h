/* SPDX-License-Identifier: MIT */
/*
 * The commands and their options: one table each, from which the parser, --help, the environment,
 * the configuration file and every fault come, and the settings that the tables fill.
 *
 * What a default is, or may be, is written in the table and nowhere else in `cmd`; a test compares
 * the table with hub_options_default and server_options_default, which serve embedders.
 *
 * The tables are in cmd/options_NAME.c, one for each command; those of the engine that `serve` runs
 * are the library's (lib/options.h).
 *
 * Main thread only. Strings in the settings are borrowed from the arguments, the environment or the
 * parse that filled them.
 */
#pragma once

#include "lib/admin_place.h"
#include "cmd/ctl_verb.h"
#include "cmd/parse.h"
#include "lib/options.h"

struct serve_settings {
    struct settings base; /* the engine's own; feed NULL: the usual place (cmd/socket_path.h) */
    const char *config;
    const char *log;                   /* a file to append to, NULL: standard error */
    char admin[ADMIN_PLACE_BYTES + 8]; /* where base.admin leaves it to us */
    bool admin_usual;
    bool check;
};

struct pub_settings {
    const char *feed;       /* NULL: where the server usually puts it */
    const char *url;        /* NULL: publish over the feed */
    const char *token_file; /* NULL: none */
    const char *event;
    const char *id;
    int64_t retry_ms; /* -1: none */
    bool end;
    bool all;
    bool verbose;
};

struct sub_settings {
    const char *url;
    const char *token_file; /* NULL: none */
    const char *since;      /* an id, NULL: from now on */
    uint32_t last;
    uint32_t limit; /* 0: never ends */
    bool json;
    bool raw;
};

/* Each is one flag: more than anybody types. */
#define TOKEN_PATTERNS_MAX 256

struct token_settings {
    const char *key_file;
    unsigned algorithm; /* net/access/algorithm.h */
    const char *subscribe[TOKEN_PATTERNS_MAX];
    unsigned subscribe_count;
    const char *publish[TOKEN_PATTERNS_MAX];
    unsigned publish_count;
    int64_t expires_s; /* 0: never */
    bool explain;      /* else: make */
    bool has_algorithm;
};

struct ctl_settings {
    const char *admin;      /* NULL: the usual place */
    const char *token_file; /* NULL: none */
    bool json;
    struct admin_place place;
    enum ctl_verb verb;
};

extern const struct command command_serve, command_pub, command_sub, command_ctl, command_token;

#define COMMAND_COUNT 5
extern const struct command *const commands[COMMAND_COUNT];

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* Before parse_run: zero, but where that would be a wish. */
void serve_settings_begin(struct serve_settings *settings);
/* Fills what has no constant default (threads by core) and checks what one row cannot. 0, or
 * PARSE_FAULT with a sentence in parse->error. After parse_run. */
MUST_USE int serve_settings_finish(struct serve_settings *settings, struct parse *parse);

/* What their rows cannot say alone; results as above. */
MUST_USE int pub_settings_finish(const struct pub_settings *settings, struct parse *parse);
MUST_USE int sub_settings_finish(const struct sub_settings *settings, struct parse *parse);
MUST_USE int ctl_settings_finish(struct ctl_settings *settings, struct parse *parse);
MUST_USE int token_settings_finish(struct token_settings *settings, struct parse *parse);

/* Prints the settings that hold as a configuration file, each with the place it comes from. */
void serve_settings_print(const struct parse *parse);
