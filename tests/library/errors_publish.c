/* SPDX-License-Identifier: MIT */
/*
 * The errors of publishing, of waiters and of places in the order, each provoked: see errors.h.
 *
 * Those of a full channel have an engine of their own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/library/errors.h"
#include "tests/library/full.h"
#include "tests/library/provoke.h"

/* --- engines --------------------------------------------------------------------------------- */

static struct full full;

void errors_publish_end(void)
{
    if (full.fanfare)
        full_end(&full);
}

/* What it says where there is no room. */
static int provoke_full(provoke_call *call)
{
    if (!full.fanfare)
        full_begin(&full);
    return call(full.fanfare);
}

/* --- events ---------------------------------------------------------------------------------- */

static struct fanfare_event sound(void)
{
    return (struct fanfare_event){.size = sizeof(struct fanfare_event),
                                  .channel = FULL_CHANNEL,
                                  .channel_len = FANFARE_NUL,
                                  .data = "x",
                                  .data_len = 1};
}

static char long_text[FANFARE_DATA_MAX + 2];

static const char *text_of_length(size_t len)
{
    memset(long_text, 'x', sizeof(long_text));
    long_text[len] = '\0';
    return long_text;
}

/* An event with one fault, by the name of its error. */
#define FAULTY(name, ...)                                                                          \
    static struct fanfare_event faulty_##name(void)                                                \
    {                                                                                              \
        struct fanfare_event event = sound();                                                      \
        __VA_ARGS__;                                                                               \
        return event;                                                                              \
    }                                                                                              \
    static int events_##name(void)                                                                 \
    {                                                                                              \
        struct fanfare_event event = faulty_##name();                                              \
        return fanfare_publish_events(provoke_running(), &event, 1, 0, NULL);                      \
    }                                                                                              \
    static int check_##name(void)                                                                  \
    {                                                                                              \
        struct fanfare_event event = faulty_##name();                                              \
        return fanfare_event_check(&event);                                                        \
    }
FAULTY(channel_empty, event.channel_len = 0)
FAULTY(channel_long, event.channel = text_of_length(FANFARE_CHANNEL_MAX + 1))
FAULTY(channel_text, event.channel = "a\nb")
FAULTY(channel_ours, event.channel = "@presence/a")
FAULTY(type_long, event.type = text_of_length(FANFARE_TYPE_MAX + 1), event.type_len = FANFARE_NUL)
FAULTY(type_text, event.type = "a\rb", event.type_len = 3)
FAULTY(type_ours, event.type = "fanfare-gap", event.type_len = FANFARE_NUL)
FAULTY(id_long, event.id = text_of_length(FANFARE_ID_MAX + 1), event.id_len = FANFARE_NUL)
FAULTY(id_text, event.id = "\xff", event.id_len = 1)
FAULTY(id_space, event.id = " a", event.id_len = 2)
FAULTY(id_ours, event.id = "earliest", event.id_len = FANFARE_NUL)
FAULTY(data_long, event.data = text_of_length(FANFARE_DATA_MAX + 1), event.data_len = FANFARE_NUL)
FAULTY(data_text, event.data = "a\0b", event.data_len = 3)
FAULTY(data_none, event.data = NULL, event.data_len = 0)
FAULTY(key_long, event.key = text_of_length(FANFARE_KEY_MAX + 1), event.key_len = FANFARE_NUL)
FAULTY(key_text, event.key = "\t", event.key_len = 1)
FAULTY(retry, event.retry_ms = FANFARE_RETRY_AT_ONCE - 1)
FAULTY(to_all, event.flags = FANFARE_TO_ALL)
FAULTY(unknown, event.flags = UINT64_C(1) << 63)

/* As from a program that is newer than the library. */
struct newer_event {
    struct fanfare_event event;
    uint64_t more;
};

static int events_newer(void)
{
    struct newer_event newer = {.event = sound(), .more = 1};
    newer.event.size = sizeof(newer);
    return fanfare_publish_events(provoke_running(), &newer.event, 1, 0, NULL);
}

static int check_newer(void)
{
    struct newer_event newer = {.event = sound(), .more = 1};
    newer.event.size = sizeof(newer);
    return fanfare_event_check(&newer.event);
}

/* --- calls ----------------------------------------------------------------------------------- */

