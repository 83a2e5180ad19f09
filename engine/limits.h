/* SPDX-License-Identifier: MIT */
/*
 * Every maximum of the engine and the net layer, each with its reason and with what happens when it
 * is reached. A limit that a user may set has its default here, its option in a cmd/options_NAME.c.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

/* --- an event ------------------------------------------------------------------------------ */

/* Long enough for a URL used as a channel name. Longer: the publish or subscribe is refused (400).
 */
#define CHANNEL_BYTES_MAX 256
/* An event type is a word; 256 is picked by hand. Longer: refused (400). */
#define EVENT_TYPE_BYTES_MAX 256
/* Browsers send the id back in a header, so it must stay small. Longer: refused (400). */
#define EVENT_ID_BYTES_MAX 128
/* WHATWG gives retry no range, and whoever may publish one event could keep every reader of its
 * channel away for as long as it says. More: taken as this, an hour. */
#define EVENT_RETRY_MS_MAX 3600000
/* The largest value --body-max may take: a frame's sizes are 32-bit, and one line of data may turn
 * into seven bytes on the wire. Default 1 MiB. More: 413, or `error:` on the feed. */
#define DATA_BYTES_MAX     (16u << 20)
#define DATA_BYTES_DEFAULT (1u << 20)
/* Events in one publish call: all of them are claimed in one step, and every later event waits for
 * their stores. More: refused (413). */
#define PUBLISH_EVENTS_MAX 1024
/* Values of a JSON body: objects, members, whatever else. Each costs an acceptor some 200 ns and up
 * to 100 bytes; an event of a full body has room for sixteen. More: refused (413). */
#define JSON_VALUES_MAX (16 * PUBLISH_EVENTS_MAX)
/* A key under which an event is published once: a UUID, a hash, a name of the publisher's. Longer:
 * refused (400). */
#define EVENT_KEY_BYTES_MAX 128
/* An acknowledgement token on the feed: a word of the publisher's own. Longer: `error:`. */
#define ACK_BYTES_MAX 64

/* --- a subscription ------------------------------------------------------------------------ */

/* Channels of one subscriber: the largest value that --subscriber-channels-max may take, and its
 * default. With every event that such a subscriber gets its worker looks at each of them, so 4,096
 * cost some tenths of a millisecond an event. More: refused (400). */
#define SUBSCRIBER_CHANNELS_MAX     4096
#define SUBSCRIBER_CHANNELS_DEFAULT 64

/* How long a long poll may ask to wait: as long as anybody keeps a connection. More: refused (400).
 */
#define WAIT_SECONDS_MAX 3600

/* A gap notice: each of those channels, with its name and the resume point escaped. */
#define GAP_NOTICE_BYTES_MAX (4u << 20)

/* --- access -------------------------------------------------------------------------------- */

/* A presented token: twice what a cookie may hold, half of a request's head. Its reading costs an
 * acceptor some 4 ns a byte. Longer: refused (401), counted as too_long. */
#define TOKEN_BYTES_MAX 8192u
/* Patterns in one list; each check of a channel may look at all of them, which takes 5 us, and 0.8
 * ms of the worst. What a Mercure hub allows, too. More: the token is refused (401), counted as
 * rights. */
#define PATTERNS_MAX 1000u
/* Rules for channels (--channel): a channel that a worker first sees is held against each, some ns
 * for most; and of each a worker keeps some bytes. Picked by hand. More: refused at the start. */
#define RULES_MAX 256
/* And those that are there in any case: rules.h. */
#define RULES_OURS 2
/* Keys that tokens may be signed with; a token that names none is tried with each. A provider's set
 * has two to six, picked by hand. More: refused at the start. */
#define KEYS_MAX 32
/* Of them, those that one token is tried with: a forged one costs that many checks, of 0.1 ms each
 * for ES256. As many as there may be files. More: refused (401), counted as signature; a kid says
 * which key it is. */
#define KEYS_TRIED_MAX 16u
/* RFC 7518 section 3.3 wants 2,048 bits at least; checking costs with the square of the bits, 0.2
 * ms at the most here. Others: refused at the start. */
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
/* Tokens in a file; each request is compared with all of them, some 20 us with so many. More:
 * refused at the start. */
#define TOKEN_LIST_MAX 1024
/* A file of keys or tokens: a thousand tokens of 256 bytes. Longer: refused at the start. */
#define SECRET_FILE_BYTES_MAX (256u << 10)

