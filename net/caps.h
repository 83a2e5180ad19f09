/* SPDX-License-Identifier: MIT */
/*
 * What one address, and one channel, may have of the server: subscribers of each, and connections a
 * second; and which channels may be of one stream. It puts together who a client is, the options,
 * the rules for channels, and the tables (tally.h, connect_rate.h).
 *
 * Who has no address (a socket file, without a proxy that says more) is bounded by no cap of
 * addresses. A trusted proxy's connections carry many clients' requests: they have no rate, unless
 * each of them says whose it is (the PROXY protocol). Belongs to the acceptor's thread, but for
 * what says `Any thread`.
 */
#pragma once

#include "engine/seat.h"
#include "net/client.h"

enum { CAPS_ADDRESS = 100, CAPS_CHANNEL };

/* Of streams. */
struct caps {
    struct tally *tally; /* not looked at where there is no cap */
    const struct rules *rules;
    uint32_t per_address; /* 0: any number */
};

/* One more subscriber to these channels, of this address: 0 with a seat for its hand-off (NULL: no
 * cap is set), CAPS_ADDRESS, CAPS_CHANNEL, HUB_NO_MEMORY, or -ENOMEM. Any thread. */
MUST_USE int caps_take(const struct caps *caps, const struct address *peer,
                       const struct text *channels, unsigned count, struct seat **ret_seat);

/* False if there are several and one of them, *ret_which, is a channel of one event (rule.h,
 * once): the end of its stream would be theirs. Any thread. */
bool caps_stand_alone(const struct rules *rules, const struct text *channels, unsigned count,
                      unsigned *ret_which);

/* Whether a stream of these channels may be given the id of a place before its first event: one of
 * a channel of one event may not, or it would be taken for one that has had it. None: it is not
 * known yet which channels. */
bool caps_have_places(const struct service *service, const struct text *channels, unsigned count);

/* True if a connection that has just come from this address may go on; else it is counted. */
MUST_USE bool caps_may_connect(struct service *service, const struct address *address);
/* Whether connections over this listener are asked for their address when they come. */
bool caps_ask_at_accept(const struct service *service, const struct listener *listener);

extern const struct refusal caps_too_fast; /* for whom caps_may_connect said no */
