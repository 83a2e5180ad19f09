/* SPDX-License-Identifier: MIT */
/*
 * fanfare pub over the feed: events go out and answers come in at the same time, with many events
 * on the way, so that a long input is bound by the server and not by round trips.
 *
 * Each event carries its number as `ack`, so each is answered exactly once and in order, by
 * `ack` and `id` or by `error` and `ack`. Done means: input at its end, everything sent, everything
 * answered. Every event is held until then; lines of standard input survive the server: when it
 * closes, or says that it stops, what it did not answer is sent to the next one (so at least once).
 * A single event is not tried again: whoever gave it hears that its fate is unknown.
 *
 * States: exchange (connected) -> reconnect (without a server, input is read while there is room)
 * -> exchange ... One thread, one poll(2) over input and socket.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/log.h"
#include "cmd/outage.h"
#include "cmd/pub.h"

enum {
    WINDOW_EVENTS = 16384,        /* held; their answers take some 60 bytes each */
    WINDOW_BYTES = 4 << 20,       /* held, and one event more */
    ANSWER_BYTES_MAX = 64 * 1024, /* of one answer; a server of ours sends far less */
    ANSWER_READ_BYTES = 64 * 1024,
    COMPACT_BYTES = 64 * 1024, /* what has gone is not moved for less */
};

static const char NAME[] = "pub";

struct feed_run {
    const struct publication *publication;
    const char *path;
    int fd;
    struct line_reader lines;
    bool input_done;
    struct buffer held;            /* events from answered to composed */
    size_t held_at, sent_at;       /* of the first byte not answered, not sent */
    uint32_t sizes[WINDOW_EVENTS]; /* of event number n at n % WINDOW_EVENTS */
    uint64_t composed, answered;
    struct buffer in;
    struct outage outage;
    bool refused;  /* an event was: the exit status says so */
    bool failed;   /* no use to go on */
    bool stopping; /* the server takes nothing more and will close */
    bool closed, broken;
};

/* A connected socket, or a negative errno. */
static int feed_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return -error;
    }
    return fd;
}

static void connect_complain(const char *path, int error)
{
    const char *hint =
        error == ECONNREFUSED || error == ENOENT ? "; is the server running? (`fanfare serve`)"
        : error == EACCES || error == EPERM ? "; --feed-mode of the server says who may publish"
                                            : "";
    log_complain(NAME, "cannot connect to the feed %s: %s%s", path, strerror(error), hint);
}

static bool add_event(struct feed_run *run, struct text data, bool ends)
{
    size_t before = run->held.len;
    int r = event_write(&run->held, run->publication->settings, run->publication->channel, data,
                        ends, run->composed + 1, SIZE_MAX / 2);
    if (r < 0) {
        log_complain(NAME, "cannot compose an event: %s", strerror(-r));
        run->failed = true;
        return false;
    }
    run->sizes[run->composed++ % WINDOW_EVENTS] = (uint32_t)(run->held.len - before);
    return true;
}

static bool window_open(const struct feed_run *run)
{
    return run->composed - run->answered < WINDOW_EVENTS &&
           run->held.len - run->held_at < WINDOW_BYTES;
}

/* Turns lines that were read into events while the window is open. True: more input is wanted. */
static bool add_lines(struct feed_run *run)
{
    struct text line;
    while (window_open(run)) {
        if (!line_next(&run->lines, &line)) {
            run->input_done = run->lines.ended;
            if (run->input_done && run->publication->settings->end)
                (void)add_event(run, (struct text){NULL, 0}, true);
            return !run->input_done;
        }
        if (!add_event(run, line, false))
            return false;
    }
    return false;
}

static void read_lines(struct feed_run *run)
{
    int r = line_read(&run->lines, STDIN_FILENO);
    if (r < 0) {
        log_complain(NAME, "line %" PRIu64 ": %s", run->composed + 1,
                     r == -EMSGSIZE ? "longer than any event may be (16 MiB)" : strerror(-r));
        run->input_done = run->refused = true;
    }
}

