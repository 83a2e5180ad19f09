/* SPDX-License-Identifier: MIT */
/* The administration's JSON, held against what jansson reads in it. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#include "engine/subscriber_id.h"
#include "net/access/address.h"
#include "net/handlers/admin_json.h"

static struct ids ids;

static void set_up(void)
{
    ids_init(&ids, 0xabcdef, NULL);
}

TestSuite(admin_json, .init = set_up);

/* What a name may have, and what it may not. */
static const char *const names[] = {
    "news",       "\"",           "\\",    "a \"quoted\" \\ name",
    "line\nfeed", "\x01\x1f\x7f", "größe", "\xe2\x82\xac \xf0\x9f\x8e\xba",
    "</script>",
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static struct control *control_of(enum control_kind kind, uint32_t limit)
{
    struct control *control =
        control_new(&(struct control_request){.kind = kind, .limit = limit}, 1);
    cr_assert_not_null(control);
    return control;
}

static json_t *read_back(char *text, struct control *control)
{
    json_error_t error;
    cr_assert_not_null(text);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s, in: %s", error.text, text);
    free(text);
    control_free(control);
    return json;
}

static void expect_text(const json_t *object, const char *member, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, member));
    cr_assert_not_null(text, "no %s", member);
    cr_expect_str_eq(text, expected);
}

static void expect_number(const json_t *object, const char *member, uint64_t expected)
{
    const json_t *number = json_object_get(object, member);
    cr_expect(json_is_integer(number), "no %s", member);
    cr_expect_eq((uint64_t)json_integer_value(number), expected);
}

/* --- channels ------------------------------------------------------------------------------ */

static void add_channel(struct control *control, const char *name, uint64_t number)
{
    struct control_channel *channel = control_add_channel(&control->parts[0], text_of(name));
    cr_assert_not_null(channel);
    channel->subscribers = number;
    channel->events = INT64_MAX;
    channel->bytes = 1000 * number;
    channel->last = number;
    channel->ended = number % 2;
}

Test(admin_json, one_channel_is_written_so)
{
    struct control *control = control_of(CONTROL_CHANNEL, 1);
    add_channel(control, "a\"b\n", 10);
    char *text = admin_json_channel(&ids, control);
    cr_assert_not_null(text);
    cr_expect_str_eq(text, "{\"name\": \"a\\\"b\\u000a\", \"subscribers\": 10, "
                           "\"events\": 9223372036854775807, \"bytes\": 10000, "
                           "\"last_id\": \"000000abcdef-000000000000000a\", \"ended\": false}");
    free(text);
    control_free(control);
}

Test(admin_json, every_name_is_read_as_it_was)
{
    for (unsigned i = 0; i < NAME_COUNT; i++) {
        struct control *control = control_of(CONTROL_CHANNEL, 1);
        add_channel(control, names[i], i);
        json_t *json = read_back(admin_json_channel(&ids, control), control);
        expect_text(json, "name", names[i]);
        expect_number(json, "subscribers", i);
        expect_number(json, "events", INT64_MAX);
        cr_expect_eq(json_is_null(json_object_get(json, "last_id")), i == 0);
        cr_expect_eq(json_is_true(json_object_get(json, "ended")), i % 2);
        json_decref(json);
    }
}

Test(admin_json, a_page_of_channels_is_a_list_with_what_is_next)
{
    struct control *control = control_of(CONTROL_CHANNELS, CONTROL_LIMIT_MAX);
    char name[CHANNEL_BYTES_MAX + 1];
    for (unsigned i = 0; i < CONTROL_LIMIT_MAX; i++) {
        snprintf(name, sizeof(name), "%04u%0*d\"", i, (int)(i % 250), 0);
        add_channel(control, name, i);
    }
    control->parts[0].more = true;
    json_t *json = read_back(admin_json_channels(&ids, control), control);
    const json_t *list = json_object_get(json, "channels");
    cr_assert_eq(json_array_size(list), CONTROL_LIMIT_MAX);
    for (unsigned i = 0; i < CONTROL_LIMIT_MAX; i++) {
        snprintf(name, sizeof(name), "%04u%0*d\"", i, (int)(i % 250), 0);
        expect_text(json_array_get(list, i), "name", name);
        expect_number(json_array_get(list, i), "bytes", 1000 * i);
    }
    expect_text(json, "next", name);
    json_decref(json);
}

