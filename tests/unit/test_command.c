/* SPDX-License-Identifier: MIT */
/* An operator's commands: a channel that is closed, and a kick, each at its place in the order. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "threadless.h"

static struct hub *hub;
static struct worker *worker;

static void begin(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    worker = hub_worker(hub, 0);
}

static void end(void)
{
    threadless_end(hub);
}

/* Our end of a stream of these channels, which is handed over and not looked at yet. */
static int ask(const char *first, const char *second, const char *resume)
{
    int fds[2];
    struct text channels[] = {text_of(first), text_of(second ? second : "")};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = second ? 2 : 1,
                                        .has_resume = resume != NULL,
                                        .resume = text_of(resume ? resume : "")};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    return fds[1];
}

static int publish(const char *channel, const char *data, bool ends)
{
    struct frame *frame;
    uint64_t first;
    struct event event = {
        .channel = text_of(channel), .data = text_of(data), .retry_ms = -1, .ends = ends};
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    int r = hub_publish(hub, &frame, 1, &first);
    if (r != 0)
        frame_unref(frame);
    return r;
}

/* What came since the last time. */
static const char *read_from(int peer)
{
    static char bytes[65536];
    ssize_t len = recv(peer, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);
    bytes[len > 0 ? len : 0] = '\0';
    return bytes;
}

static struct stats stats_now(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats;
}

#define LAST "\r\n0\r\n\r\n"

Test(command, close_gives_the_rest_and_the_end, .init = begin, .fini = end)
{
    int one = ask("a", NULL, NULL), two = ask("a", "b", NULL);
    threadless_turns(worker);
    read_from(one), read_from(two);
    cr_assert_eq(publish("a", "before", false), 0);
    cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
    cr_assert_eq(publish("a", "after", false), 0);
    cr_assert_eq(publish("b", "other", false), 0);
    threadless_turns(worker);
    const char *text = read_from(one);
    cr_expect(strstr(text, "data: before\n") && strstr(text, "retry: ") && strstr(text, LAST), "%s",
              text);
    cr_expect(!strstr(text, "after") && !strstr(text, ": end\n"), "%s", text);
    text = read_from(two);
    cr_expect(strstr(text, "data: before\n") && strstr(text, "data: other\n"), "%s", text);
    cr_expect(!strstr(text, "after") && !strstr(text, LAST), "%s", text);
    struct stats stats = stats_now();
    cr_expect_eq(stats.closed_channel, 1);
    cr_expect_eq(stats.channels_closed, 1);
    cr_expect_eq(stats.published, 3, "a close is no event");
    cr_expect_eq(stats.history_events, 2, "what was before is gone");
    cr_expect_eq(stats.channels, 2);
    close(one), close(two);
    threadless_turns(worker);
    cr_expect_null(worker->channels.closed.first, "with its last member the record goes");
}

/* Who comes back is told what it lacked, and nothing if that was nothing. */
Test(command, close_is_told_to_who_lacks, .init = begin, .fini = end)
{
    char lacks[ID_LEN + 1] = "", has[ID_LEN + 1] = "";
    cr_assert_eq(publish("a", "one", false), 0);
    cr_assert_eq(publish("a", "two", false), 0);
    id_format(lacks, hub_ids(hub), 1);
    id_format(has, hub_ids(hub), 2);
    cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
    threadless_turns(worker);
    cr_expect_eq(stats_now().channels, 0);
    int one = ask("a", NULL, lacks), two = ask("a", NULL, has);
    threadless_turns(worker);
    const char *text = read_from(one);
    cr_expect(strstr(text, "fanfare-gap") && strstr(text, "\"expired\""), "%s", text);
    text = read_from(two);
    cr_expect(strstr(text, "Fanfare-Resume: complete"), "%s", text);
    close(one), close(two);
}

