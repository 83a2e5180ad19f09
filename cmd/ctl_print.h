/* SPDX-License-Identifier: MIT */
/*
 * What `fanfare ctl` shows people of a server's answers: tables whose columns stay where they are
 * from page to page, since a list is printed as it comes; so what can be long stands last.
 *
 * Names are strangers' and are made fit for a terminal (lib/terminal.h). An answer that lacks a
 * member shows `-` for it. Main thread; prints on stdout.
 */
#pragma once

#include <jansson.h>

void ctl_print_channels_head(void);
void ctl_print_channels(const json_t *list);
void ctl_print_subscribers_head(void);
void ctl_print_subscribers(const json_t *list);
/* What became of an event, in words. */
void ctl_print_explanation(const json_t *object);
/* An object, a line for each of its members; those of objects in it behind their name. */
void ctl_print_object(const json_t *object);
