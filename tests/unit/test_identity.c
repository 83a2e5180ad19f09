/* SPDX-License-Identifier: MIT */
/* Subscribers' ids: as text, and what a stream and its seat are told of them. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/subscriber_id.h"
#include "threadless.h"

Test(identity, an_id_is_its_text)
{
    uint64_t id = subscriber_id_of(255, UINT32_MAX - 1, 17), read = 0;
    char text[SUBSCRIBER_ID_LEN];
    subscriber_id_format(text, id);
    cr_expect_arr_eq(text, "fffffffffe000011", SUBSCRIBER_ID_LEN);
    cr_expect(subscriber_id_parse((struct text){text, sizeof(text)}, &read));
    cr_expect_eq(read, id);
    cr_expect_eq(subscriber_id_worker(id), 255);
    cr_expect_eq(subscriber_id_record(id), UINT32_MAX - 1);
    static const char *const others[] = {"",
                                         "fffffffffe00001",
                                         "fffffffffe0000110",
                                         "FFFFFFFFFE000011",
                                         "0000000000000000",
                                         "fffffffffe00001 ",
                                         "fffffffffe00001g"};
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
    *seat = (struct named_seat){{NULL, note_taken, note_leave}, 1};
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
    cr_expect_eq(seat.subscriber, subscriber_id_of(0, 0, 1));
    cr_expect_not_null(strstr(head, "\r\nFanfare-Subscriber: 0000000000000001\r\n"), "%s", head);
    close(peer);
    struct worker *worker = hub_worker(hub, 0);
    while (worker->records.live) { /* until its hang-up is seen */
        cr_assert_eq(worker->io->operations->wait(worker->io, 1000000000), 0);
        worker_turn(worker);
    }
    join(hub, &seat, false, head, &peer);
    cr_expect_eq(seat.subscriber, subscriber_id_of(0, 0, 2));
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
