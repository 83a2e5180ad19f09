/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a program that embeds the library: a file that is opened between the library's
 * first thread and its last, and that nobody has named, ends the program. Allowed is what the
 * kernel says of the process and the machine (/proc, /sys), and what libraries of others open for
 * themselves. Functions of the library's own that may open are those that it imports; the C
 * library's inner calls do not come by here, which is right.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int allowed(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
}

static void look(const char *path)
{
    if (allowed(path))
        return;
    dprintf(2, "it opens %s, which nobody has named\n", path);
    _exit(99);
}

static int opened(const char *name, int directory, const char *path, int flags, unsigned mode)
{
    int (*next)(int, const char *, int, ...);
    *(void **)&next = dlsym(RTLD_NEXT, name);
    look(path);
    return next(directory, path, flags, mode);
}

#define MODE(flags, mode)                                                                          \
    unsigned mode = 0;                                                                             \
    if ((flags) & (O_CREAT)) {                                                                     \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, unsigned);                                                        \
        va_end(arguments);                                                                         \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return opened("openat", AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags, mode)
    return opened("openat64", AT_FDCWD, path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...)
{
    MODE(flags, mode)
    return opened("openat", directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...)
{
    MODE(flags, mode)
    return opened("openat64", directory, path, flags, mode);
}

static FILE *file_opened(const char *name, const char *path, const char *mode)
{
    FILE *(*next)(const char *, const char *);
    *(void **)&next = dlsym(RTLD_NEXT, name);
    look(path);
    return next(path, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    return file_opened("fopen", path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return file_opened("fopen64", path, mode);
}
