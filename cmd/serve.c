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

#include "cmd/advice.h"
#include "cmd/announce.h"
#include "cmd/commands.h"
#include "cmd/hand.h"
#include "cmd/socket_path.h"
#include "cmd/log.h"
#include "cmd/reload.h"
#include "cmd/watch.h"
#include "fanfare.h"

static const char NAME[] = "serve";

enum { NUMBERS_MAX = 512 }; /* of fanfare_stats; there are some 200 */

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
        snprintf(settings->admin, sizeof(settings->admin), "unix:%s", place.path);
    return r;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* All numbers at once, looked up by name. */
struct numbers {
    uint64_t values[NUMBERS_MAX];
};

static uint64_t number(void *context, const char *name)
{
    const struct numbers *numbers = context;
    const char *at;
    for (unsigned i = 0; i < NUMBERS_MAX && (at = fanfare_stat_name(i)); i++)
        if (strcmp(at, name) == 0)
            return numbers->values[i];
    return 0;
}

static void sample_take(struct fanfare *fanfare, struct watch_sample *ret_sample)
{
    static struct numbers numbers; /* kilobytes */
    (void)fanfare_stats(fanfare, numbers.values, NUMBERS_MAX);
    watch_read(ret_sample, number, &numbers);
    ret_sample->monotonic_ms = clock_ms(CLOCK_MONOTONIC);
    ret_sample->wall_ms = clock_ms(CLOCK_REALTIME);
}

static uint64_t stat_now(struct fanfare *fanfare, const char *name)
{
    uint64_t value = 0;
    (void)fanfare_stat(fanfare, name, &value);
    return value;
}

/* Whether the access log's file takes nothing is told when it changes. */
static int access_log_error(struct fanfare *fanfare)
{
    char text[16] = "0";
    (void)fanfare_get(fanfare, "access-log-error", text, sizeof(text));
    return atoi(text);
}

static void access_log_look(struct fanfare *fanfare, const char *path, int *said)
{
    int error = access_log_error(fanfare);
    if (error && !*said)
        log_warning("cannot write to the access log %.300s: %s; what it cannot take is counted",
                    path, strerror(error));
    if (!error && *said)
        log_info("the access log %.300s can be written to again", path);
    *said = error;
}

static void line_warn(void *context, const char *line)
{
    (void)context;
    log_warning("%s", line);
}

/* Until SIGINT or SIGTERM, which it returns; meanwhile SIGHUP, and a look at the counters. */
static int serve_watching(struct fanfare *fanfare, struct reload *reload, const sigset_t *signals)
{
    static struct watch watch; /* kilobytes of counters, once */
    static struct watch_sample now;
    const struct timespec every = {WATCH_EVERY_MS / 1000, WATCH_EVERY_MS % 1000 * 1000000};
    int said = 0;
    sample_take(fanfare, &now);
    watch_begin(&watch, &now);
    for (;;) {
        int number = sigtimedwait(signals, NULL, &every);
        if (number == SIGINT || number == SIGTERM)
            return number;
        if (number == SIGHUP)
            reload_run(reload);
        sample_take(fanfare, &now);
        watch_look(&watch, &now, line_warn, NULL);
        access_log_look(fanfare, reload->settings->base.access_log, &said);
    }
}

/* Serving and draining. */
static void serve_until_signal(struct fanfare *fanfare, struct reload *reload, sigset_t *signals)
{
    int number = serve_watching(fanfare, reload, signals);
    uint64_t cut = stat_now(fanfare, "closed_cut");
    log_info("%s: draining %" PRIu64 " subscribers; a second signal stops at once",
             number == SIGINT ? "SIGINT" : "SIGTERM", stat_now(fanfare, "subscribers"));
    impatience_start(signals);
    (void)fanfare_stop(fanfare);
    log_info("stopped: %" PRIu64 " events published, %" PRIu64 " deliveries, %" PRIu64
             " subscribers cut by the drain timeout",
             stat_now(fanfare, "published"), stat_now(fanfare, "deliveries"),
             stat_now(fanfare, "closed_cut") - cut);
    if (access_log_error(fanfare))
        log_warning("the access log %.300s lacks what happened last",
                    reload->settings->base.access_log);
}

