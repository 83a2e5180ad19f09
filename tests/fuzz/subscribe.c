/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: bodies that ask for a stream. What a form or a JSON object says is sound, or it is
 * refused with a status and a sentence; and written anew as a form, it says the same.
 *
 * Input: the content type on a line, then the body.
 */
#include "net/handlers/parts.h"
#include "net/handlers/subscribe_body.h"
#include "tests/fuzz/rules.h"
#include "tests/fuzz/target.h"

static void match(struct route *route)
{
    route_match(&parts_routes, &route_rules_usual, METHOD_POST, TEXT("/events"), route);
    CHECK(route->kind == ROUTE_FOUND);
}

static void add_encoded(struct record *form, const char *name, struct text value)
{
    record_add(form, name, strlen(name));
    for (size_t i = 0; i < value.len; i++) {
        char hex[4];
        snprintf(hex, sizeof(hex), "%%%02X", (unsigned)(unsigned char)value.at[i]);
        record_add(form, hex, 3);
    }
}

static void add_number(struct record *form, const char *name, uint64_t number)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%s%llu", name, (unsigned long long)number);
    record_add(form, text, (size_t)len);
}

/* All that was understood, as a form. */
static void write_anew(const struct subscribe_body *body, const struct route *route,
                       struct record *form)
{
    for (unsigned i = 0; i < body->channel_count; i++)
        add_encoded(form, "&channel=", body->channels[i]);
    add_encoded(form, "&Last-Event-ID=", route->resume);
    add_number(form, "&last=", route->last);
    if (route->limit)
        add_number(form, "&limit=", route->limit);
    if (route->polls)
        add_number(form, "&wait=", route->wait_ms / 1000);
    if (route->preface != CHOICE_NONE)
        add_encoded(form, "&preface=", route->preface == CHOICE_YES ? TEXT("yes") : TEXT("no"));
}

static void check_sound(const struct subscribe_body *body, const struct route *route)
{
    CHECK(route->kind == ROUTE_FOUND && route->channel_count == 0);
    CHECK(body->channel_count <= SUBSCRIBER_CHANNELS_MAX);
    for (unsigned i = 0; i < body->channel_count; i++) {
        CHECK(rules_is_channel(body->channels[i]));
        for (unsigned k = 0; k < i; k++)
            CHECK(!text_equals(body->channels[i], body->channels[k]));
    }
    CHECK(route->has_resume == (route->resume.len > 0));
    CHECK(route->wait_ms <= WAIT_SECONDS_MAX * 1000 && (route->polls || route->wait_ms == 0));
}

static int read_body(struct subscribe_body *body, struct text type, struct text bytes,
                     struct route *route)
{
    char error[JSON_ERROR_BYTES] = "";
    struct subscribe_text text = {.content_type = type, .bytes = bytes};
    match(route);
    int r = subscribe_body_read(body, &text, route, error);
    CHECK(r == 0 || ((r == 400 || r == 413 || r == 415) && strchr(error, ' ')));
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct route route, again_route;
    struct subscribe_body body, again;
    struct record form = {0}, other = {0};
    struct text rest = text_of_input(bytes, len);
    struct text type = take_line(&rest);
    if (read_body(&body, type, rest, &route) == 0) {
        check_sound(&body, &route);
        write_anew(&body, &route, &form);
        CHECK(read_body(&again, TEXT("application/x-www-form-urlencoded"), text_of_record(&form),
                        &again_route) == 0);
        check_sound(&again, &again_route);
        write_anew(&again, &again_route, &other);
        CHECK(text_equals(text_of_record(&form), text_of_record(&other)));
        subscribe_body_deinit(&again);
    }
    subscribe_body_deinit(&body);
    free(form.at);
    free(other.at);
    return 0;
}
