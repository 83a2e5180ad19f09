/* SPDX-License-Identifier: MIT */
/*
 * A stage: a hub without threads (engine/hub.h) whose workers write to null sockets, with the
 * few things every bench does on it. One thread does everything, so publishing and sweeping can be
 * timed, or counted, apart from each other.
 *
 * Life: stage_init -> build, publish, subscribe, settle in any order -> stage_deinit, which drains
 * as a real hub does. What fails here is a broken bench, and aborts.
 *
 * A bench that publishes more than flow control admits before it settles aborts too: at most
 * STAGE_EVENTS_MAX events between two settles are safe, whatever their channels.
 */
#pragma once

#include "bench/micro/io_null.h"
#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "engine/limits.h"

/* A channel's share of the budget, for frames that count the least. */
#define STAGE_EVENTS_MAX (FLOW_CHANNEL_BYTES / FLOW_FRAME_BYTES_MIN / 2)
/* The largest data that stage_build knows. */
#define STAGE_DATA_BYTES_MAX (16u << 10)

struct stage_options {
    unsigned workers;
    uint32_t subscribers;    /* the most one worker takes */
    uint32_t history_events; /* per channel */
    bool subscriber_ids;
};

struct stage {
    struct hub *hub;
    unsigned workers;
    struct io_null *ios[WORKERS_MAX];
    int next_fd; /* made-up descriptors count up */
};

void stage_init(struct stage *stage, const struct stage_options *options);
void stage_deinit(struct stage *stage);

/* Builds `count` events of one channel with `data_bytes` bytes of data each. */
void stage_build(struct stage *stage, struct text channel, uint32_t data_bytes,
                 struct frame **frames, unsigned count);
/* Publishes them in calls of `batch` events. */
void stage_publish(struct stage *stage, struct frame **frames, unsigned count, unsigned batch);
/* Hands over one subscriber; its worker adopts it when it turns. An empty resume point is none. */
void stage_subscribe(struct stage *stage, struct text channel, struct text resume);
/* Every worker turns until it finds nothing to do. */
void stage_settle(struct stage *stage);
/* `count` subscribers of one channel, joined and settled. */
void stage_join(struct stage *stage, struct text channel, unsigned count);
