/* SPDX-License-Identifier: MIT */
/* See client.h. */
#include "tests/sim/client.h"

#include <inttypes.h>

#include "engine/worker/identity.h"
#include "tests/sim/command.h"
#include "tests/sim/ended.h"
#include "tests/sim/expect.h"
#include "tests/sim/fail.h"
#include "tests/sim/fate.h"
#include "tests/sim/first.h"
#include "tests/sim/gap_text.h"
#include "tests/sim/presence.h"
#include "tests/sim/steer.h"
#include "tests/sim/world.h"

struct client *client_free(struct client *client)
{
    if (!client)
        return NULL;
    reader_deinit(&client->reader);
    steer_free(client);
    free(client->resume.at);
    free(client->commits);
    free(client->notices.at);
    free(client->got);
    free(client);
    return NULL;
}

struct subscribe_request client_request(struct client *client, struct text *channels)
{
    presence_seat(client);
    first_make(client);
    for (unsigned i = 0; i < client->channel_count; i++)
        channels[i] = client->model->channels[client->channels[i]].name;
    return (struct subscribe_request){
        .fd = client->socket->fd,
        .before = client->before,
        .channels = channels,
        .channel_count = client->channel_count,
        .has_resume = client->has_resume,
        .resume = {client->resume.at ? client->resume.at : "", client->resume.len},
        .limit = client->limit,
        .last = client->last,
        .polls = client->polls,
        .wait_ms = client->wait_ms,
        .ends_ns = client->ends_ns,
        .seat = client->seated ? &client->seat : NULL,
        .plain = client->plain,
        .bare = client->bare,
        .head_sent = client->head_sent,
        .since = client->since,
        .first = client->first,
        .first_count = client->first_count,
        .tells_id = client->number % 5 != 0,
        .head = client->number % 3 ? (struct text){NULL, 0} : TEXT("X-Extra: a line\r\n")};
}

/* What a turn may take. */
#define TURN_MS 20
/* After its token's end a client is sent nothing new: a worker's tick, and a piece of time. */
#define EXPIRY_NS 500000000

/* --- ids ------------------------------------------------------------------------------------- */

static void commit(struct client *client, uint64_t offset, int kind, uint64_t sequence)
{
    if (client->commit_count == client->commit_size) {
        client->commit_size = client->commit_size ? client->commit_size * 2 : 16;
        client->commits = realloc(client->commits, client->commit_size * sizeof(struct commit));
        CHECK(client->commits);
    }
    client->commits[client->commit_count++] =
        (struct commit){.offset = offset, .sequence = sequence, .kind = kind};
}

bool client_last_id(const struct client *client, uint64_t offset, struct bytes *ret_id)
{
    size_t at = client->commit_count;
    while (at > 0 && client->commits[at - 1].offset > offset)
        at--;
    if (at == 0)
        return false;
    const struct commit *last = &client->commits[at - 1];
    char id[ID_LEN];
    ret_id->len = 0;
    if (last->kind == COMMIT_RESUME) {
        bytes_add(ret_id, client->resume.at, client->resume.len);
    } else if (last->kind == COMMIT_GIVEN) {
        const struct model_event *event = model_at(client->model, last->sequence);
        bytes_add(ret_id, event->id.at, event->id.len);
    } else {
        id_format(id, client->ids, last->sequence);
        bytes_add(ret_id, id, sizeof(id));
    }
    return true;
}

static void expect_own_id(const struct client *client, const char *what, struct text id,
                          uint64_t wanted)
{
    char text[ID_LEN];
    id_format(text, client->ids, wanted);
    if (!text_equals(id, (struct text){text, sizeof(text)}))
        fail("client %u: the id of %s is \"%.*s\", expected \"%.*s\"", client->number, what,
             (int)id.len, id.at, ID_LEN, text);
}

