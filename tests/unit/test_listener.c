/* SPDX-License-Identifier: MIT */
/*
 * Binding: every bad address is named in one sentence, a stale socket file is replaced, a live one
 * and any other file are not, and on leaving only our own file goes.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/limits.h"
#include "net/given.h"
#include "net/listener.h"

static char folder[] = "/tmp/fanfare-listener-XXXXXX";
static char path[64], address[80], error[256];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    snprintf(address, sizeof(address), "unix:%s", path);
    error[0] = '\0';
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

/* What a server that was killed leaves behind. */
static void leave_stale(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
    close(fd);
}

static const struct listener_tuning untuned;

static int open_one(struct listener *listener, const char *at)
{
    unsigned count = 0;
    int r = listener_open(listener, 1, LISTENER_HTTP, at, 0666, &count, error, sizeof(error));
    cr_expect_eq(count, r == 0);
    return r;
}

TestSuite(listener, .init = set_up, .fini = tear_down);

Test(listener, only_loopback_and_socket_files_are_local)
{
    static const char *const local[] = {"127.0.0.1:80", "127.9.8.7:0", "[::1]:80",
                                        "localhost:80", "unix:/tmp/x", "no address at all",
                                        "[::1%lo]:80"};
    static const char *const open[] = {"0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[2001:db8::1]:80",
                                       "0:80"};
    for (unsigned i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        cr_expect(listener_is_local(local[i]), "%s", local[i]);
    for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        cr_expect(!listener_is_local(open[i]), "%s", open[i]);
}

Test(listener, a_socket_that_listens_already)
{
    struct listener first, listener;
    char given[32];
    cr_assert_eq(open_one(&first, "127.0.0.1:0"), 0);
    snprintf(given, sizeof(given), "fd:%d", first.fd);
    cr_expect(listener_is_local(given));
    cr_assert_eq(open_one(&listener, given), 0, "%s", error);
    cr_expect_str_eq(listener.address, first.address);
    cr_expect_neq(listener.fd, first.fd);
    cr_expect_eq(fcntl(listener.fd, F_GETFD), FD_CLOEXEC);
    struct sockaddr_storage bound = listener.bound;
    cr_expect_eq(listener.bound_len, sizeof(struct sockaddr_in));
    cr_expect_eq(memcmp(&bound, &first.bound, sizeof(bound)), 0);
    listener_close(&listener);
    cr_expect_eq(listener.bound_len, sizeof(struct sockaddr_in), "other threads may look at it");
    cr_expect_eq(memcmp(&bound, &listener.bound, sizeof(bound)), 0);
    cr_expect_geq(fcntl(first.fd, F_GETFD), 0, "the caller's own stays");
    listener_close(&first);

    cr_assert_eq(open_one(&first, "0.0.0.0:0"), 0);
    snprintf(given, sizeof(given), "fd:%d", first.fd);
    cr_expect(!listener_is_local(given));
    listener_close(&first);

    cr_assert_eq(open_one(&first, address), 0);
    snprintf(given, sizeof(given), "fd:%d", first.fd);
    cr_assert_eq(open_one(&listener, given), 0, "%s", error);
    cr_expect_str_eq(listener.address, address);
    cr_expect(listener.is_unix);
    listener_close(&listener);
    cr_expect_eq(access(path, F_OK), 0, "so does its file");
    listener_close(&first);
}

/* Or whoever closes a connection would wait for its client. The caller's own stays as it is. */
Test(listener, what_a_given_one_accepts_does_not_linger)
{
    struct listener first, listener;
    char given[32];
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    cr_assert_eq(open_one(&first, "127.0.0.1:0"), 0);
    given_set_linger(first.fd, (struct linger){1, 30});
    snprintf(given, sizeof(given), "fd:%d", first.fd);
    cr_assert_eq(open_one(&listener, given), 0, "%s", error);
    cr_assert_eq(getsockname(listener.fd, (struct sockaddr *)&name, &len), 0);
    int client = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&name, len), 0);
    int fd = listener_accept(&listener, &untuned, NULL);
    cr_assert(fd >= 0, "%s", strerror(-fd));
    cr_expect_eq(given_linger(fd).l_onoff, 0);
    cr_expect_eq(given_linger(first.fd).l_linger, 30);
    close(fd);
    close(client);
    listener_close(&listener);
    listener_close(&first);
}

