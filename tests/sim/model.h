/* SPDX-License-Identifier: MIT */
/*
 * The model of what was published: every event by its sequence, and each channel's sequences.
 *
 * It is filled when a frame is stamped, before any worker can see it, and knows nothing of workers,
 * histories or limits. An event's texts are what a client must read: line ends of the data are LF.
 */
#pragma once

#include "engine/frame.h"
#include "tests/sim/io_sim.h"

#define MODEL_CHANNELS_MAX 7
/* The events to all, as if they had a channel of their own. */
#define MODEL_ALL        MODEL_CHANNELS_MAX
#define MODEL_RECORDS    (MODEL_CHANNELS_MAX + 1)
#define MODEL_NO_CHANNEL MODEL_RECORDS /* a command's */

struct model_event {
    uint64_t sequence; /* 0: not stamped yet */
    unsigned channel;
    char *bytes; /* of all four texts */
    struct text type, id, data, published;
    int64_t retry_ms;
    bool without_data; /* a retry alone, or an end */
    bool ends;         /* its channel */
    unsigned key;      /* 0: none */
    uint32_t frame_len;
    int64_t born_ns;
};

struct model_channel {
    struct text name;
    uint64_t *sequences; /* ascending */
    uint64_t end;        /* which has ended it, as far as publishers must know; 0: it is open */
    size_t count, size;
    uint64_t *closes; /* ascending */
    size_t close_count;
};

struct model {
    struct model_channel channels[MODEL_NO_CHANNEL + 1]; /* kicks are the last one's closes */
    unsigned channel_count;
    struct model_event *events; /* by sequence */
    size_t event_size;
    uint64_t published;       /* the highest sequence stamped */
    uint32_t largest;         /* bytes of the largest data that this run makes */
    unsigned given_one_in;    /* one event in so many has an id of its own; 0: none */
    unsigned ends_one_in;     /* ends its channel; 0: none */
    unsigned all_one_in;      /* is one to all; 0: none */
    unsigned commands_one_in; /* steps; 0: none */
    unsigned keys;            /* how many different ones there are */
};

void model_init(struct model *model, struct sim_random *random);
void model_deinit(struct model *model);

/* An event for one of the channels, not published yet. */
struct model_event model_make(const struct model *model, struct sim_random *random,
                              unsigned channel);
void model_drop(struct model_event *event);
/* It has a place in the order now; its bytes belong to the model. */
void model_add(struct model *model, const struct model_event *event);
/* So does a command: its place holds no event. */
void model_add_command(struct model *model, uint64_t sequence);
void model_add_close(struct model *model, unsigned channel, uint64_t sequence);
/* The channel's first close from `sequence` on, and its last one before it; 0: none. */
uint64_t model_close_from(const struct model *model, unsigned channel, uint64_t sequence);
uint64_t model_close_before(const struct model *model, unsigned channel, uint64_t sequence);
const struct model_event *model_at(const struct model *model, uint64_t sequence);

/* The channel's first event after `sequence`; 0: none. */
uint64_t model_first_after(const struct model *model, unsigned channel, uint64_t sequence);
/* The channel's last event before `sequence`; 0: none. */
uint64_t model_last_before(const struct model *model, unsigned channel, uint64_t sequence);
/* How many events the channel has after `from`, up to and including `through`. */
uint64_t model_count(const struct model *model, unsigned channel, uint64_t from, uint64_t through);
