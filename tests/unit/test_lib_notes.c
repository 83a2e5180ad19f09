/* SPDX-License-Identifier: MIT */
/* Notes without an engine that runs: their order, the descriptor, places, texts and memory. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>

#include "engine/limits.h"
#include "lib/left.h"
#include "lib/notes.h"

static struct hub *hub;
static struct notes *notes;
static struct fanfare_note note;
static struct address peer;

static void begin_with(bool streams, uint32_t most)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(notes_new(hub, streams, most, &notes), 0);
    cr_assert(address_read(TEXT("192.0.2.7"), &peer));
}

static void begin(void)
{
    begin_with(true, 100);
}

static uint64_t memory(void)
{
    struct stats stats;
    hub_stats(hub, &stats);
    return stats.memory_connections;
}

static void end(void)
{
    notes_free(notes);
    cr_expect_eq(memory(), 0);
    hub_free(hub);
}

static int ask(const struct usher_stream *stream, struct seat **ret_seat)
{
    const struct usher *usher = notes_usher(notes);
    return usher->seat(usher->context, stream, ret_seat);
}

static struct seat *sit(uint64_t tag, bool adopted)
{
    static const struct text channels[] = {TEXT_INIT("a"), TEXT_INIT("b/c")};
    struct seat *seat = NULL;
    struct usher_stream stream = {channels, 2, &peer, tag, adopted};
    cr_assert_eq(ask(&stream, &seat), 0);
    cr_assert_not_null(seat);
    return seat;
}

/* The id of a worker's nth subscriber. */
static uint64_t id(uint64_t number)
{
    return number << 8 | 3;
}

static void join(struct seat *seat, uint64_t number)
{
    seat_taken(seat, &(struct seat_begin){.subscriber = id(number),
                                          .cursor = 10 + number,
                                          .resume = (enum seat_resume)(number % 3)});
}

static void leave(struct seat *seat, enum close_reason reason, uint64_t cursor)
{
    seat_leave(seat, &(struct seat_end){.reason = reason, .cursor = cursor});
}

/* The descriptor is readable exactly while there is a note. */
static void expect_waiting(uint64_t count)
{
    struct pollfd fd = {.fd = notes_fd(notes), .events = POLLIN};
    const struct usher *usher = notes_usher(notes);
    cr_expect_eq(usher->waiting(usher->context), count);
    cr_expect_eq(poll(&fd, 1, 0), count > 0, "with %u notes", (unsigned)count);
}

static void expect_next(int kind, uint64_t number, uint64_t left)
{
    cr_assert_eq(notes_next(notes, &note, 0), 1);
    cr_expect_eq(note.kind, kind);
    cr_expect_eq(note.subscriber, number ? id(number) : 0);
    expect_waiting(left);
}

static void expect_none(void)
{
    expect_waiting(0);
    cr_expect_eq(notes_next(notes, &note, 0), 0);
    expect_waiting(0);
}

Test(notes, both_of_a_subscriber_come_in_order, .init = begin, .fini = end)
{
    expect_none();
    struct seat *a = sit(7, true), *b = sit(8, false);
    expect_none();
    join(a, 1);
    expect_waiting(1);
    join(b, 2);
    leave(a, CLOSE_GONE, 20);
    expect_waiting(3);
    expect_next(FANFARE_NOTE_JOINED, 1, 2);
    cr_expect_eq(note.tag, 7);
    cr_expect_eq(note.sequence, 11);
    expect_next(FANFARE_NOTE_JOINED, 2, 1);
    cr_expect_eq(note.tag, 8);
    cr_expect_eq(note.sequence, 12);
    expect_next(FANFARE_NOTE_LEFT, 1, 0);
    cr_expect_eq(note.reason, FANFARE_LEFT_GONE);
    cr_expect_eq(note.sequence, 20);
    cr_expect_lt(note.duration_ms, 60000);
    expect_none();
    leave(b, CLOSE_ASKED, 21);
    expect_next(FANFARE_NOTE_LEFT, 2, 0);
    cr_expect_eq(note.reason, FANFARE_LEFT_ENDED);
    expect_none();
}

