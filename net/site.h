/* SPDX-License-Identifier: MIT */
/*
 * What the operator makes of the server for his own front ends: paths of his choice, the channel
 * that is meant where none is named, lines in the heads of answers, a
 * page.
 *
 * Made from the options, checked, and immutable from then on; shared by reference count, and a
 * reload makes a new one. Any thread.
 */
#pragma once

#include <stdatomic.h>

#include "engine/limits.h"
#include "net/http/head_lines.h"
#include "net/http/paths.h"
#include "net/page_file.h"

/* Borrowed for the call of site_new. */
struct site_options {
    const char *default_channel; /* NULL: none */
    const char *const *paths;    /* as paths_new takes them */
    unsigned path_count;
    struct head_lines_options lines;
    const char *page; /* a file; NULL: none */
};

struct site {
    _Atomic unsigned references;
    struct paths *paths;      /* NULL: none */
    struct head_lines *lines; /* NULL: none */
    struct page_file page;
    struct text default_channel; /* lies in: */
    char channel[CHANNEL_BYTES_MAX];
};

/* 0, -ENOMEM, or another negative errno with one sentence in `error`. */
MUST_USE int site_new(const struct site_options *options, struct site **ret_site, char *error,
                      size_t error_size);
struct site *site_ref(struct site *site);
/* Takes NULL; returns NULL. */
struct site *site_unref(struct site *site);
