/* SPDX-License-Identifier: MIT */
/*
 * What the operator's options refuse never reaches the hook, on the program's own paths too: pages
 * of other origins, their cookies, preflights, hosts, and whoever lacks a token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/library/hooked.h"

#define OURS  "Origin: https://app.example\r\nSec-Fetch-Site: cross-site\r\n"
#define EVIL  "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n"
#define ASKS  "Access-Control-Request-Method: PUT\r\n"
#define TOKEN "t0ken-of-32-bytes-or-more-0123456"

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    hooked.calls++;
    hooked_say(request, fanfare_request_text(request, "method", NULL));
    return 1;
}

struct row {
    const char *method, *target, *fields;
    int status;
    bool called;
    const char *origin; /* that may read the answer; NULL: none */
};

static void expect_rows(const struct server *server, const struct row *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct client client;
        struct answer answer;
        unsigned before = hooked.calls;
        client_open(&client, server);
        client_request(&client, rows[i].method, rows[i].target, rows[i].fields, NULL, 0, &answer);
        EXPECT(answer.status == rows[i].status, "row %u: %d", i, answer.status);
        EXPECT((hooked.calls != before) == rows[i].called, "row %u: %u calls", i,
               hooked.calls - before);
        const char *origin = answer_field(&answer, "Access-Control-Allow-Origin");
        EXPECT(rows[i].origin ? origin && strcmp(origin, rows[i].origin) == 0 : !origin,
               "row %u: %s", i, origin ? origin : "none");
        answer_free(&answer);
        client_close(&client);
    }
}

static void pages(void)
{
    static const char *const options[] = {"allow-origin", "https://app.example", "host", "test",
                                          "routes",       "publish health",      NULL};
    static const struct row rows[] = {
        {"GET", "/mine", OURS, 200, true, "https://app.example"},
        {"GET", "/mine", EVIL, 200, true, NULL},
        {"POST", "/mine", NULL, 200, true, NULL},
        {"POST", "/mine", OURS, 200, true, "https://app.example"},
        {"POST", "/mine", EVIL, 403, false, NULL},
        {"PUT", "/mine", EVIL, 403, false, NULL},
        {"DELETE", "/mine", EVIL, 403, false, NULL},
        {"POST", "/publish/a", EVIL, 403, false, NULL},
        {"POST", "/publish/a", OURS, 200, true, "https://app.example"},
        /* A cookie is the visitor's, and not the page's. */
        {"POST", "/mine", OURS "Cookie: a=b\r\n", 403, false, "https://app.example"},
        {"POST", "/publish/a", OURS "Cookie: a=b\r\n", 403, false, "https://app.example"},
        {"POST", "/mine", "Cookie: a=b\r\n", 200, true, NULL},
        {"GET", "/mine", OURS "Cookie: a=b\r\n", 200, true, "https://app.example"},
        /* A preflight is the policy's; another OPTIONS is not one. */
        {"OPTIONS", "/mine", OURS ASKS, 204, false, "https://app.example"},
        {"OPTIONS", "/mine", EVIL ASKS, 204, false, NULL},
        {"OPTIONS", "/mine", OURS, 200, true, "https://app.example"},
        {"OPTIONS", "/publish/a", OURS, 204, false, "https://app.example"},
        {"OPTIONS", "*", NULL, 204, false, NULL},
        /* What is the engine's stays its own. */
        {"GET", "/healthz", NULL, 200, false, NULL},
        {"PUT", "/publish/a", NULL, 405, false, NULL},
    };
    struct server server;
    struct client client;
    struct answer answer;
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    expect_rows(&server, rows, sizeof(rows) / sizeof(rows[0]));
    client_open(&client, &server);
    client_request(&client, "OPTIONS", "/mine", OURS ASKS, NULL, 0, &answer);
    const char *methods = answer_field(&answer, "Access-Control-Allow-Methods");
    EXPECT(methods && strstr(methods, "PUT"), "%s", methods ? methods : "none");
    answer_free(&answer);
    unsigned calls = hooked.calls;
    client_say(&client, "GET /mine HTTP/1.1\r\nHost: other.example\r\n\r\n");
    hooked_expect_answer(&client, 421, "not served here");
    EXPECT_INT(hooked.calls, calls);
    client_close(&client);
    engine_end(fanfare);
}

static void tokens(void)
{
    char path[] = "/tmp/fanfare-tokens-XXXXXX";
    int fd = mkstemp(path);
    REQUIRE(fd >= 0 && write(fd, TOKEN "\n", sizeof(TOKEN)) == sizeof(TOKEN), "no file");
    close(fd);
    const char *const options[] = {"publish-token-file", path, "routes", "subscribe publish", NULL};
    static const struct row rows[] = {
        {"POST", "/publish/a", NULL, 401, false, NULL},
        {"POST", "/publish/a", "Authorization: Bearer wrong\r\n", 401, false, NULL},
        {"POST", "/publish/a", "Authorization: Bearer " TOKEN "\r\n", 200, true, NULL},
        {"GET", "/events/a", NULL, 200, true, NULL},
        {"POST", "/mine", NULL, 200, true, NULL}, /* which is about no channel */
    };
    struct server server;
    struct fanfare *fanfare = hooked_engine(&server, on_request, options);
    expect_rows(&server, rows, sizeof(rows) / sizeof(rows[0]));
    engine_end(fanfare);
    unlink(path);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("pages", pages);
    check_case("tokens", tokens);
    return check_end();
}
