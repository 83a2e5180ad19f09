/* SPDX-License-Identifier: MIT */
/*
 * Values of options, from text. A number is read by hand rather than by strtoll, which takes signs,
 * leading space and overflow in silence.
 *
 * A decimal duration is exact: digits after the point are counted, and more than three of them are
 * refused, since milliseconds is all that is kept.
 */
#include "lib/value.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/un.h>

enum { NUMBER_DIGITS_MAX = 15 }; /* so that no sum of digits and no factor of 1,000 overflows */

/* Reads decimal digits at *at; false if there is none, or too many. */
static bool digits_read(const char **at, int64_t *ret_number)
{
    int64_t number = 0;
    const char *from = *at;
    while (isdigit((unsigned char)**at) && *at - from < NUMBER_DIGITS_MAX)
        number = number * 10 + (*(*at)++ - '0');
    if (*at == from || isdigit((unsigned char)**at))
        return false;
    *ret_number = number;
    return true;
}

static bool count_read(const char *text, int64_t *ret_number)
{
    return digits_read(&text, ret_number) && *text == '\0';
}

static bool size_read(const char *text, int64_t *ret_number)
{
    int64_t number;
    if (!digits_read(&text, &number))
        return false;
    int shift = 0;
    if (*text != '\0') {
        switch (tolower((unsigned char)*text++)) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            shift = 20;
            break;
        case 'g':
            shift = 30;
            break;
        default:
            return false;
        }
    }
    if (*text != '\0' || number > INT64_MAX >> shift)
        return false;
    *ret_number = number << shift;
    return true;
}

static bool duration_read(const char *text, int64_t *ret_ms)
{
    int64_t ms = 0;
    if (*text != '.') {
        if (!digits_read(&text, &ms))
            return false;
        ms *= 1000;
    }
    if (*text == '.') {
        int64_t unit = 100;
        if (!isdigit((unsigned char)*++text))
            return false;
        for (; isdigit((unsigned char)*text) && unit > 0; unit /= 10)
            ms += (*text++ - '0') * unit;
    }
    *ret_ms = ms;
    return *text == '\0';
}

static bool mode_read(const char *text, int64_t *ret_mode)
{
    int64_t mode = 0;
    const char *from = text;
    while (*text >= '0' && *text <= '7' && text - from < 6)
        mode = mode * 8 + (*text++ - '0');
    *ret_mode = mode;
    return text > from && *text == '\0';
}

static bool choice_read(const char *choices, const char *text, int64_t *ret_place)
{
    size_t len = strlen(text);
    int64_t place = 0;
    for (const char *at = choices; *at != '\0'; place++) {
        size_t word = strcspn(at, " ");
        if (word == len && memcmp(at, text, len) == 0) {
            *ret_place = place;
            return true;
        }
        at += word + strspn(at + word, " ");
    }
    return false;
}

static bool flag_read(const char *text, int64_t *ret_number)
{
    int64_t place;
    if (!choice_read("no yes false true off on 0 1", text, &place))
        return false;
    *ret_number = place & 1;
    return true;
}

/* As large as the lines of a group with thousands of members. */
enum { ENTRY_BYTES = 4096, ENTRY_BYTES_MAX = 1 << 22 };

/* By the calls that keep nothing of the process's own: its other threads may ask, too. */
static int owner_look(bool is_user, const char *name, char *room, size_t size, int64_t *ret_number)
{
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    int r = is_user ? getpwnam_r(name, &user, room, size, &found_user)
                    : getgrnam_r(name, &group, room, size, &found_group);
    *ret_number = found_user    ? (int64_t)found_user->pw_uid
                  : found_group ? (int64_t)found_group->gr_gid
                                : -1;
    return r;
}

static bool owner_find(bool is_user, const char *name, int64_t *ret_number)
{
    int r = ERANGE;
    for (size_t size = ENTRY_BYTES; r == ERANGE && size <= ENTRY_BYTES_MAX; size *= 4) {
        char *room = malloc(size);
        r = room ? owner_look(is_user, name, room, size, ret_number) : ENOMEM;
        free(room);
    }
    return r == 0 && *ret_number >= 0;
}

/* The database is only read when the text is no number, so that a container without one works. */
static bool owner_read(const struct option *option, const char *text, int64_t *ret_number)
{
    if (strcmp(text, "any") == 0) {
        *ret_number = -1;
        return true;
    }
    if (count_read(text, ret_number))
        return true;
    return owner_find(option->type == VALUE_USER, text, ret_number);
}

static bool socket_fits(const char *path)
{
    size_t len = strlen(path);
    return len > 0 && len < sizeof(((struct sockaddr_un *)0)->sun_path);
}