/* Where that is no event: opaque ids have others for the same place. */
static void expect_place(const struct client *client, const char *what, struct text id,
                         uint64_t wanted)
{
    uint64_t place;
    if (!client->ids->opaque)
        expect_own_id(client, what, id, wanted);
    else if (id_read(client->ids, id, &place) != ID_OURS || place != wanted)
        fail("client %u: the id of %s is \"%.*s\", the place %" PRIu64 ", expected %" PRIu64,
             client->number, what, (int)id.len, id.at, place, wanted);
}

/* --- the greeting ---------------------------------------------------------------------------- */

static bool has_line(struct text head, const char *line)
{
    char wanted[128];
    int len = snprintf(wanted, sizeof(wanted), "\r\n%s", line);
    const char *found = memmem(head.at, head.len, wanted, (size_t)len);
    if (!found)
        return false;
    const char *end = found + len;
    return end == head.at + head.len || *end == '\r';
}

static void on_head(void *context, struct text head)
{
    struct client *client = context;
    char resume[64];
    snprintf(resume, sizeof(resume), "Fanfare-Resume: %s", client->header);
    static const char status[] = "HTTP/1.1 200 OK\r\n";
    bool sound = head.len > sizeof(status) && !memcmp(head.at, status, sizeof(status) - 1) &&
                 has_line(head, "Content-Type: text/event-stream") &&
                 has_line(head, "Connection: close") && has_line(head, resume) &&
                 has_line(head, "Transfer-Encoding: chunked") == !client->plain &&
                 has_line(head, "X-Extra: a line") == (client->number % 3 == 0);
    char line[64];
    snprintf(line, sizeof(line), "Fanfare-Subscriber: %016" PRIx64, client->id);
    sound &= has_line(head, line) == (client->id && client->number % 5);
    if (!sound)
        fail("client %u: the head should say \"%s\" and be %s; it is:\n%.*s", client->number,
             resume, client->plain ? "plain" : "chunked", (int)head.len, head.at);
}

static void on_preface(struct client *client, const struct block *block)
{
    client->greeted = true;
    if (block->has_data || block->has_type || !block->has_retry ||
        block->retry_ms != client->options->retry_ms)
        fail("client %u: the stream does not begin with `retry: %u` and an id", client->number,
             client->options->retry_ms);
    if (block->has_id != client->has_preface_id)
        fail("client %u: the preface has %s id", client->number, block->has_id ? "an" : "no");
    if (!client->has_resume && client->has_preface_id) {
        expect_place(client, "the preface", block->id, client->start);
        commit(client, block->end, COMMIT_OWN, client->start);
    } else if (client->has_preface_id) { /* its own */
        if (!text_equals(block->id, (struct text){client->resume.at, client->resume.len}))
            fail("client %u: the preface's id is \"%.*s\", not the resume point \"%s\"",
                 client->number, (int)block->id.len, block->id.at, client->resume.at);
        commit(client, block->end, COMMIT_RESUME, 0);
    }
}

static void expect_from(const struct client *client, const struct gap_text *gap)
{
    if (!client->has_resume && gap->has_from) {
        expect_place(client, "the gap's `from`", gap->from, client->start);
        return;
    }
    if (gap->has_from != client->from_is_told ||
        (gap->has_from &&
         !text_equals(gap->from, (struct text){client->resume.at, client->resume.len})))
        fail("client %u: the gap's `from` is \"%.*s\", expected \"%s\"", client->number,
             (int)gap->from.len, gap->from.at, client->from_is_told ? client->resume.at : "null");
}

/* One of the gaps that were to be told, in their order. */
static void on_expected_gap(struct client *client, const struct gap_text *gap,
                            const struct block *block)
{
    unsigned channel = client->gaps[client->gaps_seen];
    int64_t missed = client->gap_missed[client->gaps_seen];
    uint64_t to = client->gap_to[client->gaps_seen++];
    if (strcmp(gap->reason, client->reason) != 0)
        fail("client %u: the gap's reason is \"%s\", expected \"%s\"", client->number, gap->reason,
             client->reason);
    if (!text_equals(gap->channel, client->model->channels[channel].name))
        fail("client %u: the gap is of channel \"%.*s\", expected number %u", client->number,
             (int)gap->channel.len, gap->channel.at, channel);
    expect_place(client, "the gap's `to`", gap->to, to);
    if (gap->missed != missed)
        fail("client %u: %" PRId64 " events missed on channel %u are told, expected %" PRId64,
             client->number, gap->missed, channel, missed);
    if (block->has_id != (client->gaps_seen == client->gap_count))
        fail("client %u: gap %u of %u has %s id", client->number, client->gaps_seen,
             client->gap_count, block->has_id ? "an" : "no");
}

