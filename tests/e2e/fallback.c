/* SPDX-License-Identifier: MIT */
/*
 * io_uring that cannot be had: a RLIMIT_MEMLOCK too small for its rings, and a seccomp filter of
 * the kind that container runtimes use, on each of its three system calls. `--io auto` serves with
 * epoll and says why; `--io uring` ends with one line. In no case is anything else different.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/e2e/ban.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

/* nobody, on Debian and elsewhere */
#define UNPRIVILEGED 65534

static struct server server;
/* What is started: a copy where an unprivileged user can reach it; NULL: the program itself. */
static const char *reachable;

/* --- what is forbidden --------------------------------------------------------------------- */

struct ban {
    unsigned call; /* 0: none */
    int error;
    rlim_t memory_max; /* 0: as it is */
    bool unprivileged;
};

/* In the child, before the program runs. */
static bool prepare(void *context)
{
    const struct ban *ban = context;
    struct rlimit limit = {.rlim_cur = ban->memory_max, .rlim_max = ban->memory_max};

    if (ban->memory_max && setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return false;
    if (ban->unprivileged && geteuid() == 0 &&
        ((server.dir[0] && chown(server.dir, UNPRIVILEGED, UNPRIVILEGED) != 0) ||
         setgroups(0, NULL) != 0 || setgid(UNPRIVILEGED) != 0 || setuid(UNPRIVILEGED) != 0 ||
         prctl(PR_SET_PDEATHSIG, SIGKILL) != 0))
        return false;
    return !ban->call || ban_call(ban->call, ban->error);
}

/* --- what is expected ---------------------------------------------------------------------- */

static void expect_works(void)
{
    struct stream streams[8];
    struct client client;
    char data[16];

    for (int i = 0; i < 8; i++) {
        stream_open(&streams[i], &server, "/events/x", NULL);
        stream_await_id(&streams[i]);
    }
    client_open(&client, &server);
    for (int i = 0; i < 20; i++) {
        snprintf(data, sizeof(data), "%d", i);
        publish(&client, "x", data, NULL);
    }
    for (int k = 0; k < 8; k++) {
        for (int i = 0; i < 20; i++) {
            snprintf(data, sizeof(data), "%d", i);
            stream_expect(&streams[k], "message", data, NULL);
        }
        stream_close(&streams[k]);
    }
    client_close(&client);
}

static void expect_fallback(struct ban *ban, const char *reason)
{
    struct launch launch = {.program = reachable, .io = "auto", .prepare = prepare, .context = ban};
    char line[256];

    server_start_as(&server, &launch, SERVER_OPTIONS("--workers", "2"));
    server_read_io_line(&server, line);
    printf("   %s\n", line);
    EXPECT(strncmp(line, "io: epoll (io_uring: ", 21) == 0 && strstr(line, reason), "%s", line);
    expect_works();
    server_stop(&server);
}

static void expect_refusal(struct ban *ban, const char *io, const char *reason)
{
    const char *const arguments[] = {"serve", "--listen", "127.0.0.1:0", "--feed", "none",
                                     "--io",  io,         NULL};
    struct launch launch = {.program = reachable, .prepare = prepare, .context = ban};
    struct outcome outcome;
    char asked[32];

    snprintf(asked, sizeof(asked), "--io %s: ", io);
    server.dir[0] = '\0';
    program_run_as(&launch, arguments, NULL, &outcome);
    EXPECT(outcome.status == 1 || outcome.status == 2, "status %d: %s", outcome.status,
           outcome.err);
    char *end = strchr(outcome.err, '\n');
    EXPECT(end && end[1] == '\0' && strstr(outcome.err, asked) && strstr(outcome.err, reason),
           "not one line that says why: %s", outcome.err);
    printf("   %s", outcome.err);
    EXPECT_TEXT(outcome.out, "");
}

static void case_seccomp(void)
{
    static const struct {
        unsigned call;
        int error;
    } bans[] = {
        {__NR_io_uring_setup, EPERM}, /* Docker, containerd */
        {__NR_io_uring_setup, ENOSYS},
        {__NR_io_uring_enter, EPERM},
        {__NR_io_uring_register, EPERM},
    };

    for (unsigned i = 0; i < sizeof(bans) / sizeof(bans[0]); i++) {
        struct ban ban = {.call = bans[i].call, .error = bans[i].error};
        expect_fallback(&ban, strerror(bans[i].error));
        expect_refusal(&ban, "uring", strerror(bans[i].error));
        if (bans[i].call != __NR_io_uring_register) /* which that variant can do without */
            expect_refusal(&ban, "uring-compat", strerror(bans[i].error));
    }
}

/* An unprivileged process pays for its rings with RLIMIT_MEMLOCK. */
static void case_memlock(void)
{
    struct ban none = {.memory_max = 4096, .unprivileged = true};
    char line[256];

    expect_fallback(&none, strerror(ENOMEM));
    expect_refusal(&none, "uring", strerror(ENOMEM));
    /* Enough for the probe, and perhaps for smaller rings, but not for 16 whole ones. */
    for (rlim_t kib = 32; kib <= 2048; kib *= 4) {
        struct ban some = {.memory_max = kib << 10, .unprivileged = true};
        struct launch launch = {
            .program = reachable, .io = "auto", .prepare = prepare, .context = &some};
        server_start_as(&server, &launch, SERVER_OPTIONS("--workers", "16"));
        server_read_io_line(&server, line);
        printf("   16 workers in %llu KiB: %s\n", (unsigned long long)kib, line);
        EXPECT(strncmp(line, "io: io_uring", 12) == 0 ||
                   strncmp(line, "io: epoll (io_uring: ", 21) == 0,
               "%s", line);
        expect_works();
        server_stop(&server);
    }
}

/* The build may lie in a folder that only its owner may enter. */
static void copy_program(char *folder, char *ret_copy, size_t size)
{
    static char bytes[1 << 16];
    REQUIRE(mkdtemp(folder) && chmod(folder, 0755) == 0, "%s: %s", folder, strerror(errno));
    snprintf(ret_copy, size, "%s/fanfare", folder);
    FILE *from = fopen(program_path(), "rb"), *to = fopen(ret_copy, "wb");
    REQUIRE(from && to, "cannot copy %s: %s", program_path(), strerror(errno));
    for (size_t len; (len = fread(bytes, 1, sizeof(bytes), from)) > 0;)
        REQUIRE(fwrite(bytes, 1, len, to) == len, "%s: %s", ret_copy, strerror(errno));
    fclose(from);
    REQUIRE(fclose(to) == 0 && chmod(ret_copy, 0755) == 0, "%s: %s", ret_copy, strerror(errno));
}

int main(int argc, char **argv)
{
    struct rlimit limit = {0};

    check_begin(argc, argv);
    check_case("seccomp", case_seccomp);
    if (geteuid() == 0) {
        char folder[] = "/tmp/fanfare-e2e-XXXXXX", copy[64];
        copy_program(folder, copy, sizeof(copy));
        reachable = copy;
        check_case("memlock", case_memlock);
        reachable = NULL;
        unlink(copy);
        rmdir(folder);
    } else if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_max >= 2048u << 10) {
        check_case("memlock", case_memlock);
    } else {
        printf("RLIMIT_MEMLOCK is too low to lower it further: case memlock left out\n");
    }
    return check_end();
}