/* --- what the operator makes of paths and heads ---------------------------------------------- */

/* Mappings of --path: a request whose path is none of ours is compared with all of them, 1 us or
 * so. More, or longer ones: refused at the start. */
#define PATHS_MAX           256u
#define PATH_SPEC_BYTES_MAX 1024u
/* Head lines of --header, and of --stream-header, and bytes of all of them: each answer is put
 * together in room for them. More: refused at the start. */
#define HEAD_LINES_MAX       64u
#define HEAD_LINES_BYTES_MAX 2048u
/* Head lines that a program may give with a connection that it hands over: what a request's head
 * may have, halved. More: it is not taken (-E2BIG). */
#define ADOPT_HEAD_BYTES_MAX 8192u
/* What is said of such a connection in all: 256 long names of channels, those lines, and a first
 * event. More: refused. */
#define ADOPTION_BYTES_MAX (128u << 10)
/* The file of --page: each client that fetches it may hold a copy. Longer: refused at the start,
 * and at a reload. */
#define PAGE_BYTES_MAX (1u << 20)

/* --- the hub ------------------------------------------------------------------------------- */

/* One slot per event that not every worker has taken yet: 512 KiB. Full: publishers wait. */
#define INBOX_SLOTS 65536u
/* Bytes claimed and not yet swept by the last worker. Full: publishers of the channel wait. */
#define FLOW_BUDGET_BYTES (64u << 20)
/* A channel's share of the budget, and so (see FLOW_FRAME_BYTES_MIN) of the inbox. */
#define FLOW_CHANNEL_BYTES (FLOW_BUDGET_BYTES / 4)
/* Above this only channels that hold little are admitted, so that a few flooded channels never
 * stand in front of the rest. */
#define FLOW_CROWDED_BYTES (FLOW_BUDGET_BYTES / 4 * 3)
#define FLOW_LITTLE_BYTES  (256u << 10)
/* Up to here a channel that has nothing in flight gets one frame in, whatever the others hold. */
#define FLOW_FIRST_BYTES (FLOW_BUDGET_BYTES / 4 * 5)
/* What a frame counts at least, so that one counter bounds bytes and slots alike. */
#define FLOW_FRAME_BYTES_MIN (FLOW_BUDGET_BYTES / INBOX_SLOTS)
/* Counters, chosen by the channel's hash; channels that share one only share its bound. 512 KiB. */
#define FLOW_CELLS 65536u
/* Workers: the size of fixed tables; a machine has fewer cores for one broadcast than this. */
#define WORKERS_MAX   256
#define ACCEPTORS_MAX 64

/* --- a worker ------------------------------------------------------------------------------ */

/* Channels a worker keeps. Full: the one published to longest ago that nobody listens to loses its
 * history (resuming subscribers are told). */
#define CHANNELS_MAX 1000000u
/* Of them, those with subscribers, which cannot go: the others always have a record for an event
 * that is acknowledged. More: the new subscriber gets 503. */
#define CHANNELS_LISTENED_PART 2
/* Sequences of evicted events remembered per channel: a resume within them is told exactly how many
 * events it missed, an older one `null`. 8 KiB, only once a channel has evicted. */
#define EVICTED_REMEMBERED 1024u
/* Channels dropped whole that are remembered by hash. One that falls out raises the position before
 * which any resume on any fresh channel is told a gap. 256 KiB, only once a channel was dropped. */
#define DROPPED_REMEMBERED 16384u
/* The sends of one io flush: io_uring's submission queue. Bounds how long a submit blocks. */
#define SEND_BATCH 1024u
/* Bytes of the frames of one run. More: the next sweep carries the rest. With 256 KiB a flood's
 * delivery costs a fifth more (what is in the sockets' buffers leaves the cache), with 64 KiB a
 * tenth more: docs/benchmark.md, S3. */
#define RUN_BYTES (128u << 10)
/* Frames of one run: bounds the offset table, not throughput (RUN_BYTES is met first above 32 B).
 */