static void on_greeting_gap(struct client *client, const struct gap_text *gap,
                            const struct block *block)
{
    expect_from(client, gap);
    on_expected_gap(client, gap, block);
    if (!block->has_id)
        return;
    expect_place(client, "the last gap", block->id, client->gap_position);
    commit(client, block->end, COMMIT_OWN, client->gap_position);
    client->cursor = client->gap_position;
}

/* --- the stream ------------------------------------------------------------------------------ */

uint64_t client_next_to_all(const struct client *client, uint64_t sequence)
{
    uint64_t next = model_first_after(client->model, MODEL_ALL, sequence);
    return next <= expect_to_all(client) ? next : 0;
}

uint64_t client_next(const struct client *client)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < client->channel_count; i++) {
        unsigned channel = client->channels[i];
        uint64_t first = model_first_after(client->model, channel, client->through[channel]);
        uint64_t close = command_close(client, channel);
        if (close && first > close)
            continue;
        if (first && (next == 0 || first < next))
            next = first;
    }
    uint64_t first = client_next_to_all(client, client->through[MODEL_ALL]);
    return first && (next == 0 || first < next) ? first : next;
}

/* It was skipped ahead: a gap in the middle of the stream. */
static void on_slow_gap(struct client *client, const struct gap_text *gap,
                        const struct block *block)
{
    uint64_t from, position;
    if (client->gaps_seen == client->gap_count)
        expect_notice(client);
    bool stuck = strcmp(client->reason, "stuck") == 0;
    bool may = stuck ? client->options->stuck == STUCK_SKIP && client->options->write_timeout_ms
                     : client->options->slow == SLOW_SKIP;
    if (client->strict || !may)
        fail("client %u is skipped ahead although it %s", client->number,
             client->strict ? "reads" : "should be closed");
    if (!gap->has_from || id_read(client->ids, gap->from, &from) != ID_OURS ||
        from < client->cursor)
        fail("client %u: a gap is told from \"%.*s\", but it was at %" PRIu64 " already",
             client->number, (int)gap->from.len, gap->from.at, client->cursor);
    on_expected_gap(client, gap, block);
    client->skipped = true;
    if (!block->has_id)
        return;
    uint64_t next = client_next(client);
    if (id_read(client->ids, block->id, &position) != ID_OURS || position < client->cursor ||
        (next && position >= next))
        fail("client %u: a gap's id is \"%.*s\", but it was at %" PRIu64 " and %" PRIu64
             " comes next",
             client->number, (int)block->id.len, block->id.at, client->cursor, next);
    client->cursor = position;
    commit(client, block->end, COMMIT_OWN, position);
}

static void on_event(struct client *client, const struct block *block)
{
    uint64_t next = client_next(client);
    if (next == 0)
        fail("client %u: an event \"%.*s\" although it has everything", client->number,
             (int)block->id.len, block->id.at);
    const struct model_event *event = model_at(client->model, next);
    if (event->without_data) {
        if (block->has_id)
            fail("client %u: a retry alone has an id", client->number);
    } else if (event->id.len == 0) {
        expect_own_id(client, "the next event", block->id, next);
    } else if (!text_equals(block->id, event->id)) {
        fail("client %u: the next event's id is \"%.*s\", expected \"%.*s\" (%" PRIu64 ")",
             client->number, (int)block->id.len, block->id.at, (int)event->id.len, event->id.at,
             next);
    }
    if (block->has_data == event->without_data || !text_equals(block->data, event->data) ||
        !text_equals(block->type, event->type) || block->has_retry != (event->retry_ms >= 0) ||
        (block->has_retry && block->retry_ms != event->retry_ms))
        fail("client %u: event %" PRIu64 " is not what was published", client->number, next);
    if (client->ends_ns && event->born_ns > client->ends_ns + EXPIRY_NS)
        fail("client %u: event %" PRIu64 " is %" PRId64 " ms younger than its token's end",
             client->number, next, (event->born_ns - client->ends_ns) / 1000000);
    if (!client->skipped)
        steer_passed(client, next);
    client->through[event->channel] = next;
    client->cursor = next;
    fate_note(client, next);
    if (client->events > client_most(client))
        fail("client %u: more than %u events", client->number, client_most(client));
    if (!event->without_data)
        commit(client, block->end, event->id.len ? COMMIT_GIVEN : COMMIT_OWN, next);
}

