/* SPDX-License-Identifier: MIT */
/*
 * Who may do what over real HTTP: publish tokens and JWTs, wherever they may stand, and what they
 * do not cover; cookies that other origins' pages send; listeners that must not be open to
 * everybody.
 */
#include <stdio.h>
#include <string.h>

#include "tests/e2e/application.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/e2e/tokens.h"

static struct server server;

/* --- publish tokens -------------------------------------------------------------------------- */

static void case_publish_tokens(void)
{
    struct client feed;
    struct receipt receipt;

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--publish-token-file", tokens_path,
                                         "--log", log_path));
    EXPECT_ROWS({"POST", "/publish/a", NOWHERE, "", "x", 401},
                {"POST", "/publish/a", HEADER, PUBLISHER, "x", 200},
                {"POST", "/publish/a", SMALL_HEADER, PUBLISHER, "x", 200},
                {"POST", "/publish/a?event=t", QUERY, PUBLISHER, "x", 200},
                {"POST", "/publish/a", COOKIE, PUBLISHER, "x", 200},
                {"POST", "/publish/a", HEADER, "somebody-else", "x", 200},
                {"POST", "/publish/a", HEADER, "# publishers", "x", 401},
                {"POST", "/publish/a", HEADER, "", "x", 401},
                {"POST", "/publish/a", HEADER, PUBLISHER "0", "x", 401},
                {"POST", "/publish/a", HEADER, "publisher", "x", 401},
                {"POST", "/publish/a?access_token=" PUBLISHER, HEADER, "bad", "x", 401},
                {"POST", "/publish/a?access_token=bad", COOKIE, PUBLISHER, "x", 401},
                {"POST", "/send", NOWHERE, "", "{\"message\":\"m\"}", 401},
                {"POST", "/send", HEADER, PUBLISHER, "{\"message\":\"m\"}", 200},
                {"POST", "/send", QUERY, PUBLISHER, "{\"message\":\"m\"}", 200},
                /* Reading is free, and so is looking. */
                {"GET", "/events/a", NOWHERE, "", NULL, 200},
                {"GET", "/events/a", HEADER, "bad", NULL, 200},
                {"GET", "/healthz", NOWHERE, "", NULL, 200},
                {"GET", "/stats", HEADER, "bad", NULL, 200},
                {"OPTIONS", "/publish/a", NOWHERE, "", NULL, 204},
                {"GET", "/publish/a", NOWHERE, "", NULL, 405});
    EXPECT_INT(server_stat(&server, "requests_refused_token_missing"), 2);
    EXPECT_INT(server_stat(&server, "requests_refused_token_unknown"), 6);
    EXPECT_INT(server_stat(&server, "published"), 7);
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: a\ndata: x\nack: 1\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "the feed closed");
    EXPECT_TEXT(receipt.error, "");
    client_close(&feed);
    server_stop(&server);
    files_remove();
}

/* --- JWT ------------------------------------------------------------------------------------- */

/* Reading channels that a body names. */
static void ask_with_bodies(const char *all)
{
    static const char json[] = "Content-Type: application/json\r\n";

    EXPECT_INT(ask(&server, "POST", "/events", HEADER, all, json,
                   "{\"channels\":[\"news/a\"],\"wait\":\"no\"}"),
               200);
    EXPECT_INT(ask(&server, "POST", "/events/news/a", HEADER, all, json,
                   "{\"channels\":[\"news/b\",\"other\"]}"),
               403);
    EXPECT_INT(ask(&server, "QUERY", "/events", NOWHERE, "", json, "{\"channels\":[\"news/a\"]}"),
               401);
}

