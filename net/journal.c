/* SPDX-License-Identifier: MIT */
/*
 * Records and their mailbox: see journal.h.
 *
 * A seat is held by its stream, and by its first record until that was read: whoever is last frees
 * it. Its second record takes over what the stream held, or, if it does not fit, nobody does. Each
 * record counts all of it against JOURNAL_BYTES_MAX as long as it waits: what nobody reads takes
 * nothing from who is served.
 */
#include "net/journal.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/heap.h"
#include "engine/base/list.h"
#include "engine/base/mailbox.h"
#include "engine/limits.h"

/* What a message is embedded in. */
enum record_kind { RECORD_JOIN, RECORD_END, RECORD_ANSWER };

struct journal {
    struct hub *hub;
    struct mailbox mailbox;
    _Atomic unsigned references; /* relaxed up; acq_rel down, so that the last one sees all */
    /* Relaxed: they bound, the mailbox orders. */
    _Atomic uint64_t records, bytes, lost; /* `lost` in all */
    uint64_t lost_taken;                   /* the reader's */
    _Atomic bool has_ended;
    int wake_fd;
    struct message *taken; /* the reader's: out of the mailbox, and not read yet */
};

struct journal_seat {
    struct seat seat; /* first */
    struct message joined, ended;
    struct journal *journal;
    _Atomic unsigned references;
    struct address peer;
    bool was_taken, hushed; /* of its stream's thread */
    int refused_status;
    uint64_t subscriber, cursor;
    enum close_reason reason;
    int64_t joined_ns, ended_ns; /* since 1970 */
    int64_t began_ns, duration_ns;
    size_t bytes; /* of all of it, counted against memory_max until its stream ends */
    size_t channels_len;
    char channels[]; /* each as its length in two bytes, and itself */
};

struct answer_record {
    struct message message; /* first */
    size_t bytes;
    struct fact fact; /* whose texts lie behind it */
    char texts[];
};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- life ---------------------------------------------------------------------------------- */

struct journal *journal_new(struct hub *hub)
{
    struct journal *journal = calloc(1, sizeof(*journal));
    if (!journal)
        return NULL;
    journal->hub = hub;
    mailbox_init(&journal->mailbox);
    atomic_init(&journal->references, 1);
    journal->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (journal->wake_fd < 0) {
        free(journal);
        return NULL;
    }
    return journal;
}

static void unref(struct journal *journal)
{
    if (atomic_fetch_sub_explicit(&journal->references, 1, memory_order_acq_rel) > 1)
        return;
    close(journal->wake_fd);
    free(journal);
}

static bool drop(void *context, const struct fact *fact)
{
    (void)context, (void)fact;
    return true;
}

struct journal *journal_end(struct journal *journal)
{
    if (!journal)
        return NULL;
    atomic_store_explicit(&journal->has_ended, true, memory_order_relaxed);
    while (!journal_read(journal, drop, NULL) || !mailbox_is_empty(&journal->mailbox))
        ;
    unref(journal);
    return NULL;
}

/* --- posting ------------------------------------------------------------------------------- */

/* Whether there is room for one more record, which is taken then; else it is counted as lost. */
static bool take_room(struct journal *journal, size_t bytes)
{
    if (atomic_load_explicit(&journal->has_ended, memory_order_relaxed))
        return false;
    uint64_t records = atomic_fetch_add_explicit(&journal->records, 1, memory_order_relaxed) + 1;
    uint64_t sum = atomic_fetch_add_explicit(&journal->bytes, bytes, memory_order_relaxed) + bytes;
    if (records > JOURNAL_RECORDS_MAX || sum > JOURNAL_BYTES_MAX) {
        atomic_fetch_sub_explicit(&journal->records, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&journal->bytes, bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&journal->lost, 1, memory_order_relaxed);
        return false;
    }
    if (records == JOURNAL_RECORDS_MAX / 2 ||
        (sum > JOURNAL_BYTES_MAX / 2 && sum - bytes <= JOURNAL_BYTES_MAX / 2))
        journal_wake(journal);
    return true;
}