static const char *asked_io(const struct serve_settings *settings)
{
    enum io_choice io = settings->base.hub.io;
    return io == IO_URING          ? " with --io uring"
           : io == IO_URING_COMPAT ? " with --io uring-compat"
                                   : "";
}

/* What the engine says of its start, and what to do about it: by how its sentence begins, which the
 * library keeps for us. The exit status. */
static int complain(const struct serve_settings *settings, const struct fanfare *fanfare, int r)
{
    static const char workers[] = "cannot start the workers";
    static const char *const of_the_machine[] = {"cannot make ", "cannot start the acceptors",
                                                 "cannot start a thread"};
    const char *said = fanfare_error(fanfare), *asked = asked_io(settings);
    if (strncmp(said, workers, sizeof(workers) - 1) == 0) {
        log_complain(NAME, "%s%s%s%s", workers, asked, said + sizeof(workers) - 1,
                     advice_starting(-r, asked[0] != '\0'));
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof(of_the_machine) / sizeof(of_the_machine[0]); i++) {
        if (strncmp(said, of_the_machine[i], strlen(of_the_machine[i])) != 0)
            continue;
        log_complain(NAME, "%s%s", said, advice_starting(-r, false));
        return EXIT_FAILED;
    }
    bool is_log = strncmp(said, "cannot open the access log", 26) == 0;
    log_complain(NAME, "%s%s", said, is_log ? advice_log(-r) : "");
    return EXIT_USAGE;
}

/* All options to the engine, which looks whether they can hold. */
static int hand(const struct parse *parse, const struct serve_settings *settings,
                struct fanfare *fanfare)
{
    int r = hand_options(fanfare, parse, false);
    if (r == 0 && settings->base.admin)
        r = fanfare_set(fanfare, "admin", settings->base.admin);
    if (r == 0) /* unless what was asked for needs them */
        r = fanfare_set(fanfare, "subscriber-ids", "no");
    if (r == 0) /* there is no other program around it */
        r = fanfare_set(fanfare, "descriptors-kept", "0");
    if (r == 0)
        r = fanfare_apply(fanfare);
    return r < 0 ? complain(settings, fanfare, r) : EXIT_DONE;
}

/* With the places that only a program knows. */
static int start(struct serve_settings *settings, struct socket_path *place,
                 struct fanfare *fanfare)
{
    if (feed_choose(settings, place) < 0 || admin_make(settings) < 0)
        return EXIT_USAGE;
    const char *feed = settings->base.server.feed;
    int r = fanfare_set(fanfare, "feed", feed ? feed : "none");
    if (r == 0 && settings->base.admin)
        r = fanfare_set(fanfare, "admin", settings->base.admin);
    if (r == 0)
        r = fanfare_start(fanfare);
    return r < 0 ? complain(settings, fanfare, r) : EXIT_DONE;
}

static bool opens_log(const struct serve_settings *settings)
{
    int r = log_open(settings->log);
    if (r < 0)
        log_complain(NAME, "cannot open the log file %.300s: %s%s", settings->log, strerror(-r),
                     advice_log(-r));
    return r == 0;
}

static int serve(const struct parse *parse, struct serve_settings *settings,
                 struct fanfare *fanfare)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    static sigset_t signals; /* outlives this call: the thread for the second signal reads it */
    signals_block(&signals);
    rlim_t descriptors = raise_descriptors();
    struct socket_path place;
    int status = opens_log(settings) ? start(settings, &place, fanfare) : EXIT_USAGE;
    if (status != EXIT_DONE)
        return status;
    struct reload reload;
    announce(settings, fanfare, descriptors);
    reload_init(&reload, parse, settings, fanfare);
    serve_until_signal(fanfare, &reload, &signals);
    reload_free(&reload);
    return EXIT_DONE;
}

int serve_run(const struct parse *parse, struct serve_settings *settings)
{
    struct fanfare *fanfare = fanfare_new();
    int status = hand(parse, settings, fanfare);
    if (status == EXIT_DONE && settings->check)
        serve_settings_print(parse);
    else if (status == EXIT_DONE)
        status = serve(parse, settings, fanfare);
    fanfare_free(fanfare);
    return status;
}
