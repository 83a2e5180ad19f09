/* SPDX-License-Identifier: MIT */
/*
 * Binding, stale socket files, and socket options: see listener.h.
 *
 * Every listening socket is non-blocking and close-on-exec. TCP: SO_REUSEADDR, so that a restart
 * does not wait for old connections to time out; never SO_REUSEPORT, with which a second server
 * would silently take half of the subscribers. IPv6 sockets take IPv6 only, so that 0.0.0.0 and
 * [::] can both be given and each address says what it is.
 */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/limits.h"

/* --- TCP ----------------------------------------------------------------------------------- */

/* Splits "HOST:PORT" at the last colon; brackets around the host are removed. */
static bool split_address(const char *address, char *host, size_t host_size, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || !colon[1])
        return false;
    const char *at = address;
    size_t len = (size_t)(colon - address);
    if (at[0] == '[') {
        if (len < 3 || at[len - 1] != ']')
            return false;
        at++;
        len -= 2;
    } else if (memchr(at, ':', len)) {
        return false;
    }
    if (len >= host_size || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
        strtoul(colon + 1, NULL, 10) > 65535)
        return false;
    memcpy(host, at, len);
    host[len] = '\0';
    *ret_port = colon + 1;
    return true;
}

/* What was really bound: port 0 shows the port that the kernel chose. */
static void name_tcp(struct listener *listener)
{
    struct sockaddr_storage bound;
    socklen_t len = sizeof(bound);
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &len) ||
        getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    const char *format = bound.ss_family == AF_INET6 ? "http://[%.90s]:%s" : "http://%.90s:%s";
    snprintf(listener->address, sizeof(listener->address), format, host, port);
}

static int bind_tcp(struct listener *listener, const struct addrinfo *found)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (found->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, LISTEN_BACKLOG)) {
        int r = -errno;
        close(fd);
        return r;
    }
    listener->fd = fd;
    name_tcp(listener);
    return 0;
}

static const char *bind_advice(int r)
{
    switch (-r) {
    case EADDRINUSE:
        return "the address is in use; stop the other program or choose another port";
    case EACCES:
        return "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "no network interface of this machine has the address";
    default:
        return strerror(-r);
    }
}

static int open_tcp(struct listener *listener, const char *address, char *error, size_t error_size)
{
    char host[256];
    const char *port;
    if (!split_address(address, host, sizeof(host), &port)) {
        snprintf(error, error_size,
                 "cannot listen on %s: an address is ADDR:PORT, [V6]:PORT or unix:PATH", address);
        return -EINVAL;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    int fault = getaddrinfo(host, port, &hints, &found);
    if (fault) {
        snprintf(error, error_size, "cannot listen on %s: %s", address, gai_strerror(fault));
        return -EINVAL;
    }
    int r = bind_tcp(listener, found);
    freeaddrinfo(found);
    if (r)
        snprintf(error, error_size, "cannot listen on %s: %s", address, bind_advice(r));
    return r;
}

/* --- unix ---------------------------------------------------------------------------------- */

/* Locks the directory of a socket file while it is looked at and replaced. */
static int lock_directory(const char *path)
{
    char copy[sizeof(((struct listener *)NULL)->path)];
    snprintf(copy, sizeof(copy), "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* A stranger may hold a lock on a shared directory for ever: after a second it is ignored. */
    for (int tries = 0; tries < 100 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
         tries++)
        (void)poll(NULL, 0, 10);
    return fd;
}

/* 0: nothing listens there any more, and the file is gone; else why it stays. */
static int remove_stale(const struct sockaddr_un *name)
{
    struct stat status;
    if (lstat(name->sun_path, &status))
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (const struct sockaddr *)name, sizeof(*name)) ? -errno : 0;
    close(fd);
    if (r == -ECONNREFUSED)
        return unlink(name->sun_path) && errno != ENOENT ? -errno : 0;
    /* EAGAIN is a full backlog: somebody lives there. EPROTOTYPE: another kind of socket does. */
    return r == 0 || r == -EAGAIN || r == -EPROTOTYPE ? -EADDRINUSE : r;
}

static int bind_unix(struct listener *listener, const struct sockaddr_un *name, int mode)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct stat status;
    int r = remove_stale(name);
    /* The mode of the socket bounds that of its file, so there is no moment with more; the umask
     * may have taken bits away, so it is set once more afterwards. */
    if (!r && mode >= 0 && fchmod(fd, (mode_t)mode))
        r = -errno;
    if (!r && bind(fd, (const struct sockaddr *)name, sizeof(*name)))
        r = -errno;
    if (!r && ((mode >= 0 && chmod(name->sun_path, (mode_t)mode)) || listen(fd, LISTEN_BACKLOG) ||
               lstat(name->sun_path, &status))) {
        r = -errno;
        unlink(name->sun_path);
    }
    if (r) {
        close(fd);
        return r;
    }
    listener->fd = fd;
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

static const char *unix_advice(int r)
{
    switch (-r) {
    case EADDRINUSE:
        return "another server is listening there; stop it or choose another path";
    case EEXIST:
        return "the file exists and is not a socket; remove it or choose another path";
    case EACCES:
    case EPERM:
    case EROFS:
        return "permission denied; the directory must be writable for this user";
    case ENOENT:
        return "the directory does not exist; create it or choose another path";
    default:
        return strerror(-r);
    }
}

static int open_unix(struct listener *listener, const char *path, int mode, char *error,
                     size_t error_size)
{
    const char *what = listener->kind == LISTENER_FEED ? "open the feed" : "listen on unix:";
    const char *space = listener->kind == LISTENER_FEED ? " " : "";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!path[0] || strlen(path) >= sizeof(name.sun_path)) {
        snprintf(error, error_size, "cannot %s%s%s: a socket's path has 1 to %zu bytes", what,
                 space, path, sizeof(name.sun_path) - 1);
        return -EINVAL;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    int directory = lock_directory(path);
    int r = directory < 0 ? directory : bind_unix(listener, &name, mode);
    if (directory >= 0)
        close(directory);
    if (r) {
        snprintf(error, error_size, "cannot %s%s%s: %s", what, space, path, unix_advice(r));
        return r;
    }
    listener->is_unix = true;
    memcpy(listener->path, path, strlen(path) + 1);
    snprintf(listener->address, sizeof(listener->address), "unix:%s", path);
    return 0;
}

/* --- public -------------------------------------------------------------------------------- */

int listener_open(struct listener *listener, const char *address, char *error, size_t error_size)
{
    *listener = (struct listener){.kind = LISTENER_HTTP, .fd = -1};
    if (strncmp(address, "unix:", 5) == 0)
        return open_unix(listener, address + 5, -1, error, error_size);
    return open_tcp(listener, address, error, error_size);
}

int listener_open_feed(struct listener *listener, const char *path, mode_t mode, char *error,
                       size_t error_size)
{
    *listener = (struct listener){.kind = LISTENER_FEED, .fd = -1};
    return open_unix(listener, path, (int)mode, error, error_size);
}

int listener_accept(const struct listener *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (!listener->is_unix) {
        /* Events are sent whole and at once; waiting to fill a segment only delays them. */
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}

/* The file goes first: as long as the socket is open its inode cannot be given to another file, so
 * what has our inode is ours. */
static void unlink_own(const struct listener *listener)
{
    struct stat status;
    if (lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(listener->path);
}

void listener_close(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    if (listener->is_unix)
        unlink_own(listener);
    close(listener->fd);
    listener->fd = -1;
}
