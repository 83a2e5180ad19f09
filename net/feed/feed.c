/* SPDX-License-Identifier: MIT */
/*
 * Reads, publishes and answers the events of a feed: see feed.h.
 *
 * Length: the turns of one kind of connection, in the order in which they happen.
 */
#include "net/feed/feed.h"

#include <errno.h>

static const struct connection_operations operations;

/* --- life ---------------------------------------------------------------------------------- */

static struct connection *feed_new(struct service *service, const struct listener *listener, int fd)
{
    (void)listener;
    struct feed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return NULL;
    feed_adoption_init(&feed->adoption);
    connection_init(&feed->connection, &service->loop, &operations, fd);
    event_text_init(&feed->parser, service->limits.options.body_max, true);
    return &feed->connection;
}

static const char *feed_check(const struct service *service, int fd)
{
    const struct server_options *options = &service->limits.options;
    return listener_peer_may(fd, options->feed_uid, options->feed_gid)
               ? NULL
               : "this user or group may not publish here";
}

static size_t feed_refusal(struct service *service, const struct listener *listener, int fd,
                           const struct refusal *refusal, char *out, size_t size)
{
    (void)service, (void)listener, (void)fd;
    int len = snprintf(out, size, "error: %s\n\n", refusal->sentence);
    CHECK(len > 0 && (size_t)len < size);
    return (size_t)len;
}

static void feed_start(struct connection *connection)
{
    net_count(&connection->loop->stats.feeds_open);
    net_count(&connection->loop->stats.feeds_accepted);
    connection_want(connection, EPOLLIN);
}

static void on_limits(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    event_text_limit(&feed->parser, service_of(connection)->limits.options.body_max);
}

static size_t feed_memory(const struct connection *connection)
{
    const struct feed *feed = (const struct feed *)connection;
    return sizeof(*feed) + (feed->input ? READ_BYTES : 0) + feed->parser.data_capacity +
           feed->parser.adoption_capacity + feed->gathered_bytes + connection->output_capacity;
}

/* It waits for room, or for a count. */
static bool is_waiting(const struct feed *feed)
{
    return waiter_waits(&feed->waiter) || feed->counting.waits;
}

static void on_closed(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    struct service *service = service_of(connection);
    waiters_remove(&service->waiters, &feed->waiter);
    if (feed->counting.waits)
        (void)feed_count_end(&feed->counting, service, NULL);
    net_uncount(&service->loop.stats.feeds_open);
    service_leave(service);
}

static void feed_free(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    for (unsigned i = feed->done; i < feed->count; i++)
        frame_unref(feed->entries[i].frame);
    feed_adoption_drop(&feed->adoption);
    event_text_deinit(&feed->parser);
    free(feed->input);
    connection_deinit(connection);
    free(feed);
}

const struct connection_kind feed_kind = {
    .new = feed_new,
    .start = feed_start,
    .check = feed_check,
    .refusal = feed_refusal,
    .reserved = CONNECTIONS_UP_TO_FEEDS,
};

/* --- answers ------------------------------------------------------------------------------- */

static void answer_error(struct feed *feed, const char *sentence, struct text ack)
{
    char text[sizeof(feed->error) + ACK_BYTES_MAX + 32];
    int len = ack.len ? snprintf(text, sizeof(text), "error: %.127s\nack: %.*s\n\n", sentence,
                                 (int)ack.len, ack.at)
                      : snprintf(text, sizeof(text), "error: %.127s\n\n", sentence);
    connection_append(&feed->connection, text, (size_t)len);
}

static void answer_entry_error(struct feed *feed, const struct feed_entry *entry,
                               const char *sentence)
{
    answer_error(feed, sentence, (struct text){entry->ack, entry->ack_len});
}

static void answer_counted(struct feed *feed, const struct pending_answer *numbers)
{
    struct text text = feed_count_end(&feed->counting, service_of(&feed->connection), numbers);
    connection_append(&feed->connection, text.at, text.len);
}

