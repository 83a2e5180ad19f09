/* SPDX-License-Identifier: MIT */
/* Who needs a token: by which files there are, and what is said when one of them is wrong. */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "net/access/access.h"
#include "net/access/token_fault.h"

static char tokens[64], key[64];
static const char *key_files[ACCESS_KEY_FILES_MAX + 1];
static char error[512];

static void write_file(char *path, size_t size, const char *text)
{
    snprintf(path, size, "/tmp/fanfare-test-access-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void files_make(void)
{
    write_file(tokens, sizeof(tokens), "one-token\ntwo-token\n");
    write_file(key, sizeof(key), "a secret that is as long as it has to be");
    key_files[0] = key;
}

static void files_remove(void)
{
    unlink(tokens);
    unlink(key);
}

TestSuite(access, .init = files_make, .fini = files_remove);

static int make(const struct access_options *options, struct access **ret_access)
{
    error[0] = '\0';
    *ret_access = NULL;
    return access_new(options, ret_access, error, sizeof(error));
}

Test(access, nothing_is_said)
{
    struct access *access;
    cr_assert_eq(make(&(struct access_options){0}, &access), 0);
    cr_expect_null(access);
    cr_expect(!access_needs_token(access, GRANT_PUBLISH));
    cr_expect(!access_needs_token(access, GRANT_SUBSCRIBE));
    cr_expect(access_is_anonymous(access, TEXT("any")));
    cr_expect_null(access_unref(access_ref(access)));
}

Test(access, publish_tokens_rule_publishing_alone)
{
    struct access *access;
    struct grant *grant = NULL;
    cr_assert_eq(make(&(struct access_options){.publish_token_file = tokens}, &access), 0, "%s",
                 error);
    cr_expect(access_needs_token(access, GRANT_PUBLISH));
    cr_expect(!access_needs_token(access, GRANT_SUBSCRIBE));
    cr_expect(access_is_anonymous(access, TEXT("any")));
    cr_expect_eq(access_judge(access, NULL, TEXT("three-token"), 0, &grant), TOKEN_UNKNOWN);
    cr_expect_eq(access_judge(access, NULL, TEXT(""), 0, &grant), TOKEN_UNKNOWN);
    cr_assert_eq(access_judge(access, NULL, TEXT("two-token"), 0, &grant), 0);
    cr_expect(grant_may(grant, GRANT_PUBLISH, TEXT("any/thing")));
    cr_expect(!grant_may(grant, GRANT_SUBSCRIBE, TEXT("any/thing")));
    cr_expect_eq(grant_ends_at_s(grant), GRANT_NEVER);
    grant_unref(grant);
    access_unref(access);
}

Test(access, keys_rule_both)
{
    struct access *access;
    struct grant *grant = NULL;
    const char *const anonymous[] = {"open/*", "lobby"};
    cr_assert_eq(make(&(struct access_options){.publish_token_file = tokens,
                                               .jwt_key_files = key_files,
                                               .jwt_key_file_count = 1,
                                               .anonymous = anonymous,
                                               .anonymous_count = 2},
                      &access),
                 0, "%s", error);
    cr_expect(access_needs_token(access, GRANT_PUBLISH));
    cr_expect(access_needs_token(access, GRANT_SUBSCRIBE));
    cr_expect(access_is_anonymous(access, TEXT("open/a/b")));
    cr_expect(access_is_anonymous(access, TEXT("lobby")));
    cr_expect(!access_is_anonymous(access, TEXT("lobbyist")));
    cr_expect_eq(access_judge(access, NULL, TEXT("three-token"), 0, &grant), TOKEN_FORM);
    cr_expect_eq(access_judge(access, NULL, TEXT("one-token"), 0, &grant), 0);
    grant_unref(grant);
    access_unref(access);
}

static void expect_fault(const struct access_options *options, const char *wanted)
{
    struct access *access;
    cr_expect_lt(make(options, &access), 0);
    cr_expect_null(access);
    cr_expect(strstr(error, wanted), "\"%s\" instead of \"%s\"", error, wanted);
}

Test(access, what_is_wrong_is_named)
{
    const char *const star[] = {"*"}, *const empty[] = {""};
    const char *many[ACCESS_PATTERNS_MAX + 1];
    char bad[64];
    write_file(bad, sizeof(bad), "tab\there\n");
    expect_fault(&(struct access_options){.anonymous = star, .anonymous_count = 1},
                 "anonymous needs jwt-key-file");
    expect_fault(&(struct access_options){.publish_token_file = "/nowhere"},
                 "publish-token-file: cannot read /nowhere");
    expect_fault(&(struct access_options){.publish_token_file = bad}, "line 1");
    cr_expect(strstr(error, bad) && !strstr(error, "here"), "%s", error);
    expect_fault(&(struct access_options){.jwks_file = tokens}, "jwt-jwks: /tmp/");
    expect_fault(
        &(struct access_options){.jwt_key_files = (const char *[]){bad}, .jwt_key_file_count = 1},
        "jwt-key-file: /tmp/");
    cr_expect(!strstr(error, "tab"), "%s", error);
    expect_fault(&(struct access_options){.jwt_key_files = key_files,
                                          .jwt_key_file_count = 1,
                                          .anonymous = empty,
                                          .anonymous_count = 1},
                 "anonymous: \"\"");
    for (unsigned i = 0; i <= ACCESS_PATTERNS_MAX; i++)
        many[i] = "x";
    expect_fault(&(struct access_options){.jwt_key_files = key_files,
                                          .jwt_key_file_count = 1,
                                          .anonymous = many,
                                          .anonymous_count = ACCESS_PATTERNS_MAX + 1},
                 "more than 64 times");
    expect_fault(&(struct access_options){.jwt_key_files = key_files,
                                          .jwt_key_file_count = ACCESS_KEY_FILES_MAX + 1},
                 "more than 16 times");
    unlink(bad);
}
