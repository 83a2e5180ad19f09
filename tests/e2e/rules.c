/* SPDX-License-Identifier: MIT */
/*
 * Rules for channels: what is kept by pattern, what ends a stream, who is one too many, and the
 * channel of one event, as a login page has it; and that a reload changes them for channels that
 * exist.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define EVENT_STREAM "Accept: text/event-stream\r\n"

static struct server server;

static void open_ready(struct stream *stream, const char *target, const char *fields, int status)
{
    stream_open(stream, &server, target, fields);
    stream_await_head(stream);
    EXPECT(stream->status == status, "%s: status %d", target, stream->status);
}

static void send_text(const char *channel, const char *text, char ret_id[160])
{
    struct client client;
    client_open(&client, &server);
    publish(&client, channel, text, ret_id);
    client_close(&client);
}

static void send_end(const char *channel)
{
    struct client client;
    struct answer answer;
    char target[64];
    snprintf(target, sizeof(target), "/publish/%s", channel);
    client_open(&client, &server);
    client_request(&client, "POST", target, "Content-Type: application/json\r\n", "{\"end\": true}",
                   13, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
}

/* What a request without a stream gets: its status, and how often `text` stands in its body. */
static int ask(const char *target, const char *fields, const char *text, unsigned *ret_count)
{
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, "GET", target, fields, "", 0, &answer);
    int status = answer.status;
    *ret_count = 0;
    for (const char *at = answer.body; at && (at = strstr(at, text)); at++)
        ++*ret_count;
    answer_free(&answer);
    client_close(&client);
    return status;
}

/* The same, as soon as a place is free that somebody has just left. */
static int ask_in_turn(const char *target, const char *text, unsigned *ret_count)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    int status = 429;
    while (status == 429 && check_now_ms() < due_ms)
        status = ask(target, NULL, text, ret_count);
    return status;
}

static void expect_kept(const char *channel, unsigned count)
{
    char target[80];
    unsigned kept;
    snprintf(target, sizeof(target), "/events/%s?last=99&wait=no", channel);
    EXPECT_INT(ask_in_turn(target, "data: ", &kept), 200);
    EXPECT(kept == count, "%s: %u events are kept, expected %u", channel, kept, count);
}

static void start(void)
{
    server_start(&server,
                 SERVER_OPTIONS("--workers", "2", "--channel", "login/* once subscribers-max=1",
                                "--channel", "pair/* subscribers-max=2", "--channel",
                                "few/* history-events=2", "--channel", "none/* history-events=0",
                                "--channel", "quiet/* idle-timeout=0.05", "--channel",
                                "brief/* lifetime=0.05"));
}

static void case_what_is_kept(void)
{
    char id[160], first[160], fields[240];
    struct stream stream;
    for (unsigned i = 0; i < 5; i++) {
        send_text("few/a", "x", id);
        send_text("more", "x", id);
    }
    expect_kept("few/a", 2);
    expect_kept("more", 5);
    /* Of a channel that keeps nothing: live, told, and over when it is over. */
    open_ready(&stream, "/events/none/a", NULL, 200);
    send_text("none/a", "one", first);
    send_text("none/a", "two", id);
    send_text("none/a", "three", id);
    stream_expect(&stream, "message", "one", NULL);
    stream_expect(&stream, "message", "two", NULL);
    stream_expect(&stream, "message", "three", NULL);
    expect_kept("none/a", 0);
    struct stream later;
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", first);
    open_ready(&later, "/events/none/a", fields, 200);
    struct stream_event gap;
    REQUIRE(stream_next(&later, &gap), "no gap is told");
    EXPECT_TEXT(gap.type, "fanfare-gap");
    EXPECT(strstr(gap.data, "\"reason\": \"expired\""), "%s", gap.data);
    event_free(&gap);
    stream_close(&later);
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", id);
    open_ready(&later, "/events/none/a", fields, 200);
    send_text("none/a", "four", id);
    stream_expect(&later, "message", "four", NULL);
    send_end("none/a");
    stream_expect_end(&later);
    stream_close(&later);
    stream_expect(&stream, "message", "four", NULL);
    stream_expect_end(&stream);
    stream_close(&stream);
    unsigned none = 0;
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", id);
    EXPECT_INT(ask("/events/none/a", fields, "data", &none), 204);
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", first);
    EXPECT_INT(ask("/events/none/a", fields, "fanfare-gap", &none), 200);
    EXPECT_INT(none, 1);
}

/* A browser that is put off comes back. */
static void open_page(struct stream *stream, const char *target)
{
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    open_ready(stream, target, EVENT_STREAM, 200);
    while (stream_field(stream, "fanfare-refused") && check_now_ms() < due_ms) {
        stream_close(stream);
        open_ready(stream, target, EVENT_STREAM, 200);
    }
}

