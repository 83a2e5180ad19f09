/* SPDX-License-Identifier: MIT */
/* The time between two attempts: its floor, its growth, its ceiling, and that no two are alike. */
#include <criterion/criterion.h>

#include "cmd/reconnect.h"

Test(reconnect, retry_0_has_a_floor)
{
    cr_expect_eq(reconnect_wait_ms(0, 0, 0), RECONNECT_MS_LEAST);
    cr_expect_eq(reconnect_wait_ms(0, 1, 0), RECONNECT_MS_LEAST);
    cr_expect_eq(reconnect_wait_ms(1000, 1, 0), 1000);
}

Test(reconnect, grows_with_attempts_in_vain)
{
    uint32_t last = 0;
    for (unsigned i = 1; i < 8; i++) {
        uint32_t ms = reconnect_wait_ms(0, i, 0);
        cr_expect_gt(ms, last);
        last = ms;
    }
    cr_expect_eq(reconnect_wait_ms(0, 100, 0), RECONNECT_MS_MOST);
    cr_expect_eq(reconnect_wait_ms(3600000, 100, 0), 3600000, "what a server tells may be longer");
}

Test(reconnect, spreads_by_a_quarter)
{
    for (uint32_t random = 0; random < 100000; random += 7) {
        uint32_t ms = reconnect_wait_ms(1000, 1, random);
        cr_expect(ms >= 1000 && ms < 1250, "%u", ms);
    }
    cr_expect_neq(reconnect_wait_ms(1000, 1, 3), reconnect_wait_ms(1000, 1, 4));
}
