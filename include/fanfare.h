/* SPDX-License-Identifier: MIT */
/*
 * libfanfare: publish an event once, and every subscriber of its channel has it, over Server-Sent
 * Events, from inside your own program. This is the only installed header; libfanfare(7) is the
 * overview. Length: it is all that a program sees.
 *
 * Life:  fanfare_new -> fanfare_set ... -> fanfare_start -> fanfare_publish, fanfare_adopt, ...
 *        -> fanfare_drain or fanfare_stop -> fanfare_free
 *
 * Threads. An engine has its own threads: `workers` that write to subscribers, `acceptors` that
 * read requests (none without `listen`, `feed`, `handoff` and `admin`), one that waits for its end,
 * and one each for what some options ask (a log, presence, other servers). You lend it none and
 * give it no event loop. Each function says who may call it:
 *   "any"    any thread, at any time between fanfare_new and fanfare_free, at the same time as any
 *            other call;
 *   "owner"  one thread at a time, and not from a hook: set, get, error, on_request, start, apply,
 *            stop, free;
 *   "any, hook"  and also inside a request hook.
 * fanfare_free must not run at the same time as any other call on that engine. No other rule.
 *
 * What the library never does: log, exit, read the environment, install a signal handler, change
 * a process-wide setting, open a file that you did not name (but the kernel's own, under /proc
 * and /sys), call you back on a worker's thread. Its threads block all signals, and it cannot
 * raise SIGPIPE. Its descriptors are close-on-exec. There is no global state of ours (with
 * `authorize-url` or keys at a URL libcurl's, which counts its users): any number of engines may
 * live in one process (each has its own threads: set `workers`). A broken invariant of its own
 * (never bad input) ends the process with one line on stderr and abort(3), for what would follow
 * is wrong data.
 *
 * fork(2). Threads do not survive it, so an engine belongs to the process that started it. In a
 * child every call on it answers -ECHILD, and fanfare_free frees the memory that its threads did
 * not share, and touches nothing else (so finalisers of a scripting language are safe). Fork
 * before fanfare_start, or call exec soon: a child that does neither keeps copies of sockets
 * open that the parent thinks closed.
 *
 * Results. Functions that return int: 0 (or a count) is success, negative is an error: an errno, or
 * one of FANFARE_ERROR_ below. fanfare_strerror has one plain sentence for each. ret_ parameters
 * are written on success only, come last, and may be NULL where that is said.
 *
 * Text. (pointer, length) without a terminating NUL, or length FANFARE_NUL for a C string. All text
 * is UTF-8 and is copied before the call returns; what the library hands out is owned as said
 * there. "A text of lines", only ever handed out, has one item a line: a channel's name has no line
 * end.
 *
 * Structs begin with `size`. Set them up with = {sizeof(struct ...)} (the rest 0), or with memset
 * and size. 0 in a member always means "none" or "as usual", so what a later version adds at the
 * end changes nothing for you. A struct that is larger than the library knows is fine as long as
 * what it does not know is 0, else -E2BIG: an old library never ignores what you asked for.
 *
 * Limits. Each queue, table and wait has a bound, and reaching one has a named outcome: an error
 * code here, and a counter (fanfare_stat). libfanfare(7) lists all of them.
 */
#ifndef FANFARE_H
#define FANFARE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef FANFARE_API
#if defined(__GNUC__)
#define FANFARE_API __attribute__((visibility("default")))
#else
#define FANFARE_API
#endif
#endif

#ifndef FANFARE_MUST_USE
#if defined(__GNUC__)
#define FANFARE_MUST_USE __attribute__((warn_unused_result))
#else
#define FANFARE_MUST_USE
#endif
#endif

/* --- version ------------------------------------------------------------------------------- */

/* Of this header. The ABI generation is the soname's number: libfanfare.so.1. */
#define FANFARE_VERSION_MAJOR  0
#define FANFARE_VERSION_MINOR  2
#define FANFARE_VERSION_PATCH  0
#define FANFARE_VERSION_NUMBER 0x000200 /* 0xMMmmpp */
#define FANFARE_ABI            1

/* Of the library that runs: "0.2.0", and as a number. Static. Threads: any, hook. */
FANFARE_API const char *fanfare_version(void);
FANFARE_API uint32_t fanfare_version_number(void);

/* --- results ------------------------------------------------------------------------------- */

