/* SPDX-License-Identifier: MIT */
/*
 * The errors of adopting, of steering subscribers and of notes, each provoked: see errors.h.
 *
 * What is faulty is one member of a subscription that else is right, or the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/engine.h"
#include "tests/library/errors.h"
#include "tests/library/provoke.h"
#include "tests/library/socket.h"

static char long_text[FANFARE_DATA_MAX + 2];

static const char *text_of_length(size_t len)
{
    memset(long_text, 'x', sizeof(long_text));
    long_text[len] = '\0';
    return long_text;
}

/* --- adopting -------------------------------------------------------------------------------- */

static struct fanfare_event first;

static struct fanfare_subscription sound(void)
{
    first = (struct fanfare_event){.size = sizeof(first), .data = "x", .data_len = 1};
    return (struct fanfare_subscription){.size = sizeof(struct fanfare_subscription),
                                         .channel = "news",
                                         .channel_len = 4,
                                         .first = &first,
                                         .first_count = 1};
}

static int adopt_with(struct fanfare *fanfare, const struct fanfare_subscription *subscription)
{
    struct ends ends = socket_open(SOCKET_TCP);
    int r = fanfare_adopt(fanfare, ends.ours, subscription, NULL);
    close(ends.clients);
    EXPECT(r == 0 || fcntl(ends.ours, F_GETFD) >= 0, "it is still the program's");
    if (r < 0)
        close(ends.ours);
    return r;
}

#define FAULTY(name, ...)                                                                          \
    static int adopt_##name(void)                                                                  \
    {                                                                                              \
        struct fanfare_subscription subscription = sound();                                        \
        __VA_ARGS__;                                                                               \
        return adopt_with(provoke_running(), &subscription);                                       \
    }
FAULTY(small, subscription.size -= 8)
FAULTY(no_list, subscription.channel_count = 1)
FAULTY(first_named, first.channel = "a", first.channel_len = 1)
FAULTY(first_larger, first.data = text_of_length(65537), first.data_len = 65537)
FAULTY(flags, subscription.flags = 1u << 31)
FAULTY(channel_empty, subscription.channel_len = 0)
FAULTY(channel_long, subscription.channel = text_of_length(FANFARE_CHANNEL_MAX + 1);
       subscription.channel_len = FANFARE_NUL)
FAULTY(channel_text, subscription.channel = "a\nb"; subscription.channel_len = 3)
FAULTY(no_channel, subscription.channel = NULL; subscription.channel_len = 0)
FAULTY(head, subscription.head = "X-Own: yes"; subscription.head_len = FANFARE_NUL)
FAULTY(type_long, first.type = text_of_length(FANFARE_TYPE_MAX + 1); first.type_len = FANFARE_NUL)
FAULTY(type_text, first.type = "a\rb"; first.type_len = 3)
FAULTY(type_ours, first.type = "fanfare-gap"; first.type_len = FANFARE_NUL)
FAULTY(data_text, first.data = "\xff")
FAULTY(data_none, first.data = NULL; first.data_len = 0)
FAULTY(retry, first.retry_ms = FANFARE_RETRY_AT_ONCE - 1)

/* Too many names, a head that is too long, and two channels of which one is of one event. */
FAULTY(many, static const char *names[65]; static char texts[65][4];
       for (int i = 0; i < 65; i++)
           names[i] = memcpy(texts[i], (char[]){'a', (char)('!' + i), 0, 0}, 4);
       subscription.channels = names; subscription.channel_count = 65)
FAULTY(head_long, subscription.head = text_of_length(8193); subscription.head_len = FANFARE_NUL)

struct newer {
    struct fanfare_subscription subscription;
    uint64_t more;
};

static int adopt_newer(void)
{
    struct newer newer = {.subscription = sound(), .more = 1};
    newer.subscription.size = sizeof(newer);
    return adopt_with(provoke_running(), &newer.subscription);
}

