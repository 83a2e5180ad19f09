/* SPDX-License-Identifier: MIT */
/* What strangers write does not steer a terminal, and text of every language stays as it is. */
#include <criterion/criterion.h>

#include "lib/terminal.h"

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *text;
    size_t len;
    const char *shown;
} cases[] = {
    {BYTES("plain"), "plain"},
    {BYTES("gr\xc3\xbc\xc3\x9f, \xe6\x97\xa5\xe6\x9c\xac, \xf0\x9f\x8e\x89"),
     "gr\xc3\xbc\xc3\x9f, \xe6\x97\xa5\xe6\x9c\xac, \xf0\x9f\x8e\x89"},
    {BYTES("a\x1b[31mb\x7f"), "a\\x1b[31mb\\x7f"},
    {BYTES("csi \xc2\x9b"
           "31m, nel \xc2\x85"),
     "csi \\x9b31m, nel \\x85"},
    {BYTES("\xc2\xa0"), "\xc2\xa0"}, /* the first one behind them */
    {BYTES("no utf-8 \x9b"
           "31m \xff\xc0\x80"),
     "no utf-8 \\x9b31m \\xff\\xc0\\x80"},
    {BYTES("cut \xe2\x80"), "cut \\xe2\\x80"},
    {BYTES("surrogate \xed\xa0\x80"), "surrogate \\xed\\xa0\\x80"},
    {BYTES("\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9"), "\\u202a\\u202e\\u2066\\u2069"},
    {BYTES("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c"), "\\u200e\\u200f\\u061c"},
    {BYTES("\xd8\xb9\xd8\xb1\xd8\xa8"), "\xd8\xb9\xd8\xb1\xd8\xa8"}, /* Arabic itself is text */
};

Test(terminal, copy)
{
    char out[256];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = terminal_copy(out, sizeof(out), (struct text){cases[i].text, cases[i].len});
        cr_expect_str_eq(out, cases[i].shown);
        cr_expect_eq(len, strlen(cases[i].shown));
    }
}

Test(terminal, write)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *shown = NULL;
        size_t len;
        FILE *out = open_memstream(&shown, &len);
        char *own = malloc(cases[i].len); /* ends where its memory ends */
        memcpy(own, cases[i].text, cases[i].len);
        terminal_write(out, (struct text){own, cases[i].len}, false);
        fclose(out);
        cr_expect_str_eq(shown, cases[i].shown);
        free(own);
        free(shown);
    }
}

Test(terminal, line_feeds_where_they_are_wanted)
{
    char *shown = NULL;
    size_t len;
    FILE *out = open_memstream(&shown, &len);
    terminal_write(out, TEXT("a\n\tb\r"), true);
    terminal_write(out, TEXT("a\n\tb"), false);
    fclose(out);
    cr_expect_str_eq(shown, "a\n\tb\\x0da\\x0a\tb");
    free(shown);
}

Test(terminal, what_does_not_fit_is_cut_between_characters)
{
    char out[8];
    cr_expect_eq(terminal_copy(out, sizeof(out), TEXT("12345\x1b")), 5);
    cr_expect_str_eq(out, "12345");
    cr_expect_eq(terminal_copy(out, sizeof(out), TEXT("123456\xc3\xbc")), 6);
    cr_expect_str_eq(out, "123456");
}
