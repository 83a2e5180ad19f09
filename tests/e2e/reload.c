/* SPDX-License-Identifier: MIT */
/*
 * SIGHUP: the file is read again and what can change does, while subscribers, feeds and kept
 * connections stay; what cannot is named; a faulty file changes nothing; the log file is opened
 * again. What the server did is awaited in its log.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;
static char dir[64], config[96], log_path[96], old_log[128];

static void config_write(const char *text)
{
    FILE *file = fopen(config, "we");

    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s: %s", config, strerror(errno));
}

static void names_make(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fanfare-reload-XXXXXX");
    REQUIRE(mkdtemp(dir), "mkdtemp: %s", strerror(errno));
    snprintf(config, sizeof(config), "%s/fanfare.conf", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    snprintf(old_log, sizeof(old_log), "%s/log.1", dir);
}

static void begin(const char *text)
{
    names_make();
    config_write(text);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--config", config, "--log", log_path));
}

static void end(void)
{
    server_stop(&server);
    unlink(config);
    unlink(log_path);
    unlink(old_log);
    EXPECT(rmdir(dir) == 0, "rmdir %s: %s", dir, strerror(errno));
}

static unsigned count_in(const char *path, const char *words)
{
    static char text[1 << 20];
    unsigned count = 0;
    FILE *file = fopen(path, "re");

    if (!file)
        return 0;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
        count++;
    return count;
}

/* Each line says when, in words that sort, and how bad it is. */
static void expect_dated_lines(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[512], level[16];
    unsigned year, month, day, hour, minute, second;

    REQUIRE(file, "%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file))
        EXPECT(sscanf(line, "%4u-%2u-%2u %2u:%2u:%2u %15s ", &year, &month, &day, &hour, &minute,
                      &second, level) == 7 &&
                   (strcmp(level, "info") == 0 || strcmp(level, "warning") == 0 ||
                    strcmp(level, "error") == 0),
               "a line without date or level: %s", line);
    fclose(file);
}

static void log_await(const char *words, unsigned count)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;

    while (count_in(log_path, words) < count) {
        REQUIRE(check_now_ms() < deadline, "not logged %u times: %s", count, words);
        poll(NULL, 0, 2);
    }
}

/* The file becomes this, the server is told, and these words must come in its log. */
static void reload(const char *text, const char *words)
{
    unsigned before = count_in(log_path, words);

    if (text)
        config_write(text);
    REQUIRE(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    log_await(words, before + 1);
}

/* --- nobody is dropped ----------------------------------------------------------------------- */

#define READERS 50u
#define RELOADS 20u

static struct stream readers[READERS];

static void expect_number(struct stream *stream, unsigned number)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", number);
    stream_expect(stream, "message", text, NULL);
}

/* Events go out before, while and after the server reloads; the log says how many times it has. */
static void case_nobody_dropped(void)
{
    static const char *const files[2] = {
        "heartbeat = 1\nhistory-events = 5000\nslow = skip\nbody-max = 2M\nlifetime = 600\n"
        "keep-alive-timeout = 30\nallow-origin = *\n",
        "retry = 100\nwrite-timeout = 0\nmemory-max = 1G\npublish-wait = 5\nsubscribers-max = 60\n"
        "connections-max = 200\n"};
    struct client kept, feed;
    struct receipt receipt;
    unsigned published = 0, reloads = 0;
    char text[64];

    begin("");
    client_open(&kept, &server);
    client_open_feed(&feed, &server);
    for (unsigned i = 0; i < READERS; i++) {
        stream_open(&readers[i], &server, "/events/r", NULL);
        stream_await_id(&readers[i]);
    }
    while (reloads < RELOADS) {
        config_write(files[reloads % 2]);
        kill(server.pid, SIGHUP);
        reloads++;
        do {
            snprintf(text, sizeof(text), "%u", published++);
            publish(&kept, "r", text, NULL);
            snprintf(text, sizeof(text), "channel: r\ndata: %u\nack: 1\n\n", published++);
            client_say(&feed, text);
            REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
            EXPECT(!receipt.error[0], "%s", receipt.error);
        } while (published % 100 || count_in(log_path, "SIGHUP: ") < reloads);
    }
    for (unsigned i = 0; i < READERS; i++)
        for (unsigned j = 0; j < published; j++)
            expect_number(&readers[i], j);
    printf("   %u reloads, %u events to each of %u subscribers\n", reloads, published, READERS);
    EXPECT_INT(server_stat(&server, "subscribers"), READERS);
    EXPECT_INT(server_stat(&server, "joined"), READERS);
    EXPECT_INT(server_stat(&server, "feeds_accepted"), 1);
    for (unsigned i = 0; i < READERS; i++)
        stream_close(&readers[i]);
    client_close(&kept);
    client_close(&feed);
    end();
}

