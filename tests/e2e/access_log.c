/* SPDX-License-Identifier: MIT */
/*
 * The access log: a line for each join, leave, refusal and request, and nothing in it that a
 * stranger could forge or that is a secret; a file that was moved away, one whose disk is full, and
 * a reader that does not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define TOKEN "a-secret-that-no-log-may-have"

static struct server server;
static char dir[64], path[96], old[96], tokens[96];

static void names_make(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fanfare-access-log-XXXXXX");
    REQUIRE(mkdtemp(dir), "mkdtemp: %s", strerror(errno));
    snprintf(path, sizeof(path), "%s/log", dir);
    snprintf(old, sizeof(old), "%s/log.1", dir);
    snprintf(tokens, sizeof(tokens), "%s/tokens", dir);
    FILE *file = fopen(tokens, "we");
    REQUIRE(file && fputs(TOKEN "\n", file) >= 0 && fclose(file) == 0, "%s", tokens);
}

static void names_remove(void)
{
    unlink(tokens);
    unlink(path);
    unlink(old);
    EXPECT(rmdir(dir) == 0, "rmdir %s: %s", dir, strerror(errno));
}

static void end(void)
{
    server_stop(&server);
    names_remove();
}

/* --- what stands there --------------------------------------------------------------------- */

static char text[1 << 20];

static void read_log(const char *from)
{
    FILE *file = fopen(from, "re");
    text[0] = '\0';
    if (!file)
        return;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
}

/* Lines that have all of these words, with a space or the line's end behind each. */
static unsigned count_lines(const char *const *words)
{
    unsigned count = 0;
    for (char *line = text, *next; *line; line = next) {
        next = strchr(line, '\n');
        size_t len = next ? (size_t)(next - line) : strlen(line);
        next = next ? next + 1 : line + len;
        bool all = true;
        for (const char *const *word = words; *word && all; word++) {
            char *found = memmem(line, len, *word, strlen(*word));
            all = found && strchr(" \n=", found[strlen(*word)]);
        }
        count += all;
    }
    return count;
}

static void await_lines(const char *from, unsigned count, const char *const *words)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    for (;;) {
        read_log(from);
        unsigned seen = count_lines(words);
        if (seen == count)
            return;
        REQUIRE(seen < count && check_now_ms() < due_ms, "%u lines with %s; %u wanted:\n%s", seen,
                words[0], count, text);
        poll(NULL, 0, 1);
    }
}

#define WORDS(...)               ((const char *const[]){__VA_ARGS__, NULL})
#define AWAIT(from, count, ...)  await_lines(from, count, WORDS(__VA_ARGS__))
#define EXPECT_LINES(count, ...) EXPECT_INT(count_lines(WORDS(__VA_ARGS__)), count)

static void ask(const char *method, const char *target, const char *fields, const char *body,
                int status)
{
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, method, target, fields, body, strlen(body), &answer);
    EXPECT(answer.status == status, "%s %s: %d", method, target, answer.status);
    answer_free(&answer);
    client_close(&client);
}

/* --- cases --------------------------------------------------------------------------------- */

static void open_log(const char *option, const char *value)
{
    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--acceptors", "2", "--access-log", path,
                                "--publish-token-file", tokens, "--subscribers-per-channel", "1",
                                "--trusted-proxy", "127.0.0.1", option, value));
}

static void case_lines(void)
{
    struct stream stream, other;
    char id[136], last[160];
    struct stat status;
    names_make();
    open_log("--refuse", "retry");
    stream_open(&stream, &server,
                "/events?channel=a%20b&channel=%22what%3Djoin&access_token=" TOKEN,
                "X-Forwarded-For: 192.0.2.7\r\nCookie: fanfare=" TOKEN "\r\n");
    stream_await_id(&stream);
    AWAIT(path, 1, "what=join", "peer=192.0.2.7", "channel=\"a b\"", "channel=\"\\\"what=join\"");
    EXPECT(stat(path, &status) == 0 && (status.st_mode & 0777) == 0640, "mode %o",
           (unsigned)status.st_mode);
    ask("POST", "/publish/a%20b?event=x&access_token=" TOKEN, "Content-Type: text/plain\r\n", "hi",
        200);
    stream_expect(&stream, "x", "hi", id);
    /* Refused in order: a bad token, a cap for a program, and for a browser. */
    ask("POST", "/publish/x", "Authorization: Bearer " TOKEN "x\r\n", "hi", 401);
    ask("GET", "/events/a%20b", NULL, "", 429);
    stream_open(&other, &server, "/events/a%20b", "Accept: text/event-stream\r\n");
    stream_expect_end(&other);
    stream_close(&other);
    /* What is meant to be another line, and other keys. */
    ask("GET", "/%0atime=1%0d\"what=\"?" TOKEN, NULL, "", 404);
    ask("GET", "http://user:" TOKEN "@host/x?" TOKEN, NULL, "", 404);
    ask("GET", "/a#access_token=" TOKEN, NULL, "", 400);
    stream_close(&stream);
    snprintf(last, sizeof(last), "last_id=%s", id);
    AWAIT(path, 1, "what=leave", "peer=192.0.2.7", "channel=\"a b\"", "reason=gone", "duration_s",
          last);
    AWAIT(path, 1, "what=request", "peer=127.0.0.1", "method=POST", "path=/publish/a%20b",
          "status=200", "bytes");
    EXPECT_LINES(1, "what=refused", "path=/publish/x", "status=401", "reason=token-unknown");
    EXPECT_LINES(1, "what=refused", "path=/events/a%20b", "status=429", "reason=channel");
    EXPECT_LINES(1, "what=refused", "path=/events/a%20b", "status=200", "reason=channel");
    EXPECT_LINES(1, "what=request", "path=\"/%0atime=1%0d\\\"what=\\\"\"", "status=404");
    EXPECT_LINES(1, "what=request", "path=/x", "status=404");
    EXPECT_LINES(1, "what=request", "path=/a", "status=400");
    EXPECT_LINES(1, "what=join");
    EXPECT_LINES(1, "what=leave");
    EXPECT_LINES(3, "what=refused");
    EXPECT_LINES(4, "what=request");
    EXPECT(!strstr(text, "secret"), "a secret:\n%s", text);
    EXPECT(!strstr(text, "subscriber=0000000000000000"), "a stream without an id:\n%s", text);
    /* Who is still there when the server stops has left, too. */
    stream_open(&stream, &server, "/events/y", NULL);
    stream_await_id(&stream);
    server_stop(&server);
    stream_close(&stream);
    read_log(path);
    EXPECT_LINES(1, "what=leave", "channel=y", "reason=drain");
    names_remove();
}

