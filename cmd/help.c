/* SPDX-License-Identifier: MIT */
/*
 * The help texts. An option's paragraph is its sentence, then range and default in brackets,
 * wrapped by words into the right-hand column; an option too long for the left-hand one has a line
 * of its own.
 */
#include "cmd/help.h"

#include "cmd/socket_path.h"
#include "cmd/options.h"

enum { COLUMNS = 80, LEFT = 27 };

/* Prints words from column LEFT on; `at` is where the line stands already. */
static void wrap(FILE *out, const char *text, size_t at)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        bool first = at <= LEFT;
        if (at > LEFT && at + 1 + word > COLUMNS - 1) {
            fprintf(out, "\n%*s", LEFT, "");
            at = LEFT;
            first = true;
        } else if (at < LEFT) {
            fprintf(out, "%*s", (int)(LEFT - at), "");
            at = LEFT;
        }
        fprintf(out, "%s%.*s", first ? "" : " ", (int)word, text);
        at += word + !first;
        text += word + strspn(text + word, " ");
    }
    fprintf(out, "\n");
}

static void option_print(FILE *out, const struct command *command, const struct option *option)
{
    bool finds = command == &command_pub; /* it looks for the feed and does not make it */
    char left[64], allowed[128], text[512];
    char *cut;
    if (option->letter)
        snprintf(left, sizeof(left), "  -%c, --%s", option->letter, option->name);
    else
        snprintf(left, sizeof(left), "  --%s%s%s", option->name, option->shown ? " " : "",
                 option->shown ? option->shown : "");
    value_allowed(option, allowed, sizeof(allowed));
    if ((cut = strstr(allowed, " (bytes"))) /* said once for all sizes, below */
        *cut = '\0';
    if (option->type == VALUE_FLAG || option->type == VALUE_LISTEN ||
        option->type == VALUE_SOCKET || option->max == UINT32_MAX)
        allowed[0] = '\0';
    const char *usual = command_usual(command, option);
    if (!usual)
        usual = command_usual_said(command, option);
    struct socket_path place;
    bool has_place = strcmp(option->name, "feed") == 0;
    if (has_place) { /* what it says is to be copied: true on this machine */
        if (!finds || socket_path_find(SOCKET_FEED, &place) != 0)
            socket_path_expect(SOCKET_FEED, &place);
        usual = place.path;
    }
    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", option->help, *allowed || usual ? " (" : "",
             allowed, *allowed && usual ? "; " : "",
             usual ? (has_place ? "default here " : "default ") : "", usual ? usual : "",
             *allowed || usual ? ")" : "");
    size_t at = strlen(left);
    fputs(left, out);
    if (at + 2 > LEFT) {
        fputc('\n', out);
        at = 0;
    }
    wrap(out, text, at);
}

void help_command(FILE *out, const struct command *command)
{
    bool serve = command == &command_serve;
    fprintf(out, "Usage: fanfare %s %s\n\n%s.\n%s", command->name, command->synopsis,
            command->summary, command->text);
    for (size_t i = 0; i < command_option_count(command); i++) {
        if (command_option(command, i)->group)
            fprintf(out, "\n%s:\n", command_option(command, i)->group);
        else if (i == 0)
            fprintf(out, "\nOptions:\n");
        option_print(out, command, command_option(command, i));
    }
    wrap(out, "Print this help", (size_t)fprintf(out, "  -h, --help"));
    if (serve)
        fprintf(out,
                "\nSizes take K, M and G (1024 each); seconds may have decimals where no whole\n"
                "number is asked for. Each option is also an environment variable\n"
                "(--slow-after is FANFARE_SLOW_AFTER) and a key of the configuration file\n"
                "(slow-after = 1). A flag beats the environment, that beats the file.\n");
    else if (command == &command_pub)
        fprintf(out, "\nThe feed may also be named by FANFARE_FEED.\n");
    else if (command == &command_sub)
        fprintf(out, "\nThe server may also be named by FANFARE_URL.\n");
    else if (command == &command_ctl)
        fprintf(out, "\nThe place may also be named by FANFARE_ADMIN, for the server too.\n");
    fprintf(out, "\nExamples:\n%s", command->examples);
}

static void commands_print(FILE *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  fanfare %-7s %s\n", commands[i]->name, commands[i]->summary);
}

void help_short(FILE *out)
{
    fprintf(out,
            "Fanfare broadcasts Server-Sent Events: publish once, every subscriber has it.\n\n");
    commands_print(out);
    fprintf(out, "\n`fanfare help COMMAND` explains one, `fanfare --help` shows how to begin.\n");
}

void help_long(FILE *out)
{
    fprintf(out, "Fanfare broadcasts Server-Sent Events: publish once, every subscriber has it.\n\n"
                 "Usage: fanfare COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
    commands_print(out);
    fprintf(out, "  fanfare help    Explain a command: fanfare help serve\n"
                 "  fanfare --version\n\n"
                 "To begin, in three terminals:\n"
                 "  fanfare serve                            then open http://127.0.0.1:8080\n"
                 "  curl -N localhost:8080/events/news       or: fanfare sub news\n"
                 "  fanfare pub news hello                   or: curl -d data=hello \\\n"
                 "                                             localhost:8080/publish/news\n\n"
                 "Exit status: 0 done, 1 it failed while running, 2 it was asked for wrongly.\n");
}
