/* SPDX-License-Identifier: MIT */
/*
 * What the operator makes of the server for his own front ends: paths of his choice and a default
 * channel, and that none of them is a way around who may read, publish or be answered at all; head
 * lines of all answers and of streams; a page in place of the live page.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/application.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/e2e/tokens.h"

static struct server server;

static int status_of(const char *method, const char *target, const char *body)
{
    return ask(&server, method, target, NOWHERE, "", NULL, body);
}

/* What is published to the one comes out of the other. */
static void expect_heard(const char *stream_at, const char *publish_at, const char *body,
                         const char *data)
{
    struct stream stream;

    stream_open(&stream, &server, stream_at, NULL);
    stream_await_id(&stream);
    EXPECT(status_of("POST", publish_at, body) == 200, "%s", publish_at);
    stream_expect(&stream, "message", data, (char[136]){0});
    stream_close(&stream);
}

/* --- paths and the default channel ----------------------------------------------------------- */

static void case_paths(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--path", "/ticker=a/ticks", "--path",
                                         "/old/*=*", "--path", "/user/*=user/*/mail"));
    expect_heard("/ticker", "/publish/a/ticks", "1", "1");
    expect_heard("/events/a/ticks", "/ticker", "2", "2");
    expect_heard("/old/a%2fticks", "/ticker", "3", "3");
    expect_heard("/user/42", "/publish/user/42/mail", "4", "4");
    expect_heard("/ticker?channel=b", "/old/b", "5", "5");
    EXPECT_INT(status_of("HEAD", "/old/x", ""), 200);
    EXPECT_INT(status_of("OPTIONS", "/old/x", ""), 204);
    EXPECT_INT(status_of("PUT", "/old/x", ""), 405);
    EXPECT_INT(status_of("GET", "/old/", NULL), 400);
    EXPECT_INT(status_of("GET", "/old", NULL), 404);
    EXPECT_INT(status_of("GET", "/events", NULL), 400);
    EXPECT_INT(status_of("POST", "/ticker?all=1", "x"), 400);    /* which names a channel */
    EXPECT_INT(status_of("POST", "/old/@presence/x", "x"), 400); /* the server's own channel */
    EXPECT_INT(status_of("POST", "/old/%40presence%2fx", "x"), 400);
    EXPECT_INT(status_of("GET", "/old/%2e%2e/stats", NULL), 400);
    EXPECT_INT(status_of("GET", "/old/../stats", NULL), 400);
    server_stop(&server);
}

static void case_default_channel(void)
{
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--default-channel", "lobby"));
    expect_heard("/events", "/publish/lobby", "1", "1");
    expect_heard("/events?last=0", "/send", "{\"message\": \"2\"}", "2");
    expect_heard("/stream", "/publish/lobby", "3", "3");
    expect_heard("/events?channel=else", "/publish/else", "4", "4");
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, "POST", "/events?last=9", "Content-Type: application/json\r\n",
                   "{\"wait\": \"no\"}", 14, &answer);
    EXPECT_INT(answer.status, 200);
    EXPECT(strstr(answer.body, "data: 3\n") && !strstr(answer.body, "data: 4\n"), "%s",
           answer.body);
    answer_free(&answer);
    client_close(&client);
    EXPECT_INT(status_of("POST", "/publish", "{}"), 400); /* publishing names its channel */
    server_stop(&server);
}

/* --- no way around --------------------------------------------------------------------------- */

#define JSON "Content-Type: application/json\r\n"

