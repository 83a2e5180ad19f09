/* SPDX-License-Identifier: MIT */
/*
 * The command line: what cannot work ends with exit status 2 and one line that names it; a stale
 * socket is replaced, a live one is not; and `fanfare pub` and `fanfare sub` do their work.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define RUN(outcome, ...) program_run((const char *[]){__VA_ARGS__, NULL}, NULL, outcome)

static void expect_line(const struct outcome *outcome, const char *what, const char *names)
{
    const char *end = strchr(outcome->err, '\n');

    EXPECT(outcome->status == 2, "%s: exit status %d; %s", what, outcome->status, outcome->err);
    EXPECT(end && end[1] == '\0' && end > outcome->err, "%s: not one line: \"%s\"", what,
           outcome->err);
    EXPECT(strstr(outcome->err, names), "%s: no \"%s\" in \"%s\"", what, names, outcome->err);
    EXPECT(!strstr(outcome->out, "listening"), "%s: it said %s", what, outcome->out);
}

static void case_bad_options(void)
{
    static const char *const bad[][4] = {
        {"--no-such-option", "1", "no-such-option"},
        {"--workers", "none", "workers"},
        {"--workers", "0", "workers"},
        {"--io", "magic", "io"},
        {"--history-bytes", "1X", "history-bytes"},
        {"--history-bytes", "-1", "history-bytes"},
        {"--listen", "127.0.0.1", "127.0.0.1"},
        {"--listen", "127.0.0.1:99999", "99999"},
        {"--slow", "sometimes", "slow"},
        {"--config", "/nonexistent/fanfare.conf", "/nonexistent/fanfare.conf"},
    };
    struct outcome outcome;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        RUN(&outcome, "serve", "--feed", "none", bad[i][0], bad[i][1]);
        expect_line(&outcome, bad[i][0], bad[i][2]);
    }
    RUN(&outcome, "serve", "--workers");
    expect_line(&outcome, "no value", "workers");
    RUN(&outcome, "dance");
    expect_line(&outcome, "no such command", "dance");
    RUN(&outcome, "pub", "--feed", "/tmp", "--nope", "x");
    expect_line(&outcome, "pub", "nope");
}

static void case_help(void)
{
    struct outcome outcome;

    RUN(&outcome, "--version");
    EXPECT(outcome.status == 0 && strncmp(outcome.out, "fanfare ", 8) == 0, "%d %s", outcome.status,
           outcome.out);
    RUN(&outcome, "--help");
    EXPECT(outcome.status == 0 && strstr(outcome.out, "serve") && !outcome.err[0], "%d %s%s",
           outcome.status, outcome.out, outcome.err);
    RUN(&outcome, "serve", "--help");
    EXPECT(outcome.status == 0, "%d", outcome.status);
    static const char *const names[] = {"--listen",       "--feed",      "--workers",
                                        "--acceptors",    "--io",        "--history-events",
                                        "--history-age",  "--heartbeat", "--slow-after",
                                        "--publish-wait", "--config",    "--drain-timeout"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        EXPECT(strstr(outcome.out, names[i]), "no %s in the help", names[i]);
}

static void case_address_in_use(void)
{
    struct server server;
    struct outcome outcome;
    char address[64];

    server_start(&server, NULL);
    snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
    RUN(&outcome, "serve", "--feed", "none", "--listen", address);
    expect_line(&outcome, "address in use", address);
    server_stop(&server);
}

static void case_sockets(void)
{
    struct server server;
    struct outcome outcome;
    struct stat status;
    char stale[96], text[64];

    RUN(&outcome, "serve", "--listen", "127.0.0.1:0", "--feed", "/nonexistent/dir/feed.sock");
    expect_line(&outcome, "unwritable feed path", "/nonexistent/dir/feed.sock");
    /* A plain file in its place is nobody's socket, and must survive. */
    snprintf(text, sizeof(text), "/tmp/fanfare-e2e-file-XXXXXX");
    int fd = mkstemp(text);
    RUN(&outcome, "serve", "--listen", "127.0.0.1:0", "--feed", text);
    expect_line(&outcome, "a file in the place of the feed", text);
    EXPECT(stat(text, &status) == 0 && S_ISREG(status.st_mode), "the file %s is gone", text);
    close(fd);
    unlink(text);
    /* A live server's socket is not taken. */
    server_start(&server, NULL);
    RUN(&outcome, "serve", "--listen", "127.0.0.1:0", "--feed", server.feed);
    expect_line(&outcome, "a live feed", server.feed);
    struct client feed;
    struct receipt receipt;
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: a\ndata: still mine\nack: 1\n\n");
    EXPECT(client_receipt(&feed, &receipt) && receipt.id[0], "the live feed is broken");
    client_close(&feed);
    /* A stale one (bound, its owner gone) is replaced. */
    snprintf(stale, sizeof(stale), "%s/stale.sock", server.dir);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", stale);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind: %s",
            strerror(errno));
    close(fd);
    int out;
    pid_t pid = program_start((const char *[]){"serve", "--listen", "127.0.0.1:0", "--feed", stale,
                                               "--io", check_backend(), NULL},
                              &out);
    struct pollfd ready = {.fd = out, .events = POLLIN};
    ssize_t got = -1;
    char said[1024] = "";
    if (poll(&ready, 1, DEADLINE_MS) == 1)
        got = read(out, said, sizeof(said) - 1);
    EXPECT(got > 0 && strncmp(said, "listening on http://", 20) == 0, "a stale socket: %s", said);
    fd = connect_unix(stale);
    close(fd);
    kill(pid, SIGTERM);
    int wait_status = 0;
    waitpid(pid, &wait_status, 0);
    EXPECT(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0, "0x%x", (unsigned)wait_status);
    EXPECT(access(stale, F_OK) != 0, "%s was left behind", stale);
    close(out);
    server_stop(&server);
}