static int publish(struct fanfare *fanfare)
{
    return fanfare_publish(fanfare, FULL_CHANNEL, NULL, "x", 1, 0, NULL);
}

static int publish_events(struct fanfare *fanfare)
{
    struct fanfare_event event = sound();
    return fanfare_publish_events(fanfare, &event, 1, 0, NULL);
}

static const char one_event[] = "channel: " FULL_CHANNEL "\ndata: x\n\n";

static int publish_text(struct fanfare *fanfare)
{
    return fanfare_publish_text(fanfare, one_event, FANFARE_NUL, 0, NULL, NULL);
}

static int publish_soon(struct fanfare *fanfare)
{
    return fanfare_publish(fanfare, FULL_CHANNEL, NULL, "x", 1, 1, NULL);
}

static int publish_events_soon(struct fanfare *fanfare)
{
    struct fanfare_event event = sound();
    return fanfare_publish_events(fanfare, &event, 1, 1, NULL);
}

static int publish_text_soon(struct fanfare *fanfare)
{
    return fanfare_publish_text(fanfare, one_event, FANFARE_NUL, 1, NULL, NULL);
}

static int format_id(struct fanfare *fanfare)
{
    char id[FANFARE_ID_SIZE];
    return fanfare_id_format(fanfare, 1, id);
}

static int parse_id(struct fanfare *fanfare)
{
    uint64_t sequence;
    return fanfare_id_parse(fanfare, "abc", 3, &sequence);
}

static int new_waiter(struct fanfare *fanfare)
{
    struct fanfare_waiter *waiter;
    int r = fanfare_waiter_new(fanfare, &waiter);
    if (r == 0)
        fanfare_waiter_free(waiter);
    return r;
}

static int waiter_publish(struct fanfare *fanfare)
{
    struct fanfare_event event = sound();
    struct fanfare_waiter *waiter;
    int r = fanfare_waiter_new(fanfare, &waiter);
    if (r == 0)
        r = fanfare_waiter_publish(waiter, &event, 1, NULL);
    fanfare_waiter_free(waiter);
    return r;
}

/* Each call in each place. */
PROVOKE(publish, new)
PROVOKE(publish, child)
PROVOKE(publish, full)
PROVOKE(publish_soon, full)
PROVOKE(publish_soon, hook)
PROVOKE(publish_events, new)
PROVOKE(publish_events, child)
PROVOKE(publish_events, full)
PROVOKE(publish_events_soon, full)
PROVOKE(publish_events_soon, hook)
PROVOKE(publish_text, new)
PROVOKE(publish_text, child)
PROVOKE(publish_text, full)
PROVOKE(publish_text_soon, full)
PROVOKE(publish_text_soon, hook)
PROVOKE(format_id, new)
PROVOKE(format_id, child)
PROVOKE(parse_id, new)
PROVOKE(parse_id, child)
PROVOKE(new_waiter, new)
PROVOKE(new_waiter, child)
PROVOKE(waiter_publish, full)

/* --- what is wrong with the call itself ------------------------------------------------------ */

static int publish_nothing(void)
{
    return fanfare_publish(provoke_running(), "a", NULL, NULL, 1, 0, NULL);
}

static int publish_of(const char *channel, const char *type, const char *data, size_t data_len)
{
    return fanfare_publish(provoke_running(), channel, type, data, data_len, 0, NULL);
}

#define ONE(name, ...)                                                                             \
    static int one_##name(void)                                                                    \
    {                                                                                              \
        return publish_of(__VA_ARGS__);                                                            \
    }
ONE(channel_empty, "", NULL, "x", 1)
ONE(channel_long, text_of_length(FANFARE_CHANNEL_MAX + 1), NULL, "x", 1)
ONE(channel_text, "\x01", NULL, "x", 1)
ONE(channel_ours, "@presence/a", NULL, "x", 1)
ONE(type_long, "a", text_of_length(FANFARE_TYPE_MAX + 1), "x", 1)
ONE(type_text, "a", "\n", "x", 1)
ONE(type_ours, "a", "fanfare-gap", "x", 1)
ONE(data_long, "a", NULL, text_of_length(FANFARE_DATA_MAX + 1), FANFARE_NUL)
ONE(data_text, "a", NULL, "\xc0", 1)
ONE(data_none, "a", NULL, NULL, 0)

