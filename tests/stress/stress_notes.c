/* SPDX-License-Identifier: MIT */
/*
 * Notes while workers tell and several threads fetch, each in its own way: none is lost, none comes
 * twice, there are texts, and everybody who waits is let go behind the last one.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "lib/notes.h"
#include "tests/e2e/check.h"

enum { TELLERS = 3, FETCHERS = 3, ROUNDS = 50000, HELD = 8 };

static struct notes *notes;
static _Atomic unsigned char told[TELLERS * ROUNDS];
static _Atomic unsigned joins, leaves, twice, without_text, last, empty;

/* Holds a few subscribers at a time, as a worker does. */
static void *teller(void *argument)
{
    unsigned base = *(unsigned *)argument * ROUNDS, rounds = check_scaled(ROUNDS);
    struct seat *held[HELD] = {NULL};
    struct text channel = TEXT("channel");
    struct address peer = {.family = ADDRESS_UNIX};
    const struct usher *usher = notes_usher(notes);
    for (unsigned i = 0; i < rounds + HELD; i++) {
        struct seat **seat = &held[i % HELD];
        struct usher_stream stream = {&channel, 1, &peer, base + i, true};
        if (*seat)
            *seat = seat_leave(*seat, &(struct seat_end){.reason = CLOSE_GONE});
        if (i >= rounds)
            continue;
        while (usher->seat(usher->context, &stream, seat) == HUB_FULL)
            sched_yield(); /* the fetchers are behind */
        seat_taken(*seat,
                   &(struct seat_begin){.subscriber = (uint64_t)(base + i + 1) << 8 | base % 7});
    }
    return NULL;
}

static void take(const struct fanfare_note *note)
{
    if (note->kind == FANFARE_NOTE_STOPPED) {
        atomic_fetch_add(&last, 1);
        return;
    }
    char text[16];
    bool joined = note->kind == FANFARE_NOTE_JOINED;
    unsigned before = atomic_fetch_add(&told[note->tag], joined ? 1 : 2);
    atomic_fetch_add(joined ? &joins : &leaves, 1);
    if (before & (joined ? 1 : 2))
        atomic_fetch_add(&twice, 1);
    if (!joined && notes_text(notes, note->subscriber, "channels", text, sizeof(text)) != 7)
        atomic_fetch_add(&without_text, 1);
}

/* Waits in the library, or with a time-out, or for the descriptor. */
static void *fetcher(void *argument)
{
    unsigned kind = *(unsigned *)argument;
    struct fanfare_note note;
    int r;
    do {
        struct pollfd fd = {.fd = notes_fd(notes), .events = POLLIN};
        if (kind == 2)
            poll(&fd, 1, 1);
        r = notes_next(notes, &note, kind == 0 ? -1 : kind == 1 ? 1 : 0);
        if (r == 1)
            take(&note);
        else
            atomic_fetch_add(&empty, 1);
    } while (r != -ESHUTDOWN);
    return NULL;
}

static void case_notes(void)
{
    struct hub_options options;
    struct hub *hub;
    pthread_t tellers[TELLERS], fetchers[FETCHERS];
    unsigned numbers[] = {0, 1, 2};
    hub_options_default(&options);
    options.workers = 1;
    REQUIRE(hub_new(&options, &hub) == 0, "out of memory");
    REQUIRE(notes_new(hub, true, 100, &notes) == 0, "out of memory");
    for (unsigned i = 0; i < TELLERS; i++)
        REQUIRE(pthread_create(&tellers[i], NULL, teller, &numbers[i]) == 0, "no thread");
    for (unsigned i = 0; i < FETCHERS; i++)
        REQUIRE(pthread_create(&fetchers[i], NULL, fetcher, &numbers[i]) == 0, "no thread");
    for (unsigned i = 0; i < TELLERS; i++)
        pthread_join(tellers[i], NULL);
    notes_stop(notes);
    for (unsigned i = 0; i < FETCHERS; i++)
        pthread_join(fetchers[i], NULL);
    EXPECT_INT(joins, TELLERS * check_scaled(ROUNDS));
    EXPECT_INT(leaves, TELLERS * check_scaled(ROUNDS));
    EXPECT_INT(twice, 0);
    EXPECT_INT(without_text, 0);
    EXPECT_INT(last, 1);
    EXPECT_INT(notes_waiting(notes), 0);
    struct pollfd fd = {.fd = notes_fd(notes), .events = POLLIN};
    EXPECT_INT(poll(&fd, 1, 0), 0);
    notes_free(notes);
    struct stats stats;
    hub_stats(hub, &stats);
    EXPECT_INT(stats.memory_connections, 0);
    hub_free(hub);
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    check_case("notes", case_notes);
    return check_end();
}
