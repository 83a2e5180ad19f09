/* SPDX-License-Identifier: MIT */
/*
 * Reads a command's options from the command line, the environment and a file, by its table.
 *
 * Precedence: flag, environment, file, default. They are read in that order and the first one to
 * speak for an option keeps it; the later ones are still checked, so that a fault in a file is
 * found although a flag hides it. A list belongs whole to the source that began it. Of
 * what is no list the last flag holds, so that a script's options can be overridden behind them; in
 * a file, where nobody overrides, a second line is a fault.
 *
 * Environment variables that are no option are ignored here; cmd/environment.h names them.
 *
 * Main thread only. Nothing is printed and nothing exits here.
 */
#pragma once

#include "lib/value.h"

#define OPTIONS_MAX          128        /* of one command */
#define OPERANDS_MAX         128        /* of one command line; sub takes up to 64 channels */
#define CONFIG_BYTES_MAX     (1u << 20) /* nobody writes more by hand; more: refused */
#define PARSE_ERROR_BYTES    1024
#define ENVIRONMENT_LIST_MAX 4096 /* bytes of a list in a variable; more: refused */

/* A default of the command's own, in place of its row's. */
struct usual {
    const char *name, *usual, *said; /* as struct option has them */
};

struct command {
    const char *name;
    const char *synopsis; /* after "fanfare NAME" */
    const char *summary;  /* one line */
    const char *text;     /* what it does, in a few lines */
    const char *examples; /* three lines of commands with a sentence each */
    const struct option_table *const *tables;
    size_t table_count;
    const struct usual *usuals;
    size_t usual_count;
    unsigned operands_min, operands_max;
};

enum source { SOURCE_NONE, SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct parse {
    const struct command *command;
    void *target;
    int argument_count; /* what it was given, so that it can be done again */
    char **arguments;
    enum source source[OPTIONS_MAX]; /* who spoke for the option */
    const char *given[OPTIONS_MAX];  /* its text, of a list the last one */
    unsigned line[OPTIONS_MAX];      /* in the file */
    const char *operands[OPERANDS_MAX];
    unsigned operand_count;
    const char *config;           /* path of the file, NULL: none */
    char *config_text;            /* owned: values of the file point into it */
    char *list_text[OPTIONS_MAX]; /* owned: the list of an environment variable */
    char error[PARSE_ERROR_BYTES];
};

enum { PARSE_HELP = 1, PARSE_FAULT = 2 };

/*
 * Fills `target`, the command's settings, from everything that was given. 0, PARSE_HELP (--help was
 * seen), or PARSE_FAULT with one line in parse->error. `arguments` follow the command's name.
 * parse_free afterwards in every case, but not before the settings are done with.
 */
MUST_USE int parse_run(struct parse *parse, const struct command *command, int count,
                       char **arguments, void *target);
void parse_free(struct parse *parse);

/* A command's options, numbered through all its tables. */
size_t command_option_count(const struct command *command);
const struct option *command_option(const struct command *command, size_t index);

/* Its default as a person would write it, NULL if it is left as it is; and how --help puts it. */
const char *command_usual(const struct command *command, const struct option *option);
const char *command_usual_said(const struct command *command, const struct option *option);

/* For what a row cannot say: writes the sentence into parse->error and returns PARSE_FAULT. */
__attribute__((format(printf, 2, 3))) int parse_fault(struct parse *parse, const char *format, ...);

/* The name of an option's environment variable. */
void parse_variable(const struct option *option, char *out, size_t out_size);

/* Who spoke for an option. */
enum source parse_source(const struct parse *parse, const char *name);
/* True if an option was given by flag, environment or file. */
bool parse_was_given(const struct parse *parse, const char *name);
