/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a message of the hand-off socket. Whatever it is, there is a fault or a hand-over;
 * what lines say, the same as a JSON object says too; and nothing that is said of the head becomes
 * more lines than were given.
 */
#include "tests/fuzz/target.h"

#include "net/handlers/handoff_message.h"

static size_t count_of(const char *bytes, size_t len, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] == byte;
    return count;
}

static void check(const struct handover *handover)
{
    CHECK(!handover->fault || handover->fault[0]);
    CHECK(handover->head_len <= ADOPT_HEAD_BYTES_MAX && handover->first_len <= FIRST_BYTES_MAX);
    CHECK(handover->channel_count <= SUBSCRIBER_CHANNELS_MAX);
    if (handover->head_len > 0) {
        const char *end = handover->head + handover->head_len;
        size_t lines = count_of(handover->head, handover->head_len, '\n');
        CHECK(memcmp(end - 2, "\r\n", 2) == 0);
        CHECK(count_of(handover->head, handover->head_len, '\r') == lines);
    }
    for (unsigned i = 0; i < handover->channel_count; i++)
        CHECK(handover->channels[i].at);
}

/* NULL: what no JSON text has, or has here: NUL. */
static json_t *string_of(struct text text)
{
    const char *at = text.len ? text.at : "";
    return memchr(at, 0, text.len) ? NULL : json_stringn(at, text.len);
}

static json_t *texts(const struct text *items, unsigned count)
{
    json_t *array = json_array();
    for (unsigned i = 0; i < count; i++)
        if (json_array_append_new(array, string_of(items[i])))
            return json_decref(array), NULL;
    return array;
}

/* The channels and the resume point again, as JSON: they come out the same. */
static void check_as_json(const struct handover *handover)
{
    json_t *channels = texts(handover->channels, handover->channel_count);
    json_t *resume = string_of(handover->resume);
    if (channels && resume) {
        json_t *object = json_pack("{s:O, s:O}", "adopt", channels, "last-event-id", resume);
        char *text = json_dumps(object, JSON_COMPACT);
        struct handoff_message again;
        handoff_message_read(&again, text_of(text));
        CHECK(!again.handover.fault);
        CHECK(again.handover.channel_count == handover->channel_count);
        for (unsigned i = 0; i < handover->channel_count; i++)
            CHECK(text_equals(again.handover.channels[i], handover->channels[i]));
        CHECK(text_equals(again.handover.resume, handover->resume));
        handoff_message_deinit(&again);
        free(text);
        json_decref(object);
    }
    json_decref(channels);
    json_decref(resume);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct handoff_message message;
    handoff_message_read(&message, text_of_input(bytes, len));
    check(&message.handover);
    if (!message.handover.fault && !message.json)
        check_as_json(&message.handover);
    handoff_message_deinit(&message);
    return 0;
}
