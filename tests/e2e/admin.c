/* SPDX-License-Identifier: MIT */
/*
 * The administration's door: who is let in over which listener, what is there alone, and what a
 * page, a stranger, a path or a crowd cannot get at.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN        "sesame-open-0123456789"
#define BEARER       "Authorization: Bearer " TOKEN "\r\n"

static struct server server;
static char admin_unix[160], token_path[128];

static void names_make(void)
{
    snprintf(admin_unix, sizeof(admin_unix), "unix:/tmp/fanfare-e2e-admin-%d", (int)getpid());
    snprintf(token_path, sizeof(token_path), "/tmp/fanfare-e2e-admin-%d.tokens", (int)getpid());
}

static void tokens_write(const char *text)
{
    FILE *file = fopen(token_path, "w");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", token_path);
}

/* The port of an administration over TCP, as the server says it. */
static uint16_t admin_port(void)
{
    char line[256];
    server_read_io_line(&server, line);
    const char *at = strstr(server.said, "admin at http://");
    REQUIRE(at, "no administration in: %s", server.said);
    return (uint16_t)atoi(strchr(at + strlen("admin at http://"), ':') + 1);
}

static struct client open_tcp(void)
{
    return (struct client){.fd = connect_tcp(&(struct server){.port = admin_port()}, 0)};
}

static struct client open_unix(void)
{
    return (struct client){.fd = connect_unix(admin_unix + 5)};
}

static struct client (*open_admin)(void);

/* A request and its status; what was said goes to *ret_answer if somebody wants it. */
static int ask_with(struct client client, const char *method, const char *target,
                    const char *fields, struct answer *ret_answer)
{
    struct answer answer;
    client_request(&client, method, target, fields, "", 0, &answer);
    int status = answer.status;
    if (ret_answer)
        *ret_answer = answer;
    else
        answer_free(&answer);
    client_close(&client);
    return status;
}

static int ask_admin(const char *method, const char *target, const char *fields)
{
    return ask_with(open_admin(), method, target, fields, NULL);
}

static int ask_public(const char *method, const char *target)
{
    struct client client;
    client_open(&client, &server);
    return ask_with(client, method, target, NULL, NULL);
}

/* The whole request as it is on the wire. */
static int ask_raw(const char *text, struct answer *ret_answer)
{
    struct client client = open_admin();
    struct answer answer;
    client_say(&client, text);
    REQUIRE(client_answer(&client, false, &answer), "no answer to %s", text);
    int status = answer.status;
    if (ret_answer)
        *ret_answer = answer;
    else
        answer_free(&answer);
    client_close(&client);
    return status;
}

static long long admin_stat(const char *name)
{
    struct answer answer;
    char member[128];
    REQUIRE(ask_raw("GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer) == 200, "no /stats");
    snprintf(member, sizeof(member), "\"%s\": ", name);
    const char *at = strstr(answer.body, member);
    REQUIRE(at, "no %s in %s", name, answer.body);
    long long value = atoll(at + strlen(member));
    answer_free(&answer);
    return value;
}

/* What is where: with an administration /stats and /metrics are there alone, and nothing that
 * publishes or reads is. */
static void case_places(void)
{
    static const char *const tricks[] = {
        "/channels",         "/Channels",    "//channels",
        "/channels/",        "/%63hannels",  "/events/../channels",
        "/x/..%2fchannels",  "/subscribers", "/kick",
        "/explain",          "/stats",       "/stats/",
        "/%73tats",          "//stats",      "/metrics",
        "/healthz/../stats",
    };
    struct stat status;
    struct answer answer;
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--admin", admin_unix, "--routes",
                                         "subscribe,publish,health,stats,metrics", "--listen",
                                         "127.0.0.1:0 routes=stats,metrics,publish"));
    open_admin = open_unix;
    REQUIRE(stat(admin_unix + 5, &status) == 0, "%s", admin_unix);
    EXPECT_INT(status.st_mode & 07777, 0600);
    EXPECT_INT(ask_with(open_admin(), "GET", "/stats", NULL, &answer), 200);
    const char *cache = answer_field(&answer, "cache-control");
    EXPECT_TEXT(cache ? cache : "(none)", "no-store");
    answer_free(&answer);
    EXPECT_INT(ask_admin("GET", "/metrics", NULL), 200);
    EXPECT_INT(ask_admin("GET", "/healthz", NULL), 200);
    static const char *const not_there[] = {"/", "/events/a", "/stream", "/publish/a", "/send"};
    for (unsigned i = 0; i < COUNT(not_there); i++) {
        EXPECT_INT(ask_with(open_admin(), "POST", not_there[i], NULL, &answer), 404);
        EXPECT(strncmp(answer.body, "{\"error\":", 9) == 0, "%s", answer.body);
        answer_free(&answer);
    }
    /* A socket file has no name that a page could be of. */
    EXPECT_INT(ask_admin("GET", "/stats", "X: y\r\n"), 200);
    EXPECT_INT(ask_raw("GET /stats HTTP/1.1\r\nHost: evil.example\r\n\r\n", NULL), 200);
    EXPECT_INT(ask_admin("GET", "/stats", "Origin: http://evil.example\r\n"), 403);
    for (unsigned i = 0; i < COUNT(tricks); i++)
        for (unsigned post = 0; post < 2; post++) {
            int seen = ask_public(post ? "POST" : "GET", tricks[i]);
            EXPECT(seen == 404 || seen == 400, "%s: %d", tricks[i], seen);
        }
    EXPECT_INT(ask_public("POST", "/publish/a"), 200);
    EXPECT_INT(ask_public("GET", "/healthz"), 200);
    server_stop(&server);
    EXPECT(access(admin_unix + 5, F_OK) != 0, "the socket file is still there");

    server_start(&server, SERVER_OPTIONS("--workers", "1"));
    EXPECT_INT(ask_public("GET", "/stats"), 200);
    EXPECT_INT(ask_public("GET", "/channels"), 404);
    server_stop(&server);
}

