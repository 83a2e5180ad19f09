/* SPDX-License-Identifier: MIT */
/*
 * The mailbox under many posters, whose owner sleeps on an eventfd as an acceptor does: each
 * poster's messages come once and in its order, what they bring is seen, and no wake-up is lost.
 * Half of the posters wait for each of their messages to be taken, so that most of theirs meet an
 * empty mailbox and a sleeping owner.
 *
 * Runs under ThreadSanitizer: what is handed over must be ordered by the mailbox's own atomics.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/base/mailbox.h"
#include "tests/e2e/check.h"

#define POSTERS 4u

struct note {
    struct message message; /* first */
    unsigned number;
    uint64_t bytes[4]; /* number in each */
};

static struct mailbox mailbox;
static int wake_fd;
static unsigned notes_each;
static _Atomic unsigned taken[POSTERS]; /* for the posters that wait */

static void *poster_run(void *argument)
{
    unsigned poster = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < notes_each; i++) {
        struct note *note = malloc(sizeof(*note));
        REQUIRE(note, "out of memory");
        *note = (struct note){.message.kind = poster, .number = i, .bytes = {i, i, i, i}};
        if (mailbox_post(&mailbox, &note->message))
            REQUIRE(eventfd_write(wake_fd, 1) == 0, "eventfd");
        while (poster % 2 && atomic_load_explicit(&taken[poster], memory_order_relaxed) <= i)
            sched_yield();
    }
    return NULL;
}

static unsigned take_all(unsigned next[POSTERS])
{
    unsigned count = 0;
    struct message *message = mailbox_take(&mailbox);
    while (message) {
        struct note *note = (struct note *)message;
        message = message->next;
        unsigned poster = note->message.kind;
        REQUIRE(poster < POSTERS && note->number == next[poster], "poster %u: %u instead of %u",
                poster, note->number, poster < POSTERS ? next[poster] : 0);
        for (unsigned i = 0; i < 4; i++)
            REQUIRE(note->bytes[i] == note->number, "a note was not seen whole");
        next[poster]++;
        free(note);
        atomic_store_explicit(&taken[poster], next[poster], memory_order_relaxed);
        count++;
    }
    return count;
}

int main(void)
{
    pthread_t threads[POSTERS];
    unsigned next[POSTERS] = {0}, count = 0, wakes = 0;

    notes_each = CHECK_SANITIZED ? 20000 : 100000;
    mailbox_init(&mailbox);
    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    REQUIRE(wake_fd >= 0, "eventfd");
    REQUIRE(!mailbox_take(&mailbox), "a message before any was posted");
    int64_t start = check_now_ms();
    for (uintptr_t i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, poster_run, (void *)i);
    while (count < POSTERS * notes_each) {
        struct pollfd poll_fd = {.fd = wake_fd, .events = POLLIN};
        REQUIRE(poll(&poll_fd, 1, DEADLINE_MS) == 1, "a wake was lost after %u notes", count);
        eventfd_t ignored;
        (void)eventfd_read(wake_fd, &ignored);
        count += take_all(next);
        wakes++;
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    EXPECT_INT(take_all(next), 0);
    close(wake_fd);
    printf("ok mailbox: %u notes in %u wakes (%lld ms)\n", count, wakes,
           (long long)(check_now_ms() - start));
    return check_end();
}
