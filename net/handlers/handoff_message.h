/* SPDX-License-Identifier: MIT */
/*
 * What comes over the hand-off socket with a descriptor: one hand-over (net/handover.h), as a JSON
 * object or as the lines that stand in a block of the feed.
 *
 * In JSON each name is a member: a string, or an array of strings where it may come again; numbers
 * are numbers or strings, and null is as good as nothing. A name that there is not is a fault, for
 * it was meant to say something.
 *
 * Pure but for what jansson allocates; acceptor threads.
 */
#pragma once

#include <jansson.h>

#include "net/feed/event_text.h"
#include "net/handlers/json_text.h"
#include "net/handover.h"

struct handoff_message {
    struct handover handover;
    struct event_text grammar; /* of lines, which lie here */
    json_t *json;              /* of an object, whose texts lie here; NULL: it is none */
    char error[JSON_ERROR_BYTES];
};

/* The text is borrowed until the end. What is wrong with it is the hand-over's fault. */
void handoff_message_read(struct handoff_message *message, struct text text);
void handoff_message_deinit(struct handoff_message *message);
