/* SPDX-License-Identifier: MIT */
/* Origins and hosts, taken apart and compared: see place.h. */
#include "net/access/place.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct place {
    struct text scheme; /* empty for a host */
    struct text name;   /* with its brackets, without a dot at its end */
    struct text port;   /* digits; empty: not written */
};

static bool same_name(struct text a, struct text b)
{
    return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* NAME[:PORT] or [V6][:PORT]. False: it is neither. */
static bool split_host(struct text host, struct place *place)
{
    size_t len = 0;
    if (host.len > 0 && host.at[0] == '[') {
        const char *end = memchr(host.at, ']', host.len);
        if (!end)
            return false;
        len = (size_t)(end - host.at) + 1;
    } else {
        while (len < host.len && host.at[len] != ':')
            len++;
    }
    if (len == 0 || (len < host.len && host.at[len] != ':'))
        return false;
    place->name = (struct text){host.at, len};
    if (len > 1 && host.at[len - 1] == '.')
        place->name.len--; /* a name that says it is whole */
    place->port = (struct text){host.at + len, 0};
    if (len == host.len)
        return true;
    place->port = (struct text){host.at + len + 1, host.len - len - 1};
    if (place->port.len > 5)
        return false;
    for (size_t i = 0; i < place->port.len; i++)
        if (!isdigit((unsigned char)place->port.at[i]))
            return false;
    return true;
}

static bool split_origin(struct text origin, struct place *place)
{
    const char *end = origin.len ? memmem(origin.at, origin.len, "://", 3) : NULL;
    if (!end || end == origin.at)
        return false;
    place->scheme = (struct text){origin.at, (size_t)(end - origin.at)};
    end += 3;
    return split_host((struct text){end, origin.len - (size_t)(end - origin.at)}, place);
}

static unsigned usual_port(struct text scheme)
{
    if (same_name(scheme, TEXT("https")))
        return 443;
    return same_name(scheme, TEXT("http")) ? 80 : 0;
}

static unsigned port_of(struct text port, struct text scheme)
{
    unsigned number = 0;
    for (size_t i = 0; i < port.len; i++)
        number = number * 10 + (unsigned)(port.at[i] - '0');
    return port.len ? number : usual_port(scheme);
}

/* Letters, digits and what else stands in names. */
static bool is_written(struct text name, const char *also)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.at[i];
        if (byte >= 0x80 || (!isalnum(byte) && !strchr(also, byte)))
            return false;
    }
    return name.len > 0;
}

static bool is_name(struct text name)
{
    if (name.len > 0 && name.at[0] == '[')
        return is_written((struct text){name.at + 1, name.len - 2}, ":.");
    return is_written(name, "-._");
}

const char *place_origin_fault(const char *origin)
{
    struct place place;
    if (strcmp(origin, "null") == 0)
        return "is what pages of any origin can send; give * if all of them may";
    for (const char *at = origin; *at; at++) {
        if (isupper((unsigned char)*at))
            return "has capital letters; browsers write an origin without them";
        if ((unsigned char)*at >= 0x80)
            return "is not ASCII; browsers write such a name as xn--...";
    }
    if (strchr(origin, '*'))
        return "has a * in it; * stands alone, else each origin is named";
    if (!split_origin(text_of(origin), &place))
        return "is not an origin: SCHEME://HOST, or SCHEME://HOST:PORT";
    if (memchr(place.name.at, '/', strlen(place.name.at)))
        return "has a / behind the host; an origin ends with its host or port";
    if (!is_written(place.scheme, "+-.") || !is_name(place.name))
        return "is not an origin: SCHEME://HOST, or SCHEME://HOST:PORT";
    if (place.port.at[0] == '\0' && place.port.at[-1] == ':')
        return "has a colon and no port";
    if (place.port.len && usual_port(place.scheme) == port_of(place.port, place.scheme))
        return "names the port that its scheme has anyway; browsers leave that out";
    return NULL;
}

const char *place_host_fault(const char *host)
{
    struct place place;
    if (strcmp(host, "*") == 0)
        return NULL;
    if (strstr(host, "://"))
        return "has a scheme; a host is NAME or NAME:PORT";
    if (!split_host(text_of(host), &place) || !is_name(place.name))
        return "is not a host: NAME, NAME:PORT or [V6ADDR]";
    return NULL;
}

bool place_is_same(struct text origin, struct text host)
{
    struct place page, server = {.name = {NULL, 0}};
    return split_origin(origin, &page) && split_host(host, &server) &&
           same_name(page.name, server.name) &&
           port_of(page.port, page.scheme) == port_of(server.port, page.scheme);
}

/* As browsers do, and no more than they do: four numbers with dots between. `1.2.3.4.example` is a
 * name, `0x7f.1` they write out before they send it. */
static bool is_v4(struct text name)
{
    unsigned number = 0, digits = 0, dots = 0;
    for (size_t i = 0; i < name.len; i++) {
        bool dot = name.at[i] == '.';
        if (!dot && !isdigit((unsigned char)name.at[i]))
            return false;
        number = dot ? 0 : number * 10 + (unsigned)(name.at[i] - '0');
        if ((dot && digits == 0) || digits > 3 || number > 255)
            return false;
        digits = dot ? 0 : digits + 1;
        dots += dot;
    }
    return dots == 3 && digits > 0 && digits <= 3;
}

bool place_is_own(struct text host)
{
    struct place place;
    if (!split_host(host, &place) || !is_name(place.name))
        return false;
    return place.name.at[0] == '[' || is_v4(place.name) || same_name(place.name, TEXT("localhost"));
}

bool place_is_named(struct text host, const char *name)
{
    struct place asked, named;
    if (strcmp(name, "*") == 0)
        return true;
    if (!split_host(host, &asked) || !split_host(text_of(name), &named) ||
        !same_name(asked.name, named.name))
        return false;
    unsigned port = port_of(named.port, TEXT("http"));
    if (named.port.len == 0)
        return true;
    return asked.port.len ? port == port_of(asked.port, TEXT("")) : port == 80 || port == 443;
}
