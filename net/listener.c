/* SPDX-License-Identifier: MIT */
/*
 * Binding, stale socket files, and socket options: see listener.h.
 *
 * Every listening socket is non-blocking and close-on-exec. TCP: SO_REUSEADDR, so that a restart
 * does not wait for old connections to time out; never SO_REUSEPORT, with which a second server
 * would silently take half of the subscribers. IPv6 sockets take IPv6 only, so that 0.0.0.0 and
 * [::] can both be given and each address says what it is.
 *
 * What every connection of a TCP listener needs (no waiting for full segments, keepalive, the time
 * after which a silent peer is gone, the send buffer) is set on the listening socket, from which
 * Linux copies it to each accepted one: it costs no call per connection and stays when a socket is
 * handed on.
 *
 * Length: three ways to a listening socket, which share how it is named, tuned and closed.
 */
#include "net/listener.h"

#include <arpa/inet.h>
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
#include "net/given.h"

#define PORT_TRIES 8 /* for one port that is free at all addresses of a name; picked by hand */

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

static void note_bound(struct listener *listener)
{
    listener->bound_len = sizeof(listener->bound);
    if (getsockname(listener->fd, (struct sockaddr *)&listener->bound, &listener->bound_len))
        listener->bound_len = 0;
}

/* What was really bound: port 0 shows the port that the kernel chose. */
static void name_tcp(struct listener *listener)
{
    const struct sockaddr *bound = (struct sockaddr *)&listener->bound;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo(bound, listener->bound_len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    const char *format = bound->sa_family == AF_INET6 ? "http://[%.90s]:%s" : "http://%.90s:%s";
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
    note_bound(listener);
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
    case E2BIG:
        return "it has more addresses than there is room for; name those that are wanted";
    case EADDRNOTAVAIL:
        return "no network interface of this machine has the address";
    default:
        return strerror(-r);
    }
}

static bool is_known(const struct addrinfo *first, const struct addrinfo *at)
{
    for (; first != at; first = first->ai_next)
        if (first->ai_addrlen == at->ai_addrlen &&
            memcmp(first->ai_addr, at->ai_addr, at->ai_addrlen) == 0)
            return true;
    return false;
}

/* Gives a later address the port that the kernel chose for the first one. */
static void follow_port(const struct listener *first, struct sockaddr *address)
{
    const void *bound = &first->bound;
    in_port_t port = first->bound.ss_family == AF_INET6
                         ? ((const struct sockaddr_in6 *)bound)->sin6_port
                         : ((const struct sockaddr_in *)bound)->sin_port;
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = port;
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = port;
}

/* A name may have several addresses, `localhost` above all, and clients try them in either order:
 * all of them are taken. One that this machine has not got (IPv6 is off) may be missing, as long as
 * another is there; one that somebody else has may not, for that one would get half of the clients.
 */
static int bind_all(struct listener *listeners, unsigned room, enum listener_kind kind,
                    const struct addrinfo *found, bool any_port, unsigned *ret_count)
{
    int r = 0, missing = 0;
    unsigned count = 0;
    for (const struct addrinfo *at = found; at && !r; at = at->ai_next) {
        if (is_known(found, at))
            continue;
        if (count == room) {
            r = -E2BIG;
            break;
        }
        listeners[count] = (struct listener){.kind = kind, .fd = -1};
        if (any_port && count > 0)
            follow_port(&listeners[0], at->ai_addr);
        r = bind_tcp(&listeners[count], at);
        if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT) {
            missing = r;
            r = 0;
        } else if (!r) {
            count++;
        }
    }
    if (!r && count == 0)
        r = missing;
    *ret_count = count;
    while (r && count > 0)
        listener_close(&listeners[--count]);
    return r;
}