Test(admin_json, an_empty_page_is_an_empty_list)
{
    struct control *control = control_of(CONTROL_CHANNELS, 10);
    char *text = admin_json_channels(&ids, control);
    cr_expect_str_eq(text, "{\"channels\": []}");
    free(text);
    text = admin_json_subscribers(control);
    cr_expect_str_eq(text, "{\"subscribers\": []}");
    free(text);
    control_free(control);
}

/* --- subscribers --------------------------------------------------------------------------- */

static void add_subscriber(struct control *control, uint64_t id, const char *address)
{
    struct address peer = {.family = ADDRESS_UNIX};
    struct text texts[CONTROL_NAMES_MAX];
    for (unsigned i = 0; i < CONTROL_NAMES_MAX; i++)
        texts[i] = text_of(names[i]);
    struct control_subscriber *subscriber =
        control_add_subscriber(&control->parts[0], texts, CONTROL_NAMES_MAX);
    cr_assert_not_null(subscriber);
    cr_assert(strcmp(address, "unix") == 0 || address_read(text_of(address), &peer));
    subscriber->id = id;
    subscriber->channel_count = UINT32_MAX;
    subscriber->behind = id;
    subscriber->is_slow = id % 2;
    subscriber->joined_ms = 12345;
    subscriber->peer_len = sizeof(peer);
    memcpy(subscriber->peer, &peer, sizeof(peer));
}

Test(admin_json, subscribers_are_read_as_they_were)
{
    static const char *const addresses[] = {"192.0.2.1", "255.255.255.255", "0.0.0.0",
                                            "2001:db8::1", "unix"};
    const unsigned count = sizeof(addresses) / sizeof(addresses[0]);
    struct control *control = control_of(CONTROL_SUBSCRIBERS, 10);
    for (unsigned i = 0; i < count; i++)
        add_subscriber(control, i + 1, addresses[i]);
    json_t *json = read_back(admin_json_subscribers(control), control);
    const json_t *list = json_object_get(json, "subscribers");
    cr_assert_eq(json_array_size(list), count);
    cr_expect_null(json_object_get(json, "next"));
    for (unsigned i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        const json_t *channels = json_object_get(one, "channels");
        char id[SUBSCRIBER_ID_LEN + 1];
        snprintf(id, sizeof(id), "%0*u", SUBSCRIBER_ID_LEN, i + 1);
        expect_text(one, "id", id);
        expect_text(one, "address", addresses[i]);
        expect_number(one, "channel_count", UINT32_MAX);
        expect_number(one, "behind", i + 1);
        expect_number(one, "age_s", 12);
        cr_expect_eq(json_is_true(json_object_get(one, "slow")), (i + 1) % 2);
        cr_assert_eq(json_array_size(channels), CONTROL_NAMES_MAX);
        for (unsigned k = 0; k < CONTROL_NAMES_MAX; k++)
            cr_expect_str_eq(json_string_value(json_array_get(channels, k)), names[k]);
    }
    json_decref(json);
}

/* --- explanations -------------------------------------------------------------------------- */

Test(admin_json, an_explanation_quotes_the_channel_within_its_text)
{
    struct explanation explanation = {.reason = EXPLAIN_NOT_SUBSCRIBED,
                                      .delivered = DELIVERED_NO,
                                      .event = EVENT_RETAINED,
                                      .sequence = 7,
                                      .channel_len = 3,
                                      .channel = "a\"b"};
    struct control *none = NULL;
    json_t *json = read_back(admin_json_explanation(&ids, &explanation), none);
    expect_text(json, "reason", "not-subscribed");
    cr_expect(json_is_false(json_object_get(json, "delivered")));
    const char *text = json_string_value(json_object_get(json, "text"));
    cr_expect(text && strstr(text, "a\"b"), "%s", text);
    json_decref(json);
}
