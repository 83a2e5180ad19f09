/* SPDX-License-Identifier: MIT */
/* What publishers look into before they claim: see ledger.h. */
#include "engine/ledger.h"

#include <errno.h>

#include "engine/mutation.h"

struct ledger_end {
    struct ledger_end *same_hash; /* another channel with the same 64-bit hash */
    uint64_t sequence;            /* of the event that ended it; 0: it is about to be published */
    unsigned workers;             /* that have not forgotten it */
    uint16_t name_len;
    char name[];
};

struct ledger_key {
    struct ledger_key *same_hash;
    uint64_t sequence; /* of the event that was first; 0: it is about to be published */
    unsigned workers;  /* that keep it */
    uint16_t name_len;
    uint8_t key_len;
    uint8_t id_len; /* of an id of the publisher's own; 0: none */
    char text[];    /* name, key, id */
};

/* While workers still have something of a channel that was closed. */
struct ledger_close {
    struct ledger_close *same_hash;
    uint64_t sequence; /* of the latest close; 0: it is about to be claimed */
    unsigned workers;  /* that have to let go, once for each close */
    uint16_t name_len;
    char name[];
};

static struct ledger_key *key_at(const uint64_t *value)
{
    return value ? (struct ledger_key *)(uintptr_t)*value : NULL;
}

static struct ledger_close *close_at(const uint64_t *value)
{
    return value ? (struct ledger_close *)(uintptr_t)*value : NULL;
}

void ledger_init(struct ledger *ledger, unsigned workers, const struct hash_key *hash_key,
                 _Atomic uint64_t *record_bytes)
{
    *ledger =
        (struct ledger){.workers = workers, .hash_key = hash_key, .record_bytes = record_bytes};
    pthread_mutexattr_t attributes;
    int r = pthread_mutexattr_init(&attributes);
    CHECK(r == 0);
    r = pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    CHECK(r == 0);
    r = pthread_mutex_init(&ledger->lock, &attributes);
    CHECK(r == 0);
    pthread_mutexattr_destroy(&attributes);
}

void ledger_deinit(struct ledger *ledger)
{
    for (uint32_t i = 0; ledger->ended.cells && i <= ledger->ended.mask; i++) {
        if (!ledger->ended.cells[i].key)
            continue;
        struct ledger_end *end = (struct ledger_end *)(uintptr_t)ledger->ended.cells[i].value;
        while (end) {
            struct ledger_end *next = end->same_hash;
            free(end);
            end = next;
        }
    }
    map_deinit(&ledger->ended);
    sieve_deinit(&ledger->sieve);
    for (uint32_t i = 0; ledger->keys.cells && i <= ledger->keys.mask; i++) {
        struct ledger_key *key =
            ledger->keys.cells[i].key ? key_at(&ledger->keys.cells[i].value) : NULL;
        while (key) {
            struct ledger_key *next = key->same_hash;
            free(key);
            key = next;
        }
    }
    map_deinit(&ledger->keys);
    for (uint32_t i = 0; ledger->closes.cells && i <= ledger->closes.mask; i++) {
        struct ledger_close *close =
            ledger->closes.cells[i].key ? close_at(&ledger->closes.cells[i].value) : NULL;
        while (close) {
            struct ledger_close *next = close->same_hash;
            free(close);
            close = next;
        }
    }
    map_deinit(&ledger->closes);
    pthread_mutex_destroy(&ledger->lock);
}

void ledger_lock(struct ledger *ledger)
{
    pthread_mutex_lock(&ledger->lock);
}

void ledger_unlock(struct ledger *ledger)
{
    pthread_mutex_unlock(&ledger->lock);
}

static void count(struct ledger *ledger, uint64_t more, uint64_t less)
{
    ledger->memory += more - less;
    atomic_fetch_add_explicit(ledger->record_bytes, more - less, memory_order_relaxed);
}

static size_t end_memory(const struct ledger_end *end)
{
    return heap_bytes(sizeof(*end) + end->name_len);
}

static struct ledger_close *find_close(const struct ledger *ledger, uint64_t hash, struct text name)
{
    struct ledger_close *close = close_at(map_find(&ledger->closes, hash));
    while (close && !text_equals((struct text){close->name, close->name_len}, name))
        close = close->same_hash;
    return close;
}

/* What was noted of the channel before this does not hold any more. */
static uint64_t closed_at(const struct ledger *ledger, uint64_t hash, struct text name)
{
    const struct ledger_close *close = ledger->closes.count ? find_close(ledger, hash, name) : NULL;
    return close ? close->sequence : 0;
}

static bool is_before(uint64_t sequence, uint64_t close)
{
    return sequence && sequence < close;
}