Test(command, close_frees_a_name_that_had_ended, .init = begin, .fini = end)
{
    cr_assert_eq(publish("a", "last", true), 0);
    cr_expect_eq(publish("a", "no", false), HUB_ENDED);
    cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
    cr_expect_eq(publish("a", "afresh", false), 0, "before any worker knows");
    cr_assert_eq(publish("a", "again", true), 0);
    threadless_turns(worker);
    cr_expect_eq(publish("a", "no", false), HUB_ENDED, "the second end holds");
    cr_expect_eq(stats_now().channels_ended, 1);
    cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
    threadless_turns(worker);
    cr_expect_eq(publish("a", "afresh", false), 0);
}

/* A key is the channel's: with it, it is forgotten. */
Test(command, close_forgets_keys, .init = begin, .fini = end)
{
    uint64_t first;
    for (int round = 0; round < 3; round++) {
        struct frame *frames[2];
        struct event event = {
            .channel = TEXT("a"), .data = TEXT("x"), .retry_ms = -1, .key = TEXT("k")};
        cr_assert_eq(hub_frame(hub, &event, &frames[0]), 0);
        cr_assert_eq(hub_frame(hub, &event, &frames[1]), 0);
        cr_expect_eq(hub_publish(hub, &frames[0], 1, &first), 0, "round %d", round);
        cr_expect_eq(hub_publish(hub, &frames[1], 1, &first), HUB_KNOWN);
        frame_unref(frames[1]);
        cr_assert_eq(hub_close_channel(hub, TEXT("a")), 0);
        if (round == 1)
            threadless_turns(worker);
    }
    threadless_turns(worker);
    const struct ledger *ledger = &worker->flow->ledger;
    cr_expect(ledger->keys.count == 0 && ledger->closes.count == 0, "and nothing is left noted");
}

Test(command, kick_ends_who_was_there, .init = begin, .fini = end)
{
    int there = ask("a", NULL, NULL);
    threadless_turns(worker);
    int late = ask("a", NULL, NULL); /* asked before, and joins after */
    cr_assert_eq(publish("a", "before", false), 0);
    cr_assert_eq(hub_kick(hub), 0);
    int stays = ask("a", NULL, NULL);
    threadless_turns(worker);
    const char *text = read_from(there);
    cr_expect(strstr(text, "data: before\n") && strstr(text, "retry: ") && strstr(text, LAST), "%s",
              text);
    text = read_from(late);
    cr_expect(strstr(text, "data: before\n") && strstr(text, LAST), "%s", text);
    text = read_from(stays);
    cr_expect(!strstr(text, "before") && !strstr(text, LAST), "%s", text);
    cr_assert_eq(publish("a", "after", false), 0);
    threadless_turns(worker);
    cr_expect(strstr(read_from(stays), "data: after\n"));
    cr_expect_eq(stats_now().closed_asked, 2);
    cr_expect_eq(stats_now().subscribers, 1);
    close(there), close(late), close(stays);
}

/* Who lacks something as well, and who joins after it with a request from before. */
Test(command, cut_ends_at_once, .init = begin, .fini = end)
{
    int there = ask("a", NULL, NULL);
    threadless_turns(worker);
    cr_expect(strstr(read_from(there), "200 OK"));
    int late = ask("a", NULL, NULL);
    cr_assert_eq(publish("a", "before", false), 0);
    cr_assert_eq(hub_cut(hub), 0);
    int stays = ask("a", NULL, NULL);
    threadless_turns(worker);
    cr_expect(!strstr(read_from(there), LAST));
    cr_expect(!strstr(read_from(late), LAST));
    cr_expect(strstr(read_from(stays), "200 OK"));
    cr_expect_eq(stats_now().closed_cut, 2);
    cr_expect_eq(stats_now().subscribers, 1);
    close(there), close(late), close(stays);
}

Test(command, none_after_the_last_number, .init = begin, .fini = end)
{
    hub_close(hub);
    cr_expect_eq(hub_close_channel(hub, TEXT("a")), -ESHUTDOWN);
    cr_expect_eq(hub_kick(hub), -ESHUTDOWN);
    cr_expect_eq(worker->flow->ledger.closes.count, 0);
}
