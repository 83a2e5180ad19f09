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

static void leave(struct seat *chain)
{
    static const struct seat_end never_there = {.reason = CLOSE_NONE};
    seat_leave(chain, &never_there);
}

static int ask_usher(const struct seats *seats, const struct address *peer,
                     const struct text *channels, unsigned count, struct seat **ret_seat)
{
    const struct usher_stream stream = {.channels = channels,
                                        .channel_count = count,
                                        .peer = peer,
                                        .tag = seats->tag,
                                        .adopted = seats->adopted};
    *ret_seat = NULL;
    if (!seats->usher || !seats->usher->seat)
        return 0;
    return seats->usher->seat(seats->usher->context, &stream, ret_seat);
}

int seats_take(const struct seats *seats, const struct address *peer, const struct text *channels,
               unsigned count, int refused_status, struct seat **ret_chain,
               struct journal_seat **ret_noted)
{
    struct seat *chain, *told = NULL, *ushered = NULL;
    struct journal_seat *noted = NULL;
    int r = caps_take(&seats->caps, peer, channels, count, &chain);
    if (!r && (rules_things(seats->caps.rules) & RULES_PRESENCE))
        r = presence_seat_new(seats->presence, seats->caps.rules, channels, count, &told);
    put_first(told, &chain);
    if (!r)
        r = ask_usher(seats, peer, channels, count, &ushered);
    put_first(ushered, &chain);
    if (!r && seats->journal)
        r = journal_seat_new(seats->journal, peer, channels, count, refused_status, &noted);
    if (r) {
        leave(chain);
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
    leave(chain);
}
