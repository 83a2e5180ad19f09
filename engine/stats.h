/* SPDX-License-Identifier: MIT */
/*
 * What a hub has done and holds: plain numbers, summed over the workers when they are asked for.
 *
 * Each counter has one row below: name, kind (counter or gauge) and help; /stats and /metrics print
 * the table, so that a counter cannot exist without being visible.
 */
#pragma once

#include <stdint.h>

/* Each worker has these for all channels, so that they are not summed: the most that one has.
 * `channels` is exact with several workers, too (roll.h). */
#define STATS_OF_EACH(X)                                                                           \
    X(channels)                                                                                    \
    X(channels_dropped)                                                                            \
    X(channels_ended)                                                                              \
    X(history_events)                                                                              \
    X(history_bytes)                                                                               \
    X(evicted)                                                                                     \
    X(evicted_memory)

#define STATS_TABLE(X)                                                                             \
    X(workers_failed, gauge, "Workers whose io failed: they take events and serve nobody")         \
    X(published, counter, "Events published")                                                      \
    X(publish_busy, counter, "Publish attempts refused for want of room")                          \
    X(in_flight_bytes, gauge, "Bytes published and not yet swept by every worker")                 \
    X(memory_bytes, gauge, "Bytes of events, records and connections, for memory-max")             \
    X(memory_records, gauge, "Of them, of channels and subscribers, without their events")         \
    X(memory_connections, gauge, "Of them, of connections that are not subscribers")               \
    X(memory_max, gauge, "Bytes that memory_bytes may reach; 0: no bound")                         \
    X(heap_trims, counter, "Times free memory was given back to the system, at memory-max")        \
    X(intake_stalled, counter, "Turns in which a worker had no memory to keep the next event")     \
    X(evicted_memory, counter, "Events evicted because of memory-max")                             \
    X(subscribers, gauge, "Subscribers connected")                                                 \
    X(subscribers_lagging, gauge, "Subscribers that do not have everything yet")                   \
    X(subscribers_slow, gauge, "Subscribers below the slow rate")                                  \
    X(workers_short, gauge, "Workers short of processor while most of their subscribers lag")      \
    X(joined, counter, "Subscribers accepted")                                                     \
    X(resumed, counter, "Subscribers accepted with a resume point")                                \
    X(gaps_told, counter, "Gap notices written")                                                   \
    X(private_sent, counter, "Events for one subscriber that were put on its way")                 \
    X(private_dropped, counter, "Events for one subscriber that had gone")                         \
    X(private_refused, counter, "Events for one subscriber refused: too many wait for it already") \
    X(became_slow, counter, "Times a subscriber became slow")                                      \
    X(skipped, counter, "Times a slow or stuck subscriber was skipped ahead")                      \
    X(became_stuck, counter, "Subscribers that took nothing for write-timeout and stayed")         \
    X(closed_gone, counter, "Subscribers that hung up")                                            \
    X(closed_slow, counter, "Slow subscribers closed because history passed them")                 \
    X(closed_limit, counter, "Responses ended by limit=N or wait")                                 \
    X(closed_error, counter, "Subscribers closed by a socket error")                               \
    X(closed_drain, counter, "Subscribers closed in order when the server stopped")                \
    X(closed_stuck, counter, "Subscribers closed because they took nothing for write-timeout")     \
    X(closed_idle, counter, "Responses ended because nothing was published for idle-timeout")      \
    X(closed_age, counter, "Responses ended because they reached their lifetime")                  \
    X(closed_token_expired, counter, "Responses ended because the token they came with did")       \
    X(closed_memory, counter, "Subscribers closed because memory-max was reached")                 \
    X(closed_ended, counter, "Responses ended because their channels had")                         \
    X(answered_ended, counter, "Clients told 204: they had all of a channel that ended")           \
    X(closed_channel, counter, "Responses ended because their channels were closed")               \
    X(closed_asked, counter, "Responses ended on request")                                         \
    X(closed_cut, counter, "Subscribers cut on request, or when the drain timeout ended")          \
    X(refused_full, counter, "Subscribers refused: no worker had room")                            \
    X(refused_failed, counter, "Of them, those of a worker whose io failed meanwhile")             \
    X(refused_memory, counter, "Subscribers refused: out of memory")                               \
    X(refused_channels, counter, "Subscribers refused: too many channels are subscribed to")       \
    X(refused_put_off, counter, "Of these, those that were told when to come back")                \
    X(controls_refused, counter,                                                                   \
      "Questions about channels and subscribers refused: as many as may be are under way")         \
    X(wishes_refused, counter,                                                                     \
      "Ends of, and events for, one subscriber refused: as many as may be are on their way")       \
    X(deliveries, counter, "Events written to subscribers, one per event and subscriber")          \
    X(delivered_bytes, counter, "Bytes written to subscribers")                                    \
    X(sends, counter, "Send operations")                                                           \
    X(sends_short, counter, "Sends that found a socket full")                                      \
    X(heartbeats, counter, "Heartbeats written")                                                   \
    X(sweeps, counter, "Sweeps finished")                                                          \
    X(wakes, counter, "Times a parked worker was woken")                                           \
    X(channels, gauge, "Channels with history, subscribers or an end that is remembered")          \
    X(channels_dropped, counter, "Channels that went with the last of their history")              \
    X(channels_ended, gauge, "Channels that have ended, within end-keep")                          \
    X(channels_closed, counter, "Channels closed by the operator")                                 \
    X(channels_held, gauge, "Channels whose publishers wait for a reading subscriber")             \
    X(history_events, gauge, "Events in history")                                                  \
    X(history_bytes, gauge, "Bytes of the events in history")                                      \
    X(evicted, counter, "Events evicted from history")

struct stats {
#define X(name, kind, help) uint64_t name;
    STATS_TABLE(X)
#undef X
};
