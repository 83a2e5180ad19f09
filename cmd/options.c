/* SPDX-License-Identifier: MIT */
/*
 * The tables. A row is: its heading if it begins a group, name, type, how --help shows the value,
 * range or choices, default, what it does, where it may be given, whether only a restart changes
 * it, and the member it fills.
 *
 * Ranges are wide: they refuse what cannot work, not what is unusual. Upper ends that no limit of
 * engine/limits.h gives were picked by hand as "nobody means more".
 *
 * Length: tables; splitting them would hide that they are one list.
 */
#include "cmd/options.h"

#include <sched.h>

#define SERVE(member)                                                                              \
    .offset = offsetof(struct serve_settings, member),                                             \
    .size = sizeof(((struct serve_settings *)0)->member)
#define PUB(member)                                                                                \
    .offset = offsetof(struct pub_settings, member),                                               \
    .size = sizeof(((struct pub_settings *)0)->member)
#define SUB(member)                                                                                \
    .offset = offsetof(struct sub_settings, member),                                               \
    .size = sizeof(((struct sub_settings *)0)->member)

enum { HOUR_MS = 3600 * 1000, WEEK_MS = 7 * 24 * HOUR_MS, YEAR_SECONDS = 366 * 24 * 3600 };

static const struct option serve_options[] = {
    {.group = "Addresses",
     .name = "listen",
     .type = VALUE_LISTEN,
     .shown = "ADDR:PORT",
     .usual = "127.0.0.1:8080",
     .help = "Serve HTTP here; may be repeated. Port 0 takes a free one. Also [V6ADDR]:PORT and "
             "unix:PATH",
     .from = FROM_ANY,
     .restart = true,
     SERVE(server.listen),
     .list_max = LISTEN_MAX,
     .count_offset = offsetof(struct serve_settings, server.listen_count)},
    {.name = "feed",
     .type = VALUE_SOCKET,
     .shown = "PATH|none",
     .usual_said = "$XDG_RUNTIME_DIR/fanfare.sock, else /run/fanfare/feed.sock",
     .help = "The unix socket that takes events from programs on this machine",
     .from = FROM_ANY,
     .restart = true,
     SERVE(feed)},
    {.name = "feed-mode",
     .type = VALUE_MODE,
     .shown = "MODE",
     .max = 0777,
     .usual = "0660",
     .help = "File mode of the feed socket: who may publish",
     .from = FROM_ANY,
     .restart = true,
     SERVE(server.feed_mode)},
    {.name = "feed-uid",
     .type = VALUE_USER,
     .shown = "USER",
     .usual = "any",
     .help = "Only this user may publish on the feed",
     .from = FROM_ANY,
     SERVE(server.feed_uid)},
    {.name = "feed-gid",
     .type = VALUE_GROUP,
     .shown = "GROUP",
     .usual = "any",
     .help = "Only processes of this group may publish on the feed",
     .from = FROM_ANY,
     SERVE(server.feed_gid)},
    {.name = "allow-origin",
     .type = VALUE_TEXT,
     .shown = "ORIGIN",
     .usual_said = "none",
     .help = "Let pages of this origin read and publish (CORS); * lets all",
     .from = FROM_ANY,
     SERVE(server.allow_origin)},

    {.group = "Threads",
     .name = "workers",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = WORKERS_MAX,
     .usual_said = "one per core",
     .help = "Threads that write to subscribers",
     .from = FROM_ANY,
     .restart = true,
     SERVE(hub.workers)},
    {.name = "acceptors",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = ACCEPTORS_MAX,
     .usual_said = "one per four cores",
     .help = "Threads that accept connections and read requests",
     .from = FROM_ANY,
     .restart = true,
     SERVE(server.acceptors)},
    {.name = "io",
     .type = VALUE_CHOICE,
     .shown = "KIND",
     .choices = "auto uring epoll",
     .usual = "auto",
     .help = "How workers write; auto takes io_uring where the kernel allows it",
     .from = FROM_ANY,
     .restart = true,
     SERVE(hub.io)},

    {.group = "History, per channel: what a client that comes back can still get",
     .name = "history-events",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = 100 * 1000 * 1000,
     .usual = "10000",
     .help = "Keep at most so many events",
     .from = FROM_ANY,
     SERVE(hub.history_events)},
    {.name = "history-bytes",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1024,
     .max = INT64_C(1024) << 30,
     .usual = "16M",
     .help = "Keep at most so many bytes",
     .from = FROM_ANY,
     SERVE(hub.history_bytes)},
    {.name = "history-age",
     .type = VALUE_SECONDS,
     .shown = "SECONDS",
     .min = 1,
     .max = YEAR_SECONDS,
     .usual = "3600",
     .help = "Keep events no longer than this",
     .from = FROM_ANY,
     SERVE(hub.history_age_s)},

    {.group = "Subscribers",
     .name = "subscribers-max",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = 100 * 1000 * 1000,
     .usual = "1000000",
     .help = "More than this are answered 503",
     .from = FROM_ANY,
     SERVE(server.subscribers_max)},
    {.name = "heartbeat",
     .type = VALUE_SECONDS,
     .shown = "SECONDS",
     .max = 3600,
     .usual = "15",
     .help = "Write a comment to streams quiet for so long; 0: never",
     .from = FROM_ANY,
     SERVE(hub.heartbeat_s)},
    {.name = "retry",
     .type = VALUE_COUNT,
     .shown = "MS",
     .max = EVENT_RETRY_MS_MAX,
     .usual = "2000",
     .help = "Milliseconds a client waits before it reconnects",
     .from = FROM_ANY,
     SERVE(hub.retry_ms)},
    {.name = "slow",
     .type = VALUE_CHOICE,
     .shown = "POLICY",
     .choices = "disconnect skip",
     .usual = "disconnect",
     .help = "What happens to a slow client when history passes it: it is closed and resumes, or "
             "skips ahead and is told",
     .from = FROM_ANY,
     SERVE(hub.slow)},
    {.name = "slow-after",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "1",
     .help = "Time over which a client that is behind is measured",
     .from = FROM_ANY,
     SERVE(hub.slow_after_ms)},
    {.name = "slow-rate",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1,
     .max = INT64_C(1) << 40,
     .usual = "1M",
     .help = "Taking fewer bytes a second than this is slow",
     .from = FROM_ANY,
     SERVE(hub.slow_rate)},
    {.name = "write-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = WEEK_MS,
     .or_zero = true,
     .usual = "300",
     .help = "Close a client that is behind and took nothing for so long; 0: never",
     .from = FROM_ANY,
     SERVE(hub.write_timeout_ms)},
    {.name = "idle-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = WEEK_MS,
     .or_zero = true,
     .usual = "0",
     .help = "End a stream in order when it had no event for so long; 0: never",
     .from = FROM_ANY,
     SERVE(hub.idle_timeout_ms)},
    {.name = "lifetime",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = WEEK_MS,
     .or_zero = true,
     .usual = "0",
     .help = "End every stream in order at 80 to 100 percent of this age; 0: never",
     .from = FROM_ANY,
     SERVE(hub.lifetime_ms)},

    {.group = "Publishing",
     .name = "body-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1024,
     .max = DATA_BYTES_MAX,
     .usual = "1M",
     .help = "Largest request body, and largest event of the feed",
     .from = FROM_ANY,
     SERVE(server.body_max)},
    {.name = "publish-wait",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .max = HOUR_MS,
     .usual = "1",
     .help = "An HTTP publish waits so long for room before it gets 503",
     .from = FROM_ANY,
     SERVE(server.publish_wait_ms)},

    {.group = "Connections",
     .name = "connections-max",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = 10 * 1000 * 1000,
     .usual = "10000",
     .help = "Connections that are not subscribers; more are answered 503",
     .from = FROM_ANY,
     SERVE(server.connections_max)},
    {.name = "head-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1024,
     .max = HEAD_BYTES_MAX,
     .usual = "16K",
     .help = "Largest request head (else 431)",
     .from = FROM_ANY,
     SERVE(server.head_bytes_max)},
    {.name = "target-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 256,
     .max = TARGET_BYTES_MAX,
     .usual = "8K",
     .help = "Longest request target (else 414)",
     .from = FROM_ANY,
     SERVE(server.target_bytes_max)},
    {.name = "head-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "10",
     .help = "Time for a request's head (else 408)",
     .from = FROM_ANY,
     SERVE(server.head_timeout_ms)},
    {.name = "body-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "30",
     .help = "Time for a request's body (else 408)",
     .from = FROM_ANY,
     SERVE(server.body_timeout_ms)},
    {.name = "keep-alive-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .min = 10,
     .max = HOUR_MS,
     .usual = "60",
     .help = "A kept connection without a request is closed after this",
     .from = FROM_ANY,
     SERVE(server.keep_alive_timeout_ms)},

    {.group = "Running",
     .name = "drain-timeout",
     .type = VALUE_DURATION,
     .shown = "SECONDS",
     .max = HOUR_MS,
     .usual = "10",
     .help = "When stopping, time for slow clients to get the rest",
     .from = FROM_ANY,
     SERVE(hub.drain_timeout_ms)},
    {.name = "memory-max",
     .type = VALUE_SIZE,
     .shown = "SIZE",
     .min = 1 << 20,
     .max = INT64_C(1024) << 30,
     .or_zero = true,
     .usual = "0",
     .help = "Keep events, subscribers and connections below this; 0: no bound",
     .from = FROM_ANY,
     SERVE(hub.memory_max)},
    {.name = "log",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "standard error",
     .help = "Append log lines to this file; SIGHUP opens it again",
     .from = FROM_ANY,
     SERVE(log)},
    {.name = "config",
     .type = VALUE_PATH,
     .shown = "FILE",
     .usual_said = "none",
     .help = "Read options from a file of `key = value` lines, # comments; SIGHUP reads it again",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     SERVE(config)},
    {.name = "check",
     .type = VALUE_FLAG,
     .help = "Check the configuration, print it as a file, and exit",
     .from = FROM_FLAG,
     SERVE(check)},
};

