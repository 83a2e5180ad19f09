/* SPDX-License-Identifier: MIT */
/* An address and its options, taken apart: see listen_spec.h. */
#include "net/listen_spec.h"

#include <errno.h>

#include "net/http/bytes.h"
#include "net/http/route_names.h"

/* One listener's option, by name: 0, or -EINVAL with the rest of a sentence. `value` is NULL where
 * the name stands alone. */
static int take_routes(struct listen_spec *spec, const char *value, char *error, size_t error_size)
{
    return route_names_read(value ? value : "", &spec->routes, error, error_size);
}

static int take_proxy_protocol(struct listen_spec *spec, const char *value, char *error,
                               size_t error_size)
{
    spec->has_proxy_protocol = true;
    spec->proxy_protocol = !value || strcmp(value, "1") == 0;
    if (spec->proxy_protocol || strcmp(value, "0") == 0)
        return 0;
    snprintf(error, error_size, "proxy-protocol stands alone, or is 1 or 0");
    return -EINVAL;
}

static int take_mode(struct listen_spec *spec, const char *value, char *error, size_t error_size)
{
    size_t len = value ? strlen(value) : 0;
    spec->has_mode = true;
    if (strncmp(spec->address, "unix:", 5) != 0)
        snprintf(error, error_size, "mode is for unix:PATH alone");
    else if (len < 1 || len > 4 || strspn(value, "01234567") != len ||
             strtoul(value, NULL, 8) > 0777)
        snprintf(error, error_size, "mode is an octal file mode, 0 to 0777");
    else
        spec->mode = (mode_t)strtoul(value, NULL, 8);
    return error[0] ? -EINVAL : 0;
}

static const struct {
    const char *name;
    int (*take)(struct listen_spec *spec, const char *value, char *error, size_t error_size);
} options[] = {
    {"routes", take_routes}, {"proxy-protocol", take_proxy_protocol}, {"mode", take_mode}};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

static int take_option(struct listen_spec *spec, char *word, unsigned *seen, char *error,
                       size_t error_size)
{
    char *value = strchr(word, '=');
    char shown[HTTP_WORD_ROOM];
    if (value)
        *value++ = '\0';
    http_word(text_of(word), shown);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(word, options[i].name) != 0)
            continue;
        if (*seen & 1u << i) {
            snprintf(error, error_size, "%s is given twice", shown);
            return -EINVAL;
        }
        *seen |= 1u << i;
        return options[i].take(spec, value, error, error_size);
    }
    snprintf(error, error_size,
             "behind the address stand routes=LIST, proxy-protocol=1 or mode=MODE, not \"%s\"",
             shown);
    return -EINVAL;
}

int listen_spec_read(const char *text, struct listen_spec *ret_spec, char *error, size_t error_size)
{
    size_t len = strcspn(text, " ");
    char rest[1024], fault[512] = "";
    unsigned seen = 0;
    *ret_spec = (struct listen_spec){.routes = 0};
    if (len >= sizeof(ret_spec->address) || strlen(text + len) >= sizeof(rest)) {
        snprintf(error, error_size, "listen: \"%.40s...\" is longer than an address with options",
                 text);
        return -EINVAL;
    }
    memcpy(ret_spec->address, text, len);
    snprintf(rest, sizeof(rest), "%s", text + len);
    char *next = NULL;
    for (char *word = strtok_r(rest, " ", &next); word; word = strtok_r(NULL, " ", &next)) {
        int r = take_option(ret_spec, word, &seen, fault, sizeof(fault));
        if (r) {
            snprintf(error, error_size, "listen %.100s: %s", ret_spec->address, fault);
            return r;
        }
    }
    return 0;
}
