/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the text of Last-Event-ID, by header and by query, and what a subscriber who sends
 * it gets from a hub with a small history: the right answer head, the gaps that are due and no
 * others, and then exactly what is retained behind its point.
 *
 * The hub is real, with one worker turned by hand over simulated sockets; its clock and its chance
 * are fixed, so its epoch is 111111111111.
 */
#include "tests/fuzz/rules.h"
#include "tests/fuzz/stream.h"
#include "tests/fuzz/target.h"

#include <jansson.h>
#include <sys/random.h>

#include "engine/base/clock.h"
#include "engine/hub.h"
#include "engine/worker/turn.h"
#include "engine/worker/worker.h"
#include "tests/sim/io_sim.h"
#include "net/handlers/parts.h"
#include "net/http/parser.h"
#include "net/http/route.h"

#define EPOCH UINT64_C(0x111111111111)
/* Of each channel; so `a` has let its first two go, and `b` nothing. */
#define HISTORY_EVENTS 4

static const struct published {
    const char *channel, *id; /* NULL: ours */
} events[] = {
    {"a", NULL},    {"b", "given 1"},           {"a", "given 2"}, {"a", NULL},        {"b", NULL},
    {"a", "twice"}, {"a", "\xc3\xa9t\xc3\xa9"}, {"b", "twice"},   {"a", "quo\"te\\"}, {"b", NULL},
};

#define EVENTS (sizeof(events) / sizeof(events[0]))
#define BEFORE (EVENTS + 1)

/* --- what the engine takes from outside, wrapped by the linker ------------------------------- */

int64_t __wrap_clock_ns(void);
int64_t __wrap_clock_ns(void)
{
    return 1000000000;
}

int64_t __wrap_clock_coarse_ns(void);
int64_t __wrap_clock_coarse_ns(void)
{
    return __wrap_clock_ns();
}

ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t len, unsigned flags)
{
    (void)flags;
    memset(bytes, 0x11, len);
    return (ssize_t)len;
}

/* --- what must come ------------------------------------------------------------------------ */

struct wanted {
    const char *names; /* of the channels, one letter each */
    struct text resume;
    const char *header; /* of Fanfare-Resume */
    const char *reason;
    bool everywhere; /* the point is none of ours: a gap on every channel */
    bool is_valid;
    uint64_t position;
};

static bool is_subscribed(const struct wanted *wanted, size_t event)
{
    return strchr(wanted->names, events[event].channel[0]) != NULL;
}

/* The newest sequence that a channel has let go before `sequence`'s time, and how many after it. */
static uint64_t evicted_through(char name, uint64_t after, unsigned *ret_missed)
{
    unsigned count = 0, passed = 0;
    uint64_t through = 0;
    for (size_t i = 0; i < EVENTS; i++)
        count += events[i].channel[0] == name;
    *ret_missed = 0;
    for (size_t i = 0; i < EVENTS && count > HISTORY_EVENTS; i++) {
        if (events[i].channel[0] != name || ++passed > count - HISTORY_EVENTS)
            continue;
        through = i + 1;
        *ret_missed += i + 1 > after;
    }
    return through;
}

static bool is_retained(size_t event)
{
    unsigned missed;
    return event + 1 > evicted_through(events[event].channel[0], 0, &missed);
}

static void find_position(struct wanted *wanted)
{
    uint64_t epoch = 0, sequence = 0;
    unsigned found = 0;
    bool ours = rules_is_our_id(wanted->resume, &epoch, &sequence);
    wanted->is_valid = ours || rules_is_given_id(wanted->resume);
    for (size_t i = 0; i < EVENTS && !ours; i++) {
        if (!events[i].id || !is_subscribed(wanted, i) || !is_retained(i) ||
            !text_equals(text_of(events[i].id), wanted->resume))
            continue;
        sequence = i + 1;
        found++;
    }
    wanted->everywhere = ours ? epoch != EPOCH || sequence >= BEFORE : found != 1;
    wanted->position = wanted->everywhere ? 0 : sequence;
    wanted->reason = !wanted->everywhere      ? "expired"
                     : ours && epoch != EPOCH ? "restarted"
                                              : "unknown";
    wanted->header = "complete";
    for (const char *name = wanted->names; *name; name++) {
        unsigned missed;
        if (wanted->everywhere || evicted_through(*name, 0, &missed) > wanted->position)
            wanted->header = "gap";
    }
}

