/* SPDX-License-Identifier: MIT */
/*
 * fanfare pub over the feed: events go out and answers come in at the same time, with many events
 * on the way, so that a long input is bound by the server and not by round trips.
 *
 * Each event carries its number as `ack`, so each is answered exactly once and in order, by
 * `ack` and `id` or by `error` and `ack`. Done means: input at its end, everything sent, everything
 * answered. A server that closes before that leaves events whose fate nobody knows, and we say so.
 *
 * One thread, one poll(2) over input and socket.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/log.h"
#include "cmd/pub.h"

enum {
    WINDOW_EVENTS = 16384,        /* on the way; their answers take some 60 bytes each */
    WINDOW_BYTES = 256 * 1024,    /* composed and not sent: a few socket buffers */
    ANSWER_BYTES_MAX = 64 * 1024, /* of one answer; a server of ours sends far less */
    ANSWER_READ_BYTES = 64 * 1024,
};

static const char NAME[] = "pub";

struct feed_run {
    const struct publication *publication;
    int fd;
    struct line_reader lines;
    bool input_done;
    struct buffer out;
    size_t out_at;
    struct buffer in;
    uint64_t sent, answered;
    bool refused, closed, broken;
};

static int feed_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        const char *hint = error == ECONNREFUSED || error == ENOENT
                               ? "; is the server running? (`fanfare serve`)"
                           : error == EACCES ? "; --feed-mode of the server says who may publish"
                                             : "";
        log_complain(NAME, "cannot connect to the feed %s: %s%s", path, strerror(error), hint);
        return -error;
    }
    return fd;
}

static bool add_event(struct feed_run *run, struct text data)
{
    int r = event_write(&run->out, run->publication->settings, run->publication->channel, data,
                        run->sent + 1, SIZE_MAX / 2);
    if (r < 0) {
        log_complain(NAME, "cannot compose an event: %s", strerror(-r));
        return false;
    }
    run->sent++;
    return true;
}

static bool window_open(const struct feed_run *run)
{
    return run->sent - run->answered < WINDOW_EVENTS && run->out.len - run->out_at < WINDOW_BYTES;
}

/* Turns lines that were read into events while the window is open. True: more input is wanted. */
static bool add_lines(struct feed_run *run)
{
    struct text line;
    while (window_open(run)) {
        if (!line_next(&run->lines, &line)) {
            run->input_done = run->lines.ended;
            return !run->input_done;
        }
        if (!add_event(run, line)) {
            run->broken = true;
            return false;
        }
    }
    return false;
}

static void send_events(struct feed_run *run)
{
    while (run->out_at < run->out.len) {
        ssize_t n = send(run->fd, run->out.at + run->out_at, run->out.len - run->out_at,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            run->broken = true; /* answers may still be waiting to be read */
        if (n < 0)
            break;
        run->out_at += (size_t)n;
    }
    if (run->out_at == run->out.len)
        run->out.len = run->out_at = 0;
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
    if (ack.len > 0)
        run->answered++;
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
    if (n <= 0 || buffer_add(&run->in, (struct text){bytes, (size_t)n},
                             ANSWER_BYTES_MAX + ANSWER_READ_BYTES) != 0) {
        run->closed = true;
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
    return run->input_done && run->out.len == 0 && run->answered >= run->sent;
}

static void publish_all(struct feed_run *run)
{
    while (!is_done(run) && !run->closed) {
        bool wants_input = !run->input_done && !run->broken && add_lines(run);
        if (!run->broken)
            send_events(run);
        if (is_done(run))
            return;
        bool wants_output = !run->broken && run->out_at < run->out.len;
        struct pollfd fds[] = {
            {.fd = run->fd, .events = (short)(POLLIN | (wants_output ? POLLOUT : 0))},
            {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
            read_answers(run);
        int r = fds[1].revents ? line_read(&run->lines, STDIN_FILENO) : 0;
        if (r < 0) {
            log_complain(NAME, "line %" PRIu64 ": %s", run->sent + 1,
                         r == -EMSGSIZE ? "longer than any event may be (16 MiB)" : strerror(-r));
            run->input_done = run->refused = true;
        }
    }
}

int pub_over_feed(const struct publication *publication, const char *path)
{
    struct feed_run run = {.publication = publication, .fd = feed_connect(path)};
    if (run.fd < 0)
        return EXIT_FAILED;
    if (publication->data) {
        run.input_done = true;
        run.broken = !add_event(&run, text_of(publication->data));
    }
    publish_all(&run);
    uint64_t unknown = run.sent - run.answered;
    if (unknown > 0)
        log_complain(NAME,
                     "the server closed the feed; %" PRIu64 " of %" PRIu64
                     " events were not acknowledged",
                     unknown, run.sent);
    bool failed = unknown > 0 || run.refused || run.broken || !run.input_done;
    close(run.fd);
    buffer_free(&run.lines.buffer);
    buffer_free(&run.out);
    buffer_free(&run.in);
    return failed ? EXIT_FAILED : EXIT_DONE;
}
