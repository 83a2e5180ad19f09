/* SPDX-License-Identifier: MIT */
/*
 * Printing events. The first line of data stands behind the type; if there are more, all of them
 * stand below, indented, so that columns of text stay columns.
 */
#include "cmd/printer.h"

#include <time.h>

#include <jansson.h>

#include "cmd/log.h"

static void clean_print(struct text text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c >= ' ' && c != 0x7f) || c == '\t')
            continue;
        fwrite(text.at + from, 1, i - from, stdout);
        printf("\\x%02x", c);
        from = i + 1;
    }
    fwrite(text.at + from, 1, text.len - from, stdout);
}

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
    clean_print(event->id);
    printf("  ");
    clean_print(event->type);
    bool lines = event->data.len > 0 && memchr(event->data.at, '\n', event->data.len);
    const char *at = event->data.at, *end = at + event->data.len;
    for (;;) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        stop = stop ? stop : end;
        printf(lines ? "\n    " : "  ");
        clean_print((struct text){at, (size_t)(stop - at)});
        if (stop == end)
            break;
        at = stop + 1;
    }
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
    json_dumpf(object, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(object);
}

void print_event(const struct read_event *event, enum print_form form)
{
    if (form == PRINT_JSON) {
        json_print(event);
    } else if (form == PRINT_RAW) {
        fwrite(event->data.at, 1, event->data.len, stdout);
        printf("\n");
    } else {
        readable_print(event);
    }
}
