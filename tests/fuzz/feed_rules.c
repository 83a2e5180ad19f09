/* SPDX-License-Identifier: MIT */
/* See feed_rules.h. */
#include "tests/fuzz/feed_rules.h"

#include "tests/fuzz/rules.h"

static const char *const names[] = {"data", "channel", "event", "id",  "ack",  "retry",
                                    "wait", "end",     "key",   "all", "count"};

/* Of a hand-over, on the feed; the first one makes it one. */
static const char *const adoption_names[] = {"adopt", "first",         "head",  "header",   "http",
                                             "last",  "last-event-id", "limit", "lifetime", "tag"};

#define NAMES (sizeof(names) / sizeof(names[0]))

/* What is read, and the event that is being put together. */
struct reading {
    struct feed_list *list;
    char *room; /* for the next byte of data */
    char *line_room;
    size_t data_max;
    bool feed;
    bool has_data, has_channel, has_any, has_end, has_all;
    bool has_event; /* any field but ack */
    bool is_named;  /* by a type or an id */
    struct feed_item item;
};

static void start_item(struct reading *reading)
{
    reading->has_data = reading->has_channel = reading->has_any = reading->is_named = false;
    reading->has_end = reading->has_all = reading->has_event = false;
    reading->item = (struct feed_item){.event = {.retry_ms = -1, .data = {"", 0}},
                                       .adoption = {reading->line_room, 0}};
}

static void put_item(struct reading *reading)
{
    struct feed_list *list = reading->list;
    if (list->count == list->size) {
        list->size = list->size ? list->size * 2 : 8;
        list->items = realloc(list->items, list->size * sizeof(*list->items));
        CHECK(list->items);
    }
    list->items[list->count++] = reading->item;
    start_item(reading);
}

static void fault(struct reading *reading, enum event_text_fault fault)
{
    if (!reading->item.fault)
        reading->item.fault = fault;
}

/* Where the name ends: at the colon, or at the end of the line. */
static struct text name_of(struct text line)
{
    const char *colon = memchr(line.at, ':', line.len);
    return (struct text){line.at, colon ? (size_t)(colon - line.at) : line.len};
}

static bool is_known(struct text name)
{
    for (size_t i = 0; i < NAMES; i++) {
        if (text_equals(name, text_of(names[i])))
            return true;
    }
    return false;
}

static void put_data(struct reading *reading, struct text value)
{
    struct text *data = &reading->item.event.data;
    if (!reading->has_data)
        data->at = reading->room;
    else
        *reading->room++ = '\n';
    if (value.len)
        memcpy(reading->room, value.at, value.len);
    reading->room += value.len;
    data->len = (size_t)(reading->room - data->at);
    reading->has_data = true;
    if (data->len > reading->data_max)
        fault(reading, EVENT_TEXT_LARGE);
}

static void put_retry(struct reading *reading, struct text value)
{
    int64_t retry_ms = 0;
    bool good = value.len > 0;
    for (size_t i = 0; good && i < value.len; i++) {
        retry_ms = rules_retry_ms(retry_ms * 10 + (value.at[i] - '0'));
        good = value.at[i] >= '0' && value.at[i] <= '9';
    }
    if (good)
        reading->item.event.retry_ms = retry_ms;
    else if (reading->feed)
        fault(reading, EVENT_TEXT_FIELD);
}

static void put_short(struct reading *reading, struct text value, size_t max, struct text *ret_text)
{
    if (value.len > max)
        fault(reading, EVENT_TEXT_FIELD);
    else
        *ret_text = value;
}

static bool is_of_adoption(const struct reading *reading, struct text name)
{
    for (size_t i = 0; i < sizeof(adoption_names) / sizeof(adoption_names[0]); i++)
        if (reading->feed && text_equals(name, text_of(adoption_names[i])))
            return true;
    return false;
}