static void case_says_backend(void)
{
    struct server server;
    struct pollfd ready;
    size_t len;

    server_start(&server, NULL);
    ready = (struct pollfd){.fd = server.out, .events = POLLIN};
    const char *wanted = check_registers() ? "io: io_uring, room"
                         : check_on_ring() ? "io: io_uring (compat: asked for), room"
                                           : "io: epoll, room";
    while (!strstr(server.said, wanted) && poll(&ready, 1, 2000) == 1) {
        len = strlen(server.said);
        ssize_t got = read(server.out, server.said + len, sizeof(server.said) - 1 - len);
        if (got <= 0)
            break;
        server.said[len + (size_t)got] = '\0';
    }
    EXPECT(strncmp(server.said, "listening on http://127.0.0.1:", 30) == 0, "said %s", server.said);
    EXPECT(strstr(server.said, wanted), "no %s in: %s", wanted, server.said);
    server_stop(&server);
}

/* Flag beats environment beats file beats default; a unix listener serves HTTP too. */
static void case_precedence(void)
{
    struct server server;
    struct client client;
    struct stream stream;
    char path[128], listen[160], config[128];

    snprintf(config, sizeof(config), "/tmp/fanfare-e2e-config-XXXXXX");
    int fd = mkstemp(config);
    const char *text = "# a comment\nretry = 111\nheartbeat = 7\n\nhistory-bytes = 2M\n";
    REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", config);
    close(fd);
    snprintf(path, sizeof(path), "/tmp/fanfare-e2e-listen-%d.sock", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s", path);
    server_start(&server, SERVER_OPTIONS("--config", config, "--listen", listen));
    stream_open(&stream, &server, "/events/x", NULL);
    stream_await_id(&stream);
    EXPECT_INT(stream.retry, 111);
    stream_close(&stream);
    memset(&client, 0, sizeof(client));
    client.fd = connect_unix(path);
    publish(&client, "x", "over a unix socket", NULL);
    client_close(&client);
    server_stop(&server);
    EXPECT(access(path, F_OK) != 0, "%s was left behind", path);
    server_start(&server, SERVER_OPTIONS("--config", config, "--retry", "222"));
    stream_open(&stream, &server, "/events/x", NULL);
    stream_await_id(&stream);
    EXPECT_INT(stream.retry, 222);
    stream_close(&stream);
    server_stop(&server);
    unlink(config);
}

/* What each line says, without the comment behind it on where that comes from. */
static void without_sources(char *text)
{
    char *to = text;

    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n"), kept = len;
        char *comment = memmem(line, len, "  # ", 4);
        if (comment)
            kept = (size_t)(comment - line);
        char *next = line + len + (line[len] == '\n');
        memmove(to, line, kept);
        to += kept;
        *to++ = '\n';
        line = next;
    }
    *to = '\0';
}

/* What --check prints is a file that says the same, the hosts that were chosen included: it names
 * the usual listener, and who names one has to name the hosts, too. */
