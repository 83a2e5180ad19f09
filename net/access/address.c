/* SPDX-License-Identifier: MIT */
/* Addresses and ranges: see address.h. */
#include "net/access/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "engine/base/builder.h"

static const uint8_t wrapped[12] = {[10] = 0xff, [11] = 0xff};

struct address address_of_bytes(enum address_family family, const void *bytes)
{
    struct address address = {.family = (uint8_t)family};
    const uint8_t *at = bytes;
    if (family == ADDRESS_V6 && memcmp(at, wrapped, sizeof(wrapped)) == 0) {
        address.family = ADDRESS_V4;
        at += sizeof(wrapped);
    }
    memcpy(address.bytes, at, address.family == ADDRESS_V4 ? 4 : 16);
    return address;
}

bool address_read(struct text text, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_ROOM];
    struct in6_addr bytes;
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, '\0', text.len))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    enum address_family family = memchr(copy, ':', text.len) ? ADDRESS_V6 : ADDRESS_V4;
    if (inet_pton(family == ADDRESS_V6 ? AF_INET6 : AF_INET, copy, &bytes) != 1)
        return false;
    *ret_address = address_of_bytes(family, &bytes);
    return true;
}

struct address address_of_socket(const struct sockaddr *socket, socklen_t len)
{
    if (len >= sizeof(struct sockaddr_in) && socket->sa_family == AF_INET)
        return address_of_bytes(ADDRESS_V4,
                                &((const struct sockaddr_in *)(const void *)socket)->sin_addr);
    if (len >= sizeof(struct sockaddr_in6) && socket->sa_family == AF_INET6)
        return address_of_bytes(ADDRESS_V6,
                                &((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr);
    bool local = len >= sizeof(sa_family_t) && socket->sa_family == AF_UNIX;
    return (struct address){.family = local ? ADDRESS_UNIX : ADDRESS_NONE};
}

/* Not by inet_ntop, whose formats would be a third of a page of subscribers. */
static void write_v4(const uint8_t bytes[4], char out[ADDRESS_TEXT_ROOM])
{
    struct builder text = builder_of(out, ADDRESS_TEXT_ROOM);
    for (unsigned i = 0; i < 4; i++) {
        builder_put_decimal(&text, bytes[i]);
        builder_put(&text, (struct text){i < 3 ? "." : "", 1});
    }
}

void address_write(const struct address *address, char out[ADDRESS_TEXT_ROOM])
{
    switch ((enum address_family)address->family) {
    case ADDRESS_V4:
        write_v4(address->bytes, out);
        return;
    case ADDRESS_V6:
        CHECK(inet_ntop(AF_INET6, address->bytes, out, ADDRESS_TEXT_ROOM));
        return;
    case ADDRESS_UNIX:
    case ADDRESS_NONE:
        break;
    }
    snprintf(out, ADDRESS_TEXT_ROOM, "%s", address->family == ADDRESS_UNIX ? "unix" : "unknown");
}

bool address_equals(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_group(const struct address *address, struct address *ret_group)
{
    struct address group = *address;
    if (group.family == ADDRESS_V6)
        memset(group.bytes + 8, 0, 8);
    else if (group.family != ADDRESS_V4)
        return false;
    *ret_group = group;
    return true;
}

/* --- ranges -------------------------------------------------------------------------------- */

/* The address with all that is behind its first bits set to 0. */
static struct address masked(struct address address, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(address.bytes); i++) {
        unsigned left = bits > i * 8 ? bits - i * 8 : 0;
        if (left < 8)
            address.bytes[i] &= (uint8_t)(0xff00u >> left);
    }
    return address;
}

const char *address_range_read(const char *text, struct address_range *ret_range)
{
    struct address_range range = {.bits = 0};
    size_t len = strcspn(text, "/");
    const char *bits = text[len] == '/' ? text + len + 1 : NULL;
    if (strcmp(text, "unix") == 0) {
        ret_range->address = (struct address){.family = ADDRESS_UNIX};
        ret_range->bits = 0;
        return NULL;
    }
    if (!address_read((struct text){text, len}, &range.address))
        return "is not an address: ADDRESS, ADDRESS/BITS, or unix";
    unsigned most = range.address.family == ADDRESS_V4 ? 32 : 128;
    unsigned number = most;
    if (bits) {
        size_t digits = strspn(bits, "0123456789");
        if (digits < 1 || digits > 3 || bits[digits] != '\0')
            return "has no number of bits behind the /";
        number = (unsigned)strtoul(bits, NULL, 10);
    }
    if (number > most)
        return most == 32 ? "has more than 32 bits" : "has more than 128 bits";
    struct address network = masked(range.address, number);
    if (!address_equals(&network, &range.address))
        return "has bits set behind those that count; write the network's first address";
    range.bits = (uint8_t)number;
    *ret_range = range;
    return NULL;
}

bool address_ranges_have(const struct address_ranges *ranges, const struct address *address)
{
    for (unsigned i = 0; i < ranges->count; i++) {
        const struct address_range *range = &ranges->items[i];
        if (range->address.family != address->family)
            continue;
        struct address network = masked(*address, range->bits);
        if (address_equals(&network, &range->address))
            return true;
    }
    return false;
}