static void case_tokens(void)
{
    char news[8192];

    files_make();
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--anonymous", "open/*", "--log", log_path, "--path",
                                         "/old/*=*", "--path", "/ticker=news/a", "--path",
                                         "/open/*=secret/*", "--default-channel", "secret/x"));
    snprintf(news, sizeof(news), "%s", token_until(600, SECRET)); /* reads and publishes news/ */
    EXPECT_ROWS(
        {"GET", "/ticker?wait=no", NOWHERE, "", NULL, 401},
        {"GET", "/ticker?wait=no", HEADER, news, NULL, 200},
        {"GET", "/ticker?wait=no&x=y", QUERY, news, NULL, 200},
        {"POST", "/ticker", NOWHERE, "", "x", 401}, {"POST", "/ticker", HEADER, news, "x", 200},
        {"GET", "/old/news/a?wait=no", HEADER, news, NULL, 200},
        {"GET", "/old/secret/x", HEADER, news, NULL, 403},
        {"GET", "/old/%73ecret%2fx", HEADER, news, NULL, 403},
        {"GET", "/old/open/a?wait=no", NOWHERE, "", NULL, 200},
        /* It is the channel that is anonymous, and not the path. */
        {"GET", "/open/a", NOWHERE, "", NULL, 401}, {"GET", "/open/a", HEADER, news, NULL, 403},
        {"GET", "/old/open/..%2fsecret/x", NOWHERE, "", NULL, 400},
        {"GET", "/ticker?channel=secret/x", HEADER, news, NULL, 403},
        {"POST", "/old/secret/x", HEADER, news, "x", 403},
        /* Nor is what is meant where nothing is said. */
        {"GET", "/events", NOWHERE, "", NULL, 401}, {"GET", "/events", HEADER, news, NULL, 403},
        {"GET", "/stream", HEADER, news, NULL, 403},
        {"POST", "/send", HEADER, news, "{\"message\":\"m\"}", 403});
    EXPECT_INT(ask(&server, "POST", "/events", HEADER, news, JSON, "{}"), 403);
    EXPECT_INT(ask(&server, "QUERY", "/events", NOWHERE, "", JSON, "{}"), 401);
    EXPECT_INT(server_stat(&server, "published"), 1);
    server_stop(&server);
    files_remove();
}

/* Listeners, Hosts, origins and channels in the query are the same on all paths. */
static void case_rules(void)
{
    char path[128], inner[192];
    struct answer answer;

    snprintf(path, sizeof(path), "/tmp/fanfare-site-%d", (int)getpid());
    snprintf(inner, sizeof(inner), "unix:%s routes=publish,stats", path);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--listen", inner, "--routes", "subscribe,stats",
                                "--query-channels", "no", "--host", "test", "--path", "/old/*=*",
                                "--path", "/*=all/*", "--default-channel", "d"));
    EXPECT_INT(status_of("HEAD", "/old/a", ""), 200);
    EXPECT_INT(status_of("HEAD", "/events", ""), 200);
    EXPECT_INT(status_of("POST", "/old/a", "x"), 405);
    EXPECT_INT(status_of("HEAD", "/old/a?channel=b", ""), 400);
    EXPECT_INT(status_of("HEAD", "/old/a?%63hannel=b", ""), 400);
    EXPECT_INT(ask(&server, "POST", "/events", NOWHERE, "", JSON, "{\"channels\":[\"b\"]}"), 400);
    /* What is switched off does not come back as a channel. */
    EXPECT_INT(status_of("HEAD", "/metrics", ""), 404);
    EXPECT_INT(status_of("HEAD", "/", ""), 404);
    EXPECT_INT(status_of("HEAD", "/publish/a", ""), 404);
    EXPECT_INT(status_of("HEAD", "/metrics2", ""), 200);
    struct client client;
    client_open(&client, &server);
    client_say(&client, "HEAD /old/a HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    REQUIRE(client_answer(&client, true, &answer), "no answer");
    EXPECT_INT(answer.status, 421);
    answer_free(&answer);
    client_close(&client);
    static const struct {
        const char *method, *target, *fields;
        int status;
    } rows[] = {
        {"POST", "/old/a", NULL, 200},
        {"HEAD", "/old/a", NULL, 405},
        {"POST", "/old/a?channel=b", NULL, 400},
        {"POST", "/old/a", JSON, 400},
        {"POST", "/old/a", "Origin: http://evil.example\r\n", 403},
        {"POST", "/old/a", "Sec-Fetch-Site: cross-site\r\n", 403},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static const char body[] = "{\"channel\": \"b\", \"data\": \"x\"}";
        client = (struct client){.fd = connect_unix(path)};
        client_request(&client, rows[i].method, rows[i].target, rows[i].fields, body,
                       sizeof(body) - 1, &answer);
        EXPECT(answer.status == rows[i].status, "%s %s %s: %d %s", rows[i].method, rows[i].target,
               rows[i].fields, answer.status, answer.body);
        answer_free(&answer);
        client_close(&client);
    }
    EXPECT_INT(server_stat(&server, "published"), 1);
    server_stop(&server);
}

/* The application decides of what it is shown: the path as the client wrote it, and the channels
 * that it names take the place of the one that is meant. */