static void case_check_reads_back(void)
{
    static struct outcome first, second;
    char config[] = "/tmp/fanfare-e2e-check-XXXXXX";

    RUN(&first, "serve", "--check", "--hold-max", "2.5", "--allow-origin", "https://a.example",
        "--allow-origin", "https://b.example");
    EXPECT(strstr(first.out, "\nhost = localhost\n"), "no hosts: %s", first.out);
    EXPECT(strstr(first.out, "\nallow-origin = https://b.example  # --allow-origin\n"), "%s",
           first.out);
    int fd = mkstemp(config);
    REQUIRE(fd >= 0 && write(fd, first.out, strlen(first.out)) == (ssize_t)strlen(first.out), "%s",
            config);
    close(fd);
    RUN(&second, "serve", "--check", "--config", config);
    EXPECT_INT(second.status, 0);
    without_sources(first.out);
    without_sources(second.out);
    EXPECT_TEXT(second.out, first.out);
    unlink(config);
}

static void case_pub(void)
{
    struct server server;
    struct stream stream;
    struct outcome outcome;
    char url[64];

    server_start(&server, NULL);
    stream_open(&stream, &server, "/events/p", NULL);
    stream_await_head(&stream);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    RUN(&outcome, "pub", "--feed", server.feed, "--event", "kind", "--id", "mine", "p", "text");
    EXPECT(outcome.status == 0, "%d %s", outcome.status, outcome.err);
    char id[136];
    stream_expect(&stream, "kind", "text", id);
    EXPECT_TEXT(id, "mine");
    program_run((const char *[]){"pub", "--feed", server.feed, "p", NULL}, "one\ntwo\n\nthree",
                &outcome);
    EXPECT(outcome.status == 0, "%d %s", outcome.status, outcome.err);
    stream_expect(&stream, "message", "one", NULL);
    stream_expect(&stream, "message", "two", NULL);
    stream_expect(&stream, "message", "", NULL);
    stream_expect(&stream, "message", "three", NULL);
    RUN(&outcome, "pub", "--url", url, "p", "two\nlines");
    EXPECT(outcome.status == 0, "%d %s", outcome.status, outcome.err);
    stream_expect(&stream, "message", "two\nlines", NULL);
    RUN(&outcome, "pub", "--feed", "/nonexistent/feed.sock", "p", "x");
    EXPECT(outcome.status != 0 && strstr(outcome.err, "/nonexistent/feed.sock"), "%d %s",
           outcome.status, outcome.err);
    RUN(&outcome, "pub", "--feed", server.feed, "bad\nchannel", "x");
    EXPECT(outcome.status != 0 && outcome.err[0], "%d %s", outcome.status, outcome.err);
    RUN(&outcome, "pub", "--url", url, "--event", "a\nb", "p", "x");
    EXPECT(outcome.status != 0 && outcome.err[0], "%d %s", outcome.status, outcome.err);
    stream_close(&stream);
    server_stop(&server);
}

/* Who may not publish hears so at once, and does not try for ever. */
static void case_pub_turned_away(void)
{
    struct server server;
    struct outcome outcome;

    server_start(&server, SERVER_OPTIONS("--feed-uid", geteuid() == 1 ? "2" : "1"));
    program_run((const char *[]){"pub", "--feed", server.feed, "p", NULL}, "a line\n", &outcome);
    EXPECT_INT(outcome.status, 1);
    EXPECT(strncmp(outcome.err, "fanfare pub: refused: ", 22) == 0, "%s", outcome.err);
    EXPECT(!strstr(outcome.err, "lost"), "%s", outcome.err);
    server_stop(&server);
}

static void case_sub(void)
{
    struct server server;
    struct outcome outcome;
    struct client client;
    char url[64];

    server_start(&server, NULL);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    client_open(&client, &server);
    publish(&client, "s", "first", NULL);
    publish(&client, "s", "second", NULL);
    client_close(&client);
    RUN(&outcome, "sub", "--url", url, "--last", "2", "--limit", "2", "s");
    EXPECT(outcome.status == 0, "%d %s", outcome.status, outcome.err);
    const char *first = strstr(outcome.out, "first");
    EXPECT(first && strstr(first, "second"), "sub printed: %s", outcome.out);
    RUN(&outcome, "sub", "--url", url, "--json", "--last", "1", "--limit", "1", "s");
    EXPECT(outcome.status == 0 && strstr(outcome.out, "\"second\""), "%d %s%s", outcome.status,
           outcome.out, outcome.err);
    server_stop(&server);
}

