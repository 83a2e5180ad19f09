/* SPDX-License-Identifier: MIT */
/* Reads the operator's page: see page_file.h. */
#include "net/page_file.h"

#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/limits.h"

static const char *type_of(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".txt", "text/plain; charset=utf-8"},
        {".md", "text/markdown; charset=utf-8"},
        {".json", "application/json"},
        {".xhtml", "application/xhtml+xml"},
        {".svg", "image/svg+xml"},
    };
    size_t len = strlen(path);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t ending = strlen(types[i].ending);
        if (len > ending && strcasecmp(path + len - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "text/html; charset=utf-8";
}

/* How many bytes, at most `size`, or a negative errno. */
static ssize_t read_whole(int fd, char *bytes, size_t size)
{
    size_t len = 0;
    ssize_t r = 1;
    while (r != 0 && len < size) {
        r = read(fd, bytes + len, size - len);
        if (r < 0 && errno != EINTR)
            return -errno;
        len += r > 0 ? (size_t)r : 0;
    }
    return (ssize_t)len;
}

static int refuse(const char *path, const char *fault, int r, char *error, size_t error_size)
{
    snprintf(error, error_size, "page: cannot serve %.200s: %s", path, fault);
    return r;
}

int page_file_read(const char *path, struct page_file *ret_file, char *error, size_t error_size)
{
    struct stat status;
    /* Without waiting for whoever may write to it, if it is a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int r = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;
    if (!r && !S_ISREG(status.st_mode))
        r = -EINVAL;
    char *bytes = r ? NULL : malloc(PAGE_BYTES_MAX + 1);
    ssize_t len = bytes ? read_whole(fd, bytes, PAGE_BYTES_MAX + 1) : r;
    if (fd >= 0)
        close(fd);
    if (r == -EINVAL)
        return refuse(path, "it is no file", r, error, error_size);
    if (!r && !bytes)
        return -ENOMEM;
    if (len < 0) {
        free(bytes);
        return refuse(path, strerror((int)-len), (int)len, error, error_size);
    }
    if (len > (ssize_t)PAGE_BYTES_MAX) {
        free(bytes);
        return refuse(path, "it is longer than 1 MiB", -EFBIG, error, error_size);
    }
    char *fitting = realloc(bytes, len > 0 ? (size_t)len : 1);
    if (fitting)
        bytes = fitting;
    *ret_file =
        (struct page_file){.content_type = type_of(path), .bytes = bytes, .len = (size_t)len};
    return 0;
}

void page_file_deinit(struct page_file *file)
{
    free(TAKE(file->bytes));
}
