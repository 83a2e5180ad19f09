/* SPDX-License-Identifier: MIT */
/* Unit tests of ids, plain and opaque. */
#include <criterion/criterion.h>

#include "engine/id.h"

#define EPOCH UINT64_C(0xfedcba987654)

/* Sequences have 48 bits (hub.c). */
static const uint64_t sequences[] = {
    0, 1, 2, 0xffff, 0x10000, UINT32_MAX, UINT64_C(1) << 32, (UINT64_C(1) << 48) - 1};
enum { SEQUENCES = sizeof(sequences) / sizeof(sequences[0]) };

static const struct hash_key key = {.bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9}};

static struct text text_of_id(const char id[ID_LEN])
{
    return (struct text){id, ID_LEN};
}

Test(id, plain_ones_say_what_they_are)
{
    struct ids ids;
    char event[ID_LEN], place[ID_LEN];
    ids_init(&ids, EPOCH, NULL);
    id_format(event, &ids, 0x1f);
    id_format_place(place, &ids, 0x1f);
    cr_expect(text_equals(text_of_id(event), TEXT("fedcba987654-000000000000001f")));
    cr_expect(text_equals(text_of_id(place), text_of_id(event)));
    uint64_t sequence;
    id_format(event, &ids, UINT64_MAX);
    cr_expect_eq(id_read(&ids, text_of_id(event), &sequence), ID_OURS);
    cr_expect_eq(sequence, UINT64_MAX);
}

Test(id, read_back)
{
    for (int opaque = 0; opaque < 2; opaque++) {
        struct ids ids, others;
        ids_init(&ids, EPOCH, opaque ? &key : NULL);
        ids_init(&others, EPOCH ^ 1, opaque ? &key : NULL);
        for (size_t i = 0; i < SEQUENCES; i++) {
            char id[ID_LEN];
            uint64_t sequence = 7;
            id_format(id, &ids, sequences[i]);
            cr_expect_eq(id_read(&ids, text_of_id(id), &sequence), ID_OURS);
            cr_expect_eq(sequence, sequences[i]);
            id_format_place(id, &ids, sequences[i]);
            cr_expect_eq(id_read(&ids, text_of_id(id), &sequence), ID_OURS);
            cr_expect_eq(sequence, sequences[i]);
            cr_expect_eq(id_read(&others, text_of_id(id), &sequence), ID_RESTARTED);
            cr_expect_eq(sequence, 0);
        }
    }
}

Test(id, what_has_not_its_form_is_none)
{
    struct ids ids;
    char id[ID_LEN];
    uint64_t sequence;
    ids_init(&ids, EPOCH, &key);
    id_format(id, &ids, 5);
    cr_expect(id_has_form(text_of_id(id)));
    cr_expect_not(id_has_form((struct text){id, ID_LEN - 1}));
    for (int i = 0; i < ID_LEN; i++) {
        char broken[ID_LEN];
        memcpy(broken, id, ID_LEN);
        broken[i] = 'g';
        cr_expect_not(id_has_form(text_of_id(broken)));
        cr_expect_eq(id_read(&ids, text_of_id(broken), &sequence), ID_OTHER);
    }
}

/* Of neighbours half of the bits differ, more or less, and each bit is set in half of them: were
 * any part of the sequence readable, some bit would not be. */
Test(id, opaque_ones_look_like_chance)
{
    enum { COUNT = 4096, BITS = 64 };
    struct ids ids;
    unsigned set[BITS] = {0}, changed[BITS] = {0};
    uint64_t before = 0;
    ids_init(&ids, EPOCH, &key);
    for (uint64_t sequence = 1; sequence <= COUNT; sequence++) {
        char id[ID_LEN + 1] = "";
        id_format(id, &ids, sequence);
        uint64_t number = strtoull(id + ID_EPOCH_LEN, NULL, 16);
        for (unsigned bit = 0; bit < BITS; bit++) {
            set[bit] += number >> bit & 1;
            changed[bit] += (number ^ before) >> bit & 1;
        }
        before = number;
    }
    /* Six standard deviations of a fair coin's: 32 each. */
    for (unsigned bit = 0; bit < BITS; bit++) {
        cr_expect(set[bit] > COUNT / 2 - 192 && set[bit] < COUNT / 2 + 192, "bit %u", bit);
        cr_expect(changed[bit] > COUNT / 2 - 192 && changed[bit] < COUNT / 2 + 192, "bit %u", bit);
    }
}

/* Who asks twice must not see that nobody published in between; nor is it an event's. */
Test(id, opaque_places_never_look_the_same)
{
    enum { TOLD = 65535 };
    struct ids ids;
    char event[ID_LEN], first[ID_LEN], place[ID_LEN];
    ids_init(&ids, EPOCH, &key);
    id_format(event, &ids, 3);
    id_format_place(first, &ids, 3);
    cr_expect_not(text_equals(text_of_id(event), text_of_id(first)));
    for (unsigned told = 1; told < TOLD; told++) {
        uint64_t sequence;
        id_format_place(place, &ids, 3);
        cr_assert_not(text_equals(text_of_id(place), text_of_id(first)));
        cr_assert_not(text_equals(text_of_id(place), text_of_id(event)));
        cr_assert(id_read(&ids, text_of_id(place), &sequence) == ID_OURS && sequence == 3);
    }
    /* An event's is the same for all who get it. */
    char again[ID_LEN];
    id_format(again, &ids, 3);
    cr_expect(text_equals(text_of_id(again), text_of_id(event)));
}

/* With another key the same places are others: nothing of one start tells of the next. */
Test(id, another_key_makes_other_ids)
{
    struct hash_key other_key = key;
    struct ids ids, others;
    char one[ID_LEN], other[ID_LEN];
    uint64_t sequence;
    other_key.bytes[0] ^= 1;
    ids_init(&ids, EPOCH, &key);
    ids_init(&others, EPOCH, &other_key);
    id_format(one, &ids, 5);
    id_format(other, &others, 5);
    cr_expect_not(text_equals(text_of_id(one), text_of_id(other)));
    cr_expect_eq(id_read(&others, text_of_id(one), &sequence), ID_OURS);
    cr_expect_gt(sequence, 1u << 30, "a guess is nearly always a sequence that was never given");
}