static const struct option pub_options[] = {
    {.name = "feed",
     .type = VALUE_SOCKET,
     .shown = "PATH",
     .usual_said = "where the server usually puts it",
     .help = "Publish over this feed socket",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     PUB(feed)},
    {.name = "url",
     .type = VALUE_TEXT,
     .shown = "URL",
     .help = "Publish over HTTP to the server at this URL instead",
     .from = FROM_FLAG,
     PUB(url)},
    {.name = "event",
     .type = VALUE_TEXT,
     .shown = "TYPE",
     .usual_said = "none: clients see message",
     .help = "Event type",
     .from = FROM_FLAG,
     PUB(event)},
    {.name = "id",
     .type = VALUE_TEXT,
     .shown = "ID",
     .usual_said = "the server's",
     .help = "An id of your own",
     .from = FROM_FLAG,
     PUB(id)},
    {.name = "retry",
     .type = VALUE_COUNT,
     .shown = "MS",
     .max = EVENT_RETRY_MS_MAX,
     .help = "Tell clients to wait so long before they reconnect",
     .from = FROM_FLAG,
     PUB(retry_ms)},
    {.name = "verbose",
     .letter = 'v',
     .type = VALUE_FLAG,
     .help = "Print the id of each event",
     .from = FROM_FLAG,
     PUB(verbose)},
};

