/* SPDX-License-Identifier: MIT */
/* The table of `token`; what a row is, cmd/options.h says. */
#include "cmd/options.h"

#include "net/access/algorithm.h"

#define TOKEN(member)                                                                              \
    .offset = offsetof(struct token_settings, member),                                             \
    .size = sizeof(((struct token_settings *)0)->member)

/* A hundred years: whoever wants more leaves it out. */
#define EXPIRES_S_MAX 3155760000

static const struct option token_options[] = {
    {.name = "key-file",
     .type = VALUE_PATH,
     .shown = "FILE",
     .help =
         "The secret, or the key in PEM: the private one to make a token; to explain one either "
         "of the pair, or a JWK set",
     .from = FROM_FLAG,
     TOKEN(key_file)},
    {.name = "algorithm",
     .type = VALUE_CHOICE,
     .shown = "NAME",
     .choices = ALGORITHM_CHOICES,
     .usual_said = "HS256, and with PEM what the key is for; with an RSA key RS256",
     .help = "What the key is for",
     .from = FROM_FLAG,
     TOKEN(algorithm)},
    {.name = "subscribe",
     .type = VALUE_TEXT,
     .shown = "PATTERN",
     .help = "Let it read these channels; * is any run of bytes; may be repeated",
     .from = FROM_FLAG,
     TOKEN(subscribe),
     .list_max = TOKEN_PATTERNS_MAX,
     .count_offset = offsetof(struct token_settings, subscribe_count)},
    {.name = "publish",
     .type = VALUE_TEXT,
     .shown = "PATTERN",
     .help = "Let it publish to these; may be repeated",
     .from = FROM_FLAG,
     TOKEN(publish),
     .list_max = TOKEN_PATTERNS_MAX,
     .count_offset = offsetof(struct token_settings, publish_count)},
    {.name = "expires",
     .type = VALUE_SECONDS,
     .shown = "SECONDS",
     .min = 1,
     .max = EXPIRES_S_MAX,
     .usual_said = "never",
     .help = "It ends so long from now, and streams that it opened end with it",
     .from = FROM_FLAG,
     TOKEN(expires_s)},
};
static const struct option_table table = {token_options,
                                          sizeof(token_options) / sizeof(token_options[0])};
static const struct option_table *const tables[] = {&table};

const struct command command_token = {
    .name = "token",
    .synopsis = "make|explain [OPTION]...",
    .summary = "Make a token for a client, or explain one",
    .text = "`make` prints a JWT with the claim `fanfare`. `explain` reads a JWT from\n"
            "standard input and says what it allows, until when, and why it would be\n"
            "refused: exit status 1 if it would.\n",
    .examples = "  openssl rand -hex 32 >key.txt                 a secret for the server and you\n"
                "  fanfare token make --key-file key.txt --subscribe 'user/42/*' --expires 3600\n"
                "  fanfare token explain --key-file key.txt <token.txt\n",
    .tables = tables,
    .table_count = 1,
    .operands_min = 1,
    .operands_max = 1,
};

int token_settings_finish(struct token_settings *settings, struct parse *parse)
{
    static const char *const of_make[] = {"subscribe", "publish", "expires"};
    const char *verb = parse->operands[0];
    settings->explain = strcmp(verb, "explain") == 0;
    settings->has_algorithm = parse_was_given(parse, "algorithm");
    if (!settings->explain && strcmp(verb, "make") != 0)
        return parse_fault(parse,
                           "\"%.100s\" is nothing to do with a token; allowed: make or "
                           "explain",
                           verb);
    if (!settings->explain && !settings->key_file)
        return parse_fault(parse, "make needs a key to sign with: --key-file FILE");
    if (settings->has_algorithm && !settings->key_file)
        return parse_fault(parse, "--algorithm is what a key is for: give --key-file too");
    for (size_t i = 0; settings->explain && i < sizeof(of_make) / sizeof(of_make[0]); i++)
        if (parse_was_given(parse, of_make[i]))
            return parse_fault(parse, "--%s is for `fanfare token make`", of_make[i]);
    return 0;
}
