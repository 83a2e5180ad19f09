/* SPDX-License-Identifier: MIT */
/*
 * Log lines are put together in a buffer and written at once. A line break inside a text (it may
 * quote what a client or another server sent) becomes a space, so that one call is one line, and
 * what would steer a terminal is escaped.
 */
#include "cmd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "lib/log_file.h"
#include "lib/terminal.h"

enum { LINE_BYTES = 2048 }; /* longer is cut */

/* Once there is a descriptor of our own it is kept, and another file is put behind it, so that a
 * thread that is about to write never meets a closed one. */
static _Atomic int log_fd = STDERR_FILENO;
static bool has_file;

int log_open(const char *path)
{
    int own = atomic_load_explicit(&log_fd, memory_order_relaxed);
    if (!path && own == STDERR_FILENO)
        return 0;
    int fd = path ? log_file_open(path) : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return path ? fd : -errno;
    has_file = path;
    if (own == STDERR_FILENO) {
        atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
        return 0;
    }
    int r = dup3(fd, own, O_CLOEXEC) < 0 ? -errno : 0;
    close(fd);
    return r;
}

bool log_has_file(void)
{
    return has_file;
}

static void line_write(int fd, char *line, size_t head, const char *format, va_list arguments)
{
    char said[LINE_BYTES];
    int len = vsnprintf(said, sizeof(said), format, arguments);
    size_t said_len = len < 0 ? 0 : (size_t)len;
    if (said_len > sizeof(said) - 1)
        said_len = sizeof(said) - 1;
    for (size_t i = 0; i < said_len; i++)
        if ((unsigned char)said[i] < ' ')
            said[i] = ' ';
    size_t end =
        head + terminal_copy(line + head, LINE_BYTES - 1 - head, (struct text){said, said_len});
    line[end++] = '\n';
    if (write(fd, line, end) < 0)
        return; /* nobody is left to be told */
}

static void log_line(const char *level, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    struct tm now;
    time_t seconds = time(NULL);
    localtime_r(&seconds, &now);
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    size_t head = strftime(line, sizeof(line), "%F %H:%M:%S ", &now);
    head += (size_t)snprintf(line + head, sizeof(line) - head, "%-8s ", level);
    line_write(fd, line, head, format, arguments);
}

#define LOG_LINE(level)                                                                            \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        log_line(level, format, arguments);                                                        \
        va_end(arguments);                                                                         \
    } while (0)

void log_info(const char *format, ...)
{
    LOG_LINE("info");
}

void log_warning(const char *format, ...)
{
    LOG_LINE("warning");
}

void log_error(const char *format, ...)
{
    LOG_LINE("error");
}

void log_complain(const char *command, const char *format, ...)
{
    char line[LINE_BYTES];
    int head = snprintf(line, sizeof(line), "fanfare%s%s: ", *command ? " " : "", command);
    va_list arguments;
    va_start(arguments, format);
    line_write(STDERR_FILENO, line, (size_t)head, format, arguments);
    va_end(arguments);
}