/* A page waits at login/TOKEN for one event, its own; the phone's program publishes it. */
static void case_login(void)
{
    struct stream page, other;
    char id[160], fields[240];
    unsigned none = 0;
    send_text("login/a", "for nobody", id); /* is accepted, and gone */
    open_ready(&page, "/events/login/a?last=5", EVENT_STREAM, 200);
    open_ready(&other, "/events/login/a", NULL, 429);
    stream_close(&other);
    /* A browser that is one too many is put off, without an id to come back with. */
    open_ready(&other, "/events/login/a", EVENT_STREAM, 200);
    stream_expect_end(&other);
    EXPECT_INT(other.ids, 0);
    stream_close(&other);
    EXPECT_INT(page.seen, 0);
    send_text("login/a", "welcome", id);
    stream_expect(&page, "message", "welcome", NULL);
    stream_expect_end(&page);
    EXPECT_TEXT(page.last_id, id);
    EXPECT_INT(page.ids, 1);
    stream_close(&page);
    /* The browser comes back with that id: 204 ends its loop. Nobody gets it again. */
    snprintf(fields, sizeof(fields), EVENT_STREAM "Last-Event-ID: %s\r\n", id);
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    int status = 200; /* put off, as long as its own stream is not quite gone */
    while (status == 200 && check_now_ms() < due_ms)
        status = ask("/events/login/a", fields, "data", &none);
    EXPECT_INT(status, 204);
    expect_kept("login/a", 0);
    EXPECT_INT(ask_in_turn("/events/login/a?wait=no&last-event-id=earliest", "data", &none), 200);
    EXPECT_INT(none, 0);
    /* The name can be used again. */
    open_page(&page, "/events/login/a");
    send_text("login/a", "again", id);
    stream_expect(&page, "message", "again", NULL);
    stream_expect_end(&page);
    stream_close(&page);
    /* And never with others in one stream. */
    EXPECT_INT(ask("/events?channel=login/a&channel=b", NULL,
                   "the channel \"login/a\" is for one event, and is subscribed to alone", &none),
               400);
    EXPECT_INT(none, 1);
}

static void case_subscribers_max(void)
{
    struct stream streams[4];
    open_ready(&streams[0], "/events/pair/x", NULL, 200);
    open_ready(&streams[1], "/events?channel=pair/x&channel=pair/y&channel=z", NULL, 200);
    open_ready(&streams[2], "/events/pair/x", NULL, 429);
    open_ready(&streams[3], "/events?channel=z&channel=pair/y", NULL, 200);
    for (unsigned i = 0; i < 4; i++)
        stream_close(&streams[i]);
}

static void case_times(void)
{
    struct stream quiet, brief, with_quiet, with_brief;
    long long idle = server_stat(&server, "closed_idle"), age = server_stat(&server, "closed_age");
    open_ready(&with_quiet, "/events?channel=quiet/b&channel=any", NULL, 200);
    open_ready(&quiet, "/events/quiet/a", NULL, 200);
    open_ready(&brief, "/events/brief/a", NULL, 200);
    open_ready(&with_brief, "/events?channel=brief/b&channel=any", NULL, 200);
    stream_expect_end(&quiet);
    stream_expect_end(&brief);
    stream_expect_end(&with_brief); /* no stream of its channels lives longer */
    EXPECT_INT(server_stat(&server, "closed_idle"), idle + 1);
    EXPECT_INT(server_stat(&server, "closed_age"), age + 2);
    /* The other channel's stream may be quiet for as long as it likes. */
    stream_expect_serving(&with_quiet, &server, "any", "still here");
    stream_close(&quiet);
    stream_close(&brief);
    stream_close(&with_quiet);
    stream_close(&with_brief);
}

static void write_config(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    REQUIRE(file, "cannot write %s", path);
    fputs(text, file);
    fclose(file);
}

static void case_reload(void)
{
    char path[] = "/tmp/fanfare-rules-XXXXXX", id[160];
    int fd = mkstemp(path);
    REQUIRE(fd >= 0, "no temporary file");
    close(fd);
    write_config(path, "channel = a/* history-events=4\nworkers = 2\n");
    server_start(&server, SERVER_OPTIONS("--config", path));
    for (unsigned i = 0; i < 9; i++) {
        send_text("a/x", "x", id);
        send_text("b", "x", id);
    }
    expect_kept("a/x", 4);
    expect_kept("b", 9);
    write_config(path, "channel = b history-events=3\nworkers = 2\n");
    kill(server.pid, SIGHUP);
    /* Whoever asks for b's history is given what its new rule keeps, as soon as it holds. */
    unsigned kept = 9;
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (kept != 3 && check_now_ms() < due_ms)
        ask("/events/b?last=99&wait=no", NULL, "data: ", &kept);
    EXPECT_INT(kept, 3);
    for (unsigned i = 0; i < 3; i++)
        send_text("a/x", "x", id);
    expect_kept("a/x", 7);
    /* A faulty one changes nothing. */
    write_config(path, "channel = b histroy-events=1\n");
    kill(server.pid, SIGHUP);
    send_text("b", "x", id);
    expect_kept("b", 3);
    server_stop(&server);
    remove(path);
}

static void case_refused(void)
{
    static const struct refused rows[] = {
        {{"serve", "--channel", "x lifetme=3"},
         "channel \"x\": \"lifetme\" is no key of a rule, did you mean lifetime?"},
        {{"serve", "--channel", "x"}, "channel \"x\": no key stands behind the pattern"},
    };
    program_expect_refused(rows, 2);
    struct outcome outcome;
    program_run(
        (const char *const[]){"serve", "--channel", "login/* once lifetime=120", "--check", NULL},
        NULL, &outcome);
    EXPECT(strstr(outcome.out, "\nchannel = login/* once lifetime=120  # --channel\n"), "%s",
           outcome.out);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    start();
    check_case("what_is_kept", case_what_is_kept);
    check_case("login", case_login);
    check_case("subscribers_max", case_subscribers_max);
    check_case("times", case_times);
    server_stop(&server);
    check_case("reload", case_reload);
    check_case("refused", case_refused);
    return check_end();
}
