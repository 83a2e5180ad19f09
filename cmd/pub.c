/* SPDX-License-Identifier: MIT */
/*
 * fanfare pub: checks what the server could not see any more (a line break in a field would make
 * another field), finds the feed, and hands over to pub_feed.c or pub_http.c.
 */
#include "cmd/pub.h"

#include <inttypes.h>

#include "cmd/commands.h"
#include "cmd/socket_path.h"
#include "cmd/log.h"
#include "lib/terminal.h"

static const char NAME[] = "pub";

void pub_complain(const struct publication *publication, uint64_t number, struct text sentence)
{
    if (publication->data)
        log_complain(NAME, "refused: %.*s", (int)sentence.len, sentence.at);
    else
        log_complain(NAME, "line %" PRIu64 " refused: %.*s", number, (int)sentence.len,
                     sentence.at);
}

void pub_print_id(struct text id)
{
    terminal_write(stdout, id, false);
    printf("\n");
}

static bool fields_fit(const struct publication *publication)
{
    const struct {
        const char *name, *text;
    } fields[] = {{"the channel", publication->channel},
                  {"--event", publication->settings->event},
                  {"--id", publication->settings->id}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].text && !event_field_fits(fields[i].text)) {
            log_complain(NAME, "%s contains a line break; allowed: one line of text",
                         fields[i].name);
            return false;
        }
    return true;
}

int pub_run(const struct parse *parse, const struct pub_settings *settings)
{
    unsigned data_at = settings->all ? 0 : 1;
    const struct publication publication = {
        .settings = settings,
        .channel = settings->all ? NULL : parse->operands[0],
        .data = parse->operand_count > data_at ? parse->operands[data_at] : NULL,
    };
    if (!fields_fit(&publication))
        return EXIT_USAGE;
    if (settings->url)
        return pub_over_http(&publication);
    struct socket_path place;
    if (!settings->feed && socket_path_find(SOCKET_FEED, &place) != 0) {
        log_complain(NAME, "no feed socket in the usual places; start a server (`fanfare serve`), "
                           "or say where: --feed PATH or --url URL");
        return EXIT_FAILED;
    }
    return pub_over_feed(&publication, settings->feed ? settings->feed : place.path);
}
