/* SPDX-License-Identifier: MIT */
/*
 * Looking at channels from inside, closing one, and the counters: what the calls say is held
 * against what was done, and against what the listener answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/library/engine.h"

static void put(struct fanfare *fanfare, const char *channel, const char *data)
{
    int r = fanfare_publish(fanfare, channel, NULL, data, FANFARE_NUL, FANFARE_FOREVER, NULL);
    REQUIRE(r == 0, "%s: %s", channel, fanfare_strerror(r));
}

static void tells_of_one(void)
{
    struct server server;
    struct stream streams[3];
    struct fanfare_channel channel = {.size = sizeof(channel)};
    struct fanfare *fanfare = engine_new(NULL);
    engine_start(fanfare, &server);
    EXPECT_INT(fanfare_channel_get(fanfare, "news", FANFARE_NUL, &channel), -ENOENT);
    for (unsigned i = 0; i < 3; i++) {
        stream_open(&streams[i], &server, "/events/news", NULL);
        stream_await_head(&streams[i]);
    }
    put(fanfare, "other", "x");
    put(fanfare, "news", "one");
    put(fanfare, "news", "two");
    EXPECT_INT(fanfare_channel_get(fanfare, "news and more", 4, &channel), 0);
    EXPECT_INT(channel.subscribers, 3);
    EXPECT_INT(channel.events, 2);
    EXPECT(channel.bytes > 6, "%llu bytes", (unsigned long long)channel.bytes);
    EXPECT_INT(channel.last, 3);
    EXPECT(!channel.name, "a name");
    EXPECT_INT(fanfare_channel_close(fanfare, "news", FANFARE_NUL, 0), 0);
    for (unsigned i = 0; i < 3; i++) {
        stream_expect(&streams[i], "message", "one", NULL);
        stream_expect(&streams[i], "message", "two", NULL);
        stream_expect_end(&streams[i]);
        stream_close(&streams[i]);
    }
    EXPECT_INT(fanfare_channel_get(fanfare, "news", FANFARE_NUL, &channel), -ENOENT);
    put(fanfare, "news", "again");
    EXPECT_INT(fanfare_channel_get(fanfare, "news", FANFARE_NUL, &channel), 0);
    EXPECT_INT(channel.events, 1);
    EXPECT_INT(fanfare_channel_close(fanfare, "nobody's", FANFARE_NUL, FANFARE_FORGET), 0);
    engine_end(fanfare);
}

/* How many channels a list has, each of which must begin so and be there once. */
static unsigned count_listed(struct fanfare *fanfare, const char *prefix)
{
    struct fanfare_list *list = NULL;
    struct fanfare_channel channel = {.size = sizeof(channel)};
    unsigned count = 0;
    char last[FANFARE_CHANNEL_MAX + 1] = "";
    int r = fanfare_channel_list(fanfare, prefix, &list);
    REQUIRE(r == 0, "%s: %s", prefix ? prefix : "all", fanfare_strerror(r));
    while (fanfare_list_next(list, &channel) == 1) {
        EXPECT_INT(channel.name_len, strlen(channel.name));
        EXPECT(!prefix || strncmp(channel.name, prefix, strlen(prefix)) == 0, "%s", channel.name);
        EXPECT(strcmp(last, channel.name) < 0, "%s behind %s", channel.name, last);
        EXPECT_INT(channel.events, 1);
        EXPECT_INT(channel.subscribers, 0);
        EXPECT(channel.last > 0, "%s has no newest event", channel.name);
        strcpy(last, channel.name);
        count++;
    }
    EXPECT_INT(fanfare_list_next(list, &channel), 0);
    fanfare_list_free(list);
    return count;
}