/* --- it takes effect ------------------------------------------------------------------------- */

static void case_engine_options(void)
{
    struct stream stream;
    struct stream_event event;
    struct client client;
    char text[16];
    unsigned count = 0;

    begin("heartbeat = 0\n");
    client_open(&client, &server);
    stream_open(&stream, &server, "/events/e", NULL);
    stream_await_id(&stream);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "%u", i);
        publish(&client, "e", text, NULL);
        stream_expect(&stream, "message", text, NULL);
    }
    EXPECT_INT(stream.comments, 0);
    reload("heartbeat = 1\nhistory-events = 5\n",
           "info     SIGHUP: history-events: 10000 -> 5, heartbeat: 0 -> 1\n");
    int64_t start = check_now_ms();
    while (stream.comments < 2) {
        struct pollfd ready = {.fd = stream.fd, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1 && stream_take(&stream, 65536), "no heartbeat");
    }
    printf("   two heartbeats within %lld ms\n", (long long)(check_now_ms() - start));
    stream_close(&stream);
    publish(&client, "e", "20", NULL);
    stream_open(&stream, &server, "/events/e?last=100&limit=5", NULL);
    while (stream_next(&stream, &event)) {
        EXPECT((unsigned)atoi(event.data) == 16 + count, "%s", event.data);
        count++;
        event_free(&event);
    }
    EXPECT_INT(count, 5);
    stream_close(&stream);
    client_close(&client);
    end();
}

static int post(struct client *client, size_t len, const char *fields, char ret_head[4096])
{
    static char body[4096];
    struct answer answer;

    memset(body, 'b', sizeof(body));
    client_request(client, "POST", "/publish/n", fields, body, len, &answer);
    if (ret_head)
        snprintf(ret_head, 4096, "%s", answer.head);
    int status = answer.status;
    answer_free(&answer);
    return status;
}

static void case_net_options(void)
{
    struct client kept, idle, waiting, feed, late;
    struct stream stream;
    struct receipt receipt;
    struct answer answer;
    char head[4096], event[4096];

    begin("");
    client_open(&kept, &server);
    client_open(&idle, &server);
    client_open_feed(&feed, &server);
    stream_open(&stream, &server, "/events/n", NULL);
    stream_await_id(&stream);
    EXPECT_INT(post(&kept, 3000, "Origin: http://a\r\nSec-Fetch-Site: same-origin\r\n", head), 200);
    EXPECT(!head_field(head, "access-control-allow-origin"), "%s", head);
    EXPECT_INT(post(&idle, 3000, NULL, NULL), 200);
    client_open(&waiting, &server);
    EXPECT_INT(post(&waiting, 3000, NULL, NULL), 200);
    reload("body-max = 2K\nallow-origin = http://a\nsubscribers-max = 1\n",
           "SIGHUP: allow-origin: none -> http://a, subscribers-max: 1000000 -> 1, "
           "body-max: 1M -> 2K\n");
    EXPECT_INT(post(&kept, 2000, "Origin: http://a\r\n", head), 200);
    EXPECT_TEXT(head_field(head, "access-control-allow-origin"), "http://a");
    EXPECT_INT(post(&kept, 3000, NULL, NULL), 413);
    /* Also for the first request of a connection that was waiting for it. */
    EXPECT_INT(post(&waiting, 3000, NULL, NULL), 413);
    client_close(&waiting);
    snprintf(event, sizeof(event), "channel: n\nack: 1\ndata: %03000d\n\n", 0);
    client_say(&feed, event);
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    EXPECT_TEXT(receipt.error, "the event's data is longer than 2048 bytes");
    client_open(&late, &server);
    client_request(&late, "GET", "/events/n", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 503);
    answer_free(&answer);
    client_close(&late);
    /* Who has been idle already is measured anew. */
    reload("keep-alive-timeout = 0.2\n", "keep-alive-timeout: 75 -> 0.2");
    EXPECT(client_ends(&idle), "not closed");
    client_say(&feed, event);
    REQUIRE(client_receipt(&feed, &receipt), "the feed was closed");
    EXPECT_TEXT(receipt.error, "");
    EXPECT_INT(server_stat(&server, "subscribers"), 1);
    stream_close(&stream);
    client_close(&kept);
    client_close(&idle);
    client_close(&feed);
    end();
}

