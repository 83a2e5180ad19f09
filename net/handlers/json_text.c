/* SPDX-License-Identifier: MIT */
/*
 * JSON by jansson, with its cost bounded and its faults in our words: its own message may quote the
 * body, and says of two common mistakes only that a sign is not where it may be.
 */
#include "net/handlers/json_text.h"

#include <errno.h>
#include <stdbool.h>

#include "engine/limits.h"

static const char *fault_text(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows its end";
    case json_error_duplicate_key:
        return "an object has a key twice";
    case json_error_invalid_utf8:
        return "it is not valid UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a text contains NUL";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_stack_overflow:
        return "it is nested too deeply";
    default:
        if (strncmp(error->text, "invalid Unicode", strlen("invalid Unicode")) == 0)
            return "an escape is half of a surrogate pair";
        return "a value or sign is not where it may be";
    }
}

/* True if the text cannot have more values than allowed: behind each but the first of a list or
 * object is a comma, and in front of each first one a bracket. */
static bool has_few_values(struct text bytes)
{
    unsigned values = 1;
    bool quoted = false;
    for (size_t i = 0; i < bytes.len; i++) {
        char byte = bytes.at[i];
        if (byte == '"')
            quoted = !quoted;
        else if (quoted)
            i += byte == '\\';
        else if ((byte == ',' || byte == '[' || byte == '{') && ++values > JSON_VALUES_MAX)
            return false;
    }
    return true;
}

int json_text_load(struct text bytes, json_t **ret_json, char error[JSON_ERROR_BYTES])
{
    static const char mark[] = "\xef\xbb\xbf";
    json_error_t fault;
    if (bytes.len == 0) {
        snprintf(error, JSON_ERROR_BYTES, "the body is empty, not JSON");
        return 400;
    }
    if (bytes.len >= strlen(mark) && memcmp(bytes.at, mark, strlen(mark)) == 0) {
        snprintf(error, JSON_ERROR_BYTES,
                 "the body begins with a byte order mark, which JSON may not have: leave it out");
        return 400;
    }
    if (!has_few_values(bytes)) {
        snprintf(error, JSON_ERROR_BYTES,
                 "the body has more than %d JSON values: send fewer events at once",
                 JSON_VALUES_MAX);
        return 413;
    }
    json_t *json = json_loadb(bytes.at, bytes.len, JSON_REJECT_DUPLICATES, &fault);
    if (json) {
        *ret_json = json;
        return 0;
    }
    if (json_error_code(&fault) == json_error_out_of_memory)
        return -ENOMEM;
    snprintf(error, JSON_ERROR_BYTES, "the body is not valid JSON: %s (line %d, column %d)",
             fault_text(&fault), fault.line, fault.column);
    return 400;
}
