/* SPDX-License-Identifier: MIT */
/* The table of `pub`; what a row is, cmd/options.h says. */
#include "cmd/options.h"

#include "cmd/address.h"

#define PUB(member)                                                                                \
    .offset = offsetof(struct pub_settings, member),                                               \
    .size = sizeof(((struct pub_settings *)0)->member)

static const struct option pub_options[] = {
    {.name = "feed",
     .type = VALUE_SOCKET,
     .shown = "PATH",
     .usual_said = "where the server usually puts it",
     .help = "Publish over this feed socket",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     PUB(feed)},
    {.name = "url",
     .type = VALUE_TEXT,
     .shown = "URL",
     .help = "Publish over HTTP to the server at this URL instead",
     .from = FROM_FLAG,
     PUB(url)},
    {.name = "token-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Send the token in this file's first line, as Authorization: Bearer; read again for "
             "each request (with --url)",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     PUB(token_file)},
    {.name = "event",
     .type = VALUE_TEXT,
     .shown = "TYPE",
     .usual_said = "none: clients see message",
     .help = "Event type",
     .from = FROM_FLAG,
     PUB(event)},
    {.name = "id",
     .type = VALUE_TEXT,
     .shown = "ID",
     .usual_said = "the server's",
     .help = "An id of your own",
     .from = FROM_FLAG,
     PUB(id)},
    {.name = "retry",
     .type = VALUE_COUNT,
     .shown = "MS",
     .max = EVENT_RETRY_MS_MAX,
     .help = "Tell clients to wait so long before they reconnect",
     .from = FROM_FLAG,
     PUB(retry_ms)},
    {.name = "end",
     .type = VALUE_FLAG,
     .help = "End the channel with this event, or behind the last line",
     .from = FROM_FLAG,
     PUB(end)},
    {.name = "all",
     .type = VALUE_FLAG,
     .help = "Publish to all open streams and into every channel's history; no CHANNEL is given",
     .from = FROM_FLAG,
     PUB(all)},
    {.name = "verbose",
     .letter = 'v',
     .type = VALUE_FLAG,
     .help = "Print the id of each event",
     .from = FROM_FLAG,
     PUB(verbose)},
};
static const struct option_table table = {pub_options,
                                          sizeof(pub_options) / sizeof(pub_options[0])};
static const struct option_table *const tables[] = {&table};

const struct command command_pub = {
    .name = "pub",
    .synopsis = "[OPTION]... CHANNEL|--all [DATA]",
    .summary = "Publish an event, or one for each line of standard input",
    .text = "Exit status 1, and the server's sentence on stderr, if an event is refused.\n"
            "Lines survive a restart of the server: what it did not acknowledge is sent\n"
            "again when it is back, so that each is delivered at least once.\n",
    .examples = "  fanfare pub news hello                        over the feed\n"
                "  fanfare pub --event headline -v news \"It works\"\n"
                "  fanfare pub --all \"Back at 18:00\"             to every stream\n"
                "  tail -f access.log | fanfare pub log          one event a line\n",
    .tables = tables,
    .table_count = 1,
    .operands_max = 2,
};

int pub_settings_finish(const struct pub_settings *settings, struct parse *parse)
{
    /* FANFARE_FEED may stand for all; --url alone is then an exception to it. */
    if (settings->url && parse_source(parse, "feed") == SOURCE_FLAG)
        return parse_fault(parse, "--feed and --url are two ways to a server; give one of them");
    /* FANFARE_TOKEN_FILE may be there for `sub`. */
    if (!settings->url && parse_source(parse, "token-file") == SOURCE_FLAG)
        return parse_fault(parse, "--token-file is for --url: the feed needs no token");
    if (settings->all && settings->end)
        return parse_fault(parse, "an event to all ends no channel; give --all or --end");
    if (settings->all && parse->operand_count > 1)
        return parse_fault(parse, "--all is instead of a channel; usage: fanfare pub --all [DATA]");
    if (!settings->all && parse->operand_count == 0)
        return parse_fault(parse, "an argument is missing; usage: fanfare pub %s",
                           parse->command->synopsis);
    char error[512];
    if (settings->url && !address_fits(settings->url, error, sizeof(error)))
        return parse_fault(parse, "--url: %s", error);
    return 0;
}
