/* SPDX-License-Identifier: MIT */
/*
 * Reads an application's answer: see hook_answer.h.
 *
 * Two passes: the lines are gathered as texts of the head, then copied behind the struct into one
 * piece of memory that is as large as they are. All that is bounded is bounded in the first.
 */
#include "net/hook/hook_answer.h"

#include <errno.h>

#include "engine/base/builder.h"
#include "engine/frame.h"
#include "engine/limits.h"
#include "net/http/bytes.h"
#include "net/http/head_line.h"

/* The longest answer that fits into its bound has fewer lines than this. */
#define LINES_MAX (HOOK_LINES_BYTES_MAX / 4)
/* And the longest head fewer channels. */
#define CHANNELS_MOST (FETCH_HEAD_BYTES_MAX / (sizeof("x-fanfare-channel:x") - 1))

struct gathered {
    int status;
    unsigned channels_max;
    unsigned channel_count, line_count;
    struct text channels[CHANNELS_MOST];
    struct text names[LINES_MAX], values[LINES_MAX];
    size_t lines_len;
};

static bool is_refusal(int status)
{
    return status == 401 || status == 403 || status == 404 || status == 429;
}

static int gather_line(struct gathered *gathered, struct text name, struct text value)
{
    size_t len = name.len + value.len + sizeof(": \r\n") - 1;
    if (gathered->line_count == LINES_MAX || gathered->lines_len + len > HOOK_LINES_BYTES_MAX)
        return HOOK_LINES;
    gathered->names[gathered->line_count] = name;
    gathered->values[gathered->line_count++] = value;
    gathered->lines_len += len;
    return 0;
}

static int gather_channel(struct gathered *gathered, struct text channel)
{
    if (frame_check_channel(channel) != FRAME_OK)
        return HOOK_CHANNEL;
    for (unsigned i = 0; i < gathered->channel_count; i++)
        if (text_equals(gathered->channels[i], channel))
            return 0;
    if (gathered->channel_count >= gathered->channels_max ||
        gathered->channel_count == CHANNELS_MOST)
        return HOOK_CHANNELS;
    gathered->channels[gathered->channel_count++] = channel;
    return 0;
}

/* What a line means for us; most mean nothing. */
static int gather(struct gathered *gathered, struct text name, struct text value)
{
    struct text own_name, own_value;
    bool allows = gathered->status < 300;
    if (allows && http_equals_nocase(name, "x-fanfare-channel"))
        return gather_channel(gathered, value);
    if (allows && http_equals_nocase(name, "x-fanfare-header"))
        return head_line_check(value, &own_name, &own_value)
                   ? HOOK_LINE
                   : gather_line(gathered, own_name, own_value);
    if ((gathered->status == 401 && http_equals_nocase(name, "www-authenticate")) ||
        (gathered->status == 429 && http_equals_nocase(name, "retry-after")))
        return gather_line(gathered, name, value);
    return 0;
}

/* The next line without its end, which may be LF alone. */
static struct text take_line(struct text *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    struct text line = {rest->at, end ? (size_t)(end - rest->at) : rest->len};
    size_t taken = end ? line.len + 1 : line.len;
    *rest = (struct text){rest->at + taken, rest->len - taken};
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static int gather_all(struct gathered *gathered, struct text head)
{
    while (head.len) {
        struct text name, value, line = take_line(&head);
        if (line.len && head_line_read(line, &name, &value))
            return HOOK_FORM;
        int r = line.len ? gather(gathered, name, value) : 0;
        if (r)
            return r;
    }
    return 0;
}

static struct hook_answer *build(const struct gathered *gathered)
{
    size_t channels_len = 0;
    for (unsigned i = 0; i < gathered->channel_count; i++)
        channels_len += gathered->channels[i].len;
    size_t texts = gathered->channel_count * sizeof(struct text);
    size_t room = channels_len + gathered->lines_len;
    struct hook_answer *answer = malloc(sizeof(*answer) + texts + room);
    if (!answer)
        return NULL;
    struct text *channels = (struct text *)(answer + 1);
    struct builder builder = builder_of((char *)(channels + gathered->channel_count), room);
    for (unsigned i = 0; i < gathered->channel_count; i++) {
        channels[i] = (struct text){builder.at, gathered->channels[i].len};
        builder_put(&builder, gathered->channels[i]);
    }
    char *lines = builder.at;
    for (unsigned i = 0; i < gathered->line_count; i++) {
        builder_put(&builder, gathered->names[i]);
        builder_put(&builder, TEXT(": "));
        builder_put(&builder, gathered->values[i]);
        builder_put(&builder, TEXT("\r\n"));
    }
    *answer = (struct hook_answer){.status = gathered->status,
                                   .channel_count = gathered->channel_count,
                                   .channels = channels,
                                   .lines = {lines, gathered->lines_len},
                                   .bytes = sizeof(*answer) + texts + room};
    atomic_init(&answer->references, 1);
    return answer;
}

int hook_answer_read(int status, struct text head, unsigned channels_max,
                     struct hook_answer **ret_answer)
{
    struct gathered gathered;
    gathered.status = status;
    gathered.channels_max = channels_max;
    gathered.channel_count = gathered.line_count = 0;
    gathered.lines_len = 0;
    if ((status < 200 || status > 299) && !is_refusal(status))
        return HOOK_STATUS;
    int r = gather_all(&gathered, head);
    if (r)
        return r;
    *ret_answer = build(&gathered);
    return *ret_answer ? 0 : -ENOMEM;
}

struct hook_answer *hook_answer_ref(struct hook_answer *answer)
{
    atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
    return answer;
}

struct hook_answer *hook_answer_unref(struct hook_answer *answer)
{
    if (answer && atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) == 1)
        free(answer);
    return NULL;
}
