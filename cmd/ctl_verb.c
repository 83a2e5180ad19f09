/* SPDX-License-Identifier: MIT */
/* The verbs of `fanfare ctl`: see ctl_verb.h. */
#include "cmd/ctl_verb.h"

static const struct {
    const char *name, *behind; /* as they are shown */
    unsigned least, most;      /* words behind it */
} verbs[CTL_VERBS] = {
    [CTL_CHANNELS] = {"channels", "", 0, 0},
    [CTL_CHANNEL] = {"channel", " NAME", 1, 1},
    [CTL_SUBSCRIBERS] = {"subscribers", " [NAME]", 0, 1},
    [CTL_CLOSE] = {"close", " NAME", 1, 1},
    [CTL_SEND] = {"send", " SUBSCRIBER DATA", 2, 2},
    [CTL_END] = {"end", " SUBSCRIBER", 1, 1},
    [CTL_KICK] = {"kick", "", 0, 0},
    [CTL_EXPLAIN] = {"explain", " SUBSCRIBER EVENT", 2, 2},
    [CTL_STATS] = {"stats", "", 0, 0},
};

static void list(char *out, size_t out_size)
{
    size_t len = 0;
    for (unsigned i = 0; i < CTL_VERBS && len < out_size; i++)
        len += (size_t)snprintf(out + len, out_size - len, "%s%s",
                                i == 0               ? ""
                                : i == CTL_VERBS - 1 ? " and "
                                                     : ", ",
                                verbs[i].name);
}

bool ctl_verb_read(const char *const *operands, unsigned count, enum ctl_verb *ret_verb,
                   char *error, size_t error_size)
{
    char all[256];
    unsigned i = 0;
    while (i < CTL_VERBS && strcmp(verbs[i].name, operands[0]) != 0)
        i++;
    if (i == CTL_VERBS) {
        list(all, sizeof(all));
        snprintf(error, error_size, "ctl cannot do \"%.100s\"; it can do %s", operands[0], all);
        return false;
    }
    if (count - 1 < verbs[i].least || count - 1 > verbs[i].most) {
        snprintf(error, error_size, "%s; usage: fanfare ctl %s%s",
                 count - 1 < verbs[i].least ? "an argument is missing"
                                            : "there is an argument too many",
                 verbs[i].name, verbs[i].behind);
        return false;
    }
    *ret_verb = (enum ctl_verb)i;
    return true;
}
