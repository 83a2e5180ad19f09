/* SPDX-License-Identifier: MIT */
/*
 * The server's address as a person gives it to pub and sub: scheme, host, port, and the prefix that
 * a proxy may put before our paths. Pure; main thread.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

/* False with a sentence in `error` if it cannot be one. The address of one of our own paths is none
 * (http://h/publish/news): with `/publish` behind it, it would mean the channel "news/publish". */
MUST_USE bool address_fits(const char *url, char *error, size_t error_size);
