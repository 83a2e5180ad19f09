/* SPDX-License-Identifier: MIT */
/*
 * Told gaps: the `fanfare-gap` events for what a subscriber asked for, or had coming, and cannot
 * get any more. Gaps come before any retained frame, one event per channel that lost something;
 * only the last has an id, so that a client cut off before it is told again.
 */
#include "engine/worker/gap.h"

#include <stdarg.h>

#include "engine/mutation.h"
#include "engine/worker/release.h"
#include "engine/worker/subscriber.h"

/* Of one gap event: the channel and `from` escaped (two bytes for each one), and about 250 more. */
#define GAP_EVENT_BYTES_MAX (2 * CHANNEL_BYTES_MAX + 2 * EVENT_ID_BYTES_MAX + 320)

/* With several channels one of them may have evicted beyond the position where another one's
 * retained frames begin: what was told of each is kept apart. */
static uint64_t told_through(const struct membership *membership, uint64_t sequence)
{
    return membership->told_through > sequence ? membership->told_through : sequence;
}

static bool has_lost(const struct membership *membership, uint64_t sequence)
{
    return membership->channel->history.evicted_through > told_through(membership, sequence) &&
           !MUTATION(gap_untold);
}

bool gap_is_due(struct subscriber *subscriber, uint64_t sequence)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    for (uint32_t i = 0; i < count; i++)
        if (has_lost(&memberships[i], sequence))
            return true;
    return false;
}

void gap_was_told(struct subscriber *subscriber)
{
    if (!(subscriber->flags & SUBSCRIBER_MANY))
        return; /* the cursor says it */
    for (uint32_t i = 0; i < subscriber->set->count; i++)
        subscriber->set->items[i].told_through =
            subscriber->set->items[i].channel->history.evicted_through;
}

/* The position before the first retained frame after `sequence`, else the worker's own. */
static uint64_t position_after(const struct worker *worker, const struct membership *memberships,
                               uint32_t count, uint64_t sequence)
{
    uint64_t position = worker->position - 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct history *history = &memberships[i].channel->history;
        uint64_t place = history_after(history, sequence);
        if (place < history->end && history_at(history, place)->sequence - 1 < position)
            position = history_at(history, place)->sequence - 1;
    }
    return position;
}

struct buffer {
    char *at;
    size_t len, size;
};

static void append(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(buffer->at + buffer->len, buffer->size - buffer->len, format, arguments);
    va_end(arguments);
    CHECK(len >= 0 && (size_t)len < buffer->size - buffer->len);
    buffer->len += (size_t)len;
}

/* A JSON string of text that is valid UTF-8 without control characters. */
static void append_string(struct buffer *buffer, struct text text)
{
    append(buffer, "\"");
    for (size_t i = 0; i < text.len; i++)
        append(buffer, text.at[i] == '"' || text.at[i] == '\\' ? "\\%c" : "%c", text.at[i]);
    append(buffer, "\"");
}

static void append_id(struct buffer *buffer, const struct worker *worker, uint64_t sequence)
{
    char id[ID_LEN];
    id_format(id, worker->options->epoch, sequence);
    append(buffer, "%.*s", ID_LEN, id);
}

/* The event-stream text of one channel's gap; only the last one says the position. */
static void append_event(struct buffer *buffer, const struct worker *worker,
                         const struct membership *membership, const struct gap *gap,
                         uint64_t position, bool last)
{
    const struct channel *channel = membership->channel;
    append(buffer, "event: " GAP_TYPE "\ndata: {\"reason\": \"%s\", \"channel\": ", gap->reason);
    append_string(buffer, (struct text){channel->name, channel->name_len});
    append(buffer, ", \"from\": ");
    if (gap->from.at)
        append_string(buffer, gap->from);
    else
        append(buffer, "null");
    append(buffer, ", \"to\": \"");
    append_id(buffer, worker, channel->history.evicted_through);
    int64_t missed = gap->everywhere ? -1
                                     : history_missed(&channel->history,
                                                      told_through(membership, gap->sequence));
    if (missed < 0)
        append(buffer, "\", \"missed\": null}\n");
    else
        append(buffer, "\", \"missed\": %lld}\n", (long long)missed);
    if (last) {
        append(buffer, "id: ");
        append_id(buffer, worker, position);
        append(buffer, "\n");
    }
    append(buffer, "\n");
}

struct frame *gap_frame(struct worker *worker, struct subscriber *subscriber, const struct gap *gap)
{
    struct membership single;
    uint32_t count;
    struct membership *memberships = subscriber_memberships(subscriber, &single, &count);
    uint64_t position = position_after(worker, memberships, count, gap->sequence);
    struct buffer text = {.size = (size_t)count * GAP_EVENT_BYTES_MAX + 64};
    struct frame *frame = NULL;
    text.at = malloc(text.size);
    if (!text.at)
        return NULL;
    uint32_t lost[SUBSCRIBER_CHANNELS_MAX], lost_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (gap->everywhere || has_lost(&memberships[i], gap->sequence))
            lost[lost_count++] = i;
    text.len = gap->plain ? 0 : CHUNK_LINE_ROOM; /* the chunk's size line is put in last */
    size_t from = text.len;
    for (uint32_t i = 0; i < lost_count; i++)
        append_event(&text, worker, &memberships[lost[i]], gap, position, i + 1 == lost_count);
    if (!gap->plain) {
        char line[CHUNK_LINE_ROOM];
        size_t line_len = chunk_line_format(line, text.len - from);
        from -= line_len;
        memcpy(text.at + from, line, line_len);
        append(&text, "\r\n");
    }
    frame = release_private(worker, FRAME_GAP, text.at + from, text.len - from);
    free(text.at);
    if (!frame)
        return NULL;
    frame->sequence = position;
    COUNT(worker, gaps_told, lost_count);
    return frame;
}
