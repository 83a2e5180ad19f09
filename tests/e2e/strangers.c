/* SPDX-License-Identifier: MIT */
/*
 * `fanfare pub` and `fanfare sub` against servers that are none of ours: sub follows redirects,
 * both give up on what never ends, say one sentence, and print nothing that steers a terminal.
 *
 * The stranger is a thread that answers each connection with the next of some texts, or the last
 * one again and again. A case is over when the program that it runs is.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/server.h"

#define RUN(outcome, ...) program_run((const char *[]){__VA_ARGS__, NULL}, NULL, outcome)
#define STREAM            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
/* A stranger serves one request of a connection, and says so: a client that sends another one there
 * would find it closed. */
#define CLOSES "Connection: close\r\n"
#define JSON   "HTTP/1.1 200 OK\r\n" CLOSES "\r\n"

struct stranger {
    int listener;
    char url[64];
    const char *answers[4]; /* "@" in one stands for the own address */
    const char *endless;    /* sent again and again behind the last answer */
    unsigned served;
    pthread_t thread;
};

/* Reads a head, and as much of a body as is there by then; of a feed, one event. */
static bool request_read(int fd)
{
    char bytes[8192];
    size_t len = 0;
    while (len < sizeof(bytes) - 1) {
        ssize_t got = recv(fd, bytes + len, sizeof(bytes) - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        bytes[len] = '\0';
        if (strstr(bytes, "\r\n\r\n") || strstr(bytes, "\n\n"))
            return true;
    }
    return true;
}

static void answer_send(struct stranger *stranger, int fd)
{
    unsigned number = stranger->served++;
    while (number > 0 && !stranger->answers[number < 4 ? number : 3])
        number--;
    char text[2048];
    const char *answer = stranger->answers[number], *at = strchr(answer, '@');
    if (at)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - answer), answer, stranger->url, at + 1);
    else
        snprintf(text, sizeof(text), "%s", answer);
    bool alive = send(fd, text, strlen(text), MSG_NOSIGNAL) >= 0;
    while (alive && stranger->endless)
        alive = send(fd, stranger->endless, strlen(stranger->endless), MSG_NOSIGNAL) >= 0;
    shutdown(fd, SHUT_WR);
    while (recv(fd, text, sizeof(text), 0) > 0) /* or a reset would take the answer away */
        continue;
}

static void *stranger_run(void *argument)
{
    struct stranger *stranger = argument;
    for (;;) {
        int fd = accept(stranger->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        if (request_read(fd))
            answer_send(stranger, fd);
        close(fd);
    }
}

static void stranger_start(struct stranger *stranger)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    stranger->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(stranger->listener, (struct sockaddr *)&address, len) == 0 &&
                listen(stranger->listener, 16) == 0 &&
                getsockname(stranger->listener, (struct sockaddr *)&address, &len) == 0,
            "no listener");
    snprintf(stranger->url, sizeof(stranger->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
    pthread_create(&stranger->thread, NULL, stranger_run, stranger);
}

/* The same on a unix socket, of which `url` is the path. */
static void stranger_start_feed(struct stranger *stranger)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(stranger->url, sizeof(stranger->url), "/tmp/fanfare-e2e-stranger-%d", (int)getpid());
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", stranger->url);
    stranger->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(stranger->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                listen(stranger->listener, 16) == 0,
            "no feed");
    pthread_create(&stranger->thread, NULL, stranger_run, stranger);
}

static void stranger_stop(struct stranger *stranger)
{
    shutdown(stranger->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(stranger->thread, NULL);
    close(stranger->listener);
    if (stranger->url[0] == '/')
        unlink(stranger->url);
}

static void expect_one_line(const struct outcome *outcome, const char *names)
{
    const char *end = strchr(outcome->err, '\n');
    EXPECT_INT(outcome->status, 1);
    EXPECT(end && end[1] == '\0', "not one line: \"%s\"", outcome->err);
    EXPECT(strstr(outcome->err, names), "no \"%s\" in \"%s\"", names, outcome->err);
}

static void case_redirects(void)
{
    static const char *const status[] = {"301", "302", "303", "307", "308"};
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        char redirect[256];
        snprintf(redirect, sizeof(redirect),
                 "HTTP/1.1 %s Moved\r\n" CLOSES "Location: @/moved\r\nContent-Length: 0\r\n\r\n",
                 status[i]);
        struct stranger stranger = {.answers = {redirect, STREAM "data: there\n\n"}};
        stranger_start(&stranger);
        RUN(&outcome, "sub", "--raw", "--limit", "1", "--url", stranger.url, "x");
        EXPECT(outcome.status == 0 && strcmp(outcome.out, "there\n") == 0, "%s: %d %s%s", status[i],
               outcome.status, outcome.out, outcome.err);
        stranger_stop(&stranger);
    }
}

