/* SPDX-License-Identifier: MIT */
/*
 * `fanfare ctl`: what it prints for people and for programs, what it says when something is wrong,
 * and its exit statuses; against servers of ours, and against what is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct server server;
static char place[160], token_path[160];

/* Runs it with the server's place. */
#define CTL(outcome, ...)                                                                          \
    program_run((const char *[]){"ctl", "--admin", place, __VA_ARGS__, NULL}, NULL, outcome)

static void publish_to(const char *channel, const char *text, char ret_id[160])
{
    struct client client;
    client_open(&client, &server);
    publish(&client, channel, text, ret_id);
    client_close(&client);
}

static void expect_done(const struct outcome *outcome, const char *out)
{
    EXPECT_INT(outcome->status, 0);
    EXPECT_TEXT(outcome->out, out);
    EXPECT_TEXT(outcome->err, "");
}

static void expect_fault(const struct outcome *outcome, int status, const char *said)
{
    const char *end = strchr(outcome->err, '\n');
    EXPECT_INT(outcome->status, status);
    EXPECT(end && end[1] == '\0' && strncmp(outcome->err, "fanfare ctl: ", 13) == 0 &&
               strstr(outcome->err, said),
           "%s", outcome->err);
    EXPECT_TEXT(outcome->out, "");
}

#define SUBSCRIBERS "SUBSCRIBER        ADDRESS          SECONDS    BEHIND  STATE CHANNELS\n"

/* --- channels -------------------------------------------------------------------------------- */

#define HEAD "SUBSCRIBERS    EVENTS   SIZE  LAST ID                        STATE  CHANNEL\n"

static void expect_channels(void)
{
    char wanted[2048], id[160], other[160], large[5000];
    struct outcome outcome;
    struct stream stream;
    CTL(&outcome, "channels");
    expect_done(&outcome, HEAD);
    stream_open(&stream, &server, "/events/a/1", NULL);
    stream_await_id(&stream);
    publish_to("a/1", "x", id);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    publish_to("b", large, other);
    CTL(&outcome, "channels");
    snprintf(wanted, sizeof(wanted),
             HEAD "          1         1     49  %s  open   a/1\n"
                  "          0         1   4.9K  %s  open   b\n",
             id, other);
    expect_done(&outcome, wanted);
    CTL(&outcome, "--json", "channels");
    EXPECT(strncmp(outcome.out, "{\"channels\": [{\"name\": \"a/1\", ", 29) == 0 &&
               strchr(outcome.out, '\n') == outcome.out + strlen(outcome.out) - 1,
           "%s", outcome.out);
    CTL(&outcome, "channel", "a/1");
    snprintf(wanted, sizeof(wanted),
             "name         a/1\nsubscribers  1\nevents       1\nbytes        49\n"
             "last_id      %s\nended        no\n",
             id);
    expect_done(&outcome, wanted);
    stream_close(&stream);
    /* Names that a path, a query or a terminal would take for something else. */
    static const char *const odd[] = {"..", "?a=b&c#d", "a b%20+", "\xe2\x80\xae-desrever"};
    for (unsigned i = 0; i < COUNT(odd); i++) {
        struct client client;
        struct answer answer;
        char body[256];
        snprintf(body, sizeof(body), "channel: %s\ndata: x\n\n", odd[i]);
        client_open(&client, &server);
        client_request(&client, "POST", "/publish", "Content-Type: text/event-stream\r\n", body,
                       strlen(body), &answer);
        EXPECT(answer.status == 200, "%s", answer.body);
        answer_free(&answer);
        client_close(&client);
        CTL(&outcome, "--json", "channel", odd[i]);
        EXPECT(outcome.status == 0 && strstr(outcome.out, odd[i]), "%s: %s", outcome.err,
               outcome.out);
    }
    CTL(&outcome, "channel", odd[3]);
    EXPECT(strstr(outcome.out, "name         \\u202e-desrever\n"), "%s", outcome.out);
    CTL(&outcome, "channel", "nobody");
    expect_fault(&outcome, 1, "there is no such channel");
    CTL(&outcome, "--json", "channel", "nobody");
    expect_fault(&outcome, 1, "there is no such channel");
}

