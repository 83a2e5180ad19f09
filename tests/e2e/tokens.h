/* SPDX-License-Identifier: MIT */
/*
 * What the tests of access share: a folder with a key, publish tokens and the server's log; tokens,
 * signed with code of the tests' own; and requests that carry them in one of the places where they
 * may stand. One thread.
 */
#pragma once

#include <stdbool.h>

#include "tests/e2e/server.h"

#define SECRET     "a secret of the tests, which is long enough for all"
#define NEW_SECRET "another secret of the tests, as long as the first one"
#define PUBLISHER  "publisher-0123456789abcdef"

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* In the folder: the key (SECRET), the publish tokens (PUBLISHER is one), the server's log, and a
 * client's token. */
extern char key_path[96], tokens_path[96], log_path[96], token_path[96];

void file_write(const char *path, const char *text);
void files_make(void);
/* Removes them; no token may be in the log. */
void files_remove(void);
bool log_has(const char *words);
void log_await(const char *words);

/* A token with these two texts, signed by HMAC-SHA256 with the secret; NULL: with nothing. Four may
 * be in use at once. */
const char *token_signed(const char *header, const char *claims, const char *secret);
const char *token_of(const char *claims);
/* One that may read and publish `news/` and ends so many seconds from now. */
const char *token_until(int seconds, const char *secret);

enum place { NOWHERE, HEADER, SMALL_HEADER, QUERY, COOKIE };

/* The status of a request with this token in its place; `more` are further head lines. The stream
 * of a GET that is let in is closed again. What is answered does not repeat the token. */
int ask(const struct server *server, const char *method, const char *target, enum place place,
        const char *token, const char *more, const char *body);

struct row {
    const char *method, *target;
    enum place place;
    const char *token, *body;
    int status;
};

void expect_rows(const struct server *server, const struct row *rows, unsigned count);

#define EXPECT_ROWS(...)                                                                           \
    expect_rows(&server, (const struct row[]){__VA_ARGS__},                                        \
                sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))