/* What a browser says of a page that asks, on loopback and without a token. */
static void case_pages(void)
{
    static const struct {
        const char *method, *lines;
        int status;
    } rows[] = {
        {"GET", "Host: 127.0.0.1:%u", 200},
        {"GET", "Host: 127.0.0.1", 200},
        {"GET", "Host: localhost:%u", 200},
        {"GET", "Host: LocalHost", 200},
        {"GET", "Host: [::1]:%u", 200},
        {"GET", "Host: 10.1.2.3", 200},
        {"GET", "Host: ops.example:%u", 200},
        /* DNS rebinding. */
        {"GET", "Host: evil.example:%u", 421},
        {"POST", "Host: evil.example:%u\r\nOrigin: http://evil.example:%u", 421},
        {"GET", "Host: 127.0.0.1.evil.example:%u", 421},
        {"GET", "Host: 127.0.0.1.:%u.evil.example", 400},
        {"GET", "Host: 1.2.3.4.5", 421},
        {"GET", "Host: 1.2.3", 421},
        {"GET", "Host: localhost.evil.example", 421},
        {"GET", "Host: [::1].evil.example", 400},
        {"GET", "Host: evil.example\r\nSec-Fetch-Site: same-origin", 421},
        {"OPTIONS", "Host: evil.example", 421},
        /* Another origin, that is another port as well. */
        {"GET", "Host: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u", 200},
        {"POST", "Host: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:%u", 405},
        {"GET", "Host: 127.0.0.1:%u\r\nOrigin: http://127.0.0.1:1", 403},
        {"GET", "Host: 127.0.0.1:%u\r\nOrigin: http://localhost:%u", 403},
        {"POST", "Host: 127.0.0.1:%u\r\nOrigin: http://allowed.example", 403},
        {"GET", "Host: 127.0.0.1:%u\r\nOrigin: null", 403},
        {"GET", "Host: 127.0.0.1:%u\r\nSec-Fetch-Site: cross-site", 403},
        {"GET", "Host: 127.0.0.1:%u\r\nSec-Fetch-Site: same-site", 403},
        {"GET", "Host: 127.0.0.1:%u\r\nSec-Fetch-Site: none", 200},
        {"OPTIONS",
         "Host: 127.0.0.1:%u\r\nOrigin: http://allowed.example\r\n"
         "Access-Control-Request-Method: DELETE",
         403},
        {"DELETE", "Host: 127.0.0.1:%u\r\nOrigin: http://allowed.example", 403},
    };
    struct answer answer;
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--admin", "127.0.0.1:0", "--allow-origin", "*",
                                "--host", "ops.example", "--host", "*"));
    open_admin = open_tcp;
    unsigned port = admin_port();
    for (unsigned i = 0; i < COUNT(rows); i++) {
        char lines[512], text[640];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(lines, sizeof(lines), rows[i].lines, port, port);
#pragma GCC diagnostic pop
        snprintf(text, sizeof(text), "%s /stats HTTP/1.1\r\n%s\r\nContent-Length: 0\r\n\r\n",
                 rows[i].method, lines);
        int status = ask_raw(text, NULL);
        EXPECT(status == rows[i].status, "%s %s: %d", rows[i].method, lines, status);
    }
    /* Whatever pages may read elsewhere, none is shown this. */
    EXPECT_INT(ask_raw("GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n", &answer), 200);
    EXPECT(!answer_field(&answer, "access-control-allow-origin"), "%s", answer.head);
    answer_free(&answer);
    EXPECT(admin_stat("requests_refused_admin_origin") > 0, "not counted");
    EXPECT(admin_stat("requests_refused_host") > 0, "not counted");
    server_stop(&server);
}