static struct text our_id(char id[ID_LEN + 1], uint64_t sequence)
{
    snprintf(id, ID_LEN + 1, "%012llx-%016llx", (unsigned long long)EPOCH,
             (unsigned long long)sequence);
    return text_of(id);
}

/* The position before the first retained event behind the point, else the newest of all. */
static uint64_t position_told(const struct wanted *wanted)
{
    for (size_t i = wanted->position; i < EVENTS; i++) {
        if (is_subscribed(wanted, i) && is_retained(i))
            return i;
    }
    return EVENTS;
}

/* --- what came ----------------------------------------------------------------------------- */

static void check_gap(const struct wanted *wanted, const struct stream_block *block, char name,
                      bool last)
{
    char id[ID_LEN + 1], letter[2] = {name, 0};
    unsigned missed;
    uint64_t through = evicted_through(name, wanted->position, &missed);
    CHECK(text_equals(block->type, TEXT("fanfare-gap")) && block->has_data);
    CHECK(block->odd_lines == 0 && block->retry_lines == 0 && block->type_lines == 1);
    json_t *json = json_loadb(block->data.at, block->data.len, JSON_REJECT_DUPLICATES, NULL);
    CHECK(json_is_object(json) && json_object_size(json) == 5);
    CHECK(strcmp(json_string_value(json_object_get(json, "reason")), wanted->reason) == 0);
    CHECK(strcmp(json_string_value(json_object_get(json, "channel")), letter) == 0);
    const json_t *from = json_object_get(json, "from");
    CHECK(wanted->is_valid ? json_is_string(from) : json_is_null(from));
    if (wanted->is_valid)
        CHECK(text_equals((struct text){json_string_value(from), json_string_length(from)},
                          wanted->resume));
    const char *to = json_string_value(json_object_get(json, "to"));
    CHECK(to && text_equals(text_of(to), our_id(id, through)));
    const json_t *told = json_object_get(json, "missed");
    CHECK(wanted->everywhere ? json_is_null(told) : json_is_integer(told));
    CHECK(wanted->everywhere || json_integer_value(told) == missed);
    json_decref(json);
    CHECK(block->id_lines == last);
    CHECK(!last || text_equals(block->id, our_id(id, position_told(wanted))));
}

static size_t check_gaps(const struct wanted *wanted, const struct stream *stream)
{
    size_t number = 1, due = 0;
    unsigned missed;
    for (const char *name = wanted->names; *name; name++)
        due += wanted->everywhere || evicted_through(*name, 0, &missed) > wanted->position;
    for (const char *name = wanted->names; *name; name++) {
        if (!wanted->everywhere && evicted_through(*name, 0, &missed) <= wanted->position)
            continue;
        CHECK(number < stream->count);
        check_gap(wanted, &stream->blocks[number], *name, number == due);
        number++;
    }
    return number;
}

static void check_stream(const struct wanted *wanted, struct text text)
{
    struct stream stream;
    char id[ID_LEN + 1];
    stream_read(text, &stream);
    CHECK(stream.complete && stream.count >= 1);
    const struct stream_block *preface = &stream.blocks[0];
    CHECK(!preface->has_data && preface->retry_lines == 1 && preface->type_lines == 0);
    CHECK(preface->odd_lines == 0 && preface->id_lines == wanted->is_valid);
    CHECK(!wanted->is_valid || text_equals(preface->id, wanted->resume));
    size_t number = check_gaps(wanted, &stream);
    for (size_t i = wanted->position; i < EVENTS; i++) {
        if (!is_subscribed(wanted, i) || !is_retained(i))
            continue;
        CHECK(number < stream.count);
        const struct stream_block *block = &stream.blocks[number++];
        char data[16];
        snprintf(data, sizeof(data), "%zu", i + 1);
        CHECK(block->odd_lines == 0 && text_equals(block->data, text_of(data)));
        CHECK(text_equals(block->id, events[i].id ? text_of(events[i].id) : our_id(id, i + 1)));
    }
    CHECK(number == stream.count); /* and nothing else */
    stream_free(&stream);
}

