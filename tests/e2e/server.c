/* SPDX-License-Identifier: MIT */
/* Starting, watching and stopping the program under test; see server.h. */
#include "tests/e2e/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

#define ARGUMENTS_MAX 64

const char *program_path(void)
{
    const char *path = getenv("E2E_PROGRAM");

    REQUIRE(path && access(path, X_OK) == 0, "E2E_PROGRAM is %s", path ? path : "not set");
    return path;
}

/* The environment can set options; a test must not depend on the tester's. */
static void environment_clean(void)
{
    extern char **environ;

    for (char **entry = environ; *entry;) {
        if (strncmp(*entry, "FANFARE_", 8) == 0) {
            char name[128];
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(*entry, "="), *entry);
            unsetenv(name);
            entry = environ;
        } else {
            entry++;
        }
    }
}

static pid_t spawn(const struct launch *launch, const char *const *arguments)
{
    const char *vector[ARGUMENTS_MAX];
    const char *path = launch->program ? launch->program : program_path();
    unsigned count = 0;
    pid_t parent = getpid();

    vector[count++] = path;
    for (; arguments[count - 1]; count++) {
        REQUIRE(count < ARGUMENTS_MAX - 1, "%u arguments", count);
        vector[count] = arguments[count - 1];
    }
    vector[count] = NULL;
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0, "fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    environment_clean();
    if ((launch->in && dup2(launch->in, 0) < 0) || (launch->out && dup2(launch->out, 1) < 0) ||
        (launch->err && dup2(launch->err, 2) < 0))
        _exit(126);
    struct rlimit limit = {.rlim_cur = launch->descriptors_max,
                           .rlim_max = launch->descriptors_max};
    if (launch->descriptors_max && setrlimit(RLIMIT_NOFILE, &limit) != 0)
        _exit(126);
    if (launch->prepare && !launch->prepare(launch->context))
        _exit(126);
    execv(path, (char *const *)(uintptr_t)vector);
    _exit(127);
}

static void read_until_listening(struct server *server)
{
    static const char words[] = "listening on http://";
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    size_t len = 0;

    for (;;) {
        struct pollfd ready = {.fd = server->out, .events = POLLIN};
        int64_t left = deadline - check_now_ms();
        REQUIRE(left > 0 && poll(&ready, 1, (int)left) > 0, "not listening in time; said: %s",
                server->said);
        ssize_t got = read(server->out, server->said + len, sizeof(server->said) - 1 - len);
        REQUIRE(got > 0, "the server ended; said: %s", server->said);
        len += (size_t)got;
        server->said[len] = '\0';
        char *line = strstr(server->said, words);
        char *colon = line ? strchr(line + sizeof(words) - 1, ':') : NULL;
        if (!colon || !strchr(colon, '\n'))
            continue;
        server->port = (uint16_t)atoi(colon + 1);
        REQUIRE(server->port > 0, "no port in: %s", server->said);
        return;
    }
}

void server_start(struct server *server, const char *const *options)
{
    server_start_limited(server, 0, options);
}

void server_start_limited(struct server *server, unsigned descriptors_max,
                          const char *const *options)
{
    server_start_as(server, &(struct launch){.descriptors_max = descriptors_max}, options);
}

void server_start_as(struct server *server, const struct launch *launch, const char *const *options)
{
    const char *arguments[ARGUMENTS_MAX];
    unsigned count = 0;
    int pipe_fds[2];

    memset(server, 0, sizeof(*server));
    snprintf(server->dir, sizeof(server->dir), "/tmp/fanfare-e2e-XXXXXX");
    REQUIRE(mkdtemp(server->dir), "mkdtemp: %s", strerror(errno));
    snprintf(server->feed, sizeof(server->feed), "%s/feed.sock", server->dir);
    const char *io = launch->io ? launch->io : check_backend();
    const char *first[] = {"serve", "--listen", "127.0.0.1:0", "--feed", server->feed, "--io", io};
    for (; count < sizeof(first) / sizeof(first[0]); count++)
        arguments[count] = first[count];
    for (unsigned i = 0; options && options[i]; i++) {
        REQUIRE(count < ARGUMENTS_MAX - 1, "%u arguments", count);
        arguments[count++] = options[i];
    }
    arguments[count] = NULL;
    server->out = -1;
    if (launch->out) {
        server->pid = spawn(launch, arguments);
        return;
    }
    REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    struct launch piped = *launch;
    piped.out = pipe_fds[1];
    server->out = pipe_fds[0];
    server->pid = spawn(&piped, arguments);
    close(pipe_fds[1]);
    read_until_listening(server);
}

