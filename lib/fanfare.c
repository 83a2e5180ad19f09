/* SPDX-License-Identifier: MIT */
/*
 * An engine's life: its options, its start and its end. What it does while it runs is in the other
 * files of lib, what must be known of it in instance.h.
 */
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/id.h"
#include "lib/access_log.h"
#include "lib/instance.h"
#include "lib/keeper.h"
#include "lib/notes.h"
#include "lib/request.h"
#include "net/handlers/parts.h"

enum { ALIVE_BYTES = 4096 };

/* A page that says 1 here and 0 in a child; NULL: out of memory. */
static const unsigned char *alive_new(void)
{
    unsigned char *page =
        mmap(NULL, ALIVE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, ALIVE_BYTES, MADV_WIPEONFORK) < 0) {
        munmap(page, ALIVE_BYTES);
        return NULL;
    }
    *page = 1;
    return page;
}

struct fanfare *fanfare_new(void)
{
    struct fanfare *fanfare = calloc(1, sizeof(*fanfare));
    if (fanfare && !(fanfare->alive = alive_new()))
        free(TAKE(fanfare));
    if (fanfare)
        keeper_init(fanfare);
    return fanfare;
}

/* --- options ------------------------------------------------------------------------------- */

const char *fanfare_option_name(unsigned index)
{
    const struct option *option = option_at(index);
    return option ? option->name : NULL;
}

const char *fanfare_option_text(const char *name, const char *item)
{
    int index = name && item ? option_index(name) : -1;
    const struct option *option = index < 0 ? NULL : option_at((unsigned)index);
    if (!option)
        return NULL;
    if (strcmp(item, "help") == 0)
        return option->help;
    if (strcmp(item, "shown") == 0)
        return option->shown ? option->shown : "";
    if (strcmp(item, "default") == 0)
        return option->usual ? option->usual : option->usual_said ? option->usual_said : "";
    if (strcmp(item, "group") == 0)
        return option_group((unsigned)index);
    if (strcmp(item, "allowed") == 0)
        return option_allowed((unsigned)index);
    if (strcmp(item, "restart") == 0)
        return option->restart ? "yes" : "";
    if (strcmp(item, "list") == 0)
        return option->list_max > 0 ? "yes" : "";
    return NULL;
}

/* Keeps it for fanfare_start, too. */
static int refuse_option(struct fanfare *fanfare, int result)
{
    fanfare->refused = result;
    return result;
}

int fanfare_set(struct fanfare *fanfare, const char *name, const char *value)
{
    char error[512];
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    int index = name ? option_index(name) : -1;
    if (index < 0) {
        instance_refuse(fanfare, 0, "there is no option \"%.100s\"", name ? name : "");
        return refuse_option(fanfare, FANFARE_ERROR_OPTION);
    }
    if (atomic_load(&fanfare->state) != INSTANCE_NEW && option_at((unsigned)index)->restart)
        return refuse_option(
            fanfare,
            instance_refuse(fanfare, -EBUSY, "%s: it cannot change while the engine runs", name));
    r = staged_set(&fanfare->staged, (unsigned)index, value, error, sizeof(error));
    if (r == -ENOMEM)
        instance_refuse(fanfare, 0, "%s: out of memory", name);
    else if (r < 0)
        instance_refuse(fanfare, 0, "%s: %s", name, error);
    if (r == -EINVAL)
        r = FANFARE_ERROR_VALUE;
    return r < 0 ? refuse_option(fanfare, r) : 0;
}

static const char *state_text(const struct fanfare *fanfare)
{
    static const char *const texts[] = {"new", "running", "draining", "stopped"};
    return texts[atomic_load(&fanfare->state)];
}

/* How many subscribers the workers and the limits have room for. */
static uint64_t room(const struct fanfare *fanfare)
{
    uint64_t room = (uint64_t)hub_worker_capacity(fanfare->hub) * hub_workers(fanfare->hub);
    const struct terms *terms = fanfare->applied ? fanfare->applied : fanfare->begun;
    uint32_t most = terms->settings.server.subscribers_max;
    return room < most ? room : most;
}

