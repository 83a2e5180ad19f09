/* SPDX-License-Identifier: MIT */
/*
 * The table of who is where, and the thread that tells it: see presence.h.
 *
 * An entry with something to tell is listed: in the mailbox, then in the thread's own list, until
 * all is told. `listed` and the count belong to the part's lock, its place there to the thread.
 * Whoever finds an entry without seats, not listed and over, under the lock, frees it.
 */
#include "net/presence.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "engine/base/builder.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/mailbox.h"
#include "engine/base/map.h"
#include "engine/own_channel.h"
#include "engine/subscriber_id.h"
#include "net/presence_count.h"

#define PART_BITS     6
#define PARTS         (1u << PART_BITS)
#define TELL_IN_A_ROW 16 /* events of one channel, before the next one has its turn */

struct entry {
    struct message message; /* first; its link is the thread's list, too */
    uint64_t hash;
    struct presence_count count;
    uint32_t seats;
    bool listed;
    uint16_t name_len;
    char name[];
};

struct part {
    alignas(64) pthread_mutex_t lock;
    struct map entries;
};

struct presence {
    struct hub *hub;
    struct net_stats *stats; /* the thread's */
    struct hash_key key;
    _Atomic unsigned references; /* relaxed up; acq_rel down, so that the last one sees all */
    _Atomic bool stopped;
    struct mailbox mailbox; /* entries */
    int wake_fd;
    pthread_t thread;
    bool runs;
    struct part parts[PARTS];
};

struct presence_seat {
    struct seat seat; /* first */
    struct presence *presence;
    uint64_t subscriber;
    bool counted;
    unsigned room, count;
    struct entry *entries[];
};

/* --- life ---------------------------------------------------------------------------------- */

struct presence *presence_new(struct hub *hub, struct net_stats *stats)
{
    struct presence *presence = aligned_alloc(alignof(struct presence), sizeof(*presence));
    if (!presence)
        return NULL;
    memset(presence, 0, sizeof(*presence));
    presence->hub = hub;
    presence->stats = stats;
    presence->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (presence->wake_fd < 0) {
        free(presence);
        return NULL;
    }
    mailbox_init(&presence->mailbox);
    atomic_init(&presence->references, 1);
    CHECK(getrandom(&presence->key, sizeof(presence->key), 0) == sizeof(presence->key));
    for (unsigned i = 0; i < PARTS; i++)
        pthread_mutex_init(&presence->parts[i].lock, NULL);
    return presence;
}

static struct part *part_of(struct presence *presence, uint64_t hash)
{
    return &presence->parts[hash >> (64 - PART_BITS)];
}

static size_t entry_memory(const struct entry *entry)
{
    return heap_bytes(sizeof(*entry) + entry->name_len) + 2 * sizeof(struct map_cell);
}

/* With the part's lock held, but for the last one of all. */
static void entry_free(struct presence *presence, struct entry *entry)
{
    map_remove(&part_of(presence, entry->hash)->entries, entry->hash);
    hub_count_memory(presence->hub,
                     -(int64_t)(entry_memory(entry) + presence_memory(&entry->count)));
    presence_count_deinit(&entry->count);
    free(entry);
}

struct presence *presence_unref(struct presence *presence)
{
    if (!presence || atomic_fetch_sub_explicit(&presence->references, 1, memory_order_acq_rel) > 1)
        return NULL;
    for (unsigned i = 0; i < PARTS; i++) {
        struct part *part = &presence->parts[i];
        for (uint32_t at = 0; part->entries.count > 0; at = (at + 1) & part->entries.mask)
            if (part->entries.cells[at].key)
                entry_free(presence, (struct entry *)part->entries.cells[at].value);
        map_deinit(&part->entries);
        pthread_mutex_destroy(&part->lock);
    }
    close(presence->wake_fd);
    free(presence);
    return NULL;
}

uint64_t presence_channels(struct presence *presence)
{
    uint64_t channels = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        pthread_mutex_lock(&presence->parts[i].lock);
        channels += presence->parts[i].entries.count;
        pthread_mutex_unlock(&presence->parts[i].lock);
    }
    return channels;
}

/* --- seats --------------------------------------------------------------------------------- */

static void wake(struct presence *presence)
{
    (void)eventfd_write(presence->wake_fd, 1);
}

/* With the lock held: it is listed if there is anything to tell, or freed if there is nothing at
 * all. True: the thread is to be woken. */
