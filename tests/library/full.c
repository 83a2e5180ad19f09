/* SPDX-License-Identifier: MIT */
/* A channel without room: see full.h. */
#include "tests/library/full.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/e2e/check.h"

/* How long no room may come before the channel counts as full: what is on its way then is not. */
#define SETTLED_MS 300

char full_data[FULL_DATA_BYTES];

static void ignore(struct stream *stream, const struct stream_event *event)
{
    (void)stream;
    (void)event;
}

int full_publish(struct full *full, int timeout_ms)
{
    return fanfare_publish(full->fanfare, FULL_CHANNEL, NULL, full_data, sizeof(full_data),
                           timeout_ms, NULL);
}

void full_begin(struct full *full)
{
    static const char *const options[] = {"history-events", "4",    "slow-after", "3600",
                                          "hold-max",       "3600", "heartbeat",  "0",
                                          "drain-timeout",  "0.1",  NULL};
    memset(full_data, 'x', sizeof(full_data));
    full->fanfare = engine_new(options);
    engine_start(full->fanfare, &full->server);
    stream_open_small(&full->reader, &full->server, "/events/" FULL_CHANNEL, 16384);
    full->reader.on_event = ignore;
    int r = 0;
    for (unsigned i = 0; i < 200 && r == 0; i++)
        r = full_publish(full, SETTLED_MS);
    EXPECT_INT(r, -ETIMEDOUT);
}

void full_read(struct full *full)
{
    struct pollfd ready = {.fd = full->reader.fd, .events = POLLIN};
    if (poll(&ready, 1, 10) > 0)
        REQUIRE(stream_take(&full->reader, 1u << 20), "the reader was closed");
}

void full_end(struct full *full)
{
    stream_close(&full->reader);
    engine_end(full->fanfare);
}
