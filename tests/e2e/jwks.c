/* SPDX-License-Identifier: MIT */
/*
 * --jwt-jwks URL: keys that are fetched. Before there are some a token is put off, not refused; a
 * set that cannot be had, or is none, changes nothing; new keys come at SIGHUP, and when somebody
 * comes with one that is not known.
 *
 * The keys are two Ed25519 ones, made once; their tokens never end and may do everything.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/application.h"
#include "tests/e2e/check.h"
#include "tests/e2e/client.h"

#define KEY(kid, x) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" kid "\",\"x\":\"" x "\"}"
#define SET(keys)   "{\"keys\":[" keys "]}"
#define CLAIMS      "eyJmYW5mYXJlIjp7InN1YnNjcmliZSI6WyIqIl0sInB1Ymxpc2giOlsiKiJdfX0."
#define FIRST       KEY("k1", "IDTezlAjUj87o76mMZzOr39d5zSzcNJtasGr-VCcSBE")
#define SECOND      KEY("k2", "hy1EgF_S_Tn4dXORiaLyItdAGTiJauBv3bqf6AgcvX4")

static const char first[] =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImsxIn0." CLAIMS
    "U0doM_IC3j4tca4iO0lAieBJCUYgosYjIT6vZKLgbAA0fH6Fbj2VoVieCFy6lTEVcRyWVnTSSfAT34rbB9TKBQ";
static const char second[] =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImsyIn0." CLAIMS
    "88gG963dve6EkY6-jYuZ8eLsmNjYFMmqMeSeVIBfl0-nju_Z2aI4Ja4dDJ4VmlIqjNHGlxQUHecXp1aUKMLtCQ";

static struct server server;
static struct application application;

static void start(const char *document, bool over_unix)
{
    application_start(&application, over_unix);
    application_publish(&application, document);
    server_start(&server, SERVER_OPTIONS("--jwt-jwks", application.url));
}

static void stop(void)
{
    server_stop(&server);
    application_stop(&application);
}

static int publish_with(const char *token, struct answer *ret_answer)
{
    char fields[512];
    struct client client;
    struct answer unseen, *answer = ret_answer ? ret_answer : &unseen;
    snprintf(
        fields, sizeof(fields),
        "Accept: text/event-stream\r\nContent-Type: text/plain\r\nAuthorization: Bearer %s\r\n",
        token);
    client_open(&client, &server);
    client_request(&client, "POST", "/publish/a", fields, "x", 1, answer);
    int status = answer->status;
    if (!ret_answer)
        answer_free(&unseen);
    client_close(&client);
    return status;
}

/* Until a token has this status: the keys are fetched in a thread of their own. */
static void await_status(const char *token, int wanted)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    int status;
    while ((status = publish_with(token, NULL)) != wanted)
        REQUIRE(check_now_ms() < deadline, "%d, waiting for %d", status, wanted);
}

static void expect_rotation(bool over_unix)
{
    start(SET(FIRST), over_unix);
    server_await(&server, "jwks_fetched", true, 1);
    await_status(first, 200);
    EXPECT(application_was_told(&application, "Accept: application/jwk-set+json, application/json"),
           "%s", application.last);
    /* A key that is not known has the set fetched once more, and only once for a while. */
    EXPECT_INT(publish_with(second, NULL), 401);
    server_await(&server, "jwks_fetched", true, 2);
    for (unsigned i = 0; i < 20; i++)
        EXPECT_INT(publish_with(second, NULL), 401);
    EXPECT_INT(server_stat(&server, "jwks_fetched"), 2);
    application_publish(&application, SET(FIRST "," SECOND));
    kill(server.pid, SIGHUP);
    await_status(second, 200);
    EXPECT_INT(publish_with(first, NULL), 200);
    application_publish(&application, SET(SECOND));
    kill(server.pid, SIGHUP);
    await_status(first, 401);
    EXPECT_INT(publish_with(second, NULL), 200);
    EXPECT_INT(server_stat(&server, "jwks_failed"), 0);
    EXPECT_INT(atomic_load(&application.connections), 1);
    stop();
}

static void case_rotation(void)
{
    expect_rotation(false);
}

