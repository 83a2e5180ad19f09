/* SPDX-License-Identifier: MIT */
/*
 * fanfare serve: starts the hub and the server, says what runs, waits for a signal, and leaves in
 * order.
 *
 * States: preparing (any fault: one line on stderr and status 2) -> serving (SIGHUP: reload.h) ->
 * draining (status 0, or 1 at once on a second SIGINT or SIGTERM). Signals are blocked before the
 * first thread is made, so that all threads inherit that, and taken by sigwait here.
 *
 * What is printed on stdout is for people and for tests that wait for it: the first line comes when
 * connections are accepted. Main thread only.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/feed_path.h"
#include "cmd/log.h"
#include "cmd/reload.h"
#include "net/handlers/parts.h"

/* Descriptors besides connections: standard streams, epoll, eventfds, rings, listeners, a reserve.
 */
enum { OWN_DESCRIPTORS = 32, THREAD_DESCRIPTORS = 4 };

static const char NAME[] = "serve";

/* A soft limit is for programs that use select(2); this one does not. */
static rlim_t raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("cannot raise RLIMIT_NOFILE to its hard limit: %s", strerror(errno));
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur;
}

static void signals_block(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGHUP);
    /* A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; both are asked for by
     * name here. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    /* Sent by scripts that mean another server; their default would end us without a drain. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
}

/* Waits for the second signal, while the main thread drains. Ends the process, or ends with it. */
static void *impatience_run(void *set)
{
    int number;
    if (sigwait(set, &number) == 0) {
        log_warning("second signal: stopping at once");
        _exit(EXIT_FAILED);
    }
    return NULL;
}

static void impatience_start(sigset_t *set)
{
    sigdelset(set, SIGHUP); /* which stays blocked: too late for it, and no reason to hurry */
    pthread_t thread;
    if (pthread_create(&thread, NULL, impatience_run, set) == 0)
        pthread_detach(thread);
}

/* Decides the feed's path: given, none, or the usual place. */
static int feed_choose(struct serve_settings *settings, struct feed_path *place)
{
    if (settings->feed) {
        settings->server.feed = strcmp(settings->feed, "none") == 0 ? NULL : settings->feed;
        return 0;
    }
    int r = feed_path_make(place);
    if (r < 0) {
        log_complain(NAME,
                     "no place for the feed socket: %s; name one with --feed PATH, or --feed none",
                     place->note[0] ? place->note : strerror(-r));
        return r;
    }
    if (place->note[0])
        log_info("feed: %s; using %s", place->note, place->path);
    settings->server.feed = place->path;
    return 0;
}

/* How many subscribers the workers and the limits have room for. */
static uint64_t subscriber_room(const struct serve_settings *settings, struct hub *hub)
{
    uint64_t room = (uint64_t)hub_worker_capacity(hub) * settings->hub.workers;
    return room < settings->server.subscribers_max ? room : settings->server.subscribers_max;
}

/* Only what was asked for by name can be missed: the default is whatever the machine allows. */
static void say_descriptors(const struct serve_settings *settings, struct hub *hub, rlim_t limit)
{
    bool ring = strncmp(hub_io_name(hub), "io_uring", 8) == 0;
    bool asked = settings->server.subscribers_max != SUBSCRIBERS_DEFAULT;
    unsigned threads = settings->hub.workers + settings->server.acceptors;
    uint64_t room = subscriber_room(settings, hub);
    uint64_t need =
        OWN_DESCRIPTORS + (uint64_t)THREAD_DESCRIPTORS * threads + settings->server.connections_max;
    if (!ring && asked)
        need += settings->server.subscribers_max;
    bool short_of_room = asked && room < settings->server.subscribers_max;
    if (limit == RLIM_INFINITY || (limit >= need && !short_of_room))
        return;
    printf("limit: RLIMIT_NOFILE is %" PRIu64 ": room for %" PRIu64 " subscribers and %" PRIu64
           " of the %" PRIu64 " descriptors that this configuration may need; raise it "
           "(ulimit -Hn, LimitNOFILE=) or lower --subscribers-max, --connections-max\n",
           (uint64_t)limit, room, (uint64_t)limit, need);
}

/* Rings count against RLIMIT_MEMLOCK unless we are root: that is where a fall-back comes from. */
static void say_memory(const struct serve_settings *settings, struct hub *hub)
{
    struct rlimit limit;
    const uint64_t ring_bytes = 512u << 10; /* measured: 15 to 24 rings in 8 MiB */
    uint64_t need = ring_bytes * settings->hub.workers;
    if (settings->hub.io == IO_EPOLL || geteuid() == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= need)
        return;
    printf("limit: RLIMIT_MEMLOCK is %" PRIu64 " KiB, %u io_uring workers need about %" PRIu64
           " KiB (running: %s); raise it (ulimit -l, LimitMEMLOCK=) or lower --workers\n",
           (uint64_t)limit.rlim_cur >> 10, settings->hub.workers, need >> 10, hub_io_name(hub));
}

