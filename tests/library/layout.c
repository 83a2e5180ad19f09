/* SPDX-License-Identifier: MIT */
/*
 * What a compiled program has baked in: sizes, offsets and numbers of the header, for machines of
 * 64 bits. A line that fails means that programs linked against an earlier library break. Members
 * are added at the end of a struct, numbers never change. Compiled as C and as C++ by compile.py,
 * which also says which lines are missing.
 */
#include <assert.h>
#include <fanfare.h>
#include <stddef.h>

static_assert(FANFARE_ABI == 1, "");
static_assert(FANFARE_ERROR_CHANNEL_EMPTY == -5001, "");
static_assert(FANFARE_ERROR_CHANNEL_LONG == -5002, "");
static_assert(FANFARE_ERROR_CHANNEL_TEXT == -5003, "");
static_assert(FANFARE_ERROR_TYPE_LONG == -5004, "");
static_assert(FANFARE_ERROR_TYPE_TEXT == -5005, "");
static_assert(FANFARE_ERROR_ID_LONG == -5006, "");
static_assert(FANFARE_ERROR_ID_TEXT == -5007, "");
static_assert(FANFARE_ERROR_ID_SPACE == -5008, "");
static_assert(FANFARE_ERROR_ID_OURS == -5009, "");
static_assert(FANFARE_ERROR_DATA_LONG == -5010, "");
static_assert(FANFARE_ERROR_DATA_TEXT == -5011, "");
static_assert(FANFARE_ERROR_RETRY == -5012, "");
static_assert(FANFARE_ERROR_SYNTAX == -5013, "");
static_assert(FANFARE_ERROR_CHANNELS == -5014, "");
static_assert(FANFARE_ERROR_HEAD == -5015, "");
static_assert(FANFARE_ERROR_OPTION == -5016, "");
static_assert(FANFARE_ERROR_VALUE == -5017, "");
static_assert(FANFARE_NUL == ((size_t)-1), "");
static_assert(FANFARE_CHANNEL_MAX == 256, "");
static_assert(FANFARE_TYPE_MAX == 256, "");
static_assert(FANFARE_ID_MAX == 128, "");
static_assert(FANFARE_DATA_MAX == (16 << 20), "");
static_assert(FANFARE_ID_SIZE == 32, "");
static_assert(FANFARE_EVENTS_MAX == 1024, "");
static_assert(FANFARE_FOREVER == (-1), "");
static_assert(FANFARE_REQUEST_SUBSCRIBE == 1, "");
static_assert(FANFARE_REQUEST_PUBLISH == 2, "");
static_assert(FANFARE_REQUEST_OTHER == 3, "");
static_assert(FANFARE_ERROR_CHANNEL_OURS == -5018, "");
static_assert(FANFARE_ERROR_TYPE_OURS == -5019, "");
static_assert(FANFARE_ERROR_DATA_NONE == -5020, "");
static_assert(FANFARE_ERROR_KEY_LONG == -5021, "");
static_assert(FANFARE_ERROR_KEY_TEXT == -5022, "");
static_assert(FANFARE_ERROR_KEY_TWICE == -5023, "");
static_assert(FANFARE_ERROR_TO_ALL == -5024, "");
static_assert(FANFARE_ERROR_ENDED == -5025, "");
static_assert(FANFARE_KEY_MAX == 128, "");
static_assert(FANFARE_RETRY_AT_ONCE == (-1), "");
static_assert(FANFARE_TO_ALL == 1u, "");
static_assert(FANFARE_END == 2u, "");
static_assert(offsetof(struct fanfare_event, size) == 0, "");
static_assert(offsetof(struct fanfare_event, channel) == 8, "");
static_assert(offsetof(struct fanfare_event, channel_len) == 16, "");
static_assert(offsetof(struct fanfare_event, type) == 24, "");
static_assert(offsetof(struct fanfare_event, type_len) == 32, "");
static_assert(offsetof(struct fanfare_event, id) == 40, "");
static_assert(offsetof(struct fanfare_event, id_len) == 48, "");
static_assert(offsetof(struct fanfare_event, data) == 56, "");
static_assert(offsetof(struct fanfare_event, data_len) == 64, "");
static_assert(offsetof(struct fanfare_event, retry_ms) == 72, "");
static_assert(offsetof(struct fanfare_event, flags) == 80, "");
static_assert(offsetof(struct fanfare_event, key) == 88, "");
static_assert(offsetof(struct fanfare_event, key_len) == 96, "");
static_assert(sizeof(struct fanfare_event) == 104, "");
static_assert(FANFARE_NOTE_JOINED == 1, "");
static_assert(FANFARE_NOTE_LEFT == 2, "");
static_assert(FANFARE_NOTE_REQUEST == 3, "");
static_assert(FANFARE_NOTE_STOPPED == 4, "");
static_assert(FANFARE_LEFT_GONE == 1, "");
static_assert(FANFARE_LEFT_ERROR == 2, "");
static_assert(FANFARE_LEFT_SLOW == 3, "");
static_assert(FANFARE_LEFT_STUCK == 4, "");
static_assert(FANFARE_LEFT_LIMIT == 5, "");
static_assert(FANFARE_LEFT_IDLE == 6, "");
static_assert(FANFARE_LEFT_AGE == 7, "");
static_assert(FANFARE_LEFT_MEMORY == 8, "");
static_assert(FANFARE_LEFT_ENDED == 9, "");
static_assert(FANFARE_LEFT_CHANNEL == 10, "");
static_assert(FANFARE_LEFT_DRAIN == 11, "");
static_assert(FANFARE_LEFT_CUT == 12, "");
static_assert(FANFARE_LEFT_REFUSED == 13, "");
static_assert(FANFARE_LEFT_TOKEN == 14, "");
static_assert(FANFARE_LEFT_OVER == 15, "");

