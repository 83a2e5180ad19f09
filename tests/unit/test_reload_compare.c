/* SPDX-License-Identifier: MIT */
/* Two readings of the options, as before and after SIGHUP: what differs, and what stays. */
#include "cmd/reload.h"
#include "tests/unit/options_read.h"

static struct parse other;
static struct serve_settings other_settings;
static char differences[512];

static void note_difference(void *context, const struct option *option, const char *was,
                            const char *is)
{
    (void)context;
    size_t len = strlen(differences);
    snprintf(differences + len, sizeof(differences) - len, "%s%s: %s -> %s%s", len ? "; " : "",
             option->name, was, is, option->restart ? " (restart)" : "");
}

/* Reads `now` and then `next`, each a file, and compares; both stay for the caller to look at. */
static unsigned compare_files(const char *now, const char *next)
{
    static char *no_arguments[] = {NULL};
    differences[0] = '\0';
    config_write(next);
    cr_assert_eq(READ_NONE(), 0, "%s", parse.error);
    FILE *file = fopen(getenv("FANFARE_CONFIG"), "we");
    cr_assert(file && fputs(now, file) >= 0 && fclose(file) == 0);
    serve_settings_begin(&other_settings);
    cr_assert_eq(parse_run(&other, &command_serve, 0, no_arguments, &other_settings), 0);
    cr_assert_eq(serve_settings_finish(&other_settings, &other), 0);
    config_remove();
    return reload_compare(&other, &parse, note_difference, NULL);
}

static void compare_over(void)
{
    parse_free(&parse);
    parse_free(&other);
}

Test(reload_compare, names_what_differs)
{
    cr_expect_eq(compare_files("heartbeat = 5\nslow = skip\n", "history-bytes = 1M\nslow = skip\n"),
                 2);
    cr_expect_str_eq(differences, "history-bytes: 16M -> 1M; heartbeat: 5 -> 15");
    cr_expect_eq(settings.base.hub.heartbeat_s, 15);
    compare_over();
}

Test(reload_compare, by_value_not_by_text)
{
    cr_expect_eq(compare_files("history-bytes = 1024K\nlisten = a:1\nlisten = b:2\n",
                               "history-bytes = 1M\nlisten = a:1\nlisten = b:2\n"),
                 0, "%s", differences);
    compare_over();
}

Test(reload_compare, keeps_what_needs_a_restart)
{
    cr_expect_eq(compare_files("workers = 3\nlisten = a:1\n",
                               "workers = 4\nlisten = a:1\nlisten = b:2\nfeed = none\n"
                               "allow-origin = *\n"),
                 4);
    cr_expect_str_eq(
        differences,
        "listen: a:1 -> a:1 b:2 (restart); "
        "feed: $XDG_RUNTIME_DIR/fanfare.sock, else /run/fanfare/feed.sock, else in "
        "/tmp/fanfare-UID -> none (restart); allow-origin: none -> *; workers: 3 -> 4 (restart)");
    cr_expect_eq(settings.base.hub.workers, 3);
    cr_expect_eq(settings.base.server.listen_count, 1);
    cr_expect_null(settings.base.feed);
    cr_expect_eq(settings.base.server.allow_origin_count, 1);
    cr_expect_str_eq(settings.base.server.allow_origin[0], "*");
    /* And so they differ again next time. */
    differences[0] = '\0';
    struct parse running = parse;
    running.target = &settings;
    cr_expect_eq(reload_compare(&running, &other, note_difference, NULL), 1);
    cr_expect_str_eq(differences, "allow-origin: * -> none");
    compare_over();
}
