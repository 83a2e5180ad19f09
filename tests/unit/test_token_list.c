/* SPDX-License-Identifier: MIT */
/* Lists of tokens: what stands in one, and what cannot. */
#include <criterion/criterion.h>

#include <errno.h>

#include "engine/limits.h"
#include "net/access/token_list.h"

static char error[512];

static struct token_list *list_of(struct text text)
{
    struct token_list *list = NULL;
    cr_assert_eq(token_list_new(text, &list, error, sizeof(error)), 0, "%s", error);
    return list;
}

Test(token_list, has_what_stands_in_it)
{
    struct token_list *list =
        list_of(TEXT("# for the shop\nfirst-token\r\n\n  second+/=  \n\t\n#third\nlast"));
    static const char *const good[] = {"first-token", "second+/=", "last"};
    static const char *const bad[] = {"",      "first-toke", "first-token ", "First-token",
                                      "third", "#third",     "first-tokenn", "first-token\r"};
    for (size_t i = 0; i < 3; i++)
        cr_expect(token_list_has(list, text_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!token_list_has(list, text_of(bad[i])), "%s", bad[i]);
    cr_expect(!token_list_has(NULL, TEXT("last")));
    struct token_list *other = token_list_ref(list);
    cr_expect_null(token_list_unref(list));
    cr_expect(token_list_has(other, TEXT("last")));
    token_list_unref(other);
}

static void expect_no_list(struct text text, const char *said)
{
    struct token_list *list = NULL;
    cr_expect_eq(token_list_new(text, &list, error, sizeof(error)), -EINVAL, "%s", said);
    cr_expect(strstr(error, said), "%s", error);
}

Test(token_list, that_cannot_be_one_is_refused)
{
    expect_no_list(TEXT(""), "no token");
    expect_no_list(TEXT("\n# all\n  \r\n"), "no token");
    expect_no_list(TEXT("a\nb c\n"), "line 2");
    expect_no_list(TEXT("a\0b"), "line 1");
    expect_no_list(TEXT("caf\xc3\xa9"), "line 1");
    cr_expect(!strstr(error, "caf"), "nothing of a token is said");
    static char many[2 * (TOKEN_LIST_MAX + 1)];
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = i % 2 ? '\n' : 'x';
    expect_no_list((struct text){many, sizeof(many)}, "more than 1024");
    token_list_unref(list_of((struct text){many, sizeof(many) - 2}));
    static char lengthy[TOKEN_BYTES_MAX + 1];
    memset(lengthy, 'x', sizeof(lengthy));
    expect_no_list((struct text){lengthy, sizeof(lengthy)}, "line 1 is longer");
}