void server_read_io_line(struct server *server, char ret_line[256])
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    size_t len = strlen(server->said);
    char *line;

    while (!(line = strstr(server->said, "io: ")) || !strchr(line, '\n')) {
        struct pollfd ready = {.fd = server->out, .events = POLLIN};
        int64_t left = deadline - check_now_ms();
        REQUIRE(left > 0 && poll(&ready, 1, (int)left) > 0, "no io line; said: %s", server->said);
        ssize_t got = read(server->out, server->said + len, sizeof(server->said) - 1 - len);
        REQUIRE(got > 0, "the server ended; said: %s", server->said);
        len += (size_t)got;
        server->said[len] = '\0';
    }
    snprintf(ret_line, 256, "%.*s", (int)strcspn(line, "\n"), line);
}

void server_terminate(struct server *server)
{
    REQUIRE(kill(server->pid, SIGTERM) == 0, "kill: %s", strerror(errno));
}

int server_wait_only(struct server *server)
{
    int status = 0;
    int pidfd = (int)syscall(SYS_pidfd_open, server->pid, 0);
    struct pollfd ready = {.fd = pidfd, .events = POLLIN};

    REQUIRE(pidfd >= 0, "pidfd_open: %s", strerror(errno));
    if (poll(&ready, 1, DEADLINE_MS) != 1) {
        kill(server->pid, SIGKILL);
        REQUIRE(false, "the server did not end within %d ms of SIGTERM", DEADLINE_MS);
    }
    REQUIRE(waitpid(server->pid, &status, 0) == server->pid, "waitpid: %s", strerror(errno));
    close(pidfd);
    if (server->out >= 0)
        close(server->out);
    server->pid = 0;
    return status;
}

int server_wait(struct server *server)
{
    int status = server_wait_only(server);

    EXPECT(access(server->feed, F_OK) != 0, "the feed socket %s is still there", server->feed);
    unlink(server->feed);
    EXPECT(rmdir(server->dir) == 0, "rmdir %s: %s", server->dir, strerror(errno));
    return status;
}

void server_stop(struct server *server)
{
    server_terminate(server);
    int status = server_wait(server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x (%s %d)",
           (unsigned)status, WIFSIGNALED(status) ? "signal" : "exit",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void read_proc(const struct server *server, const char *file, char *ret, size_t size)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)server->pid, file);
    FILE *stream = fopen(path, "re");
    REQUIRE(stream, "%s: %s", path, strerror(errno));
    size_t got = fread(ret, 1, size - 1, stream);
    ret[got] = '\0';
    fclose(stream);
}

long server_memory(const struct server *server)
{
    char text[256];
    long total = 0, resident = 0;

    read_proc(server, "statm", text, sizeof(text));
    REQUIRE(sscanf(text, "%ld %ld", &total, &resident) == 2, "statm: %s", text);
    return resident * sysconf(_SC_PAGESIZE);
}

