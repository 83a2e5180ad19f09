/* SPDX-License-Identifier: MIT */
/*
 * 10,000 subscribers on 2 workers, 100 events: 1,000,000 deliveries, each one checked, whole and in
 * order. Then 10 feeds and 10 HTTP publishers at the same time into one channel of 2,000
 * subscribers: none is lost, all see the same order, each publisher's own order is kept.
 */
#include <pthread.h>
#include <stdio.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/crowd.h"

#define PUBLISHERS 20u
#define EACH       50u

static struct server server;

static void *publish_hundred(void *argument)
{
    struct client client;
    char text[200];

    (void)argument;
    client_open(&client, &server);
    for (unsigned i = 0; i < 100; i++) {
        /* Sizes from 8 bytes to 150: frames do not fall on any boundary. */
        snprintf(text, sizeof(text), "0 %u %.*s", i, (int)(i % 140),
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrs"
                 "tuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi");
        publish(&client, "million", text, NULL);
    }
    client_close(&client);
    return NULL;
}

static void case_million(void)
{
    unsigned subscribers = check_scaled(10000);
    pthread_t publisher;
    struct crowd crowd;
    struct tally tally;

    tally_init(&tally, subscribers, 1, 100);
    int64_t start = check_now_ms();
    crowd_open(&crowd, &server, subscribers, "/events/million", tally_event, &tally);
    int64_t opened = check_now_ms();
    pthread_create(&publisher, NULL, publish_hundred, NULL);
    crowd_complete(&crowd, "a million");
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)subscribers * 100);
    printf("   %llu deliveries to %u subscribers in %lld ms (connected in %lld ms)\n",
           (unsigned long long)tally.deliveries, subscribers, (long long)(check_now_ms() - opened),
           (long long)(opened - start));
    pthread_join(publisher, NULL);
    EXPECT_INT(server_stat(&server, "deliveries"), (long long)subscribers * 100);
    EXPECT_INT(server_stat(&server, "subscribers"), subscribers);
    crowd_close(&crowd);
    tally_free(&tally);
    server_await(&server, "subscribers", false, 0);
    EXPECT_INT(server_stat(&server, "closed_gone"), subscribers);
    server_await(&server, "in_flight_bytes", false, 0);
}

static void *publish_each(void *argument)
{
    unsigned publisher = (unsigned)(uintptr_t)argument;
    bool by_feed = publisher < PUBLISHERS / 2;
    struct client client;
    struct receipt receipt;
    char text[100];

    if (by_feed)
        client_open_feed(&client, &server);
    else
        client_open(&client, &server);
    for (unsigned i = 0; i < EACH; i++) {
        if (by_feed) {
            snprintf(text, sizeof(text), "channel: same\ndata: %u %u\nack: %u\n\n", publisher, i,
                     i);
            REQUIRE(client_say(&client, text), "feed %u was closed", publisher);
            REQUIRE(client_receipt(&client, &receipt) && receipt.id[0], "feed %u: %s", publisher,
                    receipt.error);
        } else {
            snprintf(text, sizeof(text), "%u %u", publisher, i);
            publish(&client, "same", text, NULL);
        }
    }
    client_close(&client);
    return NULL;
}

static void case_same_order(void)
{
    unsigned subscribers = check_scaled(2000);
    pthread_t threads[PUBLISHERS];
    struct crowd crowd;
    struct tally tally;

    tally_init(&tally, subscribers, PUBLISHERS, PUBLISHERS * EACH);
    crowd_open(&crowd, &server, subscribers, "/events/same", tally_event, &tally);
    for (uintptr_t i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[i], NULL, publish_each, (void *)i);
    crowd_complete(&crowd, "same order");
    EXPECT_INT(crowd.closed, 0);
    EXPECT_INT(tally.deliveries, (long long)subscribers * PUBLISHERS * EACH);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        pthread_join(threads[i], NULL);
    printf("   %llu deliveries, one order\n", (unsigned long long)tally.deliveries);
    crowd_close(&crowd);
    tally_free(&tally);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--connections-max", "1000"));
    check_case("million", case_million);
    check_case("same_order", case_same_order);
    server_stop(&server);
    return check_end();
}
