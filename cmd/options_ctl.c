/* SPDX-License-Identifier: MIT */
/* The table of `ctl`; what a row is, cmd/options.h says. */
#include "cmd/options.h"

#define CTL(member)                                                                                \
    .offset = offsetof(struct ctl_settings, member),                                               \
    .size = sizeof(((struct ctl_settings *)0)->member)

static const struct option ctl_options[] = {
    {.name = "admin",
     .type = VALUE_TEXT,
     .shown = "PLACE",
     .usual_said = "the usual socket, as of a server with --admin unix",
     .help = "Where the server's --admin is: unix:PATH, a path that begins with /, or ADDR:PORT",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     CTL(admin)},
    {.name = "token-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Send the token in this file's first line: one of the server's --admin-token-file",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     CTL(token_file)},
    {.name = "json",
     .type = VALUE_FLAG,
     .help = "Print what the server answered; of a list a line for each page",
     .from = FROM_FLAG,
     CTL(json)},
};
static const struct option_table table = {ctl_options,
                                          sizeof(ctl_options) / sizeof(ctl_options[0])};
static const struct option_table *const tables[] = {&table};

const struct command command_ctl = {
    .name = "ctl",
    .synopsis = "[OPTION]... WHAT [ARGUMENT]...",
    .summary = "Look at a running server, and steer it",
    .text = "The server must run with --admin.\n\n"
            "  channels                 every channel: its subscribers, what is kept of it\n"
            "  channel NAME             one of them\n"
            "  subscribers [NAME]       who listens, to one channel or any, and how far\n"
            "                           behind they are\n"
            "  close NAME               end it now: who listens to it alone gets the end,\n"
            "                           its history is dropped, the name is free at once\n"
            "  send SUBSCRIBER DATA     an event for that one alone, in no history\n"
            "  end SUBSCRIBER           end its stream in order\n"
            "  kick                     end every stream in order; clients come back, each\n"
            "                           at a time of its own\n"
            "  explain SUBSCRIBER EVENT what became of an event for a subscriber, by ids\n"
            "  stats                    what is counted\n\n"
            "Exit status 1, and a sentence on stderr, where there is no such channel or\n"
            "subscriber, or the server refuses.\n",
    .examples = "  fanfare ctl channels                          a table\n"
                "  fanfare ctl --json channel news               for a program\n"
                "  fanfare ctl --admin 10.0.0.7:9000 --token-file admin.token stats\n",
    .tables = tables,
    .table_count = 1,
    .operands_min = 1,
    .operands_max = 3,
};

int ctl_settings_finish(struct ctl_settings *settings, struct parse *parse)
{
    char error[512];
    if (!ctl_verb_read(parse->operands, parse->operand_count, &settings->verb, error,
                       sizeof(error)))
        return parse_fault(parse, "%s", error);
    settings->place.is_usual = !settings->admin;
    if (settings->admin &&
        !admin_place_read(settings->admin, &settings->place, error, sizeof(error)))
        return parse_fault(parse, "--admin: %s", error);
    return 0;
}