static bool settle(struct presence *presence, struct entry *entry)
{
    struct presence_count *count = &entry->count;
    if (entry->listed)
        return false;
    if (atomic_load_explicit(&presence->stopped, memory_order_relaxed)) {
        if (entry->seats == 0)
            entry_free(presence, entry);
        return false;
    }
    if (presence_has_news(count)) {
        entry->listed = true;
        return mailbox_post(&presence->mailbox, &entry->message);
    }
    if (entry->seats == 0) {
        CHECK(presence_is_over(count));
        entry_free(presence, entry);
    }
    return false;
}

static void change(struct presence *presence, struct entry *entry, bool joins, uint64_t subscriber)
{
    size_t before = presence_memory(&entry->count);
    presence_change(&entry->count, joins, subscriber);
    hub_count_memory(presence->hub, (int64_t)presence_memory(&entry->count) - (int64_t)before);
}

static void taken(struct seat *base, const struct seat_begin *begin)
{
    struct presence_seat *seat = (struct presence_seat *)base;
    struct presence *presence = seat->presence;
    bool wakes = false;
    seat->counted = true;
    seat->subscriber = begin->subscriber;
    for (unsigned i = 0; i < seat->count; i++) {
        struct part *part = part_of(presence, seat->entries[i]->hash);
        pthread_mutex_lock(&part->lock);
        change(presence, seat->entries[i], true, seat->subscriber);
        wakes |= settle(presence, seat->entries[i]);
        pthread_mutex_unlock(&part->lock);
    }
    if (wakes)
        wake(presence);
}

static size_t seat_bytes(unsigned count)
{
    return heap_bytes(sizeof(struct presence_seat) + count * sizeof(struct entry *));
}

/* True: the thread is to be woken. */
static bool leave_entry(const struct presence_seat *seat, struct entry *entry)
{
    struct part *part = part_of(seat->presence, entry->hash);
    pthread_mutex_lock(&part->lock);
    if (seat->counted)
        change(seat->presence, entry, false, seat->subscriber);
    entry->seats--;
    bool wakes = settle(seat->presence, entry);
    pthread_mutex_unlock(&part->lock);
    return wakes;
}

static void closed(struct seat *base, struct text channel)
{
    struct presence_seat *seat = (struct presence_seat *)base;
    for (unsigned i = 0; i < seat->count; i++) {
        struct entry *entry = seat->entries[i];
        if (!text_equals((struct text){entry->name, entry->name_len}, channel))
            continue;
        seat->entries[i] = seat->entries[--seat->count];
        if (leave_entry(seat, entry))
            wake(seat->presence);
        return;
    }
}

static void leave(struct seat *base, const struct seat_end *end)
{
    struct presence_seat *seat = (struct presence_seat *)base;
    struct presence *presence = seat->presence;
    bool wakes = false;
    (void)end;
    for (unsigned i = 0; i < seat->count; i++)
        wakes |= leave_entry(seat, seat->entries[i]);
    if (wakes)
        wake(presence);
    hub_count_memory(presence->hub, -(int64_t)seat_bytes(seat->room));
    free(seat);
    presence_unref(presence);
}

/* Its own channel needs a name, too. */
static bool is_told(const struct rules *rules, struct text channel)
{
    return channel.len <= CHANNEL_BYTES_MAX - (sizeof(OWN_PRESENCE) - 1) &&
           rules_find(rules, channel)->presence;
}

/* With the lock held: the channel's, a new one if there is none. NULL: out of memory. */
static struct entry *entry_find(struct presence *presence, struct part *part, uint64_t hash,
                                struct text name)
{
    uint64_t *value = map_insert(&part->entries, hash);
    if (!value || *value)
        return value ? (struct entry *)*value : NULL;
    struct entry *entry = calloc(1, sizeof(*entry) + name.len);
    if (!entry) {
        map_remove(&part->entries, hash);
        return NULL;
    }
    *value = (uint64_t)entry;
    presence_count_init(&entry->count, PRESENCE_EACH_MAX, PRESENCE_WAITING_MAX);
    entry->hash = hash;
    entry->name_len = (uint16_t)name.len;
    memcpy(entry->name, name.at, name.len);
    hub_count_memory(presence->hub, (int64_t)entry_memory(entry));
    return entry;
}

