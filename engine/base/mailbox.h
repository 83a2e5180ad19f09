/* SPDX-License-Identifier: MIT */
/*
 * A mailbox: messages from any thread to one owner, without a lock.
 *
 * A stack that producers push to and the owner empties whole, in the order of pushing. Nothing is
 * allocated: a message is embedded in what it brings, belongs to the mailbox from mailbox_post on
 * and to the owner once it is taken. A mailbox wakes nobody: whoever posts to an empty one is told
 * so and wakes the owner, by an eventfd or as inbox.h does it.
 *
 * Memory order. mailbox_post: the exchange of `newest` is a release, mailbox_take's an acquire, so
 * what a message brings is seen by its owner; each push is a read-modify-write, so a release goes
 * on through those on top of it, and the messages below are seen, too. No ABA: they are only ever
 * taken all at once, and a producer never follows a pointer that it read here.
 *
 * No wake is lost: a post that met messages is taken with them, by an owner that the first of their
 * producers has woken or will wake. An owner that is woken by an eventfd resets that before it
 * takes; then a post that comes after the look meets an empty mailbox and wakes again.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/base.h"

struct message {
    struct message *next;
    unsigned kind; /* for the owner to know what it is embedded in */
};

struct mailbox {
    _Atomic(struct message *) newest;
};

void mailbox_init(struct mailbox *mailbox);

/* Any thread. True: it was empty, and the owner is to be woken. */
bool mailbox_post(struct mailbox *mailbox, struct message *message);

/* The owner. All messages posted so far, oldest first; NULL if there is none. */
struct message *mailbox_take(struct mailbox *mailbox);
/* The owner's look before it sleeps: what counts is what comes after its own fence. */
bool mailbox_is_empty(const struct mailbox *mailbox);