long server_cpu_ms(const struct server *server)
{
    char text[1024];
    unsigned long user = 0, kernel = 0;

    read_proc(server, "stat", text, sizeof(text));
    char *after = strrchr(text, ')');
    REQUIRE(after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                            &user, &kernel) == 2,
            "stat: %s", text);
    return (long)((user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

static bool stats_find(const char *json, const char *name, long long *ret_value)
{
    char quoted[80];

    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    const char *at = strstr(json, quoted);
    if (!at)
        return false;
    at += strlen(quoted);
    at += strspn(at, " :\t\n");
    *ret_value = atoll(at);
    return true;
}

long long server_stat(const struct server *server, const char *name)
{
    struct client client;
    struct answer answer;
    long long value = 0;

    client_open(&client, server);
    client_request(&client, "GET", "/stats", NULL, "", 0, &answer);
    REQUIRE(answer.status == 200, "/stats answers %d", answer.status);
    REQUIRE(stats_find(answer.body, name, &value), "no %s in %s", name, answer.body);
    answer_free(&answer);
    client_close(&client);
    return value;
}

void server_await(const struct server *server, const char *name, bool at_least, long long value)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    long long seen = server_stat(server, name);

    /* Each look is a request of its own, so this is polling by the server's pace, not spinning. */
    while (at_least ? seen < value : seen > value) {
        REQUIRE(check_now_ms() < deadline, "%s is %lld, waiting for %s %lld", name, seen,
                at_least ? "at least" : "at most", value);
        poll(NULL, 0, 5);
        seen = server_stat(server, name);
    }
}

static size_t take(int fd, char *to, size_t len, size_t size)
{
    char spill[512];
    bool full = len + 1 >= size;
    ssize_t got = full ? read(fd, spill, sizeof(spill)) : read(fd, to + len, size - 1 - len);

    if (got <= 0)
        return SIZE_MAX;
    if (!full)
        to[len + (size_t)got] = '\0';
    return full ? len : len + (size_t)got;
}

static void outcome_read(struct outcome *outcome, int out, int err)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    struct pollfd ready[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    char *texts[2] = {outcome->out, outcome->err};
    size_t sizes[2] = {sizeof(outcome->out), sizeof(outcome->err)};
    size_t lens[2] = {0, 0};

    while (ready[0].fd >= 0 || ready[1].fd >= 0) {
        int64_t left = deadline - check_now_ms();
        REQUIRE(left > 0 && poll(ready, 2, (int)left) > 0, "the program did not end; it said: %s%s",
                outcome->out, outcome->err);
        for (int i = 0; i < 2; i++) {
            if (ready[i].fd < 0 || !ready[i].revents)
                continue;
            size_t len = take(ready[i].fd, texts[i], lens[i], sizes[i]);
            if (len == SIZE_MAX)
                ready[i].fd = -1;
            else
                lens[i] = len;
        }
    }
}

void program_run(const char *const *arguments, const char *input, struct outcome *ret_outcome)
{
    program_run_as(&(struct launch){0}, arguments, input, ret_outcome);
}

void program_expect_refused(const struct refused *rows, unsigned count)
{
    struct outcome outcome;
    for (unsigned i = 0; i < count; i++) {
        program_run(rows[i].arguments, NULL, &outcome);
        EXPECT_INT(outcome.status, 2);
        EXPECT(strstr(outcome.err, rows[i].said), "%s", outcome.err);
    }
}

void program_run_as(const struct launch *launch, const char *const *arguments, const char *input,
                    struct outcome *ret_outcome)
{
    int in[2], out[2], err[2], status = 0;

    memset(ret_outcome, 0, sizeof(*ret_outcome));
    /* A socket pair for the input: it takes a whole test input without a reader. */
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0 &&
                pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0,
            "pipes: %s", strerror(errno));
    struct launch piped = *launch;
    piped.in = in[1];
    piped.out = out[1];
    piped.err = err[1];
    pid_t pid = spawn(&piped, arguments);
    close(in[1]);
    close(out[1]);
    close(err[1]);
    size_t len = input ? strlen(input) : 0;
    REQUIRE(send(in[0], input ? input : "", len, MSG_NOSIGNAL) == (ssize_t)len || errno == EPIPE,
            "input: %s", strerror(errno));
    shutdown(in[0], SHUT_WR);
    outcome_read(ret_outcome, out[0], err[0]);
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    ret_outcome->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    close(in[0]);
    close(out[0]);
    close(err[0]);
}

pid_t program_start(const char *const *arguments, int *ret_out)
{
    int out[2];

    REQUIRE(pipe2(out, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    pid_t pid = spawn(&(struct launch){.out = out[1]}, arguments);
    close(out[1]);
    *ret_out = out[0];
    return pid;
}

pid_t program_start_as(const struct launch *launch, const char *const *arguments)
{
    return spawn(launch, arguments);
}
