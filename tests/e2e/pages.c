/* SPDX-License-Identifier: MIT */
/*
 * What a browser may do for a page: publish from foreign origins, read across them (CORS), and
 * reach the server under a name that is not its own. What the rules are is in
 * tests/unit/test_policy.c; here they hold on every route, and a refusal publishes nothing, is
 * counted and says what to do.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

/* One request on a connection of its own. */
static void ask(const char *method, const char *target, const char *fields, const char *body,
                struct answer *ret_answer)
{
    struct client client;
    client_open(&client, &server);
    client_request(&client, method, target, fields, body, strlen(body), ret_answer);
    client_close(&client);
}

static int status_of(const char *method, const char *target, const char *fields, const char *body)
{
    struct answer answer;
    ask(method, target, fields, body, &answer);
    int status = answer.status;
    answer_free(&answer);
    return status;
}

static void expect_field(const char *method, const char *target, const char *fields,
                         const char *name, const char *value)
{
    struct answer answer;
    ask(method, target, fields, "", &answer);
    const char *seen = answer_field(&answer, name);
    if (value)
        EXPECT_TEXT(seen ? seen : "(none)", value);
    else
        EXPECT(!seen, "%s %s: %s: %s", method, target, name, seen);
    answer_free(&answer);
}

static void case_foreign_pages(void)
{
    static const struct {
        const char *target, *fields, *body;
    } forged[] = {
        {"/publish/x", "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n", "forged"},
        {"/publish/x", "Origin: http://evil.example\r\n", "forged"},
        {"/publish/x", "Origin: null\r\n", "forged"},
        {"/publish/x", "Sec-Fetch-Site: cross-site\r\n", "forged"},
        {"/publish/x", "Sec-Fetch-Site: same-site\r\n", "forged"},
        {"/publish",
         "Origin: http://evil.example\r\nContent-Type: application/x-www-form-urlencoded\r\n",
         "channel=x&data=forged"},
        {"/send", "Origin: http://evil.example\r\n", "{\"event\":\"x\",\"data\":\"forged\"}"},
    };
    static const char *const own[] = {NULL, "Sec-Fetch-Site: none\r\n",
                                      "Origin: http://x\r\nSec-Fetch-Site: same-origin\r\n",
                                      "Origin: https://good.example\r\n"};
    struct stream stream;
    struct answer answer;
    unsigned count = sizeof(forged) / sizeof(forged[0]);

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--allow-origin", "https://good.example"));
    stream_open(&stream, &server, "/events/x", NULL);
    stream_await_id(&stream);
    for (unsigned i = 0; i < count; i++) {
        ask("POST", forged[i].target, forged[i].fields, forged[i].body, &answer);
        EXPECT(answer.status == 403, "%s %s: %d", forged[i].target, forged[i].fields,
               answer.status);
        EXPECT(strstr(answer.body, "--allow-origin"), "%s", answer.body);
        EXPECT((answer.body[0] == '{') == (strcmp(forged[i].target, "/send") == 0), "%s",
               answer.body);
        answer_free(&answer);
    }
    EXPECT_INT(server_stat(&server, "publishes_refused_origin"), count);
    EXPECT_INT(server_stat(&server, "published"), 0);
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        EXPECT_INT(status_of("POST", "/publish/x", own[i], "own"), 200);
        stream_expect(&stream, "message", "own", (char[136]){0});
    }
    /* Reading is what CORS hides, and what it hides is the browser's part. */
    EXPECT_INT(status_of("GET", "/stats", "Origin: http://evil.example\r\n", ""), 200);
    stream_close(&stream);
    server_stop(&server);
}

