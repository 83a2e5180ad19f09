/* SPDX-License-Identifier: MIT */
/*
 * What is answered where: routes that are switched off for all or for one listener, channels named
 * by the path alone, and the file mode of one listener.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static int status_of(struct client client, const char *method, const char *target, const char *body,
                     char *ret_body, size_t size)
{
    struct answer answer;
    client_request(&client, method, target, NULL, body, strlen(body), &answer);
    int status = answer.status;
    if (ret_body)
        snprintf(ret_body, size, "%s", answer.body);
    answer_free(&answer);
    client_close(&client);
    return status;
}

static int ask(const char *method, const char *target, const char *body)
{
    struct client client;
    client_open(&client, &server);
    return status_of(client, method, target, body, NULL, 0);
}

static void case_routes(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--routes", "publish,subscribe stats"));
    EXPECT_INT(ask("POST", "/publish/a", "x"), 200);
    EXPECT_INT(ask("HEAD", "/events/a", ""), 200);
    EXPECT_INT(ask("HEAD", "/stream", ""), 200);
    EXPECT_INT(ask("GET", "/healthz", ""), 404);
    EXPECT_INT(ask("GET", "/", ""), 404);
    EXPECT_INT(ask("GET", "/metrics", ""), 404);
    EXPECT_INT(ask("OPTIONS", "/metrics", ""), 404);
    EXPECT_INT(ask("POST", "/send", "{\"message\": \"x\"}"), 404);
    EXPECT_INT(server_stat(&server, "published"), 1);
    server_stop(&server);
}

/* The door to the street, and a socket file with all the rest. */
static void case_one_listener(void)
{
    char path[128], inner[192], other[192];
    struct stat status;
    snprintf(path, sizeof(path), "/tmp/fanfare-routes-%d", (int)getpid());
    snprintf(other, sizeof(other), "unix:%s-other", path);
    snprintf(inner, sizeof(inner), "unix:%s mode=0600 routes=publish,stats,health", path);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--listen", inner, "--listen", other,
                                "--listen-mode", "0640", "--routes", "subscribe health stats"));
    EXPECT_INT(ask("POST", "/publish/a", "x"), 404);
    EXPECT_INT(ask("HEAD", "/events/a", ""), 200);
    EXPECT_INT(ask("GET", "/healthz", ""), 200);
    REQUIRE(stat(path, &status) == 0, "%s", path);
    EXPECT_INT(status.st_mode & 07777, 0600);
    REQUIRE(stat(other + 5, &status) == 0, "%s", other);
    EXPECT_INT(status.st_mode & 07777, 0640);
    EXPECT_INT(
        status_of((struct client){.fd = connect_unix(path)}, "POST", "/publish/a", "x", NULL, 0),
        200);
    EXPECT_INT(
        status_of((struct client){.fd = connect_unix(path)}, "HEAD", "/events/a", "", NULL, 0),
        404);
    EXPECT_INT(server_stat(&server, "published"), 1);
    server_stop(&server);
}

static void case_query_channels(void)
{
    static const struct {
        const char *method, *target, *body;
        int status;
    } rows[] = {
        {"POST", "/publish/a", "x", 200},
        {"HEAD", "/events/a", "", 200},
        {"POST", "/publish?channel=a", "x", 400},
        {"POST", "/publish", "{\"channel\": \"secret\", \"data\": \"x\"}", 400},
        {"HEAD", "/events?channel=secret", "", 400},
        {"HEAD", "/events/a?channel=secret", "", 400},
        {"HEAD", "/stream?channel=secret", "", 400},
        {"POST", "/events", "{\"channels\": [\"secret\"]}", 400},
        {"POST", "/events?channel=secret", "{}", 400},
        {"HEAD", "/events/a?last-event-id=7", "", 200},
    };
    char body[256];
    struct client client;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--query-channels", "no"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_open(&client, &server);
        int status =
            status_of(client, rows[i].method, rows[i].target, rows[i].body, body, sizeof(body));
        EXPECT(status == rows[i].status, "%s %s: %d %s", rows[i].method, rows[i].target, status,
               body);
    }
    /* A body under a path that has a channel cannot name another one either. */
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, "POST", "/publish/a", "Content-Type: application/json\r\n",
                   "{\"channel\": \"secret\", \"data\": \"x\"}", 34, &answer);
    EXPECT_INT(answer.status, 400);
    answer_free(&answer);
    client_close(&client);
    EXPECT_INT(server_stat(&server, "published"), 1);
    server_stop(&server);
}

static void case_what_is_no_route(void)
{
    static const struct refused rows[] = {
        {{"serve", "--check", "--routes", "subscribe,admin", NULL}, "there is no route \"admin\""},
        {{"serve", "--check", "--listen", "127.0.0.1:0 routes=x", NULL}, "there is no route \"x\""},
        {{"serve", "--check", "--listen", "127.0.0.1:0 color=red", NULL}, "not \"color\""},
    };
    program_expect_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("routes", case_routes);
    check_case("one_listener", case_one_listener);
    check_case("query_channels", case_query_channels);
    check_case("what_is_no_route", case_what_is_no_route);
    return check_end();
}
