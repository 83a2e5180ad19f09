/* SPDX-License-Identifier: MIT */
/*
 * Options: values and their ranges, the three sources and their precedence, the sentences for what
 * is wrong, and --help. Environment and files are real; each test sets what it needs.
 */
#include <criterion/criterion.h>

#include "cmd/help.h"
#include "tests/unit/options_read.h"

Test(options, defaults)
{
    cr_assert_eq(READ_NONE(), 0);
    cr_expect_eq(settings.base.server.listen_count, 1);
    cr_expect_str_eq(settings.base.server.listen[0], "127.0.0.1:8080");
    cr_expect_null(settings.base.feed);
    cr_expect_eq(settings.base.server.feed_mode, 0660);
    cr_expect_eq(settings.base.server.feed_uid, -1);
    cr_expect_eq(settings.base.server.feed_gid, -1);
    cr_expect_geq(settings.base.hub.workers, 1);
    cr_expect_geq(settings.base.server.acceptors, 1);
    cr_expect_eq(settings.base.hub.io, IO_AUTO);
    cr_expect_eq(settings.base.hub.history_events, 10000);
    cr_expect_eq(settings.base.hub.history_bytes, 16u << 20);
    cr_expect_eq(settings.base.hub.history_age_s, 3600);
    cr_expect_eq(settings.base.hub.heartbeat_s, 15);
    cr_expect_eq(settings.base.hub.retry_ms, 2000);
    cr_expect_eq(settings.base.hub.slow, SLOW_DISCONNECT);
    cr_expect_eq(settings.base.hub.slow_after_ms, 1000);
    cr_expect_eq(settings.base.hub.hold_max_ms, 10000);
    cr_expect_eq(settings.base.hub.slow_rate, 1u << 20);
    cr_expect_eq(settings.base.hub.drain_timeout_ms, 8000);
    cr_expect_eq(settings.base.server.publish_wait_ms, 1000);
    cr_expect_eq(settings.base.server.body_max, DATA_BYTES_DEFAULT);
    cr_expect_eq(settings.base.server.head_bytes_max, HEAD_BYTES_MAX);
    cr_expect_eq(settings.base.server.target_bytes_max, TARGET_BYTES_MAX);
    cr_expect_eq(settings.base.server.head_timeout_ms, 10000);
    cr_expect_eq(settings.base.server.body_timeout_ms, 30000);
    cr_expect_eq(settings.base.server.allow_origin_count, 0);
    cr_expect_not(settings.check);
    uint64_t room = (uint64_t)settings.base.hub.worker_subscribers * settings.base.hub.workers;
    cr_expect_geq(room, settings.base.server.subscribers_max);
    parse_free(&parse);
}

Test(options, zero_besides_a_range)
{
    cr_assert_eq(READ("--memory-max", "0", "--write-timeout=0", "--lifetime=0.5"), 0);
    cr_expect_eq(settings.base.hub.memory_max, 0);
    cr_expect_eq(settings.base.hub.write_timeout_ms, 0);
    cr_expect_eq(settings.base.hub.idle_timeout_ms, 0);
    cr_expect_eq(settings.base.hub.lifetime_ms, 500);
    parse_free(&parse);
    cr_assert_eq(READ("--memory-max", "1M"), 0);
    cr_expect_eq(settings.base.hub.memory_max, 1u << 20);
    cr_expect_eq(settings.base.hub.write_timeout_ms, 300000);
    parse_free(&parse);
    cr_expect_eq(READ("--memory-max=1000K"), PARSE_FAULT);
    expect_fault("--memory-max: 1000K is out of range; allowed: 0, or 1M to 1024G (bytes; K, M and "
                 "G may follow)");
    cr_expect_eq(READ("--write-timeout=0.001"), PARSE_FAULT);
    expect_fault("--write-timeout: 0.001 is out of range; allowed: 0, or 0.01 to 604800 "
                 "seconds");
}

Test(options, values_of_every_type)
{
    cr_assert_eq(READ("--slow-after", "0.5", "--history-bytes=2g", "--slow=skip", "--feed-mode",
                      "600", "--heartbeat=0", "--check"),
                 0);
    cr_expect_eq(settings.base.hub.slow_after_ms, 500);
    cr_expect_eq(settings.base.hub.history_bytes, UINT64_C(2) << 30);
    cr_expect_eq(settings.base.hub.slow, SLOW_SKIP);
    cr_expect_eq(settings.base.server.feed_mode, 0600);
    cr_expect_eq(settings.base.hub.heartbeat_s, 0);
    cr_expect(settings.check);
    parse_free(&parse);
    cr_assert_eq(READ("--publish-wait=.125", "--drain-timeout", "1.050", "--feed-uid", "root",
                      "--feed-gid=any", "--body-max=1K"),
                 0);
    cr_expect_eq(settings.base.server.publish_wait_ms, 125);
    cr_expect_eq(settings.base.hub.drain_timeout_ms, 1050);
    cr_expect_eq(settings.base.server.feed_uid, 0);
    cr_expect_eq(settings.base.server.feed_gid, -1);
    cr_expect_eq(settings.base.server.body_max, 1024);
    parse_free(&parse);
}