/* Beside errno's: why an event or a name is refused. All below -4095, where no errno is. */
enum {
    FANFARE_ERROR_CHANNEL_EMPTY = -5001,
    FANFARE_ERROR_CHANNEL_LONG = -5002, /* above FANFARE_CHANNEL_MAX */
    FANFARE_ERROR_CHANNEL_TEXT = -5003, /* no valid UTF-8, or a control character */
    FANFARE_ERROR_TYPE_LONG = -5004,    /* above FANFARE_TYPE_MAX */
    FANFARE_ERROR_TYPE_TEXT = -5005,    /* no valid UTF-8, or CR, LF or NUL */
    FANFARE_ERROR_ID_LONG = -5006,      /* above FANFARE_ID_MAX */
    FANFARE_ERROR_ID_TEXT = -5007,      /* no valid UTF-8, or a control character */
    FANFARE_ERROR_ID_SPACE = -5008,     /* begins or ends with a space */
    FANFARE_ERROR_ID_OURS = -5009,      /* has the form of the engine's own ids, or is `earliest` */
    FANFARE_ERROR_DATA_LONG = -5010,    /* above FANFARE_DATA_MAX; over HTTP and feed: body-max */
    FANFARE_ERROR_DATA_TEXT = -5011,    /* no valid UTF-8, or NUL */
    FANFARE_ERROR_RETRY =
        -5012, /* negative, and not FANFARE_RETRY_AT_ONCE; above 1 hour counts as 1 hour */
    FANFARE_ERROR_SYNTAX = -5013, /* fanfare_publish_text: no event-stream text */
    FANFARE_ERROR_CHANNELS =
        -5014, /* a subscription without a channel, or above subscriber-channels-max */
    FANFARE_ERROR_HEAD = -5015,         /* header lines that are none */
    FANFARE_ERROR_OPTION = -5016,       /* no option, fact or counter of that name */
    FANFARE_ERROR_VALUE = -5017,        /* the option's value: fanfare_error says what is allowed */
    FANFARE_ERROR_CHANNEL_OURS = -5018, /* @presence/...: the engine alone publishes to those */
    FANFARE_ERROR_TYPE_OURS = -5019,    /* fanfare-gap, which tells of losses */
    FANFARE_ERROR_DATA_NONE = -5020, /* no data, where neither a retry nor an end stands for it */
    FANFARE_ERROR_KEY_LONG = -5021,  /* above FANFARE_KEY_MAX */
    FANFARE_ERROR_KEY_TEXT = -5022,  /* no valid UTF-8, or a control character */
    FANFARE_ERROR_KEY_TWICE = -5023, /* two events of one call have the same channel and key */
    FANFARE_ERROR_TO_ALL = -5024,    /* an event to all names a channel, or ends one */
    FANFARE_ERROR_ENDED = -5025      /* the channel has ended, by FANFARE_END */
};

/* One sentence for a result of any function here, without a line end: what is wrong, for a person.
 * Static text, never NULL; 0 is "no error". Threads: any, hook. */
FANFARE_API const char *fanfare_strerror(int result);

/* Lengths of text in bytes. They may grow in a later version, never shrink. */
#define FANFARE_NUL         ((size_t)-1) /* as a length: up to the NUL */
#define FANFARE_CHANNEL_MAX 256
#define FANFARE_TYPE_MAX    256
#define FANFARE_ID_MAX      128
#define FANFARE_KEY_MAX     128
#define FANFARE_DATA_MAX    (16 << 20)
#define FANFARE_ID_SIZE     32   /* room for an id of the engine's own, with its NUL */
#define FANFARE_EVENTS_MAX  1024 /* of one publish call */
#define FANFARE_FOREVER     (-1) /* as a timeout */

/* --- life ---------------------------------------------------------------------------------- */

struct fanfare;

/* A new engine with the usual options; it does nothing yet, and has neither thread nor descriptor.
 * NULL: out of memory; every function takes that NULL and answers -EINVAL, so that a small program
 * need not look before fanfare_start. Threads: any. */
FANFARE_API struct fanfare *fanfare_new(void);

/*
 * Sets an option by its name, as in `fanfare serve --help`, the config file and fanfare.conf(5):
 * one table, so nothing that the server can do is missing here. Values are written as there:
 * "1000", "16M", "2.5" (seconds), "skip". NULL: the default again. `listen`, `path`, `header`,
 * `stream-header`, `allow-origin`, `channel`, `host` and others are lists (fanfare_option_text says
 * which): each call adds one, NULL empties the list.
 *
 *   listen    "127.0.0.1:8080", "[::1]:0", "unix:/run/x.sock", or "fd:3": a listening socket of
 *             yours, which the library duplicates. None by default.
 *   feed      path of the publishing socket. None by default (the server has one).
 *   routes    which of "subscribe publish send page health stats metrics" are answered, the others
 *             are 404. Default here: "subscribe health" (the server: all). Publishing over HTTP is
 *             nothing that a library turns on unasked.
 *   path      "/events=clock": GET on that path subscribes to that channel. "/live/<any>=<any>",
 *             with a star for <any>: what follows /live/ is the channel.
 *   header    "Name: value": on all answers; stream-header "PATTERN Name: value": on the streams
 *             of matching channels.
 *   history-events, history-bytes, history-age, heartbeat, retry, slow, slow-after, slow-rate,
 *   write-timeout, idle-timeout, lifetime, drain-timeout, memory-max, subscribers-max, workers,
 *   acceptors, io, body-max, ...: all others of the table, see fanfare_option_text.
 *
 * Before fanfare_start it takes effect there. After it the value is kept until fanfare_apply.
 * A refused value is remembered: fanfare_start (fanfare_apply) then fails with the same result and
 * sentence, so that a program may look once, at the end.
 *
 * FANFARE_ERROR_OPTION, FANFARE_ERROR_VALUE; -EBUSY: started, and this option needs a new start;
 * -E2BIG: the list is full; -ENOMEM. fanfare_error has the sentence with the name, the value
 * and what is allowed. Threads: owner.
 */
FANFARE_API int fanfare_set(struct fanfare *fanfare, const char *name, const char *value);

