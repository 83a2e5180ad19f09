/* SPDX-License-Identifier: MIT */
/* The words of `ask`. */
#include <criterion/criterion.h>
#include <errno.h>

#include "fanfare.h"
#include "lib/ask.h"

Test(ask, words)
{
    enum {
        S = 1 << FANFARE_REQUEST_SUBSCRIBE,
        P = 1 << FANFARE_REQUEST_PUBLISH,
        O = 1 << FANFARE_REQUEST_OTHER
    };
    static const struct {
        const char *words;
        int r;
        unsigned kinds;
    } rows[] = {
        {"", 0, 0},
        {"other", 0, O},
        {"subscribe publish other", 0, S | P | O},
        {" ,publish,, subscribe ", 0, S | P},
        {"Other", -EINVAL, 0},
        {"others", -EINVAL, 0},
        {"other other", -EINVAL, 0},
        {"subscribe;publish", -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned kinds = 0;
        char error[128] = "";
        cr_expect_eq(ask_read(rows[i].words, &kinds, error, sizeof(error)), rows[i].r, "%s",
                     rows[i].words);
        cr_expect_eq(kinds, rows[i].kinds, "%s", rows[i].words);
        cr_expect_eq(error[0] != '\0', rows[i].r != 0);
    }
}