/* --- what cannot change, and faults ---------------------------------------------------------- */

static void case_restart_and_faults(void)
{
    struct client client;
    struct stream stream;
    struct outcome outcome;

    program_run((const char *const[]){"serve", "--listen", "127.0.0.1:0", "--feed", "none", "--log",
                                      "/nowhere/log", NULL},
                NULL, &outcome);
    EXPECT_INT(outcome.status, 2);
    EXPECT_TEXT(outcome.err, "fanfare serve: cannot open the log file /nowhere/log: No such file "
                             "or directory; make its directory first\n");
    begin("body-max = 2K\n");
    stream_open(&stream, &server, "/events/n", NULL);
    stream_await_id(&stream);
    client_open(&client, &server);
    reload("body-max = 2K\nacceptors = 9\nfeed-mode = 600\n",
           "warning  SIGHUP: acceptors: one per four cores -> 9 needs a restart\n");
    log_await("warning  SIGHUP: feed-mode: 0660 -> 600 needs a restart\n", 1);
    log_await("info     SIGHUP: nothing changed\n", 1);
    /* Each time until then. */
    reload(NULL, "warning  SIGHUP: acceptors: one per four cores -> 9 needs a restart\n");
    log_await("info     SIGHUP: nothing changed\n", 2);
    reload("body-max = 4K\nheartbeat = often\n",
           "fanfare.conf:2: heartbeat: \"often\" is not a whole number of seconds; "
           "allowed: 0 to 3600 seconds; every option stays as it was\n");
    EXPECT_INT(post(&client, 3000, NULL, NULL), 413);
    client_close(&client);
    REQUIRE(unlink(config) == 0, "unlink: %s", strerror(errno));
    reload(NULL, "No such file or directory; every option stays as it was\n");
    /* A flag beats the file, which is checked nevertheless. */
    reload("body-max = 4K\nworkers = 1\nlog = /nowhere/log\n", "SIGHUP: body-max: 2K -> 4K\n");
    client_open(&client, &server);
    EXPECT_INT(post(&client, 3000, NULL, NULL), 200);
    client_close(&client);
    stream_expect(&stream, "message", NULL, NULL);
    stream_close(&stream);
    end();
}

/* --- the log file ---------------------------------------------------------------------------- */

static void case_log(void)
{
    char moved[96];

    begin("retry = 1\n");
    reload(NULL, "SIGHUP: nothing changed\n");
    REQUIRE(rename(log_path, old_log) == 0, "rename: %s", strerror(errno));
    reload("retry = 2\n", "SIGHUP: retry: 1 -> 2\n");
    EXPECT_INT(count_in(old_log, "SIGHUP"), 1);
    EXPECT_INT(count_in(log_path, "SIGHUP"), 1);
    /* Also when the file of the options is faulty. */
    REQUIRE(rename(log_path, old_log) == 0, "rename: %s", strerror(errno));
    reload("retry = x\n", "every option stays as it was\n");
    EXPECT_INT(count_in(old_log, "SIGHUP"), 1);
    /* Where it cannot be opened the old one is written on. */
    snprintf(moved, sizeof(moved), "%s.moved", dir);
    REQUIRE(rename(dir, moved) == 0, "rename: %s", strerror(errno));
    snprintf(old_log, sizeof(old_log), "%s/log", moved);
    REQUIRE(kill(server.pid, SIGHUP) == 0, "kill: %s", strerror(errno));
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (count_in(old_log, "cannot open the log file") == 0) {
        REQUIRE(check_now_ms() < deadline, "not logged");
        poll(NULL, 0, 2);
    }
    REQUIRE(rename(moved, dir) == 0, "rename: %s", strerror(errno));
    snprintf(old_log, sizeof(old_log), "%s/log.1", dir);
    EXPECT_INT(kill(server.pid, SIGTERM), 0);
    /* Too late for it, and no second signal that ends at once. */
    EXPECT_INT(kill(server.pid, SIGHUP), 0);
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
    EXPECT_INT(count_in(log_path, "stopped: "), 1);
    unlink(config);
    unlink(log_path);
    unlink(old_log);
    EXPECT(rmdir(dir) == 0, "rmdir %s: %s", dir, strerror(errno));
}

/* What is refused is not told as a change, and a log file in a directory that belongs to everybody
 * is not chosen by a stranger's link. */