Test(notes, who_never_joined, .init = begin, .fini = end)
{
    leave(sit(1, true), CLOSE_NONE, 0);  /* the caller was told that it was not taken */
    leave(sit(2, false), CLOSE_NONE, 0); /* likewise */
    seat_refuse(sit(3, false));          /* nobody has heard of it */
    expect_none();
    cr_expect_eq(memory(), 0);
    seat_leave(sit(4, true), &(struct seat_end){.reason = CLOSE_REFUSED, .subscriber = id(9)});
    expect_next(FANFARE_NOTE_LEFT, 9, 0);
    cr_expect_eq(note.reason, FANFARE_LEFT_REFUSED);
    cr_expect_eq(note.tag, 4);
    cr_expect_eq(note.duration_ms, 0);
    leave(sit(5, true), CLOSE_ENDED, 0);
    cr_assert_eq(notes_next(notes, &note, 0), 1);
    cr_expect_eq(note.reason, FANFARE_LEFT_OVER);
    expect_none();
    cr_expect_eq(memory(), 0);
}

static void begin_two(void)
{
    begin_with(true, 2);
}

/* Whose end nobody has fetched still has its place. */
Test(notes, places, .init = begin_two, .fini = end)
{
    struct seat *a = sit(0, true), *b = sit(0, true), *none = NULL;
    struct text channel = TEXT("a");
    struct usher_stream stream = {&channel, 1, &peer, 0, true};
    join(a, 1);
    leave(a, CLOSE_GONE, 0);
    uint64_t before = memory();
    cr_expect_gt(before, 0);
    cr_expect_eq(ask(&stream, &none), HUB_FULL);
    cr_expect_null(none);
    expect_next(FANFARE_NOTE_JOINED, 1, 1);
    cr_expect_eq(ask(&stream, &none), HUB_FULL);
    expect_next(FANFARE_NOTE_LEFT, 1, 0);
    a = sit(0, true);
    cr_expect_eq(ask(&stream, &none), HUB_FULL);
    notes_limit(notes, 3);
    struct seat *c = sit(0, true);
    leave(a, CLOSE_NONE, 0), leave(c, CLOSE_NONE, 0);
    seat_leave(b, &(struct seat_end){.reason = CLOSE_REFUSED, .subscriber = id(2)});
    expect_next(FANFARE_NOTE_LEFT, 2, 0);
}

Test(notes, memory_has_a_bound)
{
    struct hub_options options;
    struct seat *seat;
    struct text channel = TEXT("a");
    struct usher_stream stream = {&channel, 1, &peer, 0, true};
    hub_options_default(&options);
    options.workers = 1;
    options.memory_max = 1;
    cr_assert_eq(hub_new(&options, &hub), 0);
    cr_assert_eq(notes_new(hub, true, 1, &notes), 0);
    cr_expect_eq(ask(&stream, &seat), HUB_NO_MEMORY);
    cr_expect_eq(ask(&stream, &seat), HUB_NO_MEMORY, "its place is free again");
    end();
}

static void begin_silent(void)
{
    begin_with(false, 0);
}

Test(notes, none_of_subscribers_where_nobody_wants_them, .init = begin_silent, .fini = end)
{
    cr_expect_null(notes_usher(notes)->seat);
    cr_expect_eq(notes_text(notes, id(1), "peer", NULL, 0), -ENOENT);
    notes_stop(notes);
    expect_next(FANFARE_NOTE_STOPPED, 0, 0);
}

