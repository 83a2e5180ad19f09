/* SPDX-License-Identifier: MIT */
/*
 * The check of tokens: whether the one that came with a request is good, and covers the channels
 * that are asked for.
 *
 *   none where one is needed, or a bad one   401, with WWW-Authenticate
 *   a good one that does not cover them all  403, whether there is such a channel or not
 *
 * Where an application is asked, too (authorize.h), it decides about requests without a token and
 * about those whose token is good and covers the channels of the URL.
 *
 * A token in a cookie counts only where a page of this server asks, or one of an origin that may
 * send cookies: the browser adds it whoever asks. Channels that stand in the body are asked for
 * later, by the handler. What is granted is client->grant from then on.
 *
 * Belongs to the acceptor's thread. The text of a token is compared and verified, and never kept,
 * told or logged.
 */
#pragma once

#include "net/client.h"
#include "net/verdict.h"

struct verdict token_check(struct client *client);

/* Whether the request may publish these frames. */
struct verdict token_check_frames(const struct client *client, struct frame *const *frames,
                                  unsigned count);
/* Whether it may read these channels. */
struct verdict token_check_channels(const struct client *client, const struct text *channels,
                                    unsigned count);
/* When the stream of this request has to end, on the clock; 0: never. */
int64_t token_ends_ns(const struct client *client);
