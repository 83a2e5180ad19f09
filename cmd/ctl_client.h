/* SPDX-License-Identifier: MIT */
/*
 * Requests of `fanfare ctl` to a server's administration: one after the other over one connection,
 * each with its answer read whole, and the sentence for whatever goes wrong.
 *
 * What answers may be anything that listens there, so its answer is bounded, and no redirect is
 * followed and no proxy used. Main thread; libcurl is begun and ended here.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "cmd/options.h"

struct ctl_client;

/* NULL, and it was told why not. */
MUST_USE struct ctl_client *ctl_client_new(const struct ctl_settings *settings);
/* Takes NULL; returns NULL. */
struct ctl_client *ctl_client_free(struct ctl_client *client);

/* One name and value of a query; the last of several has no name. */
struct ctl_parameter {
    const char *name, *value;
};

/* True: it was done; its answer is there until the next request. False, and it was told why not:
 * what the server said, or what kept it from saying anything. `body` may be NULL. */
MUST_USE bool ctl_client_ask(struct ctl_client *client, const char *method, const char *path,
                             const struct ctl_parameter *query, const char *body);
/* The answer's text. */
struct text ctl_client_text(const struct ctl_client *client);
/* And as JSON: an object of the caller's. NULL, and it was told: it is none. */
MUST_USE json_t *ctl_client_json(const struct ctl_client *client);
