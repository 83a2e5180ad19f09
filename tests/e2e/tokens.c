/* SPDX-License-Identifier: MIT */
/* Tokens of the tests' own making, and requests with them: see tokens.h. */
#include "tests/e2e/tokens.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static char dir[64];
char key_path[96], tokens_path[96], log_path[96], token_path[96];

/* --- files and tokens ------------------------------------------------------------------------ */

void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s: %s", path, strerror(errno));
}

void files_make(void)
{
    snprintf(dir, sizeof(dir), "/tmp/fanfare-access-XXXXXX");
    REQUIRE(mkdtemp(dir), "mkdtemp: %s", strerror(errno));
    snprintf(key_path, sizeof(key_path), "%s/key", dir);
    snprintf(tokens_path, sizeof(tokens_path), "%s/tokens", dir);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    snprintf(token_path, sizeof(token_path), "%s/token", dir);
    file_write(key_path, SECRET "\n");
    file_write(tokens_path, "# publishers\n\nsomebody-else\n" PUBLISHER "\n");
}

bool log_has(const char *words)
{
    static char text[1 << 20];
    FILE *file = fopen(log_path, "re");
    if (!file)
        return false;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return strstr(text, words) != NULL;
}

void log_await(const char *words)
{
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    while (!log_has(words)) {
        REQUIRE(check_now_ms() < deadline, "not logged: %s", words);
        poll(NULL, 0, 2);
    }
}

void files_remove(void)
{
    /* Every token here begins with the header's first letters, or is the publisher's. */
    EXPECT(!log_has("eyJ") && !log_has(PUBLISHER) && !log_has(SECRET), "a token in the log");
    unlink(key_path);
    unlink(tokens_path);
    unlink(log_path);
    unlink(token_path);
    EXPECT(rmdir(dir) == 0, "rmdir %s: %s", dir, strerror(errno));
}

static size_t base64url(const void *bytes, size_t len, char *out)
{
    int written = EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    while (written > 0 && out[written - 1] == '=')
        out[--written] = '\0';
    for (char *at = out; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    return (size_t)written;
}

/* A token with these two texts, signed by HMAC-SHA256 with the secret; NULL: with nothing. Four may
 * be in use at once. */
const char *token_signed(const char *header, const char *claims, const char *secret)
{
    static char tokens[4][8192];
    static unsigned next;
    char *token = tokens[next++ % 4];
    unsigned char mac[32];
    unsigned mac_len = 0;
    REQUIRE(strlen(claims) < 4000, "claims of %zu bytes", strlen(claims));
    size_t len = base64url(header, strlen(header), token);
    token[len++] = '.';
    len += base64url(claims, strlen(claims), token + len);
    if (secret)
        REQUIRE(HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)token, len, mac,
                     &mac_len),
                "HMAC");
    token[len++] = '.';
    base64url(mac, mac_len, token + len);
    return token;
}

const char *token_of(const char *claims)
{
    return token_signed(HS256, claims, SECRET);
}

/* One that may read and publish `news/` and ends so many seconds from now. */
const char *token_until(int seconds, const char *secret)
{
    char claims[200];
    snprintf(claims, sizeof(claims),
             "{\"exp\":%lld,\"fanfare\":{\"subscribe\":[\"news/*\"],\"publish\":[\"news/*\"]}}",
             (long long)time(NULL) + seconds);
    return token_signed(HS256, claims, secret);
}

/* --- requests -------------------------------------------------------------------------------- */

/* The status of a request with this token in its place; `more` are further head lines. The stream
 * of a GET that is let in is closed again. */
int ask(const struct server *server, const char *method, const char *target, enum place place,
        const char *token, const char *more, const char *body)
{
    char fields[9000], whole[9000];
    struct client client;
    struct answer answer;
    int status;
    snprintf(whole, sizeof(whole), "%s%s%s", target,
             place != QUERY        ? ""
             : strchr(target, '?') ? "&access_token="
                                   : "?access_token=",
             place == QUERY ? token : "");
    snprintf(fields, sizeof(fields), "%s%s%s%s",
             place == HEADER         ? "Authorization: Bearer "
             : place == SMALL_HEADER ? "authorization:bEARER  "
             : place == COOKIE       ? "Cookie: a=b; fanfare="
                                     : "",
             place == NOWHERE || place == QUERY ? "" : token,
             place == NOWHERE || place == QUERY ? "" : "\r\n", more ? more : "");
    if (strcmp(method, "GET") == 0 && strncmp(target, "/events", 7) == 0) {
        struct stream stream;
        stream_open(&stream, server, whole, fields);
        stream_await_head(&stream);
        status = stream.status;
        const char *challenge = stream_field(&stream, "www-authenticate");
        EXPECT((status == 401) == (challenge && strncmp(challenge, "Bearer", 6) == 0) ||
                   status == 403,
               "%d with the challenge %s", status, challenge ? challenge : "(none)");
        stream_close(&stream);
        return status;
    }
    client_open(&client, server);
    client_request(&client, method, whole, fields, body, body ? strlen(body) : 0, &answer);
    status = answer.status;
    EXPECT(status != 401 || answer_field(&answer, "www-authenticate"), "no WWW-Authenticate");
    EXPECT(!token || !*token || !strstr(answer.body, token), "told: %s", answer.body);
    answer_free(&answer);
    client_close(&client);
    return status;
}

void expect_rows(const struct server *server, const struct row *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        int status = ask(server, row->method, row->target, row->place, row->token, NULL, row->body);
        EXPECT(status == row->status, "row %u, %s %s, token in place %d: %d instead of %d", i,
               row->method, row->target, (int)row->place, status, row->status);
    }
}
