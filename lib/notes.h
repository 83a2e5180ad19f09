/* SPDX-License-Identifier: MIT */
/*
 * Notes: what the engine has to tell the program that embeds it, until that fetches it
 * (fanfare_note_next).
 *
 * There is no queue that could overflow, and a note costs no memory of its own: each subscriber has
 * a seat (engine/seat.h), made before it is handed over, and that is its note, with two flags and a
 * link. It is listed while there is something to tell of it: that it has joined, that it has left,
 * or both, in this order.
 *
 * States of a seat: handed over -> joined -> left -> told -> gone. One whose stream never was (its
 * worker refused it) goes from handed over to left, which is told of an adopted one alone. Until it
 * is told that a subscriber has left its place counts as taken (`most`), so who does not fetch runs
 * out of places for new ones, and delivers to the others all the same. Its texts stay until the
 * thread that was told comes for its next note.
 *
 * The descriptor is readable exactly while a note is there. Both change under one lock: whoever
 * adds the first or takes the last moves the eventfd's count between 0 and 1 before it lets go, so
 * nobody can see the one without the other, in whatever order they come. That costs a worker a
 * system call for a note that finds none before it, and none else; it holds the lock for some
 * instructions. Threads that wait inside the library wait for a condition of the same lock and not
 * for the descriptor, so they can be told that there will be none any more.
 *
 * notes_new, notes_stop, notes_limit and notes_free belong to the owner's thread, all else to any.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "engine/base/list.h"
#include "engine/hub.h"
#include "engine/seat.h"
#include "fanfare.h"
#include "net/usher.h"

struct notes;

/* What is told, embedded in what it is told of. Zeroed it is in no list. */
struct note_item {
    struct link link;
    struct fanfare_request *request; /* NULL: of a subscriber, which is this file's own */
};

/* With `streams` who comes and goes is told, of at most `most` that are there or not told of yet.
 * -ENOMEM, -EMFILE, -ENFILE. The hub outlives it. */
MUST_USE int notes_new(struct hub *hub, bool streams, uint32_t most, struct notes **ret_notes);
/* After a reload. */
void notes_limit(struct notes *notes, uint32_t most);
/* Nothing else is to come: the last note is that, behind all that are there. */
void notes_stop(struct notes *notes);
/* Of a hub that is stopped; no request is listed, and nobody waits. Takes NULL; returns NULL. */
struct notes *notes_free(struct notes *notes);

/* --- requests ------------------------------------------------------------------------------- */

/* It is the program's to answer once it is fetched. The item is borrowed until then. */
void notes_post(struct notes *notes, struct note_item *item);
/* True: it was not fetched, and will not be. */
bool notes_withdraw(struct notes *notes, struct note_item *item);

/* --- subscribers ---------------------------------------------------------------------------- */

/* Makes a seat for each stream, if they are told. The end of an adopted one is told even if
 * it never joined, since somebody was told that it is taken. */
const struct usher *notes_usher(const struct notes *notes);

/* --- fetching ------------------------------------------------------------------------------- */

/* 1, 0, or -ESHUTDOWN: the last one was fetched. fanfare_note_next, but for its checks. */
int notes_next(struct notes *notes, struct fanfare_note *ret_note, int timeout_ms);
int notes_fd(const struct notes *notes);
/* fanfare_subscriber_text. -ENOENT, else the length. */
int notes_text(struct notes *notes, uint64_t subscriber, const char *item, char *text, size_t size);
/* How many there are to be fetched. */
uint64_t notes_waiting(const struct notes *notes);
