/* SPDX-License-Identifier: MIT */
/*
 * The reader of options. A fault names where the value stands, as a person would look for it:
 * `--workers`, `FANFARE_WORKERS`, or `fanfare.conf:12: workers`.
 *
 * The file is `key = value` by line. `#` begins a comment at the start of a line or after a space,
 * so that a path may contain one. A repeated key is an error unless the option is a list.
 */
#include "cmd/parse.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/guess.h"

int parse_fault(struct parse *parse, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parse->error, sizeof(parse->error), format, arguments);
    va_end(arguments);
    return PARSE_FAULT;
}

size_t command_option_count(const struct command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < command->table_count; i++)
        count += command->tables[i]->count;
    return count;
}

const struct option *command_option(const struct command *command, size_t index)
{
    size_t table = 0;
    while (index >= command->tables[table]->count)
        index -= command->tables[table++]->count;
    return &command->tables[table]->rows[index];
}

static const struct usual *usual_find(const struct command *command, const struct option *option)
{
    for (size_t i = 0; i < command->usual_count; i++)
        if (strcmp(command->usuals[i].name, option->name) == 0)
            return &command->usuals[i];
    return NULL;
}

const char *command_usual(const struct command *command, const struct option *option)
{
    const struct usual *own = usual_find(command, option);
    return own ? own->usual : option->usual;
}

const char *command_usual_said(const struct command *command, const struct option *option)
{
    const struct usual *own = usual_find(command, option);
    return own ? own->said : option->usual_said;
}

static int option_find(const struct command *command, const char *name, size_t len)
{
    for (size_t i = 0; i < command_option_count(command); i++) {
        const char *candidate = command_option(command, i)->name;
        if (strlen(candidate) == len && memcmp(candidate, name, len) == 0)
            return (int)i;
    }
    return -1;
}

/* The option somebody most likely meant, or NULL. */
static const char *option_guess(const struct command *command, const char *name, size_t len)
{
    struct guess guess;
    guess_begin(&guess, name, len);
    for (size_t i = 0; i < command_option_count(command); i++)
        guess_offer(&guess, command_option(command, i)->name);
    return guess.best;
}

static int fault_unknown(struct parse *parse, const char *where, const char *dashes,
                         const char *name, size_t len)
{
    const char *guess = option_guess(parse->command, name, len);
    const char *what = *dashes ? "option" : "key";
    if (guess)
        return parse_fault(parse, "%sunknown %s %s%.*s; did you mean %s%s?", where, what, dashes,
                           (int)len, name, dashes, guess);
    return parse_fault(parse, "%sunknown %s %s%.*s; `fanfare help %s` lists them all", where, what,
                       dashes, (int)len, name, parse->command->name);
}

