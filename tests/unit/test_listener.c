/* SPDX-License-Identifier: MIT */
/*
 * Binding: every bad address is named in one sentence, a stale socket file is replaced, a live one
 * and any other file are not, and on leaving only our own file goes.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

TestSuite(listener, .init = set_up, .fini = tear_down);

Test(listener, a_bad_address_is_named)
{
    static const char *const bad[] = {"",           "8080",        ":8080",         "127.0.0.1",
                                      "127.0.0.1:", "127.0.0.1:x", "1.2.3.4:65536", "::1:80",
                                      "[::1:80",    "unix:"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct listener listener;
        cr_expect_eq(listener_open(&listener, bad[i], error, sizeof(error)), -EINVAL, "%s", bad[i]);
        cr_expect(strstr(error, bad[i]) && !strchr(error, '\n'), "%s", error);
    }
}

Test(listener, port_0_shows_the_port_taken_and_a_second_one_is_refused)
{
    struct listener first, second;
    cr_assert_eq(listener_open(&first, "127.0.0.1:0", error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(strncmp(first.address, "http://127.0.0.1:", 17), 0);
    cr_expect_str_neq(first.address, "http://127.0.0.1:0");
    cr_expect_eq(listener_open(&second, first.address + 7, error, sizeof(error)), -EADDRINUSE);
    cr_expect(strstr(error, first.address + 7) && strstr(error, "in use"), "%s", error);
    cr_expect_eq(listener_accept(&first), -EAGAIN);
    listener_close(&first);
}

Test(listener, a_stale_file_is_replaced_and_a_live_one_is_not)
{
    struct listener live, late;
    leave_stale();
    cr_assert_eq(listener_open(&live, address, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(listener_open(&late, address, error, sizeof(error)), -EADDRINUSE);
    cr_expect(strstr(error, path) != NULL, "%s", error);
    listener_close(&live);
    cr_expect_eq(access(path, F_OK), -1);
}

Test(listener, a_file_that_is_not_ours_any_more_stays)
{
    struct listener first, second;
    cr_assert_eq(listener_open(&first, address, error, sizeof(error)), 0, "%s", error);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(listener_open(&second, address, error, sizeof(error)), 0, "%s", error);
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
    cr_expect_eq(listener_open(&listener, address, error, sizeof(error)), -EEXIST);
    cr_expect(strstr(error, path) && strstr(error, "not a socket"), "%s", error);
    cr_expect_eq(access(path, F_OK), 0);
}

Test(listener, a_feed_has_exactly_the_mode_asked_for)
{
    struct listener feed;
    struct stat status;
    mode_t before = umask(0077);
    cr_assert_eq(listener_open_feed(&feed, path, 0660, error, sizeof(error)), 0, "%s", error);
    umask(before);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0660u);
    listener_close(&feed);
}

Test(listener, a_feed_without_a_directory_says_so)
{
    struct listener feed;
    cr_expect_eq(listener_open_feed(&feed, "/nonexistent/feed", 0660, error, sizeof(error)),
                 -ENOENT);
    cr_expect(strstr(error, "/nonexistent/feed") != NULL, "%s", error);
}