/* The channel's end; NULL: it is open. */
static struct ledger_end *find_end(const struct ledger *ledger, uint64_t hash, struct text name)
{
    const uint64_t *value = map_find(&ledger->ended, hash);
    struct ledger_end *end = value ? (struct ledger_end *)(uintptr_t)*value : NULL;
    uint64_t close = end && !MUTATION(close_ends_on) ? closed_at(ledger, hash, name) : 0;
    while (end && (is_before(end->sequence, close) ||
                   !text_equals((struct text){end->name, end->name_len}, name)))
        end = end->same_hash;
    return end;
}

bool ledger_may_refuse(const struct ledger *ledger, struct frame *const *frames, unsigned count)
{
    struct sieve_table *table = sieve_table(&ledger->sieve);
    if (!table || atomic_load_explicit(&table->members, memory_order_relaxed) == 0)
        return true;
    for (unsigned i = 0; i < count; i++)
        if (sieve_may_have(table, frames[i]->channel_hash))
            return true;
    return false;
}

unsigned ledger_find_ended(const struct ledger *ledger, struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i && frames[i]->channel_hash == frames[i - 1]->channel_hash &&
            text_equals(frame_channel(frames[i]), frame_channel(frames[i - 1])))
            continue;
        if (find_end(ledger, frames[i]->channel_hash, frame_channel(frames[i])))
            return i;
    }
    return count;
}

/* One more is in the map. Without memory for a larger sieve more is looked for in vain. */
static void sift(struct ledger *ledger, uint64_t hash)
{
    size_t before = sieve_memory(&ledger->sieve);
    struct sieve_table *table = NULL;
    if (sieve_is_narrow(&ledger->sieve, ledger->ended.count))
        table = sieve_table_new(&ledger->sieve);
    if (!table) {
        sieve_add(&ledger->sieve, hash);
        return;
    }
    for (uint32_t i = 0; i <= ledger->ended.mask; i++) {
        const struct map_cell *cell = &ledger->ended.cells[i];
        const struct ledger_end *end =
            cell->key ? (struct ledger_end *)(uintptr_t)cell->value : NULL;
        for (; end; end = end->same_hash)
            sieve_table_add(table, cell->key);
    }
    sieve_use(&ledger->sieve, table);
    count(ledger, sieve_memory(&ledger->sieve), before);
}

static int add_end(struct ledger *ledger, const struct frame *frame)
{
    struct text name = frame_channel(frame);
    struct ledger_end *end = malloc(sizeof(*end) + name.len);
    size_t before = map_memory(&ledger->ended);
    uint64_t *value = end ? map_insert(&ledger->ended, frame->channel_hash) : NULL;
    if (!value) {
        free(end);
        return -ENOMEM;
    }
    *end = (struct ledger_end){.same_hash = (struct ledger_end *)(uintptr_t)*value,
                               .workers = ledger->workers,
                               .name_len = (uint16_t)name.len};
    memcpy(end->name, name.at, name.len);
    *value = (uint64_t)(uintptr_t)end;
    count(ledger, map_memory(&ledger->ended) + end_memory(end), before);
    sift(ledger, frame->channel_hash);
    return 0;
}

static void remove_end(struct ledger *ledger, uint64_t hash, struct ledger_end *end)
{
    uint64_t *value = map_find(&ledger->ended, hash);
    CHECK(value);
    size_t before = map_memory(&ledger->ended);
    struct ledger_end *first = (struct ledger_end *)(uintptr_t)*value;
    if (first == end) {
        *value = (uint64_t)(uintptr_t)end->same_hash;
    } else {
        while (first->same_hash != end)
            first = first->same_hash;
        first->same_hash = end->same_hash;
    }
    if (*value == 0)
        map_remove(&ledger->ended, hash);
    count(ledger, map_memory(&ledger->ended), before + end_memory(end));
    sieve_remove(&ledger->sieve, hash);
    free(end);
}

/* --- keys ---------------------------------------------------------------------------------- */

static size_t key_memory(const struct ledger_key *key)
{
    size_t text = key->name_len + (size_t)key->key_len + key->id_len;
    return heap_bytes(sizeof(*key) + text) + 1 + key->key_len; /* in the frame, too */
}

/* Turned, or all keys that are the names of their channels, as a job's id may be, had one hash. */
static uint64_t key_hash(const struct ledger *ledger, const struct frame *frame)
{
    uint64_t channel = frame->channel_hash;
    return hash_text(ledger->hash_key, frame_key(frame)) ^ (channel << 17 | channel >> 47);
}

