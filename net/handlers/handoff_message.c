/* SPDX-License-Identifier: MIT */
/* Reads one hand-over in either notation: see handoff_message.h. */
#include "net/handlers/handoff_message.h"

#include "net/handover_names.h"

static void refuse(struct handoff_message *message, const char *fault)
{
    if (!message->handover.fault)
        message->handover.fault = fault;
}

static void refuse_for_memory(struct handoff_message *message, const char *fault)
{
    message->handover.no_memory |= !message->handover.fault;
    refuse(message, fault);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static bool is_number(struct text name)
{
#define IS(row, it, again, number) ((number) && text_equals(name, TEXT(it))) ||
    return HANDOVER_NAMES(IS) false;
#undef IS
}

#define LISTED(row, name, again, number) " " name
static const char no_such_name[] =
    "the object has a member that is none of:" HANDOVER_NAMES(LISTED);
#undef LISTED

/* One string, or one number where there may be one. */
static void take_value(struct handoff_message *message, struct text name, const json_t *value)
{
    char digits[24];
    struct text text = {json_string_value(value), json_string_length(value)};
    if (json_is_integer(value) && is_number(name)) {
        int len = snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        text = (struct text){digits, (size_t)len}; /* which is read before this returns */
    }
    if (!text.at)
        refuse(message, "a member of the object is neither a string nor an array of strings");
    else if (!handover_take(&message->handover, name, text))
        refuse(message, no_such_name);
}

static void read_json(struct handoff_message *message, struct text text)
{
    const char *key;
    json_t *member;
    int r = json_text_load(text, &message->json, message->error);
    if (r) {
        message->json = NULL;
        if (r < 0)
            refuse_for_memory(message, "the server is out of memory");
        else
            refuse(message, message->error);
        return;
    }
    if (!json_is_object(message->json)) {
        refuse(message, "the message is no JSON object");
        return;
    }
    json_object_foreach(message->json, key, member)
    {
        struct text name = text_of(key);
        size_t index;
        json_t *item;
        if (json_is_array(member)) {
            json_array_foreach(member, index, item)
            {
                take_value(message, name, item);
            }
        } else if (!json_is_null(member)) {
            take_value(message, name, member);
        }
    }
}

/* --- lines --------------------------------------------------------------------------------- */

/* What is behind the block, whose blank line may be left out. */
static bool is_blank(struct text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '\n' && text.at[i] != '\r')
            return false;
    return true;
}

static void read_lines(struct handoff_message *message, struct text text)
{
    struct event_text *grammar = &message->grammar;
    size_t consumed, ends;
    enum event_text_result result = event_text_read(grammar, text.at, text.len, &consumed);
    struct text rest = {text.at + consumed, text.len - consumed};
    if (result == EVENT_TEXT_MORE)
        result = event_text_read(grammar, "\n\n", 2, &ends);
    if (!grammar->adopts)
        refuse(message, "the message is no hand-over: it has no adopt");
    else if (result == EVENT_TEXT_REFUSED && grammar->fault == EVENT_TEXT_MEMORY)
        refuse_for_memory(message, grammar->error);
    else if (result == EVENT_TEXT_REFUSED)
        refuse(message, grammar->error);
    else if (!is_blank(rest))
        refuse(message, "the message goes on behind its hand-over");
    if (grammar->adopts)
        handover_read(&message->handover, grammar->adoption);
}

void handoff_message_read(struct handoff_message *message, struct text text)
{
    handover_init(&message->handover);
    event_text_init(&message->grammar, 0, true);
    message->json = NULL;
    if (text.len > 0 && text.at[0] == '{')
        read_json(message, text);
    else
        read_lines(message, text);
}

void handoff_message_deinit(struct handoff_message *message)
{
    handover_deinit(&message->handover);
    event_text_deinit(&message->grammar);
    json_decref(message->json);
}
