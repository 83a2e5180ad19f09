/* SPDX-License-Identifier: MIT */
/*
 * The usual places of the sockets. /tmp belongs to everybody, so a directory in there is used only
 * if it is a real directory, ours, and closed to others: whoever made it first must not be able to
 * stand in for the server.
 */
#include "cmd/socket_path.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_DIRECTORY "/run/fanfare"

/* Its file among others', and in a directory that is Fanfare's alone. */
static const struct {
    const char *among_others, *alone;
} names[] = {
    [SOCKET_FEED] = {"fanfare.sock", "feed.sock"},
    [SOCKET_ADMIN] = {"fanfare-admin.sock", "admin.sock"},
};

static bool fits(int len, size_t size)
{
    return len > 0 && (size_t)len < size;
}

static bool own_path(enum socket_use use, struct socket_path *out)
{
    const char *directory = getenv("XDG_RUNTIME_DIR");
    return directory && directory[0] == '/' &&
           fits(snprintf(out->path, sizeof(out->path), "%s/%s", directory, names[use].among_others),
                sizeof(out->path));
}

static void temporary_directory(char *out, size_t out_size)
{
    snprintf(out, out_size, "/tmp/fanfare-%u", (unsigned)geteuid());
}

static bool is_private(const char *directory)
{
    struct stat status;
    return lstat(directory, &status) == 0 && S_ISDIR(status.st_mode) &&
           status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

static int temporary_make(enum socket_use use, struct socket_path *out)
{
    char directory[64];
    temporary_directory(directory, sizeof(directory));
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (!is_private(directory)) {
        snprintf(out->note, sizeof(out->note), "%s exists and is not ours alone", directory);
        return -EPERM;
    }
    snprintf(out->path, sizeof(out->path), "%s/%s", directory, names[use].alone);
    return 0;
}

int socket_path_make(enum socket_use use, struct socket_path *ret_path)
{
    ret_path->note[0] = '\0';
    if (own_path(use, ret_path)) {
        const char *directory = getenv("XDG_RUNTIME_DIR");
        if (access(directory, W_OK | X_OK) == 0)
            return 0;
        snprintf(ret_path->note, sizeof(ret_path->note), "cannot write to %.150s: %s", directory,
                 strerror(errno));
    }
    int error = 0;
    if (mkdir(RUN_DIRECTORY, 0755) < 0 && errno != EEXIST)
        error = errno;
    if (error == 0 && access(RUN_DIRECTORY, W_OK | X_OK) < 0)
        error = errno;
    if (error == 0) {
        snprintf(ret_path->path, sizeof(ret_path->path), RUN_DIRECTORY "/%s", names[use].alone);
        return 0;
    }
    if (ret_path->note[0] == '\0')
        snprintf(ret_path->note, sizeof(ret_path->note),
                 "XDG_RUNTIME_DIR is not set, and " RUN_DIRECTORY " cannot be used: %s",
                 strerror(error));
    return temporary_make(use, ret_path);
}

void socket_path_expect(enum socket_use use, struct socket_path *ret_path)
{
    *ret_path = (struct socket_path){0};
    if (own_path(use, ret_path) && access(getenv("XDG_RUNTIME_DIR"), W_OK | X_OK) == 0)
        return;
    bool there = access(RUN_DIRECTORY, F_OK) == 0;
    if (access(there ? RUN_DIRECTORY : "/run", W_OK | X_OK) == 0) {
        snprintf(ret_path->path, sizeof(ret_path->path), RUN_DIRECTORY "/%s", names[use].alone);
        return;
    }
    char directory[64];
    temporary_directory(directory, sizeof(directory));
    snprintf(ret_path->path, sizeof(ret_path->path), "%s/%s", directory, names[use].alone);
}

static bool is_socket(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

int socket_path_find(enum socket_use use, struct socket_path *ret_path)
{
    struct socket_path places[3] = {0};
    char directory[64];
    temporary_directory(directory, sizeof(directory));
    if (!own_path(use, &places[0]))
        places[0].path[0] = '\0';
    snprintf(places[1].path, sizeof(places[1].path), RUN_DIRECTORY "/%s", names[use].alone);
    if (is_private(directory))
        snprintf(places[2].path, sizeof(places[2].path), "%s/%s", directory, names[use].alone);
    /* One that lets us in is better than an earlier one that does not, which is better than none:
     * its refusal says what is wrong. */
    for (int must_write = 1; must_write >= 0; must_write--)
        for (int i = 0; i < 3; i++)
            if (is_socket(places[i].path) && (!must_write || access(places[i].path, W_OK) == 0)) {
                *ret_path = places[i];
                return 0;
            }
    return -ENOENT;
}
