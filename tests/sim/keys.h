/* SPDX-License-Identifier: MIT */
/* What the simulation knows of keys: which event of a channel each means, and until when. */
#pragma once

#include "tests/sim/model.h"

struct publisher;

/* An event with a key got its place: no worker may keep an earlier one with it. */
void keys_stamped(const struct model_event *event);
/* hub_publish says that the frame of that index was published before. */
void keys_known(const struct publisher *publisher, unsigned index);
/* It refused a request because its frame `index` has the key of one before it. */
void keys_twice(const struct publisher *publisher, uint64_t index);