Test(notes, the_last_one_comes_last_and_once, .init = begin, .fini = end)
{
    struct seat *a = sit(0, true);
    join(a, 1);
    notes_stop(notes);
    leave(a, CLOSE_DRAIN, 0);
    notes_stop(notes);
    expect_waiting(3);
    expect_next(FANFARE_NOTE_JOINED, 1, 2);
    expect_next(FANFARE_NOTE_LEFT, 1, 1);
    cr_expect_eq(note.reason, FANFARE_LEFT_DRAIN);
    expect_next(FANFARE_NOTE_STOPPED, 0, 0);
    for (int timeout_ms = -1; timeout_ms < 2; timeout_ms++)
        cr_expect_eq(notes_next(notes, &note, timeout_ms), -ESHUTDOWN);
    notes_stop(notes);
    cr_expect_eq(notes_next(notes, &note, 0), -ESHUTDOWN);
    expect_waiting(0);
}

static void expect_text(uint64_t number, const char *item, const char *expected)
{
    char text[64];
    int r = notes_text(notes, id(number), item, text, sizeof(text));
    cr_expect_eq(r, expected ? (int)strlen(expected) : -ENOENT, "%s: %d", item, r);
    if (expected && r >= 0)
        cr_expect_str_eq(text, expected);
}

Test(notes, texts, .init = begin, .fini = end)
{
    struct seat *seats[] = {sit(0, true), sit(0, true), sit(0, true)};
    static const char *const resumes[] = {"none", "complete", "gap"};
    char text[8] = "xxxxxxx";
    expect_text(3, "peer", NULL);
    for (unsigned i = 0; i < 3; i++) {
        join(seats[i], 3 + i);
        expect_text(3 + i, "channels", "a\nb/c");
        expect_text(3 + i, "peer", "192.0.2.7");
        expect_text(3 + i, "resume", resumes[i]);
    }
    expect_text(3, "name", NULL);
    expect_text(3, "", NULL);
    expect_text(6, "peer", NULL);
    cr_expect_eq(notes_text(notes, 0, "peer", text, 8), -ENOENT);
    cr_expect_eq(notes_text(notes, id(3), "channels", text, 3), 5, "like snprintf");
    cr_expect_arr_eq(text, "a\n\0xxxx", 8);
    cr_expect_eq(notes_text(notes, id(3), "channels", NULL, 0), 5);
    for (unsigned i = 0; i < 3; i++)
        expect_next(FANFARE_NOTE_JOINED, 3 + i, 2 - i);
    leave(seats[0], CLOSE_GONE, 0);
    expect_text(3, "peer", "192.0.2.7");
    expect_next(FANFARE_NOTE_LEFT, 3, 0);
    expect_text(3, "peer", "192.0.2.7");
    expect_none();
    expect_text(3, "peer", NULL);
    leave(seats[1], CLOSE_GONE, 0);
    leave(seats[2], CLOSE_GONE, 0);
    expect_next(FANFARE_NOTE_LEFT, 4, 1);
    expect_next(FANFARE_NOTE_LEFT, 5, 0);
    expect_text(4, "peer", NULL);
    expect_text(5, "peer", "192.0.2.7");
}

/* One that shares a place in the index with others goes from among them. */
Test(notes, ids_that_collide, .init = begin, .fini = end)
{
    enum { STEP = 1 << 20 };
    struct seat *seats[3];
    for (unsigned i = 0; i < 3; i++)
        join(seats[i] = sit(0, true), 1 + i * STEP);
    for (unsigned i = 0; i < 3; i++)
        expect_next(FANFARE_NOTE_JOINED, 1 + i * STEP, 2 - i);
    leave(seats[1], CLOSE_GONE, 0);
    expect_next(FANFARE_NOTE_LEFT, 1 + STEP, 0);
    expect_none();
    expect_text(1, "resume", "complete");
    expect_text(1 + STEP, "resume", NULL);
    expect_text(1 + 2 * STEP, "resume", "none");
    leave(seats[0], CLOSE_GONE, 0);
    leave(seats[2], CLOSE_GONE, 0);
}

static void *fetch_one(void *context)
{
    struct fanfare_note *ret = context;
    cr_expect_eq(notes_next(notes, ret, 0), 1);
    return NULL;
}