/* Whole or not at all, and to all only who may publish to any channel. */
static void publish_with_bodies(const char *all)
{
    static const char json[] = "Content-Type: application/json\r\n";
    static const char text[] = "Content-Type: text/event-stream\r\n";
    EXPECT_INT(ask(&server, "POST", "/publish", HEADER, all, json,
                   "{\"channel\":\"news/a\",\"data\":\"1\"}"),
               200);
    EXPECT_INT(ask(&server, "POST", "/publish", HEADER, all, json,
                   "{\"channel\":\"other\",\"data\":\"1\"}"),
               403);
    EXPECT_INT(ask(&server, "POST", "/publish", HEADER, all, text,
                   "channel: news/a\ndata: 1\n\nchannel: other\ndata: 2\n\n"),
               403);
    EXPECT_INT(ask(&server, "POST", "/publish", HEADER, all, text,
                   "channel: news/a\ndata: 1\n\nchannel: news/b\ndata: 2\n\n"),
               200);
    EXPECT_INT(server_stat(&server, "published"), 7);
    EXPECT_ROWS({"POST", "/publish?all=1", HEADER, all, "x", 403},
                {"POST", "/publish?all=1", NOWHERE, "", "x", 401},
                {"POST", "/publish?all=1", HEADER, PUBLISHER, "x", 200});
    EXPECT_INT(ask(&server, "POST", "/publish", HEADER, all, text,
                   "channel: news/a\ndata: 1\n\nall: 1\ndata: 2\n\n"),
               403);
    EXPECT_INT(server_stat(&server, "published"), 8);
}

static void case_tokens(void)
{
    char all[8192], one[8192], none[8192], late[8192];

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--publish-token-file", tokens_path, "--anonymous",
                                         "open/*", "--anonymous", "lobby", "--log", log_path));
    snprintf(all, sizeof(all), "%s", token_until(600, SECRET));
    snprintf(one, sizeof(one), "%s",
             token_of("{\"fanfare\":{\"subscribe\":[\"one\"],\"publish\":[\"two\"]}}"));
    snprintf(none, sizeof(none), "%s", token_of("{\"sub\":\"somebody\"}"));
    snprintf(late, sizeof(late), "%s", token_until(-1, SECRET));
    EXPECT_ROWS(
        {"GET", "/events/news/a", NOWHERE, "", NULL, 401},
        {"GET", "/events/news/a", HEADER, all, NULL, 200},
        {"GET", "/events/news/a", QUERY, all, NULL, 200},
        {"GET", "/events/news/a", COOKIE, all, NULL, 200},
        {"GET", "/events?channel=news/a&channel=news/b", HEADER, all, NULL, 200},
        {"GET", "/events?channel=news/a&channel=other", HEADER, all, NULL, 403},
        {"GET", "/events/one", HEADER, one, NULL, 200},
        {"GET", "/events/two", HEADER, one, NULL, 403},
        {"GET", "/events/one", HEADER, none, NULL, 403},
        {"GET", "/events/news/a", HEADER, late, NULL, 401},
        {"GET", "/events/news/a?access_token=x", HEADER, all, NULL, 200},
        {"GET", "/events/news/a?access_token=x", COOKIE, all, NULL, 401},
        {"GET", "/stream", HEADER, all, NULL, 403},
        {"HEAD", "/events/news/a", NOWHERE, "", NULL, 401},
        {"HEAD", "/events/news/a", HEADER, all, NULL, 200},
        /* What is anonymous needs none; a bad one is bad all the same, and rights add up. */
        {"GET", "/events/open/x", NOWHERE, "", NULL, 200},
        {"GET", "/events/lobby", NOWHERE, "", NULL, 200},
        {"GET", "/events/lobby2", NOWHERE, "", NULL, 401},
        {"GET", "/events/open/x", HEADER, late, NULL, 401},
        {"GET", "/events?channel=open/x&channel=news/b", HEADER, all, NULL, 200},
        {"GET", "/events?channel=open/x&channel=news/b", NOWHERE, "", NULL, 401},
        {"POST", "/publish/open/x", NOWHERE, "", "x", 401},
        /* A publish token publishes anything and reads nothing. */
        {"POST", "/publish/news/a", HEADER, PUBLISHER, "x", 200},
        {"GET", "/events/news/a", HEADER, PUBLISHER, NULL, 403},
        {"GET", "/events/open/x", HEADER, PUBLISHER, NULL, 200},
        /* Publishing: the channel of the path, of the query, and of the body. */
        {"POST", "/publish/news/a", HEADER, all, "x", 200},
        {"POST", "/publish?channel=news/a", HEADER, all, "x", 200},
        {"POST", "/publish/other", HEADER, all, "x", 403},
        {"POST", "/publish/one", HEADER, one, "x", 403},
        {"POST", "/publish/two", HEADER, one, "x", 200},
        {"POST", "/publish/open/x", HEADER, all, "x", 403},
        {"POST", "/send", HEADER, all, "{\"message\":\"m\"}", 403});
    EXPECT_INT(server_stat(&server, "published"), 4);
    ask_with_bodies(all);
    publish_with_bodies(all);
    EXPECT(server_stat(&server, "requests_refused_token_uncovered") >= 9, "too few are counted");
    EXPECT_INT(server_stat(&server, "requests_refused_token_expired"), 2);
    server_stop(&server);
    files_remove();
}

