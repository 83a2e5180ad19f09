/* SPDX-License-Identifier: MIT */
/* Unit tests of the roll: each channel once, however many workers have it. */
#include <criterion/criterion.h>

#include "engine/roll.h"

static uint64_t hash_of(uint64_t number)
{
    return (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

Test(roll, each_channel_once)
{
    enum { CHANNELS = 3000, WORKERS = 3 };
    static struct roll roll;
    _Atomic uint64_t record_bytes = 7;
    roll_init(&roll, &record_bytes);
    for (unsigned worker = 0; worker < WORKERS; worker++)
        for (uint64_t i = worker; i < CHANNELS; i++)
            cr_assert_eq(roll_sign_in(&roll, hash_of(i)), 0);
    cr_expect_eq(roll_names(&roll), CHANNELS);
    cr_expect_eq(record_bytes, 7 + roll_memory(&roll));
    cr_expect_gt(roll_memory(&roll), CHANNELS * 16);
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        cr_expect_eq(roll_names(&roll), CHANNELS);
        for (uint64_t i = WORKERS; i < CHANNELS; i++)
            roll_sign_out(&roll, hash_of(i));
    }
    cr_expect_eq(roll_names(&roll), WORKERS);
    roll_deinit(&roll);
}
