/* SPDX-License-Identifier: MIT */
/* Error numbers and what to do about them: see advice.h. */
#include "cmd/advice.h"

#include <errno.h>

const char *advice_starting(int error, bool ring)
{
    switch (error) {
    case EMFILE:
        return "; raise the limit (ulimit -Hn, LimitNOFILE=), or give fewer --workers and "
               "--acceptors";
    case ENFILE:
        return "; the whole machine has no more: raise fs.file-max, or stop something else";
    case ENOMEM:
        return ring ? "; raise the limit (ulimit -l, LimitMEMLOCK=), give fewer --workers, or "
                      "--io auto"
                    : "; give fewer --workers, or more memory";
    case EAGAIN:
        return "; no more threads are allowed: raise ulimit -u, TasksMax= or the cgroup's pids.max";
    case EPERM:
    case EACCES:
        return ring ? "; io_uring is forbidden here (kernel.io_uring_disabled, or a container's "
                      "seccomp profile): allow it, or give --io auto"
                    : "; something forbids it: look at the seccomp profile and capabilities of the "
                      "container or service";
    case ENOSYS:
    case EOPNOTSUPP:
        return ring ? "; give --io auto, which takes epoll where io_uring cannot be had" : "";
    default:
        return "";
    }
}

const char *advice_log(int error)
{
    switch (error) {
    case ELOOP:
        return "; it is a symbolic link of another user, which is not followed: name the file "
               "itself, in a directory that only you can write to";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; the server's user must be allowed to write it and its directory";
    case ENOENT:
        return "; make its directory first";
    case ENXIO:
        return "; it is a pipe or socket that nobody reads";
    default:
        return "";
    }
}
