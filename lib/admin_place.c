/* SPDX-License-Identifier: MIT */
/* The words for an administration's place: see admin_place.h. */
#include "lib/admin_place.h"

#include <sys/un.h>

#define SOCKET_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* HOST:PORT, as far as it can be told without asking for it. */
static bool is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1] ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return false;
    bool bracketed = text[0] == '[' && colon[-1] == ']';
    return strcspn(text, "/?#@ ") == strlen(text) &&
           (bracketed || (text[0] != '[' && !memchr(text, ':', (size_t)(colon - text))));
}

static bool refuse(const char *word, const char *fault, char *error, size_t error_size)
{
    snprintf(error, error_size, "\"%.200s\" %s", word, fault);
    return false;
}

bool admin_place_read(const char *word, struct admin_place *ret_place, char *error,
                      size_t error_size)
{
    static const char http[] = "http://";
    struct admin_place place = {.is_usual = strcmp(word, "unix") == 0};
    const char *text = word;
    place.is_unix = place.is_usual || text[0] == '/' || strncmp(text, "unix:", 5) == 0;
    if (strncmp(text, "unix:", 5) == 0)
        text += 5;
    else if (strncmp(text, http, sizeof(http) - 1) == 0)
        text += sizeof(http) - 1;
    if (place.is_unix && !place.is_usual && (text[0] == '\0' || strlen(text) > SOCKET_BYTES))
        return refuse(word, "is no socket: a socket's path has 1 to 107 bytes", error, error_size);
    if (!place.is_unix && (strlen(text) >= sizeof(place.text) || !is_address(text)))
        return refuse(word,
                      "is no place; allowed: unix:PATH, ADDR:PORT, or unix for the usual socket",
                      error, error_size);
    snprintf(place.text, sizeof(place.text), "%s", place.is_usual ? "" : text);
    *ret_place = place;
    return true;
}