Test(options, lists_are_repeated)
{
    cr_assert_eq(READ("--listen", "127.0.0.1:0", "--listen=[::1]:80", "--listen=unix:/tmp/x"), 0);
    cr_assert_eq(settings.base.server.listen_count, 3);
    cr_expect_str_eq(settings.base.server.listen[0], "127.0.0.1:0");
    cr_expect_str_eq(settings.base.server.listen[1], "[::1]:80");
    cr_expect_str_eq(settings.base.server.listen[2], "unix:/tmp/x");
    parse_free(&parse);
}

Test(options, given_twice)
{
    cr_assert_eq(READ("--slow=disconnect", "--slow", "skip", "--check", "--check"), 0);
    cr_expect_eq(settings.base.hub.slow, SLOW_SKIP);
    parse_free(&parse);
}

Test(options, list_too_long)
{
    const char *arguments[LISTEN_MAX + 2];
    for (int i = 0; i <= LISTEN_MAX; i++)
        arguments[i] = "--listen=localhost:80";
    arguments[LISTEN_MAX + 1] = NULL;
    cr_assert_eq(read_serve(arguments), PARSE_FAULT);
    expect_fault("--listen: given more than 16 times");
}

Test(options, faults_name_the_flag_and_what_is_allowed)
{
    static const struct {
        const char *argument, *sentence;
    } cases[] = {
        {"--workers=0", "--workers: 0 is out of range; allowed: 1 to 256"},
        {"--workers=257", "--workers: 257 is out of range; allowed: 1 to 256"},
        {"--workers=two", "--workers: \"two\" is not a whole number; allowed: 1 to 256"},
        {"--workers=-1", "--workers: \"-1\" is not a whole number; allowed: 1 to 256"},
        {"--workers= 1", "--workers: \" 1\" is not a whole number; allowed: 1 to 256"},
        {"--workers=99999999999999999999",
         "--workers: \"99999999999999999999\" is not a whole number; allowed: 1 to 256"},
        {"--workers=", "--workers: needs a value; allowed: 1 to 256"},
        {"--workers", "--workers: needs a value; allowed: 1 to 256"},
        {"--io=ring",
         "--io: \"ring\" is not a choice; allowed: auto, uring, uring-compat or epoll"},
        {"--io=aut", "--io: \"aut\" is not a choice; allowed: auto, uring, uring-compat or epoll"},
        {"--slow=drop", "--slow: \"drop\" is not a choice; allowed: disconnect or skip"},
        {"--body-max=17M", "--body-max: 17M is out of range; allowed: 1K to 16M (bytes; K, M and "
                           "G may follow)"},
        {"--body-max=1MB", "--body-max: \"1MB\" is not a size; allowed: 1K to 16M (bytes; K, M "
                           "and G may follow)"},
        {"--allow-origin=", "--allow-origin: needs a value: ORIGIN"},
        {"--slow-after=0", "--slow-after: 0 is out of range; allowed: 0.01 to 3600 seconds"},
        {"--slow-after=0.0005", "--slow-after: \"0.0005\" is not a number of seconds; allowed: "
                                "0.01 to 3600 seconds"},
        {"--slow-after=1.", "--slow-after: \"1.\" is not a number of seconds; allowed: 0.01 to "
                            "3600 seconds"},
        {"--heartbeat=1.5", "--heartbeat: \"1.5\" is not a whole number of seconds; allowed: 0 to "
                            "3600 seconds"},
        {"--feed-mode=888", "--feed-mode: \"888\" is not an octal file mode; allowed: 0000 to "
                            "0777"},
        {"--feed-mode=1777", "--feed-mode: 1777 is out of range; allowed: 0000 to 0777"},
        {"--feed-uid=no such user", "--feed-uid: \"no such user\" is not a user of this machine; "
                                    "allowed: a name, a number, or any"},
        {"--listen=8080", "--listen: \"8080\" is not an address; allowed: ADDR:PORT, "
                          "[V6ADDR]:PORT or unix:PATH"},
        {"--listen=localhost:65536", "--listen: \"localhost:65536\" is not an address; allowed: "
                                     "ADDR:PORT, [V6ADDR]:PORT or unix:PATH"},
        {"--listen=::1:80", "--listen: \"::1:80\" is not an address; allowed: ADDR:PORT, "
                            "[V6ADDR]:PORT or unix:PATH"},
        {"--listen=unix:", "--listen: \"unix:\" is not an address; allowed: ADDR:PORT, "
                           "[V6ADDR]:PORT or unix:PATH"},
        {"--histroy-age=1", "unknown option --histroy-age; did you mean --history-age?"},
        {"--zzz", "unknown option --zzz; `fanfare help serve` lists them all"},
        {"--", NULL},
        {"-x", "unknown option -x; `fanfare help serve` lists them all, and -- stands before words "
               "that begin with a dash"},
        {"news", "\"news\" is one argument too many; usage: fanfare serve [OPTION]..."},
        {"--check=perhaps", "--check: \"perhaps\" is not a value; allowed: yes or no"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = READ(cases[i].argument);
        cr_expect_eq(r, cases[i].sentence ? PARSE_FAULT : 0, "%s", cases[i].argument);
        expect_fault(cases[i].sentence ? cases[i].sentence : "");
    }
}

Test(options, faults_say_the_unit)
{
    cr_assert_eq(READ("--retry=99999999999"), PARSE_FAULT);
    cr_expect_not_null(strstr(parse.error, " milliseconds"), "%s", parse.error);
    parse_free(&parse);
}

Test(options, one_option_may_bound_another)
{
    cr_assert_eq(READ("--head-max=4K"), PARSE_FAULT);
    expect_fault(
        "target-max: 8192 bytes do not fit into a head of 4096; allowed: head-max at most");
    cr_expect_eq(READ("--head-max=4K", "--target-max=2K"), 0);
    parse_free(&parse);
}

Test(options, a_feed_that_is_none_has_no_owner)
{
    cr_assert_eq(READ("--feed", "none", "--feed-uid=any"), PARSE_FAULT);
    expect_fault("feed-uid was given, but the feed is none; give --feed PATH, or leave feed-uid "
                 "out");
    config_write("feed-gid = any\n");
    cr_expect_eq(READ("--feed", "none"), 0, "a flag overrides a file: %s", parse.error);
    parse_free(&parse);
    config_remove();
}

Test(options, two_places_for_one)
{
    struct pub_settings pub = {.retry_ms = -1};
    struct sub_settings sub = {0};
    const char *words[] = {"news", "--feed=/tmp/x", "--url=http://x", NULL};
    char **arguments = (char **)words;
    setenv("FANFARE_FEED", "/tmp/y", 1);
    cr_assert_eq(parse_run(&parse, &command_pub, 3, arguments, &pub), 0);
    cr_assert_eq(pub_settings_finish(&pub, &parse), PARSE_FAULT);
    expect_fault("--feed and --url are two ways to a server; give one of them");
    words[1] = "-v";
    cr_assert_eq(parse_run(&parse, &command_pub, 3, arguments, &pub), 0);
    cr_expect_eq(pub_settings_finish(&pub, &parse), 0);
    parse_free(&parse);
    words[1] = "--last=1";
    words[2] = "--since=1-1";
    cr_assert_eq(parse_run(&parse, &command_sub, 3, arguments, &sub), 0);
    cr_assert_eq(sub_settings_finish(&sub, &parse), PARSE_FAULT);
    expect_fault("--last and --since both say where to start; give one of them");
}

/* A token that is not sent would be one that somebody relies on; FANFARE_TOKEN_FILE is for both. */
Test(options, a_token_is_for_http)
{
    static struct pub_settings pub;
    char *with_flag[] = {(char[]){"--token-file=/tmp/t"}, (char[]){"news"}};
    char *over_http[] = {(char[]){"--url=http://a"}, (char[]){"--token-file=/tmp/t"},
                         (char[]){"news"}};
    cr_assert_eq(parse_run(&parse, &command_pub, 2, with_flag, &pub), 0);
    cr_assert_eq(pub_settings_finish(&pub, &parse), PARSE_FAULT);
    expect_fault("--token-file is for --url: the feed needs no token");
    cr_assert_eq(parse_run(&parse, &command_pub, 3, over_http, &pub), 0);
    cr_expect_eq(pub_settings_finish(&pub, &parse), 0);
    cr_expect_str_eq(pub.token_file, "/tmp/t");
    setenv("FANFARE_TOKEN_FILE", "/tmp/t", 1);
    cr_assert_eq(parse_run(&parse, &command_pub, 1, with_flag + 1, &pub), 0);
    cr_expect_eq(pub_settings_finish(&pub, &parse), 0);
    parse_free(&parse);
}

Test(options, flag_beats_environment_beats_file_beats_default)
{
    config_write("# a comment\n\nworkers = 3\nhistory-age=60 # and one here\r\n"
                 "  heartbeat =   7\nlisten = 127.0.0.1:1\nlisten = 127.0.0.1:2\n"
                 "feed = /tmp/a#b");
    setenv("FANFARE_WORKERS", "4", 1);
    setenv("FANFARE_HEARTBEAT", "8", 1);
    setenv("FANFARE_SLOW_AFTER", "", 1); /* as good as not set */
    setenv("FANFARE_PORT", "tcp://10.0.0.1:80", 1);
    cr_assert_eq(READ("--workers=5"), 0, "%s", parse.error);
    cr_expect_eq(settings.base.hub.workers, 5);
    cr_expect_eq(settings.base.hub.heartbeat_s, 8);
    cr_expect_eq(settings.base.hub.history_age_s, 60);
    cr_expect_eq(settings.base.hub.slow_after_ms, 1000);
    cr_expect_eq(settings.base.server.listen_count, 2);
    cr_expect_str_eq(settings.base.server.listen[1], "127.0.0.1:2");
    cr_expect_str_eq(settings.base.feed, "/tmp/a#b");
    cr_expect(parse_was_given(&parse, "history-age"));
    cr_expect_not(parse_was_given(&parse, "retry"));
    parse_free(&parse);

    setenv("FANFARE_LISTEN", "127.0.0.1:3, 127.0.0.1:4 unix:/tmp/y", 1);
    cr_assert_eq(READ_NONE(), 0, "%s", parse.error);
    cr_assert_eq(settings.base.server.listen_count, 3);
    cr_expect_str_eq(settings.base.server.listen[2], "unix:/tmp/y");
    parse_free(&parse);

    /* What has no colon belongs to the address in front of it. */
    setenv("FANFARE_LISTEN", "127.0.0.1:3 routes=subscribe,health  unix:/tmp/y mode=0600, [::1]:1",
           1);
    cr_assert_eq(READ_NONE(), 0, "%s", parse.error);
    cr_assert_eq(settings.base.server.listen_count, 3);
    cr_expect_str_eq(settings.base.server.listen[0], "127.0.0.1:3 routes=subscribe,health");
    cr_expect_str_eq(settings.base.server.listen[1], "unix:/tmp/y mode=0600");
    cr_expect_str_eq(settings.base.server.listen[2], "[::1]:1");
    parse_free(&parse);

    cr_assert_eq(READ("--listen=127.0.0.1:5"), 0, "%s", parse.error);
    cr_assert_eq(settings.base.server.listen_count, 1);
    cr_expect_str_eq(settings.base.server.listen[0], "127.0.0.1:5");
    parse_free(&parse);
    config_remove();
}

Test(options, faults_name_the_variable)
{
    setenv("FANFARE_SLOW_RATE", "fast", 1);
    cr_assert_eq(READ_NONE(), PARSE_FAULT);
    expect_fault("FANFARE_SLOW_RATE: \"fast\" is not a size; allowed: 1 to 1024G (bytes; K, M and "
                 "G may follow)");
    cr_expect_eq(READ("--slow-rate=1M"), PARSE_FAULT, "a hidden fault is a fault");
    parse_free(&parse);
}

Test(options, faults_name_file_and_line)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"\nworkers = 0\n", ":2: workers: 0 is out of range; allowed: 1 to 256"},
        {"worker = 1\n", ":1: unknown key worker; did you mean workers?"},
        {"workers 1\n", ":1: \"workers 1\" is not a line of the form `key = value`"},
        {"workers =\n", ":1: workers: needs a value; allowed: 1 to 256"},
        {"workers = 1\nretry = 1\nworkers = 2", ":3: workers was set already on line 1"},
        {"check = yes\n", ":1: check is only for the command line"},
        {"config = x\n", ":1: config is only for the command line"},
        {"= 1\n", ":1: unknown key ; `fanfare help serve` lists them all"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_write(cases[i].text);
        char sentence[512];
        snprintf(sentence, sizeof(sentence), "%s%s", getenv("FANFARE_CONFIG"), cases[i].sentence);
        cr_expect_eq(READ_NONE(), PARSE_FAULT);
        expect_fault(sentence);
        cr_expect_eq(READ("--workers=9"), PARSE_FAULT, "a hidden fault is a fault");
        parse_free(&parse);
        config_remove();
    }
}

