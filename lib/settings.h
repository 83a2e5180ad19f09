/* SPDX-License-Identifier: MIT */
/*
 * What an engine is set up with: the values that the option tables (lib/options.h) fill, and what
 * follows from them.
 *
 * Life: settings_begin -> the rows are stored (lib/value.h) -> settings_finish, once -> plain
 * values from then on. Texts are borrowed from who stored them. Pure, but that settings_finish asks
 * what the machine allows. One thread.
 */
#pragma once

#include "engine/options.h"
#include "lib/admin_place.h"
#include "net/server_options.h"

struct settings {
    struct hub_options hub;
    struct server_options server;
    const char *feed;                         /* a path; NULL or "none": there is no feed */
    const char *handoff;                      /* likewise, the hand-off socket's */
    const char *admin;                        /* words of lib/admin_place.h; NULL: there is none */
    const char *access_log;                   /* a file to append to; NULL: none is written */
    char admin_listen[ADMIN_PLACE_BYTES + 8]; /* and what server.admin is of them */
    const char *ask;                          /* words of lib/ask.h; NULL: none */
    unsigned ask_kinds;                       /* and what they are */
    bool notes;                               /* who comes and goes is told */
    uint32_t descriptors_kept;                /* for the program around it */
    bool memory_usual;                        /* hub.memory_max comes from the machine */
};

/* Zero, but where that would be a wish. */
void settings_begin(struct settings *settings);
/* Fills what has no constant default (threads by core, memory) and checks what one row cannot. 0,
 * or -EINVAL with a sentence in `error`. */
MUST_USE int settings_finish(struct settings *settings, char *error, size_t error_size);
