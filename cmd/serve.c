/* SPDX-License-Identifier: MIT */
/*
 * fanfare serve: starts the hub and the server, says what runs, waits for a signal, and leaves in
 * order.
 *
 * States: preparing (any fault: one line on stderr and status 2) -> serving (SIGHUP: reload.h) ->
 * draining (status 0, or 1 at once on a second SIGINT or SIGTERM). Signals are blocked before the
 * first thread is made, so that all threads inherit that, and taken by sigtimedwait here, between
 * whose turns the counters are looked at (watch.h).
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

#include "cmd/access_log.h"
#include "cmd/advice.h"
#include "cmd/announce.h"
#include "cmd/commands.h"
#include "cmd/socket_path.h"
#include "cmd/log.h"
#include "cmd/reload.h"
#include "cmd/watch.h"
#include "net/handlers/parts.h"

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
static int feed_choose(struct serve_settings *settings, struct socket_path *place)
{
    if (settings->base.feed) {
        settings->base.server.feed =
            strcmp(settings->base.feed, "none") == 0 ? NULL : settings->base.feed;
        return 0;
    }
    int r = socket_path_make(SOCKET_FEED, place);
    if (r < 0) {
        log_complain(NAME,
                     "no place for the feed socket: %s; name one with --feed PATH, or --feed none",
                     place->note[0] ? place->note : strerror(-r));
        return r;
    }
    if (place->note[0])
        log_info("feed: %s; using %s", place->note, place->path);
    settings->base.server.feed = place->path;
    return 0;
}

/* Its directory is made if the usual place was asked for. */
static int admin_make(struct serve_settings *settings)
{
    struct socket_path place;
    if (!settings->admin_usual)
        return 0;
    int r = socket_path_make(SOCKET_ADMIN, &place);
    if (r < 0)
        log_complain(NAME,
                     "no place for the administration's socket: %s; name one: --admin unix:PATH",
                     place.note[0] ? place.note : strerror(-r));
    else
        snprintf(settings->base.admin_listen, sizeof(settings->base.admin_listen), "unix:%s",
                 place.path);
    return r;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Docker and most service managers kill what has not stopped after so long, so --drain-timeout is
 * for the whole stop: what the acceptors took of it, the slow clients have had too. A little is
 * left in any case, so that whoever has everything gets the last chunk. */
static void drain(struct hub *hub, struct server *server, const struct hub_options *options)
{
    enum { LEAST_MS = 500 };
    int64_t begun_ms = clock_ms(CLOCK_MONOTONIC);
    server_stop(server);
    int64_t left_ms = options->drain_timeout_ms - (clock_ms(CLOCK_MONOTONIC) - begun_ms);
    uint32_t least_ms = options->drain_timeout_ms < LEAST_MS ? options->drain_timeout_ms : LEAST_MS;
    hub_stop_within(hub, left_ms < least_ms ? least_ms : (uint32_t)left_ms);
}

static void sample_take(struct hub *hub, struct server *server, struct watch_sample *ret_sample)
{
    hub_stats(hub, &ret_sample->hub);
    server_totals(server, &ret_sample->net);
    ret_sample->monotonic_ms = clock_ms(CLOCK_MONOTONIC);
    ret_sample->wall_ms = clock_ms(CLOCK_REALTIME);
}

static void line_warn(void *context, const char *line)
{
    (void)context;
    log_warning("%s", line);
}

/* Until SIGINT or SIGTERM, which it returns; meanwhile SIGHUP, and a look at the counters. */
static int serve_watching(struct hub *hub, struct server *server, struct reload *reload,
                          const sigset_t *signals)
{
    static struct watch watch; /* kilobytes of counters, once */
    static struct watch_sample now;
    const struct timespec every = {WATCH_EVERY_MS / 1000, WATCH_EVERY_MS % 1000 * 1000000};
    sample_take(hub, server, &now);
    watch_begin(&watch, &now);
    for (;;) {
        int number = sigtimedwait(signals, NULL, &every);
        if (number == SIGINT || number == SIGTERM)
            return number;
        if (number == SIGHUP)
            reload_run(reload);
        sample_take(hub, server, &now);
        watch_look(&watch, &now, line_warn, NULL);
    }
}

/* Serving and draining. */
static void serve_until_signal(struct hub *hub, struct server *server, struct reload *reload,
                               sigset_t *signals)
{
    struct stats before, after;
    int number = serve_watching(hub, server, reload, signals);
    hub_stats(hub, &before);
    log_info("%s: draining %" PRIu64 " subscribers; a second signal stops at once",
             number == SIGINT ? "SIGINT" : "SIGTERM", before.subscribers);
    impatience_start(signals);
    drain(hub, server, &reload->settings->base.hub);
    hub_stats(hub, &after);
    log_info("stopped: %" PRIu64 " events published, %" PRIu64 " deliveries, %" PRIu64
             " subscribers cut by the drain timeout",
             after.published, after.deliveries, after.closed_cut - before.closed_cut);
}

/* The files that are written to. False: it was said why not. */
static bool logs_open(const struct serve_settings *settings, struct access_log **ret_access_log)
{
    int r = log_open(settings->log);
    if (r < 0) {
        log_complain(NAME, "cannot open the log file %.300s: %s%s", settings->log, strerror(-r),
                     advice_log(-r));
        return false;
    }
    r = settings->base.access_log ? access_log_open(settings->base.access_log, ret_access_log) : 0;
    if (r < 0)
        log_complain(NAME, "cannot open the access log %.300s: %s%s", settings->base.access_log,
                     strerror(-r), advice_log(-r));
    return r == 0;
}

int serve_run(const struct parse *parse, struct serve_settings *settings)
{
    char error[512] = "";
    if (server_options_check(&settings->base.server, NULL, error, sizeof(error))) {
        log_complain(NAME, "%s", error);
        return EXIT_USAGE;
    }
    if (settings->check) {
        serve_settings_print(parse);
        return EXIT_DONE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    static sigset_t signals; /* outlives this call: the thread for the second signal reads it */
    signals_block(&signals);
    rlim_t descriptors = raise_descriptors();

    struct access_log *access_log = NULL;
    struct socket_path place;
    struct hub *hub = NULL;
    struct server *server = NULL;
    int status = EXIT_USAGE;
    if (!logs_open(settings, &access_log) || feed_choose(settings, &place) < 0 ||
        admin_make(settings) < 0)
        goto out;
    int r = hub_new(&settings->base.hub, &hub);
    if (r < 0) {
        log_complain(NAME, "cannot make %u workers: %s%s", settings->base.hub.workers, strerror(-r),
                     advice_starting(-r, false));
        status = EXIT_FAILED;
        goto out;
    }
    /* The server binds first: an address in use is found before a thread runs. */
    r = server_new(hub, &parts_all, &settings->base.server, &server, error, sizeof(error));
    if (r < 0) {
        log_complain(NAME, "%s%s", error[0] ? error : strerror(-r),
                     error[0] ? "" : advice_starting(-r, false));
        goto out;
    }
    r = hub_start(hub);
    if (r < 0) {
        enum io_choice io = settings->base.hub.io;
        const char *asked = io == IO_URING          ? " with --io uring"
                            : io == IO_URING_COMPAT ? " with --io uring-compat"
                                                    : "";
        log_complain(NAME, "cannot start the workers%s: %s%s", asked, hub_start_error(r),
                     advice_starting(-r, asked[0] != '\0'));
        goto out;
    }
    r = access_log ? access_log_start(access_log, hub, server_journal(server)) : 0;
    if (!r)
        r = server_start(server);
    if (r < 0) {
        log_complain(NAME, "cannot start the acceptors: %s%s", strerror(-r),
                     advice_starting(-r, false));
        hub_close(hub);
        hub_stop(hub);
        status = EXIT_FAILED;
        goto out;
    }
    announce(settings, hub, server, descriptors);
    struct reload reload;
    reload_init(&reload, parse, settings, hub, server, access_log);
    serve_until_signal(hub, server, &reload, &signals);
    reload_free(&reload);
    status = EXIT_DONE;
out:
    access_log_stop(access_log);
    server_free(server);
    hub_free(hub);
    return status;
}
