/* SPDX-License-Identifier: MIT */
/*
 * A channel on one worker: its name, its history, and which of the worker's subscribers listen.
 *
 * A record exists while it has a member or a frame, or has ended; one that has neither is dropped,
 * and what it had evicted is remembered by hash (channels_drop), so that a later resume is still
 * told of its gap.
 *
 * Order: records with history stand in the order of their latest publish. A walk goes through it
 * from its oldest on and is disturbed by nothing: who is passed and goes, or is published to and
 * stands at the end again, leaves it between its neighbours.
 *
 * Sweep: `sweep_target` is the sequence it brings everybody to, `sweep_next` the first member not
 * visited yet; members may come and go between its slices. When all are visited, `visited` is the
 * target; when their sends are settled too, `swept` is: only frames up to it may be evicted or
 * given back. Held: history is over its limits and the oldest frame is one that a reading
 * subscriber still needs; then nothing is given back, so publishers of the channel wait.
 *
 * Closed: out of the map, and in a list of its own; another record may have its name by now. It has
 * ended for its members (`ending`), and is here for what they lack (worker/closing.h).
 *
 * Events to all are in one more record, without a name and without members: `channels.all`
 * (worker/all.h).
 *
 * Owner: the worker.
 */
#pragma once

#include "engine/base/hash.h"
#include "engine/history.h"
#include "engine/base/map.h"
#include "engine/roll.h"

struct channel;

/* What is known of a channel that has ended, or was closed: worker/ending.h. */
struct ending {
    struct channel *channel;
    uint64_t sequence; /* of its last event, or of the close */
    uint64_t before;   /* of the newest one that a client knows of: of its last event if that has
                           data, else of the one in front of it; 0: none */
    uint64_t to_all;   /* of the newest event to all before that; those behind it are not its own */
    int64_t born_ns;
    struct ending *earlier, *later; /* by that */
};

struct endings {
    struct ending *first, *last;
};

/* What few look at comes first. The rest lies together, up to the name: where each channel has a
 * reader or two, what an event costs is the lines of memory that it touches. */
struct channel {
    uint32_t place;     /* in channels.list */
    uint32_t walked;    /* the last walk that met it */
    int64_t trimmed_ns; /* the turn in which a hand-off had its limits applied */
    uint32_t held_ms; /* for how long a crowd has held it lately, while others waited: see lag.c */
    uint32_t held_at_ms; /* when that was counted */
    struct history history;
    uint64_t counted;  /* of history.memory, what channels.memory has */
    uint32_t *members; /* subscriber indices; those before sweep_next are visited */
    uint32_t member_count;
    uint32_t member_capacity;
    uint32_t sweep_next;
    uint32_t behind_count; /* members that are not CURRENT */
    uint64_t sweep_target; /* 0: no sweep under way */
    uint64_t visited;
    uint64_t swept;
    struct ending *ending; /* NULL: open */
    struct channel *next_dirty;
    struct channel *next_finishing;
    struct channel *newer, *older; /* by latest publish; only while history is not empty */
    uint32_t last_batch;           /* the batch with the last sends of the last sweep */
    uint32_t rule, rule_list;      /* of engine/worker/ruling.h; list 0: not looked up yet */
    bool dirty;                    /* in the dirty queue, or its sweep is under way */
    bool finishing;                /* visited; the turn's end makes that swept */
    bool held;
    bool watched; /* or over its limits because of one, or closed and still there: whoever moves
                      has it swept again */
    bool closed;
    bool in_order; /* linked into newer/older */
    bool passed;   /* perhaps the last one that a walk has passed */
    bool owes;     /* to be swept for an event to all: worker/all.h */
    uint16_t name_len;
    uint64_t hash;
    struct channel *same_hash; /* another name with the same 64-bit hash */
    char name[];
};

struct dropped {
    uint64_t hash;
    uint64_t through;
};

/* The walks: the search for a record that can go, that for the server's own channels, and one for
 * each history age that there is. */
#define WALK_DROP 0u
#define WALK_OWN  1u
#define WALK_AGES 2u
#define WALKS_MAX (WALK_AGES + RULES_MAX + RULES_OURS)

