/* SPDX-License-Identifier: MIT */
/*
 * Writes the journal: see access_log.h.
 *
 * One round of the thread: wait until there is something, or a little -> take over a file that the
 * main thread has opened -> turn facts into lines, up to a buffer full, and write it, until nothing
 * is left or the file takes no more. The buffer is the thread's alone; what crosses is the new
 * file's descriptor and the word to stop, two atomics.
 */
#include "lib/access_log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log_file.h"
#include "lib/logfmt.h"
#include "engine/hub.h"
#include "engine/id.h"
#include "engine/subscriber_id.h"
#include "net/journal.h"

enum {
    LOOK_MS = 100, /* how often the thread looks: a fact is written within a second */
    BUFFER_BYTES = 256 * 1024,
    LINE_BYTES = 64 * 1024, /* the longest target, all of it escaped, and what stands around it */
};

struct access_log {
    const char *path;
    struct hub *hub;
    struct journal *journal;
    pthread_t thread;
    bool runs;
    _Atomic int next_fd; /* opened by the main thread, for the writer to take over; -1: none */
    _Atomic bool stops;
    _Atomic int error; /* why the file takes nothing, an errno; 0: it does. Relaxed */
    /* The thread's own, once it runs; then the one's that has joined it. */
    int fd;
    uint64_t lost;    /* facts, not told yet */
    size_t done, len; /* of the buffer: written, and filled */
    char buffer[BUFFER_BYTES];
};

int access_log_open(const char *path, struct access_log **ret_log)
{
    struct access_log *log = calloc(1, sizeof(*log));
    if (!log)
        return -ENOMEM;
    log->path = path;
    atomic_init(&log->next_fd, -1);
    log->fd = log_file_open(path);
    if (log->fd < 0) {
        int r = log->fd;
        free(log);
        return r;
    }
    *ret_log = log;
    return 0;
}

/* --- lines --------------------------------------------------------------------------------- */

static const char *const words[] = {
    [FACT_JOIN] = "join",
    [FACT_LEAVE] = "leave",
    [FACT_REFUSED] = "refused",
    [FACT_REQUEST] = "request",
};

static void add_channels(struct logfmt *line, const struct fact *fact, size_t kept)
{
    struct text rest = fact->channels, channel;
    uint64_t left_out = 0;
    struct logfmt part = *line; /* what follows them has room in any case */
    part.size -= kept;
    while (fact_channel(&rest, &channel))
        left_out += !logfmt_text(&part, "channel", channel);
    line->len = part.len;
    if (left_out > 0)
        (void)logfmt_number(line, "channels_left_out", left_out);
}

static void add_stream(struct logfmt *line, const struct access_log *log, const struct fact *fact)
{
    enum { REST_BYTES = 256 }; /* all that may stand behind the channels */
    char id[SUBSCRIBER_ID_LEN];
    subscriber_id_format(id, fact->subscriber);
    (void)logfmt_text(line, "subscriber", (struct text){id, sizeof(id)});
    add_channels(line, fact, REST_BYTES);
    if (fact->kind == FACT_JOIN)
        return;
    char last[ID_LEN];
    id_format(last, hub_ids(log->hub), fact->cursor);
    (void)logfmt_text(line, "reason", text_of(reason_text(fact->reason)));
    (void)logfmt_seconds(line, "duration_s", fact->duration_ns);
    (void)logfmt_text(line, "last_id", (struct text){last, sizeof(last)});
}

static void add_answer(struct logfmt *line, const struct fact *fact)
{
    enum { REST_BYTES = 256 };
    if (fact->method.len > 0) {
        (void)logfmt_text(line, "method", fact->method);
        (void)logfmt_text(line, "path", fact->path);
    }
    if (fact->kind == FACT_REFUSED)
        add_channels(line, fact, REST_BYTES);
    (void)logfmt_number(line, "status", (uint64_t)fact->status);
    if (fact->kind == FACT_REFUSED)
        (void)logfmt_text(line, "reason", fact->refusal);
    else
        (void)logfmt_number(line, "bytes", fact->bytes);
}

static void begin(struct logfmt *line, int64_t time_ns, const char *what)
{
    (void)logfmt_time(line, "time", time_ns);
    (void)logfmt_text(line, "what", text_of(what));
}

static bool has_room(const struct access_log *log)
{
    return BUFFER_BYTES - log->len >= LINE_BYTES;
}

