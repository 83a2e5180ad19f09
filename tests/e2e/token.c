/* SPDX-License-Identifier: MIT */
/*
 * fanfare token: what it makes it can explain, with the key or without, and each thing that cannot
 * be ends with one sentence in which there is nothing secret.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/server.h"
#include "tests/unit/token_keys.h"

#define RUN(outcome, input, ...)                                                                   \
    program_run((const char *[]){"token", __VA_ARGS__, NULL}, input, outcome)

struct key_file {
    char path[64];
};

static struct key_file key_write(const char *text)
{
    struct key_file file = {"/tmp/fanfare-e2e-key-XXXXXX"};
    int fd = mkstemp(file.path);
    REQUIRE(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", file.path);
    close(fd);
    return file;
}

static void expect_sentence(const struct outcome *outcome, int status, const char *said)
{
    const char *end = strchr(outcome->err, '\n');
    EXPECT(outcome->status == status, "exit status %d: %s%s", outcome->status, outcome->out,
           outcome->err);
    EXPECT(end && end[1] == '\0', "not one line: \"%s\"", outcome->err);
    EXPECT(strstr(outcome->err, said), "no \"%s\" in \"%s\"", said, outcome->err);
}

static void expect_said(const struct outcome *outcome, int status, const char *said)
{
    EXPECT(outcome->status == status, "exit status %d: %s", outcome->status, outcome->err);
    EXPECT(strstr(outcome->out, said), "no \"%s\" in \"%s\"", said, outcome->out);
}

static void case_made_and_explained(void)
{
    static const struct {
        const char *algorithm, *signer, *checker;
    } rows[] = {
        {"HS256", TEST_SECRET "\n", TEST_SECRET},
        {"HS512", TEST_SECRET, TEST_SECRET "\r\n"},
        {"RS256", TEST_RSA_PRIVATE, TEST_RSA_PUBLIC},
        {"ES256", TEST_P256_PRIVATE, TEST_P256_CERTIFICATE},
        {"ES384", TEST_P384_PRIVATE, TEST_P384_PUBLIC},
        {"EdDSA", TEST_ED25519_PRIVATE, TEST_ED25519_PUBLIC},
    };
    struct outcome made, outcome;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key_file signer = key_write(rows[i].signer), checker = key_write(rows[i].checker);
        RUN(&made, NULL, "make", "--key-file", signer.path, "--algorithm", rows[i].algorithm,
            "--subscribe", "user/42/*", "--publish", "user/42/typing", "--expires", "3600");
        EXPECT(made.status == 0 && !made.err[0], "%d %s", made.status, made.err);
        RUN(&outcome, made.out, "explain", "--algorithm", rows[i].algorithm, "--key-file",
            checker.path);
        expect_said(&outcome, 0, "accepted    yes");
        expect_said(&outcome, 0, "subscribe   user/42/*\n");
        expect_said(&outcome, 0, "publish     user/42/typing\n");
        expect_said(&outcome, 0, rows[i].algorithm);
        expect_said(&outcome, 0, " UTC, in ");
        RUN(&outcome, made.out, "explain");
        expect_said(&outcome, 0, "only a key can tell");
        made.out[strlen(made.out) / 2] ^= 1;
        RUN(&outcome, made.out, "explain", "--algorithm", rows[i].algorithm, "--key-file",
            checker.path);
        expect_said(&outcome, 1, "accepted    no: ");
        unlink(signer.path);
        unlink(checker.path);
    }
}

static void case_says_why_not(void)
{
    /* {"alg":"none"}, {"exp":1}; {"alg":"HS256","kid":ESC[2J}, {"exp":1}; {"alg":"HS256"}, {} */
    static const char none[] = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.\n";
    static const char ended[] = "eyJhbGciOiJIUzI1NiIsImtpZCI6Ilx1MDAxYlsySiJ9.eyJleHAiOjF9.AA";
    static const char empty[] = "  Bearer eyJhbGciOiJIUzI1NiJ9.e30.AA\n";
    struct key_file secret = key_write(TEST_SECRET), pem = key_write(TEST_ED25519_PUBLIC);
    struct outcome outcome;
    RUN(&outcome, none, "explain");
    expect_said(&outcome, 1, "no: the token's algorithm");
    RUN(&outcome, ended, "explain");
    expect_said(&outcome, 1, "no: the token has ended (exp)");
    EXPECT(!strchr(outcome.out, '\x1b') && strstr(outcome.out, "\\x1b[2J"), "%s", outcome.out);
    RUN(&outcome, empty, "explain", "--key-file", secret.path);
    expect_said(&outcome, 1, "no: the token's signature");
    RUN(&outcome, empty, "explain", "--key-file", pem.path);
    expect_said(&outcome, 1, "not looked at: the key is for EdDSA");
    struct key_file set = key_write(
        "{\"keys\": [{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},"
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    RUN(&outcome, empty, "explain", "--key-file", set.path);
    expect_said(&outcome, 1, "no: the token's signature");
    RUN(&outcome, none, "explain", "--key-file", set.path);
    expect_said(&outcome, 1, "none of the keys is for it");
    RUN(&outcome, NULL, "make", "--key-file", set.path);
    expect_sentence(&outcome, 2, "never the secret");
    unlink(set.path);
    RUN(&outcome, "not a token", "explain");
    expect_said(&outcome, 1, "no: the token is not a JWT");
    char longer[12000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    RUN(&outcome, longer, "explain");
    expect_said(&outcome, 1, "no: the token is longer than");
    unlink(secret.path);
    unlink(pem.path);
}

static void case_asked_for_wrongly(void)
{
    struct key_file secret = key_write(TEST_SECRET), shorter = key_write("a secret\n");
    struct key_file pem = key_write(TEST_ED25519_PUBLIC);
    struct outcome outcome;
    RUN(&outcome, NULL, "make");
    expect_sentence(&outcome, 2, "--key-file");
    RUN(&outcome, NULL, "dance");
    expect_sentence(&outcome, 2, "make or explain");
    RUN(&outcome, "", "explain");
    expect_sentence(&outcome, 2, "no token on standard input");
    RUN(&outcome, "x", "explain", "--publish", "a");
    expect_sentence(&outcome, 2, "--publish");
    RUN(&outcome, NULL, "make", "--key-file", "/nonexistent/key");
    expect_sentence(&outcome, 2, "/nonexistent/key");
    RUN(&outcome, NULL, "make", "--key-file", shorter.path);
    expect_sentence(&outcome, 2, "8 bytes; HS256 needs 32");
    EXPECT(!strstr(outcome.err, "a secret\""), "%s", outcome.err);
    RUN(&outcome, NULL, "make", "--key-file", pem.path);
    expect_sentence(&outcome, 2, "signs nothing");
    RUN(&outcome, NULL, "make", "--key-file", pem.path, "--algorithm", "HS256");
    expect_sentence(&outcome, 2, "never the secret");
    RUN(&outcome, NULL, "make", "--key-file", secret.path, "--algorithm", "none");
    expect_sentence(&outcome, 2, "not a choice");
    RUN(&outcome, NULL, "make", "--key-file", secret.path, "--publish", "a\nb");
    expect_sentence(&outcome, 2, "control character");
    RUN(&outcome, NULL, "make", "--key-file", secret.path);
    expect_sentence(&outcome, 0, "allows nothing");
    unlink(secret.path);
    unlink(shorter.path);
    unlink(pem.path);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("made_and_explained", case_made_and_explained);
    check_case("says_why_not", case_says_why_not);
    check_case("asked_for_wrongly", case_asked_for_wrongly);
    return check_end();
}