#define RUN_FRAMES 4096u
/* Bytes and frames of one subscriber's own send, when it cannot share the channel's run. */
#define CATCH_UP_BYTES  (64u << 10)
#define CATCH_UP_FRAMES 1024u
/* Room for the private sends of one batch. Full: submitted early. */
#define SCRATCH_BYTES  (1u << 20)
#define SCRATCH_FRAMES 16384u
/* The sweeps of one turn end after so much, so that the inbox and hand-offs are served. */
#define TURN_SENDS       1024u
#define TURN_SWEEP_BYTES (4u << 20)
#define TURN_NS          2000000
/* And one channel's slice of it after a quarter, so that a flooded channel leaves room in every
 * turn for the others. */
#define SLICE_SENDS (TURN_SENDS / 4)
#define SLICE_BYTES (TURN_SWEEP_BYTES / 4)
#define SLICE_NS    (TURN_NS / 4)
/* What one turn sends to those that catch up, and as tries to laggards. */
#define CATCH_UP_SENDS      512u
#define CATCH_UP_TURN_BYTES (2u << 20)
/* And the channels that it looks at for them. */
#define CATCH_UP_CHANNELS (CATCH_UP_SENDS * SUBSCRIBER_CHANNELS_DEFAULT)
/* Hand-offs adopted in one turn: each costs some microseconds of socket and channel work. */
#define HANDOFF_BATCH 256
/* And the time after which no other one begins: one that is told of gaps in SUBSCRIBER_CHANNELS_MAX
 * channels takes ten times as long. The rest are the next turn's. */
#define HANDOFF_NS 1000000
/* The part of --memory-max that is for connections alone: a fourth. More: 503. */
#define MEMORY_CONNECTIONS_PART 4
/* The part of that which large requests leave to small ones. */
#define MEMORY_SMALL_PART 4
/* What a subscriber counts against --memory-max besides what it allocates: its record and its
 * places in lists, rounded up. */
#define SUBSCRIBER_MEMORY 256
/* Events evicted in one turn because of --memory-max. */
#define RELIEVE_BATCH 4096u
/* Laggards looked at in one turn: each may cost a send of CATCH_UP_BYTES. And no more channels than
 * for the others: CATCH_UP_CHANNELS. */
#define LAG_BATCH 256u
/* Channels for which workers can ask each other at once whether somebody waits. More: their crowds
 * are waited for until one is free. */
#define INQUIRIES_MAX 64u
/* How long a question is open, and an answer good: several ticks. */
#define INQUIRY_MS 1000u
/* Subscribers looked at in one turn for an event to all: some ten nanoseconds each, and as much for
 * each channel of one that has several. */
#define ALL_LOOKS 8192u
/* What a stream whose token, or lifetime, has ended may take for the rest of the event that its
 * socket has begun: the longest at 4 Mbit a second. Longer: closed, in the middle of it. */
#define EXPIRED_GRACE_MS 30000
/* Records visited for heartbeats and timeouts in one turn; each may cost a send. */
#define VISIT_BATCH 512u
/* Events for one subscriber alone that wait for its socket, and their bytes, but for a first one of
 * any size: some seconds of a chat's, and no more memory than a send buffer. More: refused to who
 * sends them, and counted (`private_refused`). */
#define PRIVATE_EVENTS_MAX 64u
#define PRIVATE_BYTES_MAX  (256u << 10)
/* Events that one subscriber is given to begin with, which lie in memory until its socket has them:
 * a snapshot of some screens. More: it is not taken (-E2BIG). */
#define FIRST_BYTES_MAX (64u << 10)
/* Records looked at for a kick in one turn, and their channels: some tenths of a millisecond. */
#define KICK_BATCH 4096u
/* Events taken from the inbox before sweeps are served again. */
#define TAKE_BATCH 2048u

/* --- looking at a running server ----------------------------------------------------------- */

/* Entries of one page of a list, and how many it has if nobody says: each worker keeps room for a
 * page, 0.3 MB of the longest names. More: refused (400). */
#define CONTROL_LIMIT_MAX     1000u
#define CONTROL_LIMIT_DEFAULT 100u
/* Questions under way: a few people and programs look at a server at once. More: refused (503),
 * counted as controls_refused. */
#define CONTROLS_MAX 16u
/* How long a call of the library waits for the workers' answers, which come with their next turn.
 * Longer: -ETIMEDOUT. */
#define LIBRARY_ANSWER_MS 1000
/* Ends of, and events for, one subscriber that are on their way to its worker: what one that is
 * busy takes in some of its turns; and bytes of such events. More: refused, counted as
 * wishes_refused. */