static void case_sample(void)
{
    names_make();
    open_log("--access-log-sample", "5");
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    for (unsigned i = 0; i < 21; i++) { /* one connection: each acceptor counts its own */
        client_request(&client, "GET", "/healthz", NULL, "", 0, &answer);
        answer_free(&answer);
    }
    client_close(&client);
    for (unsigned i = 0; i < 3; i++)
        ask("POST", "/publish/x", NULL, "hi", 401);
    AWAIT(path, 3, "what=refused", "reason=token-missing");
    EXPECT_LINES(5, "what=request");
    end();
}

static void case_moved(void)
{
    names_make();
    open_log("--access-log-sample", "1");
    ask("GET", "/one", NULL, "", 404);
    AWAIT(path, 1, "path=/one");
    EXPECT(rename(path, old) == 0, "rename: %s", strerror(errno));
    ask("GET", "/two", NULL, "", 404);
    AWAIT(old, 1, "path=/two");
    EXPECT(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    for (unsigned i = 0; access(path, F_OK) && i < 20000; i++)
        poll(NULL, 0, 1);
    ask("GET", "/three", NULL, "", 404);
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    do { /* the thread may still have been with the old one */
        read_log(path);
    } while (!count_lines(WORDS("path=/three")) && access(old, F_OK) == 0 &&
             check_now_ms() < due_ms);
    EXPECT_LINES(1, "path=/three");
    EXPECT_LINES(0, "path=/one");
    read_log(old);
    EXPECT_LINES(1, "path=/one");
    end();
}

/* Nothing is written to a full disk, nobody notices, and as soon as there is room it goes on. */
static void case_full_disk(void)
{
    struct stream stream;
    names_make();
    EXPECT(symlink("/dev/full", path) == 0, "symlink: %s", strerror(errno));
    open_log("--access-log-sample", "1");
    for (unsigned i = 0; i < 200; i++)
        ask("GET", "/one", NULL, "", 404);
    stream_open(&stream, &server, "/events/x", NULL);
    stream_await_id(&stream);
    EXPECT(unlink(path) == 0, "unlink: %s", strerror(errno));
    EXPECT(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    AWAIT(path, 200, "path=/one");
    AWAIT(path, 1, "what=join", "channel=x");
    stream_close(&stream);
    AWAIT(path, 1, "what=leave");
    end();
}

/* A pipe that is not read takes lines in part; they are whole when it is read again. */
static void case_pipe(void)
{
    enum { REQUESTS = 900 };
    names_make();
    EXPECT(mkfifo(path, 0600) == 0, "mkfifo: %s", strerror(errno));
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(fd >= 0, "open: %s", strerror(errno));
    open_log("--access-log-sample", "1");
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    for (unsigned i = 0; i < REQUESTS; i++) {
        client_request(&client, "GET", "/a/rather/long/path/so/that/the/pipe/is/full/soon", NULL,
                       "", 0, &answer);
        answer_free(&answer);
    }
    client_close(&client);
    size_t len = 0;
    unsigned lines = 0;
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (lines < REQUESTS && check_now_ms() < due_ms) {
        ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);
        for (ssize_t i = 0; i < n; i++)
            lines += text[len + (size_t)i] == '\n';
        len += n > 0 ? (size_t)n : 0;
    }
    text[len] = '\0';
    EXPECT_LINES(REQUESTS, "what=request", "path=/a/rather/long/path/so/that/the/pipe/is/full/soon",
                 "status=404", "bytes=30");
    EXPECT_INT(lines, REQUESTS);
    close(fd);
    end();
}

static void case_refused_paths(void)
{
    names_make();
    char nowhere[128];
    snprintf(nowhere, sizeof(nowhere), "%s/none/log", dir);
    const struct refused rows[] = {
        {{"serve", "--access-log", nowhere}, "make its directory first"},
        {{"serve", "--access-log", dir}, "cannot open the access log"},
        {{"serve", "--access-log-sample", "0"}, "access-log-sample"},
    };
    program_expect_refused(rows, sizeof(rows) / sizeof(rows[0]));
    names_remove();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("lines", case_lines);
    check_case("sample", case_sample);
    check_case("moved", case_moved);
    check_case("full_disk", case_full_disk);
    check_case("pipe", case_pipe);
    check_case("refused_paths", case_refused_paths);
    return check_end();
}