/* 0, or -ENOMEM. Names whose hashes are the same by chance: the second one has no presence. */
static int sit(struct presence_seat *seat, struct text name)
{
    struct presence *presence = seat->presence;
    uint64_t hash = hash_text(&presence->key, name);
    struct part *part = part_of(presence, hash);
    pthread_mutex_lock(&part->lock);
    struct entry *entry = entry_find(presence, part, hash, name);
    if (entry && text_equals((struct text){entry->name, entry->name_len}, name)) {
        entry->seats++;
        seat->entries[seat->count++] = entry;
    }
    pthread_mutex_unlock(&part->lock);
    return entry ? 0 : -ENOMEM;
}

int presence_seat_new(struct presence *presence, const struct rules *rules,
                      const struct text *channels, unsigned count, struct seat **ret_seat)
{
    unsigned told = 0;
    *ret_seat = NULL;
    for (unsigned i = 0; i < count; i++)
        told += is_told(rules, channels[i]);
    if (told == 0)
        return 0;
    if (!hub_connections_may_hold(presence->hub, seat_bytes(told) + told * sizeof(struct entry),
                                  false))
        return HUB_NO_MEMORY;
    struct presence_seat *seat = malloc(sizeof(*seat) + told * sizeof(struct entry *));
    if (!seat)
        return -ENOMEM;
    *seat = (struct presence_seat){.seat = {.taken = taken, .leave = leave, .closed = closed},
                                   .presence = presence,
                                   .room = told};
    atomic_fetch_add_explicit(&presence->references, 1, memory_order_relaxed);
    hub_count_memory(presence->hub, (int64_t)seat_bytes(told));
    int r = 0;
    for (unsigned i = 0; i < count && !r; i++)
        if (is_told(rules, channels[i]))
            r = sit(seat, channels[i]);
    *ret_seat = r ? seat_refuse(&seat->seat) : &seat->seat;
    return r;
}

/* --- telling ------------------------------------------------------------------------------- */

/* {"channel": ..., "subscribers": N, "subscriber": "..."|null}: names have no controls. */
static void put_data(struct builder *builder, struct text channel, const struct presence_news *news)
{
    builder_put(builder, TEXT("{\"channel\": \""));
    for (size_t i = 0; i < channel.len; i++) {
        if (channel.at[i] == '"' || channel.at[i] == '\\')
            builder_put(builder, TEXT("\\"));
        builder_put(builder, (struct text){channel.at + i, 1});
    }
    builder_put(builder, TEXT("\", \"subscribers\": "));
    builder_put_decimal(builder, news->there);
    builder_put(builder, TEXT(", \"subscriber\": "));
    if (news->alone && news->subscriber) {
        builder_put(builder, TEXT("\""));
        subscriber_id_format(builder_reserve(builder, SUBSCRIBER_ID_LEN), news->subscriber);
        builder_put(builder, TEXT("\"}"));
    } else {
        builder_put(builder, TEXT("null}"));
    }
}

/* 0, HUB_BUSY for whatever may be better later, or -ESHUTDOWN. */
static int publish(struct hub *hub, struct text channel, const struct presence_news *news)
{
    char name[CHANNEL_BYTES_MAX], data[2 * CHANNEL_BYTES_MAX + 128];
    struct builder own = builder_of(name, sizeof(name)), text = builder_of(data, sizeof(data));
    struct frame *frame;
    uint64_t first;
    builder_put(&own, TEXT(OWN_PRESENCE));
    builder_put(&own, channel);
    put_data(&text, channel, news);
    struct event event = {.channel = builder_text(&own),
                          .type = news->joins ? TEXT("join") : TEXT("leave"),
                          .data = builder_text(&text),
                          .retry_ms = -1,
                          .ours = true};
    int r = hub_frame(hub, &event, &frame);
    CHECK(r <= 0);
    if (r == 0) {
        r = hub_publish(hub, &frame, 1, &first);
        if (r)
            frame_unref(frame);
    }
    return r == 0 || r == -ESHUTDOWN ? r : HUB_BUSY;
}

enum told { TOLD_ALL, TOLD_SOME, TOLD_LATER, TOLD_BUSY, TOLD_OVER };

