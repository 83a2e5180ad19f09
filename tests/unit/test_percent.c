/* SPDX-License-Identifier: MIT */
/* Percent-decoding: what it takes, what it refuses, and that it may be done in place. */
#include "net/http/percent.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "tests/unit/guard.h"

static void check(const char *input, bool plus_is_space, struct text want)
{
    struct text text = guard_new(text_of(input));
    char out[1024];
    size_t len = 0;
    cr_assert(percent_decode(text, plus_is_space, out, &len) == 0, "%s", input);
    cr_assert(text_equals((struct text){out, len}, want), "%s gave %.*s", input, (int)len, out);
    /* The same in place. */
    cr_assert(percent_decode(text, plus_is_space, (char *)text.at, &len) == 0, "%s", input);
    cr_assert(text_equals((struct text){text.at, len}, want), "%s in place", input);
    guard_free(text);
}

/* In place as well. */
static void check_form(const char *input, struct text want)
{
    struct text text = guard_new(text_of(input));
    char out[1024];
    size_t len = percent_decode_form(text, out);
    cr_assert(text_equals((struct text){out, len}, want), "%s gave %.*s", input, (int)len, out);
    len = percent_decode_form(text, (char *)text.at);
    cr_assert(text_equals((struct text){text.at, len}, want), "%s in place", input);
    guard_free(text);
}

static void check_refused(const char *input)
{
    struct text text = guard_new(text_of(input));
    char out[1024];
    size_t len = 77;
    cr_assert(percent_decode(text, false, out, &len) == -EINVAL, "%s", input);
    cr_assert(percent_decode(text, true, out, &len) == -EINVAL, "%s", input);
    cr_assert(len == 77, "written although refused");
    guard_free(text);
}

Test(percent, decodes)
{
    check("", false, TEXT(""));
    check("news", false, TEXT("news"));
    check("a%2Fb%2fc", false, TEXT("a/b/c"));
    check("%41", false, TEXT("A"));
    check("%c3%A4%C3%b6", false, TEXT("\xc3\xa4\xc3\xb6"));
    check("%00%ff", false, TEXT("\0\xff"));
    check("%2541", false, TEXT("%41")); /* once */
    check("=&?#;", false, TEXT("=&?#;"));
}

Test(percent, plus)
{
    check("a+b%2B+", true, TEXT("a b+ "));
    check("a+b%2B+", false, TEXT("a+b++"));
}

Test(percent, form)
{
    check_form("", TEXT(""));
    check_form("a+b%2B%c3%A4+", TEXT("a b+\xc3\xa4 "));
    check_form("100%", TEXT("100%"));
    check_form("%", TEXT("%"));
    check_form("%4", TEXT("%4"));
    check_form("%zz%%41%4g%+1", TEXT("%zz%A%4g% 1"));
}

Test(percent, every_byte)
{
    for (int byte = 0; byte < 256; byte++) {
        char input[8];
        char want = (char)byte;
        snprintf(input, sizeof(input), "%%%02x", (unsigned)byte);
        check(input, true, (struct text){&want, 1});
        snprintf(input, sizeof(input), "%%%02X", (unsigned)byte);
        check(input, false, (struct text){&want, 1});
    }
}

Test(percent, refuses)
{
    const char *refused[] = {"%",   "%4",  "abc%", "abc%4", "%%41", "%4g", "%g4", "% 4",   "%4 ",
                             "%-1", "%+1", "%0x",  "%/0",   "%:0",  "%@0", "%`0", "ok%41%"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        check_refused(refused[i]);
}