/*
 * The text of an option's value, or of a fact: "io" ("io_uring", or "epoll (io_uring: Operation
 * not permitted)"), "addresses" (a text of lines, with the ports that were taken), "room" (how many
 * subscribers the machine's limits allow), "epoch", "state" ("new", "running", "draining",
 * "stopped"), "descriptors" (whether each subscriber takes one of the process: "yes" or "no"),
 * "admin-address", "access-log-error" and "access-log-open-error" (an errno, else "0": why the file
 * of `access-log` takes nothing now, and why the last fanfare_apply could not open it again and the
 * old one is written on). Like snprintf: writes at most `size` bytes with NUL and returns the
 * whole length. FANFARE_ERROR_OPTION; -EINVAL: a `size` without a text. Threads: owner.
 */
FANFARE_API int fanfare_get(const struct fanfare *fanfare, const char *name, char *text,
                            size_t size);

/* The sentence of the last owner call (fanfare_set, _start, _apply) that failed; "" if none did.
 * Says more than fanfare_strerror: which address, path, value, limit, and what to do. Belongs to
 * the engine, until the next owner call. Threads: owner. */
FANFARE_API const char *fanfare_error(const struct fanfare *fanfare);

/*
 * Binds what is to be bound, starts the threads. All or nothing: after an error it may be tried
 * again, but what was stopped is not started again (-ESHUTDOWN): make a new one, whose epoch
 * differs. Without `listen`, `feed` and `handoff` there are no acceptors, only workers.
 *
 * -EADDRINUSE, -EACCES, -EMFILE, -ENOMEM, -EPERM (io=uring, and the kernel forbids it), what a
 * fanfare_set said, or another errno of socket, bind, mmap or pthread_create; -EALREADY.
 * Threads: owner. Blocks: for the threads to be there.
 */
FANFARE_API FANFARE_MUST_USE int fanfare_start(struct fanfare *fanfare);

/* Makes everything set since the last time hold, all or nothing, for who is there already too;
 * nobody is closed for it. Before fanfare_start it only looks whether all of it can hold. What
 * fanfare_set said, FANFARE_ERROR_VALUE, -ENOMEM, an errno of a file that is named (then nothing
 * has changed), -ESHUTDOWN: it is about to stop, or has. Threads: owner. Blocks: no. */
FANFARE_API FANFARE_MUST_USE int fanfare_apply(struct fanfare *fanfare);

/*
 * Begins to leave, and returns at once: no event and no subscriber is taken any more (-ESHUTDOWN),
 * everything published is delivered, each subscriber is told its own moment to come back, gets a
 * last chunk and is closed; at most `drain-timeout`. Then the note FANFARE_NOTE_STOPPED comes. Any
 * number of times; one that comes before fanfare_start is over holds for what is started. -ECHILD.
 * Threads: any, hook, and signal handlers (it is async-signal-safe).
 */
FANFARE_API int fanfare_drain(struct fanfare *fanfare);

/* fanfare_drain, waits for its end, joins the threads, closes and unlinks what was bound. Counters
 * can still be read. 0 also if it was never started. -ECHILD. Threads: owner. Blocks: up to
 * `drain-timeout` and some seconds. */
FANFARE_API int fanfare_stop(struct fanfare *fanfare);

/* Frees it. One that runs is stopped first, without waiting for slow subscribers. Waiters must be
 * freed before. Takes NULL. Threads: owner, and nobody else uses it any more. */
FANFARE_API void fanfare_free(struct fanfare *fanfare);

/* What there is to set, for documentation, checks and bindings: the names in order, NULL behind the
 * last; and of an option by name: "help", "shown", "allowed", "default", "group", "restart" ("yes",
 * ""), "list". NULL: no such option or item. Static. Threads: any, hook. */
FANFARE_API const char *fanfare_option_name(unsigned index);
FANFARE_API const char *fanfare_option_text(const char *name, const char *item);

/* --- publishing ---------------------------------------------------------------------------- */

/*
 * Publishes one event. Names are C strings; `type` NULL: none, a browser calls it "message"; data
 * may have several lines. On 0 the event is in every worker's inbox: from then on nothing but the
 * death of the process keeps it from the channel's subscribers, who all see the same order.
 *
 * `timeout_ms`: how long to wait for room. 0: not at all; FANFARE_FOREVER; at most 24 hours.
 * `ret_sequence` (may be NULL): its place in the one order, from 1 on; fanfare_id_format makes the
 * id that subscribers see.
 *
 * -EAGAIN: no room and timeout_ms was 0; -ETIMEDOUT: none in time. There is no room while the
 * channel has its share of bytes in flight (its readers are behind), an inbox is full, or
 * `memory-max` is reached. -ESHUTDOWN: not running (waiting calls are woken for it); -EINVAL: data
 * NULL with a length, or another timeout; -EDEADLK: in a hook with a timeout; -ECHILD; -ENOMEM;
 * FANFARE_ERROR_ of channel, type and data; FANFARE_ERROR_ENDED.
 *
 * Threads: any, hook (timeout 0). Blocks: only as asked, and is no place where a thread is
 * cancelled. Copies the data once. Costs well under a microsecond if no worker sleeps, and one
 * system call for each that does.
 */
FANFARE_API int fanfare_publish(struct fanfare *fanfare, const char *channel, const char *type,
                                const char *data, size_t data_len, int timeout_ms,
                                uint64_t *ret_sequence);

