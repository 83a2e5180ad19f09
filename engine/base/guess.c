/* SPDX-License-Identifier: MIT */
/* Edit distance, with a bound: see guess.h. */
#include "engine/base/guess.h"

#include <stdint.h>
#include <string.h>

/* Letters to change, add or drop to make one name the other; names are short. */
static size_t distance(const char *a, size_t a_len, const char *b)
{
    size_t row[64], b_len = strlen(b);
    if (a_len >= 63 || b_len >= 63)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = change < best ? change : best;
        }
    }
    return row[b_len];
}

void guess_begin(struct guess *guess, const char *name, size_t len)
{
    *guess = (struct guess){.name = name, .len = len, .least = len / 3 + 1};
}

void guess_offer(struct guess *guess, const char *candidate)
{
    size_t wrong = distance(guess->name, guess->len, candidate);
    if (wrong < guess->least || (wrong == guess->least && !guess->best && guess->len > 2)) {
        guess->least = wrong;
        guess->best = candidate;
    }
}
