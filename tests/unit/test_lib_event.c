/* SPDX-License-Identifier: MIT */
/* Callers' events as the engine's: the rule for sizes, what 0 means, a result for each fault. */
#include <criterion/criterion.h>

#include <errno.h>

#include "lib/event.h"

static struct fanfare_event sound(void)
{
    return (struct fanfare_event){.size = sizeof(struct fanfare_event),
                                  .channel = "news and more",
                                  .channel_len = 4,
                                  .data = "x",
                                  .data_len = FANFARE_NUL};
}

Test(lib_event, a_larger_struct_is_fine_as_long_as_it_asks_for_nothing)
{
    struct {
        struct fanfare_event event;
        uint64_t more[2];
    } newer = {.event = sound()};
    struct event event;
    newer.event.size = sizeof(newer);
    cr_expect_eq(event_read(&newer.event, &event), 0);
    newer.more[1] = UINT64_C(1) << 56;
    cr_expect_eq(event_read(&newer.event, &event), -E2BIG);
    newer.event.size = sizeof(newer.event) + sizeof(newer.more[0]);
    cr_expect_eq(event_read(&newer.event, &event), 0);
}

Test(lib_event, a_size_that_nobody_has_set_is_refused)
{
    struct fanfare_event given = sound();
    struct event event;
    cr_expect_eq(event_read(NULL, &event), -EINVAL);
    given.size = 0;
    cr_expect_eq(event_read(&given, &event), -EINVAL);
    given.size = sizeof(given) - 8;
    cr_expect_eq(event_read(&given, &event), -EINVAL);
    given.size = sizeof(given) + 1;
    cr_expect_eq(event_read(&given, &event), -EINVAL);
    given.size = SIZE_MAX - 7;
    cr_expect_eq(event_read(&given, &event), -E2BIG);
}

Test(lib_event, what_is_0_is_as_usual)
{
    struct fanfare_event given = sound();
    struct event event;
    cr_assert_eq(event_read(&given, &event), 0);
    cr_expect(text_equals(event.channel, TEXT("news")));
    cr_expect(text_equals(event.data, TEXT("x")));
    cr_expect_eq(event.type.len, 0);
    cr_expect_eq(event.id.len, 0);
    cr_expect_eq(event.key.len, 0);
    cr_expect_eq(event.retry_ms, -1);
    cr_expect_not(event.without_data || event.ends || event.all || event.ours);
}

Test(lib_event, a_delay_stands_for_data)
{
    struct fanfare_event given = sound();
    struct event event;
    given.data = NULL;
    given.data_len = 0;
    given.retry_ms = 1;
    cr_assert_eq(event_read(&given, &event), 0);
    cr_expect(event.without_data);
    cr_expect_eq(event.retry_ms, 1);
    given.retry_ms = FANFARE_RETRY_AT_ONCE;
    cr_assert_eq(event_read(&given, &event), 0);
    cr_expect_eq(event.retry_ms, 0);
    given.retry_ms = FANFARE_RETRY_AT_ONCE - 1;
    cr_expect_eq(event_read(&given, &event), FANFARE_ERROR_RETRY);
    given.retry_ms = INT64_MIN;
    cr_expect_eq(event_read(&given, &event), FANFARE_ERROR_RETRY);
}

Test(lib_event, flags_are_known_or_refused)
{
    struct fanfare_event given = sound();
    struct event event;
    given.flags = FANFARE_TO_ALL | FANFARE_END;
    cr_assert_eq(event_read(&given, &event), 0);
    cr_expect(event.all && event.ends);
    for (unsigned bit = 2; bit < 64; bit++) {
        given.flags = UINT64_C(1) << bit;
        cr_expect_eq(event_read(&given, &event), -EINVAL, "bit %u", bit);
    }
}

Test(lib_event, text_that_is_not_there_has_no_length)
{
    struct event event;
    for (unsigned i = 0; i < 5; i++) {
        struct fanfare_event given = sound();
        size_t *const lengths[] = {&given.channel_len, &given.type_len, &given.id_len,
                                   &given.data_len, &given.key_len};
        const char **const at[] = {&given.channel, &given.type, &given.id, &given.data, &given.key};
        *at[i] = NULL;
        *lengths[i] = 1;
        cr_expect_eq(event_read(&given, &event), -EINVAL, "text %u", i);
        *lengths[i] = FANFARE_NUL;
        cr_expect_eq(event_read(&given, &event), 0, "text %u", i);
    }
}

Test(lib_event, each_fault_has_a_sentence_of_its_own)
{
    cr_expect_eq(event_error(FRAME_OK), 0);
    for (int fault = FRAME_CHANNEL_EMPTY; fault <= FRAME_ALL_ENDS; fault++) {
        int r = event_error((enum frame_fault)fault);
        cr_expect_leq(r, FANFARE_ERROR_CHANNEL_EMPTY, "fault %d", fault);
        cr_expect_str_neq(fanfare_strerror(r), "an unknown error", "fault %d", fault);
    }
}