/* Each thread that fetches keeps the texts of the one that it was told of last. */
Test(notes, threads_have_texts_of_their_own, .init = begin, .fini = end)
{
    enum { THREADS = NOTES_TOLD_MAX + 1 };
    pthread_t thread;
    struct fanfare_note other;
    for (unsigned i = 1; i <= 2; i++) {
        struct seat *seat = sit(0, true);
        join(seat, i);
        leave(seat, CLOSE_GONE, 0);
    }
    expect_next(FANFARE_NOTE_JOINED, 1, 3);
    expect_next(FANFARE_NOTE_JOINED, 2, 2);
    expect_next(FANFARE_NOTE_LEFT, 1, 1);
    cr_assert_eq(pthread_create(&thread, NULL, fetch_one, &other), 0);
    pthread_join(thread, NULL);
    cr_expect_eq(other.subscriber, id(2));
    expect_text(1, "peer", "192.0.2.7");
    expect_text(2, "peer", "192.0.2.7");
    expect_none();
    expect_text(1, "peer", NULL);
}

static void *wait_for_one(void *context)
{
    struct fanfare_note *ret = context;
    return (void *)(intptr_t)notes_next(notes, ret, ret->size == 1 ? -1 : 60000);
}

Test(notes, who_waits_is_woken, .init = begin, .fini = end)
{
    pthread_t threads[3];
    struct fanfare_note told[3] = {{.size = 1}, {.size = 1}, {0}};
    unsigned told_any = 0, shut = 0;
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, wait_for_one, &told[i]), 0);
    struct seat *seat = sit(0, true);
    join(seat, 1);
    notes_stop(notes);
    for (unsigned i = 0; i < 3; i++) {
        void *result;
        pthread_join(threads[i], &result);
        told_any += (intptr_t)result == 1;
        shut += (intptr_t)result == -ESHUTDOWN;
    }
    cr_expect_eq(told_any, 2);
    cr_expect_eq(shut, 1);
    leave(seat, CLOSE_DRAIN, 0);
    cr_expect_eq(notes_next(notes, &note, 0), 1, "even so it is told");
}

Test(notes, a_time_is_over, .init = begin, .fini = end)
{
    cr_expect_eq(notes_next(notes, &note, 1), 0);
}

Test(notes, who_waits_may_be_cancelled, .init = begin, .fini = end)
{
    pthread_t thread;
    struct fanfare_note told = {.size = 1};
    void *result;
    cr_assert_eq(pthread_create(&thread, NULL, wait_for_one, &told), 0);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    cr_expect_eq(result, PTHREAD_CANCELED);
    expect_none();
}

Test(notes, requests, .init = begin, .fini = end)
{
    struct fanfare_request *request = (struct fanfare_request *)&note;
    struct note_item a = {.request = request}, b = {.request = request};
    notes_post(notes, &a);
    notes_post(notes, &b);
    expect_waiting(2);
    cr_expect(notes_withdraw(notes, &a));
    cr_expect(!notes_withdraw(notes, &a));
    expect_next(FANFARE_NOTE_REQUEST, 0, 0);
    cr_expect_eq(note.request, request);
    cr_expect(!notes_withdraw(notes, &b), "it is the program's");
    notes_post(notes, &a);
    cr_expect(notes_withdraw(notes, &a));
    expect_none();
}

Test(notes, every_reason_has_its_number)
{
    bool seen[32] = {false};
    for (int reason = CLOSE_NONE + 1; reason <= CLOSE_REFUSED; reason++) {
        int left = left_of((enum close_reason)reason);
        cr_expect(left > 0 && left < 32 && !seen[left], "%d", reason);
        seen[left] = true;
        cr_expect_str_neq(fanfare_reason_text(left), fanfare_reason_text(0));
    }
    cr_expect_eq(left_of(CLOSE_NONE), 0);
    cr_expect_str_eq(fanfare_reason_text(FANFARE_LEFT_GONE), "it hung up");
}
