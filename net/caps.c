/* SPDX-License-Identifier: MIT */
/* Caps of addresses and channels: see caps.h. */
#include "net/caps.h"

#include "net/connect_rate.h"
#include "net/tally.h"

const struct refusal caps_too_fast = {
    429, "rate", "this address opens connections faster than it may, try again later"};

static int take_address(const struct caps *caps, struct tally_seat *seat,
                        const struct address *peer)
{
    struct address group;
    if (!address_group(peer, &group))
        return 0;
    struct text name = {(const char *)&group, sizeof(group)};
    int r = tally_take(seat, TALLY_ADDRESS, name, caps->per_address);
    return r == TALLY_FULL ? CAPS_ADDRESS : r;
}

static int take_channels(const struct caps *caps, struct tally_seat *seat,
                         const struct text *channels, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t most = rules_find(caps->rules, channels[i])->subscribers_max;
        int r = most ? tally_take(seat, TALLY_CHANNEL, channels[i], most) : 0;
        if (r)
            return r == TALLY_FULL ? CAPS_CHANNEL : r;
    }
    return 0;
}

/* A stream counts once for each rule that one of its channels comes under. */
static int take_rules(const struct caps *caps, struct tally_seat *seat, const struct text *channels,
                      unsigned count)
{
    bool counted[RULES_MAX] = {false};
    int r = 0;
    for (unsigned i = 0; i < count && !r; i++) {
        uint32_t index = rules_find(caps->rules, channels[i])->index;
        if (index >= rules_count(caps->rules) || counted[index])
            continue;
        counted[index] = true;
        r = tally_take(seat, TALLY_RULE, rules_pattern(caps->rules, index), UINT32_MAX);
    }
    return r;
}

int caps_take(const struct caps *caps, const struct address *peer, const struct text *channels,
              unsigned count, struct seat **ret_seat)
{
    bool per_channel = rules_things(caps->rules) & RULES_SUBSCRIBERS;
    unsigned rules = rules_count(caps->rules);
    struct tally_seat *seat;
    *ret_seat = NULL;
    if (!caps->per_address && !per_channel && !rules)
        return 0;
    unsigned names = 1 + (per_channel ? count : 0) + (count < rules ? count : rules);
    int r = tally_seat_new(caps->tally, names, &seat);
    if (r)
        return r;
    if (caps->per_address)
        r = take_address(caps, seat, peer);
    if (!r && per_channel)
        r = take_channels(caps, seat, channels, count);
    if (!r && rules)
        r = take_rules(caps, seat, channels, count);
    if (r)
        seat_refuse(tally_seat_of(seat));
    else
        *ret_seat = tally_seat_of(seat);
    return r;
}

bool caps_stand_alone(const struct rules *rules, const struct text *channels, unsigned count,
                      unsigned *ret_which)
{
    if (count == 1 || !(rules_things(rules) & RULES_ONCE))
        return true;
    for (*ret_which = 0; *ret_which < count; ++*ret_which)
        if (rules_find(rules, channels[*ret_which])->once)
            return false;
    return true;
}

bool caps_have_places(const struct service *service, const struct text *channels, unsigned count)
{
    const struct rules *rules = service->limits.channels;
    if (!(rules_things(rules) & RULES_ONCE))
        return true;
    unsigned i = 0;
    while (i < count && !rules_find(rules, channels[i])->once)
        i++;
    return i == count && count > 0;
}

bool caps_ask_at_accept(const struct service *service, const struct listener *listener)
{
    return service->limits.options.connect_rate > 0 && listener->kind == LISTENER_HTTP &&
           !listener->is_unix && !listener->proxied;
}

bool caps_may_connect(struct service *service, const struct address *address)
{
    const struct server_limits *limits = &service->limits;
    struct net_stats *stats = &service->loop.stats;
    struct address group;
    bool forgot;
    if (!limits->options.connect_rate || address_ranges_have(&limits->trusted, address) ||
        !address_group(address, &group))
        return true;
    bool may = connect_rate_take(limits->rate, &group, limits->options.connect_rate,
                                 service->loop.now_ns, &forgot);
    if (forgot)
        net_count(&stats->connect_rate_forgotten);
    if (!may)
        net_count(&stats->connections_refused_rate);
    return may;
}