/* The form of the address only; whether it is this machine's, and what stands behind it, is for the
 * server to find out. */
static bool listen_fits(const char *said)
{
    char text[512];
    size_t len = strcspn(said, " ");
    if (len >= sizeof(text))
        return false;
    memcpy(text, said, len);
    text[len] = '\0';
    int64_t port;
    if (strncmp(text, "unix:", 5) == 0)
        return socket_fits(text + 5);
    if (strncmp(text, "fd:", 3) == 0)
        return count_read(text + 3, &port) && port <= INT32_MAX;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !count_read(colon + 1, &port) || port > 65535)
        return false;
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    return bracketed || (!memchr(text, ':', (size_t)(colon - text)) && text[0] != '[');
}

static bool number_read(const struct option *option, const char *text, int64_t *ret_number)
{
    switch (option->type) {
    case VALUE_FLAG:
        return flag_read(text, ret_number);
    case VALUE_COUNT:
    case VALUE_SECONDS:
        return count_read(text, ret_number);
    case VALUE_SIZE:
        return size_read(text, ret_number);
    case VALUE_DURATION:
        return duration_read(text, ret_number);
    case VALUE_CHOICE:
        return choice_read(option->choices, text, ret_number);
    case VALUE_MODE:
        return mode_read(text, ret_number);
    case VALUE_USER:
    case VALUE_GROUP:
        return owner_read(option, text, ret_number);
    case VALUE_SOCKET:
        *ret_number = 0;
        return socket_fits(text);
    case VALUE_LISTEN:
        *ret_number = 0;
        return listen_fits(text);
    case VALUE_TEXT:
    case VALUE_PATH:
        break;
    }
    *ret_number = 0;
    return *text != '\0';
}

static bool has_range(const struct option *option)
{
    switch (option->type) {
    case VALUE_COUNT:
    case VALUE_SIZE:
    case VALUE_SECONDS:
    case VALUE_DURATION:
    case VALUE_MODE:
        return true;
    default:
        return false;
    }
}

static const char *type_name(enum value_type type)
{
    switch (type) {
    case VALUE_COUNT:
        return "a whole number";
    case VALUE_SIZE:
        return "a size";
    case VALUE_SECONDS:
        return "a whole number of seconds";
    case VALUE_DURATION:
        return "a number of seconds";
    case VALUE_MODE:
        return "an octal file mode";
    case VALUE_USER:
        return "a user of this machine";
    case VALUE_GROUP:
        return "a group of this machine";
    case VALUE_LISTEN:
        return "an address";
    case VALUE_SOCKET:
        return "a path for a socket";
    default:
        return "a value";
    }
}

bool value_parse(const struct option *option, const char *text, struct value *ret_value,
                 char *error, size_t error_size)
{
    int64_t number;
    char allowed[256];
    value_allowed(option, allowed, sizeof(allowed));
    if (!number_read(option, text, &number)) {
        if (*text == '\0')
            snprintf(error, error_size, "needs a value%s%s", *allowed ? "; allowed: " : ": ",
                     *allowed ? allowed : option->shown);
        else
            snprintf(error, error_size, "\"%.200s\" is not %s%s%s", text,
                     option->type == VALUE_CHOICE ? "a choice" : type_name(option->type),
                     *allowed ? "; allowed: " : "", allowed);
        return false;
    }
    bool is_zero = option->or_zero && number == 0;
    if (has_range(option) && !is_zero && (number < option->min || number > option->max)) {
        snprintf(error, error_size, "%.200s is out of range; allowed: %s", text, allowed);
        return false;
    }
    *ret_value = (struct value){number, text};
    return true;
}

static void number_say(const struct option *option, int64_t number, char *out, size_t out_size)
{
    if (option->type == VALUE_SIZE) {
        static const char *const units[] = {"", "K", "M", "G"};
        unsigned unit = 0;
        for (; unit < 3 && number > 0 && number % 1024 == 0; unit++)
            number /= 1024;
        snprintf(out, out_size, "%" PRId64 "%s", number, units[unit]);
    } else if (option->type == VALUE_DURATION && number % 1000 != 0) {
        int len = snprintf(out, out_size, "%" PRId64 ".%03d", number / 1000, (int)(number % 1000));
        while (len > 0 && out[len - 1] == '0')
            out[--len] = '\0';
    } else if (option->type == VALUE_DURATION) {
        snprintf(out, out_size, "%" PRId64, number / 1000);
    } else if (option->type == VALUE_MODE) {
        snprintf(out, out_size, "%04o", (unsigned)number);
    } else {
        snprintf(out, out_size, "%" PRId64, number);
    }
}

