/* SPDX-License-Identifier: MIT */
/* Each error that the header promises: see errors.h. */
#include "tests/library/errors.h"

#include "fanfare.h"
#include "tests/e2e/check.h"
#include "tests/library/provoke.h"

static void provoke(const struct error_row *rows)
{
    for (; rows->function; rows++) {
        int r = rows->provoke();
        EXPECT(r == rows->result, "%s: %d (%s), wanted %d (%s)", rows->function, r,
               fanfare_strerror(r), rows->result, fanfare_strerror(rows->result));
    }
}

static void life(void)
{
    provoke(errors_life);
}

static void publishing(void)
{
    provoke(errors_publish);
    errors_publish_end();
}

static void requests(void)
{
    provoke(errors_request);
}

static void adopting(void)
{
    provoke(errors_adopt);
    errors_adopt_end();
}

static void looking(void)
{
    provoke(errors_channels);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("life", life); /* first: it forks, and no engine runs yet */
    check_case("publishing", publishing);
    check_case("requests", requests);
    check_case("adopting", adopting);
    check_case("looking", looking);
    provoke_end();
    return check_end();
}