static void case_redirects_refused(void)
{
    struct outcome outcome;
    static const struct {
        const char *answer, *names;
        unsigned served_max;
    } cases[] = {
        {"HTTP/1.1 302 Round\r\n" CLOSES "Location: @/again\r\nContent-Length: 0\r\n\r\n",
         "more than 10 times", 11},
        {"HTTP/1.1 302 Off\r\n" CLOSES "Location: ftp://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n",
         "http://HOST:PORT", 1},
        {"HTTP/1.1 302 Where\r\n" CLOSES "Content-Length: 0\r\n\r\n", "does not say where", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stranger stranger = {.answers = {cases[i].answer}};
        stranger_start(&stranger);
        RUN(&outcome, "sub", "--url", stranger.url, "x");
        expect_one_line(&outcome, cases[i].names);
        stranger_stop(&stranger);
        EXPECT(stranger.served <= cases[i].served_max, "%u requests", stranger.served);
    }
}

/* `retry: 0` and a stream that ends at once are thousands of connections a second without a floor:
 * three waits of 250 ms lie between four streams. */
static void case_retry_0(void)
{
    struct outcome outcome;
    const char *nothing = STREAM "retry: 0\n\n";
    struct stranger stranger = {.answers = {nothing, nothing, nothing, STREAM "data: at last\n\n"}};
    stranger_start(&stranger);
    int64_t start = check_now_ms();
    RUN(&outcome, "sub", "--raw", "--limit", "1", "--url", stranger.url, "x");
    EXPECT_TEXT(outcome.out, "at last\n");
    EXPECT(check_now_ms() - start >= 750, "it came back after %lld ms",
           (long long)(check_now_ms() - start));
    stranger_stop(&stranger);
    EXPECT_INT(stranger.served, 4);
}

static void case_no_ids(void)
{
    static const char *const bodies[] = {
        JSON "{\"ids\":[1]}",
        JSON "{\"ids\":[null]}",
        JSON "{\"ids\":{}}",
        JSON "[]",
        JSON "{}",
        JSON "\"ids\"",
        JSON "",
        JSON "<html>",
        JSON "{\"ids\":[[[[[[",
        JSON "{\"ids\":\"a\"}",
    };
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct stranger stranger = {.answers = {bodies[i]}};
        stranger_start(&stranger);
        RUN(&outcome, "pub", "-v", "--url", stranger.url, "x", "data");
        expect_one_line(&outcome, "does not answer as Fanfare does");
        stranger_stop(&stranger);
    }
}

static void case_endless(void)
{
    struct outcome outcome;
    char block[65536];
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';

    struct stranger publish = {.answers = {JSON}, .endless = block};
    stranger_start(&publish);
    RUN(&outcome, "pub", "--url", publish.url, "x", "data");
    expect_one_line(&outcome, "longer than any of Fanfare's");
    stranger_stop(&publish);

    struct stranger refusal = {.answers = {"HTTP/1.1 404 No\r\n\r\nno such\n"}, .endless = block};
    stranger_start(&refusal);
    RUN(&outcome, "sub", "--url", refusal.url, "x");
    expect_one_line(&outcome, "refused: no such");
    stranger_stop(&refusal);

    struct stranger line = {.answers = {STREAM "data: "}, .endless = block};
    stranger_start(&line);
    RUN(&outcome, "sub", "--url", line.url, "x");
    expect_one_line(&outcome, "longer than any may be");
    stranger_stop(&line);
}

