/* SPDX-License-Identifier: MIT */
/*
 * An HTTP publish: the body becomes frames, the frames are published whole or not at all, and the
 * answer says their ids.
 *
 * States of a request: decoded -> published and answered 200, or refused and answered, or waiting
 * for room (at most publish_wait_ms, in the acceptor's queue) and then one of the two. While it
 * waits the frames are its own; once they are the hub's nothing of them may be looked at.
 *
 * Belongs to the acceptor's thread.
 */
#pragma once

#include "net/handler.h"

extern const struct handler publish_handler;
/* POST /send, which says only that it was sent. */
extern const struct handler publish_send_handler;