void parse_variable(const struct option *option, char *out, size_t out_size)
{
    snprintf(out, out_size, "FANFARE_%s", option->name);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

enum source parse_source(const struct parse *parse, const char *name)
{
    int index = option_find(parse->command, name, strlen(name));
    CHECK(index >= 0);
    return parse->source[index];
}

bool parse_was_given(const struct parse *parse, const char *name)
{
    return parse_source(parse, name) > SOURCE_DEFAULT;
}

/* Checks one value and keeps it if no stronger source has spoken. `where` names it in a fault. */
static int take(struct parse *parse, int index, const char *text, enum source source, unsigned line,
                const char *where)
{
    const struct option *option = command_option(parse->command, index);
    struct value value;
    char error[512];
    if (!value_parse(option, text, &value, error, sizeof(error)))
        return parse_fault(parse, "%s: %s", where, error);
    if (parse->source[index] > source)
        return 0;
    if (option->list_max > 0) {
        unsigned count;
        memcpy(&count, (char *)parse->target + option->count_offset, sizeof(count));
        if (count == option->list_max)
            return parse_fault(parse, "%s: given more than %zu times", where, option->list_max);
    }
    value_store(option, &value, parse->target);
    parse->source[index] = source;
    parse->given[index] = text;
    parse->line[index] = line;
    return 0;
}

static int read_letters(struct parse *parse, const char *argument)
{
    for (const char *letter = argument + 1; *letter != '\0'; letter++) {
        if (*letter == 'h')
            return PARSE_HELP;
        size_t i = 0, count = command_option_count(parse->command);
        while (i < count && command_option(parse->command, i)->letter != *letter)
            i++;
        if (i == count)
            return parse_fault(
                parse,
                "unknown option -%c; `fanfare help %s` lists them all, and -- stands "
                "before words that begin with a dash",
                isprint((unsigned char)*letter) ? *letter : '?', parse->command->name);
        int r = take(parse, (int)i, "yes", SOURCE_FLAG, 0, argument);
        if (r != 0)
            return r;
    }
    return 0;
}

/* One --name, --name=value or --name value; moves *at past a value that is a word of its own. */
static int read_flag(struct parse *parse, char **arguments, int count, int *at)
{
    const char *name = arguments[*at] + 2;
    size_t len = strcspn(name, "=");
    const char *text = name[len] == '=' ? name + len + 1 : NULL;
    if (len == 4 && memcmp(name, "help", 4) == 0)
        return PARSE_HELP;
    int index = option_find(parse->command, name, len);
    if (index < 0)
        return fault_unknown(parse, "", "--", name, len);
    const struct option *option = command_option(parse->command, index);
    char where[80];
    snprintf(where, sizeof(where), "--%s", option->name);
    /* Where no operand can stand, the word behind it is its own. */
    bool alone = *at + 1 == count || arguments[*at + 1][0] == '-';
    if (option->type == VALUE_FLAG && !text && parse->command->operands_max == 0 && !alone)
        text = arguments[++*at];
    if (option->type == VALUE_FLAG)
        return take(parse, index, text ? text : "yes", SOURCE_FLAG, 0, where);
    if (!text && *at + 1 < count)
        text = arguments[++*at];
    return take(parse, index, text ? text : "", SOURCE_FLAG, 0, where);
}

static int read_arguments(struct parse *parse, int count, char **arguments)
{
    const struct command *command = parse->command;
    bool words = false; /* after --, everything is an operand */
    for (int i = 0; i < count; i++) {
        char *argument = arguments[i];
        int r = 0;
        if (!words && strcmp(argument, "--") == 0) {
            words = true;
        } else if (!words && argument[0] == '-' && argument[1] == '-') {
            r = read_flag(parse, arguments, count, &i);
        } else if (!words && argument[0] == '-' && argument[1] != '\0') {
            r = read_letters(parse, argument);
        } else if (parse->operand_count == command->operands_max) {
            r = parse_fault(parse, "\"%.200s\" is one argument too many; usage: fanfare %s %s",
                            argument, command->name, command->synopsis);
        } else {
            parse->operands[parse->operand_count++] = argument;
        }
        if (r != 0)
            return r;
    }
    return 0;
}

/* The next item of a list, which ends in NUL from here on; NULL: there is none. An address has a
 * colon, so a word without one is an option of the address in front of it. */
static char *next_item(const struct option *option, char **rest)
{
    const char *between = option->by_line ? "\r\n" : ", ";
    char *item = *rest + strspn(*rest, between);
    char *end = item + strcspn(item, between);
    while (option->type == VALUE_LISTEN && *end != '\0') {
        char *word = end + strspn(end, ", ");
        size_t len = strcspn(word, ", ");
        if (len > 0 && memchr(word, ':', len))
            break;
        end = word + len;
    }
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return *item != '\0' ? item : NULL;
}

/* A list in a variable is parted by commas or spaces, or by line ends. */
static int read_list(struct parse *parse, int index, const char *text, const char *where)
{
    if (strlen(text) >= ENVIRONMENT_LIST_MAX)
        return parse_fault(parse, "%s: longer than %d bytes", where, ENVIRONMENT_LIST_MAX);
    parse->list_text[index] = strdup(text);
    if (!parse->list_text[index])
        return parse_fault(parse, "%s: out of memory", where);
    const struct option *option = command_option(parse->command, index);
    char *rest = parse->list_text[index], *item;
    while ((item = next_item(option, &rest))) {
        int r = take(parse, index, item, SOURCE_ENVIRONMENT, 0, where);
        if (r != 0)
            return r;
    }
    return 0;
}

static int read_environment(struct parse *parse)
{
    for (size_t i = 0; i < command_option_count(parse->command); i++) {
        const struct option *option = command_option(parse->command, i);
        char name[80];
        parse_variable(option, name, sizeof(name));
        const char *text = (option->from & FROM_ENVIRONMENT) ? getenv(name) : NULL;
        if (!text || *text == '\0') /* a variable set to nothing is one not set */
            continue;
        int r = option->list_max > 0 ? read_list(parse, (int)i, text, name)
                                     : take(parse, (int)i, text, SOURCE_ENVIRONMENT, 0, name);
        if (r != 0)
            return r;
    }
    return 0;
}

static char *trimmed(char *text)
{
    text += strspn(text, " \t\r");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]))
        text[--len] = '\0';
    return text;
}