static int open_tcp(struct listener *listeners, unsigned room, enum listener_kind kind,
                    const char *address, unsigned *ret_count, char *error, size_t error_size)
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
    bool any_port = strtoul(port, NULL, 10) == 0;
    int r;
    unsigned count;
    /* A port that is free at one address may be taken at the next: another one is tried then. */
    for (int tries = 0; tries < PORT_TRIES; tries++) {
        r = bind_all(listeners, room, kind, found, any_port, &count);
        if (!any_port || r != -EADDRINUSE)
            break;
    }
    freeaddrinfo(found);
    if (r)
        snprintf(error, error_size, "cannot listen on %s: %s", address, bind_advice(r));
    else
        *ret_count = count;
    return r;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    in_addr_t v4 = ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
    return ntohl(v4) >> 24 == IN_LOOPBACKNET;
}

bool listener_is_bound_locally(const struct listener *listener)
{
    return listener->is_unix ||
           (listener->bound_len > 0 && is_loopback((const struct sockaddr *)&listener->bound));
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

/* Gives the file exactly this mode. The socket's own mode bounded it from birth, so there was no
 * moment with more; what the umask took away is given back here. By its name below the locked
 * directory and never through a link: who can write there might have put one in its place. */
static int set_mode(int directory, const char *path, mode_t mode)
{
    char copy[sizeof(((struct listener *)NULL)->path)];
    snprintf(copy, sizeof(copy), "%s", path);
    const char *name = basename(copy);
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
        return -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    if ((status.st_mode & 07777) == mode)
        return 0;
    return fchmodat(directory, name, mode, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
}

static int bind_unix(struct listener *listener, const struct sockaddr_un *name, int directory,
                     mode_t mode)
{
    int type = listener->kind == LISTENER_HANDOFF ? SOCK_SEQPACKET : SOCK_STREAM;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    struct stat status;
    int r = remove_stale(name);
    if (!r && fchmod(fd, mode))
        r = -errno;
    if (!r && bind(fd, (const struct sockaddr *)name, sizeof(*name)))
        r = -errno;
    if (!r) {
        r = set_mode(directory, name->sun_path, mode);
        if (!r && (listen(fd, LISTEN_BACKLOG) || lstat(name->sun_path, &status)))
            r = -errno;
        if (r)
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

static int open_unix(struct listener *listener, const char *path, mode_t mode, char *error,
                     size_t error_size)
{
    const char *what = listener->kind == LISTENER_FEED      ? "open the feed "
                       : listener->kind == LISTENER_HANDOFF ? "open the hand-off socket "
                                                            : "listen on unix:";
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!path[0] || strlen(path) >= sizeof(name.sun_path)) {
        snprintf(error, error_size, "cannot %s%s: a socket's path has 1 to %zu bytes", what, path,
                 sizeof(name.sun_path) - 1);
        return -EINVAL;
    }
    memcpy(name.sun_path, path, strlen(path) + 1);
    int directory = lock_directory(path);
    int r = directory < 0 ? directory : bind_unix(listener, &name, directory, mode);
    if (directory >= 0)
        close(directory);
    if (r) {
        snprintf(error, error_size, "cannot %s%s: %s", what, path, unix_advice(r));
        return r;
    }
    listener->is_unix = true;
    note_bound(listener);
    memcpy(listener->path, path, strlen(path) + 1);
    snprintf(listener->address, sizeof(listener->address), "unix:%s", path);
    return 0;
}

static int open_given(struct listener *listener, const char *address, char *error,
                      size_t error_size)
{
    struct sockaddr_storage bound;
    int r = given_open(address, &listener->fd, &bound, error, error_size);
    if (r)
        return r;
    listener->is_unix = bound.ss_family == AF_UNIX;
    note_bound(listener);
    listener->lingers = given_linger(listener->fd).l_onoff;
    const char *path = ((const struct sockaddr_un *)(const void *)&bound)->sun_path;
    if (listener->is_unix)
        snprintf(listener->address, sizeof(listener->address), "unix:%.107s", path);
    else
        name_tcp(listener);
    return 0;
}

static bool given_is_local(const char *address)
{
    struct sockaddr_storage bound;
    return given_look(address, NULL, &bound) < 0 || bound.ss_family == AF_UNIX ||
           is_loopback((struct sockaddr *)&bound);
}

bool listener_is_local(const char *address)
{
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (given_is(address))
        return given_is_local(address);
    if (strncmp(address, "unix:", 5) == 0 || !split_address(address, host, sizeof(host), &port) ||
        getaddrinfo(host, port, &hints, &found))
        return true;
    bool local = true;
    for (const struct addrinfo *at = found; at && local; at = at->ai_next)
        local = is_loopback(at->ai_addr);
    freeaddrinfo(found);
    return local;
}

/* --- public -------------------------------------------------------------------------------- */

int listener_open(struct listener *listeners, unsigned room, enum listener_kind kind,
                  const char *address, mode_t mode, unsigned *ret_count, char *error,
                  size_t error_size)
{
    if (room == 0) {
        snprintf(error, error_size, "cannot listen on %s: %s", address, bind_advice(-E2BIG));
        return -E2BIG;
    }
    if (strncmp(address, "unix:", 5) != 0 && !given_is(address))
        return open_tcp(listeners, room, kind, address, ret_count, error, error_size);
    *listeners = (struct listener){.kind = kind, .fd = -1};
    int r = given_is(address) ? open_given(listeners, address, error, error_size)
                              : open_unix(listeners, address + 5, mode, error, error_size);
    if (!r)
        *ret_count = 1;
    return r;
}

int listener_open_file(struct listener *listener, enum listener_kind kind, const char *path,
                       mode_t mode, char *error, size_t error_size)
{
    *listener = (struct listener){.kind = kind, .fd = -1};
    return open_unix(listener, path, mode, error, error_size);
}

bool listener_peer_may(int fd, int64_t uid, int64_t gid)
{
    struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1}; /* which nobody is */
    socklen_t len = sizeof(peer);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    return (uid < 0 || uid == (int64_t)peer.uid) && (gid < 0 || gid == (int64_t)peer.gid);
}

static void set_option(int fd, int level, int name, int value)
{
    /* A kernel that refuses one of them serves without it. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void listener_tune_socket(int fd, bool is_unix, const struct listener_tuning *tuning)
{
    if (tuning->send_buffer)
        set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)tuning->send_buffer);
    if (is_unix)
        return;
    uint32_t gone_s = tuning->peer_timeout_ms / 1000;
    bool bounded = tuning->peer_timeout_ms > 0;
    uint32_t idle_s = bounded && gone_s / 2 < KEEPALIVE_IDLE_S ? gone_s / 2 : KEEPALIVE_IDLE_S;
    uint32_t probe_s = bounded && gone_s / 16 < KEEPALIVE_PROBE_S ? gone_s / 16 : KEEPALIVE_PROBE_S;
    /* Events are sent whole and at once; waiting to fill a segment only delays them. */
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s < 1 ? 1 : (int)idle_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, probe_s < 1 ? 1 : (int)probe_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    /* With a time-out it is that which counts, and not the number of probes. A second later than
     * the worker's own, which tells more: the kernel is for who does not answer at all. */
    uint32_t timeout_ms = tuning->peer_timeout_ms ? tuning->peer_timeout_ms + 1000 : 0;
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout_ms);
}

void listener_tune(const struct listener *listener, const struct listener_tuning *tuning)
{
    if (!listener->is_unix)
        listener_tune_socket(listener->fd, false, tuning);
}

int listener_accept(const struct listener *listener, const struct listener_tuning *tuning,
                    struct address *ret_peer)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    int fd = accept4(listener->fd, ret_peer ? (struct sockaddr *)&peer : NULL,
                     ret_peer ? &len : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ret_peer)
        *ret_peer = address_of_socket((struct sockaddr *)&peer, len);
    if (listener->lingers)
        given_set_linger(fd, (struct linger){0});
    /* A unix socket copies nothing from its listener. */
    if (listener->is_unix && listener->kind != LISTENER_FEED && listener->kind != LISTENER_HANDOFF)
        listener_tune_socket(fd, true, tuning);
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
    if (listener->path[0])
        unlink_own(listener);
    close(listener->fd);
    listener->fd = -1;
}