#define FANFARE_RETRY_AT_ONCE (-1)
#define FANFARE_TO_ALL        1u /* to every stream there is; `channel` is empty */
#define FANFARE_END           2u /* the channel ends with this event; data may be NULL */

/* Everything an event can have. */
struct fanfare_event {
    size_t size; /* sizeof(struct fanfare_event), the same in all of an array */
    const char *channel;
    size_t channel_len;
    const char *type; /* NULL: none */
    size_t type_len;
    const char *id; /* NULL: the engine's own */
    size_t id_len;
    const char *data; /* NULL, and retry_ms set: clients take the delay and see no event */
    size_t data_len;
    int64_t retry_ms; /* tells clients how long to wait before they reconnect; 0: nothing */
    uint64_t flags;   /* FANFARE_TO_ALL: each subscriber gets it once, whatever it listens to */
    const char *key;  /* idempotency: a second event of the same channel and key is not published */
    size_t key_len;
};

/*
 * Publishes 1 to FANFARE_EVENTS_MAX events in this order, one right after the other in the one
 * order, all or none. *ret_first (may be NULL) is the sequence of the first; the others follow
 * without a gap. The result is how many of them were not published because one with that channel
 * and key was before: 0, but for keys. (Those take no number; if that is all of them, *ret_first is
 * that of the event that the first one repeats.)
 *
 * As fanfare_publish; and -EINVAL: count 0, a size that is too small or differs from the first, an
 * unknown flag; -E2BIG: count, or a struct that asks for what this library does not know;
 * FANFARE_ERROR_ of channel, type, id, data and key; FANFARE_ERROR_RETRY, FANFARE_ERROR_TO_ALL.
 * Which event of several is faulty, fanfare_event_check tells. About a fifth of a microsecond an
 * event. Threads: any, hook (timeout 0).
 */
FANFARE_API int fanfare_publish_events(struct fanfare *fanfare, const struct fanfare_event *events,
                                       unsigned count, int timeout_ms, uint64_t *ret_first);

/*
 * Publishes events that are given as text, in the grammar of the feed, all or none:
 *     channel: news LF event: headline LF data: first line LF data: second line LF LF
 * For languages where a string is easier to make than an array of structs. Each line of the data
 * needs its own `data: `, or what it contains is taken for fields; the last event needs its blank
 * line. `ack:`, `wait:`, `count:` and `adopt:` are a connection's, and refused. *ret_count (may be
 * NULL): how many. Result and *ret_first are those of an array: -EAGAIN, -ETIMEDOUT, -ESHUTDOWN,
 * -EDEADLK, -ECHILD, -ENOMEM; -EINVAL: no event at all; -E2BIG: too many; FANFARE_ERROR_SYNTAX: not
 * that grammar, a field that is missing, there twice, or too long; FANFARE_ERROR_CHANNEL_TEXT,
 * FANFARE_ERROR_CHANNEL_OURS, FANFARE_ERROR_TYPE_TEXT, FANFARE_ERROR_TYPE_OURS,
 * FANFARE_ERROR_ID_TEXT, FANFARE_ERROR_ID_SPACE, FANFARE_ERROR_ID_OURS, FANFARE_ERROR_DATA_LONG,
 * FANFARE_ERROR_DATA_TEXT, FANFARE_ERROR_KEY_TEXT, FANFARE_ERROR_KEY_TWICE, FANFARE_ERROR_ENDED.
 * Threads: any, hook (timeout 0).
 */
FANFARE_API int fanfare_publish_text(struct fanfare *fanfare, const char *text, size_t text_len,
                                     int timeout_ms, uint64_t *ret_first, unsigned *ret_count);

/* 0, or why this event would be refused wherever it were published: -EINVAL, -E2BIG, FANFARE_ERROR_
 * of channel, type, id and data, FANFARE_ERROR_KEY_LONG, FANFARE_ERROR_KEY_TEXT,
 * FANFARE_ERROR_RETRY, FANFARE_ERROR_TO_ALL. Pure. Threads: any, hook. */
FANFARE_API int fanfare_event_check(const struct fanfare_event *event);

/* The id that subscribers see for a sequence, with NUL, into `id` of FANFARE_ID_SIZE bytes. Returns
 * its length. And back: -EINVAL: not of this engine's form and epoch. -ESHUTDOWN: not started yet;
 * -ECHILD. Threads: any, hook. */
FANFARE_API int fanfare_id_format(const struct fanfare *fanfare, uint64_t sequence, char *id);
FANFARE_API int fanfare_id_parse(const struct fanfare *fanfare, const char *id, size_t id_len,
                                 uint64_t *ret_sequence);

/*
 * For a program with an event loop: publishing that never blocks and never misses the moment when
 * there is room again. One waiter per loop; it belongs to one thread at a time, and to a running
 * engine (new: -ESHUTDOWN; -EMFILE and other errnos of eventfd; -ENOMEM; -EINVAL; -ECHILD).
 *
 * fanfare_waiter_publish is fanfare_publish_events with timeout 0. On -EAGAIN, and only then,
 * the descriptor becomes readable as soon as there may be room (or the engine drains): wait for
 * that in your loop, and call again with the same events. It is level-triggered; the next call of
 * fanfare_waiter_publish takes the signal back. Do not read it, write it or close it.
 */
