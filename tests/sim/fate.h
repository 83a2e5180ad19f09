/* SPDX-License-Identifier: MIT */
/* What is said of an event and a client (engine/explanation.h), against what the client has got. */
#pragma once

#include "tests/sim/world.h"

/* The id of that event, as a client knows it, or of none: with room for one of ours in `own`. */
struct text fate_id(uint64_t sequence, char own[ID_LEN]);
/* The client has got its next event, which counts. */
void fate_note(struct client *client, uint64_t sequence);
/* Right after the turn in which it was answered, when the client's bytes are read. */
void fate_judge(const struct client *client, uint64_t sequence, const struct control *control);
