/* SPDX-License-Identifier: MIT */
/* The operator's page as a file: what is read of it, and what is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/limits.h"
#include "net/page_file.h"

static char dir[] = "/tmp/fanfare-page-XXXXXX", path[128], error[512];

static void name_it(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", dir, name);
}

static void write_bytes(size_t len)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    for (size_t i = 0; i < len; i++)
        putc('x', file);
    cr_assert_eq(fclose(file), 0);
}

static void setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
    rmdir(dir);
}

TestSuite(page_file, .init = setup, .fini = teardown);

Test(page_file, its_ending_says_what_it_is)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"a.html", "text/html; charset=utf-8"},
        {"a.htm", "text/html; charset=utf-8"},
        {"html", "text/html; charset=utf-8"},
        {"a.TXT", "text/plain; charset=utf-8"},
        {"a.json", "application/json"},
        {".txt.b", "text/html; charset=utf-8"},
        {"a.svg", "image/svg+xml"},
        {"a.xhtml", "application/xhtml+xml"},
        {"a.md", "text/markdown; charset=utf-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct page_file file = {.bytes = NULL};
        name_it(rows[i].name);
        write_bytes(i);
        cr_assert_eq(page_file_read(path, &file, error, sizeof(error)), 0, "%s", error);
        cr_expect_eq(file.len, i);
        cr_expect_not_null(file.bytes); /* an empty file is a page, too */
        cr_expect_str_eq(file.content_type, rows[i].type, "%s", rows[i].name);
        page_file_deinit(&file);
        unlink(path);
    }
}

Test(page_file, what_is_refused)
{
    struct page_file file;
    name_it("long.html");
    write_bytes(PAGE_BYTES_MAX);
    cr_assert_eq(page_file_read(path, &file, error, sizeof(error)), 0, "%s", error);
    cr_expect_eq(file.len, PAGE_BYTES_MAX);
    page_file_deinit(&file);
    write_bytes(PAGE_BYTES_MAX + 1);
    cr_expect_lt(page_file_read(path, &file, error, sizeof(error)), 0);
    cr_expect_not_null(strstr(error, "longer than 1 MiB"), "%s", error);
    unlink(path);
    cr_expect_eq(page_file_read(path, &file, error, sizeof(error)), -ENOENT);
    cr_expect_not_null(strstr(error, "page: cannot serve "), "%s", error);
    cr_expect_not_null(strstr(error, "No such file"), "%s", error);
    cr_expect_lt(page_file_read(dir, &file, error, sizeof(error)), 0);
    cr_expect_not_null(strstr(error, "it is no file"), "%s", error);
    cr_assert_eq(mkfifo(path, 0600), 0); /* nobody writes to it, and nobody waits for that */
    cr_expect_lt(page_file_read(path, &file, error, sizeof(error)), 0);
    cr_expect_not_null(strstr(error, "it is no file"), "%s", error);
    unlink(path);
    cr_expect_lt(page_file_read("/dev/zero", &file, error, sizeof(error)), 0);
}