/* Bidi overrides and both kinds of control characters, in everything that is printed. */
static void case_terminal(void)
{
#define EVIL "\xe2\x80\xae\xc2\x9b\x1b[2J"
    struct outcome outcome;
    struct stranger stranger = {
        .answers = {STREAM "event: " EVIL "\nid: " EVIL "\ndata: " EVIL "\n\n"}};
    stranger_start(&stranger);
    RUN(&outcome, "sub", "--limit", "1", "--url", stranger.url, "x");
    EXPECT(outcome.status == 0 && strstr(outcome.out, "\\u202e\\x9b\\x1b[2J"), "%s", outcome.out);
    EXPECT(!strpbrk(outcome.out, "\x1b\x9b\xe2"), "%s", outcome.out);
    RUN(&outcome, "sub", "--json", "--limit", "1", "--url", stranger.url, "x");
    EXPECT(strstr(outcome.out, "\"data\":\"\\u202e\\u009b\\u001B[2J\""), "%s", outcome.out);
    RUN(&outcome, "sub", "--raw", "--limit", "1", "--url", stranger.url, "x");
    EXPECT_TEXT(outcome.out, EVIL "\n"); /* a pipe gets the bytes */
    stranger_stop(&stranger);

    struct stranger ids = {.answers = {JSON "{\"ids\":[\""
                                            "\\u202e\\u001b"
                                            "\"]}"}};
    stranger_start(&ids);
    RUN(&outcome, "pub", "-v", "--url", ids.url, "x", "data");
    EXPECT_TEXT(outcome.out, "\\u202e\\x1b\n");
    stranger_stop(&ids);

    struct stranger refusal = {.answers = {"HTTP/1.1 403 No\r\n\r\n" EVIL}};
    stranger_start(&refusal);
    RUN(&outcome, "sub", "--url", refusal.url, "x");
    expect_one_line(&outcome, "refused: \\u202e\\x9b [2J");
    RUN(&outcome, "pub", "--url", refusal.url, "x", "data");
    expect_one_line(&outcome, "refused: \\u202e\\x9b [2J");
    stranger_stop(&refusal);
}

/* pub does not send an event to a place that it was not given; it says which one that is. */
static void case_pub_is_told_the_address(void)
{
    struct outcome outcome;
    struct stranger stranger = {.answers = {"HTTP/1.1 308 Moved\r\n" CLOSES
                                            "Location: @/moved\r\nContent-Length: 0\r\n\r\n"}};
    stranger_start(&stranger);
    RUN(&outcome, "pub", "--url", stranger.url, "x", "data");
    expect_one_line(&outcome, "/moved");
    stranger_stop(&stranger);
    EXPECT_INT(stranger.served, 1);
}

/* Answers to what was not asked, and one that never ends, are no reason to wait or to try again. */
static void case_feed(void)
{
    static const char *const answers[] = {"ack: 2\nid: x\n\n", "ack: 1\nid: x\n\nack: 2\n\n",
                                          "ack: 18446744073709551617\n\n", "ack: -1\n\n"};
    struct outcome outcome;
    char block[4096];
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct stranger stranger = {.answers = {answers[i]}};
        stranger_start_feed(&stranger);
        program_run((const char *[]){"pub", "--feed", stranger.url, "x", NULL}, "a line\n",
                    &outcome);
        EXPECT_INT(outcome.status, 1);
        EXPECT(strstr(outcome.err, "answers what was not asked"), "%s", outcome.err);
        stranger_stop(&stranger);
        EXPECT_INT(stranger.served, 1);
    }
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';
    struct stranger endless = {.answers = {"id: "}, .endless = block};
    stranger_start_feed(&endless);
    program_run((const char *[]){"pub", "--feed", endless.url, "x", NULL}, "a line\n", &outcome);
    EXPECT(outcome.status == 1 && strstr(outcome.err, "answers what was not asked"), "%d %s",
           outcome.status, outcome.err);
    stranger_stop(&endless);
}

static void case_nobody(void)
{
    struct outcome outcome;
    struct stranger stranger = {.answers = {""}};
    stranger_start(&stranger);
    stranger_stop(&stranger); /* its port is nobody's now */
    RUN(&outcome, "sub", "--url", stranger.url, "x");
    expect_one_line(&outcome, "is the server running there? (`fanfare serve`");
    RUN(&outcome, "pub", "--url", stranger.url, "x", "data");
    expect_one_line(&outcome, "is the server running there? (`fanfare serve`");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("redirects", case_redirects);
    check_case("redirects_refused", case_redirects_refused);
    check_case("pub_is_told_the_address", case_pub_is_told_the_address);
    check_case("retry_0", case_retry_0);
    check_case("no_ids", case_no_ids);
    check_case("endless", case_endless);
    check_case("feed", case_feed);
    check_case("terminal", case_terminal);
    check_case("nobody", case_nobody);
    return check_end();
}
