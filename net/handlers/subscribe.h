/* SPDX-License-Identifier: MIT */
/*
 * Subscribing: the socket goes to a worker, which answers from then on.
 *
 * A GET is acted on when its head is complete, a POST or a QUERY when its body is, which may say
 * what a query does (subscribe_body.h); a HEAD is answered here, with the head that the stream
 * would have. Belongs to the acceptor's thread.
 */
#pragma once

#include "net/handler.h"

extern const struct handler subscribe_handler;
