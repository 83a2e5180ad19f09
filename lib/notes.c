/* SPDX-License-Identifier: MIT */
/*
 * The list of notes, its descriptor, and the subscribers by their ids: see notes.h.
 *
 * One lock for all of it, and nothing under it that waits. The index has a place for each that may
 * be there, in address space that is touched as they come: it never grows, so to join cannot fail
 * for it.
 *
 * Length: one lock, and all that it guards.
 */
#include "lib/notes.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/heap.h"
#include "engine/base/wake.h"
#include "engine/limits.h"
#include "lib/left.h"

#define INDEX_BITS_MAX 24

struct note_seat {
    struct seat seat; /* first */
    struct note_item item;
    struct notes *notes;
    struct note_seat *next; /* of its place in the index */
    size_t bytes;           /* counted against memory_max */
    uint64_t subscriber, tag, began_at, cursor;
    int64_t began_ns, ended_ns;
    enum close_reason reason;
    enum seat_resume resume;
    bool adopted, joined, join_untold;
    pthread_t holder; /* who was told that it has left */
    size_t channels_len, peer_len;
    char texts[]; /* its channels, one a line, and its peer */
};

struct notes {
    struct hub *hub;
    int fd;
    struct usher usher;
    /* Relaxed: they bound and are read; what they count is ordered by the lock. */
    _Atomic uint32_t most, held;
    _Atomic uint64_t waiting;
    pthread_mutex_t lock; /* for all that follows */
    pthread_cond_t there;
    struct link items; /* oldest first */
    struct link told;  /* seats of who has left, while whoever was told may ask for their texts */
    unsigned told_count;
    bool readable; /* the descriptor */
    bool stopped, stop_told;
    struct note_seat **index;
    uint32_t index_mask;
};

/* --- life ----------------------------------------------------------------------------------- */

static size_t index_bytes(const struct notes *notes)
{
    return ((size_t)notes->index_mask + 1) * sizeof(struct note_seat *);
}