Test(listener, what_is_no_listening_socket_is_named)
{
    struct listener listener;
    char given[32];
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct {
        int fd, r;
        const char *said;
    } cases[] = {{file, -ENOTSOCK, "no socket"},
                 {datagrams, -EPROTOTYPE, "no stream socket"},
                 {pair[0], -ENOTCONN, "does not listen"},
                 {1000000, -EBADF, "no such descriptor"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(given, sizeof(given), "fd:%d", cases[i].fd);
        cr_expect_eq(open_one(&listener, given), cases[i].r, "%s", given);
        cr_expect(strstr(error, given) && strstr(error, cases[i].said), "%s", error);
    }
    static const char *const bad[] = {"fd:", "fd:x", "fd:3x", "fd:-1", "fd: 3", "fd:99999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_expect_eq(open_one(&listener, bad[i]), -EINVAL, "%s", bad[i]);
        cr_expect(strstr(error, bad[i]), "%s", error);
    }
    close(file), close(datagrams), close(pair[0]), close(pair[1]);
}

Test(listener, a_bad_address_is_named)
{
    static const char *const bad[] = {"",           "8080",        ":8080",         "127.0.0.1",
                                      "127.0.0.1:", "127.0.0.1:x", "1.2.3.4:65536", "::1:80",
                                      "[::1:80",    "unix:"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct listener listener;
        cr_expect_eq(open_one(&listener, bad[i]), -EINVAL, "%s", bad[i]);
        cr_expect(strstr(error, bad[i]) && !strchr(error, '\n'), "%s", error);
    }
}

Test(listener, port_0_shows_the_port_taken_and_a_second_one_is_refused)
{
    struct listener first, second;
    cr_assert_eq(open_one(&first, "127.0.0.1:0"), 0, "%s", error);
    cr_expect_eq(strncmp(first.address, "http://127.0.0.1:", 17), 0);
    cr_expect_str_neq(first.address, "http://127.0.0.1:0");
    cr_expect_eq(open_one(&second, first.address + 7), -EADDRINUSE);
    cr_expect(strstr(error, first.address + 7) && strstr(error, "in use"), "%s", error);
    cr_expect_eq(listener_accept(&first, &untuned, NULL), -EAGAIN);
    listener_close(&first);
}

Test(listener, a_stale_file_is_replaced_and_a_live_one_is_not)
{
    struct listener live, late;
    leave_stale();
    cr_assert_eq(open_one(&live, address), 0, "%s", error);
    cr_expect_eq(open_one(&late, address), -EADDRINUSE);
    cr_expect(strstr(error, path) != NULL, "%s", error);
    listener_close(&live);
    cr_expect_eq(access(path, F_OK), -1);
}

Test(listener, a_file_that_is_not_ours_any_more_stays)
{
    struct listener first, second;
    cr_assert_eq(open_one(&first, address), 0, "%s", error);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(open_one(&second, address), 0, "%s", error);
    listener_close(&first);
    cr_expect_eq(access(path, F_OK), 0);
    listener_close(&second);
    cr_expect_eq(access(path, F_OK), -1);
}

Test(listener, another_file_is_left_alone)
{
    struct listener listener;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    close(fd);
    cr_expect_eq(open_one(&listener, address), -EEXIST);
    cr_expect(strstr(error, path) && strstr(error, "not a socket"), "%s", error);
    cr_expect_eq(access(path, F_OK), 0);
}

Test(listener, a_feed_has_exactly_the_mode_asked_for)
{
    struct listener feed;
    struct stat status;
    mode_t before = umask(0077);
    cr_assert_eq(listener_open_file(&feed, LISTENER_FEED, path, 0660, error, sizeof(error)), 0,
                 "%s", error);
    umask(before);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0660u);
    listener_close(&feed);
}

