/* SPDX-License-Identifier: MIT */
/* What cannot be a server's address: see address.h. */
#include "cmd/address.h"

#include <strings.h>

bool address_fits(const char *url, char *error, size_t error_size)
{
    static const char *const ours[] = {"publish", "events", "send"};
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t host_len = strcspn(host, "/?#");
    const char *rest = host + host_len;
    int base_len = (int)(rest - url);
    bool known = !scheme || (scheme - url == 4 && strncasecmp(url, "http", 4) == 0) ||
                 (scheme - url == 5 && strncasecmp(url, "https", 5) == 0);
    if (!known || host_len == 0) {
        snprintf(error, error_size,
                 "\"%.200s\" is no address; allowed: http://HOST:PORT or "
                 "https://HOST:PORT",
                 url);
        return false;
    }
    if (strpbrk(rest, "?#")) {
        snprintf(error, error_size, "\"%.200s\" has a query; give the server's address alone: %.*s",
                 url, base_len, url);
        return false;
    }
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        size_t len = strlen(ours[i]);
        if (*rest == '/' && strncmp(rest + 1, ours[i], len) == 0 &&
            (rest[1 + len] == '/' || rest[1 + len] == '\0')) {
            snprintf(error, error_size,
                     "\"%.200s\" ends in a path of the server's own; give its address alone: %.*s, "
                     "and the channel as an argument",
                     url, base_len, url);
            return false;
        }
    }
    return true;
}
