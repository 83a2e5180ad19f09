/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: paths of the operator's. A list takes what a second reading takes, each path means
 * the channel that this reading finds, and a route to it names that channel, which is one.
 *
 * Input: mappings on a line each up to an empty line, then targets on a line each.
 */
#include "tests/fuzz/target.h"

#include <errno.h>

#include "engine/frame.h"
#include "net/handlers/parts.h"
#include "net/http/paths.h"
#include "net/http/route.h"

#define LINES_MAX 16

struct mapping {
    char *spec, *channel; /* one piece of memory, parted at the = */
};

static const char url_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~!$&'()*+,;=:@%/[]";

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Whether it may be one; parts it then. */
static bool read_mapping(struct mapping *mapping)
{
    char *path = mapping->spec, *equals = strchr(path, '='), name[2048];
    if (!equals || strlen(path) > 1024)
        return false;
    *equals = '\0';
    mapping->channel = equals + 1;
    const char *star = strchr(mapping->channel, '*');
    bool prefix = ends_in(path, "/*");
    size_t stars = 0;
    for (const char *at = path; *at; at++)
        stars += *at == '*';
    if (path[0] != '/' || path[strspn(path, url_bytes)] || stars != prefix || !star != !prefix)
        return false;
    if (strcmp(path, "/*") != 0 && paths_is_own(text_of(path)))
        return false;
    snprintf(name, sizeof(name), "%s", mapping->channel);
    if (star)
        name[star - mapping->channel] = 'x';
    return frame_check_channel(text_of(name)) == FRAME_OK;
}

/* What `path` means by it, percent-encoded; false: nothing. */
static bool apply(const struct mapping *mapping, const char *path, char *out, size_t size)
{
    size_t len = strlen(mapping->spec);
    const char *star = strchr(mapping->channel, '*');
    if (!star) {
        snprintf(out, size, "%s", mapping->channel);
        return strcmp(path, mapping->spec) == 0;
    }
    if (strncmp(path, mapping->spec, len - 1) != 0)
        return false;
    snprintf(out, size, "%.*s%s%s", (int)(star - mapping->channel), mapping->channel,
             path + len - 1, star + 1);
    return true;
}

static void check_path(const struct paths *paths, const struct mapping *mappings, size_t count,
                       const char *path)
{
    static char wanted[16384], seen[16384];
    struct paths_match match;
    bool found = false;
    for (size_t i = 0; i < count && !found && !paths_is_own(text_of(path)); i++)
        found = apply(&mappings[i], path, wanted, sizeof(wanted));
    CHECK(paths_find(paths, text_of(path), &match) == found);
    if (!found)
        return;
    snprintf(seen, sizeof(seen), "%.*s%.*s%.*s", (int)match.before.len, match.before.at,
             (int)match.rest.len, match.rest.at, (int)match.behind.len, match.behind.at);
    CHECK(strcmp(seen, wanted) == 0);
}

static void check_route(const struct paths *paths, struct text target)
{
    static struct route mapped, plain;
    struct route_rules rules = route_rules_usual;
    route_match(&parts_routes, &rules, METHOD_GET, target, &plain);
    rules.paths = paths;
    route_match(&parts_routes, &rules, METHOD_GET, target, &mapped);
    /* Only what was nothing has become something. */
    CHECK(plain.status == 404 || (plain.row == mapped.row && plain.status == mapped.status &&
                                  plain.channel_count == mapped.channel_count));
    for (unsigned i = 0; mapped.kind == ROUTE_FOUND && i < mapped.channel_count; i++)
        CHECK(frame_check_channel(mapped.channels[i]) == FRAME_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text rest = text_of_input(bytes, len);
    struct mapping mappings[LINES_MAX];
    const char *specs[LINES_MAX];
    char error[512];
    unsigned count = 0;
    bool good = true;
    if (len && memchr(bytes, '\0', len))
        return 0; /* options are strings */
    while (rest.len > 0 && count < LINES_MAX) {
        struct text line = take_line(&rest);
        if (line.len == 0)
            break;
        mappings[count].spec = c_string_of(line);
        specs[count++] = c_string_of(line);
    }
    for (unsigned i = 0; i < count; i++) {
        good &= read_mapping(&mappings[i]);
        for (unsigned j = 0; j < i && good; j++)
            good = strcmp(mappings[i].spec, mappings[j].spec) != 0;
    }
    struct paths *paths = NULL;
    int r = paths_new(specs, count, &paths, error, sizeof(error));
    CHECK(r == (good ? 0 : -EINVAL));
    while (r == 0 && rest.len > 0) {
        struct text target = take_line(&rest);
        char *path = c_string_of(target);
        check_path(paths, mappings, count, path);
        check_route(paths, target);
        free(path);
    }
    paths_free(paths);
    for (unsigned i = 0; i < count; i++) {
        free(mappings[i].spec);
        free((char *)specs[i]);
    }
    return 0;
}
