/* SPDX-License-Identifier: MIT */
/* Callers' events: see event.h. */
#include "lib/event.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "engine/limits.h"

static_assert(FANFARE_CHANNEL_MAX == CHANNEL_BYTES_MAX, "the header says what holds");
static_assert(FANFARE_TYPE_MAX == EVENT_TYPE_BYTES_MAX, "the header says what holds");
static_assert(FANFARE_ID_MAX == EVENT_ID_BYTES_MAX, "the header says what holds");
static_assert(FANFARE_KEY_MAX == EVENT_KEY_BYTES_MAX, "the header says what holds");
static_assert(FANFARE_DATA_MAX == DATA_BYTES_MAX, "the header says what holds");
static_assert(FANFARE_EVENTS_MAX == PUBLISH_EVENTS_MAX, "the header says what holds");
static_assert(FANFARE_ID_SIZE > ID_LEN, "the header says what holds");

/* No struct of ours will ever be as large: rather a size that nobody has set. */
enum { STRUCT_BYTES_MAX = 4096 };

int struct_size(const void *given, size_t known, size_t *ret_size)
{
    if (!given)
        return -EINVAL;
    memcpy(ret_size, given, sizeof(*ret_size));
    if (*ret_size < known || *ret_size % sizeof(uint64_t) != 0)
        return -EINVAL;
    return *ret_size > STRUCT_BYTES_MAX ? -E2BIG : 0;
}

int struct_check(const void *given, size_t known)
{
    size_t size;
    int r = struct_size(given, known, &size);
    if (r < 0)
        return r;
    const unsigned char *bytes = given;
    for (size_t i = known; i < size; i++)
        if (bytes[i])
            return -E2BIG;
    return 0;
}

/* Text that is not there has no length. */
static bool is_sound(const char *at, size_t len)
{
    return at || len == 0 || len == FANFARE_NUL;
}

int event_read(const struct fanfare_event *given, struct event *ret_event)
{
    int r = struct_check(given, sizeof(*given));
    if (r < 0)
        return r;
    if (!is_sound(given->channel, given->channel_len) || !is_sound(given->type, given->type_len) ||
        !is_sound(given->id, given->id_len) || !is_sound(given->data, given->data_len) ||
        !is_sound(given->key, given->key_len) ||
        (given->flags & ~(uint64_t)(FANFARE_TO_ALL | FANFARE_END)))
        return -EINVAL;
    if (given->retry_ms < FANFARE_RETRY_AT_ONCE)
        return FANFARE_ERROR_RETRY;
    *ret_event =
        (struct event){.channel = text_given(given->channel, given->channel_len),
                       .type = text_given(given->type, given->type_len),
                       .id = text_given(given->id, given->id_len),
                       .data = text_given(given->data, given->data_len),
                       .retry_ms = given->retry_ms == 0                       ? -1
                                   : given->retry_ms == FANFARE_RETRY_AT_ONCE ? 0
                                                                              : given->retry_ms,
                       .without_data = !given->data,
                       .ends = (given->flags & FANFARE_END) != 0,
                       .all = (given->flags & FANFARE_TO_ALL) != 0,
                       .key = text_given(given->key, given->key_len)};
    return 0;
}

int event_error(enum frame_fault fault)
{
    switch (fault) {
    case FRAME_OK:
        return 0;
    case FRAME_CHANNEL_EMPTY:
        return FANFARE_ERROR_CHANNEL_EMPTY;
    case FRAME_CHANNEL_LONG:
        return FANFARE_ERROR_CHANNEL_LONG;
    case FRAME_CHANNEL_TEXT:
        return FANFARE_ERROR_CHANNEL_TEXT;
    case FRAME_CHANNEL_OURS:
        return FANFARE_ERROR_CHANNEL_OURS;
    case FRAME_TYPE_LONG:
        return FANFARE_ERROR_TYPE_LONG;
    case FRAME_TYPE_TEXT:
        return FANFARE_ERROR_TYPE_TEXT;
    case FRAME_TYPE_OURS:
        return FANFARE_ERROR_TYPE_OURS;
    case FRAME_ID_LONG:
        return FANFARE_ERROR_ID_LONG;
    case FRAME_ID_TEXT:
        return FANFARE_ERROR_ID_TEXT;
    case FRAME_ID_SPACE:
        return FANFARE_ERROR_ID_SPACE;
    case FRAME_ID_OURS:
    case FRAME_ID_EARLIEST:
        return FANFARE_ERROR_ID_OURS;
    case FRAME_DATA_LONG:
        return FANFARE_ERROR_DATA_LONG;
    case FRAME_DATA_TEXT:
        return FANFARE_ERROR_DATA_TEXT;
    case FRAME_DATA_NONE:
        return FANFARE_ERROR_DATA_NONE;
    case FRAME_KEY_LONG:
        return FANFARE_ERROR_KEY_LONG;
    case FRAME_KEY_TEXT:
        return FANFARE_ERROR_KEY_TEXT;
    case FRAME_RETRY_RANGE:
        return FANFARE_ERROR_RETRY;
    case FRAME_ALL_CHANNEL:
    case FRAME_ALL_ENDS:
        return FANFARE_ERROR_TO_ALL;
    }
    return -EINVAL;
}
