/* SPDX-License-Identifier: MIT */
/* The journal on one thread: facts in order, what does not fit is counted, and nothing is kept of
 * who has gone. */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/journal.h"

static struct hub *hub;
static struct journal *journal;
static struct address peer;

static void set_up(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    journal = journal_new(hub);
    cr_assert_not_null(journal);
    cr_assert(address_read(TEXT("192.0.2.7"), &peer));
}

static uint64_t memory(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats.memory_connections;
}

static void tear_down(void)
{
    journal_end(journal);
    cr_expect_eq(memory(), 0);
    hub_free(hub);
}

static struct journal_seat *sit(const char *first, const char *second)
{
    struct journal_seat *seat;
    struct text channels[] = {text_of(first), text_of(second)};
    cr_assert_eq(journal_seat_new(journal, &peer, channels, second ? 2 : 1, 503, &seat), 0);
    return seat;
}

static void join(struct journal_seat *seat, uint64_t subscriber)
{
    seat_taken(journal_seat_of(seat), &(struct seat_begin){.subscriber = subscriber});
}

static void leave(struct journal_seat *seat, enum close_reason reason, uint64_t cursor)
{
    seat_leave(journal_seat_of(seat), &(struct seat_end){.reason = reason, .cursor = cursor});
}

static void tell(const char *path, const char *refusal)
{
    char method[] = "GET", copy[64];
    snprintf(copy, sizeof(copy), "%s", path);
    struct fact fact = {.kind = refusal ? FACT_REFUSED : FACT_REQUEST,
                        .peer = peer,
                        .status = 200,
                        .refusal = text_of(refusal),
                        .method = text_of(method),
                        .path = text_of(copy)};
    journal_tell(journal, &fact);
    memset(method, 'x', 3); /* it has been copied */
    memset(copy, 'x', sizeof(copy) - 1);
}

/* What was read, each in a few words. */
static char seen[4096];
static unsigned most;

static bool take(void *context, const struct fact *fact)
{
    static const char *const kinds[] = {"join", "leave", "refused", "request"};
    (void)context;
    if (most-- == 0)
        return false;
    size_t len = strlen(seen);
    len += (size_t)snprintf(seen + len, sizeof(seen) - len, "%s", kinds[fact->kind]);
    cr_expect(address_equals(&fact->peer, &peer));
    cr_expect_gt(fact->time_ns, INT64_C(1600000000000000000));
    struct text rest = fact->channels, channel;
    while (fact_channel(&rest, &channel))
        len +=
            (size_t)snprintf(seen + len, sizeof(seen) - len, " %.*s", (int)channel.len, channel.at);
    if (fact->kind == FACT_JOIN || fact->kind == FACT_LEAVE)
        len += (size_t)snprintf(seen + len, sizeof(seen) - len, " %u", (unsigned)fact->subscriber);
    if (fact->kind == FACT_LEAVE)
        len += (size_t)snprintf(seen + len, sizeof(seen) - len, " %s %u", reason_text(fact->reason),
                                (unsigned)fact->cursor);
    len += (size_t)snprintf(seen + len, sizeof(seen) - len, "%s%.*s%s%.*s",
                            fact->path.len ? " " : "", (int)fact->path.len, fact->path.at,
                            fact->refusal.len ? " " : "", (int)fact->refusal.len, fact->refusal.at);
    snprintf(seen + len, sizeof(seen) - len, "\n");
    return true;
}

static bool read_some(unsigned count)
{
    seen[0] = '\0';
    most = count;
    return journal_read(journal, take, NULL);
}

Test(journal, facts_come_in_order, .init = set_up, .fini = tear_down)
{
    struct journal_seat *a = sit("a", NULL), *b = sit("b", "c"), *d = sit("d", NULL);
    join(a, 1);
    tell("/x", NULL);
    join(b, 2);
    leave(a, CLOSE_GONE, 7);
    seat_refuse(journal_seat_of(d));
    tell("/y", "memory");
    cr_expect(!read_some(2));
    cr_expect_str_eq(seen, "join a 1\nrequest /x\n");
    leave(b, CLOSE_IDLE, 9);
    while (!read_some(100))
        ;
    cr_expect_str_eq(seen, "join b c 2\nleave a 1 gone 7\nrefused d refused\nrefused /y memory\n");
    struct journal_seat *over = sit("e", NULL);
    leave(over, CLOSE_ENDED, 0);
    cr_expect(read_some(100));
    cr_expect_str_eq(seen, "leave b c 2 idle 9\nrefused e ended\n");
    cr_expect_eq(journal_take_lost(journal), 0);
    cr_expect_eq(memory(), 0);
}