static int events_none(void)
{
    struct fanfare_event event = sound();
    return fanfare_publish_events(provoke_running(), &event, 0, 0, NULL);
}

static int events_twice(void)
{
    struct fanfare_event events[2] = {sound(), sound()};
    events[0].key = events[1].key = "k";
    events[0].key_len = events[1].key_len = 1;
    return fanfare_publish_events(provoke_running(), events, 2, 0, NULL);
}

/* An end, and whatever follows it. */
static void end_channel(void)
{
    struct fanfare_event event = sound();
    event.channel = "ended";
    event.flags = FANFARE_END;
    EXPECT(fanfare_publish_events(provoke_running(), &event, 1, 0, NULL) <= 0,
           "an end is published");
}

static int one_ended(void)
{
    end_channel();
    return publish_of("ended", NULL, "x", 1);
}

static int events_ended(void)
{
    struct fanfare_event event = sound();
    event.channel = "ended";
    end_channel();
    return fanfare_publish_events(provoke_running(), &event, 1, 0, NULL);
}

static int text_of_what(const char *text)
{
    return fanfare_publish_text(provoke_running(), text, FANFARE_NUL, 0, NULL, NULL);
}

static int text_none(void)
{
    return text_of_what(": nothing\n\n");
}

static int text_syntax(void)
{
    return text_of_what("channel: a\ndata: x\nack: 1\n\n");
}

static int text_adopts(void)
{
    return text_of_what("adopt: x\n\nchannel: a\ndata: b\n\n");
}

#define TEXT_FAULT(name, text)                                                                     \
    static int text_##name(void)                                                                   \
    {                                                                                              \
        return text_of_what(text);                                                                 \
    }
TEXT_FAULT(channel_text, "channel: \x02\ndata: x\n\n")
TEXT_FAULT(channel_ours, "channel: @presence/a\ndata: x\n\n")
TEXT_FAULT(type_text, "channel: a\nevent: \xff\ndata: x\n\n")
TEXT_FAULT(type_ours, "channel: a\nevent: fanfare-gap\ndata: x\n\n")
TEXT_FAULT(id_text, "channel: a\nid: \x7f\ndata: x\n\n")
TEXT_FAULT(id_space, "channel: a\nid: b \ndata: x\n\n")
TEXT_FAULT(id_ours, "channel: a\nid: earliest\ndata: x\n\n")
TEXT_FAULT(data_text, "channel: a\ndata: \xff\n\n")
TEXT_FAULT(key_text, "channel: a\nkey: \x02\ndata: x\n\n")
TEXT_FAULT(key_twice, "channel: a\nkey: b\ndata: x\n\nchannel: a\nkey: b\ndata: y\n\n")

static int text_data_long(void)
{
    static char text[FANFARE_DATA_MAX + 64];
    size_t len = (size_t)snprintf(text, sizeof(text), "channel: a\ndata: ");
    memset(text + len, 'x', FANFARE_DATA_MAX + 1);
    memcpy(text + len + FANFARE_DATA_MAX + 1, "\n\n", 3);
    return text_of_what(text);
}

static int text_ended(void)
{
    end_channel();
    return text_of_what("channel: ended\ndata: x\n\n");
}

static int text_many(void)
{
    static char text[(FANFARE_EVENTS_MAX + 1) * 20];
    size_t len = 0;
    for (unsigned i = 0; i <= FANFARE_EVENTS_MAX; i++, len += 16)
        memcpy(text + len, "channel:a\ndata\n\n", 16);
    return fanfare_publish_text(provoke_running(), text, len, 0, NULL, NULL);
}

static int format_nothing(void)
{
    char id[FANFARE_ID_SIZE];
    return fanfare_id_format(provoke_running(), 0, id);
}

static int parse_other(void)
{
    return parse_id(provoke_running());
}

static int waiter_of_none(void)
{
    struct fanfare_waiter *waiter;
    return fanfare_waiter_new(NULL, &waiter);
}

