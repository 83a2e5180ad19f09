/* SPDX-License-Identifier: MIT */
/* The public face of notes (lib/notes.h): what is asked of the arguments, and struct sizes. */
#include "lib/event.h"
#include "lib/instance.h"
#include "lib/notes.h"

/* An engine that was started has them until it is freed. */
static int find(const struct fanfare *fanfare, struct notes **ret_notes)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    /* pairs: fanfare_start's release; one that was stopped without having run has none either */
    int state = atomic_load_explicit(&fanfare->state, memory_order_acquire);
    *ret_notes = state == INSTANCE_NEW ? NULL : fanfare->notes;
    return *ret_notes ? 0 : -ESHUTDOWN;
}

int fanfare_note_next(struct fanfare *fanfare, struct fanfare_note *note, int timeout_ms)
{
    struct notes *notes;
    struct fanfare_note told;
    size_t size;
    int r = find(fanfare, &notes);
    if (r < 0)
        return r;
    if (struct_size(note, sizeof(told), &size) < 0 || timeout_ms < FANFARE_FOREVER)
        return -EINVAL;
    r = notes_next(notes, &told, timeout_ms);
    if (r != 1)
        return r;
    /* What a newer program has room for, and this library does not know, is 0. */
    memset((char *)note + sizeof(told), 0, size - sizeof(told));
    *note = told;
    note->size = size;
    return 1;
}

int fanfare_note_fd(const struct fanfare *fanfare)
{
    struct notes *notes;
    int r = find(fanfare, &notes);
    return r < 0 ? r : notes_fd(notes);
}

int fanfare_subscriber_text(struct fanfare *fanfare, uint64_t subscriber, const char *item,
                            char *text, size_t size)
{
    struct notes *notes;
    int r = find(fanfare, &notes);
    if (r < 0)
        return r;
    if (!item || (!text && size > 0))
        return -EINVAL;
    return notes_text(notes, subscriber, item, text, size);
}
