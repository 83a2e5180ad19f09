/* SPDX-License-Identifier: MIT */
/*
 * fanfare: finds the command, has its options read, and runs it.
 *
 * Everything that is said about options is made from the tables of cmd/options_NAME.c. This is one
 * of the few files that print and decide exit statuses; the library underneath never does.
 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/environment.h"
#include "cmd/help.h"
#include "cmd/log.h"

/* For the e2e tests and for scripts: one line, the version last. */
static int version_print(void)
{
    printf("fanfare %s\n", FANFARE_VERSION);
    return EXIT_DONE;
}

static int help_print(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;
    if (name && !command) {
        log_complain(
            "", "there is no command \"%.100s\"; the commands are serve, pub, sub, ctl and token",
            name);
        return EXIT_USAGE;
    }
    if (command)
        help_command(stdout, command);
    else
        help_long(stdout);
    return EXIT_DONE;
}

static void warn(void *command, const char *sentence)
{
    log_complain(command, "%s", sentence);
}

union command_settings {
    struct serve_settings serve;
    struct pub_settings pub;
    struct sub_settings sub;
    struct ctl_settings ctl;
    struct token_settings token;
};

static int command_finish(const struct command *command, union command_settings *settings,
                          struct parse *parse)
{
    if (command == &command_serve)
        return serve_settings_finish(&settings->serve, parse);
    if (command == &command_pub)
        return pub_settings_finish(&settings->pub, parse);
    if (command == &command_sub)
        return sub_settings_finish(&settings->sub, parse);
    if (command == &command_ctl)
        return ctl_settings_finish(&settings->ctl, parse);
    return token_settings_finish(&settings->token, parse);
}

static int command_start(const struct command *command, union command_settings *settings,
                         const struct parse *parse)
{
    if (command == &command_serve)
        return serve_run(parse, &settings->serve);
    if (command == &command_pub)
        return pub_run(parse, &settings->pub);
    if (command == &command_sub)
        return sub_run(parse, &settings->sub);
    if (command == &command_ctl)
        return ctl_run(parse, &settings->ctl);
    return token_run(parse, &settings->token);
}

/* Reads the options of one command into its settings and calls it. */
static int command_run(const struct command *command, int count, char **arguments)
{
    union command_settings settings;
    struct parse parse;
    memset(&settings, 0, sizeof(settings)); /* all of it, not its first member alone */
    if (command == &command_serve)
        serve_settings_begin(&settings.serve);
    else if (command == &command_pub)
        settings.pub.retry_ms = -1;
    int r = parse_run(&parse, command, count, arguments, &settings);
    if (r == 0)
        r = command_finish(command, &settings, &parse);
    if (r != PARSE_HELP)
        environment_check(environ, warn, (void *)(uintptr_t)command->name);
    int status = EXIT_USAGE;
    if (r == PARSE_HELP) {
        help_command(stdout, command);
        status = EXIT_DONE;
    } else if (r != 0) {
        log_complain(command->name, "%s", parse.error);
    } else {
        status = command_start(command, &settings, &parse);
    }
    parse_free(&parse);
    return status;
}

/* A standard stream that is closed would become the first socket we open, and a log line would go
 * to a client. Open gives the lowest number that is free, which is the missing one. */
static void streams_complete(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            _exit(EXIT_FAILED); /* and nobody can be told */
}

int main(int count, char **arguments)
{
    streams_complete();
    /* A reader that is gone is an error of the write, not a signal to everybody. */
    signal(SIGPIPE, SIG_IGN);
    const char *first = count > 1 ? arguments[1] : NULL;
    if (!first) {
        help_short(stdout);
        return EXIT_DONE;
    }
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return version_print();
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return help_print(NULL);
    if (strcmp(first, "help") == 0)
        return help_print(count > 2 ? arguments[2] : NULL);
    const struct command *command = command_find(first);
    if (!command) {
        log_complain(
            "", "there is no command \"%.100s\"; the commands are serve, pub, sub, ctl and token",
            first);
        return EXIT_USAGE;
    }
    return command_run(command, count - 2, arguments + 2);
}