static const struct option sub_options[] = {
    {.name = "url",
     .type = VALUE_TEXT,
     .shown = "URL",
     .usual = "http://127.0.0.1:8080",
     .help = "The server",
     .from = FROM_FLAG | FROM_ENVIRONMENT,
     SUB(url)},
    {.name = "last",
     .type = VALUE_COUNT,
     .shown = "N",
     .max = UINT32_MAX,
     .help = "Start with the N newest events",
     .from = FROM_FLAG,
     SUB(last)},
    {.name = "since",
     .type = VALUE_TEXT,
     .shown = "ID",
     .help = "Start after the event with this id",
     .from = FROM_FLAG,
     SUB(since)},
    {.name = "limit",
     .type = VALUE_COUNT,
     .shown = "N",
     .min = 1,
     .max = UINT32_MAX,
     .usual_said = "none",
     .help = "End after N events",
     .from = FROM_FLAG,
     SUB(limit)},
    {.name = "json",
     .type = VALUE_FLAG,
     .help = "Print one JSON object a line",
     .from = FROM_FLAG,
     SUB(json)},
    {.name = "raw",
     .type = VALUE_FLAG,
     .help = "Print the data alone",
     .from = FROM_FLAG,
     SUB(raw)},
};

const struct command command_serve = {
    .name = "serve",
    .synopsis = "[OPTION]...",
    .summary = "Run the server",
    .text = "Takes events from publishers (HTTP POST, and a feed socket for programs on this\n"
            "machine) and writes each to every subscriber of its channel. SIGTERM and\n"
            "Ctrl-C end it in order: everything accepted is delivered first.\n",
    .examples = "  fanfare serve                            on 127.0.0.1:8080, with a feed\n"
                "  fanfare serve --listen 0.0.0.0:80 --history-bytes 64M --slow skip\n"
                "  fanfare serve --config /etc/fanfare.conf --check     is this file right?\n",
    .options = serve_options,
    .option_count = sizeof(serve_options) / sizeof(serve_options[0]),
};