/* What one entry has to tell now. TOLD_ALL: it is no longer listed, and may be gone. */
static enum told tell(struct presence *presence, struct entry *entry, int64_t *ret_due_ns)
{
    struct part *part = part_of(presence, entry->hash);
    enum told told = TOLD_SOME;
    pthread_mutex_lock(&part->lock);
    for (unsigned i = 0; i < TELL_IN_A_ROW && told == TOLD_SOME; i++) {
        struct presence_news news;
        enum presence_step step = presence_next(&entry->count, clock_ns(), &news, ret_due_ns);
        if (step != PRESENCE_NEWS) {
            told = step == PRESENCE_LATER ? TOLD_LATER : TOLD_ALL;
            break;
        }
        pthread_mutex_unlock(&part->lock);
        int r = publish(presence->hub, (struct text){entry->name, entry->name_len}, &news);
        pthread_mutex_lock(&part->lock);
        size_t before = presence_memory(&entry->count);
        if (r == 0)
            presence_told(&entry->count, &news, clock_ns());
        else
            presence_put_off(&entry->count, &news);
        hub_count_memory(presence->hub, (int64_t)presence_memory(&entry->count) - (int64_t)before);
        if (r != -ESHUTDOWN)
            net_count(r == 0 ? &presence->stats->presence_told : &presence->stats->presence_busy);
        told = r == 0 ? TOLD_SOME : r == -ESHUTDOWN ? TOLD_OVER : TOLD_BUSY;
    }
    if (told == TOLD_ALL) {
        entry->listed = false;
        (void)settle(presence, entry);
    }
    pthread_mutex_unlock(&part->lock);
    return told;
}

/* The thread's list of entries. */
struct queue {
    struct message *first, **end;
};

static void queue_add(struct queue *queue, struct message *message)
{
    message->next = NULL;
    *queue->end = message;
    queue->end = &message->next;
}

static struct message *queue_take(struct queue *queue)
{
    struct message *first = queue->first;
    queue->first = first->next;
    if (!queue->first)
        queue->end = &queue->first;
    return first;
}

/* So many channels without room: the others wait with them. */
#define BUSY_IN_A_TURN 64

/* One turn for each that is listed. When the next one is due; INT64_MIN: the hub is closed. */
static int64_t tell_all(struct presence *presence, struct queue *queue)
{
    struct queue later = {NULL, &later.first};
    int64_t next_ns = INT64_MAX;
    unsigned busy = 0;
    while (queue->first && busy < BUSY_IN_A_TURN) {
        struct message *message = queue_take(queue);
        int64_t due_ns = INT64_MAX;
        enum told told = tell(presence, (struct entry *)message, &due_ns);
        if (told == TOLD_ALL)
            continue;
        queue_add(&later, message);
        if (told == TOLD_OVER)
            return INT64_MIN;
        busy += told == TOLD_BUSY;
        if (told == TOLD_SOME)
            due_ns = 0;
        if (told == TOLD_BUSY)
            due_ns = clock_ns() + PRESENCE_RETRY_MS * INT64_C(1000000);
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    while (later.first) /* behind those that had no turn */
        queue_add(queue, queue_take(&later));
    return next_ns;
}

static void await(struct presence *presence, int64_t until_ns)
{
    struct pollfd ready = {.fd = presence->wake_fd, .events = POLLIN};
    int64_t left_ms = until_ns == INT64_MAX ? -1 : (until_ns - clock_ns() + 999999) / 1000000;
    eventfd_t ignored;
    (void)poll(&ready, 1, until_ns == INT64_MAX ? -1 : left_ms < 0 ? 0 : (int)left_ms);
    (void)eventfd_read(presence->wake_fd, &ignored);
}

static void *run(void *argument)
{
    struct presence *presence = argument;
    struct queue queue = {NULL, &queue.first};
    int64_t until_ns = INT64_MAX;
    pthread_setname_np(pthread_self(), "fanfare-here");
    do {
        await(presence, until_ns);
        for (struct message *message = mailbox_take(&presence->mailbox), *next; message;
             message = next) {
            next = message->next;
            queue_add(&queue, message);
        }
        until_ns = tell_all(presence, &queue);
    } while (until_ns != INT64_MIN &&
             !atomic_load_explicit(&presence->stopped, memory_order_acquire));
    return NULL;
}

int presence_start(struct presence *presence)
{
    sigset_t all, before;
    if (presence->runs)
        return 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&presence->thread, NULL, run, presence);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    presence->runs = r == 0;
    return r;
}

void presence_stop(struct presence *presence)
{
    if (!presence->runs)
        return;
    atomic_store_explicit(&presence->stopped, true, memory_order_release);
    wake(presence);
    pthread_join(presence->thread, NULL);
    presence->runs = false;
}
