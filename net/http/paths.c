/* SPDX-License-Identifier: MIT */
/*
 * Mappings of paths: see paths.h.
 *
 * A list is one piece of memory: the records, then each mapping's own bytes, of which the path has
 * its star cut off and the channel is what stands before its star and what stands behind it.
 */
#include "net/http/paths.h"

#include <errno.h>

#include "engine/base/builder.h"
#include "engine/frame.h"
#include "engine/limits.h"
#include "net/http/bytes.h"

struct path {
    struct text at; /* of a prefix with its last slash */
    struct text before, behind;
    bool is_prefix;
};

struct paths {
    unsigned count;
    struct path items[];
};

/* Of all route tables there are, tests/unit/test_paths.c sees to it; and those that are to come. */
static const char *const own[] = {
    "",       "events",  "publish",  "stream",      "send",       "healthz",
    "readyz", "livez",   "stats",    "metrics",     "dashboard",  "admin",
    "kick",   "explain", "channels", "subscribers", ".well-known"};

bool paths_is_own(struct text path)
{
    if (path.len == 0 || path.at[0] != '/')
        return false;
    struct text first = {path.at + 1, path.len - 1};
    const char *slash = first.len ? memchr(first.at, '/', first.len) : NULL;
    if (slash)
        first.len = (size_t)(slash - first.at);
    /* A path that begins with two slashes is nobody's. */
    for (unsigned i = slash && first.len == 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (text_equals(first, text_of(own[i])))
            return true;
    return false;
}

/* --- making one ---------------------------------------------------------------------------- */

/* RFC 3986 section 3.3: what a path is made of, percent-encoding included. */
static bool is_path_byte(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && !strchr("?#\"<>\\^`{|}", byte);
}

static const char *path_fault(struct text path, bool is_prefix)
{
    if (path.len == 0 || path.at[0] != '/')
        return "has no path in front that begins with /";
    for (size_t i = 0; i < path.len; i++) {
        if (path.at[i] == '*')
            return "has a * in its path that is not all of the last segment";
        if (!is_path_byte((unsigned char)path.at[i]))
            return "has a byte in its path that stands in no URL: write it percent-encoded";
    }
    if (is_prefix && path.len == 1) /* which are all that are not ours */
        return NULL;
    return paths_is_own(path) ? "is a path of the server's own" : NULL;
}

/* Whether these could be the beginning and the end of a channel's name. */
static const char *channel_fault(struct text before, struct text behind, bool is_prefix)
{
    char name[CHANNEL_BYTES_MAX + 1];
    if (before.len + behind.len > CHANNEL_BYTES_MAX - (size_t)is_prefix)
        return "has a channel that is longer than 256 bytes";
    struct builder builder = builder_of(name, sizeof(name));
    builder_put(&builder, before);
    builder_put(&builder, is_prefix ? TEXT("x") : TEXT(""));
    builder_put(&builder, behind);
    return frame_check_channel(builder_text(&builder)) == FRAME_OK
               ? NULL
               : "has no channel's name behind its =";
}

/* All of it lies in `spec`. NULL, or what is wrong: the rest of a sentence. */
static const char *path_read(struct text spec, struct path *ret_path)
{
    const char *equals = spec.len ? memchr(spec.at, '=', spec.len) : NULL;
    if (!equals)
        return "is not PATH=CHANNEL";
    struct text path = {spec.at, (size_t)(equals - spec.at)};
    struct text channel = {equals + 1, spec.len - path.len - 1};
    const char *star = channel.len ? memchr(channel.at, '*', channel.len) : NULL;
    bool is_prefix = path.len >= 2 && memcmp(path.at + path.len - 2, "/*", 2) == 0;
    path.len -= is_prefix;
    const char *fault = path_fault(path, is_prefix);
    if (fault)
        return fault;
    if (is_prefix && !star)
        return "has a * in its path and none in its channel";
    if (!is_prefix && star)
        return "has a * in its channel and no /* at the end of its path";
    *ret_path = (struct path){.at = path, .before = channel, .is_prefix = is_prefix};
    if (star) {
        ret_path->before.len = (size_t)(star - channel.at);
        ret_path->behind = (struct text){star + 1, channel.len - ret_path->before.len - 1};
    }
    return channel_fault(ret_path->before, ret_path->behind, is_prefix);
}

static int refuse(const char *spec, const char *fault, char *error, size_t error_size)
{
    int len = 0;
    while (len < 200 && (unsigned char)spec[len] >= ' ' && spec[len] != 0x7f)
        len++;
    snprintf(error, error_size, "path: \"%.*s\" %s", len, spec, fault);
    return -EINVAL;
}

static void copy(struct builder *builder, struct text *text)
{
    const char *at = builder->at;
    builder_put(builder, *text);
    text->at = at;
}

int paths_new(const char *const *specs, unsigned count, struct paths **ret_paths, char *error,
              size_t error_size)
{
    size_t room = 0;
    if (count > PATHS_MAX)
        return refuse(specs[PATHS_MAX], "is one more than the 256 there may be", error, error_size);
    for (unsigned i = 0; i < count; i++) {
        if (strlen(specs[i]) > PATH_SPEC_BYTES_MAX)
            return refuse(specs[i], "is longer than 1,024 bytes", error, error_size);
        room += strlen(specs[i]);
    }
    struct paths *paths = malloc(sizeof(*paths) + count * sizeof(struct path) + room);
    if (!paths)
        return -ENOMEM;
    paths->count = 0;
    struct builder builder = builder_of((char *)&paths->items[count], room);
    for (unsigned i = 0; i < count; i++) {
        struct path *path = &paths->items[i];
        const char *fault = path_read(text_of(specs[i]), path);
        for (unsigned j = 0; j < i && !fault; j++)
            if (paths->items[j].is_prefix == path->is_prefix &&
                text_equals(paths->items[j].at, path->at))
                fault = "has the path of one before it";
        if (fault) {
            paths_free(paths);
            return refuse(specs[i], fault, error, error_size);
        }
        copy(&builder, &path->at);
        copy(&builder, &path->before);
        copy(&builder, &path->behind);
        paths->count++;
    }
    *ret_paths = paths;
    return 0;
}

struct paths *paths_free(struct paths *paths)
{
    free(paths);
    return NULL;
}

/* --- asking it ----------------------------------------------------------------------------- */

bool paths_find(const struct paths *paths, struct text path, struct paths_match *ret_match)
{
    if (!paths || paths_is_own(path))
        return false;
    for (unsigned i = 0; i < paths->count; i++) {
        const struct path *item = &paths->items[i];
        if (item->is_prefix ? path.len < item->at.len : path.len != item->at.len)
            continue;
        if (memcmp(path.at, item->at.at, item->at.len) != 0)
            continue;
        *ret_match = (struct paths_match){
            .before = item->before,
            .rest = {path.at + item->at.len, path.len - item->at.len},
            .behind = item->behind,
        };
        return true;
    }
    return false;
}