static void case_unix(void)
{
    expect_rotation(true);
}

/* The key is there when the first token that names it comes. */
static void case_new_key(void)
{
    start(SET(FIRST), false);
    await_status(first, 200);
    application_publish(&application, SET(FIRST "," SECOND));
    EXPECT_INT(publish_with(second, NULL), 401);
    await_status(second, 200);
    stop();
}

static void case_none_yet(void)
{
    struct answer answer;

    start(NULL, false);
    server_await(&server, "jwks_failed", true, 1);
    EXPECT_INT(publish_with(first, &answer), 503);
    EXPECT(answer_field(&answer, "retry-after"), "no Retry-After");
    answer_free(&answer);
    EXPECT_INT(publish_with("none", NULL), 401);
    struct client client;
    char fields[512];
    snprintf(fields, sizeof(fields), "Accept: text/event-stream\r\nAuthorization: Bearer %s\r\n",
             first);
    client_open(&client, &server);
    client_request(&client, "GET", "/events/a", fields, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    EXPECT_TEXT(answer_field(&answer, "fanfare-refused"), "keys");
    answer_free(&answer);
    client_close(&client);
    EXPECT_INT(server_stat(&server, "requests_refused_token_pending"), 2);
    application_publish(&application, SET(FIRST));
    kill(server.pid, SIGHUP);
    await_status(first, 200);
    stop();
}

static void case_bad_sets(void)
{
    static char large[300 << 10];
    snprintf(large, sizeof(large), "{\"keys\":[" FIRST "]%*s}", (int)sizeof(large) - 200, "");
    static const char secret[] =
        SET("{\"kty\":\"oct\",\"k\":\"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0\"}");
    const char *const sets[] = {NULL, "", "no JSON", "{\"keys\":[]}", "[1]", secret, large};
    start(SET(FIRST), false);
    await_status(first, 200);
    for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        application_publish(&application, sets[i]);
        kill(server.pid, SIGHUP);
        server_await(&server, "jwks_failed", true, i + 1);
        EXPECT_INT(publish_with(first, NULL), 200);
    }
    stop();
}

static void config_write(const char *path, const char *url)
{
    FILE *file = fopen(path, "we");
    REQUIRE(file && fprintf(file, "jwt-jwks = %s\n", url) > 0 && fclose(file) == 0, "no file");
}

static void await_log(const char *path, const char *words)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    char text[8192] = "";
    while (!strstr(text, words)) {
        REQUIRE(check_now_ms() < deadline, "not logged: %s", words);
        FILE *file = fopen(path, "re");
        text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
        if (file)
            fclose(file);
        poll(NULL, 0, 2);
    }
}

/* Another URL needs a restart: it is said, and nothing changes. */
static void case_reload(void)
{
    char config[64], log[80];
    application_start(&application, false);
    application_publish(&application, SET(FIRST));
    snprintf(config, sizeof(config), "/tmp/fanfare-e2e-jwks-%d", (int)getpid());
    snprintf(log, sizeof(log), "%s.log", config);
    config_write(config, application.url);
    server_start(&server, SERVER_OPTIONS("--config", config, "--log", log));
    await_status(first, 200);
    config_write(config, "http://127.0.0.1:1/other");
    kill(server.pid, SIGHUP);
    await_log(log, "jwt-jwks: a URL can be changed by a restart alone");
    EXPECT_INT(publish_with(first, NULL), 200);
    stop();
    unlink(config);
    unlink(log);
}

static void case_start(void)
{
    struct outcome outcome;
    program_run((const char *[]){"serve", "--listen", "127.0.0.1:0", "--feed", "none", "--jwt-jwks",
                                 "http://me:secret@app/", NULL},
                NULL, &outcome);
    EXPECT_INT(outcome.status, 2);
    EXPECT(strstr(outcome.err, "jwt-jwks") && strstr(outcome.err, "password"), "%s", outcome.err);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("rotation", case_rotation);
    check_case("unix", case_unix);
    check_case("new_key", case_new_key);
    check_case("none_yet", case_none_yet);
    check_case("bad_sets", case_bad_sets);
    check_case("reload", case_reload);
    check_case("start", case_start);
    return check_end();
}
