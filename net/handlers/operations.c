/* SPDX-License-Identifier: MIT */
/* Answers about the server itself: see operations.h. */
#include "net/handlers/operations.h"

#include <jansson.h>

#include "engine/base/clock.h"
#include "net/answer.h"

#define COUNT_ROW(name, kind, help) +1
enum { ENGINE_ROWS = 0 STATS_TABLE(COUNT_ROW), NET_ROWS = 0 NET_STATS_TABLE(COUNT_ROW) };

/* One row of either table with its value. */
struct row {
    const char *name;
    const char *kind; /* "counter" or "gauge" */
    const char *help;
    uint64_t value;
};

static void read_rows(const struct server_state *server, struct row rows[ENGINE_ROWS + NET_ROWS])
{
    struct stats stats;
    struct net_totals totals;
    hub_stats(server->hub, &stats);
    server_state_totals(server, &totals);
    unsigned i = 0;
#define ENGINE_ROW(name, kind, help) rows[i++] = (struct row){#name, #kind, help, stats.name};
    STATS_TABLE(ENGINE_ROW)
#define NET_ROW(name, kind, help) rows[i++] = (struct row){#name, #kind, help, totals.name};
    NET_STATS_TABLE(NET_ROW)
    CHECK(i == ENGINE_ROWS + NET_ROWS);
}

static uint64_t uptime_s(const struct server_state *server)
{
    return (uint64_t)((clock_ns() - server->started_ns) / 1000000000);
}

static char *stats_text(const struct server_state *server)
{
    struct row rows[ENGINE_ROWS + NET_ROWS];
    read_rows(server, rows);
    json_t *object = json_pack("{s:s,s:s,s:I,s:I,s:I}", "version", FANFARE_VERSION, "io",
                               hub_io_name(server->hub), "uptime_s", (json_int_t)uptime_s(server),
                               "workers", (json_int_t)hub_workers(server->hub), "acceptors",
                               (json_int_t)server->acceptor_count);
    int r = object ? 0 : -1;
    for (unsigned i = 0; i < ENGINE_ROWS + NET_ROWS && !r; i++)
        r = json_object_set_new(object, rows[i].name, json_integer((json_int_t)rows[i].value));
    char *text = r ? NULL : json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    return text;
}

static char *metrics_text(const struct server_state *server)
{
    struct row rows[ENGINE_ROWS + NET_ROWS];
    read_rows(server, rows);
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
    return answer_text(client, "application/json", stats_text(server_of(client)));
}

static enum handler_result on_metrics(struct client *client)
{
    return answer_text(client, "text/plain; version=0.0.4; charset=utf-8",
                       metrics_text(server_of(client)));
}

const struct handler operations_health = {.on_request = on_health};
const struct handler operations_stats = {.on_request = on_stats};
const struct handler operations_metrics = {.on_request = on_metrics};