Test(options, byte_order_mark)
{
    config_write("\xef\xbb\xbfretry = 100\r\nheartbeat = 3\n");
    cr_assert_eq(READ_NONE(), 0, "%s", parse.error);
    cr_expect_eq(settings.base.hub.retry_ms, 100);
    cr_expect_eq(settings.base.hub.heartbeat_s, 3);
    parse_free(&parse);
    config_remove();
}

Test(options, unreadable_file)
{
    cr_assert_eq(READ("--config=/nowhere/x.conf"), PARSE_FAULT);
    expect_fault("cannot read the configuration file /nowhere/x.conf: No such file or directory");
    cr_assert_eq(READ("--config", "/tmp"), PARSE_FAULT);
    expect_fault("cannot read the configuration file /tmp: Is a directory");
    cr_assert_eq(READ("--config=/dev/zero"), PARSE_FAULT);
    expect_fault("the configuration file /dev/zero is larger than 1 MiB");
}

Test(options, help_wins_and_every_option_is_in_it)
{
    cr_expect_eq(READ("--help"), PARSE_HELP);
    cr_expect_eq(READ("-h"), PARSE_HELP);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char *text = NULL, *rest = NULL, name[80];
        size_t len;
        FILE *out = open_memstream(&text, &len);
        help_command(out, commands[i]);
        fclose(out);
        for (size_t j = 0; j < command_option_count(commands[i]); j++) {
            snprintf(name, sizeof(name), "--%s", command_option(commands[i], j)->name);
            cr_expect_not_null(strstr(text, name), "%s", name);
        }
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            cr_expect_leq(strlen(line), 80, "%s", line);
        free(text);
    }
}

