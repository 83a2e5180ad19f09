/* SPDX-License-Identifier: MIT */
/* Lists of addresses, read from the right: see forwarded.h. */
#include "net/access/forwarded.h"

#include <strings.h>

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct text trimmed(struct text text)
{
    while (text.len > 0 && is_blank(text.at[0]))
        text = (struct text){text.at + 1, text.len - 1};
    while (text.len > 0 && is_blank(text.at[text.len - 1]))
        text.len--;
    return text;
}

/* --- who an element names -------------------------------------------------------------------- */

static bool is_port(struct text text)
{
    bool digits = text.len >= 1 && text.len <= 5;
    for (size_t i = 0; i < text.len && digits; i++)
        digits = text.at[i] >= '0' && text.at[i] <= '9';
    return digits;
}

/* An address, or one in brackets, and perhaps a port. RFC 7239 has IPv6 in brackets alone; the
 * older field has it plain, too. */
static bool read_node(struct text node, struct address *ret_address)
{
    struct text name = node, port = {NULL, 0};
    const char *end;
    if (node.len > 0 && node.at[0] == '[') {
        end = memchr(node.at, ']', node.len);
        if (!end)
            return false;
        name = (struct text){node.at + 1, (size_t)(end - node.at) - 1};
        end++;
        if (!(name.len && memchr(name.at, ':', name.len)))
            return false;
    } else {
        end = node.len ? memchr(node.at, ':', node.len) : NULL;
        if (!end || memchr(end + 1, ':', (size_t)(node.at + node.len - end) - 1))
            end = node.at + node.len;
        name.len = (size_t)(end - node.at);
    }
    port = (struct text){end, (size_t)(node.at + node.len - end)};
    if (port.len > 0 && (port.at[0] != ':' || !is_port((struct text){port.at + 1, port.len - 1})))
        return false;
    return address_read(name, ret_address);
}

/* The value of a pair at the beginning of *rest, without its quotes and escapes; false: there is
 * none. Values longer than any address are no address. */
static bool next_value(struct text *rest, char room[64], struct text *ret_value)
{
    size_t i = 0, len = 0;
    bool quoted = rest->len > 0 && rest->at[0] == '"';
    for (i = quoted; i < rest->len && rest->at[i] != (quoted ? '"' : ';'); i++) {
        if (quoted && rest->at[i] == '\\' && ++i == rest->len)
            return false;
        if (len < 64)
            room[len] = rest->at[i];
        len++;
    }
    if (quoted && i++ == rest->len)
        return false;
    *rest = (struct text){rest->at + i, rest->len - i};
    *ret_value = (struct text){room, len > 64 ? 0 : len};
    return true;
}

/* An element of Forwarded: pairs with semicolons between, of which one is `for`. */
static bool read_pairs(struct text element, struct address *ret_address)
{
    bool found = false;
    while ((element = trimmed(element)).len > 0) {
        const char *equals = memchr(element.at, '=', element.len);
        if (!equals)
            return false;
        struct text name = {element.at, (size_t)(equals - element.at)}, value;
        char room[64];
        element = (struct text){equals + 1, element.len - name.len - 1};
        if (!next_value(&element, room, &value))
            return false;
        bool is_for = name.len == 3 && strncasecmp(name.at, "for", 3) == 0;
        if (is_for && (found || !read_node(trimmed(value), ret_address)))
            return false;
        found |= is_for;
        element = trimmed(element);
        if (element.len > 0 && element.at[0] != ';')
            return false;
        if (element.len > 0)
            element = (struct text){element.at + 1, element.len - 1};
    }
    return found;
}

/* --- lists, from the right ------------------------------------------------------------------- */

/* Where the quoted text that ends at `close` begins; SIZE_MAX: nowhere. */
static size_t quote_begin(struct text list, size_t close)
{
    for (size_t i = close; i-- > 0;) {
        size_t escapes = 0;
        if (list.at[i] != '"')
            continue;
        while (escapes < i && list.at[i - 1 - escapes] == '\\')
            escapes++;
        if (escapes % 2 == 0)
            return i;
        i -= escapes;
    }
    return SIZE_MAX;
}

/* Cuts the last element off. False: a quote of it has no other half. */
static bool last_element(struct text *list, bool quotes, struct text *ret_element)
{
    size_t i = list->len;
    while (i > 0 && list->at[i - 1] != ',') {
        i--;
        if (quotes && list->at[i] == '"')
            i = quote_begin(*list, i);
        if (i == SIZE_MAX)
            return false;
    }
    *ret_element = trimmed((struct text){list->at + i, list->len - i});
    list->len = i > 0 ? i - 1 : 0;
    return true;
}

/* One way from the peer to the client: lines of one field, the last one first. */
struct way {
    const struct address_ranges *trusted;
    const char *name;
    bool pairs;
    struct address client;
    bool found, broken;
};

/* True: go on to the left. */
static bool take_list(struct way *way, struct text list)
{
    way->found = true;
    do {
        struct text element;
        struct address address;
        bool whole = last_element(&list, way->pairs, &element);
        if (whole && element.len == 0)
            continue; /* RFC 9110 5.6.1: an empty one is none */
        if (!whole ||
            !(way->pairs ? read_pairs(element, &address) : read_node(element, &address))) {
            way->broken = true;
            return false;
        }
        way->client = address;
        if (!address_ranges_have(way->trusted, &address))
            return false;
    } while (list.len > 0);
    return true;
}

/* Cuts the last line off. */
static struct text last_line(struct text *fields)
{
    const char *end = memrchr(fields->at, '\n', fields->len);
    size_t from = end ? (size_t)(end - fields->at) + 1 : 0;
    struct text line = {fields->at + from, fields->len - from};
    fields->len = from > 0 ? from - 1 : 0;
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static void follow(struct way *way, struct text fields)
{
    size_t name_len = strlen(way->name);
    while (fields.len > 0) {
        struct text line = last_line(&fields);
        if (line.len > name_len && line.at[name_len] == ':' &&
            strncasecmp(line.at, way->name, name_len) == 0 &&
            !take_list(way, (struct text){line.at + name_len + 1, line.len - name_len - 1}))
            return;
    }
}

struct forwarded forwarded_read(const struct address_ranges *trusted, const struct address *peer,
                                struct text fields)
{
    struct way old = {.trusted = trusted, .name = "x-forwarded-for", .client = *peer};
    struct way new = {.trusted = trusted, .name = "forwarded", .pairs = true, .client = *peer};
    if (!address_ranges_have(trusted, peer))
        return (struct forwarded){.client = *peer};
    follow(&old, fields);
    follow(&new, fields);
    bool both = old.found && new.found;
    struct forwarded result = {.client = old.found ? old.client : new.client,
                               .broken = old.broken || new.broken};
    if (both && !address_equals(&old.client, &new.client))
        result = (struct forwarded){.client = *peer, .broken = true};
    return result;
}
