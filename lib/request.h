/* SPDX-License-Identifier: MIT */
/*
 * Requests that the program is asked about: the public face of net/host.h.
 *
 * A struct fanfare_request is net's struct host_request under another name. The hook is called
 * through here, so that what a program must not do inside it (wait) is known by the thread.
 */
#pragma once

#include "lib/instance.h"

/* What the server is to be told of `hook` and `ask_kinds`: NULL where the program wants to know of
 * no request. Valid as long as the engine. The owner's thread. */
const struct host_hook *request_hook(struct fanfare *fanfare);
