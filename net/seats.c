/* SPDX-License-Identifier: MIT */
/* What is held of ours of a stream: see seats.h. */
#include "net/seats.h"

#include "net/journal.h"
#include "net/presence.h"

static void put_first(struct seat *seat, struct seat **chain)
{
    if (!seat)
        return;
    seat->next = *chain;
    *chain = seat;
}

int seats_take(const struct seats *seats, const struct address *peer, const struct text *channels,
               unsigned count, int refused_status, struct seat **ret_chain,
               struct journal_seat **ret_noted)
{
    struct seat *chain, *told = NULL;
    struct journal_seat *noted = NULL;
    int r = caps_take(&seats->caps, peer, channels, count, &chain);
    if (!r && (rules_things(seats->caps.rules) & RULES_PRESENCE))
        r = presence_seat_new(seats->presence, seats->caps.rules, channels, count, &told);
    put_first(told, &chain);
    if (!r && seats->journal)
        r = journal_seat_new(seats->journal, peer, channels, count, refused_status, &noted);
    if (r) {
        seat_refuse(chain);
        return r;
    }
    put_first(noted ? journal_seat_of(noted) : NULL, &chain);
    *ret_chain = chain;
    *ret_noted = noted;
    return 0;
}

void seats_give_up(struct seat *chain, struct journal_seat *noted)
{
    if (noted)
        journal_seat_hush(noted);
    seat_refuse(chain);
}