/* "auto uring epoll" is said as "auto, uring or epoll". */
static void choices_say(const char *choices, char *out, size_t out_size)
{
    size_t len = 0;
    out[0] = '\0';
    for (const char *at = choices; *at != '\0' && len < out_size;) {
        size_t word = strcspn(at, " ");
        const char *next = at + word + strspn(at + word, " ");
        bool last = *next == '\0', first = at == choices;
        len += (size_t)snprintf(out + len, out_size - len, "%s%.*s",
                                first ? "" : (last ? " or " : ", "), (int)word, at);
        at = next;
    }
}

/* What the numbers count, where the name of the type does not say it. */
static const char *unit_said(const struct option *option)
{
    if (option->type == VALUE_SIZE)
        return " (bytes; K, M and G may follow)";
    if (option->type == VALUE_SECONDS || option->type == VALUE_DURATION)
        return " seconds";
    return option->type == VALUE_COUNT && strcmp(option->shown, "MS") == 0 ? " milliseconds" : "";
}

void value_allowed(const struct option *option, char *out, size_t out_size)
{
    char min[32], max[32];
    out[0] = '\0';
    if (has_range(option)) {
        number_say(option, option->min, min, sizeof(min));
        number_say(option, option->max, max, sizeof(max));
        snprintf(out, out_size, "%s%s to %s%s", option->or_zero ? "0, or " : "", min, max,
                 unit_said(option));
    } else if (option->type == VALUE_CHOICE) {
        choices_say(option->choices, out, out_size);
    } else if (option->type == VALUE_FLAG) {
        snprintf(out, out_size, "yes or no");
    } else if (option->type == VALUE_USER || option->type == VALUE_GROUP) {
        snprintf(out, out_size, "a name, a number, or any");
    } else if (option->type == VALUE_LISTEN) {
        snprintf(out, out_size, "ADDR:PORT, [V6ADDR]:PORT or unix:PATH");
    } else if (option->type == VALUE_SOCKET) {
        snprintf(out, out_size, "a path of at most %zu bytes, or none",
                 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    }
}

void value_store(const struct option *option, const struct value *value, void *target)
{
    char *member = (char *)target + option->offset;
    if (option->list_max > 0) {
        unsigned *count = (unsigned *)(void *)((char *)target + option->count_offset);
        CHECK(*count < option->list_max);
        ((const char **)(void *)member)[(*count)++] = value->text;
        return;
    }
    switch (option->type) {
    case VALUE_TEXT:
    case VALUE_PATH:
    case VALUE_SOCKET:
    case VALUE_LISTEN:
        CHECK(option->size == sizeof(value->text));
        memcpy(member, &value->text, sizeof(value->text));
        return;
    default:
        break;
    }
    uint64_t number = (uint64_t)value->number;
    switch (option->size) {
    case 1:
        *(uint8_t *)member = (uint8_t)number;
        break;
    case 4:
        memcpy(member, &(uint32_t){(uint32_t)number}, 4);
        break;
    case 8:
        memcpy(member, &number, 8);
        break;
    default:
        CHECK(!"a member of 1, 4 or 8 bytes");
    }
}

static bool is_text(const struct option *option)
{
    return option->type == VALUE_TEXT || option->type == VALUE_PATH ||
           option->type == VALUE_SOCKET || option->type == VALUE_LISTEN;
}

static bool text_same(const char *text, const char *other)
{
    return text && other ? strcmp(text, other) == 0 : text == other;
}

unsigned value_count(const struct option *option, const void *target)
{
    unsigned count = 1;
    if (option->list_max > 0)
        memcpy(&count, (const char *)target + option->count_offset, sizeof(count));
    return count;
}

const char *value_item(const struct option *option, const void *target, unsigned index)
{
    const char *text;
    memcpy(&text, (const char *)target + option->offset + index * sizeof(text), sizeof(text));
    return text;
}

bool value_same(const struct option *option, const void *target, const void *other)
{
    if (!is_text(option))
        return memcmp((const char *)target + option->offset, (const char *)other + option->offset,
                      option->size) == 0;
    unsigned count = value_count(option, target);
    bool same = count == value_count(option, other);
    for (unsigned i = 0; i < count && same; i++)
        same = text_same(value_item(option, target, i), value_item(option, other, i));
    return same;
}

void value_copy(const struct option *option, void *target, const void *other)
{
    memcpy((char *)target + option->offset, (const char *)other + option->offset, option->size);
    if (option->list_max > 0)
        memcpy((char *)target + option->count_offset, (const char *)other + option->count_offset,
               sizeof(unsigned));
}
