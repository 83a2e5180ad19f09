/* SPDX-License-Identifier: MIT */
/*
 * Attacks on tokens over real HTTP: no algorithm, another one, a public key as a secret, members
 * twice, times that are none, what is cut off or too long; and ten thousand bad ones, which do
 * nobody harm. Each is answered 401 and counted by its reason.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"
#include "tests/e2e/tokens.h"

static struct server server;

/* --- attacks --------------------------------------------------------------------------------- */

static void write_public_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(key_path, "we");
    REQUIRE(key && file && PEM_write_PUBKEY(file, key) == 1 && fclose(file) == 0, "a key: %s",
            strerror(errno));
    EVP_PKEY_free(key);
}

#define READS "\"fanfare\":{\"subscribe\":[\"*\"],\"publish\":[\"*\"]}"

static void expect_attacks(const char *secret)
{
    const struct {
        const char *header, *claims, *counter;
        bool sign;
    } rows[] = {
        {"{\"alg\":\"none\"}", "{" READS "}", "algorithm", false},
        {"{\"alg\":\"none\"}", "{" READS "}", "algorithm", true},
        {"{\"alg\":\"None\",\"typ\":\"JWT\"}", "{" READS "}", "algorithm", false},
        {"{\"typ\":\"JWT\"}", "{" READS "}", "header", true},
        {"{\"alg\":\"ES256\",\"alg\":\"HS256\"}", "{" READS "}", "header", true},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{" READS "}", "critical", true},
        {"{\"alg\":\"HS512\"}", "{" READS "}", "algorithm", true},
        {"no object", "{" READS "}", "header", true},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "requests_refused_token_%s", rows[i].counter);
        long long before = server_stat(&server, name);
        const char *token =
            token_signed(rows[i].header, rows[i].claims, rows[i].sign ? secret : NULL);
        EXPECT_INT(ask(&server, "GET", "/events/x", HEADER, token, NULL, NULL), 401);
        EXPECT_INT(ask(&server, "POST", "/publish/x", QUERY, token, NULL, "x"), 401);
        EXPECT(server_stat(&server, name) == before + 2, "attack %u is not counted as %s", i,
               rows[i].counter);
    }
}

/* The public key as an HMAC's secret: the algorithm is the server's choice. */
static void case_confusion(void)
{
    char pem[2048] = "";

    files_make();
    write_public_key();
    FILE *file = fopen(key_path, "re");
    REQUIRE(file && fread(pem, 1, sizeof(pem) - 1, file) > 100, "the key's file");
    fclose(file);
    server_start(&server, SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path,
                                         "--jwt-algorithm", "ES256", "--log", log_path));
    const char *forged = token_signed(HS256, "{" READS "}", pem);
    EXPECT_INT(ask(&server, "GET", "/events/x", HEADER, forged, NULL, NULL), 401);
    forged = token_signed("{\"alg\":\"ES256\"}", "{" READS "}", pem);
    EXPECT_INT(ask(&server, "GET", "/events/x", HEADER, forged, NULL, NULL), 401);
    EXPECT_INT(server_stat(&server, "requests_refused_token_algorithm"), 1);
    EXPECT_INT(server_stat(&server, "requests_refused_token_signature"), 1);
    server_stop(&server);
    files_remove();
}

static void begin(void)
{
    files_make();
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--jwt-key-file", key_path, "--log", log_path));
}

static void end(void)
{
    server_stop(&server);
    files_remove();
}

static void case_headers(void)
{
    begin();
    expect_attacks(SECRET);
    end();
}

static void case_claims(void)
{
    begin();
    static const char *const claims[] = {
        "{\"exp\":1," READS "}",
        "{\"exp\":\"1\"," READS "}",
        "{\"exp\":true," READS "}",
        "{\"exp\":\"soon\"," READS "}",
        "{\"exp\":-1," READS "}",
        "{\"nbf\":99999999999," READS "}",
        "{\"exp\":null," READS "}",
        "{\"fanfare\":[\"*\"]}",
        "{" READS "," READS "}",
        "{\"fanfare\":{\"subscribe\":\"*\"}}",
        "[]",
        "",
        "{\"exp\":99999999999,\"exp\":1," READS "}",
    };
    for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        int status = ask(&server, "GET", "/events/x", HEADER, token_of(claims[i]), NULL, NULL);
        EXPECT(status == 401, "%s: %d", claims[i], status);
    }
    const char *good = token_of("{" READS "}");
    char cut[8192], large[8192];
    for (size_t len = 0; len < strlen(good); len += 7) {
        snprintf(cut, sizeof(cut), "%.*s", (int)len, good);
        EXPECT(ask(&server, "GET", "/events/x", HEADER, cut, NULL, NULL) == 401, "cut at %zu", len);
    }
    memset(large, 'A', sizeof(large) - 1);
    large[8100] = '\0';
    EXPECT_INT(ask(&server, "GET", "/events/x", HEADER, large, NULL, NULL), 401);
    EXPECT_INT(ask(&server, "GET", "/events/x", HEADER,
                   token_signed(HS256, "{" READS "}", NEW_SECRET), NULL, NULL),
               401);
    EXPECT_INT(ask(&server, "GET", "/events/x", HEADER, good, NULL, NULL), 200);
    end();
}

/* They cost nobody else anything, and each is counted. */
static void case_flood(void)
{
    enum { BAD = 10000, AT_ONCE = 50 };
    struct client flood, publisher;
    struct stream stream;
    char request[1024], fields[512];

    begin();
    snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", token_of("{" READS "}"));
    stream_open(&stream, &server, "/events/x", fields);
    stream_await_head(&stream);
    long long before = server_stat(&server, "requests_refused_token_signature");
    int len = snprintf(request, sizeof(request),
                       "GET /events/x HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\n\r\n",
                       token_signed(HS256, "{" READS "}", NEW_SECRET));
    client_open(&flood, &server);
    client_open(&publisher, &server);
    int64_t begun_ms = check_now_ms();
    for (unsigned i = 0; i < BAD; i += AT_ONCE) {
        struct answer answer;
        for (unsigned k = 0; k < AT_ONCE; k++)
            REQUIRE(client_send(&flood, request, (size_t)len), "closed after %u", i);
        if (i % 1000 == 0) {
            client_request(&publisher, "POST", "/publish/x", fields, "goes on", 7, &answer);
            EXPECT_INT(answer.status, 200);
            answer_free(&answer);
            stream_expect(&stream, "message", "goes on", NULL);
        }
        for (unsigned k = 0; k < AT_ONCE; k++) {
            REQUIRE(client_answer(&flood, false, &answer), "no answer");
            EXPECT_INT(answer.status, 401);
            answer_free(&answer);
        }
    }
    printf("   %d bad tokens in %lld ms\n", BAD, (long long)(check_now_ms() - begun_ms));
    EXPECT_INT(server_stat(&server, "requests_refused_token_signature"), before + BAD);
    client_close(&flood);
    client_close(&publisher);
    stream_close(&stream);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("confusion", case_confusion);
    check_case("headers", case_headers);
    check_case("claims", case_claims);
    check_case("flood", case_flood);
    return check_end();
}