static void check_answer(const struct wanted *wanted, struct text answer, bool plain)
{
    const char *end = memmem(answer.at, answer.len, "\r\n\r\n", 4);
    CHECK(end && memcmp(answer.at, "HTTP/1.1 200 OK\r\n", 17) == 0);
    size_t head_len = (size_t)(end - answer.at) + 4;
    char line[64];
    int len = snprintf(line, sizeof(line), "\r\nFanfare-Resume: %s\r\n", wanted->header);
    CHECK(memmem(answer.at, head_len, line, (size_t)len));
    struct text rest = {answer.at + head_len, answer.len - head_len};
    char *room = malloc(answer.len);
    CHECK(room);
    if (!plain) {
        size_t plain_len;
        CHECK(!chunks_read(rest, room, &plain_len)); /* the stream goes on */
        rest = (struct text){room, plain_len};
    }
    check_stream(wanted, rest);
    free(room);
}

/* --- the hub ------------------------------------------------------------------------------- */

static void on_socket(void *context, struct sim_socket *socket)
{
    (void)context;
    (void)socket;
}

static int open_io(void *context, unsigned index, struct io **ret_io)
{
    (void)index;
    return io_sim_open(context, ret_io);
}

static void turn(struct worker *worker)
{
    int turns = 0;
    while (worker_turn(worker))
        CHECK(++turns < 1000);
}

static void publish_all(struct hub *hub, struct worker *worker)
{
    for (size_t i = 0; i < EVENTS; i++) {
        char data[16];
        struct frame *frame;
        uint64_t first;
        snprintf(data, sizeof(data), "%zu", i + 1);
        struct event event = {.channel = text_of(events[i].channel),
                              .id = text_of(events[i].id),
                              .data = text_of(data),
                              .retry_ms = -1};
        CHECK(hub_frame(hub, &event, &frame) == 0);
        CHECK(hub_publish(hub, &frame, 1, &first) == 0 && first == i + 1);
        turn(worker);
    }
}

static struct sim_socket *subscribe(struct hub *hub, const struct sim *sim, unsigned number,
                                    const struct wanted *wanted, bool plain)
{
    struct sim_socket *socket = sim_socket_find(sim, SIM_FD_FIRST + (int)number);
    struct text channels[4];
    unsigned count = 0;
    for (; wanted->names[count]; count++)
        channels[count] = (struct text){&wanted->names[count], 1};
    struct subscribe_request request = {.fd = socket->fd,
                                        .before = hub_next_sequence(hub),
                                        .channels = channels,
                                        .channel_count = count,
                                        .has_resume = true,
                                        .resume = wanted->resume,
                                        .plain = plain};
    CHECK(hub_subscribe(hub, &request, NULL) == 0);
    return socket;
}

/* The same for every input, whether it is the first of a hub or not. */
static const char *const subscriptions[] = {"a", "b", "ab", "ba", "c", "ca"};

#define SUBSCRIPTIONS (sizeof(subscriptions) / sizeof(subscriptions[0]))
#define WORLD_INPUTS  64

/* A hub with its history; it serves many inputs, since making one takes longer than using it. All
 * sockets are there from the start: an input that leaves memory behind makes libFuzzer look for
 * leaks, which takes longer still. */
static struct {
    struct sim sim;
    struct hub *hub;
    struct worker *worker;
    unsigned served;
} world;

static void world_start(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    options.worker_subscribers = 16;
    options.history_events = HISTORY_EVENTS;
    options.heartbeat_s = 0;
    sim_init(&world.sim, 1);
    world.sim.calm = true;
    world.sim.on_open = world.sim.on_close = on_socket;
    CHECK(hub_new(&options, &world.hub) == 0);
    CHECK(hub_start_threadless(world.hub, open_io, &world.sim) == 0);
    world.worker = hub_worker(world.hub, 0);
    world.served = 0;
    publish_all(world.hub, world.worker);
    for (size_t i = 0; i < WORLD_INPUTS * SUBSCRIPTIONS; i++)
        sim_socket_new(&world.sim);
}

static void world_end(void)
{
    hub_close(world.hub);
    worker_drain(world.worker, hub_next_sequence(world.hub));
    turn(world.worker);
    CHECK(world.worker->stopped);
    world.worker->io->operations->close(world.worker->io);
    hub_stop(world.hub);
    hub_free(TAKE(world.hub));
    sim_deinit(&world.sim);
}

