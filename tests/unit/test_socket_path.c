/* SPDX-License-Identifier: MIT */
/*
 * Where the feed, or the administration, is when nobody says: what $XDG_RUNTIME_DIR makes of it,
 * for the server that makes the socket and the program that looks for it. The places that belong to
 * the machine (/run, /tmp/fanfare-UID) are looked at but not changed.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/socket_path.h"

static char directory[] = "/tmp/fanfare-test-XXXXXX";
static struct socket_path place;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(directory));
    setenv("XDG_RUNTIME_DIR", directory, 1);
}

static void tear_down(void)
{
    rmdir(directory);
}

static int bind_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

Test(socket_path, own_directory_comes_first, .init = set_up, .fini = tear_down)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "%s/fanfare.sock", directory);
    cr_assert_eq(socket_path_make(SOCKET_FEED, &place), 0);
    cr_expect_str_eq(place.path, expected);
    cr_expect_str_empty(place.note);
    cr_expect(socket_path_find(SOCKET_FEED, &place) != 0 || strcmp(place.path, expected) != 0,
              "no socket yet");
    int fd = bind_socket(expected);
    cr_assert_eq(socket_path_find(SOCKET_FEED, &place), 0);
    cr_expect_str_eq(place.path, expected);
    close(fd);
    unlink(expected);
}

/* What help prints is what happens, and the look makes nothing. */
Test(socket_path, help_says_where_it_will_be, .init = set_up, .fini = tear_down)
{
    struct socket_path expected;
    socket_path_expect(SOCKET_FEED, &expected);
    cr_assert_eq(socket_path_make(SOCKET_FEED, &place), 0);
    cr_expect_str_eq(expected.path, place.path);
    unsetenv("XDG_RUNTIME_DIR");
    bool there = access("/run/fanfare", F_OK) == 0;
    socket_path_expect(SOCKET_FEED, &expected);
    cr_expect_eq(access("/run/fanfare", F_OK) == 0, there);
    if (there && access("/run/fanfare", W_OK | X_OK) == 0)
        cr_expect_str_eq(expected.path, "/run/fanfare/feed.sock");
}

Test(socket_path, a_plain_file_is_no_socket, .init = set_up, .fini = tear_down)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/fanfare.sock", directory);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fclose(file);
    cr_expect(socket_path_find(SOCKET_FEED, &place) != 0 || strcmp(place.path, path) != 0);
    unlink(path);
}

Test(socket_path, no_such_directory_is_said)
{
    setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
    if (socket_path_make(SOCKET_FEED, &place) == 0)
        cr_expect_null(strstr(place.path, "/nowhere"));
    cr_expect_str_eq(place.note, "cannot write to /nowhere: No such file or directory");
}

Test(socket_path, each_use_has_its_own, .init = set_up, .fini = tear_down)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "%s/fanfare-admin.sock", directory);
    cr_assert_eq(socket_path_make(SOCKET_ADMIN, &place), 0);
    cr_expect_str_eq(place.path, expected);
    socket_path_expect(SOCKET_ADMIN, &place);
    cr_expect_str_eq(place.path, expected);
    int fd = bind_socket(expected);
    cr_assert_eq(socket_path_find(SOCKET_ADMIN, &place), 0);
    cr_expect_str_eq(place.path, expected);
    cr_expect(socket_path_find(SOCKET_FEED, &place) != 0 || strcmp(place.path, expected) != 0);
    close(fd);
    unlink(expected);
    unsetenv("XDG_RUNTIME_DIR");
    socket_path_expect(SOCKET_ADMIN, &place);
    cr_expect_not_null(strstr(place.path, "/admin.sock"));
}

Test(socket_path, relative_or_too_long_does_not_count)
{
    char longer[200];
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    const char *const directories[] = {"relative", "", longer};
    for (size_t i = 0; i < 3; i++) {
        setenv("XDG_RUNTIME_DIR", directories[i], 1);
        if (socket_path_find(SOCKET_FEED, &place) == 0)
            cr_expect_null(strstr(place.path, "fanfare.sock"));
    }
}
