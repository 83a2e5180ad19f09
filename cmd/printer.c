/* SPDX-License-Identifier: MIT */
/*
 * Printing events. The first line of data stands behind the type; if there are more, all of them
 * stand below, indented, so that columns of text stay columns.
 */
#include "cmd/printer.h"

#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/log.h"
#include "lib/terminal.h"

static void time_format(char *out, size_t out_size, const char *format)
{
    struct timespec now;
    struct tm local;
    char head[64];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(head, sizeof(head), format, &local);
    snprintf(out, out_size, "%s.%03d", head, (int)(now.tv_nsec / 1000000));
}

static void readable_print(const struct read_event *event)
{
    char now[80];
    time_format(now, sizeof(now), "%H:%M:%S");
    printf("%s  ", now);
    terminal_write(stdout, event->id, false);
    printf("  ");
    terminal_write(stdout, event->type, false);
    bool lines = event->data.len > 0 && memchr(event->data.at, '\n', event->data.len);
    const char *at = event->data.at, *end = at + event->data.len;
    for (;;) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        stop = stop ? stop : end;
        printf(lines ? "\n    " : "  ");
        terminal_write(stdout, (struct text){at, (size_t)(stop - at)}, false);
        if (stop == end)
            break;
        at = stop + 1;
    }
    printf("\n");
}

/* JSON may say any character as \uNNNN, so whoever parses it sees the same, and a terminal nothing
 * that steers it. */
static void json_line_print(struct text line)
{
    size_t from = 0, at = 0;
    while (at < line.len) {
        int32_t code;
        bool escapes;
        size_t len =
            terminal_character((struct text){line.at + at, line.len - at}, &code, &escapes);
        if (escapes && code >= 0x7f) {
            fwrite(line.at + from, 1, at - from, stdout);
            printf("\\u%04x", (unsigned)code);
            from = at + len;
        }
        at += len;
    }
    fwrite(line.at + from, 1, line.len - from, stdout);
    printf("\n");
}

static void json_print(const struct read_event *event)
{
    char now[80];
    time_format(now, sizeof(now), "%Y-%m-%dT%H:%M:%S");
    json_t *object = json_pack("{s:s, s:s%, s:s%, s:s%}", "time", now, "id", event->id.at,
                               event->id.len, "event", event->type.at, event->type.len, "data",
                               event->data.at, event->data.len);
    if (!object) {
        log_complain("sub", "an event is not valid UTF-8 and cannot be printed as JSON");
        return;
    }
    char *line = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!line) {
        log_complain("sub", "out of memory: an event is not printed");
        return;
    }
    json_line_print(text_of(line));
    free(line);
}

void print_event(const struct read_event *event, enum print_form form)
{
    if (form == PRINT_JSON) {
        json_print(event);
    } else if (form == PRINT_RAW) {
        if (isatty(STDOUT_FILENO))
            terminal_write(stdout, event->data, true);
        else
            fwrite(event->data.at, 1, event->data.len, stdout);
        printf("\n");
    } else {
        readable_print(event);
    }
}
