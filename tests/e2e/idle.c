/* SPDX-License-Identifier: MIT */
/*
 * 15,000 idle subscribers take less than 512 bytes of the server's memory each: the difference of
 * its resident memory, measured from a server that has served once to one that holds them all.
 */
#include <stdio.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define SUBSCRIBERS    15000u
#define BYTES_EACH_MAX 512

static struct server server;

static void ignore(struct stream *stream, const struct stream_event *event)
{
    (void)stream;
    (void)event;
}

static bool all_have_one(void *context)
{
    struct crowd *crowd = context;

    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->streams[i].seen == 0)
            return false;
    return true;
}

static void case_idle(void)
{
    struct crowd warm, crowd;
    struct client client;

    /* A few subscribers and an event first: what is allocated once belongs to nobody. */
    crowd_open(&warm, &server, 16, "/events/idle", ignore, NULL);
    client_open(&client, &server);
    publish(&client, "idle", "warm", NULL);
    crowd_run(&warm, "warm", all_have_one, &warm);
    long before = server_memory(&server);
    crowd_open(&crowd, &server, SUBSCRIBERS, "/events/idle", ignore, NULL);
    EXPECT_INT(server_stat(&server, "subscribers"), SUBSCRIBERS + 16);
    long after = server_memory(&server);
    double each = (double)(after - before) / SUBSCRIBERS;
    printf("   %u idle subscribers: %.1f MiB more, %.0f bytes each\n", SUBSCRIBERS,
           (double)(after - before) / (1 << 20), each);
    EXPECT(each < BYTES_EACH_MAX, "%.0f bytes each, %d wanted", each, BYTES_EACH_MAX);
    /* They are idle, not dead. */
    publish(&client, "idle", "wake up", NULL);
    crowd_run(&crowd, "all", all_have_one, &crowd);
    EXPECT_INT(crowd.closed, 0);
    client_close(&client);
    crowd_close(&crowd);
    crowd_close(&warm);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    if (CHECK_SANITIZED)
        check_skip("memory is not measured under a sanitizer");
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--connections-max", "1000"));
    check_case("idle", case_idle);
    server_stop(&server);
    return check_end();
}
