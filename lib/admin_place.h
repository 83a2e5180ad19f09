/* SPDX-License-Identifier: MIT */
/*
 * Where a server is looked at and steered, as people write it: `unix` (the usual place of the
 * machine or the user, cmd/socket_path.h), `unix:PATH`, a path that begins with `/`, or ADDR:PORT;
 * `http://` in front of that, as the server prints it, is allowed. The server and its client read
 * the same words, so that one FANFARE_ADMIN is for both.
 *
 * Main thread only.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

#define ADMIN_PLACE_BYTES 300

struct admin_place {
    bool is_usual; /* `unix`, and the text is empty */
    bool is_unix;
    char text[ADMIN_PLACE_BYTES]; /* a path, or ADDR:PORT */
};

/* False with the rest of a sentence that begins with who gave it. */
MUST_USE bool admin_place_read(const char *word, struct admin_place *ret_place, char *error,
                               size_t error_size);