static void case_application(void)
{
    struct application application;

    application_start(&application, false);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--authorize-url", application.url,
                                         "--path", "/old/*=*", "--default-channel", "d"));
    EXPECT_INT(status_of("GET", "/old/s403", NULL), 403);
    EXPECT(application_was_told(&application, "X-Original-URI: /old/s403"), "another target");
    EXPECT_INT(status_of("GET", "/old/s200?wait=no", NULL), 200);
    EXPECT_INT(status_of("POST", "/old/s401", "x"), 401);
    EXPECT_INT(status_of("POST", "/old/s200", "x"), 200);
    EXPECT_INT(application.asked, 4);
    server_stop(&server);
    application_stop(&application);
}

/* --- head lines ------------------------------------------------------------------------------ */

static void expect_field(const char *method, const char *target, const char *fields,
                         const char *name, const char *value)
{
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, method, target, fields, "", 0, &answer);
    const char *seen = answer_field(&answer, name);
    EXPECT(value ? seen && strcmp(seen, value) == 0 : !seen, "%s %s: %s: %s, not %s", method,
           target, name, seen ? seen : "(none)", value ? value : "(none)");
    answer_free(&answer);
    client_close(&client);
}

static unsigned count_in(const char *text, const char *words)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
        count++;
    return count;
}

#define ASKS "Accept: text/event-stream\r\n"

/* In every answer there is, of acceptors and of workers, and no line twice. */
static void case_head_lines(void)
{
    static const struct {
        const char *method, *target, *fields;
    } rows[] = {
        {"GET", "/healthz", NULL},
        {"GET", "/nothing", NULL},
        {"OPTIONS", "/events", NULL},
        {"HEAD", "/events/a", NULL},
        {"GET", "/publish/a", NULL},
        {"POST", "/send", NULL},
        {"BREW", "/", NULL},
        {"GET", "/healthz", "Host: twice\r\n"},
        {"GET", "/events/a?wait=no", NULL},
    };
    struct stream stream, full;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--header", "X-All: of all", "--header",
                                         "Set-Cookie: s=1", "--stream-header", "a* X-Some: 1",
                                         "--stream-header", "*b X-Some: 1", "--stream-header",
                                         "* X-Each: 2", "--charset", "--subscribers-max", "2"));
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_field(rows[i].method, rows[i].target, rows[i].fields, "x-all", "of all");
    expect_field("GET", "/healthz", NULL, "x-each", NULL);
    expect_field("GET", "/nothing", NULL, "x-each", NULL);
    expect_field("HEAD", "/events/a", NULL, "x-some", "1");
    expect_field("HEAD", "/events/c", NULL, "x-some", NULL);
    expect_field("HEAD", "/events/c", NULL, "x-each", "2");
    expect_field("HEAD", "/events/c", NULL, "content-type", "text/event-stream; charset=utf-8");
    stream_open(&stream, &server, "/events?channel=ab&channel=a&channel=b", NULL);
    stream_await_head(&stream);
    EXPECT_TEXT(stream_field(&stream, "content-type"), "text/event-stream; charset=utf-8");
    EXPECT_INT(count_in(stream.head, "X-Some: 1"), 1);
    EXPECT_INT(count_in(stream.head, "X-Each: 2"), 1);
    EXPECT_INT(count_in(stream.head, "X-All: of all"), 1);
    EXPECT_INT(count_in(stream.head, "Set-Cookie: s=1"), 1);
    stream_open(&full, &server, "/events/c", NULL);
    stream_await_head(&full);
    /* Refused, both ways. */
    expect_field("GET", "/events/a", NULL, "x-all", "of all");
    expect_field("GET", "/events/a", ASKS, "x-all", "of all");
    expect_field("GET", "/events/a", ASKS, "fanfare-refused", "full");
    expect_field("GET", "/events/a", ASKS, "content-type", "text/event-stream; charset=utf-8");
    stream_close(&full);
    stream_close(&stream);
    server_stop(&server);
}

/* --- the page -------------------------------------------------------------------------------- */

