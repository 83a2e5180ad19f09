/* SPDX-License-Identifier: MIT */
/* Tables for people: see ctl_print.h. */
#include "cmd/ctl_print.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/terminal.h"

enum { CELL_BYTES = 64 };

static void put_text(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text)
        terminal_write(stdout, (struct text){text, json_string_length(value)}, false);
    else
        putchar('-');
}

/* A number as it is, or `-`. */
static const char *number_say(const json_t *value, char out[CELL_BYTES])
{
    if (json_is_integer(value))
        snprintf(out, CELL_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(out, CELL_BYTES, "-");
    return out;
}

/* Bytes to three digits, as options write them: 512, 1.5K, 20M. */
static const char *size_say(const json_t *value, char out[CELL_BYTES])
{
    static const char units[] = "KMGT";
    double size = (double)json_integer_value(value) / 1024;
    unsigned unit = 0;
    if (!json_is_integer(value) || json_integer_value(value) < 1024)
        return number_say(value, out);
    for (; size >= 1024 && unit < sizeof(units) - 2; unit++)
        size /= 1024;
    snprintf(out, CELL_BYTES, size < 10 ? "%.1f%c" : "%.0f%c", size, units[unit]);
    return out;
}

static const char *id_say(const json_t *value, char out[CELL_BYTES])
{
    const char *id = json_string_value(value);
    terminal_copy(out, CELL_BYTES, id ? text_of(id) : TEXT("-"));
    return out;
}

void ctl_print_channels_head(void)
{
    printf("%11s %9s %6s  %-29s  %-6s %s\n", "SUBSCRIBERS", "EVENTS", "SIZE", "LAST ID", "STATE",
           "CHANNEL");
}

void ctl_print_channels(const json_t *list)
{
    size_t index;
    json_t *each;
    json_array_foreach(list, index, each)
    {
        char subscribers[CELL_BYTES], events[CELL_BYTES], size[CELL_BYTES], id[CELL_BYTES];
        printf("%11s %9s %6s  %-29s  %-6s ",
               number_say(json_object_get(each, "subscribers"), subscribers),
               number_say(json_object_get(each, "events"), events),
               size_say(json_object_get(each, "bytes"), size),
               id_say(json_object_get(each, "last_id"), id),
               json_is_true(json_object_get(each, "ended")) ? "ended" : "open");
        put_text(json_object_get(each, "name"));
        putchar('\n');
    }
}

void ctl_print_subscribers_head(void)
{
    printf("%-16s  %-15s %8s %9s  %-5s %s\n", "SUBSCRIBER", "ADDRESS", "SECONDS", "BEHIND", "STATE",
           "CHANNELS");
}

/* The names that were told, and how many more there are. */
static void put_names(const json_t *subscriber)
{
    size_t index;
    json_t *each, *names = json_object_get(subscriber, "channels");
    json_int_t count = json_integer_value(json_object_get(subscriber, "channel_count"));
    json_array_foreach(names, index, each)
    {
        if (index > 0)
            putchar(' ');
        put_text(each);
    }
    if (count > (json_int_t)json_array_size(names))
        printf(" and %" JSON_INTEGER_FORMAT " more", count - (json_int_t)json_array_size(names));
}

void ctl_print_subscribers(const json_t *list)
{
    size_t index;
    json_t *each;
    json_array_foreach(list, index, each)
    {
        char id[CELL_BYTES], address[CELL_BYTES], age[CELL_BYTES], behind[CELL_BYTES];
        printf("%-16s  %-15s %8s %9s  %-5s ", id_say(json_object_get(each, "id"), id),
               id_say(json_object_get(each, "address"), address),
               number_say(json_object_get(each, "age_s"), age),
               number_say(json_object_get(each, "behind"), behind),
               json_is_true(json_object_get(each, "slow")) ? "slow" : "ok");
        put_names(each);
        putchar('\n');
    }
}

void ctl_print_explanation(const json_t *object)
{
    const json_t *delivered = json_object_get(object, "delivered");
    printf("%s: ", json_is_true(delivered)    ? "delivered"
                   : json_is_false(delivered) ? "not delivered"
                                              : "not known");
    put_text(json_object_get(object, "reason"));
    putchar('\n');
    put_text(json_object_get(object, "text"));
    putchar('\n');
}

/* --- objects -------------------------------------------------------------------------------- */

/* The longest name, for the column behind it. */
static int widest(const json_t *object, int begun)
{
    int most = 0;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        int len = begun + (int)strlen(name);
        if (json_is_object(value))
            len = widest(value, len + 1);
        most = len > most ? len : most;
    }
    return most;
}

static void print_members(const json_t *object, const char *begun, int width)
{
    char whole[256];
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        snprintf(whole, sizeof(whole), "%s%s%s", begun, *begun ? "." : "", name);
        if (json_is_object(value)) {
            print_members(value, whole, width);
            continue;
        }
        char cell[CELL_BYTES];
        size_t used = terminal_copy(cell, sizeof(cell), text_of(whole));
        printf("%s%*s  ", cell, (int)used < width ? width - (int)used : 0, "");
        if (json_is_string(value))
            put_text(value);
        else if (json_is_boolean(value))
            fputs(json_is_true(value) ? "yes" : "no", stdout);
        else if (json_is_real(value))
            printf("%g", json_real_value(value));
        else
            fputs(number_say(value, cell), stdout);
        putchar('\n');
    }
}

void ctl_print_object(const json_t *object)
{
    print_members(object, "", widest(object, 0));
}