struct fanfare_waiter;
FANFARE_API FANFARE_MUST_USE int fanfare_waiter_new(struct fanfare *fanfare,
                                                    struct fanfare_waiter **ret_waiter);
FANFARE_API int fanfare_waiter_fd(const struct fanfare_waiter *waiter);
FANFARE_API int fanfare_waiter_publish(struct fanfare_waiter *waiter,
                                       const struct fanfare_event *events, unsigned count,
                                       uint64_t *ret_first);
/* Takes NULL. Before fanfare_free; in a child of fork(2), too. */
FANFARE_API void fanfare_waiter_free(struct fanfare_waiter *waiter);

/* --- subscribers: giving a connection to the engine ----------------------------------------- */

/*
 * The position at this moment: all that is published later has this sequence or a higher one; 0: it
 * was not started yet. Read it first, look at your data then, send that as `first` and pass the
 * position as `since`: the client has your snapshot and every change after it, without a hole (a
 * change made in between may come twice). Threads: any, hook.
 */
FANFARE_API uint64_t fanfare_position(const struct fanfare *fanfare);

#define FANFARE_HEAD_SENT 1u /* the response head is written, nothing of it is ours */
#define FANFARE_PLAIN     2u /* no chunks: HTTP/1.0, or a head without Transfer-Encoding: chunked */

/*
 * What a subscriber gets, and how its response begins. One channel, or several, or both;
 * subscriber-channels-max (64) in all, the same one twice counts once. Names are taken as they are,
 * never split: one that a client made up can subscribe to nothing but itself, or is refused.
 */
struct fanfare_subscription {
    size_t size;
    const char *channel;
    size_t channel_len;
    const char *const *channels; /* C strings */
    size_t channel_count;
    const char *resume; /* the client's last id, valid or not; NULL: none; "earliest": from the
                           oldest that is retained on */
    size_t resume_len;
    const char *head; /* further response header lines of yours, each ended by CRLF; 8 KiB at most.
                         They stand in place of the option's lines of the same name. What a client
                         sent does not belong here unchecked */
    size_t head_len;
    const struct fanfare_event *first; /* for this subscriber alone, before all others: no channel,
                                          no id, no flags; 64 KiB and FANFARE_EVENTS_MAX at most */
    size_t first_count;
    uint64_t since;       /* fanfare_position; 0: now. What history has let go since is told.
                             `resume` goes before */
    uint64_t tag;         /* yours, comes back in its notes: a number, or a pointer as uintptr_t */
    uint32_t last;        /* without a resume point: begin with so many of the newest; 0: none */
    uint32_t limit;       /* end after so many events, `first` not counted; 0: never */
    uint32_t lifetime_ms; /* end then, in order: a token's expiry, say; 0: as `lifetime` says */
    uint32_t flags;       /* FANFARE_HEAD_SENT, FANFARE_PLAIN */
};

/*
 * Gives a connection, whose request you have read, to the engine, which answers with the response
 * head (without FANFARE_HEAD_SENT), replays what `resume`, `since` or `last` ask for, and writes
 * every event of its channels from then on. On 0 the descriptor is the library's: do not use or
 * close it. On an error it is still yours, untouched: answer 503 yourself.
 *
 * `fd`: a connected stream socket (TCP or unix), in no epoll set, with nothing of yours waiting to
 * be written. It is made non-blocking, which its duplicates share. What the client may have sent
 * after the request is ignored; a client that has gone already is taken, and leaves at once. See
 * fanfare_detach for a socket that a framework holds. For any other transport (TLS in user space,
 * HTTP/2, a test) adopt one end of a socketpair with FANFARE_HEAD_SENT and FANFARE_PLAIN and pass
 * on what the other end reads. A client that has no stream since all of its channels have ended
 * (FANFARE_END), and that it has all of, is answered 204; with FANFARE_HEAD_SENT it is closed.
 *
 * *ret_subscriber (may be NULL) names it from now on: it is never given again, and stays below
 * 2^53. It is 0 if the option `subscriber-ids` is off.
 *
 * -ENOSPC: `subscribers-max`, another limit of subscribers, or no worker has room; -ENOBUFS:
 * `memory-max`; -EBADF; -ENOTSOCK; -ENOTCONN; -EPROTOTYPE (no stream socket); -EINVAL: no
 * subscription, a list that is not there, or `first` has what it must not have; -E2BIG: the size of
 * a struct, or of `first`, or a flag that there is not; -ENOMEM; -ESHUTDOWN; -ECHILD;
 * FANFARE_ERROR_CHANNEL_EMPTY, FANFARE_ERROR_CHANNEL_LONG, FANFARE_ERROR_CHANNEL_TEXT;
 * FANFARE_ERROR_CHANNELS: none, too many, or several where one is of one event;
 * FANFARE_ERROR_HEAD; of `first`: FANFARE_ERROR_ of type, FANFARE_ERROR_DATA_TEXT,
 * FANFARE_ERROR_DATA_NONE, FANFARE_ERROR_RETRY.
 * Threads: any, hook. Blocks: no.
 */
FANFARE_API FANFARE_MUST_USE int fanfare_adopt(struct fanfare *fanfare, int fd,
                                               const struct fanfare_subscription *subscription,
                                               uint64_t *ret_subscriber);

