/* SPDX-License-Identifier: MIT */
/* Answers about the server itself: see operations.h. */
#include "net/handlers/operations.h"

#include <jansson.h>

#include "engine/base/clock.h"
#include "engine/frame.h"
#include "net/answer.h"
#include "net/tally.h"

#define COUNT_ROW(name, kind, help) +1
enum { ENGINE_ROWS = 0 STATS_TABLE(COUNT_ROW), NET_ROWS = 0 NET_STATS_TABLE(COUNT_ROW) };

/* One row of either table with its value. */
struct row {
    const char *name;
    const char *kind; /* "counter" or "gauge" */
    const char *help;
    uint64_t value;
};

struct numbers {
    struct stats stats;
    struct net_totals totals;
    struct row rows[ENGINE_ROWS + NET_ROWS];
};

static void read_numbers(const struct server_state *server, struct numbers *numbers)
{
    hub_stats(server->hub, &numbers->stats);
    server_state_totals(server, &numbers->totals);
    struct row *row = numbers->rows;
#define ENGINE_ROW(name, kind, help) *row++ = (struct row){#name, #kind, help, numbers->stats.name};
    STATS_TABLE(ENGINE_ROW)
#define NET_ROW(name, kind, help) *row++ = (struct row){#name, #kind, help, numbers->totals.name};
    NET_STATS_TABLE(NET_ROW)
    CHECK(row == numbers->rows + ENGINE_ROWS + NET_ROWS);
}

/* Numbers by one word each: why streams ended, why others had none, where subscribers came. */
struct part {
    const char *word;
    uint64_t value;
};

#define COUNT_REASON(name, counter, word) +1
#define COUNT_WORD(word)                  +1
enum {
    CLOSED_PARTS = 0 CLOSE_REASONS(COUNT_REASON),
    REFUSED_PARTS = 0 REFUSAL_REASONS(COUNT_WORD)
};

static unsigned closed_parts(const struct numbers *numbers, struct part parts[CLOSED_PARTS])
{
    unsigned count = 0;
#define CLOSED_PART(name, counter, word)                                                           \
    parts[count++] = (struct part){word, numbers->stats.closed_##counter};
    CLOSE_REASONS(CLOSED_PART)
    return count;
}

/* Those that a worker turned away, after the hub had taken them, are the engine's to know. */
static unsigned refused_parts(const struct numbers *numbers, struct part parts[REFUSED_PARTS])
{
    const struct stats *stats = &numbers->stats;
    unsigned count = 0;
#define REFUSED_PART(word) parts[count++] = (struct part){#word, numbers->totals.refusals_##word};
    REFUSAL_REASONS(REFUSED_PART)
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(parts[i].word, "full") == 0)
            parts[i].value += stats->refused_channels + stats->refused_failed;
        else if (strcmp(parts[i].word, "memory") == 0)
            parts[i].value += stats->refused_memory;
    }
    return count;
}

/* A name that resolves to several addresses has a listener for each. */
static unsigned listener_parts(const struct server_state *server, struct part parts[LISTENERS_MAX])
{
    uint64_t subscribers[SUBSCRIBER_GROUPS_MAX];
    unsigned count = 0;
    hub_groups(server->hub, subscribers);
    for (unsigned i = 0; i < server->listener_count; i++)
        if (server->listeners[i].kind == LISTENER_HTTP)
            parts[count++] = (struct part){server->listeners[i].address, subscribers[i]};
    return count;
}

/* NULL: out of memory. */
static json_t *object_of(const struct part *parts, unsigned count)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < count; i++)
        if (json_object_set_new(object, parts[i].word, json_integer((json_int_t)parts[i].value)))
            object = (json_decref(object), NULL);
    return object;
}

/* By pattern, as they stand; of two rules with the same one the first holds. What is no text (an
 * option's bytes may be any) is no channel's name either. NULL: out of memory. */
static json_t *rules_object(const struct server_limits *limits)
{
    json_t *object = json_object();
    for (unsigned i = 0; object && i < rules_count(limits->channels); i++) {
        struct text pattern = rules_pattern(limits->channels, i);
        if (!frame_is_text(pattern))
            continue;
        json_t *count = json_integer((json_int_t)tally_count(limits->tally, TALLY_RULE, pattern));
        if (json_object_setn_new(object, pattern.at, pattern.len, count))
            object = (json_decref(object), NULL);
    }
    return object;
}

static uint64_t uptime_s(const struct server_state *server)
{
    return (uint64_t)((clock_ns() - server->started_ns) / 1000000000);
}

