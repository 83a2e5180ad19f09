/* SPDX-License-Identifier: MIT */
/*
 * A request that waits for what the workers say (engine/control.h), without anybody else waiting.
 *
 * States: asked (client->pending is set) -> answered, by the function that was given with it, on
 * the acceptor's thread. A client that leaves takes its question out of the queue, or has its
 * answer thrown away when it comes. Who waits longer than QUESTION_MS is answered 503.
 *
 * When the answer comes nothing of the request but its head is left: what is needed stands in the
 * control's own request. Belongs to the acceptor's thread.
 */
#pragma once

#include "engine/control.h"
#include "net/client.h"

/* `request` is borrowed for the call, but for its frame, which is taken over; its `done` and
 * `context` are set here. WAITING, or ANSWERED:
 * it could not be asked. `answer` gets a control that is done, with a result that is not negative,
 * borrowed for its call. */
MUST_USE enum handler_result
question_ask(struct client *client, const struct control_request *request,
             enum handler_result (*answer)(struct client *client, struct control *control));