static void put_line(struct reading *reading, struct text line)
{
    struct event *event = &reading->item.event;
    struct text name = name_of(line);
    struct text value = {line.at + line.len, 0};
    if (is_of_adoption(reading, name)) {
        reading->item.adopts |= text_equals(name, TEXT("adopt"));
        memcpy(reading->line_room, line.at, line.len);
        reading->line_room[line.len] = '\n';
        reading->line_room += line.len + 1;
        reading->item.adoption.len += line.len + 1;
        return;
    }
    if (!is_known(name) || (!reading->feed && text_equals(name, TEXT("count"))))
        return;
    reading->has_any = true;
    reading->has_event |= !text_equals(name, TEXT("ack"));
    if (name.len < line.len)
        value = (struct text){name.at + name.len + 1, line.len - name.len - 1};
    if (value.len && value.at[0] == ' ')
        value = (struct text){value.at + 1, value.len - 1};
    bool is_data = text_equals(name, TEXT("data"));
    bool is_channel = text_equals(name, TEXT("channel"));
    bool is_retry = text_equals(name, TEXT("retry"));
    reading->has_end |= text_equals(name, TEXT("end"));
    reading->has_all |= text_equals(name, TEXT("all"));
    reading->is_named |= text_equals(name, TEXT("event")) || text_equals(name, TEXT("id"));
    if (is_data)
        put_data(reading, value);
    else if (line.len > EVENT_TEXT_LINE_BYTES && !(is_retry && !reading->feed))
        fault(reading, EVENT_TEXT_FIELD);
    else if (line.len > EVENT_TEXT_LINE_BYTES)
        return; /* even if it is a number */
    else if (is_channel && (reading->has_channel || value.len == 0))
        fault(reading, EVENT_TEXT_FIELD);
    else if (is_channel)
        put_short(reading, value, 256, &event->channel);
    else if (text_equals(name, TEXT("event")))
        put_short(reading, value, 256, &event->type);
    else if (text_equals(name, TEXT("id")))
        put_short(reading, value, 128, &event->id);
    else if (text_equals(name, TEXT("key")))
        put_short(reading, value, 128, &event->key);
    else if (text_equals(name, TEXT("ack")) && rules_is_channel(value))
        put_short(reading, value, 64, &reading->item.ack);
    else if (is_retry)
        put_retry(reading, value);
    else if (text_equals(name, TEXT("wait")) && text_equals(value, TEXT("no")))
        reading->item.wait_no = true;
    else if (text_equals(name, TEXT("count")) && text_equals(value, TEXT("1")))
        reading->item.counts = true;
    else if (text_equals(name, TEXT("end")) && text_equals(value, TEXT("1")))
        event->ends = true;
    else if (text_equals(name, TEXT("all")) && text_equals(value, TEXT("1")))
        event->all = true;
    else
        fault(reading, EVENT_TEXT_FIELD);
    reading->has_channel = reading->has_channel || is_channel;
}

static void end_block(struct reading *reading)
{
    if (reading->item.adopts) {
        if (reading->has_event)
            fault(reading, EVENT_TEXT_FIELD);
        if (reading->item.adoption.len > ADOPTION_BYTES_MAX)
            fault(reading, EVENT_TEXT_LARGE);
        put_item(reading);
        return;
    }
    if (!reading->has_any) {
        start_item(reading);
        return;
    }
    bool alone = !reading->has_data && !reading->is_named &&
                 (reading->item.event.retry_ms >= 0 || reading->has_end);
    reading->item.event.without_data = !reading->has_data;
    if (!reading->has_data && !alone && !reading->feed) { /* dispatches nothing */
        start_item(reading);
        return;
    }
    if ((!reading->has_data && !alone) || (reading->has_all && reading->has_channel) ||
        (reading->feed && !reading->has_channel && !reading->has_all))
        fault(reading, EVENT_TEXT_FIELD);
    put_item(reading);
}

/* The last line has no end. It belongs to an event if it names a field, or may be about to. */
static void end_text(struct reading *reading, struct text line)
{
    struct text name = name_of(line);
    bool begins = name.len < line.len
                      ? is_known(name) || (reading->feed && text_equals(name, TEXT("adopt")))
                      : line.len > 0 && line.len < 8;
    if (!reading->has_any && !reading->item.adopts && !begins)
        return;
    reading->item.fault = EVENT_TEXT_CUT;
    put_item(reading);
}

void feed_rules_read(struct text text, size_t data_max, bool feed, struct feed_list *ret_list)
{
    static const char mark[] = "\xef\xbb\xbf";
    *ret_list = (struct feed_list){.data = malloc(text.len + 1), .lines = malloc(text.len + 1)};
    CHECK(ret_list->data && ret_list->lines);
    struct reading reading = {.list = ret_list,
                              .room = ret_list->data,
                              .line_room = ret_list->lines,
                              .data_max = data_max,
                              .feed = feed};
    start_item(&reading);
    size_t at = text.len >= 3 && memcmp(text.at, mark, 3) == 0 ? 3 : 0;
    if (text.len < 3 && memcmp(text.at, mark, text.len) == 0)
        at = text.len; /* as good as a whole one, if nothing follows */
    while (at < text.len) {
        size_t end = at;
        while (end < text.len && text.at[end] != '\n' && text.at[end] != '\r')
            end++;
        if (end == text.len)
            break;
        if (end > at)
            put_line(&reading, (struct text){text.at + at, end - at});
        else
            end_block(&reading);
        at = end + 1;
        if (text.at[end] == '\r' && at < text.len && text.at[at] == '\n')
            at++;
    }
    end_text(&reading, (struct text){text.at + at, text.len - at});
}

void feed_rules_free(struct feed_list *list)
{
    free(list->items);
    free(list->data);
    free(list->lines);
    *list = (struct feed_list){0};
}
