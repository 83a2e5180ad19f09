/* SPDX-License-Identifier: MIT */
/* Where a request's token stands: the first place that has one decides. */
#include <criterion/criterion.h>

#include "net/access/credential.h"
#include "tests/unit/guard.h"

static void expect(const char *authorization, const char *query, const char *cookie,
                   enum credential_place place, const char *token)
{
    struct text texts[] = {guard_new(text_of(authorization)),
                           guard_new(text_of(query ? query : "")), guard_new(text_of(cookie))};
    struct credential credential =
        credential_find(texts[0], query ? texts[1] : (struct text){NULL, 0}, texts[2]);
    cr_expect_eq(credential.place, place, "\"%s\" %s \"%s\": place %d", authorization,
                 query ? query : "-", cookie, (int)credential.place);
    cr_expect(text_equals(credential.token, text_of(token)), "\"%s\" %s \"%s\": \"%.*s\"",
              authorization, query ? query : "-", cookie, (int)credential.token.len,
              credential.token.at);
    for (unsigned i = 0; i < 3; i++)
        guard_free(texts[i]);
}

Test(credential, header)
{
    expect("Bearer abc", NULL, "", CREDENTIAL_BY_HEADER, "abc");
    expect("bearer abc", NULL, "", CREDENTIAL_BY_HEADER, "abc");
    expect("BEARER \t abc", NULL, "", CREDENTIAL_BY_HEADER, "abc");
    expect("Bearer", NULL, "", CREDENTIAL_BY_HEADER, "");
    expect("Bearer ", NULL, "", CREDENTIAL_BY_HEADER, "");
    expect("Bearer a b", NULL, "", CREDENTIAL_BY_HEADER, "a b");
    /* Another scheme is no token of ours. */
    expect("Basic abc", NULL, "", CREDENTIAL_NONE, "");
    expect("Bearerabc", NULL, "", CREDENTIAL_NONE, "");
    expect("Beare", NULL, "", CREDENTIAL_NONE, "");
    expect("", NULL, "", CREDENTIAL_NONE, "");
}

Test(credential, the_first_decides)
{
    expect("Bearer a", "b", "fanfare=c", CREDENTIAL_BY_HEADER, "a");
    expect("Bearer", "b", "fanfare=c", CREDENTIAL_BY_HEADER, "");
    expect("Basic a", "b", "fanfare=c", CREDENTIAL_BY_QUERY, "b");
    expect("", "", "fanfare=c", CREDENTIAL_BY_QUERY, "");
    expect("Basic a", NULL, "fanfare=c", CREDENTIAL_BY_COOKIE, "c");
}

Test(credential, cookie)
{
    expect("", NULL, "fanfare=abc", CREDENTIAL_BY_COOKIE, "abc");
    expect("", NULL, "a=b; fanfare=abc; c=d", CREDENTIAL_BY_COOKIE, "abc");
    expect("", NULL, "a=b;fanfare=abc", CREDENTIAL_BY_COOKIE, "abc");
    expect("", NULL, "fanfare=\"abc\"", CREDENTIAL_BY_COOKIE, "abc");
    expect("", NULL, "fanfare=\"", CREDENTIAL_BY_COOKIE, "\"");
    expect("", NULL, "fanfare=", CREDENTIAL_BY_COOKIE, "");
    expect("", NULL, "fanfare=a=b", CREDENTIAL_BY_COOKIE, "a=b");
    expect("", NULL, "fanfare=1; fanfare=2", CREDENTIAL_BY_COOKIE, "1");
    expect("", NULL, "notfanfare=abc; fanfares=d; Fanfare=e; fanfare", CREDENTIAL_NONE, "");
    expect("", NULL, ";;; ;", CREDENTIAL_NONE, "");
}