static void send_events(struct feed_run *run)
{
    while (run->sent_at < run->held.len) {
        ssize_t n = send(run->fd, run->held.at + run->sent_at, run->held.len - run->sent_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            run->broken = true; /* answers may still be waiting to be read */
        if (n < 0)
            break;
        run->sent_at += (size_t)n;
    }
}

/* The oldest event is answered and need not be held any more. */
static void event_forget(struct feed_run *run)
{
    run->held_at += run->sizes[run->answered++ % WINDOW_EVENTS];
    bool all = run->held_at == run->held.len;
    if (!all && (run->held_at < COMPACT_BYTES || run->held_at < run->held.len / 2))
        return;
    memmove(run->held.at, run->held.at + run->held_at, run->held.len - run->held_at);
    run->held.len -= run->held_at;
    run->sent_at -= run->held_at;
    run->held_at = 0;
}

/* It acknowledges the oldest event that was sent and not answered. */
static bool is_next(const struct feed_run *run, struct text ack)
{
    char wanted[24];
    snprintf(wanted, sizeof(wanted), "%" PRIu64, run->answered + 1);
    return run->answered < run->composed && text_equals(ack, text_of(wanted)) &&
           run->held_at + run->sizes[run->answered % WINDOW_EVENTS] <= run->sent_at;
}

static void stranger_complain(struct feed_run *run)
{
    log_complain(NAME, "%s answers what was not asked; is it the feed of Fanfare?", run->path);
    run->failed = true;
}

/* Not an event but we are refused. Who was let in before comes back: the server may be full. */
static void turned_away(struct feed_run *run, struct text sentence)
{
    if (run->answered > 0 && !run->publication->data) {
        run->closed = true;
        return;
    }
    log_complain(NAME, "refused: %.*s", (int)sentence.len, sentence.at);
    run->failed = true;
}

/* One answer, without its blank line. */
static void answer_take(struct feed_run *run, const char *at, size_t len)
{
    struct text error = {0}, id = {0}, ack = {0};
    for (const char *end = at + len; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        struct text line = {at, (size_t)(stop - at)};
        if (line.len > 7 && memcmp(line.at, "error: ", 7) == 0)
            error = (struct text){line.at + 7, line.len - 7};
        else if (line.len > 4 && memcmp(line.at, "id: ", 4) == 0)
            id = (struct text){line.at + 4, line.len - 4};
        else if (line.len > 5 && memcmp(line.at, "ack: ", 5) == 0)
            ack = (struct text){line.at + 5, line.len - 5};
        at = stop + 1;
    }
    if (!run->publication->data && text_equals(error, TEXT("stopping")))
        run->stopping = run->closed = true; /* the next server gets it */
    if (run->stopping || run->failed)
        return;
    if (ack.len == 0 && error.len > 0) {
        turned_away(run, error);
        return;
    }
    if (!is_next(run, ack)) {
        stranger_complain(run);
        return;
    }
    event_forget(run);
    outage_over(&run->outage);
    if (error.len > 0) {
        run->refused = true;
        pub_complain(run->publication, run->answered, error);
    } else if (run->publication->settings->verbose && id.len > 0) {
        pub_print_id(id);
    }
}

static void read_answers(struct feed_run *run)
{
    char bytes[ANSWER_READ_BYTES];
    ssize_t n = recv(run->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        run->closed = true;
        return;
    }
    if (buffer_add(&run->in, (struct text){bytes, (size_t)n},
                   ANSWER_BYTES_MAX + ANSWER_READ_BYTES) != 0) {
        stranger_complain(run);
        return;
    }
    size_t at = 0;
    for (;;) {
        char *end = memmem(run->in.at + at, run->in.len - at, "\n\n", 2);
        if (!end)
            break;
        answer_take(run, run->in.at + at, (size_t)(end - run->in.at) - at);
        at = (size_t)(end - run->in.at) + 2;
    }
    memmove(run->in.at, run->in.at + at, run->in.len - at);
    run->in.len -= at;
    fflush(stdout);
}

static bool is_done(const struct feed_run *run)
{
    return run->failed || (run->input_done && run->answered >= run->composed);
}

/* Publishes over one connection, until everything is answered or the connection is over. */
static void exchange(struct feed_run *run)
{
    while (!is_done(run) && !run->closed) {
        bool wants_input = !run->input_done && add_lines(run);
        if (!run->broken)
            send_events(run);
        if (is_done(run))
            return;
        bool wants_output = !run->broken && run->sent_at < run->held.len;
        struct pollfd fds[] = {
            {.fd = run->fd, .events = (short)(POLLIN | (wants_output ? POLLOUT : 0))},
            {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            run->failed = true;
            return;
        }
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
            read_answers(run);
        if (fds[1].revents)
            read_lines(run);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits, and reads input meanwhile, as much as may be held. */
static void wait_reading(struct feed_run *run, int ms)
{
    int64_t due_ms = now_ms() + ms;
    for (int64_t left_ms = ms; left_ms > 0 && !run->failed; left_ms = due_ms - now_ms()) {
        bool wants_input = !run->input_done && add_lines(run);
        struct pollfd input = {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN};
        if (poll(&input, 1, (int)left_ms) > 0)
            read_lines(run);
    }
}

/* Waits for the next server. False: given up. */
static bool reconnect(struct feed_run *run)
{
    char why[256];
    snprintf(why, sizeof(why), "the server %s the feed %s",
             run->stopping ? "stops and closes" : "closed", run->path);
    close(run->fd);
    run->fd = -1;
    run->sent_at = run->held_at;
    run->in.len = 0;
    run->closed = run->broken = run->stopping = false;
    while (run->fd < 0) {
        int ms =
            outage_wait_ms(&run->outage, why, run->composed - run->answered, run->input_done, 0);
        if (ms < 0)
            return false;
        wait_reading(run, ms);
        if (is_done(run))
            return false;
        run->fd = feed_connect(run->path);
    }
    outage_back(&run->outage, run->composed - run->answered);
    return true;
}

int pub_over_feed(const struct publication *publication, const char *path)
{
    struct feed_run run = {.publication = publication, .path = path, .fd = feed_connect(path)};
    if (run.fd < 0) {
        connect_complain(path, -run.fd);
        return EXIT_FAILED;
    }
    if (publication->data) {
        run.input_done = true;
        (void)add_event(&run, text_of(publication->data), publication->settings->end);
    }
    exchange(&run);
    while (!is_done(&run) && !publication->data && reconnect(&run))
        exchange(&run);
    uint64_t unknown = run.composed - run.answered;
    if (unknown > 0 && !run.failed)
        log_complain(NAME,
                     "the server closed the feed; %" PRIu64 " of %" PRIu64
                     " events were not acknowledged",
                     unknown, run.composed);
    bool failed = unknown > 0 || run.refused || run.failed || !run.input_done;
    if (run.fd >= 0)
        close(run.fd);
    buffer_free(&run.lines.buffer);
    buffer_free(&run.held);
    buffer_free(&run.in);
    return failed ? EXIT_FAILED : EXIT_DONE;
}
