/* SPDX-License-Identifier: MIT */
/* Subscribers' ids: as text, and what a stream and its seat are told of them. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/subscriber_id.h"
#include "engine/worker/identity.h"
#include "threadless.h"

Test(identity, an_id_is_its_text)
{
    uint64_t id = subscriber_id_of(254, UINT64_C(0xfffffffffe0000)), read = 0;
    char text[SUBSCRIBER_ID_LEN];
    subscriber_id_format(text, id);
    cr_expect_arr_eq(text, "fffffffffe0000fe", SUBSCRIBER_ID_LEN);
    cr_expect(subscriber_id_parse((struct text){text, sizeof(text)}, &read));
    cr_expect_eq(read, id);
    cr_expect_eq(subscriber_id_worker(id), 254);
    cr_expect_eq(subscriber_id_number(id), UINT64_C(0xfffffffffe0000));
    static const char *const others[] = {"",
                                         "fffffffffe0000f",
                                         "fffffffffe0000fe0",
                                         "FFFFFFFFFE0000FE",
                                         "0000000000000000",
                                         "fffffffffe0000f ",
                                         "fffffffffe0000fg"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect(!subscriber_id_parse(text_of(others[i]), &read), "%s", others[i]);
    cr_expect_eq(read, id, "written on success only");
}

struct named_seat {
    struct seat seat; /* first */
    uint64_t subscriber;
};

static void note_taken(struct seat *seat, const struct seat_begin *begin)
{
    ((struct named_seat *)seat)->subscriber = begin->subscriber;
}

static void note_leave(struct seat *seat, const struct seat_end *end)
{
    (void)seat, (void)end;
}

static struct hub *start(bool with_ids)
{
    struct hub_options options;
    struct hub *hub;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.subscriber_ids = with_ids;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    return hub;
}

/* The head of a stream that asks for its id in it, or not; its peer's end in *ret_peer. */
static void join(struct hub *hub, struct named_seat *seat, bool tells_id, char head[1024],
                 int *ret_peer)
{
    int fds[2];
    struct text channel = TEXT("c");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *seat = (struct named_seat){{.taken = note_taken, .leave = note_leave}, 1};
    struct subscribe_request request = {.fd = fds[0],
                                        .before = hub_next_sequence(hub),
                                        .channels = &channel,
                                        .channel_count = 1,
                                        .seat = &seat->seat,
                                        .tells_id = tells_id};
    cr_assert_eq(hub_subscribe(hub, &request, NULL), 0);
    while (worker_turn(hub_worker(hub, 0)))
        ;
    ssize_t len = recv(fds[1], head, 1023, 0);
    cr_assert_gt(len, 0);
    head[len] = 0;
    *ret_peer = fds[1];
}

Test(identity, each_stream_of_a_record_has_its_own)
{
    struct hub *hub = start(true);
    struct named_seat seat;
    char head[1024];
    int peer;
    join(hub, &seat, true, head, &peer);
    cr_expect_eq(seat.subscriber, subscriber_id_of(0, 1));
    cr_expect_not_null(strstr(head, "\r\nFanfare-Subscriber: 0000000000000100\r\n"), "%s", head);
    close(peer);
    struct worker *worker = hub_worker(hub, 0);
    while (worker->records.live) { /* until its hang-up is seen */
        cr_assert_eq(worker->io->operations->wait(worker->io, 1000000000), 0);
        worker_turn(worker);
    }
    join(hub, &seat, false, head, &peer);
    cr_expect_eq(seat.subscriber, subscriber_id_of(0, 2));
    cr_expect_null(strstr(head, "Fanfare-Subscriber"), "it did not ask: %s", head);
    threadless_end(hub);
    close(peer);
}

Test(identity, without_them_nothing_is_told)
{
    struct hub *hub = start(false);
    struct named_seat seat;
    char head[1024];
    int peer;
    join(hub, &seat, true, head, &peer);
    cr_expect_eq(seat.subscriber, 0);
    cr_expect_null(strstr(head, "Fanfare-Subscriber"), "%s", head);
    cr_expect_null(hub_worker(hub, 0)->identities.of, "no table is reserved");
    threadless_end(hub);
    close(peer);
}

/* --- the ways through the table -------------------------------------------------------------- */

#define RECORDS 16u