static void answer_published(struct feed *feed, const struct feed_entry *entry, struct text id)
{
    if (entry->counts) {
        struct text ack = {entry->ack, entry->ack_len};
        if (!feed_count_ask(&feed->counting, service_of(&feed->connection), &feed->connection, ack,
                            id))
            answer_counted(feed, NULL);
        return;
    }
    char text[ACK_BYTES_MAX + EVENT_ID_BYTES_MAX + 32];
    int len = snprintf(text, sizeof(text), "ack: %.*s\nid: %.*s\n\n", (int)entry->ack_len,
                       entry->ack, (int)id.len, id.at);
    connection_append(&feed->connection, text, (size_t)len);
}

/* --- publishing ---------------------------------------------------------------------------- */

/* The frames of the entries from `done` on that can be published in one step: up to a refusal, and
 * alike in whether they wait; one that asks for a count goes alone. */
static unsigned gather_run(const struct feed *feed, struct frame **frames)
{
    const struct feed_entry *first = &feed->entries[feed->done];
    unsigned count = 0;
    for (unsigned i = feed->done; i < feed->count; i++) {
        const struct feed_entry *entry = &feed->entries[i];
        if (!entry->frame || entry->wait_no != first->wait_no ||
            (count > 0 && (entry->counts || first->counts)))
            break;
        frames[count++] = entry->frame;
    }
    return count;
}

static unsigned one_channel(struct frame *const *frames, unsigned count)
{
    unsigned same = 1;
    while (same < count && frames[same]->channel_hash == frames[0]->channel_hash)
        same++;
    return same;
}

/* An id of the publisher's own whose event wants an answer, copied before the frame is the hub's.
 */
struct given_id {
    uint8_t len; /* 0: the id is ours, or not needed */
    char bytes[EVENT_ID_BYTES_MAX];
};

/* The frames are the hub's now, but those in `known` (NULL: there is none), which were published
 * before: answers the acks of the entries. */
static void finish_run(struct feed *feed, unsigned count, uint64_t first,
                       const struct given_id *given, struct frame *const *known)
{
    struct service *service = service_of(&feed->connection);
    for (unsigned i = 0; i < count; i++) {
        struct feed_entry *entry = &feed->entries[feed->done + i];
        char ours[ID_LEN], before[EVENT_ID_BYTES_MAX];
        struct text id = {given[i].bytes, given[i].len};
        uint64_t sequence = first;
        entry->frame = NULL;
        if (known && known[i]) {
            id = (struct text){before, hub_known_id(service->hub, known[i], before)};
            frame_unref(known[i]);
        } else {
            first++;
        }
        net_count(&service->loop.stats.feed_events);
        if (!entry->ack_len)
            continue;
        if (!id.len) {
            id_format(ours, hub_ids(service->hub), sequence);
            id = (struct text){ours, ID_LEN};
        }
        answer_published(feed, entry, id);
    }
    feed->done += count;
}

/* One attempt with the next `count` entries, whose frames these are; on 0 they are done. HUB_ENDED:
 * *ret_index is the first that comes too late for its channel, or has the key of one before it,
 * which is not the first then. */
static int publish_once(struct feed *feed, struct frame **frames, unsigned count,
                        unsigned *ret_index)
{
    struct given_id given[TURN_EVENTS];
    uint64_t first = 0;
    for (unsigned i = 0; i < count; i++) {
        bool needed = frames[i]->id_given && feed->entries[feed->done + i].ack_len;
        given[i].len = needed ? frames[i]->id_len : 0;
        if (needed)
            memcpy(given[i].bytes, frame_id(frames[i]).at, given[i].len);
    }
    struct service *service = service_of(&feed->connection);
    bool counts = feed->entries[feed->done].counts;
    if (counts)
        feed_count_prepare(&feed->counting, service, frames[0]);
    int r = hub_publish(service->hub, frames, count, &first);
    if (counts && r != 0 && r != HUB_KNOWN)
        feed_count_drop(&feed->counting);
    if (r == 0 || r == HUB_KNOWN)
        finish_run(feed, count, first, given, r == 0 ? NULL : frames);
    if (r == HUB_ENDED || r == HUB_TWICE)
        *ret_index = (unsigned)first;
    return r == HUB_KNOWN ? 0 : r == HUB_TWICE ? HUB_ENDED : r;
}

