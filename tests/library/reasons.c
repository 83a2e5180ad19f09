/* SPDX-License-Identifier: MIT */
/* Why subscribers leave, each brought about on a connection that was adopted, and told by its note:
 * those that steer.c and adopt.c do not bring about anyway. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/engine.h"
#include "tests/library/socket.h"

static struct fanfare *fanfare;
static struct ends ends;

static void begin(const char *name, const char *value)
{
    fanfare = engine_silent(NULL);
    engine_set(fanfare, "notes", "on");
    engine_set(fanfare, "send-buffer", "4K");
    if (name)
        engine_set(fanfare, name, value);
    engine_start(fanfare, NULL);
}

static uint64_t adopt(const char *resume)
{
    struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                .channel = "news",
                                                .channel_len = 4,
                                                .resume = resume,
                                                .resume_len = resume ? FANFARE_NUL : 0};
    uint64_t subscriber = 0;
    ends = socket_open(SOCKET_PAIR);
    EXPECT_INT(fanfare_adopt(fanfare, ends.ours, &subscription, &subscriber), 0);
    return subscriber;
}

static struct fanfare_note next(int kind, uint64_t subscriber)
{
    struct fanfare_note note = {.size = sizeof(note)};
    EXPECT_INT(fanfare_note_next(fanfare, &note, DEADLINE_MS), 1);
    EXPECT_INT(note.kind, kind);
    EXPECT_INT(note.subscriber, subscriber);
    return note;
}

static void left(uint64_t subscriber, int reason)
{
    struct fanfare_note note = next(FANFARE_NOTE_LEFT, subscriber);
    EXPECT(note.reason == reason, "%d: %s", note.reason, fanfare_reason_text(note.reason));
    close(ends.clients);
    EXPECT_INT(fanfare_note_next(fanfare, &note, 0), 0);
}

static void publish(const char *data, size_t len, uint64_t flags, uint64_t *ret_sequence)
{
    struct fanfare_event event = {.size = sizeof(event),
                                  .channel = "news",
                                  .channel_len = 4,
                                  .data = data,
                                  .data_len = len,
                                  .flags = flags};
    EXPECT_INT(fanfare_publish_events(fanfare, &event, 1, FANFARE_FOREVER, ret_sequence), 0);
}

/* By time alone. */
static void nothing_happens(void)
{
    static const struct {
        const char *option;
        int reason;
    } rows[] = {{"idle-timeout", FANFARE_LEFT_IDLE}, {"lifetime", FANFARE_LEFT_AGE}};
    for (unsigned i = 0; i < 2; i++) {
        begin(rows[i].option, "0.01");
        uint64_t subscriber = adopt(NULL);
        next(FANFARE_NOTE_JOINED, subscriber);
        left(subscriber, rows[i].reason);
        engine_end(fanfare);
    }
}

static void takes_nothing(void)
{
    static char data[1 << 20];
    memset(data, 'x', sizeof(data));
    begin("write-timeout", "0.1");
    uint64_t subscriber = adopt(NULL);
    next(FANFARE_NOTE_JOINED, subscriber);
    publish(data, sizeof(data), 0, NULL);
    left(subscriber, FANFARE_LEFT_STUCK);
    engine_end(fanfare);
}

static void its_channel_is_closed(void)
{
    begin(NULL, NULL);
    uint64_t subscriber = adopt(NULL);
    next(FANFARE_NOTE_JOINED, subscriber);
    EXPECT_INT(fanfare_channel_close(fanfare, "news", 4, 0), 0);
    left(subscriber, FANFARE_LEFT_CHANNEL);
    engine_end(fanfare);
}

/* Who was there, who comes later, and who has had all of it and comes back. */
static void its_channel_ends(void)
{
    char id[FANFARE_ID_SIZE];
    uint64_t sequence = 0;
    begin(NULL, NULL);
    uint64_t subscriber = adopt(NULL);
    next(FANFARE_NOTE_JOINED, subscriber);
    publish("x", 1, 0, NULL);
    publish("last", 4, FANFARE_END, &sequence);
    left(subscriber, FANFARE_LEFT_OVER);
    fanfare_id_format(fanfare, sequence, id);
    subscriber = adopt("earliest");
    next(FANFARE_NOTE_JOINED, subscriber);
    left(subscriber, FANFARE_LEFT_OVER);
    subscriber = adopt(id);
    left(subscriber, FANFARE_LEFT_OVER); /* it never joined */
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("nothing_happens", nothing_happens);
    check_case("takes_nothing", takes_nothing);
    check_case("its_channel_is_closed", its_channel_is_closed);
    check_case("its_channel_ends", its_channel_ends);
    return check_end();
}