/* Each request needs it, whatever it asks for, and it stands in one place alone. */
static void case_tokens(void)
{
    static const struct {
        const char *method, *target, *fields;
        int status;
    } rows[] = {
        {"GET", "/stats", BEARER, 200},
        {"GET", "/stats", "authorization: bearer   " TOKEN " \r\n", 200},
        {"GET", "/healthz", BEARER, 200},
        {"GET", "/healthz", NULL, 401},
        {"GET", "/stats", NULL, 401},
        {"GET", "/nothing", NULL, 401},
        {"OPTIONS", "/stats", NULL, 401},
        {"POST", "/stats", NULL, 401},
        {"GET", "/stats", "Authorization: Bearer " TOKEN "0\r\n", 401},
        {"GET", "/stats", "Authorization: Bearer sesame\r\n", 401},
        {"GET", "/stats", "Authorization: Bearer \r\n", 401},
        {"GET", "/stats", "Authorization: Bearer # a comment\r\n", 401},
        {"GET", "/stats", "Authorization: Basic " TOKEN "\r\n", 401},
        {"GET", "/stats?access_token=" TOKEN, NULL, 401},
        {"GET", "/stats", "Cookie: fanfare=" TOKEN "\r\n", 401},
        {"GET", "/nothing", BEARER, 404},
        {"GET", "/stats", BEARER "Origin: http://evil.example\r\n", 403},
    };
    struct answer answer;
    char log[160], said[4096];
    tokens_write("# a comment\n\nsomebody-else\n" TOKEN "\n");
    snprintf(log, sizeof(log), "%s.log", token_path);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--admin", "0.0.0.0:0",
                                         "--admin-token-file", token_path, "--log", log));
    open_admin = open_tcp;
    for (unsigned i = 0; i < COUNT(rows); i++) {
        int status = ask_with(open_tcp(), rows[i].method, rows[i].target, rows[i].fields, &answer);
        EXPECT(status == rows[i].status, "%s %s %s: %d", rows[i].method, rows[i].target,
               rows[i].fields ? rows[i].fields : "", status);
        const char *challenge = answer_field(&answer, "www-authenticate");
        EXPECT(!challenge == (status != 401), "%s", answer.head);
        EXPECT(!strstr(answer.body, "sesame"), "%s", answer.body);
        answer_free(&answer);
    }
    /* By the name of a page's host, too: the page has no token. */
    EXPECT_INT(ask_raw("GET /stats HTTP/1.1\r\nHost: any.example\r\n" BEARER "\r\n", NULL), 200);

    /* Rotation; a file that cannot be used changes nothing. */
    tokens_write("other\n");
    REQUIRE(kill(server.pid, SIGHUP) == 0, "kill");
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (ask_admin("GET", "/stats", BEARER) != 401)
        REQUIRE(check_now_ms() < due_ms, "the old token holds");
    EXPECT_INT(ask_admin("GET", "/stats", "Authorization: Bearer other\r\n"), 200);
    server_stop(&server);
    FILE *file = fopen(log, "r");
    size_t len = file ? fread(said, 1, sizeof(said) - 1, file) : 0;
    said[len] = '\0';
    EXPECT(len > 0 && !strstr(said, "sesame") && !strstr(said, "other"), "%s", said);
    if (file)
        fclose(file);
    unlink(log);
    unlink(token_path);
}

/* An operator gets in when strangers hold every place that there is for them: those of the usual
 * ones with bodies that do not come, and those behind them with heads. */
static void case_crowd(void)
{
    enum { USUAL = 5, STRANGERS = USUAL + 64 };
    struct client strangers[STRANGERS];
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max",
                                         "5", "--admin", admin_unix));
    open_admin = open_unix;
    for (unsigned i = 0; i < STRANGERS; i++) {
        client_open(&strangers[i], &server);
        client_say(&strangers[i], i < USUAL ? "POST /publish/a HTTP/1.1\r\nHost: x\r\n"
                                              "Content-Length: 9\r\nExpect: 100-continue\r\n\r\n"
                                            : "GET /heal");
        if (i < USUAL)
            REQUIRE(client_read(&strangers[i]), "no place");
    }
    EXPECT_INT(ask_admin("GET", "/healthz", NULL), 200);
    EXPECT_INT(admin_stat("connections_refused_limit"), 0);
    for (unsigned i = 0; i < STRANGERS; i++)
        client_close(&strangers[i]);
    server_stop(&server);
}

static void case_refused(void)
{
    static char missing[160];
    snprintf(missing, sizeof(missing), "%s.missing", token_path);
    const struct refused rows[] = {
        {{"serve", "--check", "--admin", "0.0.0.0:9", NULL}, "set admin-token-file"},
        {{"serve", "--check", "--admin", "[::]:9", NULL}, "set admin-token-file"},
        {{"serve", "--check", "--admin", "unix:", NULL}, "1 to 107 bytes"},
        {{"serve", "--check", "--admin", "9000", NULL}, "allowed: unix:PATH, ADDR:PORT"},
        {{"serve", "--check", "--admin-token-file", missing, NULL}, "which is not given"},
        {{"serve", "--admin", "127.0.0.1:0", "--admin-token-file", missing, NULL},
         "admin-token-file: cannot read"},
        {{"serve", "--check", "--routes", "channels", NULL}, "there is no route \"channels\""},
    };
    program_expect_refused(rows, COUNT(rows));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    names_make();
    check_case("places", case_places);
    check_case("pages", case_pages);
    check_case("tokens", case_tokens);
    check_case("crowd", case_crowd);
    check_case("refused", case_refused);
    return check_end();
}