/*
 * Takes a socket out of a framework's hands: returns a new descriptor for it, and makes the old
 * number mean a socket that is closed at its other end, so that whatever the framework still does
 * to it (write, shutdown, close) does not reach the client. The framework goes on to own the old
 * number and must close it; a write to it fails as it does when a client hangs up (EPIPE, and
 * SIGPIPE if it asks for that). Remove `fd` from every epoll set BEFORE: the kernel keeps such an
 * entry for as long as the connection lives, and nobody can remove it afterwards.
 * -EBADF, -ENOTSOCK, -EMFILE, and nothing has changed. Threads: any, hook.
 */
FANFARE_API int fanfare_detach(int fd);

/*
 * An event for this subscriber alone. It has no id and is in no history: who reconnects does not
 * get it again (for that, give the client a channel of its own). 0: it is on its way, behind
 * all that was published before, and before or behind what is published from now on; if the
 * subscriber has gone it is dropped and counted (private_dropped). Who lets more than 64 of them,
 * or 256 KiB, gather is closed (slow), and so is one for whom there is no memory.
 * -EINVAL: nobody of this engine ever had that id; -EAGAIN: 16,384 of these and of ends are on
 * their way, or 16 MiB; -ENOMEM; -ESHUTDOWN; -ECHILD; FANFARE_ERROR_ of type and data. Threads:
 * any, hook. Blocks: no.
 */
FANFARE_API int fanfare_subscriber_send(struct fanfare *fanfare, uint64_t subscriber,
                                        const char *type, const char *data, size_t data_len);

#define FANFARE_AT_ONCE 1u /* what it does not have yet is not sent */

/*
 * Ends its response in order: it gets what was published before, a delay and a last chunk. It will
 * reconnect (that is what EventSource does); answer 204 to that request and it stops for good.
 * `flags`: 0 or FANFARE_AT_ONCE. 0 also if it has gone already. -EINVAL: nobody of this engine ever
 * had that id, or another flag; -EAGAIN: as above; -ENOMEM; -ESHUTDOWN; -ECHILD. Threads: any,
 * hook. Blocks: no.
 */
FANFARE_API int fanfare_subscriber_end(struct fanfare *fanfare, uint64_t subscriber,
                                       unsigned flags);
/* Ends all of them, while who asks for a stream, or is adopted, from now on is taken. -EINVAL:
 * another flag; -EAGAIN: an inbox is full; -ENOMEM; -ESHUTDOWN; -ECHILD. Threads: any, hook.
 * Blocks: no. */
FANFARE_API int fanfare_subscriber_end_all(struct fanfare *fanfare, unsigned flags);

/* With `notes` on, from its FANFARE_NOTE_JOINED on until the thread that was told of its
 * FANFARE_NOTE_LEFT asks for the next note: "channels" (a text of lines), "peer" ("192.0.2.1";
 * "unix": over a socket of this machine), "resume" ("complete", "gap", "none").
 * Like snprintf; -ENOENT; -ESHUTDOWN: not started; -EINVAL; -ECHILD. Threads: any, hook. Blocks:
 * no. */
FANFARE_API int fanfare_subscriber_text(struct fanfare *fanfare, uint64_t subscriber,
                                        const char *item, char *text, size_t size);

/* --- requests: what the engine's own listeners receive ---------------------------------------- */

struct fanfare_request;

enum {
    FANFARE_REQUEST_SUBSCRIBE = 1,
    FANFARE_REQUEST_PUBLISH = 2, /* over HTTP, its whole body read */
    FANFARE_REQUEST_OTHER = 3    /* for none of `routes` and `path`: yours, or 404 */
};

/*
 * Called for each request once its head, and any body, is there, and all that the options ask has
 * let it in: origins, hosts, tokens, --authorize-url. Return 0: the engine goes on as if there were
 * no hook. Return 1: the request is yours: you have answered it with exactly one of the functions
 * below, or you will, later and on any thread (then it is held, and counts as a connection; after
 * `decide-timeout`, 10 s, the client gets 503 and the answer is -ETIMEDOUT).
 *
 * It runs on an acceptor's thread, for different requests on different ones at the same time. Do
 * not block there: other connections of that acceptor wait meanwhile (no subscriber does). For
 * what takes long return 1 and decide elsewhere. For languages that cannot be called on a foreign
 * thread there is the option `ask`: requests of the kinds that it names ("subscribe publish other")
 * are notes (FANFARE_NOTE_REQUEST), and no hook is called for them.
 */
typedef int (*fanfare_request_hook)(struct fanfare_request *request, void *user);

/* Before fanfare_start, or -EBUSY. NULL: none. Threads: owner. */
FANFARE_API int fanfare_on_request(struct fanfare *fanfare, fanfare_request_hook hook, void *user);

/* FANFARE_REQUEST_SUBSCRIBE, ... Threads of these three: the one that has the request. */
FANFARE_API int fanfare_request_kind(const struct fanfare_request *request);
/*
 * "method", "target", "path" (decoded), "query:NAME" (decoded, the first of that name),
 * "header:NAME" (any case; several joined by ", "), "body", "peer" (an address; "unix": over a
 * socket file), "channels" (a text of lines: what the URL asks for), "resume", "version" ("1.1").
 * NULL: not there. Ends with NUL, its length is in *ret_len (may be NULL). Valid until the request
 * is answered, and no longer.
 */