/* The next `count` entries cannot be published: each is told, acknowledgement wanted or not. */
static void drop_run(struct feed *feed, unsigned count, const char *sentence)
{
    for (unsigned i = 0; i < count; i++) {
        struct feed_entry *entry = &feed->entries[feed->done++];
        frame_unref(TAKE(entry->frame));
        answer_entry_error(feed, entry, sentence);
    }
}

static const char *publish_fault(int r)
{
    return r == -ESHUTDOWN ? "stopping" : r == -ENOMEM ? "out of memory" : "publishing failed";
}

/* Publishes the next run or a part of it. HUB_BUSY: it must wait, `ret_count` entries of it. */
static int publish_run(struct feed *feed, unsigned *ret_count)
{
    struct service *service = service_of(&feed->connection);
    struct frame *frames[TURN_EVENTS];
    unsigned index = 0, count = gather_run(feed, frames);
    bool wait_no = feed->entries[feed->done].wait_no;
    int r = HUB_BUSY;
    if (!waiters_hold(&service->waiters, frames, one_channel(frames, count)))
        r = publish_once(feed, frames, count, &index);
    if (r == HUB_ENDED && index > 0) {
        count = index; /* what comes before it, and then that one */
        r = publish_once(feed, frames, count, &index);
    }
    if (r == HUB_BUSY && count > 1) {
        /* Narrower: one event that may not wait, or one channel, so that only it is waited for. */
        count = wait_no ? 1 : one_channel(frames, count);
        if (!waiters_hold(&service->waiters, frames, count))
            r = publish_once(feed, frames, count, &index);
    }
    if (r == HUB_ENDED) {
        if (index == 0) /* else it ended meanwhile, and the next run looks again */
            drop_run(feed, 1, "the channel has ended");
        return 0;
    }
    if (r == HUB_BUSY && wait_no) {
        net_count(&service->loop.stats.feed_events_busy);
        drop_run(feed, count, "busy");
        return 0;
    }
    if (r != 0 && r != HUB_BUSY) {
        drop_run(feed, count, publish_fault(r));
        return 0;
    }
    *ret_count = count;
    return r;
}

/* What waits for room is tried again. True if it is published, or cannot ever be, which in part is
 * for the next turn to say. */
static bool retry(struct feed *feed)
{
    struct frame *frames[TURN_EVENTS];
    (void)gather_run(feed, frames);
    unsigned index, count = feed->waiting;
    int r = publish_once(feed, frames, count, &index);
    if (r == HUB_BUSY)
        return false;
    if (r && r != HUB_ENDED)
        drop_run(feed, count, publish_fault(r));
    feed->waiting = 0;
    waiters_remove(&service_of(&feed->connection)->waiters, &feed->waiter);
    /* The rest of what it holds is its next turn, behind the others. */
    connection_ready(&feed->connection);
    return true;
}

/* The next entry, which is a hand-over. `r` and `sentence`: why it cannot be had; 0 and NULL. */
static void adopt(struct feed *feed, int r, const char *sentence)
{
    const struct feed_entry *entry = &feed->entries[feed->done++];
    if (!sentence && entry->faulty)
        sentence = feed->error;
    struct text text = feed_adoption_run(&feed->adoption, service_of(&feed->connection),
                                         &feed->parser, r, sentence);
    connection_append(&feed->connection, text.at, text.len);
}

/* Publishes and answers all that is gathered. False: it waits for room. */
static bool publish_all(struct feed *feed)
{
    struct service *service = service_of(&feed->connection);
    while (feed->done < feed->count && !feed->counting.waits) {
        if (feed->entries[feed->done].adopts) {
            adopt(feed, 0, NULL);
            continue;
        }
        if (!feed->entries[feed->done].frame) {
            net_count(&service->loop.stats.feed_events_refused);
            answer_entry_error(feed, &feed->entries[feed->done++], feed->error);
            continue;
        }
        unsigned count = 0;
        if (publish_run(feed, &count) != HUB_BUSY)
            continue;
        struct frame *frames[TURN_EVENTS];
        (void)gather_run(feed, frames);
        bool held = waiters_hold(&service->waiters, frames, count);
        feed->waiting = count;
        waiters_add(&service->waiters, &feed->waiter, &feed->connection, frames, count);
        if (held)
            return false;
        /* Once more after arming: room that appeared since the refusal would not be told. */
        waiters_arm(&service->waiters);
        if (!retry(feed))
            return false;
    }
    if (feed->counting.waits)
        return false;
    if (feed->adoption.notice)
        answer_error(feed, TAKE(feed->adoption.notice), (struct text){NULL, 0});
    feed->done = feed->count = 0;
    feed->gathered_bytes = 0;
    return true;
}