Test(journal, a_hushed_seat_says_nothing, .init = set_up, .fini = tear_down)
{
    struct journal_seat *a = sit("a", NULL);
    journal_seat_hush(a);
    seat_refuse(journal_seat_of(a));
    cr_expect(read_some(100));
    cr_expect_str_eq(seen, "");
    cr_expect_eq(memory(), 0);
}

Test(journal, what_does_not_fit_is_counted, .init = set_up, .fini = tear_down)
{
    enum { MORE = 10 };
    struct journal_seat *early = sit("a", NULL);
    join(early, 1);
    for (unsigned i = 0; i < JOURNAL_RECORDS_MAX - 1 + MORE; i++)
        tell("/", NULL);
    struct journal_seat *late = sit("b", NULL);
    join(late, 2);
    leave(late, CLOSE_GONE, 0);
    leave(early, CLOSE_GONE, 0);
    cr_expect_eq(journal_take_lost(journal), MORE + 3);
    cr_expect_eq(journal_take_lost(journal), 0);
    read_some(1);
    cr_expect_str_eq(seen, "join a 1\n");
    cr_expect_eq(memory(), 0);
    while (!read_some(20))
        ;
    /* There is room again. */
    tell("/z", NULL);
    cr_expect(read_some(2));
    cr_expect_str_eq(seen, "request /z\n");
    cr_expect_eq(journal_take_lost(journal), 0);
}

Test(journal, its_bytes_are_bounded, .init = set_up, .fini = tear_down)
{
    static char path[8192];
    memset(path, 'a', sizeof(path));
    struct fact fact = {.kind = FACT_REQUEST, .peer = peer, .path = {path, sizeof(path)}};
    unsigned told = 0;
    while (journal_take_lost(journal) == 0) {
        journal_tell(journal, &fact);
        told++;
    }
    cr_expect_leq(told, JOURNAL_BYTES_MAX / sizeof(path) + 1);
    cr_expect_gt(told, JOURNAL_BYTES_MAX / sizeof(path) / 2);
}

/* Who came and went while nobody reads takes nothing from who comes then. */
Test(journal, seats_that_wait_are_bounded, .init = set_up, .fini = tear_down)
{
    static char channels[SUBSCRIBER_CHANNELS_MAX][CHANNEL_BYTES_MAX];
    struct text names[SUBSCRIBER_CHANNELS_MAX];
    for (unsigned i = 0; i < SUBSCRIBER_CHANNELS_MAX; i++)
        names[i] = (struct text){channels[i], sizeof(channels[i])};
    unsigned joined = 0;
    while (journal_take_lost(journal) == 0) {
        struct journal_seat *seat;
        cr_assert_eq(journal_seat_new(journal, &peer, names, SUBSCRIBER_CHANNELS_MAX, 503, &seat),
                     0);
        join(seat, ++joined);
        cr_expect_gt(memory(), sizeof(channels));
        leave(seat, CLOSE_GONE, 0);
        cr_assert_eq(memory(), 0);
    }
    cr_expect_leq(joined, JOURNAL_BYTES_MAX / sizeof(channels) + 1);
    cr_expect_gt(joined, JOURNAL_BYTES_MAX / sizeof(channels) / 3);
}

Test(journal, a_seat_outlives_it, .init = set_up, .fini = tear_down)
{
    struct journal_seat *a = sit("a", NULL), *b = sit("b", NULL);
    join(a, 1);
    join(b, 2);
    leave(b, CLOSE_DRAIN, 0);
    journal = journal_end(journal);
    leave(a, CLOSE_DRAIN, 0);
}

Test(journal, nobody_is_seated_beyond_memory_max, .init = set_up, .fini = tear_down)
{
    struct journal_seat *seat;
    struct text channel = TEXT("a");
    struct hub_options options;
    hub_options_default(&options);
    hub_count_memory(hub, (int64_t)options.memory_max);
    cr_expect_eq(journal_seat_new(journal, &peer, &channel, 1, 503, &seat), HUB_NO_MEMORY);
    hub_count_memory(hub, -(int64_t)options.memory_max);
}