bool client_has_expired(const struct client *client, int64_t for_ns)
{
    return client->ends_ns && client->worker->now_ns >= client->ends_ns + for_ns;
}

static void on_goodbye(struct client *client, const struct block *block)
{
    bool left = client->socket->half_closed && !client->limit && !client->polls;
    bool expired = client_has_expired(client, 0);
    ended_pass(client);
    bool over = ended_for(client);
    uint64_t cut = command_kick(client); /* behind what was published before this */
    if (client->ended_at && (!cut || client->ended_at < cut))
        cut = client->ended_at;
    if ((!*client->draining && !left && !expired && !over && !cut) || client->goodbye)
        fail("client %u: a goodbye that nobody asked for", client->number);
    if (block->retry_ms < client->options->retry_ms)
        fail("client %u: its goodbye asks it back after %" PRId64 " ms", client->number,
             block->retry_ms);
    /* Who sends no more gets what its worker has by then, which here nobody knows; whose token has
     * ended gets no more at all. */
    uint64_t next = left || expired ? 0 : ended_lacks(client);
    if (next && !(cut && next >= cut))
        fail("client %u: a goodbye before event %" PRIu64, client->number, next);
    if (client->told_end && !over)
        fail("client %u: it is told the end of what goes on", client->number);
    /* One that has to wait for its socket may have begun it before. */
    if (client->told_end && client->instant && ended_by_close(client, client->worker->position))
        fail("client %u: it is told the end of what was closed", client->number);
    bool began_before = left || expired || (cut && ended_behind(client, cut));
    if (over && ended_here(client) && !ended_by_close(client, UINT64_MAX) && !client->told_end &&
        !began_before)
        fail("client %u: it is not told that its channels have ended", client->number);
    client->goodbye = true;
}

static void on_comment(struct client *client, const struct block *block)
{
    client->told_end |= text_equals(block->comment, TEXT(": end"));
    if (text_equals(block->comment, TEXT(": ended")))
        on_event(client, block);
}

/* No goodbye comes before an event, but to who has left. */
static bool is_retry_alone(const struct client *client, uint64_t next, const struct block *block)
{
    const struct model_event *event = next ? model_at(client->model, next) : NULL;
    return event && event->without_data && block->retry_ms == event->retry_ms;
}

static void on_block(void *context, const struct block *block)
{
    struct client *client = context;
    struct gap_text gap;
    client->event_is_latest = false;
    if (client->goodbye)
        fail("client %u: something follows the goodbye", client->number);
    if (!client->greeted) {
        on_preface(client, block);
    } else if (client->first_seen < client->first_count) {
        first_read(client, block);
    } else if (block->is_comment) {
        on_comment(client, block);
    } else if (text_equals(block->type, TEXT("fanfare-gap"))) {
        if (!gap_text_parse(&gap, block->data))
            fail("client %u: a gap that cannot be read: %.*s", client->number, (int)block->data.len,
                 block->data.at);
        if (client->gaps_seen < client->gap_count && !client->is_skipped)
            on_greeting_gap(client, &gap, block);
        else
            on_slow_gap(client, &gap, block);
    } else if (client->gaps_seen < client->gap_count) {
        fail("client %u: gap %u of %u is not told", client->number, client->gaps_seen + 1,
             client->gap_count);
    } else if (block->has_data && block->data.len && block->data.at[0] == 'p') {
        steer_read(client, block); /* no event of the model begins so */
    } else if (!block->has_data && is_retry_alone(client, client_next(client), block)) {
        on_event(client, block);
    } else if (block->has_data || is_retry_alone(client, ended_lacks(client), block)) {
        ended_pass(client);
        on_event(client, block);
    } else {
        on_goodbye(client, block);
    }
}