/* --- parsing ------------------------------------------------------------------------------- */

static struct feed_entry *add_entry(struct feed *feed)
{
    struct feed_entry *entry = &feed->entries[feed->count++];
    struct text ack = feed->parser.ack;
    *entry = (struct feed_entry){.wait_no = feed->parser.wait_no,
                                 .counts = feed->parser.counts && ack.len > 0,
                                 .ack_len = (uint8_t)ack.len};
    if (ack.len)
        memcpy(entry->ack, ack.at, ack.len);
    return entry;
}

static void add_refusal(struct feed *feed, const char *sentence)
{
    (void)add_entry(feed);
    snprintf(feed->error, sizeof(feed->error), "%s", sentence);
}

/* False: the event was refused, and no further one may be gathered before that is answered. */
static bool add_event(struct feed *feed)
{
    struct frame *frame;
    int r = hub_frame(service_of(&feed->connection)->hub, &feed->parser.event, &frame);
    if (r) {
        add_refusal(feed, r < 0 ? "out of memory" : frame_fault_text((enum frame_fault)r));
        return false;
    }
    add_entry(feed)->frame = frame;
    feed->gathered_bytes += frame->len;
    return true;
}

static void add_adoption(struct feed *feed, bool faulty)
{
    struct feed_entry *entry = add_entry(feed);
    connection_deadline(&feed->connection, DEADLINE_NONE); /* those behind it have their own */
    entry->adopts = true;
    entry->faulty = faulty;
    if (faulty)
        snprintf(feed->error, sizeof(feed->error), "%s", feed->parser.error);
}

/* Gathers events from the input, up to a turn's worth. */
static void parse(struct feed *feed)
{
    feed->parser.tight =
        !hub_connections_may_hold(service_of(&feed->connection)->hub, READ_BYTES, true);
    while (feed->at < feed->len && feed->count < TURN_EVENTS && feed->gathered_bytes < TURN_BYTES) {
        size_t consumed = 0;
        enum event_text_result result =
            event_text_read(&feed->parser, feed->input + feed->at, feed->len - feed->at, &consumed);
        feed->at += (uint32_t)consumed;
        bool told =
            result != EVENT_TEXT_MORE && feed_adoption_claim(&feed->adoption, &feed->parser);
        if (feed->parser.adopts && result != EVENT_TEXT_MORE) {
            add_adoption(feed, result == EVENT_TEXT_REFUSED);
            return;
        }
        if (result == EVENT_TEXT_REFUSED) {
            add_refusal(feed, feed->parser.error);
            return;
        }
        if ((result == EVENT_TEXT_EVENT && !add_event(feed)) || told)
            return;
    }
}

static bool has_input(const struct feed *feed)
{
    return feed->at < feed->len;
}

/* Reads once. False: out of memory; it will be tried again when epoll says so. */
static bool read_once(struct feed *feed)
{
    if (!feed->input)
        feed->input = malloc(READ_BYTES);
    if (!feed->input)
        return false;
    feed->at = 0;
    feed->len =
        (uint32_t)feed_adoption_read(&feed->adoption, &feed->connection, feed->input, READ_BYTES);
    return true;
}

/* --- turns --------------------------------------------------------------------------------- */

static bool is_held(const struct feed *feed)
{
    return connection_output_bytes(&feed->connection) > FEED_ANSWER_BYTES_MAX;
}

static void finish(struct feed *feed)
{
    feed_adoption_drop(&feed->adoption);
    connection_finish(&feed->connection);
}