static bool add_fact(void *context, const struct fact *fact)
{
    struct access_log *log = context;
    char peer[ADDRESS_TEXT_ROOM];
    if (!has_room(log))
        return false;
    struct logfmt line = {.at = log->buffer + log->len, .size = LINE_BYTES - 1};
    begin(&line, fact->time_ns, words[fact->kind]);
    address_write(&fact->peer, peer);
    (void)logfmt_text(&line, "peer", text_of(peer));
    if (fact->kind == FACT_JOIN || fact->kind == FACT_LEAVE)
        add_stream(&line, log, fact);
    else
        add_answer(&line, fact);
    line.size++;
    (void)logfmt_end(&line);
    log->len += line.len;
    return true;
}

static void add_lost(struct access_log *log)
{
    struct timespec now;
    log->lost += journal_take_lost(log->journal);
    if (log->lost == 0 || !has_room(log))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    struct logfmt line = {.at = log->buffer + log->len, .size = LINE_BYTES};
    begin(&line, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, "lost");
    (void)logfmt_number(&line, "count", log->lost);
    (void)logfmt_end(&line);
    log->len += line.len;
    log->lost = 0;
}

/* --- the file ------------------------------------------------------------------------------ */

static void note_error(struct access_log *log, int error)
{
    atomic_store_explicit(&log->error, error, memory_order_relaxed);
}

/* False: not all of it could be. */
static bool write_out(struct access_log *log)
{
    while (log->done < log->len) {
        ssize_t n = write(log->fd, log->buffer + log->done, log->len - log->done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            note_error(log, n < 0 ? errno : ENOSPC);
            return false;
        }
        log->done += (size_t)n;
    }
    log->done = log->len = 0;
    note_error(log, 0);
    return true;
}

/* The rest of a line that another file has the beginning of. */
static void skip_rest(struct access_log *log)
{
    if (log->done == 0 || log->buffer[log->done - 1] == '\n')
        return;
    char *end = memchr(log->buffer + log->done, '\n', log->len - log->done);
    log->done = end ? (size_t)(end - log->buffer) + 1 : log->len;
    log->lost++;
}

static void take_over(struct access_log *log)
{
    int fd = atomic_exchange_explicit(&log->next_fd, -1, memory_order_acquire);
    struct stat before, now;
    if (fd < 0)
        return;
    bool same = fstat(log->fd, &before) == 0 && fstat(fd, &now) == 0 &&
                before.st_dev == now.st_dev && before.st_ino == now.st_ino;
    if (!same)
        skip_rest(log);
    close(log->fd);
    log->fd = fd;
}

/* --- the thread ---------------------------------------------------------------------------- */

/* Until nothing is left, or the file takes no more. */
static void write_facts(struct access_log *log)
{
    bool all = false;
    while (!all && write_out(log)) {
        all = journal_read(log->journal, add_fact, log);
        add_lost(log);
    }
    (void)(all && write_out(log));
}

static void *run(void *argument)
{
    struct access_log *log = argument;
    bool stops;
    pthread_setname_np(pthread_self(), "fanfare-log");
    do {
        journal_await(log->journal, LOOK_MS);
        /* In front of the last look: whoever stops us has seen all that there is. */
        stops = atomic_load_explicit(&log->stops, memory_order_acquire);
        take_over(log);
        write_facts(log);
    } while (!stops);
    return NULL;
}

int access_log_start(struct access_log *log, struct hub *hub, struct journal *journal)
{
    sigset_t all, before;
    log->hub = hub;
    log->journal = journal;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&log->thread, NULL, run, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    log->runs = r == 0;
    return r;
}

int access_log_reopen(struct access_log *log)
{
    int fd = log_file_open(log->path);
    if (fd < 0)
        return fd;
    int unused = atomic_exchange_explicit(&log->next_fd, fd, memory_order_acq_rel);
    if (unused >= 0)
        close(unused);
    journal_wake(log->journal);
    return 0;
}

int access_log_error(const struct access_log *log)
{
    return atomic_load_explicit(&log->error, memory_order_relaxed);
}

void access_log_stop(struct access_log *log)
{
    if (log->runs) {
        atomic_store_explicit(&log->stops, true, memory_order_release);
        journal_wake(log->journal);
        pthread_join(log->thread, NULL);
    }
    log->runs = false;
    int unused = atomic_exchange_explicit(&log->next_fd, -1, memory_order_relaxed);
    if (unused >= 0)
        close(unused);
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

struct access_log *access_log_free(struct access_log *log)
{
    if (log)
        access_log_stop(log);
    free(log);
    return NULL;
}