static void comment_cut(char *line)
{
    for (char *at = line; *at != '\0'; at++)
        if (*at == '#' && (at == line || at[-1] == ' ' || at[-1] == '\t')) {
            *at = '\0';
            return;
        }
}

static int read_line(struct parse *parse, char *line, unsigned number)
{
    char where[PARSE_ERROR_BYTES / 2];
    comment_cut(line);
    line = trimmed(line);
    if (*line == '\0')
        return 0;
    snprintf(where, sizeof(where), "%.300s:%u: ", parse->config, number);
    char *equals = strchr(line, '=');
    if (!equals)
        return parse_fault(parse, "%s\"%.100s\" is not a line of the form `key = value`", where,
                           line);
    *equals = '\0';
    char *key = trimmed(line), *text = trimmed(equals + 1);
    int index = option_find(parse->command, key, strlen(key));
    if (index < 0)
        return fault_unknown(parse, where, "", key, strnlen(key, 100));
    const struct option *option = command_option(parse->command, index);
    if (!(option->from & FROM_FILE))
        return parse_fault(parse, "%s%s is only for the command line", where, option->name);
    if (parse->line[index] > 0 && option->list_max == 0)
        return parse_fault(parse, "%s%s was set already on line %u", where, option->name,
                           parse->line[index]);
    snprintf(where, sizeof(where), "%.300s:%u: %s", parse->config, number, option->name);
    int r = take(parse, index, text, SOURCE_FILE, number, where);
    parse->line[index] = number;
    return r;
}

/* Reads the whole file into parse->config_text, where its values stay. */
static int load_file(struct parse *parse, size_t *ret_len)
{
    struct stat status;
    int fd = open(parse->config, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        int r = parse_fault(parse, "cannot read the configuration file %.300s: %s", parse->config,
                            strerror(errno));
        if (fd >= 0)
            close(fd);
        return r;
    }
    parse->config_text = malloc(CONFIG_BYTES_MAX + 1);
    size_t len = 0;
    ssize_t got = parse->config_text ? 1 : 0;
    while (got > 0 && len <= CONFIG_BYTES_MAX) {
        got = read(fd, parse->config_text + len, CONFIG_BYTES_MAX + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    close(fd);
    if (got < 0 || !parse->config_text)
        return parse_fault(parse, "cannot read the configuration file %.300s: %s", parse->config,
                           strerror(error));
    if (len > CONFIG_BYTES_MAX)
        return parse_fault(parse, "the configuration file %.300s is larger than 1 MiB",
                           parse->config);
    if (memchr(parse->config_text, '\0', len))
        return parse_fault(parse, "the configuration file %.300s is not text", parse->config);
    parse->config_text[len] = '\0';
    *ret_len = len;
    return 0;
}

static int read_file(struct parse *parse)
{
    size_t len = 0;
    int r = load_file(parse, &len);
    char *line = parse->config_text;
    if (r == 0 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        line += 3; /* a byte order mark, which some editors write and nobody sees */
    for (unsigned number = 1; r == 0 && line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        r = read_line(parse, line, number);
        line = end;
    }
    return r;
}

static int read_defaults(struct parse *parse)
{
    for (size_t i = 0; i < command_option_count(parse->command); i++) {
        const struct option *option = command_option(parse->command, i);
        const char *usual = command_usual(parse->command, option);
        if (!usual || parse->source[i] != SOURCE_NONE)
            continue;
        int r = take(parse, (int)i, usual, SOURCE_DEFAULT, 0, option->name);
        CHECK(r == 0);
    }
    return 0;
}

int parse_run(struct parse *parse, const struct command *command, int count, char **arguments,
              void *target)
{
    CHECK(command_option_count(command) <= OPTIONS_MAX && command->operands_max <= OPERANDS_MAX);
    memset(parse, 0, sizeof(*parse));
    parse->command = command;
    parse->target = target;
    parse->argument_count = count;
    parse->arguments = arguments;
    int r = read_arguments(parse, count, arguments);
    if (r == 0)
        r = read_environment(parse);
    int index = option_find(command, "config", strlen("config"));
    if (r == 0 && index >= 0 && parse->given[index]) {
        parse->config = parse->given[index];
        r = read_file(parse);
    }
    if (r == 0)
        r = read_defaults(parse);
    if (r == 0 && parse->operand_count < command->operands_min)
        r = parse_fault(parse, "an argument is missing; usage: fanfare %s %s", command->name,
                        command->synopsis);
    return r;
}

void parse_free(struct parse *parse)
{
    free(TAKE(parse->config_text));
    for (size_t i = 0; i < OPTIONS_MAX; i++)
        free(TAKE(parse->list_text[i]));
}