static struct ledger_key *find_key(const struct ledger *ledger, const struct frame *frame)
{
    struct text name = frame_channel(frame), text = frame_key(frame);
    struct ledger_key *key = key_at(map_find(&ledger->keys, key_hash(ledger, frame)));
    while (key && !(text_equals((struct text){key->text, key->name_len}, name) &&
                    text_equals((struct text){key->text + key->name_len, key->key_len}, text)))
        key = key->same_hash;
    return key;
}

static int add_key(struct ledger *ledger, const struct frame *frame)
{
    struct text name = frame_channel(frame), text = frame_key(frame);
    struct text id = frame->id_given ? frame_id(frame) : TEXT("");
    struct ledger_key *key = malloc(sizeof(*key) + name.len + text.len + id.len);
    size_t before = map_memory(&ledger->keys);
    uint64_t *value = key ? map_insert(&ledger->keys, key_hash(ledger, frame)) : NULL;
    if (!value) {
        free(key);
        return -ENOMEM;
    }
    *key = (struct ledger_key){.same_hash = key_at(value),
                               .workers = ledger->workers,
                               .name_len = (uint16_t)name.len,
                               .key_len = (uint8_t)text.len,
                               .id_len = (uint8_t)id.len};
    memcpy(key->text, name.at, name.len);
    memcpy(key->text + name.len, text.at, text.len);
    memcpy(key->text + name.len + text.len, id.at, id.len);
    *value = (uint64_t)(uintptr_t)key;
    count(ledger, map_memory(&ledger->keys) + key_memory(key), before);
    return 0;
}

static void remove_key(struct ledger *ledger, uint64_t hash, struct ledger_key *key)
{
    uint64_t *value = map_find(&ledger->keys, hash);
    CHECK(value && key);
    size_t before = map_memory(&ledger->keys);
    struct ledger_key *first = key_at(value);
    if (first == key) {
        *value = (uint64_t)(uintptr_t)key->same_hash;
    } else {
        while (first->same_hash != key)
            first = first->same_hash;
        first->same_hash = key->same_hash;
    }
    if (*value == 0)
        map_remove(&ledger->keys, hash);
    count(ledger, map_memory(&ledger->keys), before + key_memory(key));
    free(key);
}

size_t ledger_given_id(const struct ledger *ledger, const struct frame *frame,
                       char out[EVENT_ID_BYTES_MAX])
{
    const struct ledger_key *key = find_key(ledger, frame);
    if (!key)
        return 0;
    memcpy(out, key->text + key->name_len + key->key_len, key->id_len);
    return key->id_len;
}

void ledger_forget_key(struct ledger *ledger, const struct frame *frame)
{
    ledger_lock(ledger);
    struct ledger_key *key = find_key(ledger, frame);
    /* One before a close may have been used again behind it. */
    CHECK(MUTATION(key_forgotten) || (key && key->sequence == frame->sequence) ||
          frame->sequence < closed_at(ledger, frame->channel_hash, frame_channel(frame)));
    if (key && key->sequence == frame->sequence && --key->workers == 0)
        remove_key(ledger, key_hash(ledger, frame), key);
    ledger_unlock(ledger);
}

/* --- requests ------------------------------------------------------------------------------- */

static int note_frame(struct ledger *ledger, struct frame *frame)
{
    bool keyed = frame->flags & FRAME_KEYED;
    struct ledger_key *key = keyed && !MUTATION(key_forgotten) ? find_key(ledger, frame) : NULL;
    if (key &&
        is_before(key->sequence, closed_at(ledger, frame->channel_hash, frame_channel(frame)))) {
        remove_key(ledger, key_hash(ledger, frame), key);
        key = NULL;
    }
    frame->sequence = key ? key->sequence : 0;
    if (key) /* the answer is that of the first, whatever became of the channel since */
        return key->sequence ? 0 : LEDGER_TWICE;
    if (find_end(ledger, frame->channel_hash, frame_channel(frame)))
        return LEDGER_ENDED;
    if (keyed && add_key(ledger, frame) < 0)
        return -ENOMEM;
    if (!(frame->flags & FRAME_ENDS) || add_end(ledger, frame) == 0)
        return 0;
    if (keyed)
        remove_key(ledger, key_hash(ledger, frame), find_key(ledger, frame));
    return -ENOMEM;
}

int ledger_note(struct ledger *ledger, struct frame *const *frames, unsigned count,
                unsigned *ret_index)
{
    for (unsigned i = 0; i < count; i++) {
        int r = note_frame(ledger, frames[i]);
        if (r == 0)
            continue;
        ledger_erase(ledger, frames, i);
        *ret_index = i;
        return r;
    }
    return 0;
}

