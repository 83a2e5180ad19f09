/* SPDX-License-Identifier: MIT */
/* Engines under test: see engine.h. */
#include "tests/library/engine.h"

#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"

void engine_set(struct fanfare *fanfare, const char *name, const char *value)
{
    int r = fanfare_set(fanfare, name, value);
    REQUIRE(r == 0, "%s = %s: %s", name, value ? value : "(none)", fanfare_error(fanfare));
}

struct fanfare *engine_silent(const char *const *options)
{
    struct fanfare *fanfare = fanfare_new();
    REQUIRE(fanfare != NULL, "no engine");
    engine_set(fanfare, "workers", "2");
    engine_set(fanfare, "io", check_backend());
    for (; options && options[0]; options += 2)
        engine_set(fanfare, options[0], options[1]);
    return fanfare;
}

struct fanfare *engine_new(const char *const *options)
{
    struct fanfare *fanfare = engine_silent(options);
    engine_set(fanfare, "listen", "127.0.0.1:0");
    engine_set(fanfare, "acceptors", "1");
    return fanfare;
}

void engine_start(struct fanfare *fanfare, struct server *ret_server)
{
    char addresses[256];
    int r = fanfare_start(fanfare);
    REQUIRE(r == 0, "%d: %s", r, fanfare_error(fanfare));
    if (!ret_server)
        return;
    REQUIRE(fanfare_get(fanfare, "addresses", addresses, sizeof(addresses)) > 0, "none");
    const char *port = strrchr(addresses, ':');
    *ret_server = (struct server){.port = (uint16_t)strtoul(port + 1, NULL, 10)};
}

void engine_end(struct fanfare *fanfare)
{
    EXPECT_INT(fanfare_stop(fanfare), 0);
    fanfare_free(fanfare);
}