FANFARE_API const char *fanfare_request_text(struct fanfare_request *request, const char *item,
                                             size_t *ret_len);
FANFARE_API struct fanfare *fanfare_request_engine(const struct fanfare_request *request);

/*
 * Each of these ends the request, also when it returns an error; the pointer is dead then.
 * -EPIPE: the client has gone; -ETIMEDOUT: it has had a 503 already; -ESHUTDOWN: likewise, since
 * the engine stops. Threads: any, one at a time.
 *
 * accept: of a request of kind SUBSCRIBE or OTHER, or -EINVAL; `subscription` NULL: as the client
 * asked. Members that are 0 or NULL are taken from the request (channels, resume, last, limit,
 * version); what was published since the moment when the request was complete is owed to it.
 * *ret_subscriber (may be NULL) names it from now on and is never given out again; 0: of HEAD,
 * which has its answer and no stream, and where there are no `subscriber-ids`. -ENOSPC:
 * `subscribers-max`, a cap, or no worker has room; -ENOBUFS: `memory-max`; -ENOMEM, and the client
 * has had a 503, or what `refuse` says. -EINVAL, -E2BIG, FANFARE_ERROR_CHANNEL_EMPTY,
 * FANFARE_ERROR_CHANNEL_LONG, FANFARE_ERROR_CHANNEL_TEXT, FANFARE_ERROR_CHANNELS,
 * FANFARE_ERROR_HEAD, or what fanfare_event_check says of one of `first`: it has had a 500.
 * -EDEADLK, and nothing has happened: in the hook of another request. Blocks: until the acceptor's
 * next turn, unless in the hook of this request.
 *
 * reply: any status from 200 to 599, `content_type` may be NULL; 204 and 304 have no body, nor has
 * the answer to HEAD. `fields`: further header lines, each ended by CRLF, or NULL. What says how
 * long the answer is, and which pages of other origins may read it, is the engine's (the option
 * allow-origin). 204 to a request for a stream tells EventSource not to come back. An answer that
 * cannot be sent is a 500 for the client, and -EINVAL, -E2BIG (a body above 16 MiB) or
 * FANFARE_ERROR_HEAD; -ENOMEM.
 *
 * pass: the engine goes on as if there were no hook.
 */
FANFARE_API int fanfare_request_accept(struct fanfare_request *request,
                                       const struct fanfare_subscription *subscription,
                                       uint64_t *ret_subscriber);
FANFARE_API int fanfare_request_reply(struct fanfare_request *request, int status,
                                      const char *content_type, const char *body, size_t body_len,
                                      const char *fields);
FANFARE_API int fanfare_request_pass(struct fanfare_request *request);

/* --- notes: what the engine has to tell ------------------------------------------------------- */

enum {
    FANFARE_NOTE_JOINED = 1,  /* its response head is written; `resume` was looked at */
    FANFARE_NOTE_LEFT = 2,    /* exactly once for each joined one, and behind that */
    FANFARE_NOTE_REQUEST = 3, /* with `ask`: answer `request` as a hook would, at any time */
    FANFARE_NOTE_STOPPED = 4  /* the end of fanfare_drain; the last note */
};

enum {
    FANFARE_LEFT_GONE = 1,     /* it hung up */
    FANFARE_LEFT_ERROR = 2,    /* its socket failed */
    FANFARE_LEFT_SLOW = 3,     /* it took too little, and history passed it */
    FANFARE_LEFT_STUCK = 4,    /* it took nothing for `write-timeout` */
    FANFARE_LEFT_LIMIT = 5,    /* it had its `limit` of events */
    FANFARE_LEFT_IDLE = 6,     /* no event for `idle-timeout` */
    FANFARE_LEFT_AGE = 7,      /* `lifetime` is over */
    FANFARE_LEFT_MEMORY = 8,   /* `memory-max`, and it was furthest behind */
    FANFARE_LEFT_ENDED = 9,    /* on request, in order */
    FANFARE_LEFT_CHANNEL = 10, /* its last channel was closed */
    FANFARE_LEFT_DRAIN = 11,   /* in order, as the engine stopped */
    FANFARE_LEFT_CUT = 12,     /* not in order: `drain-timeout`, or on request at once */
    FANFARE_LEFT_REFUSED = 13, /* its worker could not take it: no JOINED before */
    FANFARE_LEFT_TOKEN = 14,   /* what let it in has ended */
    FANFARE_LEFT_OVER = 15     /* its channels have ended: with no JOINED before if nothing of
                                  them was left for it */
};

struct fanfare_note {
    size_t size;
    int32_t kind;
    int32_t reason;      /* of LEFT */
    uint64_t subscriber; /* its id: never given again, and below 2^53 */
    uint64_t tag;
    uint64_t sequence;    /* JOINED: it gets what is published after this; LEFT: the last it had */
    uint64_t duration_ms; /* LEFT */
    struct fanfare_request *request; /* REQUEST: yours until answered */
};