static void case_origins(void)
{
    static const char preflight[] = "Origin: https://a.example\r\n"
                                    "Access-Control-Request-Method: GET\r\n"
                                    "Access-Control-Request-Headers: traceparent\r\n";
    static const char *const targets[] = {"/healthz", "/nothing", "/events"};
    struct stream stream;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--allow-origin", "https://a.example",
                                "--allow-origin", "https://b.example", "--allow-credentials",
                                "--allow-headers", "X-Requested-With,traceparent"));
    for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const char *at = targets[i];
        expect_field("GET", at, "Origin: https://a.example\r\n", "access-control-allow-origin",
                     "https://a.example");
        expect_field("GET", at, "Origin: https://b.example\r\n", "access-control-allow-origin",
                     "https://b.example");
        expect_field("GET", at, "Origin: https://b.example\r\n", "access-control-allow-credentials",
                     "true");
        expect_field("GET", at, "Origin: https://c.example\r\n", "access-control-allow-origin",
                     NULL);
        expect_field("GET", at, "Origin: https://c.example\r\n", "access-control-allow-credentials",
                     NULL);
        /* A cache must not give to b what was made for a, nor for a request without Origin. */
        expect_field("GET", at, "Origin: https://c.example\r\n", "vary", "Origin");
        expect_field("GET", at, NULL, "vary", "Origin");
    }
    expect_field("OPTIONS", "/events/x", preflight, "access-control-allow-headers",
                 "Authorization, Cache-Control, Content-Type, Last-Event-ID, X-Requested-With, "
                 "traceparent");
    expect_field("OPTIONS", "/events/x",
                 "Origin: https://c.example\r\nAccess-Control-Request-Method: GET\r\n",
                 "access-control-allow-headers", NULL);
    /* A page may see what it is to do about a refusal, and of an answer no more than it may. */
    expect_field("GET", "/publish/x", "Origin: https://a.example\r\n",
                 "access-control-expose-headers", "Allow, Retry-After, WWW-Authenticate");
    expect_field("GET", "/publish/x", "Origin: https://c.example\r\n",
                 "access-control-expose-headers", NULL);
    expect_field("GET", "/healthz", "Origin: https://a.example\r\n",
                 "access-control-expose-headers", NULL);
    /* A page that sends cookies is told so by the preflight, too; what a page may not do at a path,
     * and where there is none, it is told as well. */
    expect_field("OPTIONS", "/events/x", preflight, "access-control-allow-credentials", "true");
    expect_field("OPTIONS", "/events/x", preflight, "access-control-allow-methods",
                 "GET, HEAD, POST, QUERY, OPTIONS");
    expect_field("OPTIONS", "/publish/x", preflight, "access-control-allow-methods",
                 "POST, OPTIONS");
    expect_field("OPTIONS", "/nothing", preflight, "access-control-allow-methods", NULL);
    stream_open(&stream, &server, "/events/x", "Origin: https://a.example\r\n");
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "access-control-allow-origin"), "https://a.example");
    EXPECT_TEXT(stream_field(&stream, "access-control-allow-credentials"), "true");
    EXPECT_TEXT(stream_field(&stream, "access-control-expose-headers"),
                "Fanfare-Resume, Fanfare-Refused, Fanfare-Subscriber");
    stream_close(&stream);
    server_stop(&server);

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--allow-origin", "*"));
    expect_field("OPTIONS", "/events/x", preflight, "access-control-allow-headers", "traceparent");
    expect_field("GET", "/healthz", NULL, "vary", NULL);
    server_stop(&server);
}

static void expect_host(const char *host, int status)
{
    struct client client;
    struct answer answer;
    char request[256];
    client_open(&client, &server);
    snprintf(request, sizeof(request), "GET /healthz HTTP/1.1\r\n%s%s%s\r\n", host ? "Host: " : "",
             host ? host : "", host ? "\r\n" : "");
    if (!host)
        snprintf(request, sizeof(request), "GET /healthz HTTP/1.0\r\n\r\n");
    client_say(&client, request);
    REQUIRE(client_answer(&client, false, &answer), "no answer to %s", host);
    EXPECT(answer.status == status, "%s: %d %s", host ? host : "(none)", answer.status,
           answer.body);
    EXPECT(status != 421 || strstr(answer.body, "--host"), "%s", answer.body);
    answer_free(&answer);
    client_close(&client);
}

static void case_hosts(void)
{
    char path[128], listen[160];

    snprintf(path, sizeof(path), "/tmp/fanfare-pages-%d", (int)getpid());
    snprintf(listen, sizeof(listen), "unix:%s", path);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--listen", listen, "--host", "live.example",
                                "--host", "localhost:8080", "--host", "test"));
    expect_host("live.example", 200);
    expect_host("LIVE.example:443", 200);
    expect_host("localhost:8080", 200);
    expect_host(NULL, 200);
    expect_host("localhost:8081", 421);
    expect_host("evil.example", 421);
    EXPECT_INT(server_stat(&server, "requests_refused_host"), 2);

    struct client client = {.fd = connect_unix(path)};
    struct answer answer;
    client_say(&client, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    REQUIRE(client_answer(&client, false, &answer), "no answer over the socket file");
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_close(&client);
    server_stop(&server);

    server_start(&server, SERVER_OPTIONS("--workers", "1"));
    expect_host("evil.example", 200);
    server_stop(&server);
}

/* The default listener needs its own port, so here is only what would be done. */
static void case_what_can_match_nothing(void)
{
    static const struct refused rows[] = {
        {{"serve", "--check", "--allow-origin", "https://app.example/", NULL},
         "allow-origin: \"https://app.example/\" has a / behind the host"},
        {{"serve", "--check", "--allow-origin", "null", NULL}, "pages of any origin"},
        {{"serve", "--check", "--allow-credentials", "--allow-origin", "*", NULL},
         "name the origins"},
        {{"serve", "--check", "--allow-headers", "a:b", NULL}, "\"a:b\" is not a header's name"},
        {{"serve", "--check", "--host", "http://a", NULL}, "host: \"http://a\" has a scheme"},
    };
    program_expect_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("foreign_pages", case_foreign_pages);
    check_case("origins", case_origins);
    check_case("hosts", case_hosts);
    check_case("what_can_match_nothing", case_what_can_match_nothing);
    return check_end();
}