/* Something was there for a long poll, or it was not to wait. */
static bool has_enough(const struct client *client)
{
    return client->retained || client->greeting_gaps || !client->wait_ms;
}

uint32_t client_most(const struct client *client)
{
    uint32_t most = client->limit ? client->limit : UINT32_MAX;
    return client->polls && has_enough(client) && client->retained < most
               ? (uint32_t)client->retained
               : most;
}

bool client_has_polled(const struct client *client)
{
    if (!client->polls)
        return false;
    if (has_enough(client))
        return client->skipped || client->events == client_most(client);
    int64_t waited_ms = (client->worker->now_ns - client->joined_ns) / 1000000;
    return client->skipped || client->events || waited_ms + 1 >= client->wait_ms;
}

void client_join(struct client *client, struct worker *worker)
{
    client->worker = worker;
    client->joined_at = worker->position;
    expect_greeting(client);
    client->began = client->cursor;
    client->joined_ns = worker->now_ns;
    if (identity_id(worker, client->socket->owner) != client->id)
        fail("client %u has another id than when it was handed over", client->number);
    if (client->has_resume && (client->once || ended_before(client)))
        fail("client %u gets a stream although there is nothing to read any more", client->number);
    client->greeted = client->bare;
    client->reader = (struct reader){.part = !client->head_sent ? READER_HEAD
                                             : client->plain    ? READER_CHUNK
                                                                : READER_SIZE,
                                     .plain = client->plain,
                                     .bare = client->bare,
                                     .on_head = on_head,
                                     .on_block = on_block,
                                     .context = client};
}

void client_told_over(struct client *client, struct worker *worker)
{
    client->worker = worker;
    client->joined_at = worker->position;
    if (client->once && client->has_resume) {
        client->told_over = true;
        return;
    }
    expect_greeting(client);
    if (!client->has_resume || !ended_before(client))
        fail("client %u is told that there is nothing to read any more", client->number);
    client->told_over = true;
}

uint32_t client_whole_events(const struct client *client)
{
    bool begun = client->event_is_latest && client->reader.part == READER_CHUNK_END;
    return client->events - begun;
}

bool client_is_complete(const struct client *client)
{
    bool ended =
        client->plain ? reader_is_between(&client->reader) : reader_has_ended(&client->reader);
    return ended && (client->goodbye || client_has_polled(client) ||
                     (client->limit && client->events == client->limit));
}

/* A heartbeat that comes alone: only after so much silence. */
static void expect_silence(const struct client *client)
{
    const struct sim_socket *socket = client->socket;
    const char *heartbeat = client->plain ? ":\n" : "2\r\n:\n\r\n";
    int64_t silence_ms = (client->worker->now_ns - client->read_ns) / 1000000;
    /* Two bytes of an event may be the same. */
    if (reader_is_between(&client->reader) && socket->len == strlen(heartbeat) &&
        !memcmp(socket->bytes, heartbeat, socket->len) &&
        silence_ms + TURN_MS < (int64_t)client->options->heartbeat_s * 1000)
        fail("client %u: a heartbeat after %" PRId64 " ms of silence", client->number, silence_ms);
}

void client_read(struct client *client)
{
    if (client->worker) {
        expect_silence(client);
        client->read_ns = client->worker->now_ns;
    }
    reader_read(&client->reader, client->socket->bytes, client->socket->len);
    client->socket->len = 0;
    if (!client->plain && reader_has_ended(&client->reader) && !client_is_complete(client))
        fail("client %u: the response ends after %u events without reason", client->number,
             client->events);
}
