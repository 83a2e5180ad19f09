/* SPDX-License-Identifier: MIT */
/* The table of `sub`; what a row is, cmd/options.h says. */
#include "cmd/options.h"

#include "cmd/address.h"
#include "cmd/event_writer.h"

#define SUB(member)                                                                                \
    .offset = offsetof(struct sub_settings, member),                                               \
    .size = sizeof(((struct sub_settings *)0)->member)

static const struct option sub_options[] = {
    {.name = "url",
     .type = VALUE_TEXT,
     .shown = "URL",
     .usual = "http://127.0.0.1:8080",
     .help = "The server",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     SUB(url)},
    {.name = "token-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Send the token in this file's first line, as Authorization: Bearer; read again for "
             "each connection",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     SUB(token_file)},
    {.name = "last",
     .type = VALUE_COUNT,
     .shown = "N",
     .max = UINT32_MAX,
     .help = "Start with the N newest events",
     .from = FROM_FLAG,
     SUB(last)},
    {.name = "since",
     .type = VALUE_TEXT,
     .shown = "ID",
     .help = "Start after the event with this id",
     .from = FROM_FLAG,
     SUB(since)},
    {.name = "limit",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = UINT32_MAX,
     .usual_said = "none",
     .help = "End after N events",
     .from = FROM_FLAG,
     SUB(limit)},
    {.name = "json",
     .type = VALUE_FLAG,
     .help = "Print one JSON object a line",
     .from = FROM_FLAG,
     SUB(json)},
    {.name = "raw",
     .type = VALUE_FLAG,
     .help = "Print the data alone",
     .from = FROM_FLAG,
     SUB(raw)},
};
static const struct option_table table = {sub_options,
                                          sizeof(sub_options) / sizeof(sub_options[0])};
static const struct option_table *const tables[] = {&table};

const struct command command_sub = {
    .name = "sub",
    .synopsis = "[OPTION]... CHANNEL...",
    .summary = "Subscribe to channels and print their events",
    .text = "A connection that is lost is resumed where it was, without a hole. Ctrl-C ends.\n"
            "When all of the channels have ended it does, too, with status 0.\n",
    .examples = "  fanfare sub news                              time, id, type and data\n"
                "  fanfare sub --last 10 --json news sports\n"
                "  fanfare sub --limit 1 --raw news              wait for one event\n",
    .tables = tables,
    .table_count = 1,
    .operands_min = 1,
    .operands_max = SUBSCRIBER_CHANNELS_DEFAULT,
};

int sub_settings_finish(const struct sub_settings *settings, struct parse *parse)
{
    if (settings->json && settings->raw)
        return parse_fault(parse, "--json and --raw exclude each other; give one of them");
    if (settings->since && parse_was_given(parse, "last"))
        return parse_fault(parse, "--last and --since both say where to start; give one of them");
    if (settings->since &&
        (!event_field_fits(settings->since) || strlen(settings->since) > EVENT_ID_BYTES_MAX))
        return parse_fault(parse, "--since is not an id; allowed: one line of at most %d bytes",
                           EVENT_ID_BYTES_MAX);
    char error[512];
    if (!address_fits(settings->url, error, sizeof(error)))
        return parse_fault(parse, "--url: %s", error);
    return 0;
}