/* A descriptor that waits may be our own peer's, which would then never hang up: it has as long as
 * the body of a request. */
static void bound_descriptors(struct feed *feed)
{
    bool waits = feed_adoption_waits(&feed->adoption);
    if (waits != (feed->connection.deadline.kind == DEADLINE_BODY))
        connection_deadline(&feed->connection, waits ? DEADLINE_BODY : DEADLINE_NONE);
}

/* After a turn: writes the answers, and says what it waits for now. */
static void settle(struct feed *feed)
{
    struct connection *connection = &feed->connection;
    connection_flush(connection);
    if (connection->broken) {
        connection_close(connection); /* or it would wait for the lost answers for ever */
        return;
    }
    if (!has_input(feed))
        free(TAKE(feed->input));
    bound_descriptors(feed);
    uint32_t events = connection_has_output(connection) ? EPOLLOUT : 0;
    if (is_waiting(feed)) {
        connection_want(connection, events);
        return;
    }
    if (is_held(feed)) {
        net_count(&connection->loop->stats.feeds_held);
        connection_want(connection, events);
        return;
    }
    if (has_input(feed) || feed->count > 0)
        connection_ready(connection);
    else if (feed->told)
        finish(feed);
    if (!connection->finishing)
        connection_want(connection, connection->ended ? events : events | EPOLLIN);
}

static void turn(struct feed *feed)
{
    struct connection *connection = &feed->connection;
    if (!publish_all(feed) || is_held(feed)) {
        settle(feed);
        return;
    }
    if (!has_input(feed) && !connection->ended && !read_once(feed)) {
        connection_close(connection);
        return;
    }
    parse(feed);
    if (connection->ended && !has_input(feed) && !feed->told && feed->count < TURN_EVENTS) {
        feed->told = true;
        bool cut = event_text_end(&feed->parser) == EVENT_TEXT_REFUSED;
        if (cut && feed->parser.adopts) {
            (void)feed_adoption_claim(&feed->adoption, &feed->parser);
            add_adoption(feed, true);
        } else if (cut) {
            add_refusal(feed, feed->parser.error);
        }
    }
    (void)publish_all(feed);
    settle(feed);
}

static void on_event(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    if (is_waiting(feed)) {
        settle(feed);
        return;
    }
    if (link_is_listed(&connection->ready))
        return;
    connection_flush(connection);
    turn(feed);
}

static void on_ready(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    if (!is_waiting(feed))
        turn(feed);
}

/* Time that it waits for us is not its own. */
static void on_expired(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    connection_deadline(connection, is_waiting(feed) ? DEADLINE_BODY : DEADLINE_NONE);
    if (is_waiting(feed))
        return;
    feed_adoption_late(&feed->adoption);
    turn(feed);
}

static bool on_room(struct connection *connection)
{
    return retry((struct feed *)connection);
}

static void on_answer(struct connection *connection, const struct pending_answer *answer)
{
    answer_counted((struct feed *)connection, answer);
    connection_ready(connection);
}

static void on_stop(struct connection *connection)
{
    struct feed *feed = (struct feed *)connection;
    if (feed->counting.waits)
        answer_counted(feed, NULL);
    waiters_remove(&service_of(connection)->waiters, &feed->waiter);
    while (feed->done < feed->count) {
        if (feed->entries[feed->done].frame)
            drop_run(feed, 1, "stopping");
        else if (feed->entries[feed->done].adopts)
            adopt(feed, -ESHUTDOWN, "stopping");
        else
            answer_entry_error(feed, &feed->entries[feed->done++], feed->error);
    }
    /* Also without an event at hand: whoever wants no acks learns here that nobody reads on. */
    answer_error(feed, "stopping", (struct text){NULL, 0});
    finish(feed);
}

static const struct connection_operations operations = {
    .on_event = on_event,
    .on_ready = on_ready,
    .on_expired = on_expired,
    .on_room = on_room,
    .on_answer = on_answer,
    .on_limits = on_limits,
    .on_stop = on_stop,
    .on_closed = on_closed,
    .memory = feed_memory,
    .free = feed_free,
};