static char *stats_text(const struct server_state *server, const struct server_limits *limits)
{
    struct numbers numbers;
    struct part closed[CLOSED_PARTS], refused[REFUSED_PARTS], listeners[LISTENERS_MAX];
    read_numbers(server, &numbers);
    json_t *object = json_pack("{s:s,s:s,s:I,s:I,s:I}", "version", FANFARE_VERSION, "io",
                               hub_io_name(server->hub), "uptime_s", (json_int_t)uptime_s(server),
                               "workers", (json_int_t)hub_workers(server->hub), "acceptors",
                               (json_int_t)server->acceptor_count);
    int r = object ? 0 : -1;
    for (unsigned i = 0; i < ENGINE_ROWS + NET_ROWS && !r; i++)
        r = json_object_set_new(object, numbers.rows[i].name,
                                json_integer((json_int_t)numbers.rows[i].value));
    if (!r)
        r = json_object_set_new(object, "subscribers_by_listener",
                                object_of(listeners, listener_parts(server, listeners)));
    if (!r)
        r = json_object_set_new(object, "subscribers_by_rule", rules_object(limits));
    if (!r)
        r = json_object_set_new(object, "closed_by_reason",
                                object_of(closed, closed_parts(&numbers, closed)));
    if (!r)
        r = json_object_set_new(object, "refused_by_reason",
                                object_of(refused, refused_parts(&numbers, refused)));
    char *text = r ? NULL : json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

static void put_family(FILE *out, const char *name, const char *help, const struct part *parts,
                       unsigned count)
{
    fprintf(out, "# HELP fanfare_%s_total %s\n# TYPE fanfare_%s_total counter\n", name, help, name);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "fanfare_%s_total{reason=\"%s\"} %llu\n", name, parts[i].word,
                (unsigned long long)parts[i].value);
}

static char *metrics_text(const struct server_state *server)
{
    struct numbers numbers;
    struct part closed[CLOSED_PARTS], refused[REFUSED_PARTS];
    read_numbers(server, &numbers);
    const struct row *rows = numbers.rows;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out,
            "# HELP fanfare_info The program that answers\n# TYPE fanfare_info gauge\n"
            "fanfare_info{version=\"%s\",io=\"%.*s\"} 1\n"
            "# HELP fanfare_workers Worker threads\n# TYPE fanfare_workers gauge\n"
            "fanfare_workers %u\n"
            "# HELP fanfare_uptime_seconds Seconds since the server was made\n"
            "# TYPE fanfare_uptime_seconds gauge\nfanfare_uptime_seconds %llu\n",
            FANFARE_VERSION, (int)strcspn(hub_io_name(server->hub), " "), hub_io_name(server->hub),
            hub_workers(server->hub), (unsigned long long)uptime_s(server));
    for (unsigned i = 0; i < ENGINE_ROWS + NET_ROWS; i++) {
        const char *total = strcmp(rows[i].kind, "counter") == 0 ? "_total" : "";
        fprintf(out, "# HELP fanfare_%s%s %s\n# TYPE fanfare_%s%s %s\nfanfare_%s%s %llu\n",
                rows[i].name, total, rows[i].help, rows[i].name, total, rows[i].kind, rows[i].name,
                total, (unsigned long long)rows[i].value);
    }
    put_family(out, "closed", "Streams that have ended, by reason", closed,
               closed_parts(&numbers, closed));
    put_family(out, "refused", "What could not be had then, by reason", refused,
               refused_parts(&numbers, refused));
    if (fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}

static const struct server_state *server_of(const struct client *client)
{
    return service_of(&client->connection)->server;
}

/* Text from malloc; NULL: there was no memory for it. */
static enum handler_result answer_text(struct client *client, const char *content_type, char *text)
{
    if (!text)
        return answer_error(client, 503, "the server is out of memory");
    answer_send(client, &(struct answer){
                            .status = 200, .content_type = content_type, .body = text_of(text)});
    free(text);
    return ANSWERED;
}

static enum handler_result on_health(struct client *client)
{
    return answer_send(client, &(struct answer){.status = 200,
                                                .content_type = "text/plain; charset=utf-8",
                                                .body = TEXT("ok\n")});
}

static enum handler_result on_stats(struct client *client)
{
    return answer_text(client, "application/json",
                       stats_text(server_of(client), &service_of(&client->connection)->limits));
}

static enum handler_result on_metrics(struct client *client)
{
    return answer_text(client, "text/plain; version=0.0.4; charset=utf-8",
                       metrics_text(server_of(client)));
}

const struct handler operations_health = {.on_request = on_health};
const struct handler operations_stats = {.on_request = on_stats};
const struct handler operations_metrics = {.on_request = on_metrics};