#define WISHES_MAX       16384u
#define WISHES_BYTES_MAX (16u << 20)
/* Names of a subscriber's channels in a list; how many there are is said beside them. */
#define CONTROL_NAMES_MAX 8u
/* Room for the names of one page, for each of its entries. More: the page is shorter, and the next
 * one goes on. */
#define CONTROL_NAMES_BYTES CHANNEL_BYTES_MAX
/* Kinds of subscribers that the caller may tell apart, by a number below this: as many as there may
 * be listeners, and some. */
#define SUBSCRIBER_GROUPS_MAX 64u

/* Streams that have ended and are remembered, where subscribers have ids: 1.7 MB. More: the oldest
 * is forgotten, and unknown. */
#define CLOSES_REMEMBERED 10000u
/* And of each, so many of its channels. More: of those it is not known whether it had them. */
#define CLOSE_CHANNELS_REMEMBERED 4u
/* What is kept of a subscriber's peer for who looks at it: an address, without port. */
#define PEER_BYTES_MAX 17u
/* Records that a worker looks at for them in a turn, some 80 ns each, most of it waiting for
 * memory, and the part of the turn's own time that it does so for; at least the one where there was
 * nothing else to do, the other where there was, and SLICE_NS at most. So deliveries take a little
 * longer meanwhile, and whoever comes upon a slice waits little. The rest are the next turn's. */
#define INSPECT_LOOKS   1024u
#define INSPECT_PART    16
#define INSPECT_IDLE_NS 10000
#define INSPECT_BUSY_NS 2000

/* --- connections before hand-off ----------------------------------------------------------- */

/* RFC 9112 section 3 recommends at least 8,000 octets for a request line. Longer: 414 and 431. */
#define TARGET_BYTES_MAX 8192u
#define HEAD_BYTES_MAX   16384u
/* Addresses whose rate of connections is known, with --connect-rate: 1 MiB. An address is of
 * interest for a second, and 65,536 new ones a second are more than a server accepts. More: the one
 * that says least is forgotten (`connect_rate_forgotten`). */
#define RATE_ADDRESSES 65536u
/* The largest --connect-rate: thousandths of it are 32-bit. */
#define CONNECT_RATE_MAX 1000000u
/* A PROXY protocol header: 52 bytes say whose connection it is; what proxies add of TLS and of
 * their own is some hundred. Longer: the connection is refused (400). */
#define PROXY_HEADER_BYTES_MAX 2048u
/* Connections that are not subscribers, feeds included: half a KiB each while idle. More:
 * who waits longest without a request, or has its answer and stays, is closed; else 503. */
#define CONNECTIONS_DEFAULT 10000
/* Beyond these, so that who fills them locks nobody else out: connections that may ask for
 * /healthz, /stats and /metrics alone (others: 503), behind those the hand-off socket's, behind
 * those feeds, and behind those the administration's. */
#define CONNECTIONS_FOR_HEALTH   64u
#define CONNECTIONS_FOR_HANDOFFS 64u
#define CONNECTIONS_FOR_FEEDS    64u
#define CONNECTIONS_FOR_ADMIN    64u
/* Those that a feed may have. */
#define CONNECTIONS_UP_TO_FEEDS                                                                    \
    (CONNECTIONS_FOR_HEALTH + CONNECTIONS_FOR_HANDOFFS + CONNECTIONS_FOR_FEEDS)
#define CONNECTIONS_RESERVED (CONNECTIONS_UP_TO_FEEDS + CONNECTIONS_FOR_ADMIN)
/* Where no place is free, who has waited longest without a request goes: of the oldest so many are
 * looked at, since what has just arrived for them is a request. */
#define DISPLACE_TRIES 16
/* A head that is not complete may be displaced likewise after so long. Shorter: it may be on its
 * way. */
#define DISPLACE_HEAD_MS 1000
/* What the engine was sized for; the machine's limits are usually lower. More: 503. */
#define SUBSCRIBERS_DEFAULT 1000000
/* Accepts per wake of a listener, so that a connection storm does not starve the clients. */
#define ACCEPT_BATCH 64
/* Answers a feed may leave unread before it is no longer read from. */
#define FEED_ANSWER_BYTES_MAX (64u << 10)
/* Descriptors of a feed, or of a message to the hand-off socket, that wait for the end of their
 * block. More: closed, and the feed is told. */