static_assert(sizeof(struct fanfare_note) == 56, "");
static_assert(offsetof(struct fanfare_note, size) == 0, "");
static_assert(offsetof(struct fanfare_note, kind) == 8, "");
static_assert(offsetof(struct fanfare_note, reason) == 12, "");
static_assert(offsetof(struct fanfare_note, subscriber) == 16, "");
static_assert(offsetof(struct fanfare_note, tag) == 24, "");
static_assert(offsetof(struct fanfare_note, sequence) == 32, "");
static_assert(offsetof(struct fanfare_note, duration_ms) == 40, "");
static_assert(offsetof(struct fanfare_note, request) == 48, "");
static_assert(FANFARE_HEAD_SENT == 1u, "");
static_assert(FANFARE_PLAIN == 2u, "");

static_assert(sizeof(struct fanfare_subscription) == 120, "");
static_assert(offsetof(struct fanfare_subscription, size) == 0, "");
static_assert(offsetof(struct fanfare_subscription, channel) == 8, "");
static_assert(offsetof(struct fanfare_subscription, channel_len) == 16, "");
static_assert(offsetof(struct fanfare_subscription, channels) == 24, "");
static_assert(offsetof(struct fanfare_subscription, channel_count) == 32, "");
static_assert(offsetof(struct fanfare_subscription, resume) == 40, "");
static_assert(offsetof(struct fanfare_subscription, resume_len) == 48, "");
static_assert(offsetof(struct fanfare_subscription, head) == 56, "");
static_assert(offsetof(struct fanfare_subscription, head_len) == 64, "");
static_assert(offsetof(struct fanfare_subscription, first) == 72, "");
static_assert(offsetof(struct fanfare_subscription, first_count) == 80, "");
static_assert(offsetof(struct fanfare_subscription, since) == 88, "");
static_assert(offsetof(struct fanfare_subscription, tag) == 96, "");
static_assert(offsetof(struct fanfare_subscription, last) == 104, "");
static_assert(offsetof(struct fanfare_subscription, limit) == 108, "");
static_assert(offsetof(struct fanfare_subscription, lifetime_ms) == 112, "");
static_assert(offsetof(struct fanfare_subscription, flags) == 116, "");
static_assert(offsetof(struct fanfare_channel, size) == 0, "");
static_assert(offsetof(struct fanfare_channel, name) == 8, "");
static_assert(offsetof(struct fanfare_channel, name_len) == 16, "");
static_assert(offsetof(struct fanfare_channel, subscribers) == 24, "");
static_assert(offsetof(struct fanfare_channel, events) == 32, "");
static_assert(offsetof(struct fanfare_channel, bytes) == 40, "");
static_assert(offsetof(struct fanfare_channel, last) == 48, "");
static_assert(sizeof(struct fanfare_channel) == 56, "");
static_assert(FANFARE_AT_ONCE == 1u, "");
static_assert(FANFARE_FORGET == 2u, "");
