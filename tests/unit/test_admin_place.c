/* SPDX-License-Identifier: MIT */
/* The words for an administration's place, which the server and its client read alike. */
#include <criterion/criterion.h>

#include "lib/admin_place.h"

static struct admin_place place;
static char error[512];

static bool reads(const char *word)
{
    memset(&place, 0, sizeof(place));
    return admin_place_read(word, &place, error, sizeof(error));
}

Test(admin_place, sockets)
{
    cr_assert(reads("unix"));
    cr_expect(place.is_usual && place.is_unix);
    cr_expect_str_empty(place.text);
    cr_assert(reads("unix:/run/a b.sock"));
    cr_expect(!place.is_usual && place.is_unix);
    cr_expect_str_eq(place.text, "/run/a b.sock");
    cr_assert(reads("unix:relative"));
    cr_expect_str_eq(place.text, "relative");
    cr_assert(reads("/run/x"));
    cr_expect(place.is_unix);
    cr_expect_str_eq(place.text, "/run/x");
}

Test(admin_place, addresses)
{
    static const char *const good[] = {"127.0.0.1:9000", "[::1]:9000", "localhost:0", "a.b:65535"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char url[64];
        cr_assert(reads(good[i]), "%s", error);
        cr_expect(!place.is_unix && !place.is_usual);
        cr_expect_str_eq(place.text, good[i]);
        snprintf(url, sizeof(url), "http://%s", good[i]); /* as the server prints it */
        cr_assert(reads(url), "%s", error);
        cr_expect_str_eq(place.text, good[i]);
    }
}

Test(admin_place, what_is_none)
{
    static const char *const bad[] = {
        "",      "9000",    "a",           ":9000", "a:",       "a:b",
        "unix:", "http://", "https://a:1", "a:1/x", "::1:9000", "[::1:9000",
        "u@a:1", "a b:1",   "http://a:1/", "a?x:1", "#:1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!reads(bad[i]), "%s", bad[i]);
    char lengthy[400];
    memset(lengthy, 'a', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    memcpy(lengthy, "unix:", 5);
    cr_expect(!reads(lengthy));
    cr_expect_not_null(strstr(error, "107"));
    memcpy(lengthy + 390, ":80", 4);
    cr_expect(!reads(lengthy + 5));
}