void ledger_erase(struct ledger *ledger, struct frame *const *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct frame *frame = frames[i];
        if (frame->sequence)
            continue; /* known before */
        if (frame->flags & FRAME_ENDS)
            remove_end(ledger, frame->channel_hash,
                       find_end(ledger, frame->channel_hash, frame_channel(frame)));
        if (frame->flags & FRAME_KEYED)
            remove_key(ledger, key_hash(ledger, frame), find_key(ledger, frame));
    }
}

void ledger_number(struct ledger *ledger, struct frame *const *frames, unsigned count,
                   uint64_t first)
{
    for (unsigned i = 0; i < count; i++) {
        const struct frame *frame = frames[i];
        if (frame->flags & FRAME_KEYED)
            find_key(ledger, frame)->sequence = first + i;
        if (frame->flags & FRAME_ENDS)
            find_end(ledger, frame->channel_hash, frame_channel(frame))->sequence = first + i;
    }
}

/* The first of that channel's ends that is so old; several only while it is being closed. */
static struct ledger_end *find_end_through(const struct ledger *ledger, uint64_t hash,
                                           struct text name, uint64_t sequence)
{
    const uint64_t *value = map_find(&ledger->ended, hash);
    struct ledger_end *end = value ? (struct ledger_end *)(uintptr_t)*value : NULL;
    while (end && (!end->sequence || end->sequence > sequence ||
                   !text_equals((struct text){end->name, end->name_len}, name)))
        end = end->same_hash;
    return end;
}

void ledger_forget(struct ledger *ledger, uint64_t hash, struct text name, uint64_t sequence)
{
    ledger_lock(ledger);
    struct ledger_end *end = find_end_through(ledger, hash, name, sequence);
    bool found = end && end->sequence == sequence;
    CHECK(found || sequence < closed_at(ledger, hash, name));
    if (found && --end->workers == 0)
        remove_end(ledger, hash, end);
    ledger_unlock(ledger);
}

/* --- closes --------------------------------------------------------------------------------- */

static void remove_close(struct ledger *ledger, uint64_t hash, struct ledger_close *close)
{
    uint64_t *value = map_find(&ledger->closes, hash);
    CHECK(value);
    size_t before = map_memory(&ledger->closes);
    struct ledger_close *first = close_at(value);
    if (first == close) {
        *value = (uint64_t)(uintptr_t)close->same_hash;
    } else {
        while (first->same_hash != close)
            first = first->same_hash;
        first->same_hash = close->same_hash;
    }
    if (*value == 0)
        map_remove(&ledger->closes, hash);
    count(ledger, map_memory(&ledger->closes),
          before + heap_bytes(sizeof(*close) + close->name_len));
    free(close);
}

int ledger_close_begin(struct ledger *ledger, const struct frame *frame)
{
    struct text name = frame_channel(frame);
    if (find_close(ledger, frame->channel_hash, name))
        return 0;
    struct ledger_close *close = malloc(sizeof(*close) + name.len);
    size_t before = map_memory(&ledger->closes);
    uint64_t *value = close ? map_insert(&ledger->closes, frame->channel_hash) : NULL;
    if (!value) {
        free(close);
        return -ENOMEM;
    }
    *close = (struct ledger_close){.same_hash = close_at(value), .name_len = (uint16_t)name.len};
    memcpy(close->name, name.at, name.len);
    *value = (uint64_t)(uintptr_t)close;
    count(ledger, map_memory(&ledger->closes) + heap_bytes(sizeof(*close) + name.len), before);
    return 0;
}

void ledger_close_number(struct ledger *ledger, const struct frame *frame, uint64_t sequence)
{
    struct ledger_close *close = find_close(ledger, frame->channel_hash, frame_channel(frame));
    close->sequence = sequence;
    close->workers += ledger->workers;
}

void ledger_close_end(struct ledger *ledger, uint64_t hash, struct text name)
{
    struct ledger_close *close = find_close(ledger, hash, name);
    struct ledger_end *end;
    if (close && close->workers == 0) /* it was not claimed, or is over already */
        remove_close(ledger, hash, close);
    else if (close && !MUTATION(close_ends_on))
        while ((end = find_end_through(ledger, hash, name, close->sequence)))
            remove_end(ledger, hash, end);
}

void ledger_let_go(struct ledger *ledger, uint64_t hash, struct text name)
{
    ledger_lock(ledger);
    struct ledger_close *close = find_close(ledger, hash, name);
    CHECK(close && close->workers > 0);
    if (--close->workers == 0)
        remove_close(ledger, hash, close);
    ledger_unlock(ledger);
}