/*
 * The next note: 1, or 0 if there is none within `timeout_ms` (0: look; FANFARE_FOREVER). Set
 * note->size before. Notes of one subscriber come in order. None is ever lost: each subscriber
 * carries its own, so a program that does not fetch them only keeps their places occupied, and in
 * the end new subscribers find no room (over HTTP as `refuse` says). Without the options
 * `notes` and `ask` only FANFARE_NOTE_STOPPED comes. A request whose time is over before its note
 * was fetched is not told.
 *
 * fanfare_note_fd is readable exactly while a note is there (level-triggered; do not read, write or
 * close it); it is the same from fanfare_start to fanfare_free.
 *
 * -EINVAL: no note, or a size that none has; -ECHILD; -ESHUTDOWN: not started, or the last note
 * was fetched, which threads that wait are told as well. Threads: any, several may fetch. Blocks:
 * as asked, and may be cancelled there (pthread_cancel).
 */
FANFARE_API int fanfare_note_next(struct fanfare *fanfare, struct fanfare_note *note,
                                  int timeout_ms);
FANFARE_API int fanfare_note_fd(const struct fanfare *fanfare);
/* "it hung up", ... Static. Threads: any, hook. */
FANFARE_API const char *fanfare_reason_text(int reason);

/* --- channels --------------------------------------------------------------------------------- */

struct fanfare_channel {
    size_t size;
    const char *name; /* ends with NUL; of a list: valid until the list is freed */
    size_t name_len;
    uint64_t subscribers;
    uint64_t events; /* retained */
    uint64_t bytes;  /* of them */
    uint64_t last;   /* sequence of the newest event, 0: none retained */
};

/*
 * These ask each worker and wait for its answer, which comes with its next turn: a few ms under
 * load, at most a second (-ETIMEDOUT), a list with each thousand of channels. Numbers are exact per
 * worker, not of one instant. A channel exists while somebody listens to it or an event is
 * retained.
 *
 * get: one channel; -ENOENT: there is none; FANFARE_ERROR_CHANNEL_EMPTY,
 * FANFARE_ERROR_CHANNEL_LONG, FANFARE_ERROR_CHANNEL_TEXT. Its name is not filled in. -EINVAL: no
 * name, or no struct with a size (-E2BIG: it asks for what this library does not know).
 * -ESHUTDOWN: not running; -EDEADLK: in a hook; -EBUSY: 16 questions are under way; -ENOMEM;
 * -ECHILD. Threads: any. Blocks: see above.
 */
struct fanfare_list;
FANFARE_API int fanfare_channel_get(struct fanfare *fanfare, const char *name, size_t name_len,
                                    struct fanfare_channel *ret_channel);
/* All channels whose names begin with `prefix` (NULL: all), in no order, as they were while they
 * were gathered; what came or went meanwhile is there or not. -ETIMEDOUT, -EINVAL, -ESHUTDOWN,
 * -EDEADLK, -EBUSY, -ENOMEM, -ECHILD, as above. next: 1, or 0 behind the last; -EINVAL. free takes
 * NULL. Threads: any; a list belongs to one at a time. */
FANFARE_API int fanfare_channel_list(struct fanfare *fanfare, const char *prefix,
                                     struct fanfare_list **ret_list);
FANFARE_API int fanfare_list_next(struct fanfare_list *list, struct fanfare_channel *ret_channel);
FANFARE_API void fanfare_list_free(struct fanfare_list *list);

#define FANFARE_FORGET 2u /* its history goes as well; say so where you mean it */

/* All that was published to it before is delivered; then who listens to this channel alone is
 * ended in order, and who has others keeps those. Its history goes as well, in this version with
 * `flags` 0, too: who resumes later is told of a gap. The name may be used again at once
 * (FANFARE_END is another thing: who comes back then is told that there is no more). `flags`: 0 or
 * FANFARE_FORGET. 0 also if there is no such channel. -EINVAL;
 * -EAGAIN: an inbox is full; FANFARE_ERROR_ of channel; -ENOMEM; -ESHUTDOWN; -ECHILD. Threads: any,
 * hook. Blocks: no. */
FANFARE_API int fanfare_channel_close(struct fanfare *fanfare, const char *name, size_t name_len,
                                      unsigned flags);

/* --- counters --------------------------------------------------------------------------------- */

/*
 * All counters and gauges of /stats and /metrics. fanfare_stat_name: in order, NULL behind the
 * last; names are kept within an ABI generation, an index holds for the library that runs.
 * stat_text: "kind" ("counter" or "gauge") and "help"; NULL: no such name or item. Static.
 */
FANFARE_API const char *fanfare_stat_name(unsigned index);
FANFARE_API const char *fanfare_stat_text(const char *name, const char *item);
/*
 * One value by its name (FANFARE_ERROR_OPTION: there is none); the first `count` of them, of which
 * the result says how many there are; all as Prometheus text 0.0.4, like snprintf. Each number is
 * exact, the set is not one instant. They stay after a stop. -ESHUTDOWN: not started yet; -EINVAL;
 * -ECHILD; metrics: -ENOMEM. Threads: any, hook. Blocks: no.
 */
FANFARE_API int fanfare_stat(struct fanfare *fanfare, const char *name, uint64_t *ret_value);
FANFARE_API int fanfare_stats(struct fanfare *fanfare, uint64_t *ret_values, unsigned count);
FANFARE_API int fanfare_metrics(struct fanfare *fanfare, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
