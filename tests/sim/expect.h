/* SPDX-License-Identifier: MIT */
/*
 * The greeting that a client must get, worked out from docs/formats.md: where it starts,
 * what is gone, and how that is told. It looks at the worker only to learn how far it is and what
 * it has evicted; all else comes from the model.
 */
#pragma once

struct client;

void expect_greeting(struct client *client);
