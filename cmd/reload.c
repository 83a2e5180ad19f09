/* SPDX-License-Identifier: MIT */
/* Reads the options again and applies them: see reload.h. */
#include "cmd/reload.h"

#include "cmd/advice.h"
#include "cmd/hand.h"
#include "cmd/log.h"
#include "fanfare.h"

void reload_init(struct reload *reload, const struct parse *parse, struct serve_settings *settings,
                 struct fanfare *fanfare)
{
    *reload = (struct reload){.parse = parse, .settings = settings, .fanfare = fanfare};
}

static struct reading *reading_free(struct reading *reading)
{
    if (reading)
        parse_free(&reading->parse);
    free(reading);
    return NULL;
}

void reload_free(struct reload *reload)
{
    reload->reading = reading_free(reload->reading);
}

/* 0, or PARSE_FAULT with the sentence in its parse->error. */
static int read_again(const struct reload *reload, struct reading *reading)
{
    const struct parse *now = reload->parse;
    serve_settings_begin(&reading->settings);
    int r = parse_run(&reading->parse, now->command, now->argument_count, now->arguments,
                      &reading->settings);
    return r == 0 ? serve_settings_finish(&reading->settings, &reading->parse) : r;
}

/* False, and it is said, if it is the old one that is written on. */
static bool reopen_log(const char *path)
{
    int r = log_open(path);
    if (r < 0)
        log_error("SIGHUP: cannot open the log file %.300s: %s%s; the old one is used on", path,
                  strerror(-r), advice_log(-r));
    return r == 0;
}

/* A number that is a fact of the engine. */
static uint64_t fact(const struct reload *reload, const char *name)
{
    char text[32] = "";
    (void)fanfare_get(reload->fanfare, name, text, sizeof(text));
    return strtoull(text, NULL, 10);
}

/* What is set holds, if all of it can, and the access log is opened again in any case. */
static int apply(const struct reload *reload)
{
    int r = fanfare_apply(reload->fanfare);
    int refused = (int)fact(reload, "access-log-open-error");
    if (refused)
        log_error("SIGHUP: cannot open the access log %.300s: %s%s; the old one is used on",
                  reload->settings->base.access_log, strerror(refused), advice_log(refused));
    return r;
}

/* One line of all that changes, and one for each option that cannot. */
struct report {
    char line[1024]; /* "name: old -> new" with commas between; what does not fit is left out */
    size_t len;
    bool log_refused; /* which has been said: no change is to be told */
};

static void report_change(void *context, const struct option *option, const char *was,
                          const char *is)
{
    struct report *report = context;
    if (report->log_refused && strcmp(option->name, "log") == 0)
        return;
    if (option->restart) {
        log_warning("SIGHUP: %s: %.200s -> %.200s needs a restart", option->name, was, is);
        return;
    }
    size_t room = sizeof(report->line) - report->len;
    int len = snprintf(report->line + report->len, room, "%s%s: %.200s -> %.200s",
                       report->len ? ", " : "", option->name, was, is);
    if (len > 0 && (size_t)len < room)
        report->len += (size_t)len;
    else
        report->line[report->len] = '\0';
}

/* More subscribers than the workers were made for need larger workers. */
static void report_room(const struct reload *reload, const struct serve_settings *settings)
{
    uint64_t room = fact(reload, "room"), asked = settings->base.server.subscribers_max;
    if (asked > room && asked > reload->settings->base.server.subscribers_max)
        log_warning("SIGHUP: subscribers-max: more than %llu need a restart",
                    (unsigned long long)room);
}

/* Everything stays as it was. */
static void give_up(const struct reload *reload, struct reading *reading, const char *why)
{
    log_error("SIGHUP: %s; every option stays as it was", why);
    if (hand_options(reload->fanfare, reload->parse, true) < 0)
        log_error("SIGHUP: %s", fanfare_error(reload->fanfare));
    reading_free(reading);
}

void reload_run(struct reload *reload)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    int r = reading ? read_again(reload, reading) : PARSE_FAULT;
    /* Whatever comes next is said in the file that the caller expects. */
    bool reopened = reopen_log(r == 0 ? reading->settings.log : reload->settings->log);
    if (r != 0) {
        (void)!apply(reload);
        log_error("SIGHUP: %s; every option stays as it was",
                  reading ? reading->parse.error : "out of memory");
        reading_free(reading);
        return;
    }
    struct report report = {.log_refused = !reopened};
    (void)reload_compare(reload->parse, &reading->parse, report_change, &report);
    r = hand_options(reload->fanfare, &reading->parse, true);
    if (r == 0)
        r = apply(reload);
    if (r < 0) {
        char why[1024];
        snprintf(why, sizeof(why), "%s", fanfare_error(reload->fanfare));
        give_up(reload, reading, why);
        return;
    }
    report_room(reload, &reading->settings);
    const struct server_options *said = &reading->settings.base.server;
    bool files = said->publish_token_file || said->jwt_key_file_count > 0 || said->jwt_jwks ||
                 said->admin_token_file;
    log_info("SIGHUP: %s%s%s", report.len ? report.line : "nothing changed",
             files ? "; tokens and keys were read again" : "",
             said->page ? "; the page was read again" : "");
    struct reading *old = reload->reading;
    reload->reading = reading;
    reload->parse = &reading->parse;
    reload->settings = &reading->settings;
    reading_free(old);
}
