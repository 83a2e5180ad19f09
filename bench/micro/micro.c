/* SPDX-License-Identifier: MIT */
/*
 * The micro-benches' program: which of them to run, how often, and in which form to tell. See
 * benches.h and bench/micro/README.md.
 *
 * Exit status: 0 whatever the numbers are, since a busy machine is no fault; 64 for a wrong option.
 */
#include <argp.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "bench/micro/benches.h"
#include "engine/base/base.h"

struct bench {
    const char *name, *help;
    void (*run)(struct report *report);
};

static const struct bench benches[] = {
    {"frame", "build and stamp frames of 16 B to 16 KiB", bench_frame},
    {"inbox", "1 to 8 producers, against a queue behind a mutex", bench_inbox},
    {"history", "find a place in 10,000 frames", bench_history},
    {"sweep", "1,000 and 10,000 subscribers on sockets that take everything", bench_sweep},
    {"workers", "publish to 1, 8 and 64 workers", bench_workers},
    {"channels", "events on 100,000 channels and on one", bench_channels},
    {"inspect", "deliveries while 1,000,000 subscribers are listed", bench_inspect},
    {"memory", "bytes per idle channel and worker", bench_memory},
    {"library", "publish by the library's calls, against a mutex and a memcpy", bench_library},
    {"token", "check tokens, by algorithm", bench_token},
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

struct options {
    bool json;
    unsigned repeats;
    bool chosen[BENCHES];
    bool any;
};

static const struct argp_option option_table[] = {
    {"json", 'j', NULL, 0, "Print JSON, once all are done", 0},
    {"repeats", 'r', "N", 0, "Repeat each bench so often, 5 at least (7)", 0},
    {0},
};

static void choose(struct options *options, const char *name, struct argp_state *state)
{
    for (unsigned i = 0; i < BENCHES; i++) {
        if (strcmp(benches[i].name, name) != 0)
            continue;
        options->chosen[i] = options->any = true;
        return;
    }
    argp_error(state, "there is no bench \"%s\"; --help lists them", name);
}

static unsigned repeats_of(const char *text, struct argp_state *state)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno || end == text || *end || value < REPEATS_MIN || value > REPEATS_MAX)
        argp_error(state, "--repeats is a number from %u to %u", REPEATS_MIN, REPEATS_MAX);
    return (unsigned)value;
}

static error_t take_option(int option, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (option) {
    case 'j':
        options->json = true;
        return 0;
    case 'r':
        options->repeats = repeats_of(text, state);
        return 0;
    case ARGP_KEY_ARG:
        choose(options, text, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Puts the list of benches below the options. */
static char *extend_help(int part, const char *text, void *input)
{
    (void)input;
    if (part != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    char *list = NULL;
    size_t len;
    FILE *stream = open_memstream(&list, &len);
    CHECK(stream);
    fprintf(stream, "Benches:\n");
    for (unsigned i = 0; i < BENCHES; i++)
        fprintf(stream, "  %-10s %s\n", benches[i].name, benches[i].help);
    fprintf(stream, "%s", text);
    fclose(stream);
    return list;
}

int main(int argument_count, char **arguments)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = take_option,
        .args_doc = "[NAME...]",
        .doc = "Micro-benches of the engine: the cost of its parts without a kernel around them. "
               "All of them take a quarter of a minute; a NAME runs that one alone."
               "\v\nEach number is the median of its repeats, beside the smallest and the largest. "
               "They mean something on a quiet machine only; bench/micro/instructions counts "
               "instructions instead, which are the same on a busy one. bench/micro/README.md says "
               "what each number is.",
        .help_filter = extend_help,
    };
    struct options options = {.repeats = REPEATS_DEFAULT};
    argp_parse(&argp, argument_count, arguments, 0, NULL, &options);
    /* What is freed stays with the process, as in a server whose histories are full: else the
     * kernel's page faults would be a good part of what is measured. */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    struct report report;
    report_init(&report, options.json, options.repeats);
    for (unsigned i = 0; i < BENCHES; i++)
        if (options.chosen[i] || !options.any)
            benches[i].run(&report);
    report_deinit(&report);
    return 0;
}
