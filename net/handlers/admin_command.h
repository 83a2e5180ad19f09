/* SPDX-License-Identifier: MIT */
/*
 * Commands of the administration that have a place in the order of events: to close a channel, and
 * to end everybody's stream. One that finds no room waits like a publish, for --publish-wait.
 *
 * Belongs to the acceptor's thread. Whether there is such a channel is looked at before (admin.c).
 */
#pragma once

#include "net/client.h"

/* Each answers 204 once it has its place, or 503; WAITING: client->pending is set, in place of what
 * the request waited for before. */
enum handler_result admin_command_close(struct client *client, struct text channel);
enum handler_result admin_command_kick(struct client *client);