static void resume(struct text id)
{
    struct wanted wanted[SUBSCRIPTIONS];
    struct sim_socket *sockets[SUBSCRIPTIONS];
    if (!world.hub)
        world_start();
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
        wanted[i] = (struct wanted){.names = subscriptions[i], .resume = id};
        find_position(&wanted[i]);
        sockets[i] =
            subscribe(world.hub, &world.sim, world.served * SUBSCRIPTIONS + i, &wanted[i], i % 2);
    }
    turn(world.worker);
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
        CHECK(sockets[i]->state == SIM_OPEN);
        check_answer(&wanted[i], (struct text){sockets[i]->bytes, sockets[i]->len}, i % 2);
        sockets[i]->reset = true;
    }
    CHECK(world.worker->io->operations->wait(world.worker->io, 0) == 0);
    turn(world.worker);
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
        CHECK(sockets[i]->state == SIM_CLOSED);
        free(TAKE(sockets[i]->bytes));
        sockets[i]->len = sockets[i]->size = 0;
    }
    if (++world.served == WORLD_INPUTS)
        world_end();
}

/* --- on the way there ---------------------------------------------------------------------- */

static const struct http_limits limits = {
    .head_bytes_max = HEAD_BYTES_MAX, .target_bytes_max = TARGET_BYTES_MAX, .body_bytes_max = 1024};

/* A request head around the id; true if it is accepted, with the parser's request. */
static bool parse(struct record *head, struct http_parser *parser)
{
    size_t next;
    http_parser_init(parser, &limits);
    return http_parse(parser, head->at, 0, head->len, &next) == PARSE_HEAD;
}

/* The header's value is the text without spaces and tabs around it, if it may stand there. */
static void check_header(struct text id)
{
    struct record head = {0};
    struct http_parser parser;
    const char *start = "GET /events/a HTTP/1.1\r\nHost: h\r\nLast-Event-ID:";
    record_add(&head, start, strlen(start));
    record_add(&head, id.at, id.len);
    record_add(&head, "\r\n\r\n", 4);
    bool allowed = true;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char byte = (unsigned char)id.at[i];
        allowed = allowed && (byte == '\t' || (byte >= ' ' && byte != 0x7f));
    }
    if (allowed && head.len < HEAD_BYTES_MAX) {
        CHECK(parse(&head, &parser));
        while (id.len && (id.at[0] == ' ' || id.at[0] == '\t'))
            id = (struct text){id.at + 1, id.len - 1};
        while (id.len && (id.at[id.len - 1] == ' ' || id.at[id.len - 1] == '\t'))
            id.len--;
        struct http_span span = parser.request.last_event_id;
        CHECK(text_equals(span.len ? http_text(head.at, span) : TEXT(""), id));
    }
    free(head.at);
}

/* The query can carry any byte. */
static void check_query(struct text id)
{
    static struct route route;
    struct record target = {0};
    record_add(&target, "/events/a?last-event-id=", 24);
    for (size_t i = 0; i < id.len; i++) {
        char code[4];
        snprintf(code, sizeof(code), "%%%02x", (unsigned char)id.at[i]);
        record_add(&target, code, 3);
    }
    if (target.len <= TARGET_BYTES_MAX) {
        route_match(&parts_routes, &route_rules_usual, METHOD_GET, text_of_record(&target), &route);
        CHECK(route.kind == ROUTE_FOUND && route.has_resume == (id.len > 0));
        CHECK(text_equals(route.resume, id));
    }
    free(target.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text id = text_of_input(bytes, len);
    struct ids ids;
    uint64_t sequence, epoch_wanted = 0, sequence_wanted = 0;
    bool ours = rules_is_our_id(id, &epoch_wanted, &sequence_wanted);
    CHECK(id_has_form(id) == ours);
    ids_init(&ids, epoch_wanted, NULL);
    CHECK(id_read(&ids, id, &sequence) == (ours ? ID_OURS : ID_OTHER));
    CHECK(sequence == sequence_wanted);
    ids_init(&ids, epoch_wanted ^ 1, NULL);
    CHECK(id_read(&ids, id, &sequence) == (ours ? ID_RESTARTED : ID_OTHER));
    CHECK((frame_check_id(id) == FRAME_OK) == (id.len == 0 || rules_is_given_id(id)));
    CHECK((frame_check_id(id) == FRAME_ID_OURS) == ours);
    check_header(id);
    check_query(id);
    if (id.len > 0)
        resume(id);
    return 0;
}