static void expect_subscribers(void)
{
    struct stream stream;
    struct outcome outcome;
    char id[160], wanted[512];
    CTL(&outcome, "subscribers", "nobody");
    expect_done(&outcome, SUBSCRIBERS);
    stream_open(&stream, &server, "/events?channel=a&channel=b&channel=c%20c", NULL);
    stream_await_id(&stream);
    const char *name = stream_field(&stream, "fanfare-subscriber");
    REQUIRE(name, "%s", stream.head);
    char called[64];
    snprintf(called, sizeof(called), "%s", name);
    publish_to("a", "x", id);
    stream_expect(&stream, "message", "x", (char[136]){0});
    CTL(&outcome, "subscribers", "c c");
    EXPECT(outcome.status == 0 && strstr(outcome.out, SUBSCRIBERS) == outcome.out &&
               strstr(outcome.out, called) && strstr(outcome.out, "127.0.0.1 ") &&
               strstr(outcome.out, "  ok    a b c c\n"),
           "%s", outcome.out);
    CTL(&outcome, "--json", "subscribers");
    EXPECT(strstr(outcome.out, "{\"subscribers\": [{\"id\": \"") == outcome.out, "%s", outcome.out);
    CTL(&outcome, "explain", called, id);
    snprintf(wanted, sizeof(wanted),
             "delivered: sent\nThe event was written to the subscriber's socket. What it has had "
             "goes up to %s.\n",
             id);
    expect_done(&outcome, wanted);
    CTL(&outcome, "send", called, "only you");
    snprintf(wanted, sizeof(wanted), "sent to %s\n", called);
    expect_done(&outcome, wanted);
    stream_expect(&stream, "message", "only you", (char[136]){0});
    CTL(&outcome, "end", called);
    snprintf(wanted, sizeof(wanted), "ended %s\n", called);
    expect_done(&outcome, wanted);
    stream_expect_end(&stream);
    static const char *const nobody[] = {"0100000000ffff01", "x/../y", "..", ""};
    for (unsigned i = 0; i < COUNT(nobody); i++) {
        CTL(&outcome, "end", nobody[i]);
        expect_fault(&outcome, 1, "there is no such subscriber");
        CTL(&outcome, "send", nobody[i], "x");
        expect_fault(&outcome, 1, "there is no such subscriber");
    }
    CTL(&outcome, "explain", "x", id);
    expect_fault(&outcome, 1, "there is no such subscriber, nor is one remembered");
    stream_close(&stream);
}

static void expect_steered(void)
{
    struct stream streams[2];
    struct outcome outcome;
    char id[160];
    for (unsigned i = 0; i < 2; i++) {
        stream_open(&streams[i], &server, i ? "/events/s/2" : "/events/s/1", NULL);
        stream_await_id(&streams[i]);
    }
    CTL(&outcome, "close", "nobody");
    expect_fault(&outcome, 1, "there is no such channel");
    CTL(&outcome, "close", "s/1");
    expect_done(&outcome, "closed s/1\n");
    stream_expect_end(&streams[0]);
    publish_to("s/1", "x", id);
    CTL(&outcome, "--json", "kick");
    expect_done(&outcome, "");
    stream_expect_end(&streams[1]);
    CTL(&outcome, "kick");
    expect_done(&outcome, "every stream is ended, and told when to come back\n");
    for (unsigned i = 0; i < 2; i++)
        stream_close(&streams[i]);
}

/* More than a page, which is printed before the next one is asked for. */
static void expect_pages(void)
{
    enum { MANY = 1500 };
    static char body[MANY * 40];
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    for (unsigned at = 0; at < MANY;) {
        size_t len = 0;
        for (unsigned i = 0; i < 1000 && at < MANY; i++, at++)
            len += (size_t)snprintf(body + len, sizeof(body) - len, "channel: %u\ndata: x\n\n",
                                    10000 + at);
        client_request(&client, "POST", "/publish", "Content-Type: text/event-stream\r\n", body,
                       len, &answer);
        REQUIRE(answer.status == 200, "%s", answer.body);
        answer_free(&answer);
    }
    client_close(&client);
    char line[512];
    int status = 0;
    FILE *file = tmpfile();
    REQUIRE(file, "tmpfile");
    struct launch launch = {.out = fileno(file)};
    pid_t pid =
        program_start_as(&launch, (const char *[]){"ctl", "--admin", place, "channels", NULL});
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid");
    EXPECT_INT(status, 0);
    rewind(file);
    unsigned seen = 0, heads = 0;
    while (fgets(line, sizeof(line), file)) {
        const char *name = strrchr(line, ' ') + 1;
        heads += strcmp(line, HEAD) == 0;
        if (strncmp(name, "1", 1) == 0)
            EXPECT((unsigned)atoi(name) == 10000 + seen++, "%s", line);
    }
    EXPECT_INT(seen, MANY);
    EXPECT_INT(heads, 1);
    fclose(file);
}

static void expect_stats(void)
{
    struct outcome outcome;
    CTL(&outcome, "stats");
    EXPECT_INT(outcome.status, 0);
    EXPECT(strstr(outcome.out, "\npublished ") && strncmp(outcome.out, "version ", 8) == 0, "%s",
           outcome.out);
    CTL(&outcome, "--json", "stats");
    EXPECT(strstr(outcome.out, "\"published\": "), "%s", outcome.out);
}

static void case_looking(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--admin", place));
    expect_channels();
    expect_stats();
    expect_subscribers();
    expect_steered();
    expect_pages();
    server_stop(&server);
}

