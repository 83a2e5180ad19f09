/* SPDX-License-Identifier: MIT */
/* Places as the configuration writes them: see place.h. */
#include "net/fetch/place.h"

#include <curl/curl.h>

#define NO_URL "is no URL; allowed: http://HOST:PORT/PATH, https://HOST/PATH or unix:SOCKET:/PATH"

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool fetch_place_is(const char *text)
{
    return begins(text, "http://") || begins(text, "https://") || begins(text, "unix:");
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && text && *text;
    curl_free(text);
    return has;
}

static const char *url_fault(const char *text)
{
    CURLU *url = curl_url();
    if (!url)
        return "cannot be read: out of memory";
    const char *fault = NULL;
    /* For curl three slashes are as good as two. */
    if (strstr(text, ":///") || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
        !has_part(url, CURLUPART_HOST))
        fault = NO_URL;
    else if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
        fault = "has a user or a password in it; leave them out";
    else if (has_part(url, CURLUPART_FRAGMENT))
        fault = "has a fragment (#); leave it out";
    curl_url_cleanup(url);
    return fault;
}

/* "SOCKET:/PATH" or "SOCKET". */
static const char *read_unix(const char *text, struct fetch_place *place)
{
    const char *colon = strstr(text, ":/");
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len == 0)
        return "names no socket; allowed: unix:SOCKET:/PATH";
    if (len >= sizeof(place->unix_path))
        return "names a socket whose path is too long; it may have 107 bytes";
    memcpy(place->unix_path, text, len);
    const char *path = colon ? colon + 1 : "/";
    if (snprintf(place->url, sizeof(place->url), "http://localhost%s", path) >=
        (int)sizeof(place->url))
        return "is longer than 2,000 bytes";
    return NULL;
}

const char *fetch_place_read(const char *text, struct fetch_place *ret_place)
{
    struct fetch_place place = {.url = ""};
    const char *fault = NULL;
    if (!fetch_place_is(text))
        return NO_URL;
    if (!is_printable(text))
        return "has a space or a control character, or one beyond ASCII; write it %XX";
    if (begins(text, "unix:"))
        fault = read_unix(text + strlen("unix:"), &place);
    else if (snprintf(place.url, sizeof(place.url), "%s", text) >= (int)sizeof(place.url))
        fault = "is longer than 2,000 bytes";
    if (!fault)
        fault = url_fault(place.url);
    if (!fault)
        *ret_place = place;
    return fault;
}
