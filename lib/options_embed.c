/* SPDX-License-Identifier: MIT */
/* What only a program that embeds the engine can use: rows of the library's table alone, see
 * lib/options.h. */
#include "lib/options.h"

static const struct option rows[] = {
    {.group = "The program around it",
     .name = "decide-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "10",
     .help = "Time for the program to say what becomes of a request that it has taken (else 503)",
     .from = FROM_ANY,
     SETTING(server.decide_timeout_ms)},
    {.name = "ask",
     .type = VALUE_TEXT,
     .shown = "KINDS",
     .usual_said = "none",
     .help = "Of which requests the program is told by a note (fanfare_note_next) instead of its "
             "hook: words of subscribe, publish, other",
     .from = FROM_ANY,
     .restart = true,
     SETTING(ask)},
    {.name = "notes",
     .type = VALUE_CHOICE,
     .choices = "off on",
     .usual = "off",
     .help = "Tell the program who joins and leaves (fanfare_note_next); who does not fetch what "
             "it is told runs out of subscribers-max",
     .from = FROM_ANY,
     .restart = true,
     SETTING(notes)},
    {.name = "subscriber-ids",
     .type = VALUE_FLAG,
     .usual = "yes",
     .help = "Subscribers have ids, by which they are sent to, ended and looked at; 72 bytes for "
             "each. Also with notes, admin or access-log",
     .from = FROM_ANY,
     .restart = true,
     SETTING(hub.subscriber_ids)},
    {.name = "descriptors-kept",
     .type = VALUE_COUNT,
     .shown = "N",
     .max = 10 * 1000 * 1000,
     .usual = "256",
     .help = "Of the descriptors that the process may have, leave so many to the rest of the "
             "program, beside connections-max; half of all at most",
     .from = FROM_ANY,
     .restart = true,
     SETTING(descriptors_kept)},
};
const struct option_table options_embed = {rows, sizeof(rows) / sizeof(rows[0])};