/* What there is, by record: ids; 0: free. */
static void expect_walk(struct worker *worker, const uint64_t *ids, uint64_t after)
{
    identity_walk_begin(worker, after);
    struct slice slice = {.looks = 1000, .unlooked = 1000};
    for (uint64_t last = after;; identity_walk_on(worker)) {
        uint64_t next = UINT64_MAX;
        for (uint32_t i = 0; i < RECORDS; i++)
            next = ids[i] > last && ids[i] < next ? ids[i] : next;
        uint32_t index;
        cr_assert(identity_walk(worker, &slice, &index));
        if (next == UINT64_MAX) {
            cr_assert_eq(index, IDENTITY_NONE);
            return;
        }
        cr_assert_neq(index, IDENTITY_NONE);
        cr_assert_eq(ids[index], next);
        last = next;
    }
}

/* In whatever order they come and go: each is found by its id, and they are met in order of ids. */
Test(identity, streams_are_found_and_in_order)
{
    struct hub *hub = start(true);
    struct worker *worker = hub_worker(hub, 0);
    uint64_t ids[RECORDS] = {0}, newest = 0;
    uint32_t chance = 1;
    for (unsigned step = 0; step < 4000; step++) {
        chance = chance * 1103515245u + 12345u;
        uint32_t at = chance >> 16 & (RECORDS - 1), back = chance >> 20 & 63;
        if (ids[at]) {
            identity_end(worker, at);
            cr_assert_eq(identity_find(worker, ids[at]), IDENTITY_NONE);
            ids[at] = 0;
        } else {
            uint64_t id = subscriber_id_of(0, newest > back ? newest - back : newest + 40);
            newest = subscriber_id_number(id) > newest ? subscriber_id_number(id) : newest;
            if (identity_find(worker, id) != IDENTITY_NONE)
                continue;
            identity_begin(worker, at, id, TEXT("p"));
            ids[at] = id;
        }
        for (uint32_t i = 0; i < RECORDS; i++)
            cr_assert(!ids[i] || identity_find(worker, ids[i]) == i);
        expect_walk(worker, ids, 0);
        expect_walk(worker, ids, subscriber_id_of(7, newest > back ? newest - back : 0));
    }
    for (uint32_t i = 0; i < RECORDS; i++)
        if (ids[i])
            identity_end(worker, i);
    threadless_end(hub);
}

/* In slices of one look: who is there all the while is met once, whoever goes meanwhile. */
Test(identity, a_walk_outlives_who_goes)
{
    struct hub *hub = start(true);
    struct worker *worker = hub_worker(hub, 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        identity_begin(worker, i, subscriber_id_of(0, 100 + i), TEXT(""));
    /* What it stands on, and what it would come to by the number. */
    static const uint32_t gone[] = {8, 0, 4, 6, 7, 9, 15, 14};
    bool met[RECORDS] = {false};
    identity_walk_begin(worker, subscriber_id_of(3, 105));
    unsigned next = 0;
    for (uint32_t index;;) {
        struct slice slice = {.looks = 1, .unlooked = 1};
        if (next < sizeof(gone) / sizeof(gone[0]))
            identity_end(worker, gone[next++]);
        if (!identity_walk(worker, &slice, &index))
            continue;
        if (index == IDENTITY_NONE)
            break;
        cr_assert(!met[index]);
        met[index] = true;
        identity_walk_on(worker);
    }
    static const uint32_t stay[] = {10, 11, 12, 13};
    for (uint32_t i = 0; i < 4; i++)
        cr_expect(met[stay[i]], "%u", stay[i]);
    cr_expect(!met[1] && !met[2] && !met[3] && !met[5], "they are not behind it");
    for (uint32_t i = 0; i < RECORDS; i++)
        if (identity_id(worker, i))
            identity_end(worker, i);
    threadless_end(hub);
}

/* Two that ask at once have ids of their own, known before either has joined. */
Test(identity, an_id_is_known_at_once)
{
    struct hub *hub = start(true);
    uint64_t ids[2] = {0};
    int fds[2][2];
    struct text channel = TEXT("c");
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds[i]), 0);
        struct subscribe_request request = {
            .fd = fds[i][0], .before = 1, .channels = &channel, .channel_count = 1};
        cr_assert_eq(hub_subscribe(hub, &request, &ids[i]), 0);
        cr_expect_eq(ids[i], subscriber_id_of(0, i + 1));
    }
    while (worker_turn(hub_worker(hub, 0)))
        ;
    cr_expect_neq(identity_find(hub_worker(hub, 0), ids[0]), IDENTITY_NONE);
    cr_expect_neq(identity_find(hub_worker(hub, 0), ids[1]), IDENTITY_NONE);
    threadless_end(hub);
    close(fds[0][1]), close(fds[1][1]);
}