/* All channels of a worker. */
struct channels {
    const struct hash_key *key;
    struct roll *roll;     /* of all workers' channels; NULL: there is one worker */
    struct map map;        /* hash -> struct channel * */
    struct channel **list; /* all of them; a record that goes is replaced by the last one */
    uint32_t list_size;
    uint32_t walk;       /* the number of the last walk through the list: worker/inspect.h */
    struct channel *all; /* of the events to all; NULL: there never was one */
    uint32_t count;
    uint32_t most;     /* CHANNELS_MAX, but for tests */
    uint32_t listened; /* those with members */
    uint64_t memory;   /* bytes of records, rings, members, the map: all but the frames */
    struct endings ended, closed;
    struct ending *look_ended; /* where evict_an_ending continues; NULL: first */
    struct channel *newest, *oldest;
    struct channel *walks[WALKS_MAX]; /* the last one that each has passed; NULL: none */
    unsigned walk_count;
    struct dropped *dropped; /* DROPPED_REMEMBERED, from the first drop on */
    uint64_t forgotten_through;
};

/* The address of events to all: the empty name, which is no channel's. */
static inline uint64_t channels_hash_of_all(const struct hash_key *key)
{
    return hash_text(key, TEXT(""));
}

void channels_init(struct channels *channels, const struct hash_key *key);
/* Frees every record; their frames are released, members must be gone. */
void channels_deinit(struct channels *channels);

/* The first of those with that hash, the others by same_hash; NULL: none. */
struct channel *channels_of_hash(const struct channels *channels, uint64_t hash);
struct channel *channels_find(const struct channels *channels, uint64_t hash, struct text name);
/* Whether a channel of that hash has a member that has everything. */
bool channels_wait(const struct channels *channels, uint64_t hash);
/* A new record, behind everything that a dropped one of that hash had evicted; NULL: out of memory.
 */
struct channel *channels_make(struct channels *channels, uint64_t hash, struct text name);
/* Takes it out of the map; what it has is remembered as evicted. It is dropped later. */
void channels_detach(struct channels *channels, struct channel *channel);
/* The list of those that have ended, or that were closed: behind all others; and out of it. */
void endings_add(struct endings *endings, struct ending *ending);
void endings_remove(struct endings *endings, struct ending *ending);
/* The record of the events to all, which is made at the first one and stays. NULL: no memory. */
struct channel *channels_make_all(struct channels *channels);
/* Of a channel without members and frames. */
void channels_drop(struct channels *channels, struct channel *channel);
/* Makes it the newest, and not passed. */
void channels_renew(struct channels *channels, struct channel *channel);
/* Marks the channel as the one published to last: once an event. */
static inline void channels_touch(struct channels *channels, struct channel *channel)
{
    if (channels->newest != channel || channel->passed)
        channels_renew(channels, channel);
}
/* Takes a channel whose history is empty out of that order. */
void channels_untouch(struct channels *channels, struct channel *channel);

/* The next one of a walk; NULL: it has passed the newest. */
static inline struct channel *channels_walk(const struct channels *channels, unsigned walk)
{
    const struct channel *passed = channels->walks[walk];
    return passed ? passed->newer : channels->oldest;
}
static inline void channels_pass(struct channels *channels, unsigned walk, struct channel *channel)
{
    channels->walks[walk] = channel;
    channel->passed = true;
}
/* Those for ages begin at the oldest again, and there are so many with the one for drops. */
void channels_walk_anew(struct channels *channels, unsigned count);

/* Counts what the history holds now: after events came or went, once for many. */
static inline void channels_count(struct channels *channels, struct channel *channel)
{
    channels->memory += channel->history.memory - channel->counted;
    channel->counted = channel->history.memory;
}

/* --- members: the caller keeps each subscriber's position up to date ------------------------- */

static inline size_t channel_members_memory(const struct channel *channel)
{
    return heap_bytes(channel->member_capacity * sizeof(*channel->members));
}

/* Appends; -ENOMEM leaves everything as it was. *ret_position is where it stands. */
MUST_USE int channel_add_member(struct channel *channel, uint32_t subscriber,
                                uint32_t *ret_position);
/* Removes the member at `position`; the sweep under way misses and repeats nobody. `on_moved` is
 * told each member that stands elsewhere afterwards (at most two). */
void channel_remove_member(struct channel *channel, uint32_t position,
                           void (*on_moved)(void *context, struct channel *channel,
                                            uint32_t subscriber, uint32_t position),
                           void *context);