static void case_log_refused(void)
{
    char link_path[128], text[160];

    names_make();
    snprintf(text, sizeof(text), "log = %s\n", log_path);
    config_write(text);
    server_start(&server, SERVER_OPTIONS("--config", config));
    reload("log = /nowhere/log\n", "info     SIGHUP: nothing changed\n");
    EXPECT_INT(count_in(log_path,
                        "cannot open the log file /nowhere/log: No such file or directory; "
                        "make its directory first; the old one is used on\n"),
               1);
    reload(text, "SIGHUP: ");
    EXPECT_INT(count_in(log_path, "listening on http://127.0.0.1:"), 1);
    EXPECT_INT(count_in(log_path, "memory: "), 1);
    expect_dated_lines(log_path);
    snprintf(link_path, sizeof(link_path), "%s/link", dir);
    if (geteuid() == 0) { /* who else can make a link of another user */
        struct outcome outcome;
        REQUIRE(symlink("/tmp/fanfare-e2e-victim", link_path) == 0 &&
                    lchown(link_path, 65534, 65534) == 0,
                "%s: %s", link_path, strerror(errno));
        program_run((const char *const[]){"serve", "--listen", "127.0.0.1:0", "--feed", "none",
                                          "--log", link_path, NULL},
                    NULL, &outcome);
        EXPECT_INT(outcome.status, 2);
        EXPECT(strstr(outcome.err, "symbolic link of another user"), "%s", outcome.err);
        EXPECT(access("/tmp/fanfare-e2e-victim", F_OK) != 0, "it was followed");
        unlink(link_path);
    }
    end();
}

/* Trouble is in the log without anybody asking /stats. */
static void case_log_warns(void)
{
    struct client first, second;
    struct answer answer;

    begin("subscribers-max = 1\n");
    client_open(&first, &server);
    client_say(&first, "GET /events/x HTTP/1.1\r\nHost: t\r\n\r\n");
    REQUIRE(client_read(&first), "no stream");
    client_open(&second, &server);
    client_request(&second, "GET", "/events/x", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 503);
    answer_free(&answer);
    log_await("warning  1 subscribers were refused because there is room for no more; raise ", 1);
    client_close(&first);
    client_close(&second);
    end();
}

/* The status of a stream that is opened now. */
static int stream_status(struct stream *stream)
{
    stream_open(stream, &server, "/events/x", "X-Forwarded-For: 192.0.2.1\r\n");
    stream_await_head(stream);
    return stream->status;
}

/* Caps that come with a reload hold for who comes then; routes and proxies change, too. */
static void case_caps(void)
{
    struct stream streams[4];
    struct client client;
    struct answer answer;

    begin("");
    EXPECT_INT(stream_status(&streams[0]), 200);
    reload("subscribers-per-address = 1\nconnect-rate = 100000\nroutes = subscribe stats\n",
           "SIGHUP: routes: all -> subscribe stats, subscribers-per-address: 0 -> 1, "
           "connect-rate: 0 -> 100000\n");
    EXPECT_INT(stream_status(&streams[1]), 200);
    EXPECT_INT(stream_status(&streams[2]), 429);
    stream_close(&streams[2]);
    client_open(&client, &server);
    client_request(&client, "GET", "/healthz", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 404);
    answer_free(&answer);
    client_close(&client);
    reload("subscribers-per-address = 1\ntrusted-proxy = 127.0.0.1\n",
           "SIGHUP: routes: subscribe stats -> all, trusted-proxy: none -> 127.0.0.1, "
           "connect-rate: 100000 -> 0\n");
    EXPECT_INT(stream_status(&streams[2]), 200); /* it is of 192.0.2.1 now */
    EXPECT_INT(stream_status(&streams[3]), 429);
    stream_close(&streams[3]);
    reload("", "SIGHUP: trusted-proxy: 127.0.0.1 -> none, subscribers-per-address: 1 -> 0\n");
    EXPECT_INT(stream_status(&streams[3]), 200);
    /* Who had a seat leaves it although no cap is set any more. */
    for (unsigned i = 0; i < 4; i++)
        stream_close(&streams[i]);
    server_await(&server, "subscribers", false, 0);
    reload("subscribers-per-address = 1\n", "SIGHUP: subscribers-per-address: 0 -> 1\n");
    EXPECT_INT(stream_status(&streams[0]), 200);
    stream_close(&streams[0]);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("nobody_dropped", case_nobody_dropped);
    check_case("engine_options", case_engine_options);
    check_case("net_options", case_net_options);
    check_case("restart_and_faults", case_restart_and_faults);
    check_case("caps", case_caps);
    check_case("log", case_log);
    check_case("log_refused", case_log_refused);
    check_case("log_warns", case_log_warns);
    return check_end();
}