static int make_index(struct notes *notes, uint32_t most)
{
    unsigned bits = 6;
    while (bits < INDEX_BITS_MAX && UINT32_C(1) << bits < most)
        bits++;
    notes->index_mask = (UINT32_C(1) << bits) - 1;
    void *at = mmap(NULL, index_bytes(notes), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    notes->index = at;
    return 0;
}

static int make_seat(void *context, const struct usher_stream *stream, struct seat **ret_seat);
static uint64_t count_waiting(const void *context);

int notes_new(struct hub *hub, bool streams, uint32_t most, struct notes **ret_notes)
{
    struct notes *notes = calloc(1, sizeof(*notes));
    if (!notes)
        return -ENOMEM;
    notes->hub = hub;
    notes->usher = (struct usher){streams ? make_seat : NULL, count_waiting, notes};
    atomic_init(&notes->most, most);
    list_init(&notes->items);
    list_init(&notes->told);
    pthread_condattr_t attributes;
    pthread_mutex_init(&notes->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&notes->there, &attributes);
    pthread_condattr_destroy(&attributes);
    notes->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int r = notes->fd < 0 ? -errno : streams ? make_index(notes, most) : 0;
    if (r < 0) {
        notes_free(notes);
        return r;
    }
    *ret_notes = notes;
    return 0;
}

static void seat_free(struct note_seat *seat)
{
    hub_count_memory(seat->notes->hub, -(int64_t)seat->bytes);
    free(seat);
}

static struct note_seat *seat_of_item(struct note_item *item)
{
    return LINK_OWNER(item, struct note_seat, item);
}

static struct note_item *first_item(const struct link *list)
{
    return LINK_OWNER(list->next, struct note_item, link);
}

struct notes *notes_free(struct notes *notes)
{
    struct link *const lists[] = {notes ? &notes->items : NULL, notes ? &notes->told : NULL};
    if (!notes)
        return NULL;
    for (unsigned i = 0; i < 2; i++)
        while (!list_is_empty(lists[i])) {
            struct note_item *item = first_item(lists[i]);
            CHECK(!item->request);
            list_remove(&item->link);
            seat_free(seat_of_item(item));
        }
    if (notes->index)
        munmap(notes->index, index_bytes(notes));
    if (notes->fd >= 0)
        close(notes->fd);
    pthread_cond_destroy(&notes->there);
    pthread_mutex_destroy(&notes->lock);
    free(notes);
    return NULL;
}

/* --- the list and its descriptor: with the lock --------------------------------------------- */

static bool is_any(const struct notes *notes)
{
    return !list_is_empty(&notes->items) || (notes->stopped && !notes->stop_told);
}

/* The descriptor follows the list, before the lock is let go; a program that has read it, whatever
 * the header says, has only emptied it. */
static void settle(struct notes *notes)
{
    bool any = is_any(notes);
    if (any == notes->readable)
        return;
    notes->readable = any;
    if (any)
        wake_add(notes->fd);
    else
        wake_take(notes->fd);
}

/* One more note of it; it may be listed for the one before. */
static void add(struct notes *notes, struct note_item *item)
{
    atomic_fetch_add_explicit(&notes->waiting, 1, memory_order_relaxed);
    if (!link_is_listed(&item->link))
        list_add(&notes->items, &item->link);
    settle(notes);
    pthread_cond_signal(&notes->there);
}

void notes_post(struct notes *notes, struct note_item *item)
{
    CHECK(item->request);
    pthread_mutex_lock(&notes->lock);
    add(notes, item);
    pthread_mutex_unlock(&notes->lock);
}

bool notes_withdraw(struct notes *notes, struct note_item *item)
{
    pthread_mutex_lock(&notes->lock);
    bool listed = link_is_listed(&item->link);
    list_remove(&item->link);
    if (listed)
        atomic_fetch_sub_explicit(&notes->waiting, 1, memory_order_relaxed);
    settle(notes);
    pthread_mutex_unlock(&notes->lock);
    return listed;
}

void notes_stop(struct notes *notes)
{
    pthread_mutex_lock(&notes->lock);
    if (!notes->stopped)
        atomic_fetch_add_explicit(&notes->waiting, 1, memory_order_relaxed);
    notes->stopped = true;
    settle(notes);
    pthread_cond_signal(&notes->there);
    pthread_mutex_unlock(&notes->lock);
}

void notes_limit(struct notes *notes, uint32_t most)
{
    atomic_store_explicit(&notes->most, most, memory_order_relaxed);
}

uint64_t notes_waiting(const struct notes *notes)
{
    return atomic_load_explicit(&notes->waiting, memory_order_relaxed);
}

int notes_fd(const struct notes *notes)
{
    return notes->fd;
}

/* --- subscribers ---------------------------------------------------------------------------- */

/* Ids are a counter above the worker in their low 8 bits. */
static struct note_seat **place_of(struct notes *notes, uint64_t subscriber)
{
    return &notes->index[(subscriber >> 8) & notes->index_mask];
}

static void give_place(struct notes *notes)
{
    atomic_fetch_sub_explicit(&notes->held, 1, memory_order_relaxed);
}

static void taken(struct seat *base, const struct seat_begin *begin)
{
    struct note_seat *seat = (struct note_seat *)base;
    struct notes *notes = seat->notes;
    struct note_seat **place = place_of(notes, begin->subscriber);
    seat->began_ns = clock_ns();
    pthread_mutex_lock(&notes->lock);
    seat->subscriber = begin->subscriber;
    seat->began_at = begin->cursor;
    seat->resume = begin->resume;
    seat->joined = seat->join_untold = true;
    seat->next = *place;
    *place = seat;
    add(notes, &seat->item);
    pthread_mutex_unlock(&notes->lock);
}

static void leave(struct seat *base, const struct seat_end *end)
{
    struct note_seat *seat = (struct note_seat *)base;
    struct notes *notes = seat->notes;
    if (!seat->joined && (!seat->adopted || end->reason == CLOSE_NONE)) {
        give_place(notes);
        seat_free(seat);
        return;
    }
    int64_t now_ns = clock_ns();
    pthread_mutex_lock(&notes->lock);
    if (!seat->joined) {
        seat->subscriber = end->subscriber;
        seat->began_ns = now_ns;
    }
    seat->ended_ns = now_ns;
    seat->reason = end->reason;
    seat->cursor = end->cursor;
    add(notes, &seat->item);
    pthread_mutex_unlock(&notes->lock);
}

static char *put(char *at, struct text text)
{
    if (text.len > 0)
        memcpy(at, text.at, text.len);
    return at + text.len;
}

static int make_seat(void *context, const struct usher_stream *stream, struct seat **ret_seat)
{
    struct notes *notes = context;
    char peer[ADDRESS_TEXT_ROOM];
    address_write(stream->peer, peer);
    size_t peer_len = strlen(peer);
    size_t channels_len = stream->channel_count - 1; /* between the lines */
    for (unsigned i = 0; i < stream->channel_count; i++)
        channels_len += stream->channels[i].len;
    size_t size = sizeof(struct note_seat) + channels_len + peer_len;
    size_t bytes = heap_bytes(size) + sizeof(struct note_seat *);
    if (atomic_fetch_add_explicit(&notes->held, 1, memory_order_relaxed) >=
        atomic_load_explicit(&notes->most, memory_order_relaxed)) {
        give_place(notes);
        return HUB_FULL;
    }
    bool may = hub_connections_may_hold(notes->hub, bytes, false);
    struct note_seat *seat = may ? malloc(size) : NULL;
    if (!seat) {
        give_place(notes);
        return may ? -ENOMEM : HUB_NO_MEMORY;
    }
    *seat = (struct note_seat){.seat = {.taken = taken, .leave = leave},
                               .notes = notes,
                               .bytes = bytes,
                               .tag = stream->tag,
                               .adopted = stream->adopted,
                               .channels_len = channels_len,
                               .peer_len = peer_len};
    char *at = seat->texts;
    for (unsigned i = 0; i < stream->channel_count; i++) {
        if (i > 0)
            at = put(at, TEXT("\n"));
        at = put(at, stream->channels[i]);
    }
    put(at, (struct text){peer, peer_len});
    hub_count_memory(notes->hub, (int64_t)bytes);
    *ret_seat = &seat->seat;
    return 0;
}

static uint64_t count_waiting(const void *context)
{
    return notes_waiting(context);
}

const struct usher *notes_usher(const struct notes *notes)
{
    return &notes->usher;
}

/* --- fetching: with the lock ---------------------------------------------------------------- */

/* Nobody asks for its texts any more: out of the index, and onto `gone`. */
static void let_go(struct notes *notes, struct note_seat *seat, struct note_seat **gone)
{
    list_remove(&seat->item.link);
    notes->told_count--;
    struct note_seat **place = place_of(notes, seat->subscriber);
    while (seat->joined && *place != seat)
        place = &(*place)->next;
    if (seat->joined)
        *place = seat->next;
    seat->next = *gone;
    *gone = seat;
}

/* Those that this thread was told of. */
static void let_go_own(struct notes *notes, struct note_seat **gone)
{
    struct link *link = notes->told.next;
    while (link != &notes->told) {
        struct note_seat *seat = seat_of_item(LINK_OWNER(link, struct note_item, link));
        link = link->next;
        if (pthread_equal(seat->holder, pthread_self()))
            let_go(notes, seat, gone);
    }
}

static void tell_stream(struct notes *notes, struct note_seat *seat, struct fanfare_note *ret_note,
                        struct note_seat **gone)
{
    ret_note->subscriber = seat->subscriber;
    ret_note->tag = seat->tag;
    if (seat->join_untold) {
        seat->join_untold = false;
        ret_note->kind = FANFARE_NOTE_JOINED;
        ret_note->sequence = seat->began_at;
        if (seat->reason) /* it has left meanwhile */
            list_add(&notes->items, &seat->item.link);
        return;
    }
    ret_note->kind = FANFARE_NOTE_LEFT;
    ret_note->reason = left_of(seat->reason);
    ret_note->sequence = seat->cursor;
    ret_note->duration_ms = (uint64_t)(seat->ended_ns - seat->began_ns) / 1000000;
    seat->holder = pthread_self();
    list_add(&notes->told, &seat->item.link);
    give_place(notes);
    if (++notes->told_count > NOTES_TOLD_MAX)
        let_go(notes, seat_of_item(first_item(&notes->told)), gone);
}

static int take(struct notes *notes, struct fanfare_note *ret_note, struct note_seat **gone)
{
    if (!is_any(notes))
        return 0;
    *ret_note = (struct fanfare_note){.size = sizeof(*ret_note)};
    atomic_fetch_sub_explicit(&notes->waiting, 1, memory_order_relaxed);
    if (list_is_empty(&notes->items)) {
        ret_note->kind = FANFARE_NOTE_STOPPED;
        notes->stop_told = true;
        pthread_cond_broadcast(&notes->there);
        return 1;
    }
    struct note_item *item = first_item(&notes->items);
    list_remove(&item->link);
    if (item->request) {
        ret_note->kind = FANFARE_NOTE_REQUEST;
        ret_note->request = item->request;
    } else {
        tell_stream(notes, seat_of_item(item), ret_note, gone);
    }
    return 1;
}

static void unlock(void *notes)
{
    pthread_mutex_unlock(&((struct notes *)notes)->lock);
}

/* True: it is over. Here alone a thread that waits may be cancelled. */
static bool wait(struct notes *notes, const struct timespec *until)
{
    int r;
    pthread_cleanup_push(unlock, notes);
    r = until ? pthread_cond_timedwait(&notes->there, &notes->lock, until)
              : pthread_cond_wait(&notes->there, &notes->lock);
    pthread_cleanup_pop(0);
    return r == ETIMEDOUT;
}

static struct timespec time_in(int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

static void free_all(struct note_seat *gone)
{
    while (gone) {
        struct note_seat *next = gone->next;
        seat_free(gone);
        gone = next;
    }
}

int notes_next(struct notes *notes, struct fanfare_note *ret_note, int timeout_ms)
{
    struct timespec until = {0};
    struct note_seat *gone = NULL;
    bool late = timeout_ms == 0;
    int r;
    if (timeout_ms > 0)
        until = time_in(timeout_ms);
    pthread_mutex_lock(&notes->lock);
    let_go_own(notes, &gone);
    pthread_mutex_unlock(&notes->lock);
    free_all(TAKE(gone)); /* before it may be cancelled */
    pthread_mutex_lock(&notes->lock);
    while ((r = take(notes, ret_note, &gone)) == 0 && !late && !notes->stop_told)
        late = wait(notes, timeout_ms > 0 ? &until : NULL);
    if (r == 0 && notes->stop_told)
        r = -ESHUTDOWN;
    settle(notes);
    pthread_mutex_unlock(&notes->lock);
    free_all(gone);
    return r;
}

/* --- texts ---------------------------------------------------------------------------------- */

static struct text text_named(const struct note_seat *seat, const char *item)
{
    static const char *const resumes[] = {
        [SEAT_ANEW] = "none", [SEAT_RESUMED] = "complete", [SEAT_GAP] = "gap"};
    if (strcmp(item, "channels") == 0)
        return (struct text){seat->texts, seat->channels_len};
    if (strcmp(item, "peer") == 0)
        return (struct text){seat->texts + seat->channels_len, seat->peer_len};
    if (strcmp(item, "resume") == 0)
        return text_of(resumes[seat->resume]);
    return (struct text){NULL, 0};
}

int notes_text(struct notes *notes, uint64_t subscriber, const char *item, char *text, size_t size)
{
    int r = -ENOENT;
    if (!notes->index)
        return r;
    pthread_mutex_lock(&notes->lock);
    const struct note_seat *seat = *place_of(notes, subscriber);
    while (seat && seat->subscriber != subscriber)
        seat = seat->next;
    struct text found = seat ? text_named(seat, item) : (struct text){NULL, 0};
    if (found.at) {
        size_t len = found.len < size ? found.len : size ? size - 1 : 0;
        if (len > 0)
            memcpy(text, found.at, len);
        if (size > 0)
            text[len] = '\0';
        r = (int)found.len;
    }
    pthread_mutex_unlock(&notes->lock);
    return r;
}
