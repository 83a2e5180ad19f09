/* SPDX-License-Identifier: MIT */
/* What a server says when it runs: see announce.h. */
#include "cmd/announce.h"

#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "cmd/log.h"
#include "fanfare.h"

/* Descriptors besides connections: standard streams, epoll, eventfds, rings, listeners, a reserve.
 */
enum { OWN_DESCRIPTORS = 32, THREAD_DESCRIPTORS = 4 };

enum { LINE_BYTES = 1024 };

__attribute__((format(printf, 2, 3))) static void say(bool warns, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    printf("%s\n", line);
    if (log_has_file() && warns)
        log_warning("%s", line);
    else if (log_has_file())
        log_info("%s", line);
}

/* A fact of the engine; what does not fit is cut. */
static const char *fact(const struct fanfare *fanfare, const char *name, char *text, size_t size)
{
    if (fanfare_get(fanfare, name, text, size) < 0)
        text[0] = '\0';
    return text;
}

/* How many subscribers the workers and the limits have room for. */
static uint64_t subscriber_room(const struct fanfare *fanfare)
{
    char text[32];
    return strtoull(fact(fanfare, "room", text, sizeof(text)), NULL, 10);
}

/* Only what was asked for by name can be missed: the default is whatever the machine allows. */
static void say_descriptors(const struct serve_settings *settings, const struct fanfare *fanfare,
                            rlim_t limit)
{
    char takes[8];
    bool asked = settings->base.server.subscribers_max != SUBSCRIBERS_DEFAULT;
    unsigned threads = settings->base.hub.workers + settings->base.server.acceptors;
    uint64_t room = subscriber_room(fanfare);
    uint64_t need = OWN_DESCRIPTORS + (uint64_t)THREAD_DESCRIPTORS * threads +
                    settings->base.server.connections_max;
    if (asked && strcmp(fact(fanfare, "descriptors", takes, sizeof(takes)), "yes") == 0)
        need += settings->base.server.subscribers_max;
    bool short_of_room = asked && room < settings->base.server.subscribers_max;
    if (limit == RLIM_INFINITY || (limit >= need && !short_of_room))
        return;
    say(true,
        "limit: RLIMIT_NOFILE is %" PRIu64 ": room for %" PRIu64 " subscribers and %" PRIu64
        " of the %" PRIu64 " descriptors that this configuration may need; raise it "
        "(ulimit -Hn, LimitNOFILE=) or lower --subscribers-max, --connections-max",
        (uint64_t)limit, room, (uint64_t)limit, need);
}

/* Rings count against RLIMIT_MEMLOCK unless we are root: that is where a fall-back comes from. */
static void say_memory(const struct serve_settings *settings, const char *io)
{
    struct rlimit limit;
    const uint64_t ring_bytes = 512u << 10; /* measured: 15 to 24 rings in 8 MiB */
    uint64_t need = ring_bytes * settings->base.hub.workers;
    if (settings->base.hub.io == IO_EPOLL || geteuid() == 0 ||
        getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
        return;
    say(true,
        "limit: RLIMIT_MEMLOCK is %" PRIu64 " KiB, %u io_uring workers need about %" PRIu64
        " KiB (running: %s); raise it (ulimit -l, LimitMEMLOCK=) or lower --workers",
        (uint64_t)limit.rlim_cur >> 10, settings->base.hub.workers, need >> 10, io);
}

static void say_bound(const struct serve_settings *settings)
{
    const char *whence = settings->base.memory_usual
                             ? ", half of what the machine or cgroup allows (--memory-max)"
                             : "";
    if (settings->base.hub.memory_max)
        say(false, "memory: at most %" PRIu64 " MiB%s", settings->base.hub.memory_max >> 20,
            whence);
    else
        say(false, "memory: no bound");
}

static void say_addresses(const struct fanfare *fanfare)
{
    char text[8192], *next = NULL;
    (void)fact(fanfare, "addresses", text, sizeof(text));
    for (char *line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
        say(false, "listening on %s", line);
}

void announce(const struct serve_settings *settings, const struct fanfare *fanfare,
              rlim_t descriptors)
{
    char admin[256], io[256];
    say_addresses(fanfare);
    if (settings->base.server.feed)
        say(false, "feed at %s", settings->base.server.feed);
    else
        say(false, "feed: none");
    if (settings->base.server.handoff)
        say(false, "hand-offs at %s", settings->base.server.handoff);
    if (fact(fanfare, "admin-address", admin, sizeof(admin))[0])
        say(false, "admin at %s", admin);
    say_bound(settings);
    (void)fact(fanfare, "io", io, sizeof(io));
    say(false, "workers: %u, io: %s, room for %" PRIu64 " subscribers", settings->base.hub.workers,
        io, subscriber_room(fanfare));
    say_descriptors(settings, fanfare, descriptors);
    say_memory(settings, io);
}