#define DESCRIPTORS_MAX 64u
/* A turn of a publisher: after it the next one waiting for room is served. */
#define TURN_EVENTS 64u
#define TURN_BYTES  (64u << 10)
/* After an early refusal the rest of a request is read and dropped, as long as it goes on coming
 * within this time: a client that writes all before it reads would see a reset instead of the
 * answer. */
#define LINGER_MS 2000
/* And in all no longer than this, nor more than this. What is dropped costs no memory. Then it is
 * closed, and a client that still writes sees a reset. */
#define LINGER_MS_MAX    30000
#define LINGER_BYTES_MAX (256u << 20)
/* The same while the server stops: time for an answer to cross a network, not more. */
#define LINGER_STOP_MS 300
/* Connections that wait in a listener's queue; the kernel lowers it to net.core.somaxconn. */
#define LISTEN_BACKLOG 4096
/* What the kernel may hold for one client (SO_SNDBUF, of which it takes twice as much); left to
 * itself it holds 1 to 2.5 MiB over loopback and 50 KiB to 4 MiB over a network for a client that
 * does not read. With 64 KiB and more neither a flood of 128 B nor events of 256 KiB cost
 * measurably more; over a path of 100 ms it still is 2 MB a second. Full: the client is behind. */
#define SEND_BUFFER_DEFAULT (256u << 10)
/* When a silent TCP connection is probed first, and how often then: both are less where
 * write-timeout is short. Where it is 0 a peer that answers none of so many probes is gone, after
 * ten minutes in all. */
#define KEEPALIVE_IDLE_S  300
#define KEEPALIVE_PROBE_S 15
#define KEEPALIVE_PROBES  20
/* How long a listener rests when no descriptor was free and none became free since. */
#define REST_MS 100
/* Refused connections an acceptor keeps open until they have read their 503. More: closed at once.
 */
#define REFUSALS_MAX 64u
/* Without a free descriptor: how long an acceptor waits for the request of a connection that it
 * refuses, and how often before it rests for REST_MS. More: answered 503, whatever it asks. */
#define REFUSAL_WAIT_MS   1
#define REFUSAL_WAITS_MAX 4
/* Bytes of bodies that an acceptor decodes in one round of its loop, but one body of any size: 1
 * MiB takes up to some 50 ms. More: the request has its turn in a later round, behind everybody's
 * small ones. */
#define ROUND_BODY_BYTES (256u << 10)
/* One read of a connection; what it holds of a feed's input while that feed waits for room. */
#define READ_BYTES (64u << 10)
/* A small request: any head, and a little body. Larger ones leave some memory to those. */
#define INPUT_BYTES_SMALL (HEAD_BYTES_MAX + 4096u)
/* What an acceptor's connections, or a worker's records, may hold more or less than the hub has
 * been told so far within a turn. */
#define MEMORY_BATCH_BYTES (256 << 10)
/* Requests of the administration that wait until the workers have answered those before them: more
 * than anybody asks at once who looks at a server. More: 503. */
#define QUESTIONS_WAITING_MAX 256u
/* How long such a request waits for the workers, who answer within some of their turns: a hundred
 * times what a list of a million takes. Longer: 503. */
#define QUESTION_MS 10000
/* How long a client may take to read its answer. Longer: closed. */
#define ANSWER_MS 30000
/* How long an acceptor goes on answering when the server stops. Then what is left is closed. */
#define STOP_ANSWER_MS 3000
/* What a refused client is told to wait before it tries again. */
#define RETRY_AFTER_S 1
/* What a stream that cannot be had now is told to wait at least, whatever --retry says: without it
 * a crowd would be back at once. */
#define SLOTS_LEAST_MS 1000u
/* Refused clients that come back a second, for each thread that refuses: what any machine takes,
 * and what none of ours took by half. */
#define SLOTS_RATE_MIN 100u
#define SLOTS_RATE_MAX 100000u
/* Over how long they are spread at most: nobody waits longer for a place that may be free soon. */
#define SLOTS_SPREAD_MS_MAX 60000

/* --- the host's program --------------------------------------------------------------------- */

/* How long a request waits for what the program says that the server runs in, if nothing else is
 * set (--decide-timeout): a person waits no longer for a page. Longer: 503. */
#define DECIDE_MS 10000
/* Of its reply: a word and its parameters; lines as many as a stream's head may have; a page, for
 * what is larger belongs to a file server. Longer: -EINVAL, -EBADMSG, -E2BIG, and the client has
 * 500. */