/* Reads what a stream has until this event, in whatever order repeats come; each at least once. */
static void expect_lines(struct stream *stream, const char *prefix, unsigned count)
{
    char wanted[64];
    for (unsigned next = 0; next < count;) {
        struct stream_event event;
        snprintf(wanted, sizeof(wanted), "%s %u", prefix, next);
        REQUIRE(stream_next(stream, &event), "the stream ended before \"%s\"", wanted);
        if (strcmp(event.data, wanted) == 0)
            next++;
        event_free(&event);
    }
}

/* A server at a place that outlives it, which server_start does not give. */
static void start_at(struct server *server, const char *listen, const char *feed)
{
    const char *const arguments[] = {"serve", "--listen", listen,          "--feed",
                                     feed,    "--io",     check_backend(), NULL};
    char said[1024] = "";
    memset(server, 0, sizeof(*server));
    server->pid = program_start(arguments, &server->out);
    struct pollfd ready = {.fd = server->out, .events = POLLIN};
    REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1 && read(server->out, said, sizeof(said) - 1) > 0 &&
                sscanf(said, "listening on http://127.0.0.1:%hu", &server->port) == 1,
            "it does not start: %s", said);
}

static void stop_at(struct server *server)
{
    int status;
    kill(server->pid, SIGTERM);
    REQUIRE(waitpid(server->pid, &status, 0) == server->pid, "waitpid: %s", strerror(errno));
    close(server->out);
}

/* Lines go on over a restart of the server, over the feed and over HTTP: what was not acknowledged
 * is sent again, and what comes meanwhile waits. */
static void run_restart(bool by_http)
{
    struct server server;
    struct stream stream;
    char url[96], feed[96], listen[64], text[4096];
    int in[2], err[2];

    snprintf(feed, sizeof(feed), "/tmp/fanfare-e2e-restart-%d.sock", (int)getpid());
    start_at(&server, "127.0.0.1:0", feed);
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", server.port);
    snprintf(url, sizeof(url), "http://%s", listen);
    REQUIRE(pipe2(in, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    const char *const arguments[] = {"pub", by_http ? "--url" : "--feed", by_http ? url : feed, "r",
                                     NULL};
    pid_t pid = program_start_as(&(struct launch){.in = in[0], .err = err[1]}, arguments);
    close(in[0]);
    close(err[1]);
    stream_open(&stream, &server, "/events/r", NULL);
    stream_await_id(&stream);
    for (int i = 0; i < 10; i++)
        dprintf(in[1], "first %d\n", i);
    expect_lines(&stream, "first", 10);
    stop_at(&server);
    stream_close(&stream);
    /* It is said that it is gone; lines that come now must not be lost. */
    for (int i = 0; i < 10; i++)
        dprintf(in[1], "second %d\n", i);
    size_t len = 0;
    while (len < sizeof(text) - 1 && (len == 0 || !memchr(text, '\n', len))) {
        struct pollfd ready = {.fd = err[0], .events = POLLIN};
        ssize_t got = poll(&ready, 1, DEADLINE_MS) == 1
                          ? read(err[0], text + len, sizeof(text) - 1 - len)
                          : 0;
        REQUIRE(got > 0, "nothing is said of a lost connection");
        len += (size_t)got;
    }
    text[len] = '\0';
    EXPECT(strstr(text, "connection is lost"), "%s", text);
    start_at(&server, listen, feed);
    stream_open(&stream, &server, "/events/r?last=100", NULL);
    expect_lines(&stream, "second", 10);
    for (int i = 0; i < 10; i++)
        dprintf(in[1], "third %d\n", i);
    expect_lines(&stream, "third", 10);
    close(in[1]);
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    ssize_t got = read(err[0], text + len, sizeof(text) - 1 - len);
    text[len + (size_t)(got > 0 ? got : 0)] = '\0';
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "0x%x %s", (unsigned)status, text);
    EXPECT(strstr(text, "is back"), "%s", text);
    close(err[0]);
    stream_close(&stream);
    stop_at(&server);
}

static void case_pub_over_restart(void)
{
    run_restart(false);
    run_restart(true);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("bad_options", case_bad_options);
    check_case("help", case_help);
    check_case("address_in_use", case_address_in_use);
    check_case("sockets", case_sockets);
    check_case("says_backend", case_says_backend);
    check_case("precedence", case_precedence);
    check_case("check_reads_back", case_check_reads_back);
    check_case("pub", case_pub);
    check_case("pub_turned_away", case_pub_turned_away);
    check_case("sub", case_sub);
    check_case("pub_over_restart", case_pub_over_restart);
    return check_end();
}