/* A channel that the path itself means has to be covered like one that it names, also where an
 * application is asked beside. */
static void case_send(void)
{
    static const char message[] = "{\"message\": \"x\"}";
    struct application application;

    files_make();
    application_start(&application, false);
    server_start(&server, SERVER_OPTIONS("--jwt-key-file", key_path, "--authorize-url",
                                         application.url, "--log", log_path));
    const char *other = token_of("{\"fanfare\":{\"publish\":[\"other\"]}}");
    const char *right = token_of("{\"fanfare\":{\"publish\":[\"default\"]}}");
    EXPECT_ROWS({"POST", "/publish/default", HEADER, other, "x", 403},
                {"POST", "/send", HEADER, other, message, 403},
                {"POST", "/send", HEADER, right, message, 200},
                {"POST", "/send", NOWHERE, "", message, 200});
    EXPECT_INT(server_stat(&server, "authorize_asked"), 2);
    EXPECT_INT(server_stat(&server, "published"), 2);
    server_stop(&server);
    application_stop(&application);
    files_remove();
}

/* --- cookies --------------------------------------------------------------------------------- */

static void case_cookies(void)
{
    char token[8192];

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--allow-origin", "https://app.example"));
    snprintf(token, sizeof(token), "%s", token_until(600, SECRET));
    static const char app[] = "Origin: https://app.example\r\n";
    static const char evil[] = "Origin: https://evil.example\r\n";
    static const char own[] = "Origin: http://test\r\n";
    static const char cross[] = "Sec-Fetch-Site: cross-site\r\n";
    static const char same[] = "Sec-Fetch-Site: same-origin\r\n";
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, evil, NULL), 403);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, cross, NULL), 403);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, own, NULL), 200);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, same, NULL), 200);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, app, NULL), 403);
    EXPECT_INT(ask(&server, "POST", "/publish/news/a", COOKIE, token, evil, "x"), 403);
    EXPECT_INT(ask(&server, "POST", "/publish/news/a", COOKIE, token, app, "x"), 403);
    EXPECT_INT(ask(&server, "POST", "/publish/news/a", COOKIE, token, own, "x"), 200);
    /* Lines of cookies are one list. */
    char lines[9000];
    snprintf(lines, sizeof(lines), "Cookie: sid=1\r\nCOOKIE:a=b; fanfare=%s\r\n%s", token, own);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", NOWHERE, "", lines, NULL), 200);
    snprintf(lines, sizeof(lines), "Cookie: sid=1\r\nCookie: fanfare=x\r\nCookie: fanfare=%s\r\n",
             token);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", NOWHERE, "", lines, NULL), 401);
    /* A token that a page holds itself is its own. */
    EXPECT_INT(ask(&server, "GET", "/events/news/a", HEADER, token, evil, NULL), 200);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", QUERY, token, cross, NULL), 200);
    EXPECT_INT(server_stat(&server, "requests_refused_cookie"), 4);
    server_stop(&server);

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path, "--allow-origin",
                                "https://app.example", "--allow-credentials"));
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, app, NULL), 200);
    EXPECT_INT(ask(&server, "POST", "/publish/news/a", COOKIE, token, app, "x"), 200);
    EXPECT_INT(ask(&server, "GET", "/events/news/a", COOKIE, token, evil, NULL), 403);
    server_stop(&server);
    files_remove();
}

