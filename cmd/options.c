/* SPDX-License-Identifier: MIT */
/*
 * What the tables of the commands (cmd/options_NAME.c) do not say: which commands there are, the
 * defaults that depend on the machine, checks that take two rows, and the printing of what holds.
 */
#include "cmd/options.h"

#include <ctype.h>
#include <unistd.h>

#include "cmd/socket_path.h"

const struct command *const commands[COMMAND_COUNT] = {&command_serve, &command_pub, &command_sub,
                                                       &command_ctl, &command_token};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* What was said for a feed that was then taken away says that one of both is a mistake, unless the
 * stronger source takes it away: a flag over a file. */
static int feed_fits(const struct serve_settings *settings, struct parse *parse)
{
    static const char *const names[] = {"feed-mode", "feed-uid", "feed-gid", "feed-adopt"};
    if (!settings->base.feed || strcmp(settings->base.feed, "none") != 0)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (parse_was_given(parse, names[i]) &&
            parse_source(parse, names[i]) >= parse_source(parse, "feed"))
            return parse_fault(parse,
                               "%s was given, but the feed is none; give --feed PATH, or leave %s "
                               "out",
                               names[i], names[i]);
    return 0;
}

/* The default listener is for this machine alone, but a page of any name that a stranger points to
 * 127.0.0.1 would be one of its own pages for a browser. Who names a listener may have a proxy
 * there, and most of them pass the visitor's Host on. */
static void hosts_choose(struct serve_settings *settings, const struct parse *parse)
{
    static char machine[256];
    struct server_options *server = &settings->base.server;
    if (parse_was_given(parse, "listen") || server->host_count > 0)
        return;
    server->host[server->host_count++] = "localhost";
    server->host[server->host_count++] = "127.0.0.1";
    server->host[server->host_count++] = "[::1]";
    bool known = gethostname(machine, sizeof(machine) - 1) == 0 && machine[0] != '\0';
    for (const char *at = machine; *at != '\0' && known; at++)
        known = isalnum((unsigned char)*at) || strchr("-._", *at);
    if (known)
        server->host[server->host_count++] = machine;
}

/* The usual place is the environment's, which only a program reads. */
static int admin_choose(struct serve_settings *settings, struct parse *parse)
{
    struct admin_place place;
    struct socket_path usual;
    char error[512];
    if (!settings->base.admin)
        return 0;
    if (!admin_place_read(settings->base.admin, &place, error, sizeof(error)))
        return parse_fault(parse, "admin: %s", error);
    settings->admin_usual = place.is_usual;
    if (!place.is_usual)
        return 0;
    socket_path_expect(SOCKET_ADMIN, &usual);
    snprintf(settings->admin, sizeof(settings->admin), "unix:%s", usual.path);
    settings->base.admin = settings->admin;
    return 0;
}

void serve_settings_begin(struct serve_settings *settings)
{
    *settings = (struct serve_settings){0};
    settings_begin(&settings->base);
}

int serve_settings_finish(struct serve_settings *settings, struct parse *parse)
{
    hosts_choose(settings, parse);
    int r = admin_choose(settings, parse);
    if (r == 0 && settings_finish(&settings->base, parse->error, sizeof(parse->error)) < 0)
        r = PARSE_FAULT;
    return r ? r : feed_fits(settings, parse);
}

static void source_print(const struct parse *parse, size_t index)
{
    char variable[80];
    switch (parse->source[index]) {
    case SOURCE_FLAG:
        printf("  # --%s\n", command_option(parse->command, index)->name);
        break;
    case SOURCE_ENVIRONMENT:
        parse_variable(command_option(parse->command, index), variable, sizeof(variable));
        printf("  # %s\n", variable);
        break;
    case SOURCE_FILE:
        if (command_option(parse->command, index)->list_max > 0) /* of more lines than one */
            printf("  # %s\n", parse->config);
        else
            printf("  # %s:%u\n", parse->config, parse->line[index]);
        break;
    default:
        printf("\n");
    }
}

void serve_settings_print(const struct parse *parse)
{
    const struct serve_settings *settings = parse->target;
    for (size_t i = 0; i < command_option_count(parse->command); i++) {
        const struct option *option = command_option(parse->command, i);
        if (option->group)
            printf("%s# %s\n", i > 0 ? "\n" : "", option->group);
        if (!(option->from & FROM_FILE))
            continue;
        if (option->list_max > 0 && value_count(option, settings) > 0) {
            /* Also what was chosen: read back, a file that names the usual listener would leave the
             * hosts open. */
            for (unsigned j = 0; j < value_count(option, settings); j++) {
                printf("%s = %s", option->name, value_item(option, settings, j));
                source_print(parse, i);
            }
        } else if (parse->given[i]) {
            printf("%s = %s", option->name, parse->given[i]);
            source_print(parse, i);
        } else {
            printf("# %s =  (%s)\n", option->name, command_usual_said(parse->command, option));
        }
    }
}