static void lists_them(void)
{
    enum { ROOMS = 2500 }; /* some pages of a list */
    char name[FANFARE_CHANNEL_MAX + 2];
    struct fanfare *fanfare = engine_silent(NULL);
    engine_start(fanfare, NULL);
    EXPECT_INT(count_listed(fanfare, NULL), 0);
    for (unsigned i = 0; i < ROOMS; i++) {
        snprintf(name, sizeof(name), "room/%u", i);
        put(fanfare, name, "x");
    }
    static const char *const others[] = {"room", "room.", "room0", "roon/", "\xf0\x9f\x8e\xba"};
    for (unsigned i = 0; i < 5; i++)
        put(fanfare, others[i], "x");
    EXPECT_INT(count_listed(fanfare, NULL), ROOMS + 5);
    EXPECT_INT(count_listed(fanfare, ""), ROOMS + 5);
    EXPECT_INT(count_listed(fanfare, "room/"), ROOMS);
    EXPECT_INT(count_listed(fanfare, "room/249"), 1 + 10);
    EXPECT_INT(count_listed(fanfare, "room"), ROOMS + 3);
    EXPECT_INT(count_listed(fanfare, "\xf0\x9f"), 1);
    EXPECT_INT(count_listed(fanfare, "rooms"), 0);
    memset(name, 'x', sizeof(name));
    name[FANFARE_CHANNEL_MAX] = '\0';
    put(fanfare, name, "x");
    EXPECT_INT(count_listed(fanfare, name), 1);
    name[FANFARE_CHANNEL_MAX] = 'x';
    name[FANFARE_CHANNEL_MAX + 1] = '\0';
    EXPECT_INT(count_listed(fanfare, name), 0);
    engine_end(fanfare);
}

static uint64_t value_of(struct fanfare *fanfare, const char *name)
{
    uint64_t value = UINT64_MAX;
    EXPECT_INT(fanfare_stat(fanfare, name, &value), 0);
    return value;
}

static void counts(void)
{
    static const char *const options[] = {"routes", "subscribe metrics", NULL};
    struct server server;
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = engine_new(options);
    uint64_t values[256];
    char line[256];
    engine_start(fanfare, &server);
    put(fanfare, "a", "x");
    EXPECT_INT(value_of(fanfare, "published"), 1);
    EXPECT_INT(value_of(fanfare, "subscribers"), 0);
    int all = fanfare_stats(fanfare, values, 256);
    for (unsigned i = 0; i < (unsigned)all && i < 256; i++) {
        const char *name = fanfare_stat_name(i);
        REQUIRE(name, "%u of %d has no name", i, all);
        EXPECT(fanfare_stat_text(name, "help"), "%s", name);
        EXPECT(fanfare_stat_text(name, "kind"), "%s", name);
        if (strcmp(name, "published") == 0)
            EXPECT_INT(values[i], 1);
    }
    EXPECT(!fanfare_stat_name((unsigned)all), "one behind the last");
    EXPECT(!fanfare_stat_text("published", "colour"), "an item of that name");
    EXPECT(!fanfare_stat_text("nothing", "help"), "a counter of that name");
    /* The text is that of /metrics. */
    int len = fanfare_metrics(fanfare, NULL, 0);
    REQUIRE(len > 0, "%d", len);
    char *text = malloc((size_t)len + 1024);
    EXPECT(fanfare_metrics(fanfare, text, (size_t)len + 1024) >= len - 16, "shorter than before");
    client_open(&client, &server);
    client_request(&client, "GET", "/metrics", NULL, NULL, 0, &answer);
    for (unsigned i = 0; i < (unsigned)all; i++) {
        const char *kind = fanfare_stat_text(fanfare_stat_name(i), "kind");
        snprintf(line, sizeof(line), "\n# HELP fanfare_%s%s %s\n", fanfare_stat_name(i),
                 strcmp(kind, "counter") == 0 ? "_total" : "",
                 fanfare_stat_text(fanfare_stat_name(i), "help"));
        EXPECT(strstr(text, line) && strstr(answer.body, line), "%s", line);
    }
    EXPECT(strstr(text, "\nfanfare_published_total 1\n"), "%s", text);
    char cut[8];
    EXPECT(fanfare_metrics(fanfare, cut, sizeof(cut)) >= len - 16, "the whole length");
    EXPECT_INT(strlen(cut), sizeof(cut) - 1);
    free(text);
    answer_free(&answer);
    client_close(&client);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    EXPECT_INT(value_of(fanfare, "published"), 1);
    fanfare_free(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("tells_of_one", tells_of_one);
    check_case("lists_them", lists_them);
    check_case("counts", counts);
    return check_end();
}