const struct command command_pub = {
    .name = "pub",
    .synopsis = "[OPTION]... CHANNEL [DATA]",
    .summary = "Publish an event, or one for each line of standard input",
    .text = "Exit status 1, and the server's sentence on stderr, if an event is refused.\n",
    .examples = "  fanfare pub news hello                        over the feed\n"
                "  fanfare pub --event headline -v news \"It works\"\n"
                "  tail -f access.log | fanfare pub log          one event a line\n",
    .options = pub_options,
    .option_count = sizeof(pub_options) / sizeof(pub_options[0]),
    .operands_min = 1,
    .operands_max = 2,
};

const struct command command_sub = {
    .name = "sub",
    .synopsis = "[OPTION]... CHANNEL...",
    .summary = "Subscribe to channels and print their events",
    .text = "A connection that is lost is resumed where it was, without a hole. Ctrl-C ends.\n",
    .examples = "  fanfare sub news                              time, id, type and data\n"
                "  fanfare sub --last 10 --json news sports\n"
                "  fanfare sub --limit 1 --raw news              wait for one event\n",
    .options = sub_options,
    .option_count = sizeof(sub_options) / sizeof(sub_options[0]),
    .operands_min = 1,
    .operands_max = SUBSCRIBER_CHANNELS_MAX,
};

const struct command *command_find(const char *name)
{
    static const struct command *const commands[] = {&command_serve, &command_pub, &command_sub};
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Cores this process may use, which a container or taskset makes fewer than the machine's. */
static unsigned cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1; /* more than 1,024 cores: no guess, the option is there */
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : (unsigned)count;
}

int serve_settings_finish(struct serve_settings *settings, struct parse *parse)
{
    unsigned count = cores();
    if (settings->hub.workers == 0)
        settings->hub.workers = count < WORKERS_MAX ? count : WORKERS_MAX;
    if (settings->server.acceptors == 0) {
        unsigned acceptors = (count + 3) / 4;
        settings->server.acceptors = acceptors < ACCEPTORS_MAX ? acceptors : ACCEPTORS_MAX;
    }
    uint32_t workers = settings->hub.workers;
    settings->hub.worker_subscribers = (settings->server.subscribers_max + workers - 1) / workers;
    if (settings->server.target_bytes_max > settings->server.head_bytes_max) {
        snprintf(parse->error, sizeof(parse->error),
                 "target-max: %u bytes do not fit into a head of %u; allowed: head-max at most",
                 settings->server.target_bytes_max, settings->server.head_bytes_max);
        return PARSE_FAULT;
    }
    return 0;
}

static void source_print(const struct parse *parse, size_t index)
{
    char variable[80];
    switch (parse->source[index]) {
    case SOURCE_FLAG:
        printf("  # --%s\n", parse->command->options[index].name);
        break;
    case SOURCE_ENVIRONMENT:
        parse_variable(&parse->command->options[index], variable, sizeof(variable));
        printf("  # %s\n", variable);
        break;
    case SOURCE_FILE:
        if (parse->command->options[index].list_max > 0) /* of more lines than one */
            printf("  # %s\n", parse->config);
        else
            printf("  # %s:%u\n", parse->config, parse->line[index]);
        break;
    default:
        printf("\n");
    }
}

void serve_settings_print(const struct parse *parse)
{
    const struct serve_settings *settings = parse->target;
    for (size_t i = 0; i < parse->command->option_count; i++) {
        const struct option *option = &parse->command->options[i];
        if (option->group)
            printf("%s# %s\n", i > 0 ? "\n" : "", option->group);
        if (!(option->from & FROM_FILE))
            continue;
        if (option->list_max > 0) {
            for (unsigned j = 0; j < settings->server.listen_count; j++) {
                printf("%s = %s", option->name, settings->server.listen[j]);
                source_print(parse, i);
            }
        } else if (parse->given[i]) {
            printf("%s = %s", option->name, parse->given[i]);
            source_print(parse, i);
        } else {
            printf("# %s =  (%s)\n", option->name, option->usual_said);
        }
    }
}