/* Appends like snprintf: what does not fit is counted. */
__attribute__((format(printf, 4, 5))) static void append(char *text, size_t size, int *len,
                                                         const char *format, ...)
{
    size_t at = (size_t)*len < size ? (size_t)*len : size;
    va_list arguments;
    va_start(arguments, format);
    *len += vsnprintf(size > at ? text + at : NULL, size - at, format, arguments);
    va_end(arguments);
}

static const char *admin_address(const struct fanfare *fanfare)
{
    const char *address = fanfare->server ? server_admin_address(fanfare->server) : NULL;
    return address ? address : "";
}

/* False: there is no such fact, or not yet. */
static bool fact(const struct fanfare *fanfare, const char *name, char *text, size_t size, int *len)
{
    if (strcmp(name, "state") == 0) {
        append(text, size, len, "%s", state_text(fanfare));
        return true;
    }
    bool begun = atomic_load(&fanfare->state) != INSTANCE_NEW;
    if (strcmp(name, "io") == 0 && begun)
        append(text, size, len, "%s", hub_io_name(fanfare->hub));
    else if (strcmp(name, "workers") == 0 && begun)
        append(text, size, len, "%u", hub_workers(fanfare->hub));
    else if (strcmp(name, "room") == 0)
        append(text, size, len, "%llu", begun ? (unsigned long long)room(fanfare) : 0);
    else if (strcmp(name, "epoch") == 0 && begun)
        append(text, size, len, "%.*s", ID_EPOCH_LEN - 1, hub_ids(fanfare->hub)->epoch);
    else if (strcmp(name, "access-log-error") == 0)
        append(text, size, len, "%d",
               fanfare->access_log ? access_log_error(fanfare->access_log) : 0);
    else if (strcmp(name, "access-log-open-error") == 0)
        append(text, size, len, "%d", fanfare->access_log_refused);
    else if (strcmp(name, "descriptors") == 0 && begun)
        append(text, size, len, "%s", hub_takes_descriptors(fanfare->hub) ? "yes" : "no");
    else if (strcmp(name, "admin-address") == 0)
        append(text, size, len, "%s", admin_address(fanfare));
    else if (strcmp(name, "addresses") == 0)
        for (unsigned i = 0; fanfare->server && i < server_address_count(fanfare->server); i++)
            append(text, size, len, "%s%s", i ? "\n" : "", server_address(fanfare->server, i));
    else
        return false;
    return true;
}

int fanfare_get(const struct fanfare *fanfare, const char *name, char *text, size_t size)
{
    int len = 0, r = instance_check(fanfare);
    if (r < 0)
        return r;
    if (!text && size > 0)
        return -EINVAL;
    if (size > 0)
        text[0] = '\0';
    if (!name)
        return FANFARE_ERROR_OPTION;
    if (fact(fanfare, name, text, size, &len))
        return len;
    int index = option_index(name);
    if (index < 0)
        return FANFARE_ERROR_OPTION;
    const struct option *option = option_at((unsigned)index);
    unsigned count = fanfare->staged.counts[index];
    for (unsigned i = 0; i < count; i++)
        append(text, size, &len, "%s%s", i ? "\n" : "", fanfare->staged.texts[index][i]);
    if (count == 0 && option->usual)
        append(text, size, &len, "%s", option->usual);
    return len;
}

const char *fanfare_error(const struct fanfare *fanfare)
{
    return fanfare ? fanfare->error : "out of memory";
}

/* --- start --------------------------------------------------------------------------------- */

static int start_hub(struct fanfare *fanfare)
{
    const struct settings *settings = &fanfare->begun->settings;
    int r = hub_new(&settings->hub, &fanfare->hub);
    if (r < 0)
        return instance_refuse(fanfare, r, "cannot make %u workers: %s", settings->hub.workers,
                               fanfare_strerror(r));
    const char *path = settings->access_log;
    r = path ? access_log_open(path, &fanfare->access_log) : 0;
    if (r < 0)
        return instance_refuse(fanfare, r, "cannot open the access log %.300s: %s", path,
                               fanfare_strerror(r));
    r = notes_new(fanfare->hub, settings->notes, settings->server.subscribers_max, &fanfare->notes);
    if (r < 0)
        return instance_refuse(fanfare, r, "cannot make the notes: %s", fanfare_strerror(r));
    /* The server binds first: an address in use is found before a thread runs. */
    char error[512] = "";
    struct server_options server = settings->server;
    fanfare->ask_kinds = settings->ask_kinds;
    server.usher = notes_usher(fanfare->notes);
    server.hook = request_hook(fanfare);
    r = server_new(fanfare->hub, &parts_all, &server, &fanfare->server, error, sizeof(error));
    if (r < 0)
        return instance_refuse(fanfare, r, "%s", error[0] ? error : fanfare_strerror(r));
    r = hub_start(fanfare->hub);
    if (r < 0)
        return instance_refuse(fanfare, r, "cannot start the workers: %s", hub_start_error(r));
    return 0;
}