static int adopt(struct fanfare *fanfare)
{
    struct fanfare_subscription subscription = sound();
    return adopt_with(fanfare, &subscription);
}
PROVOKE(adopt, none)
PROVOKE(adopt, new)
PROVOKE(adopt, child)

static int adopt_nothing(void)
{
    return adopt_with(provoke_running(), NULL);
}

static int adopt_descriptor(int fd)
{
    struct fanfare_subscription subscription = sound();
    int r = fanfare_adopt(provoke_running(), fd, &subscription, NULL);
    if (fd >= 0)
        close(fd);
    return r;
}

static int adopt_closed(void)
{
    return adopt_descriptor(-1);
}

static int adopt_file(void)
{
    return adopt_descriptor(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static int adopt_unconnected(void)
{
    return adopt_descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int adopt_datagrams(void)
{
    return adopt_descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/* What it says in the end, with this option. */
static int adopt_until(const char *name, const char *value, size_t first_len)
{
    enum { MOST = 100 };
    struct fanfare *fanfare = engine_silent(NULL);
    struct fanfare_subscription subscription = sound();
    struct ends ends[MOST];
    int r, count = 0;
    engine_set(fanfare, name, value);
    engine_set(fanfare, "send-buffer", "4K");
    engine_start(fanfare, NULL);
    first.data = text_of_length(first_len);
    first.data_len = first_len;
    do {
        ends[count] = socket_open(SOCKET_PAIR);
        r = fanfare_adopt(fanfare, ends[count++].ours, &subscription, NULL);
    } while (r == 0 && count < MOST);
    if (r < 0)
        close(ends[count - 1].ours);
    while (count > 0)
        close(ends[--count].clients);
    engine_end(fanfare);
    return r;
}

static int adopt_full(void)
{
    return adopt_until("subscribers-max", "1", 1);
}

static int adopt_short(void)
{
    return adopt_until("memory-max", "1M", 60000);
}

static int detach_closed(void)
{
    return fanfare_detach(-1);
}

static int detach_file(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC), r = fanfare_detach(fd);
    close(fd);
    return r;
}

/* --- steering -------------------------------------------------------------------------------- */

static struct ends steered;
static uint64_t subscriber;

/* One that is there, for as long as the program is. */
static uint64_t somebody(void)
{
    struct fanfare_subscription subscription = sound();
    if (!subscriber) {
        steered = socket_open(SOCKET_PAIR);
        REQUIRE(fanfare_adopt(provoke_running(), steered.ours, &subscription, &subscriber) == 0,
                "adopt");
    }
    return subscriber;
}

static int send_to(struct fanfare *fanfare)
{
    return fanfare_subscriber_send(fanfare, somebody(), NULL, "x", 1);
}
PROVOKE(send_to, none)
PROVOKE(send_to, new)
PROVOKE(send_to, child)

static int end(struct fanfare *fanfare)
{
    return fanfare_subscriber_end(fanfare, somebody() | 255, 0);
}
PROVOKE(end, none)
PROVOKE(end, new)
PROVOKE(end, child)

static int end_all(struct fanfare *fanfare)
{
    return fanfare_subscriber_end_all(fanfare, 0);
}
PROVOKE(end_all, none)
PROVOKE(end_all, new)
PROVOKE(end_all, child)

#define SEND(name, type, data, len)                                                                \
    static int send_##name(void)                                                                   \
    {                                                                                              \
        return fanfare_subscriber_send(provoke_running(), somebody(), type, data, len);            \
    }
SEND(type_long, text_of_length(FANFARE_TYPE_MAX + 1), "x", 1)
SEND(type_text, "a\nb", "x", 1)
SEND(type_ours, "fanfare-gap", "x", 1)
SEND(data_long, NULL, text_of_length(FANFARE_DATA_MAX + 1), FANFARE_NUL)
SEND(data_text, NULL, "a\0b", 3)
SEND(data_none, NULL, NULL, 0)
SEND(no_data, NULL, NULL, 1)

static int send_nobody(void)
{
    return fanfare_subscriber_send(provoke_running(), 0, NULL, "x", 1);
}

static int end_nobody(void)
{
    return end(provoke_running());
}

static int end_flags(void)
{
    return fanfare_subscriber_end(provoke_running(), somebody(), 2);
}

static int end_all_flags(void)
{
    return fanfare_subscriber_end_all(provoke_running(), 2);
}

/*
 * A worker takes one end of all in a turn, so its inbox fills with them; whatever is wished for one
 * subscriber waits behind them, until there are too many of those.
 */
static int busy[3];

static void make_busy(void)
{
    enum { MOST = 10 * 1000 * 1000 };
    struct fanfare *fanfare = engine_silent(NULL);
    struct fanfare_subscription subscription = sound();
    struct ends ends = socket_open(SOCKET_PAIR);
    uint64_t id;
    engine_start(fanfare, NULL);
    REQUIRE(fanfare_adopt(fanfare, ends.ours, &subscription, &id) == 0, "adopt");
    for (int i = 0; i < MOST && (busy[0] = fanfare_subscriber_end_all(fanfare, 0)) == 0; i++)
        ;
    for (int i = 0; i < MOST && (busy[1] = fanfare_subscriber_end(fanfare, id, 0)) == 0; i++)
        ;
    busy[2] = fanfare_subscriber_send(fanfare, id, NULL, "x", 1);
    close(ends.clients);
    engine_end(fanfare);
}

static int end_all_busy(void)
{
    make_busy();
    return busy[0];
}

static int end_busy(void)
{
    return busy[1];
}

static int send_busy(void)
{
    return busy[2];
}

/* --- notes ----------------------------------------------------------------------------------- */

static int note_next(struct fanfare *fanfare)
{
    struct fanfare_note note = {.size = sizeof(note)};
    return fanfare_note_next(fanfare, &note, 0);
}
PROVOKE(note_next, none)
PROVOKE(note_next, new)
PROVOKE(note_next, child)

static int note_small(void)
{
    struct fanfare_note note = {.size = sizeof(note) - 8};
    return fanfare_note_next(provoke_running(), &note, 0);
}

static int text(struct fanfare *fanfare)
{
    return fanfare_subscriber_text(fanfare, 1, "peer", NULL, 0);
}
PROVOKE(text, none)
PROVOKE(text, new)
PROVOKE(text, child)

static int text_of_none(void)
{
    return text(provoke_running());
}

static int text_nowhere(void)
{
    return fanfare_subscriber_text(provoke_running(), 1, "peer", NULL, 1);
}

void errors_adopt_end(void)
{
    if (subscriber)
        close(steered.clients);
    subscriber = 0;
}

const struct error_row errors_adopt[] = {
    {"fanfare_adopt", -EINVAL, adopt_none},
    {"fanfare_adopt", -EINVAL, adopt_nothing},
    {"fanfare_adopt", -EINVAL, adopt_small},
    {"fanfare_adopt", -EINVAL, adopt_no_list},
    {"fanfare_adopt", -EINVAL, adopt_first_named},
    {"fanfare_adopt", -E2BIG, adopt_first_larger},
    {"fanfare_adopt", -E2BIG, adopt_flags},
    {"fanfare_adopt", -E2BIG, adopt_newer},
    {"fanfare_adopt", -ESHUTDOWN, adopt_new},
    {"fanfare_adopt", -ECHILD, adopt_child},
    {"fanfare_adopt", -EBADF, adopt_closed},
    {"fanfare_adopt", -ENOTSOCK, adopt_file},
    {"fanfare_adopt", -ENOTCONN, adopt_unconnected},
    {"fanfare_adopt", -EPROTOTYPE, adopt_datagrams},
    {"fanfare_adopt", -ENOSPC, adopt_full},
    {"fanfare_adopt", -ENOBUFS, adopt_short},
    {"fanfare_adopt", FANFARE_ERROR_CHANNEL_EMPTY, adopt_channel_empty},
    {"fanfare_adopt", FANFARE_ERROR_CHANNEL_LONG, adopt_channel_long},
    {"fanfare_adopt", FANFARE_ERROR_CHANNEL_TEXT, adopt_channel_text},
    {"fanfare_adopt", FANFARE_ERROR_CHANNELS, adopt_no_channel},
    {"fanfare_adopt", FANFARE_ERROR_CHANNELS, adopt_many},
    {"fanfare_adopt", FANFARE_ERROR_HEAD, adopt_head},
    {"fanfare_adopt", FANFARE_ERROR_HEAD, adopt_head_long},
    {"fanfare_adopt", FANFARE_ERROR_TYPE_LONG, adopt_type_long},
    {"fanfare_adopt", FANFARE_ERROR_TYPE_TEXT, adopt_type_text},
    {"fanfare_adopt", FANFARE_ERROR_TYPE_OURS, adopt_type_ours},
    {"fanfare_adopt", FANFARE_ERROR_DATA_TEXT, adopt_data_text},
    {"fanfare_adopt", FANFARE_ERROR_DATA_NONE, adopt_data_none},
    {"fanfare_adopt", FANFARE_ERROR_RETRY, adopt_retry},
    {"fanfare_detach", -EBADF, detach_closed},
    {"fanfare_detach", -ENOTSOCK, detach_file},
    {"fanfare_subscriber_send", -EINVAL, send_to_none},
    {"fanfare_subscriber_send", -EINVAL, send_nobody},
    {"fanfare_subscriber_send", -EINVAL, send_no_data},
    {"fanfare_subscriber_send", -ESHUTDOWN, send_to_new},
    {"fanfare_subscriber_send", -ECHILD, send_to_child},
    {"fanfare_subscriber_send", FANFARE_ERROR_TYPE_LONG, send_type_long},
    {"fanfare_subscriber_send", FANFARE_ERROR_TYPE_TEXT, send_type_text},
    {"fanfare_subscriber_send", FANFARE_ERROR_TYPE_OURS, send_type_ours},
    {"fanfare_subscriber_send", FANFARE_ERROR_DATA_LONG, send_data_long},
    {"fanfare_subscriber_send", FANFARE_ERROR_DATA_TEXT, send_data_text},
    {"fanfare_subscriber_send", FANFARE_ERROR_DATA_NONE, send_data_none},
    {"fanfare_subscriber_end", -EINVAL, end_none},
    {"fanfare_subscriber_end", -EINVAL, end_nobody},
    {"fanfare_subscriber_end", -EINVAL, end_flags},
    {"fanfare_subscriber_end", -ESHUTDOWN, end_new},
    {"fanfare_subscriber_end", -ECHILD, end_child},
    {"fanfare_subscriber_end_all", -EINVAL, end_all_none},
    {"fanfare_subscriber_end_all", -EINVAL, end_all_flags},
    {"fanfare_subscriber_end_all", -ESHUTDOWN, end_all_new},
    {"fanfare_subscriber_end_all", -ECHILD, end_all_child},
    {"fanfare_subscriber_end_all", -EAGAIN, end_all_busy},
    {"fanfare_subscriber_end", -EAGAIN, end_busy},
    {"fanfare_subscriber_send", -EAGAIN, send_busy},
    {"fanfare_note_next", -EINVAL, note_next_none},
    {"fanfare_note_next", -EINVAL, note_small},
    {"fanfare_note_next", -ESHUTDOWN, note_next_new},
    {"fanfare_note_next", -ECHILD, note_next_child},
    {"fanfare_subscriber_text", -EINVAL, text_none},
    {"fanfare_subscriber_text", -EINVAL, text_nowhere},
    {"fanfare_subscriber_text", -ENOENT, text_of_none},
    {"fanfare_subscriber_text", -ESHUTDOWN, text_new},
    {"fanfare_subscriber_text", -ECHILD, text_child},
    {NULL, 0, NULL},
};
