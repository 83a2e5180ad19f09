/* SPDX-License-Identifier: MIT */
/* Variables that begin with FANFARE_: the known, the misspelt, and those of a platform. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cmd/environment.h"

static char sentences[512];

static void note_sentence(void *context, const char *sentence)
{
    (void)context;
    size_t len = strlen(sentences);
    snprintf(sentences + len, sizeof(sentences) - len, "%s\n", sentence);
}

Test(environment, variables_that_mean_nothing)
{
    static const char *const variables[] = {"FANFARE_HEARTBEET=5",
                                            "FANFARE_HEARTBEAT=5",
                                            "FANFARE_URL=http://x",
                                            "FANFARE_PORT=tcp://10.0.0.1:80",
                                            "FANFARE_PORT_80_TCP_ADDR=10.0.0.1",
                                            "FANFARE_SERVICE_HOST=10.0.0.1",
                                            "FANFARE_CHECK=yes",
                                            "FANFAREX=1",
                                            NULL};
    environment_check((char *const *)variables, note_sentence, NULL);
    cr_expect_str_eq(sentences,
                     "the environment variable FANFARE_HEARTBEET means nothing here and is "
                     "ignored; did you mean FANFARE_HEARTBEAT?\n"
                     "the environment variable FANFARE_CHECK means nothing here and is "
                     "ignored; `fanfare help serve` lists the options\n");
}