/* The threads, but for the workers. */
static int start_threads(struct fanfare *fanfare)
{
    struct access_log *log = fanfare->access_log;
    int r = log ? access_log_start(log, fanfare->hub, server_journal(fanfare->server)) : 0;
    if (r == 0)
        r = server_start(fanfare->server);
    if (r < 0) {
        hub_stop(fanfare->hub);
        return instance_refuse(fanfare, r, "cannot start the acceptors: %s", fanfare_strerror(r));
    }
    atomic_store_explicit(&fanfare->keeper.drain_ms, fanfare->begun->settings.hub.drain_timeout_ms,
                          memory_order_relaxed);
    fanfare->started_ns = clock_ns();
    r = keeper_start(fanfare);
    if (r < 0) {
        server_stop(fanfare->server);
        hub_stop(fanfare->hub);
        return instance_refuse(fanfare, r, "cannot start a thread: %s", fanfare_strerror(r));
    }
    return 0;
}

/* What hub and server borrow from. */
static int settle(struct fanfare *fanfare)
{
    char error[512] = "out of memory";
    int r = terms_new(&fanfare->staged, &fanfare->begun, error, sizeof(error));
    return r < 0 ? instance_refuse_terms(fanfare, r, error) : 0;
}

static void engine_free(struct fanfare *fanfare)
{
    fanfare->access_log = access_log_free(fanfare->access_log);
    fanfare->server = server_free(fanfare->server);
    fanfare->notes = notes_free(fanfare->notes);
    fanfare->hub = hub_free(fanfare->hub);
    fanfare->begun = terms_free(fanfare->begun);
}

int fanfare_start(struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    int state = atomic_load(&fanfare->state);
    if (state != INSTANCE_NEW)
        return state == INSTANCE_STOPPED
                   ? instance_refuse(fanfare, -ESHUTDOWN, "it was stopped; make a new one")
                   : instance_refuse(fanfare, -EALREADY, "it was started already");
    r = instance_take_refused(fanfare);
    if (r < 0) /* and fanfare->error says why */
        return r;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* its threads inherit that */
    r = settle(fanfare);
    if (r == 0)
        r = start_hub(fanfare);
    if (r == 0)
        r = start_threads(fanfare);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0) {
        engine_free(fanfare);
        return r;
    }
    fanfare->error[0] = '\0';
    return 0;
}

/* --- the end ------------------------------------------------------------------------------- */

int fanfare_drain(struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r == 0)
        keeper_ask(fanfare);
    return r;
}

int fanfare_stop(struct fanfare *fanfare)
{
    int r = instance_check(fanfare);
    if (r < 0 || !fanfare->keeper.runs)
        return r;
    keeper_ask(fanfare);
    keeper_join(fanfare);
    return 0;
}

void fanfare_free(struct fanfare *fanfare)
{
    if (!fanfare)
        return;
    if (instance_check(fanfare) == 0) {
        atomic_store_explicit(&fanfare->keeper.drain_ms, 0, memory_order_relaxed);
        fanfare_stop(fanfare);
        engine_free(fanfare);
        keeper_deinit(fanfare);
    } else { /* the rest is the threads' it was shared with, which are not here */
        fanfare->begun = terms_free(fanfare->begun);
    }
    terms_free(fanfare->applied);
    staged_deinit(&fanfare->staged);
    munmap((void *)(uintptr_t)fanfare->alive, ALIVE_BYTES);
    free(fanfare);
}
