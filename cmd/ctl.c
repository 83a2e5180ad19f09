/* SPDX-License-Identifier: MIT */
/*
 * fanfare ctl: asks the server's administration what the first operand says, and prints the answer.
 *
 * A list comes in pages, which are printed as they come: a server with a million channels is not
 * held in memory, here or there, and a reader that has seen enough (head) ends it. Main thread.
 */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/ctl_client.h"
#include "cmd/ctl_print.h"
#include "cmd/log.h"
#include "lib/terminal.h"
#include "engine/subscriber_id.h"

static const char NAME[] = "ctl";

#define PAGE "1000" /* as many as the server gives at once */

struct ctl {
    const struct ctl_settings *settings;
    const char *const *words; /* behind the verb */
    struct ctl_client *client;
};

static void print_answer(const struct ctl *ctl)
{
    struct text text = ctl_client_text(ctl->client);
    fwrite(text.at, 1, text.len, stdout);
    if (text.len == 0 || text.at[text.len - 1] != '\n')
        putchar('\n');
}

/* What is printed has to arrive, or it failed. */
static bool flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno != EPIPE) /* who reads no more knows it */
        log_complain(NAME, "cannot write: %s", strerror(errno));
    return false;
}

/* All pages of a list. `query` has a free place in front of its end for where to go on. */
static bool ask_pages(const struct ctl *ctl, const char *path, const char *member,
                      struct ctl_parameter *query, struct ctl_parameter *after, void (*head)(void),
                      void (*print)(const json_t *list))
{
    json_t *page = NULL;
    bool done = false, good = true;
    while (good && !done) {
        good = ctl_client_ask(ctl->client, "GET", path, query, NULL);
        json_t *next_page = good ? ctl_client_json(ctl->client) : NULL;
        if (next_page && !page && !ctl->settings->json)
            head();
        json_decref(page);
        page = next_page;
        if (!page)
            return false;
        if (ctl->settings->json)
            print_answer(ctl);
        else
            print(json_object_get(page, member));
        const char *next = json_string_value(json_object_get(page, "next"));
        done = !next || json_array_size(json_object_get(page, member)) == 0;
        *after = (struct ctl_parameter){next ? "after" : NULL, next};
        good = flush();
    }
    json_decref(page);
    return good;
}

static bool ask_object(const struct ctl *ctl, const char *path, const struct ctl_parameter *query,
                       void (*print)(const json_t *object))
{
    if (!ctl_client_ask(ctl->client, "GET", path, query, NULL))
        return false;
    json_t *object = ctl_client_json(ctl->client);
    if (!object)
        return false;
    if (ctl->settings->json)
        print_answer(ctl);
    else
        print(object);
    json_decref(object);
    return flush();
}

/* --- the verbs ------------------------------------------------------------------------------ */

static bool list_channels(const struct ctl *ctl)
{
    struct ctl_parameter query[] = {{"limit", PAGE}, {NULL, NULL}, {NULL, NULL}};
    return ask_pages(ctl, "/channels", "channels", query, &query[1], ctl_print_channels_head,
                     ctl_print_channels);
}

/* By the query: a channel may have any name, and a path has its own rules. */
static bool show_channel(const struct ctl *ctl)
{
    const struct ctl_parameter query[] = {{"channel", ctl->words[0]}, {NULL, NULL}};
    return ask_object(ctl, "/channels", query, ctl_print_object);
}

/* Of one channel, or of all. */
static bool list_subscribers(const struct ctl *ctl)
{
    struct ctl_parameter query[] = {{"limit", PAGE}, {NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    unsigned at = 1;
    if (ctl->words[0])
        query[at++] = (struct ctl_parameter){"channel", ctl->words[0]};
    return ask_pages(ctl, "/subscribers", "subscribers", query, &query[at],
                     ctl_print_subscribers_head, ctl_print_subscribers);
}

static bool explain(const struct ctl *ctl)
{
    const struct ctl_parameter query[] = {
        {"subscriber", ctl->words[0]}, {"event", ctl->words[1]}, {NULL, NULL}};
    return ask_object(ctl, "/explain", query, ctl_print_explanation);
}

/* What has no answer but that it was done. */
static bool tell_done(const struct ctl *ctl, const char *done, const char *what)
{
    if (ctl->settings->json)
        return true;
    fputs(done, stdout);
    terminal_write(stdout, text_of(what), false);
    putchar('\n');
    return flush();
}

static bool close_channel(const struct ctl *ctl)
{
    const struct ctl_parameter query[] = {{"channel", ctl->words[0]}, {NULL, NULL}};
    return ctl_client_ask(ctl->client, "DELETE", "/channels", query, NULL) &&
           tell_done(ctl, "closed ", ctl->words[0]);
}

/* What is no id would be something else in a path. */
static bool ask_about(const struct ctl *ctl, const char *method, const char *body)
{
    const char *id = ctl->words[0];
    char path[64];
    uint64_t ignored;
    if (!subscriber_id_parse(text_of(id), &ignored)) {
        log_complain(NAME, "there is no such subscriber: an id is 16 hex digits, see `fanfare ctl "
                           "subscribers`");
        return false;
    }
    snprintf(path, sizeof(path), "/subscribers/%s", id);
    return ctl_client_ask(ctl->client, method, path, NULL, body);
}

static bool send_event(const struct ctl *ctl)
{
    return ask_about(ctl, "POST", ctl->words[1]) && tell_done(ctl, "sent to ", ctl->words[0]);
}

static bool end_subscriber(const struct ctl *ctl)
{
    return ask_about(ctl, "DELETE", NULL) && tell_done(ctl, "ended ", ctl->words[0]);
}

static bool kick(const struct ctl *ctl)
{
    return ctl_client_ask(ctl->client, "POST", "/kick", NULL, NULL) &&
           tell_done(ctl, "every stream is ended, and told when to come back", "");
}

static bool show_stats(const struct ctl *ctl)
{
    return ask_object(ctl, "/stats", NULL, ctl_print_object);
}

int ctl_run(const struct parse *parse, const struct ctl_settings *settings)
{
    static bool (*const verbs[CTL_VERBS])(const struct ctl *ctl) = {
        [CTL_CHANNELS] = list_channels,
        [CTL_CHANNEL] = show_channel,
        [CTL_SUBSCRIBERS] = list_subscribers,
        [CTL_CLOSE] = close_channel,
        [CTL_SEND] = send_event,
        [CTL_END] = end_subscriber,
        [CTL_KICK] = kick,
        [CTL_EXPLAIN] = explain,
        [CTL_STATS] = show_stats,
    };
    struct ctl ctl = {
        .settings = settings, .words = parse->operands + 1, .client = ctl_client_new(settings)};
    bool done = ctl.client && verbs[settings->verb](&ctl);
    ctl_client_free(ctl.client);
    return done ? EXIT_DONE : EXIT_FAILED;
}