/* --- who is asked, and what is said ---------------------------------------------------------- */

static void case_places(void)
{
    static const struct refused rows[] = {
        {{"ctl", NULL}, "an argument is missing"},
        {{"ctl", "dance", NULL}, "ctl cannot do \"dance\"; it can do channels"},
        {{"ctl", "channel", NULL}, "usage: fanfare ctl channel NAME"},
        {{"ctl", "channels", "x", NULL}, "an argument too many; usage: fanfare ctl channels"},
        {{"ctl", "--admin", "9000", "stats", NULL}, "--admin: \"9000\" is no place"},
        {{"ctl", "--jsn", "stats", NULL}, "did you mean --json?"},
    };
    struct outcome outcome;
    char line[256], tcp[64], wrong[200];
    program_expect_refused(rows, COUNT(rows));
    unsetenv("XDG_RUNTIME_DIR");
    program_run((const char *[]){"ctl", "--admin", "/nowhere/x", "stats", NULL}, NULL, &outcome);
    expect_fault(&outcome, 1,
                 "no server answers at unix:/nowhere/x: No such file or directory; is it running "
                 "with --admin unix:/nowhere/x?");

    /* Over TCP, as the server prints it; where it is not an administration; with its token. */
    FILE *file = fopen(token_path, "w");
    REQUIRE(file && fputs("sesame\n", file) >= 0 && fclose(file) == 0, "%s", token_path);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--admin", "127.0.0.1:0",
                                         "--admin-token-file", token_path));
    server_read_io_line(&server, line);
    const char *at = strstr(server.said, "admin at ");
    REQUIRE(at, "%s", server.said);
    snprintf(tcp, sizeof(tcp), "%.*s", (int)strcspn(at + 9, "\n"), at + 9);
    const char *const told[] = {"ctl", "--admin", tcp, "--token-file", token_path, "stats", NULL};
    program_run(told, NULL, &outcome);
    EXPECT_INT(outcome.status, 0);
    program_run((const char *[]){"ctl", "--admin", tcp, "stats", NULL}, NULL, &outcome);
    expect_fault(&outcome, 1, "give it by --token-file FILE");
    snprintf(wrong, sizeof(wrong), "%s.wrong", token_path);
    file = fopen(wrong, "w");
    REQUIRE(file && fputs("other\n", file) >= 0 && fclose(file) == 0, "%s", wrong);
    program_run((const char *[]){"ctl", "--admin", tcp, "--token-file", wrong, "stats", NULL}, NULL,
                &outcome);
    expect_fault(&outcome, 1, "that of --token-file is none of them");
    unlink(wrong);
    snprintf(tcp, sizeof(tcp), "127.0.0.1:%u", (unsigned)server.port);
    program_run((const char *[]){"ctl", "--admin", tcp, "channels", NULL}, NULL, &outcome);
    expect_fault(&outcome, 1, "is no administration");
    server_stop(&server);
    unlink(token_path);
}

static bool name_it(void *context)
{
    (void)context;
    return setenv("FANFARE_ADMIN", place, 1) == 0;
}

/* The usual place, found by both without a word; and one variable for both. */
static void case_usual_place(void)
{
    char directory[] = "/tmp/fanfare-e2e-ctl-XXXXXX", said[160];
    struct outcome outcome;
    struct stat status;
    REQUIRE(mkdtemp(directory), "mkdtemp");
    setenv("XDG_RUNTIME_DIR", directory, 1);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--admin", "unix"));
    snprintf(said, sizeof(said), "%s/fanfare-admin.sock", directory);
    REQUIRE(stat(said, &status) == 0, "%s", said);
    EXPECT_INT(status.st_mode & 07777, 0600);
    program_run((const char *[]){"ctl", "channels", NULL}, NULL, &outcome);
    expect_done(&outcome, HEAD);
    server_stop(&server);
    unsetenv("XDG_RUNTIME_DIR");
    const struct launch named = {.prepare = name_it};
    server_start_as(&server, &named, SERVER_OPTIONS("--workers", "1"));
    program_run_as(&named, (const char *[]){"ctl", "channels", NULL}, NULL, &outcome);
    expect_done(&outcome, HEAD);
    server_stop(&server);
    program_run_as(&named, (const char *[]){"ctl", "channels", NULL}, NULL, &outcome);
    expect_fault(&outcome, 1, "no server answers at unix:");
    rmdir(directory);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    snprintf(place, sizeof(place), "unix:/tmp/fanfare-e2e-ctl-%d", (int)getpid());
    snprintf(token_path, sizeof(token_path), "/tmp/fanfare-e2e-ctl-%d.token", (int)getpid());
    check_case("looking", case_looking);
    check_case("places", case_places);
    check_case("usual_place", case_usual_place);
    return check_end();
}