Test(options, pub_operands_and_letters)
{
    struct pub_settings pub = {.retry_ms = -1};
    const char *words[] = {"news", "-v", "--event=x", "--", "--data", NULL};
    char **arguments = (char **)words;
    cr_assert_eq(parse_run(&parse, &command_pub, 5, arguments, &pub), 0, "%s", parse.error);
    cr_assert_eq(parse.operand_count, 2);
    cr_expect_str_eq(parse.operands[1], "--data");
    cr_expect(pub.verbose);
    cr_expect_str_eq(pub.event, "x");
    cr_expect_eq(pub.retry_ms, -1);
    cr_expect_null(pub.url);
    parse_free(&parse);
    cr_assert_eq(parse_run(&parse, &command_pub, 0, arguments, &pub), 0);
    cr_assert_eq(pub_settings_finish(&pub, &parse), PARSE_FAULT);
    expect_fault("an argument is missing; usage: fanfare pub [OPTION]... CHANNEL|--all [DATA]");
}

Test(options, a_yes_or_no_stands_alone_or_with_its_word)
{
    cr_assert_eq(READ("--allow-credentials", "--workers", "2"), 0, "%s", parse.error);
    cr_expect(settings.base.server.allow_credentials);
    parse_free(&parse);
    cr_assert_eq(READ("--allow-credentials", "yes", "--check", "no"), 0, "%s", parse.error);
    cr_expect(settings.base.server.allow_credentials);
    cr_expect_not(settings.check);
    parse_free(&parse);
    cr_expect_eq(READ("--allow-credentials", "maybe"), PARSE_FAULT);
    cr_expect(strstr(parse.error, "yes or no"), "%s", parse.error);
    parse_free(&parse);
}

/* The listener that nobody named is for this machine: under other names it is not served. */
Test(options, the_default_listener_serves_this_machines_names)
{
    cr_assert_eq(READ("--workers", "1"), 0, "%s", parse.error);
    cr_assert_eq(serve_settings_finish(&settings, &parse), 0, "%s", parse.error);
    cr_assert(settings.base.server.host_count >= 3);
    cr_expect_str_eq(settings.base.server.host[0], "localhost");
    cr_expect_str_eq(settings.base.server.host[1], "127.0.0.1");
    cr_expect_str_eq(settings.base.server.host[2], "[::1]");
    parse_free(&parse);
    cr_assert_eq(READ("--listen", "127.0.0.1:8080"), 0, "%s", parse.error);
    cr_assert_eq(serve_settings_finish(&settings, &parse), 0, "%s", parse.error);
    cr_expect_eq(settings.base.server.host_count, 0, "a named listener serves any");
    parse_free(&parse);
    cr_assert_eq(READ("--host", "a", "--host", "b"), 0, "%s", parse.error);
    cr_assert_eq(serve_settings_finish(&settings, &parse), 0, "%s", parse.error);
    cr_expect_eq(settings.base.server.host_count, 2);
    parse_free(&parse);
}
