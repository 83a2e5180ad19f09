/* SPDX-License-Identifier: MIT */
/*
 * What the acceptors have done and hold. One row per counter: name, kind and help; /stats and
 * /metrics print the table behind the engine's, so that a counter cannot exist without being
 * visible.
 *
 * Each acceptor has its own set and is the only one that writes it: a relaxed load and store, no
 * locked instruction. Whoever asks sums over all acceptors; each number is exact, the set is not
 * one instant. A gauge that goes up on one acceptor also goes down there, so its sum is right.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Why something cannot be had now, but may be later: the words of Fanfare-Refused, each with the
 * counter refusals_WORD. */
#define REFUSAL_REASONS(X)                                                                         \
    X(full)                                                                                        \
    X(memory)                                                                                      \
    X(drain)                                                                                       \
    X(address)                                                                                     \
    X(channel)                                                                                     \
    X(rate)                                                                                        \
    X(application)                                                                                 \
    X(keys)

#define NET_STATS_TABLE(X)                                                                         \
    X(connections_accepted, counter, "Connections accepted, refused ones included")                \
    X(connections_open, gauge, "Connections open that are not subscribers, feeds included")        \
    X(connections_refused_limit, counter, "Connections refused: as many as allowed are open")      \
    X(connections_refused_descriptors, counter, "Connections refused: no descriptor was free")     \
    X(connections_refused_memory, counter, "Connections refused: out of memory")                   \
    X(connections_refused_proxy, counter,                                                          \
      "Connections refused: no whole PROXY header in front of them")                               \
    X(connections_refused_untrusted, counter,                                                      \
      "Connections refused: a listener for trusted proxies alone, and not one of them")            \
    X(forwarded_broken, counter,                                                                   \
      "Requests of trusted proxies whose X-Forwarded-For or Forwarded names no client")            \
    X(connections_refused_rate, counter, "Connections refused: an address came too fast")          \
    X(connect_rate_forgotten, counter,                                                             \
      "Addresses whose rate of connections was forgotten for another one's")                       \
    X(descriptors_exhausted, counter, "Times accepting found no free descriptor or memory")        \
    X(listeners_rested, counter, "Times a listener rested because nothing could be accepted")      \
    X(accept_errors, counter, "Connections that were gone before they were accepted")              \
    X(requests, counter, "HTTP requests whose head was complete")                                  \
    X(requests_put_off, counter,                                                                   \
      "Rounds that requests with a body waited for, since others' bodies filled a round")          \
    X(responses_2xx, counter, "HTTP answers of status 200 to 299, streams not included")           \
    X(responses_3xx, counter, "HTTP answers of status 300 to 399, which the host's program gave")  \
    X(responses_4xx, counter, "HTTP answers of status 400 to 499")                                 \
    X(responses_5xx, counter, "HTTP answers of status 500 to 599")                                 \
    X(host_requests, counter, "Requests that the host's program was shown")                        \
    X(host_requests_held, gauge, "Of these, those that wait for its answer")                       \
    X(host_requests_late, counter, "Of these, those that waited longer than decide-timeout")       \
    X(host_requests_gone, counter, "Of these, those whose client left before the answer")          \
    X(handed_off, counter, "Subscribers handed to a worker")                                       \
    X(adopted, counter,                                                                            \
      "Connections taken over as subscribers: adopted, handed over, or accepted by a hook")        \
    X(adopt_refused, counter, "Connections that were to be, and were not")                         \
    X(refusals_full, counter, "Put off: as many as may be are there")                              \
    X(refusals_memory, counter, "Put off: out of memory")                                          \
    X(refusals_drain, counter, "Put off: the server stops")                                        \
    X(refusals_address, counter, "Put off: as many of the address as may be are there")            \
    X(refusals_channel, counter, "Put off: as many of the channel as may be are there")            \
    X(refusals_rate, counter, "Put off: the address opens connections too fast")                   \
    X(refusals_application, counter, "Put off: the application did not say, or said later")        \
    X(refusals_keys, counter, "Put off: there are no keys yet")                                    \
    X(subscribers_refused, counter, "Subscribe requests refused: as many as allowed are there")    \
    X(subscribers_refused_address, counter,                                                        \
      "Subscribe requests refused: as many of the address as allowed are there")                   \
    X(subscribers_refused_channel, counter,                                                        \
      "Subscribe requests refused: as many of a channel as allowed are there")                     \
    X(subscribers_refused_memory, counter, "Subscribe requests refused: memory-max is reached")    \
    X(subscribers_put_off, counter,                                                                \
      "Subscribe requests answered 200 with the time to come back: no stream could be had")        \
    X(requests_refused_memory, counter,                                                            \
      "Requests refused: a large body, and memory-max is reached")                                 \
    X(requests_refused_host, counter, "Requests refused: a Host that is not served")               \
    X(requests_refused_token_missing, counter, "Requests refused: no token where one is needed")   \
    X(requests_refused_token_too_long, counter, "Requests refused: a token longer than any")       \
    X(requests_refused_token_form, counter, "Requests refused: a token that is no JWT")            \
    X(requests_refused_token_header, counter,                                                      \
      "Requests refused: a token whose header cannot be read")                                     \
    X(requests_refused_token_critical, counter,                                                    \
      "Requests refused: a token that asks for extensions")                                        \
    X(requests_refused_token_algorithm, counter, "Requests refused: a token of another algorithm") \
    X(requests_refused_token_key, counter, "Requests refused: a token of a key that is not known") \
    X(requests_refused_token_signature, counter,                                                   \
      "Requests refused: a token that is not signed with the key")                                 \
    X(requests_refused_token_claims, counter,                                                      \
      "Requests refused: a token whose claims cannot be read")                                     \
    X(requests_refused_token_time, counter,                                                        \
      "Requests refused: a token whose times are no numbers")                                      \
    X(requests_refused_token_rights, counter,                                                      \
      "Requests refused: a token whose rights cannot be read")                                     \
    X(requests_refused_token_expired, counter, "Requests refused: a token that has ended")         \
    X(requests_refused_token_early, counter, "Requests refused: a token that does not hold yet")   \
    X(requests_refused_token_unknown, counter,                                                     \
      "Requests refused: a token that is none of the list")                                        \
    X(requests_refused_token_uncovered, counter,                                                   \
      "Requests refused: a token that does not cover all channels")                                \
    X(requests_refused_cookie, counter,                                                            \
      "Requests refused: a cookie that another origin's page has sent")                            \
    X(requests_refused_admin_origin, counter,                                                      \
      "Requests to the administration refused: a page of another origin")                          \
    X(requests_refused_admin_token, counter,                                                       \
      "Requests to the administration refused: no token, or none of --admin-token-file")           \
    X(questions_refused_full, counter,                                                             \
      "Requests to the administration refused: too many wait for the workers")                     \
    X(questions_late, counter,                                                                     \
      "Requests to the administration refused: the workers did not answer in time")                \
    X(publishes_refused_origin, counter, "POSTs refused: a page of an origin that is not allowed") \
    X(jwks_fetched, counter, "Times the keys at --jwt-jwks were fetched")                          \
    X(jwks_failed, counter,                                                                        \
      "Times they could not be had, or had no key for us; those before them hold")                 \
    X(requests_refused_token_pending, counter,                                                     \
      "Requests refused: a token, before there were keys from --jwt-jwks")                         \
    X(authorize_asked, counter, "Requests for which the application was asked")                    \
    X(authorize_cached, counter, "Requests for which its answer was still known")                  \
    X(authorize_allowed, counter, "Requests that the application let in")                          \
    X(authorize_cancelled, counter,                                                                \
      "Questions given up: no answer in time, the client left, or the server stopped")             \
    X(requests_refused_authorize, counter, "Requests refused: the application said no")            \
    X(requests_refused_authorize_timeout, counter,                                                 \
      "Requests refused: no answer of the application within --authorize-timeout")                 \
    X(requests_refused_authorize_failed, counter,                                                  \
      "Requests refused: the application cannot be reached")                                       \
    X(requests_refused_authorize_answer, counter,                                                  \
      "Requests refused: the application's answer is neither yes nor no, or too long")             \
    X(requests_refused_authorize_full, counter,                                                    \
      "Requests refused: as many wait for the application as may")                                 \
    X(notes_waiting, gauge, "Notes that the program around the engine has not fetched")            \
    X(access_log_lost, counter,                                                                    \
      "Joins, leaves, refusals and requests that did not fit on their way to the access log")      \
    X(presence_told, counter, "Events published on channels of presence")                          \
    X(presence_busy, counter, "Times such an event found no room, to be told later")               \
    X(publishes_waiting, gauge, "Publishers that wait for room, feeds included")                   \
    X(publishes_waited, counter, "Times a publisher had to wait for room")                         \
    X(publishes_refused_busy, counter, "HTTP publishes refused: no room within the publish wait")  \
    X(timeouts_request, counter, "Requests answered 408: not complete in time")                    \
    X(timeouts_first, counter, "Connections closed because nothing came on them at first")         \
    X(connections_displaced_idle, counter,                                                         \
      "Connections closed for new ones: no request had begun")                                     \
    X(connections_displaced_answered, counter,                                                     \
      "Connections closed for new ones: answered, and not closed by the client")                   \
    X(connections_displaced_head, counter, "Connections closed for new ones: an unfinished head")  \
    X(timeouts_idle, counter, "Keep-alive connections closed because no request came")             \
    X(timeouts_answer, counter, "Connections closed because the client did not read its answer")   \
    X(lingers_cut, counter, "Closed with input left after an early refusal")                       \
    X(feeds_open, gauge, "Feed connections open")                                                  \
    X(feeds_accepted, counter, "Feed connections accepted")                                        \
    X(feeds_refused_peer, counter, "Feed connections refused: wrong user or group")                \
    X(feed_events, counter, "Events published by feeds")                                           \
    X(feed_events_refused, counter, "Feed events refused: malformed, too large or cut off")        \
    X(feed_events_busy, counter, "Feed events with `wait: no` that found no room")                 \
    X(feeds_held, counter, "Times a feed was not read because its answers were not read")

struct net_stats {
#define X(name, kind, help) _Atomic uint64_t name;
    NET_STATS_TABLE(X)
#undef X
};

/* The same as plain numbers: the sum over the acceptors. */
struct net_totals {
#define X(name, kind, help) uint64_t name;
    NET_STATS_TABLE(X)
#undef X
};

/* Of a set that several threads write. */
static inline void net_count_shared(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Only the acceptor that owns the counter calls these two. */
static inline void net_count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static inline void net_uncount(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value - 1, memory_order_relaxed);
}