Test(listener, a_feed_without_a_directory_says_so)
{
    struct listener feed;
    cr_expect_eq(
        listener_open_file(&feed, LISTENER_FEED, "/nonexistent/feed", 0660, error, sizeof(error)),
        -ENOENT);
    cr_expect(strstr(error, "/nonexistent/feed") != NULL, "%s", error);
}

Test(listener, a_unix_listener_has_its_mode_whatever_the_umask_is)
{
    static const mode_t modes[] = {0666, 0600, 0660, 0777};
    mode_t before = umask(0027);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct listener listener;
        struct stat status;
        unsigned count;
        cr_assert_eq(listener_open(&listener, 1, LISTENER_HTTP, address, modes[i], &count, error,
                                   sizeof(error)),
                     0, "%s", error);
        cr_assert_eq(stat(path, &status), 0);
        cr_expect_eq(status.st_mode & 07777, modes[i]);
        listener_close(&listener);
    }
    umask(before);
}

Test(listener, a_link_is_not_followed)
{
    struct listener listener;
    struct stat status;
    char target[80];
    snprintf(target, sizeof(target), "%s/elsewhere", folder);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect_eq(open_one(&listener, address), -EEXIST);
    cr_expect_eq(lstat(target, &status), -1, "made behind the link");
    int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    cr_expect_eq(open_one(&listener, address), -EEXIST);
    cr_assert_eq(fstat(fd, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0600u, "the mode went through the link");
    close(fd);
    unlink(target);
}

Test(listener, a_name_takes_all_its_addresses_at_one_port)
{
    struct listener listeners[4];
    unsigned count = 0;
    cr_assert_eq(listener_open(listeners, 4, LISTENER_HTTP, "localhost:0", 0666, &count, error,
                               sizeof(error)),
                 0, "%s", error);
    cr_assert(count >= 1 && count <= 4);
    const char *port = strrchr(listeners[0].address, ':');
    for (unsigned i = 0; i < count; i++) {
        cr_expect_str_eq(strrchr(listeners[i].address, ':'), port);
        for (unsigned j = 0; j < i; j++)
            cr_expect_str_neq(listeners[i].address, listeners[j].address);
    }
    for (unsigned i = 0; i < count; i++)
        listener_close(&listeners[i]);
    cr_expect_eq(listener_open(listeners, 0, LISTENER_HTTP, "localhost:0", 0666, &count, error,
                               sizeof(error)),
                 -E2BIG);
    cr_expect(strstr(error, "localhost:0") != NULL, "%s", error);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

/* The connections have what the listener was given, without a call for each. */
Test(listener, what_is_tuned_holds_for_each_connection)
{
    static const struct {
        uint32_t timeout_ms;
        int timeout, idle, probe;
    } rows[] = {
        {2000, 3000, 1, 1},
        {300000, 301000, 150, 15},
        {10, 1010, 1, 1},
        {7 * 24 * 3600 * 1000u, 7 * 24 * 3600 * 1000 + 1000, KEEPALIVE_IDLE_S, KEEPALIVE_PROBE_S},
        {0, 0, KEEPALIVE_IDLE_S, KEEPALIVE_PROBE_S},
    };
    struct listener listener;
    cr_assert_eq(open_one(&listener, "127.0.0.1:0"), 0, "%s", error);
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    cr_assert_eq(getsockname(listener.fd, (struct sockaddr *)&name, &len), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct listener_tuning tuning = {rows[i].timeout_ms, 100000};
        listener_tune(&listener, &tuning);
        int client = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(connect(client, (struct sockaddr *)&name, len), 0);
        int fd = listener_accept(&listener, &tuning, NULL);
        cr_assert(fd >= 0, "%s", strerror(-fd));
        cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), rows[i].timeout);
        cr_expect_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), rows[i].idle);
        cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), rows[i].probe);
        cr_expect_eq(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        cr_expect_eq(option_of(fd, SOL_SOCKET, SO_SNDBUF), 200000);
        close(fd);
        close(client);
    }
    listener_close(&listener);
}