#define HOST_TYPE_BYTES_MAX   100u
#define HOST_FIELDS_BYTES_MAX 8192u
#define HOST_BODY_BYTES_MAX   (16u << 20)

/* --- asking other servers ------------------------------------------------------------------ */

/* Requests to them at once, and so connections: what an application server of some processes takes.
 * More: they wait in the order in which they came. */
#define FETCHES_MAX 64u
/* Clients that wait for what the application says of them (--authorize-url). With FETCHES_MAX at
 * once and 5 ms for an answer so many get through in a tenth of a second. More: 503. */
#define AUTHORIZE_WAITING_MAX 1024u
/* The head of an answer, interim heads and trailers included: as much as a request's of ours.
 * Longer: no answer, 503. */
#define FETCH_HEAD_BYTES_MAX HEAD_BYTES_MAX
/* The body of the application's answer, which is read and dropped so that the connection can be
 * used again. Longer: no answer, 503, for it is a page of something else. */
#define AUTHORIZE_BODY_BYTES_MAX (64u << 10)
/* How often the keys of --jwt-jwks URL are fetched, and after how long again when that failed;
 * issuers keep an old key for hours at least. */
#define JWKS_EVERY_S 300
#define JWKS_RETRY_S 10
/* And when a token names a key that is not known, which anybody can make: not more often. */
#define JWKS_GAP_S 10
/* Longer: it failed, and the keys that were there hold. */
#define JWKS_TIMEOUT_MS 10000u
/* Head lines that the application adds to a stream's head. Longer: no answer, 503. */
#define HOOK_LINES_BYTES_MAX 4096u
/* An acceptor's answers that are kept for --authorize-cache: some 20,000 without lines of their
 * own. More: the oldest go. */
#define HOOK_CACHE_BYTES_MAX (4u << 20)

/* --- the journal --------------------------------------------------------------------------- */

/* Records that wait to be written down, of streams and of answers: a quarter of a second of what
 * two cores can join and leave. More: they are lost, and counted. */
#define JOURNAL_RECORDS_MAX 65536u
/* Bytes of them, and of the seats in which a stream's records lie: they stay when it has gone. */
#define JOURNAL_BYTES_MAX (16u << 20)

/* --- notes --------------------------------------------------------------------------------- */

/* Subscribers that have left and whose texts may still be asked for, one for each thread that
 * fetches notes: as many as there are cores, at most. More: the oldest one's go. */
#define NOTES_TOLD_MAX 64u

/* --- presence ------------------------------------------------------------------------------ */

/* Subscribers of a channel up to which each that comes or goes is told by itself: what a person can
 * follow. More: changes are told together. */
#define PRESENCE_EACH_MAX 100u
/* Changes of one channel that wait to be told. More: they are told together. */
#define PRESENCE_WAITING_MAX 64u
/* How often those are told at most: ten times a second. */
#define PRESENCE_EVERY_MS 100
/* After so long what could not be published is tried again. */
#define PRESENCE_RETRY_MS 10
/* Events that a channel of presence keeps, and for how long: whoever asks for the last one gets how
 * many are there. */
#define PRESENCE_HISTORY_EVENTS 16u
#define PRESENCE_HISTORY_AGE_S  (24 * 3600)

static_assert((INBOX_SLOTS & (INBOX_SLOTS - 1)) == 0, "slots are found by mask");
static_assert((FLOW_CELLS & (FLOW_CELLS - 1)) == 0, "cells are found by mask");
static_assert((DROPPED_REMEMBERED & (DROPPED_REMEMBERED - 1)) == 0, "found by mask");
static_assert(FLOW_CHANNEL_BYTES / FLOW_FRAME_BYTES_MIN >= 8192, "a channel's share of the inbox");
static_assert(PUBLISH_EVENTS_MAX <= INBOX_SLOTS / 4, "a whole request must fit");
static_assert(DATA_BYTES_MAX * 7ull + 65536 < UINT32_MAX, "frame sizes are 32-bit");
static_assert(PRIVATE_EVENTS_MAX < CATCH_UP_FRAMES / 2, "a send has room for them and for others");
static_assert(CATCH_UP_BYTES <= SCRATCH_BYTES && RUN_FRAMES <= SCRATCH_FRAMES, "one send fits");
