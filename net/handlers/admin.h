/* SPDX-License-Identifier: MIT */
/*
 * The administration: what a running server says of its channels and subscribers, and how it is
 * steered. Who may ask is net/admin_check.h's; the requests are in docs/administration.md.
 *
 * Whatever is known or done by the workers is asked for as a question (net/question.h). Belongs to
 * the acceptor's thread.
 */
#pragma once

#include "net/handler.h"

extern const struct handler admin_channels, admin_subscribers, admin_explain, admin_kick;
