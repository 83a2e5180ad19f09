/* SPDX-License-Identifier: MIT */
/* Opens logs: see log_file.h. */
#include "lib/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int log_file_open(const char *path)
{
    /* Not to wait for a reader of a pipe that has none. */
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags | O_NOFOLLOW, 0640);
    if (fd >= 0)
        return fd;
    if (errno != ELOOP)
        return -errno;
    struct stat link;
    if (lstat(path, &link) < 0)
        return -errno;
    if (S_ISLNK(link.st_mode) && link.st_uid != 0 && link.st_uid != geteuid())
        return -ELOOP;
    fd = open(path, flags, 0640);
    return fd < 0 ? -errno : fd;
}
