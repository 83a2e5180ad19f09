/* SPDX-License-Identifier: MIT */
/*
 * One option's value: from the text a person wrote to a number, and the sentence that says what is
 * allowed when it cannot be one.
 *
 * An option is a row of a table (lib/options.h; of other commands cmd/options.h). Everything that
 * is said about it, in --help and in faults, is made from the row, so that what is said and what is
 * done cannot differ.
 *
 * Pure functions; any thread. Where a value comes from (a call, a flag, the environment, a file) is
 * not known here.
 */
#pragma once

#include <stdbool.h>

#include "engine/base/base.h"

enum value_type {
    VALUE_FLAG,     /* no value on the command line; yes or no elsewhere */
    VALUE_COUNT,    /* a whole number */
    VALUE_SIZE,     /* bytes, with K, M or G */
    VALUE_SECONDS,  /* whole seconds */
    VALUE_DURATION, /* seconds, decimals allowed, kept as milliseconds */
    VALUE_CHOICE,   /* one of some words, kept as its place among them */
    VALUE_MODE,     /* permission bits, octal */
    VALUE_USER,     /* a uid or a user's name; `any` is -1 */
    VALUE_GROUP,    /* a gid or a group's name; `any` is -1 */
    VALUE_TEXT,
    VALUE_PATH,   /* a file */
    VALUE_SOCKET, /* the path of a unix socket, or `none` */
    VALUE_LISTEN, /* ADDR:PORT, [V6]:PORT, unix:PATH or fd:N, and options behind a space */
};

/* Where an option may be given. */
enum { FROM_FLAG = 1, FROM_ENVIRONMENT = 2, FROM_FILE = 4, FROM_ANY = 7 };

struct option {
    const char *group; /* heading in --help, on the first row of a group; else NULL */
    const char *name;  /* --name, key `name`, FANFARE_NAME */
    char letter;       /* -v; 0: none */
    enum value_type type;
    const char *shown;      /* what stands for the value in --help: "N", "PATH" */
    int64_t min, max;       /* in the unit that is kept */
    bool or_zero;           /* 0 is allowed although min is above it */
    const char *choices;    /* "auto epoll": for VALUE_CHOICE */
    const char *usual;      /* the default as a person would write it; NULL: left as it is */
    const char *usual_said; /* how --help puts the default, where it is not a constant */
    const char *help;
    unsigned from;
    bool restart;        /* cannot change while the program runs */
    size_t offset, size; /* the member it fills */
    size_t list_max;     /* more than 0: repeatable, and offset is an array of so many texts */
    size_t count_offset; /* unsigned, for a list */
    bool by_line;        /* its texts have spaces in them: in a variable each has a line */
};

/* Rows of options; a command has one such table or more. */
struct option_table {
    const struct option *rows;
    size_t count;
};

struct value {
    int64_t number;
    const char *text; /* borrowed */
};

/* Fills *ret_value, or writes one sentence into `error` and returns false. */
MUST_USE bool value_parse(const struct option *option, const char *text, struct value *ret_value,
                          char *error, size_t error_size);

/* "1 to 256", "1K to 16M", "auto, uring or epoll"; empty where anything goes. */
void value_allowed(const struct option *option, char *out, size_t out_size);

/* Writes the value into the member of `target` that the row names. */
void value_store(const struct option *option, const struct value *value, void *target);

/* True if the row's member, a whole list included, has the same value in both. */
bool value_same(const struct option *option, const void *target, const void *other);
/* How many values it has: of a list as many as were given, else 1. */
unsigned value_count(const struct option *option, const void *target);
/* One text of a list. */
const char *value_item(const struct option *option, const void *target, unsigned index);

/* Gives `target` the value that the row's member has in `other`. */
void value_copy(const struct option *option, void *target, const void *other);