static void give_room(struct journal *journal, size_t bytes)
{
    atomic_fetch_sub_explicit(&journal->records, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&journal->bytes, bytes, memory_order_relaxed);
}

/* The reader looks by itself, so that nobody needs to be woken here. */
static void post(struct journal *journal, struct message *message, enum record_kind kind)
{
    message->kind = kind;
    (void)mailbox_post(&journal->mailbox, message);
}

void journal_tell(struct journal *journal, const struct fact *fact)
{
    size_t texts = fact->refusal.len + fact->method.len + fact->path.len;
    size_t bytes = heap_bytes(sizeof(struct answer_record) + texts);
    if (!take_room(journal, bytes))
        return;
    struct answer_record *record = malloc(sizeof(*record) + texts);
    if (!record) {
        give_room(journal, bytes);
        atomic_fetch_add_explicit(&journal->lost, 1, memory_order_relaxed);
        return;
    }
    *record = (struct answer_record){.bytes = bytes, .fact = *fact};
    record->fact.time_ns = wall_ns();
    struct text *const of[] = {&record->fact.refusal, &record->fact.method, &record->fact.path};
    char *at = record->texts;
    for (unsigned i = 0; i < 3; i++) {
        if (of[i]->len > 0)
            memcpy(at, of[i]->at, of[i]->len);
        of[i]->at = at;
        at += of[i]->len;
    }
    post(journal, &record->message, RECORD_ANSWER);
}

/* --- seats --------------------------------------------------------------------------------- */

static void seat_unref(struct journal_seat *seat)
{
    if (atomic_fetch_sub_explicit(&seat->references, 1, memory_order_acq_rel) > 1)
        return;
    struct journal *journal = seat->journal;
    free(seat);
    unref(journal);
}

static void taken(struct seat *base, const struct seat_begin *begin)
{
    struct journal_seat *seat = (struct journal_seat *)base;
    seat->was_taken = true;
    seat->subscriber = begin->subscriber;
    seat->joined_ns = wall_ns();
    seat->began_ns = clock_ns();
    if (!take_room(seat->journal, seat->bytes))
        return;
    atomic_fetch_add_explicit(&seat->references, 1, memory_order_relaxed);
    post(seat->journal, &seat->joined, RECORD_JOIN);
}

static void leave(struct seat *base, const struct seat_end *end)
{
    struct journal_seat *seat = (struct journal_seat *)base;
    seat->reason = end->reason;
    seat->cursor = end->cursor;
    seat->ended_ns = wall_ns();
    seat->duration_ns = seat->was_taken ? clock_ns() - seat->began_ns : 0;
    hub_count_memory(seat->journal->hub, -(int64_t)seat->bytes);
    if (seat->hushed || !take_room(seat->journal, seat->bytes))
        seat_unref(seat);
    else
        post(seat->journal, &seat->ended, RECORD_END);
}

static size_t channels_bytes(const struct text *channels, unsigned count)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < count; i++)
        bytes += 2 + channels[i].len;
    return bytes;
}

int journal_seat_new(struct journal *journal, const struct address *peer,
                     const struct text *channels, unsigned count, int refused_status,
                     struct journal_seat **ret_seat)
{
    size_t len = channels_bytes(channels, count);
    size_t bytes = heap_bytes(sizeof(struct journal_seat) + len);
    if (!hub_connections_may_hold(journal->hub, bytes, false))
        return HUB_NO_MEMORY;
    struct journal_seat *seat = malloc(sizeof(*seat) + len);
    if (!seat)
        return -ENOMEM;
    *seat = (struct journal_seat){.seat = {.taken = taken, .leave = leave},
                                  .journal = journal,
                                  .peer = *peer,
                                  .refused_status = refused_status,
                                  .bytes = bytes,
                                  .channels_len = len};
    atomic_init(&seat->references, 1);
    char *at = seat->channels;
    for (unsigned i = 0; i < count; i++) {
        at[0] = (char)(channels[i].len >> 8);
        at[1] = (char)channels[i].len;
        memcpy(at + 2, channels[i].at, channels[i].len);
        at += 2 + channels[i].len;
    }
    atomic_fetch_add_explicit(&journal->references, 1, memory_order_relaxed);
    hub_count_memory(journal->hub, (int64_t)bytes);
    *ret_seat = seat;
    return 0;
}