/* Nor does an application get to see a cookie for which any page of any origin publishes. */
static void case_cookies_asked(void)
{
    static const char app[] = "Cookie: sid=1\r\nOrigin: https://app.example\r\n";
    static const char later[] = "Cookie:\r\nCookie: sid=1\r\nOrigin: https://app.example\r\n";
    static const char bare[] = "Origin: https://app.example\r\n";
    struct application application;

    files_make();
    application_start(&application, false);
    server_start(&server, SERVER_OPTIONS("--authorize-url", application.url, "--allow-origin", "*",
                                         "--log", log_path));
    EXPECT_INT(ask(&server, "POST", "/publish/a", NOWHERE, "", app, "x"), 403);
    EXPECT_INT(ask(&server, "POST", "/send", NOWHERE, "", app, "{\"message\":\"m\"}"), 403);
    EXPECT_INT(ask(&server, "POST", "/publish/a", NOWHERE, "", later, "x"), 403);
    EXPECT_INT(server_stat(&server, "authorize_asked"), 0);
    EXPECT_INT(server_stat(&server, "requests_refused_cookie"), 3);
    EXPECT_INT(ask(&server, "POST", "/publish/a", NOWHERE, "", bare, "x"), 200);
    EXPECT_INT(ask(&server, "POST", "/publish/a", NOWHERE, "", "Cookie: sid=1\r\n", "x"), 200);
    EXPECT_INT(ask(&server, "GET", "/events/a", NOWHERE, "", app, NULL), 200);
    server_stop(&server);

    server_start(&server,
                 SERVER_OPTIONS("--authorize-url", application.url, "--allow-origin",
                                "https://app.example", "--allow-credentials", "--log", log_path));
    EXPECT_INT(ask(&server, "POST", "/publish/a", NOWHERE, "", app, "x"), 200);
    server_stop(&server);
    application_stop(&application);
    files_remove();
}

/* --- the start ------------------------------------------------------------------------------- */

static void case_openness(void)
{
    static const struct {
        const char *arguments[8];
        int status;
    } rows[] = {
        {{"serve", "--check", "--listen", "0.0.0.0:80"}, 2},
        {{"serve", "--check", "--listen", "[::]:80"}, 2},
        {{"serve", "--check", "--listen", "127.0.0.1:80", "--listen", "192.0.2.1:80"}, 2},
        {{"serve", "--check", "--listen", "0.0.0.0:80", "--publish-open"}, 0},
        {{"serve", "--check", "--listen", "0.0.0.0:80", "--publish-token-file", NULL}, 0},
        {{"serve", "--check", "--listen", "0.0.0.0:80 routes=subscribe,health"}, 0},
        {{"serve", "--check", "--listen", "0.0.0.0:80 routes=send"}, 2},
        {{"serve", "--check", "--listen", "0.0.0.0:80", "--authorize-url", "http://a/"}, 0},
        {{"serve", "--check", "--listen", "0.0.0.0:80", "--routes", "subscribe"}, 0},
        {{"serve", "--check", "--listen", "127.1.2.3:80", "--listen", "[::1]:80"}, 0},
        {{"serve", "--check", "--listen", "localhost:80"}, 0},
        {{"serve", "--check", "--listen", "unix:/tmp/x"}, 0},
        {{"serve", "--check", "--anonymous", "x"}, 2},
        {{"serve", "--check", "--publish-token-file", "/nowhere"}, 2},
    };
    struct outcome outcome;
    files_make();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *arguments[10] = {NULL};
        for (unsigned k = 0; k < 8; k++)
            arguments[k] = rows[i].arguments[k];
        if (arguments[4] && strcmp(arguments[4], "--publish-token-file") == 0)
            arguments[5] = tokens_path;
        program_run(arguments, NULL, &outcome);
        EXPECT(outcome.status == rows[i].status, "row %u: %d %s", i, outcome.status, outcome.err);
        EXPECT(outcome.status == 0 || strchr(outcome.err, '\n') == strrchr(outcome.err, '\n'),
               "more than one line: %s", outcome.err);
    }
    program_run((const char *const[]){"serve", "--listen", "0.0.0.0:0", "--feed", "none", NULL},
                NULL, &outcome);
    EXPECT_INT(outcome.status, 2);
    EXPECT(strstr(outcome.err, "publish-token-file") && strstr(outcome.err, "publish-open"), "%s",
           outcome.err);
    files_remove();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("publish_tokens", case_publish_tokens);
    check_case("tokens", case_tokens);
    check_case("send", case_send);
    check_case("cookies", case_cookies);
    check_case("cookies_asked", case_cookies_asked);
    check_case("openness", case_openness);
    return check_end();
}