static void say_bound(const struct serve_settings *settings)
{
    const char *whence =
        settings->memory_usual ? ", half of what the machine or cgroup allows (--memory-max)" : "";
    if (settings->hub.memory_max)
        printf("memory: at most %" PRIu64 " MiB%s\n", settings->hub.memory_max >> 20, whence);
    else
        printf("memory: no bound\n");
}

static void say_running(const struct serve_settings *settings, struct hub *hub,
                        struct server *server, rlim_t descriptors)
{
    for (unsigned i = 0; i < server_address_count(server); i++)
        printf("listening on %s\n", server_address(server, i));
    if (settings->server.feed)
        printf("feed at %s\n", settings->server.feed);
    else
        printf("feed: none\n");
    say_bound(settings);
    printf("workers: %u, io: %s, room for %" PRIu64 " subscribers\n", settings->hub.workers,
           hub_io_name(hub), subscriber_room(settings, hub));
    say_descriptors(settings, hub, descriptors);
    say_memory(settings, hub);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Docker and most service managers kill what has not stopped after so long, so --drain-timeout is
 * for the whole stop: what the acceptors took of it, the slow clients have had too. A little is
 * left in any case, so that whoever has everything gets the last chunk. */
static void drain(struct hub *hub, struct server *server, const struct hub_options *options)
{
    enum { LEAST_MS = 500 };
    struct hub_options rest = *options;
    int64_t begun_ms = now_ms();
    server_stop(server);
    int64_t left_ms = options->drain_timeout_ms - (now_ms() - begun_ms);
    uint32_t least_ms = options->drain_timeout_ms < LEAST_MS ? options->drain_timeout_ms : LEAST_MS;
    rest.drain_timeout_ms = left_ms < least_ms ? least_ms : (uint32_t)left_ms;
    if (hub_reload(hub, &rest) < 0)
        log_warning("out of memory: slow clients may be waited for longer than drain-timeout");
    hub_stop(hub);
}

/* Serving and draining. */
static void serve_until_signal(struct hub *hub, struct server *server, struct reload *reload,
                               sigset_t *signals)
{
    struct stats before, after;
    int number;
    while (sigwait(signals, &number) != 0 || number == SIGHUP)
        if (number == SIGHUP)
            reload_run(reload);
    hub_stats(hub, &before);
    log_info("%s: draining %" PRIu64 " subscribers; a second signal stops at once",
             number == SIGINT ? "SIGINT" : "SIGTERM", before.subscribers);
    impatience_start(signals);
    drain(hub, server, &reload->settings->hub);
    hub_stats(hub, &after);
    log_info("stopped: %" PRIu64 " events published, %" PRIu64 " deliveries, %" PRIu64
             " subscribers cut by the drain timeout",
             after.published, after.deliveries, after.closed_cut);
}

int serve_run(const struct parse *parse, struct serve_settings *settings)
{
    if (settings->check) {
        serve_settings_print(parse);
        return EXIT_DONE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    static sigset_t signals; /* outlives this call: the thread for the second signal reads it */
    signals_block(&signals);
    rlim_t descriptors = raise_descriptors();

    int r = log_open(settings->log);
    if (r < 0) {
        log_complain(NAME, "cannot open the log file %.300s: %s", settings->log, strerror(-r));
        return EXIT_USAGE;
    }
    struct feed_path place;
    if (feed_choose(settings, &place) < 0)
        return EXIT_USAGE;
    struct hub *hub = NULL;
    struct server *server = NULL;
    char error[512] = "";
    int status = EXIT_USAGE;
    r = hub_new(&settings->hub, &hub);
    if (r < 0) {
        log_complain(NAME, "cannot make %u workers: %s", settings->hub.workers, strerror(-r));
        return EXIT_FAILED;
    }
    /* The server binds first: an address in use is found before a thread runs. */
    r = server_new(hub, &server_parts, &settings->server, &server, error, sizeof(error));
    if (r < 0) {
        log_complain(NAME, "%s", error[0] ? error : strerror(-r));
        goto out;
    }
    r = hub_start(hub);
    if (r < 0) {
        log_complain(NAME, "cannot start the workers%s: %s",
                     settings->hub.io == IO_URING ? " with --io uring" : "", hub_start_error(r));
        goto out;
    }
    r = server_start(server);
    if (r < 0) {
        log_complain(NAME, "cannot start the acceptors: %s", strerror(-r));
        hub_close(hub);
        hub_stop(hub);
        status = EXIT_FAILED;
        goto out;
    }
    say_running(settings, hub, server, descriptors);
    struct reload reload;
    reload_init(&reload, parse, settings, hub, server);
    serve_until_signal(hub, server, &reload, &signals);
    reload_free(&reload);
    status = EXIT_DONE;
out:
    server_free(server);
    hub_free(hub);
    return status;
}