struct seat *journal_seat_of(struct journal_seat *seat)
{
    return &seat->seat;
}

void journal_seat_hush(struct journal_seat *seat)
{
    seat->hushed = true;
}

bool fact_channel(struct text *channels, struct text *ret_channel)
{
    if (channels->len == 0)
        return false;
    const unsigned char *at = (const unsigned char *)channels->at;
    *ret_channel = (struct text){channels->at + 2, (size_t)at[0] << 8 | at[1]};
    channels->at += 2 + ret_channel->len;
    channels->len -= 2 + ret_channel->len;
    return true;
}

/* --- reading ------------------------------------------------------------------------------- */

void journal_wake(struct journal *journal)
{
    (void)eventfd_write(journal->wake_fd, 1);
}

void journal_await(struct journal *journal, int most_ms)
{
    struct pollfd wake = {.fd = journal->wake_fd, .events = POLLIN};
    eventfd_t ignored;
    (void)poll(&wake, 1, most_ms);
    (void)eventfd_read(journal->wake_fd, &ignored);
}

static void read_seat(const struct journal_seat *seat, enum record_kind kind, struct fact *ret_fact)
{
    *ret_fact = (struct fact){.peer = seat->peer,
                              .subscriber = seat->subscriber,
                              .channels = {seat->channels, seat->channels_len}};
    if (kind == RECORD_JOIN) {
        ret_fact->kind = FACT_JOIN;
        ret_fact->time_ns = seat->joined_ns;
        return;
    }
    ret_fact->kind = seat->was_taken ? FACT_LEAVE : FACT_REFUSED;
    ret_fact->time_ns = seat->ended_ns;
    ret_fact->reason = seat->reason;
    ret_fact->duration_ns = seat->duration_ns;
    ret_fact->cursor = seat->cursor;
    ret_fact->status = seat->reason == CLOSE_ENDED ? 204 : seat->refused_status;
    if (!seat->was_taken)
        ret_fact->refusal = text_of(reason_text(seat->reason));
}

static bool read_one(struct journal *journal, struct message *message,
                     bool (*take)(void *context, const struct fact *fact), void *context)
{
    enum record_kind kind = message->kind;
    struct answer_record *record = (struct answer_record *)message;
    struct journal_seat *seat = kind == RECORD_JOIN
                                    ? LINK_OWNER(message, struct journal_seat, joined)
                                    : LINK_OWNER(message, struct journal_seat, ended);
    struct fact fact;
    if (kind == RECORD_ANSWER)
        fact = record->fact;
    else
        read_seat(seat, kind, &fact);
    if (!take(context, &fact))
        return false;
    give_room(journal, kind == RECORD_ANSWER ? record->bytes : seat->bytes);
    return true;
}

static void free_one(struct message *message)
{
    if (message->kind == RECORD_ANSWER)
        free(message);
    else if (message->kind == RECORD_JOIN)
        seat_unref(LINK_OWNER(message, struct journal_seat, joined));
    else
        seat_unref(LINK_OWNER(message, struct journal_seat, ended));
}

bool journal_read(struct journal *journal, bool (*take)(void *context, const struct fact *fact),
                  void *context)
{
    if (!journal->taken)
        journal->taken = mailbox_take(&journal->mailbox);
    while (journal->taken) {
        struct message *message = journal->taken;
        if (!read_one(journal, message, take, context))
            return false;
        journal->taken = message->next;
        free_one(message);
    }
    return true;
}

uint64_t journal_take_lost(struct journal *journal)
{
    uint64_t lost = journal_lost(journal), more = lost - journal->lost_taken;
    journal->lost_taken = lost;
    return more;
}

uint64_t journal_lost(const struct journal *journal)
{
    return atomic_load_explicit(&journal->lost, memory_order_relaxed);
}