static void expect_page(const char *text, const char *type)
{
    struct client client;
    struct answer answer;
    client_open(&client, &server);
    client_request(&client, "GET", "/", NULL, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    EXPECT_TEXT(answer.body, text);
    EXPECT_TEXT(answer_field(&answer, "content-type"), type);
    answer_free(&answer);
    client_close(&client);
}

/* A reload reads it again; one that cannot be read changes nothing, and the log says so. */
static void case_page(void)
{
    char page[128], large[300001];

    files_make();
    snprintf(page, sizeof(page), "%s.html", log_path);
    file_write(page, "<h1>one</h1>");
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--page", page, "--log", log_path));
    expect_page("<h1>one</h1>", "text/html; charset=utf-8");
    EXPECT_INT(status_of("HEAD", "/", ""), 200);
    EXPECT_INT(status_of("POST", "/", ""), 405);
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    file_write(page, large);
    kill(server.pid, SIGHUP);
    log_await("SIGHUP: nothing changed; the page was read again");
    expect_page(large, "text/html; charset=utf-8");
    unlink(page);
    kill(server.pid, SIGHUP);
    log_await("No such file or directory; every option stays as it was");
    expect_page(large, "text/html; charset=utf-8");
    server_stop(&server);
    /* What clients may hold of it counts. */
    file_write(page, large);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--page", page, "--memory-max", "1M"));
    EXPECT_INT(status_of("GET", "/", NULL), 503);
    EXPECT_INT(status_of("GET", "/healthz", NULL), 200);
    server_stop(&server);
    unlink(page);
    files_remove();
}

/* --- a reload -------------------------------------------------------------------------------- */

static void reload(const char *path, const char *text, const char *words)
{
    file_write(path, text);
    kill(server.pid, SIGHUP);
    log_await(words);
}

/* Each of them is as the file says from then on; a stream that is open stays as it began. */
static void case_reload(void)
{
    char config[128];
    struct stream stream;

    files_make();
    snprintf(config, sizeof(config), "%s.conf", log_path);
    file_write(config, "path = /a=one\nheader = X-One: 1\n");
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--config", config, "--log", log_path));
    stream_open(&stream, &server, "/a", NULL);
    stream_await_id(&stream);
    EXPECT_TEXT(stream_field(&stream, "x-one"), "1");
    reload(config,
           "path = /b=two\npath = /a=three\ndefault-channel = two\ncharset = yes\n"
           "header = X-Two: 2\nstream-header = two X-Two-Stream: 3\n",
           "path: /a=one -> /b=two /a=three");
    expect_field("HEAD", "/b", NULL, "x-two", "2");
    expect_field("HEAD", "/b", NULL, "x-one", NULL);
    expect_field("HEAD", "/b", NULL, "x-two-stream", "3");
    expect_field("HEAD", "/events", NULL, "content-type", "text/event-stream; charset=utf-8");
    EXPECT_INT(status_of("POST", "/a", "3"), 200); /* which is another channel now */
    EXPECT_INT(status_of("POST", "/publish/one", "1"), 200);
    stream_expect(&stream, "message", "1", (char[136]){0});
    reload(config, "path = /stats=x\n", "server's own; every option stays as it was");
    reload(config, "header = Date: x\n", "break the answer; every option stays as it was");
    expect_field("HEAD", "/b", NULL, "x-two-stream", "3");
    stream_close(&stream);
    server_stop(&server);
    unlink(config);
    files_remove();
}

/* --- what is refused at the start ------------------------------------------------------------ */

static void case_what_is_refused(void)
{
    static const struct refused rows[] = {
        {{"serve", "--check", "--path", "/stats=x", NULL}, "is a path of the server's own"},
        {{"serve", "--check", "--path", "/events/*=*", NULL}, "is a path of the server's own"},
        {{"serve", "--check", "--path", "ticker=x", NULL}, "no path in front"},
        {{"serve", "--check", "--default-channel", "a\nb", NULL}, "default-channel: "},
        {{"serve", "--check", "--page", "/nowhere/page.html", NULL}, "page: cannot serve"},
        {{"serve", "--check", "--header", "Content-Length: 3", NULL}, "the server says itself"},
        {{"serve", "--check", "--header", "X: a\r\nY: b", NULL}, "a control character"},
        {{"serve", "--check", "--stream-header", "* Connection: close", NULL},
         "the server says itself"},
    };
    program_expect_refused(rows, sizeof(rows) / sizeof(rows[0]));
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("paths", case_paths);
    check_case("default_channel", case_default_channel);
    check_case("tokens", case_tokens);
    check_case("rules", case_rules);
    check_case("application", case_application);
    check_case("head_lines", case_head_lines);
    check_case("page", case_page);
    check_case("reload", case_reload);
    check_case("what_is_refused", case_what_is_refused);
    return check_end();
}
