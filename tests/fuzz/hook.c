/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what an application answers when it is asked whether a request may pass. Whatever
 * comes of an answer can stand in ours: channels are names, no two alike, and each head line is one
 * line that says nothing about how the answer is framed. And it is taken whole or not at all.
 *
 * Input: the status on a line, then the field lines of its head.
 */
#include <strings.h>

#include "engine/limits.h"
#include "net/hook/hook_answer.h"
#include "tests/fuzz/rules.h"
#include "tests/fuzz/target.h"

enum { CHANNELS_ASKED = 20 };

static bool name_is(struct text name, const char *word)
{
    return name.len == strlen(word) && strncasecmp(name.at, word, name.len) == 0;
}

/* A byte that no name may have is a separator, a space, a control character, or not ASCII. */
static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] <= ' ' || name.at[i] > '~' || strchr("()<>@,;:\\\"/[]?={}", name.at[i]))
            return false;
    return name.len > 0;
}

static bool is_value(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.at[i] < ' ' && value.at[i] != '\t') || value.at[i] == 0x7f)
            return false;
    return true;
}

/* One line of what is to stand in an answer of ours; gives what comes behind it. */
static struct text check_line(struct text lines, bool allows)
{
    const char *end = memmem(lines.at, lines.len, "\r\n", 2);
    CHECK(end);
    struct text line = {lines.at, (size_t)(end - lines.at)};
    const char *colon = memchr(line.at, ':', line.len);
    CHECK(colon && colon[1] == ' ');
    struct text name = {line.at, (size_t)(colon - line.at)};
    CHECK(is_name(name) && is_value((struct text){colon + 2, (size_t)(end - colon - 2)}));
    CHECK(!name_is(name, "content-length") && !name_is(name, "transfer-encoding") &&
          !name_is(name, "connection") && !name_is(name, "content-type") &&
          !name_is(name, "content-encoding") && !name_is(name, "upgrade"));
    CHECK(allows || name_is(name, "www-authenticate") || name_is(name, "retry-after"));
    return (struct text){end + 2, lines.len - line.len - 2};
}

static void check_answer(const struct hook_answer *answer, int status)
{
    bool allows = status >= 200 && status < 300;
    CHECK(answer->status == status && hook_answer_allows(answer) == allows);
    CHECK(allows || status == 401 || status == 403 || status == 404 || status == 429);
    CHECK(answer->channel_count <= (allows ? CHANNELS_ASKED : 0));
    for (unsigned i = 0; i < answer->channel_count; i++) {
        CHECK(rules_is_channel(answer->channels[i]));
        for (unsigned j = 0; j < i; j++)
            CHECK(!text_equals(answer->channels[i], answer->channels[j]));
    }
    CHECK(answer->lines.len <= HOOK_LINES_BYTES_MAX);
    for (struct text lines = answer->lines; lines.len;)
        lines = check_line(lines, allows);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text head = text_of_input(bytes, len);
    struct text line = take_line(&head), rest;
    int status = (int)(rules_number(line, &rest) % 1000);
    struct hook_answer *answer = NULL;
    int r = hook_answer_read(status, head, CHANNELS_ASKED, &answer);
    CHECK(r >= 0 && (r == 0) == (answer != NULL));
    if (answer)
        check_answer(answer, status);
    /* What was refused once is refused with anything behind it. */
    if (r == HOOK_FORM || r == HOOK_CHANNEL || r == HOOK_LINE) {
        char *longer = malloc(head.len + 8);
        CHECK(longer);
        if (head.len)
            memcpy(longer, head.at, head.len);
        memcpy(longer + head.len, "\r\nA: b\r\n", 8);
        CHECK(hook_answer_read(status, (struct text){longer, head.len + 8}, CHANNELS_ASKED,
                               &answer) > 0);
        free(longer);
    }
    hook_answer_unref(answer);
    return 0;
}
