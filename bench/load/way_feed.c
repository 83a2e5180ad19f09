/* SPDX-License-Identifier: MIT */
/*
 * Publishing over the feed: event-stream text on a unix socket, in writes of up to 64 KiB. No event
 * asks for an acknowledgement. At the end comes one that is refused on purpose (it names no
 * channel) and asks for its answer: the feed answers in order and always answers a refusal, so then
 * all before it is published. See publish.h.
 */
#include "bench/load/publish.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/load/marker.h"

#define WRITE_BYTES (64u << 10)
#define LAST_MARK   "ack: end\n\n"

struct way_feed {
    struct way way;
    int fd;
    char *bytes;
    size_t size, begin, end;
    uint64_t put;
    bool finished, ending, done;
    char answers[4096];
    size_t answers_len;
};

static char *append(char *at, const char *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static void reserve(struct way_feed *feed, size_t more)
{
    if (feed->end + more <= feed->size)
        return;
    feed->size = feed->end + more + WRITE_BYTES;
    feed->bytes = realloc(feed->bytes, feed->size);
    if (!feed->bytes)
        abort();
}

static bool feed_put(struct way *way, const char *channel, const char *data, size_t len)
{
    struct way_feed *feed = (struct way_feed *)way;
    if (feed->end >= WRITE_BYTES)
        return false;
    size_t channel_len = strlen(channel);
    reserve(feed, len + channel_len + 32);
    char *at = feed->bytes + feed->end;
    at = append(at, "channel: ", 9);
    at = append(at, channel, channel_len);
    at = append(at, "\ndata: ", 7);
    at = append(at, data, len);
    at = append(at, "\n\n", 2);
    feed->end = (size_t)(at - feed->bytes);
    feed->put++;
    return true;
}

static void feed_finish(struct way *way)
{
    struct way_feed *feed = (struct way_feed *)way;
    reserve(feed, sizeof(LAST_MARK));
    append(feed->bytes + feed->end, LAST_MARK, sizeof(LAST_MARK) - 1);
    feed->end += sizeof(LAST_MARK) - 1;
    feed->finished = true;
}

/* One answer's line, without its end. */
static void take_answer(struct way_feed *feed, const char *line, size_t len)
{
    if (len >= 6 && memcmp(line, "error:", 6) == 0) {
        if (!feed->way.counts.refused++)
            snprintf(feed->way.counts.fault, sizeof(feed->way.counts.fault), "%.*s", (int)len,
                     line);
    } else if (len == sizeof(LAST_MARK) - 3 && memcmp(line, LAST_MARK, len) == 0) {
        feed->ending = true;
    } else if (len == 0 && feed->ending) {
        feed->done = true;
        if (--feed->way.counts.refused == 0) /* the one that was meant to be */
            feed->way.counts.fault[0] = '\0';
        feed->way.counts.accepted = feed->put - feed->way.counts.refused;
    }
}

static void read_answers(struct way_feed *feed)
{
    ssize_t got = recv(feed->fd, feed->answers + feed->answers_len,
                       sizeof(feed->answers) - feed->answers_len, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        snprintf(feed->way.counts.fault, sizeof(feed->way.counts.fault), "the feed was closed");
        feed->way.counts.refused++;
        feed->way.broken = feed->done = true;
        return;
    }
    feed->answers_len += (size_t)got;
    char *line = feed->answers, *end = feed->answers + feed->answers_len, *stop;
    while ((stop = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        take_answer(feed, line, (size_t)(stop - line));
        line = stop + 1;
    }
    feed->answers_len = (size_t)(end - line);
    if (feed->answers_len == sizeof(feed->answers))
        feed->answers_len = 0;
    memmove(feed->answers, line, feed->answers_len);
}

static void write_some(struct way_feed *feed)
{
    while (feed->begin < feed->end) {
        ssize_t put = send(feed->fd, feed->bytes + feed->begin, feed->end - feed->begin,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0)
            return;
        feed->begin += (size_t)put;
    }
    feed->begin = feed->end = 0;
}

static void feed_turn(struct way *way, uint64_t until_us)
{
    struct way_feed *feed = (struct way_feed *)way;
    write_some(feed);
    uint64_t now_us = clock_us();
    bool waits = feed->begin < feed->end || feed->finished;
    if (!waits && until_us == UINT64_MAX)
        return; /* there is room now */
    uint64_t wait_us = until_us > now_us ? until_us - now_us : 0;
    if (waits && wait_us > 100000)
        wait_us = 100000;
    struct pollfd poll_fd = {.fd = feed->fd,
                             .events = (short)(POLLIN | (feed->begin < feed->end ? POLLOUT : 0))};
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / 1000000),
                               .tv_nsec = (long)(wait_us % 1000000) * 1000};
    if (ppoll(&poll_fd, 1, &timeout, NULL) > 0 && (poll_fd.revents & (POLLIN | POLLHUP)))
        read_answers(feed);
}

static bool feed_is_done(const struct way *way)
{
    return ((const struct way_feed *)way)->done;
}

static void feed_close(struct way *way)
{
    struct way_feed *feed = (struct way_feed *)way;
    close(feed->fd);
    free(feed->bytes);
    free(feed);
}

static const struct way_operations feed_operations = {
    .put = feed_put,
    .turn = feed_turn,
    .finish = feed_finish,
    .is_done = feed_is_done,
    .close = feed_close,
};

struct way *way_feed_open(const struct publish_options *options, char *error, size_t size)
{
    struct way_feed *feed = calloc(1, sizeof(*feed));
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", options->to + 5);
    if (!feed)
        abort();
    feed->way.operations = &feed_operations;
    feed->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (feed->fd < 0 || connect(feed->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
        snprintf(error, size, "cannot connect to the feed at %s: %s", to.sun_path, strerror(errno));
        if (feed->fd >= 0)
            close(feed->fd);
        free(feed);
        return NULL;
    }
    return &feed->way;
}