const struct error_row errors_publish[] = {
    {"fanfare_publish", -EAGAIN, publish_full},
    {"fanfare_publish", -ETIMEDOUT, publish_soon_full},
    {"fanfare_publish", -ESHUTDOWN, publish_new},
    {"fanfare_publish", -ECHILD, publish_child},
    {"fanfare_publish", -EDEADLK, publish_soon_hook},
    {"fanfare_publish", -EINVAL, publish_nothing},
    {"fanfare_publish", FANFARE_ERROR_ENDED, one_ended},
    {"fanfare_publish", FANFARE_ERROR_CHANNEL_EMPTY, one_channel_empty},
    {"fanfare_publish", FANFARE_ERROR_CHANNEL_LONG, one_channel_long},
    {"fanfare_publish", FANFARE_ERROR_CHANNEL_TEXT, one_channel_text},
    {"fanfare_publish", FANFARE_ERROR_CHANNEL_OURS, one_channel_ours},
    {"fanfare_publish", FANFARE_ERROR_TYPE_LONG, one_type_long},
    {"fanfare_publish", FANFARE_ERROR_TYPE_TEXT, one_type_text},
    {"fanfare_publish", FANFARE_ERROR_TYPE_OURS, one_type_ours},
    {"fanfare_publish", FANFARE_ERROR_DATA_LONG, one_data_long},
    {"fanfare_publish", FANFARE_ERROR_DATA_TEXT, one_data_text},
    {"fanfare_publish", FANFARE_ERROR_DATA_NONE, one_data_none},
    {"fanfare_publish_events", -EAGAIN, publish_events_full},
    {"fanfare_publish_events", -ETIMEDOUT, publish_events_soon_full},
    {"fanfare_publish_events", -ESHUTDOWN, publish_events_new},
    {"fanfare_publish_events", -ECHILD, publish_events_child},
    {"fanfare_publish_events", -EDEADLK, publish_events_soon_hook},
    {"fanfare_publish_events", -EINVAL, events_none},
    {"fanfare_publish_events", -EINVAL, events_unknown},
    {"fanfare_publish_events", -E2BIG, events_newer},
    {"fanfare_publish_events", FANFARE_ERROR_KEY_TWICE, events_twice},
    {"fanfare_publish_events", FANFARE_ERROR_ENDED, events_ended},
    {"fanfare_publish_events", FANFARE_ERROR_CHANNEL_EMPTY, events_channel_empty},
    {"fanfare_publish_events", FANFARE_ERROR_CHANNEL_LONG, events_channel_long},
    {"fanfare_publish_events", FANFARE_ERROR_CHANNEL_TEXT, events_channel_text},
    {"fanfare_publish_events", FANFARE_ERROR_CHANNEL_OURS, events_channel_ours},
    {"fanfare_publish_events", FANFARE_ERROR_TYPE_LONG, events_type_long},
    {"fanfare_publish_events", FANFARE_ERROR_TYPE_TEXT, events_type_text},
    {"fanfare_publish_events", FANFARE_ERROR_TYPE_OURS, events_type_ours},
    {"fanfare_publish_events", FANFARE_ERROR_ID_LONG, events_id_long},
    {"fanfare_publish_events", FANFARE_ERROR_ID_TEXT, events_id_text},
    {"fanfare_publish_events", FANFARE_ERROR_ID_SPACE, events_id_space},
    {"fanfare_publish_events", FANFARE_ERROR_ID_OURS, events_id_ours},
    {"fanfare_publish_events", FANFARE_ERROR_DATA_LONG, events_data_long},
    {"fanfare_publish_events", FANFARE_ERROR_DATA_TEXT, events_data_text},
    {"fanfare_publish_events", FANFARE_ERROR_DATA_NONE, events_data_none},
    {"fanfare_publish_events", FANFARE_ERROR_KEY_LONG, events_key_long},
    {"fanfare_publish_events", FANFARE_ERROR_KEY_TEXT, events_key_text},
    {"fanfare_publish_events", FANFARE_ERROR_RETRY, events_retry},
    {"fanfare_publish_events", FANFARE_ERROR_TO_ALL, events_to_all},
    {"fanfare_publish_text", -EAGAIN, publish_text_full},
    {"fanfare_publish_text", -ETIMEDOUT, publish_text_soon_full},
    {"fanfare_publish_text", -ESHUTDOWN, publish_text_new},
    {"fanfare_publish_text", -ECHILD, publish_text_child},
    {"fanfare_publish_text", -EDEADLK, publish_text_soon_hook},
    {"fanfare_publish_text", -EINVAL, text_none},
    {"fanfare_publish_text", -E2BIG, text_many},
    {"fanfare_publish_text", FANFARE_ERROR_SYNTAX, text_syntax},
    {"fanfare_publish_text", FANFARE_ERROR_SYNTAX, text_adopts},
    {"fanfare_publish_text", FANFARE_ERROR_CHANNEL_TEXT, text_channel_text},
    {"fanfare_publish_text", FANFARE_ERROR_CHANNEL_OURS, text_channel_ours},
    {"fanfare_publish_text", FANFARE_ERROR_TYPE_TEXT, text_type_text},
    {"fanfare_publish_text", FANFARE_ERROR_TYPE_OURS, text_type_ours},
    {"fanfare_publish_text", FANFARE_ERROR_ID_TEXT, text_id_text},
    {"fanfare_publish_text", FANFARE_ERROR_ID_SPACE, text_id_space},
    {"fanfare_publish_text", FANFARE_ERROR_ID_OURS, text_id_ours},
    {"fanfare_publish_text", FANFARE_ERROR_DATA_LONG, text_data_long},
    {"fanfare_publish_text", FANFARE_ERROR_DATA_TEXT, text_data_text},
    {"fanfare_publish_text", FANFARE_ERROR_KEY_TEXT, text_key_text},
    {"fanfare_publish_text", FANFARE_ERROR_KEY_TWICE, text_key_twice},
    {"fanfare_publish_text", FANFARE_ERROR_ENDED, text_ended},
    {"fanfare_event_check", -EINVAL, check_unknown},
    {"fanfare_event_check", -E2BIG, check_newer},
    {"fanfare_event_check", FANFARE_ERROR_CHANNEL_EMPTY, check_channel_empty},
    {"fanfare_event_check", FANFARE_ERROR_CHANNEL_LONG, check_channel_long},
    {"fanfare_event_check", FANFARE_ERROR_CHANNEL_TEXT, check_channel_text},
    {"fanfare_event_check", FANFARE_ERROR_CHANNEL_OURS, check_channel_ours},
    {"fanfare_event_check", FANFARE_ERROR_TYPE_LONG, check_type_long},
    {"fanfare_event_check", FANFARE_ERROR_TYPE_TEXT, check_type_text},
    {"fanfare_event_check", FANFARE_ERROR_TYPE_OURS, check_type_ours},
    {"fanfare_event_check", FANFARE_ERROR_ID_LONG, check_id_long},
    {"fanfare_event_check", FANFARE_ERROR_ID_TEXT, check_id_text},
    {"fanfare_event_check", FANFARE_ERROR_ID_SPACE, check_id_space},
    {"fanfare_event_check", FANFARE_ERROR_ID_OURS, check_id_ours},
    {"fanfare_event_check", FANFARE_ERROR_DATA_LONG, check_data_long},
    {"fanfare_event_check", FANFARE_ERROR_DATA_TEXT, check_data_text},
    {"fanfare_event_check", FANFARE_ERROR_DATA_NONE, check_data_none},
    {"fanfare_event_check", FANFARE_ERROR_KEY_LONG, check_key_long},
    {"fanfare_event_check", FANFARE_ERROR_KEY_TEXT, check_key_text},
    {"fanfare_event_check", FANFARE_ERROR_RETRY, check_retry},
    {"fanfare_event_check", FANFARE_ERROR_TO_ALL, check_to_all},
    {"fanfare_id_format", -EINVAL, format_nothing},
    {"fanfare_id_format", -ESHUTDOWN, format_id_new},
    {"fanfare_id_format", -ECHILD, format_id_child},
    {"fanfare_id_parse", -EINVAL, parse_other},
    {"fanfare_id_parse", -ESHUTDOWN, parse_id_new},
    {"fanfare_id_parse", -ECHILD, parse_id_child},
    {"fanfare_waiter_new", -EINVAL, waiter_of_none},
    {"fanfare_waiter_new", -ESHUTDOWN, new_waiter_new},
    {"fanfare_waiter_new", -ECHILD, new_waiter_child},
    {"fanfare_waiter_publish", -EAGAIN, waiter_publish_full},
    {NULL, 0, NULL},
};
