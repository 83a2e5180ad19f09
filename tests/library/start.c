/* SPDX-License-Identifier: MIT */
/*
 * An engine's options, start and end, seen from outside: what is set wrongly is told at once and
 * at the start, what is right runs, and a client that knows nothing but HTTP is served.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/library/engine.h"

static void says_what_is_wrong(void)
{
    struct fanfare *fanfare = fanfare_new();
    EXPECT_INT(fanfare_set(fanfare, "histroy-events", "1"), FANFARE_ERROR_OPTION);
    EXPECT(strstr(fanfare_error(fanfare), "histroy-events"), "%s", fanfare_error(fanfare));
    EXPECT_INT(fanfare_start(fanfare), FANFARE_ERROR_OPTION);
    EXPECT_INT(fanfare_set(fanfare, "workers", "0"), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "1 to "), "%s", fanfare_error(fanfare));
    EXPECT_INT(fanfare_start(fanfare), FANFARE_ERROR_VALUE);
    EXPECT(strstr(fanfare_error(fanfare), "workers"), "%s", fanfare_error(fanfare));
    fanfare_free(fanfare);
}

static void takes_nothing(void)
{
    EXPECT_INT(fanfare_set(NULL, "workers", "1"), -EINVAL);
    EXPECT_INT(fanfare_get(NULL, "workers", NULL, 0), -EINVAL);
    EXPECT_INT(fanfare_start(NULL), -EINVAL);
    EXPECT_INT(fanfare_stop(NULL), -EINVAL);
    fanfare_free(NULL);
}

/* What bindings and manuals are made from: nothing is missing, of any option. */
static void tells_what_there_is_to_set(void)
{
    static const char *const items[] = {"help",  "shown",   "allowed", "default",
                                        "group", "restart", "list"};
    const char *name;
    for (unsigned i = 0; (name = fanfare_option_name(i)); i++)
        for (size_t j = 0; j < sizeof(items) / sizeof(items[0]); j++)
            EXPECT(fanfare_option_text(name, items[j]), "%s: %s", name, items[j]);
    EXPECT_TEXT(fanfare_option_text("workers", "allowed"), "1 to 256");
    EXPECT_TEXT(fanfare_option_text("io", "allowed"), "auto, uring, uring-compat or epoll");
    EXPECT_TEXT(fanfare_option_text("io", "group"), "Threads");
    EXPECT_TEXT(fanfare_option_text("workers", "restart"), "yes");
    EXPECT_TEXT(fanfare_option_text("listen", "list"), "yes");
    EXPECT(!fanfare_option_text("workers", "colour"), "an item that there is not");
    EXPECT(!fanfare_option_text("colour", "help"), "an option that there is not");
}

static void is_started_once(void)
{
    struct fanfare *fanfare = engine_silent(NULL);
    engine_start(fanfare, NULL);
    EXPECT_INT(fanfare_start(fanfare), -EALREADY);
    EXPECT_INT(fanfare_set(fanfare, "workers", "3"), -EBUSY);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    EXPECT_INT(fanfare_stop(fanfare), 0);
    EXPECT_INT(fanfare_start(fanfare), -ESHUTDOWN);
    fanfare_free(fanfare);
}

static void serves(void)
{
    struct server server;
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = engine_new(NULL);
    engine_start(fanfare, &server);
    client_open(&client, &server);
    client_request(&client, "GET", "/healthz", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    /* Publishing is nothing that a library turns on unasked. */
    client_request(&client, "POST", "/publish/news", NULL, "x", 1, &answer);
    EXPECT_INT(answer.status, 404);
    answer_free(&answer);
    client_close(&client);
    engine_end(fanfare);
}

/* A socket that somebody else has bound, and which stays theirs. */
static void serves_on_a_given_socket(void)
{
    struct server server;
    struct client client;
    struct answer answer;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char given[32], address[64], wanted[64];
    socklen_t len = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&name, len) == 0 && listen(fd, 8) == 0 &&
                getsockname(fd, (struct sockaddr *)&name, &len) == 0,
            "%s", strerror(errno));
    snprintf(given, sizeof(given), "fd:%d", fd);
    snprintf(wanted, sizeof(wanted), "http://127.0.0.1:%u", ntohs(name.sin_port));
    struct fanfare *fanfare = engine_silent((const char *const[]){"listen", given, NULL});
    engine_start(fanfare, &server);
    EXPECT_INT(fanfare_get(fanfare, "addresses", address, sizeof(address)), strlen(wanted));
    EXPECT_TEXT(address, wanted);
    client_open(&client, &server);
    client_request(&client, "GET", "/healthz", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
    engine_end(fanfare);
    int on = 0;
    len = sizeof(on);
    EXPECT_INT(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
    EXPECT_INT(on, 1);
    close(fd);
}

/* Workers alone. */
static void listens_nowhere(void)
{
    char address[64];
    struct fanfare *fanfare = engine_silent(NULL);
    engine_start(fanfare, NULL);
    EXPECT_INT(fanfare_get(fanfare, "addresses", address, sizeof(address)), 0);
    engine_end(fanfare);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("says_what_is_wrong", says_what_is_wrong);
    check_case("takes_nothing", takes_nothing);
    check_case("tells_what_there_is_to_set", tells_what_there_is_to_set);
    check_case("is_started_once", is_started_once);
    check_case("serves", serves);
    check_case("serves_on_a_given_socket", serves_on_a_given_socket);
    check_case("listens_nowhere", listens_nowhere);
    return check_end();
}
