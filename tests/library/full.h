/* SPDX-License-Identifier: MIT */
/*
 * A channel without room: one reader that takes nothing, on an engine that waits for it. It stays
 * full until full_read, or until the reader is closed. One thread.
 */
#pragma once

#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

#define FULL_CHANNEL    "full"
#define FULL_DATA_BYTES (1u << 20)

struct full {
    struct fanfare *fanfare;
    struct server server;
    struct stream reader;
};

/* What each of its events says. */
extern char full_data[FULL_DATA_BYTES];

void full_begin(struct full *full);
/* The reader takes what is there now, waiting for it up to 10 ms. */
void full_read(struct full *full);
void full_end(struct full *full);
/* One more event. What fanfare_publish says. */
int full_publish(struct full *full, int timeout_ms);
