/* SPDX-License-Identifier: MIT */
/* Files of keys and tokens: see secret_file.h. */
#include "net/access/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/limits.h"
#include "net/access/objection.h"

/* How many bytes, at most `size`, or a negative errno. */
static ssize_t read_whole(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    size_t len = 0;
    ssize_t r = 1;
    while (r != 0 && len < size) {
        r = read(fd, bytes + len, size - len);
        if (r < 0 && errno != EINTR) {
            r = -errno;
            close(fd);
            return r;
        }
        len += r > 0 ? (size_t)r : 0;
    }
    close(fd);
    return (ssize_t)len;
}

int secret_file_read(const char *path, struct secret *ret_secret, char *error, size_t error_size)
{
    struct secret secret = {malloc(SECRET_FILE_BYTES_MAX + 1), SECRET_FILE_BYTES_MAX + 1};
    if (!secret.bytes)
        return -ENOMEM;
    ssize_t len = read_whole(path, secret.bytes, secret.len);
    if (len < 0)
        objection_say(error, error_size, "cannot read %.200s: %s", path, strerror((int)-len));
    else if (len == 0)
        len = objection_say(error, error_size, "%.200s is empty", path);
    else if (len > (ssize_t)SECRET_FILE_BYTES_MAX)
        len = objection_say(error, error_size, "%.200s is longer than %u bytes", path,
                            SECRET_FILE_BYTES_MAX);
    if (len < 0) {
        secret_deinit(&secret);
        return (int)len;
    }
    explicit_bzero(secret.bytes + len, secret.len - (size_t)len);
    secret.len = (size_t)len;
    *ret_secret = secret;
    return 0;
}

void secret_deinit(struct secret *secret)
{
    if (secret->bytes)
        explicit_bzero(secret->bytes, secret->len);
    free(TAKE(secret->bytes));
    secret->len = 0;
}
