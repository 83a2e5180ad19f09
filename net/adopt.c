/* SPDX-License-Identifier: MIT */
/*
 * Adopts connections: see adopt.h.
 *
 * The order is that of cost: the caller's own faults first, then the socket, then what is taken and
 * would have to be given back. Only then is the socket made one that blocks nobody, and right after
 * it handed over. No place here is one where a thread is cancelled.
 */
#include "net/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/builder.h"
#include "engine/base/wake.h"
#include "engine/form.h"
#include "net/answer.h"
#include "net/given.h"
#include "net/http/answer.h"
#include "net/http/bytes.h"
#include "net/http/head_line.h"
#include "net/seats.h"

static_assert(ADOPT_HEAD_BYTES_MAX + GRANTED_LINES_ROOM <= ADOPT_LINES_ROOM, "they fit");
static_assert(ADOPT_LINES_ROOM <= FORM_REFUSAL_LINES_MAX, "a worker's refusal has them all");

/* One that is under way. */
struct adopting {
    struct server_state *server;
    const struct adoption *adoption;
    struct stream_limits limits;
    int fd;
    bool is_unix;
    struct address peer;
    const struct text *channels; /* no two alike */
    unsigned channel_count;
    struct text *own_channels; /* ours, or NULL */
    char *error;               /* NULL: nobody wants to know */
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct adopting *adopting, int r,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (adopting->error)
        vsnprintf(adopting->error, ADOPT_ERROR_ROOM, format, arguments);
    va_end(arguments);
    return r;
}

/* --- channels ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const struct text *one = a, *two = b;
    if (one->len != two->len)
        return one->len < two->len ? -1 : 1;
    return memcmp(one->at, two->at, one->len);
}

/* Leaves one of those that are the same. */
static int take_once(struct adopting *adopting)
{
    unsigned count = adopting->channel_count, kept = 1;
    if (count == 1)
        return 0;
    struct text *own = malloc(count * sizeof(*own));
    if (!own)
        return refuse(adopting, -ENOMEM, "the server is out of memory");
    memcpy(own, adopting->channels, count * sizeof(*own));
    qsort(own, count, sizeof(*own), compare);
    for (unsigned i = 1; i < count; i++)
        if (!text_equals(own[i], own[kept - 1]))
            own[kept++] = own[i];
    adopting->channels = adopting->own_channels = own;
    adopting->channel_count = kept;
    return 0;
}

static int check_channel(const struct adopting *adopting, unsigned which)
{
    enum frame_fault fault = frame_check_channel(adopting->channels[which]);
    if (fault == FRAME_OK)
        return 0;
    return refuse(adopting,
                  fault == FRAME_CHANNEL_EMPTY  ? ADOPT_CHANNEL_EMPTY
                  : fault == FRAME_CHANNEL_LONG ? ADOPT_CHANNEL_LONG
                                                : ADOPT_CHANNEL_TEXT,
                  "channel %u of the stream: %s", which + 1, frame_fault_text(fault));
}

static int check_channels(struct adopting *adopting)
{
    uint32_t most = adopting->limits.subscriber_channels_max;
    int r = 0;
    if (adopting->channel_count == 0)
        return refuse(adopting, ADOPT_NO_CHANNEL, "no channel is given to subscribe to");
    /* Ten times as many that are the same would only be work. */
    if (adopting->channel_count > SUBSCRIBER_CHANNELS_MAX)
        return refuse(adopting, ADOPT_MANY_CHANNELS, "more than %u channels are given", most);
    for (unsigned i = 0; i < adopting->channel_count && !r; i++)
        r = check_channel(adopting, i);
    if (!r)
        r = take_once(adopting);
    if (r)
        return r;
    if (adopting->channel_count > most)
        return refuse(adopting, ADOPT_MANY_CHANNELS, "more than %u channels are given", most);
    unsigned which;
    char word[HTTP_WORD_ROOM];
    if (caps_stand_alone(adopting->limits.channels, adopting->channels, adopting->channel_count,
                         &which))
        return 0;
    http_word(adopting->channels[which], word);
    return refuse(adopting, ADOPT_TOGETHER,
                  "the channel \"%s\" is for one event, and is subscribed to alone", word);
}

/* --- head lines ---------------------------------------------------------------------------- */

/* Takes the next line off the text, without its CRLF. False: there is none, or it has no such end.
 */
static bool next_line(struct text *lines, struct text *ret_line)
{
    const char *end = lines->len ? memmem(lines->at, lines->len, "\r\n", 2) : NULL;
    if (!end)
        return false;
    *ret_line = (struct text){lines->at, (size_t)(end - lines->at)};
    *lines = (struct text){end + 2, lines->len - ret_line->len - 2};
    return true;
}

static int check_head(const struct adopting *adopting)
{
    struct text rest = adopting->adoption->head, line, name, value;
    const char *fault = NULL;
    if (rest.len > ADOPT_HEAD_BYTES_MAX)
        return refuse(adopting, -E2BIG, "the head lines are longer than %u bytes",
                      ADOPT_HEAD_BYTES_MAX);
    while (!fault && next_line(&rest, &line))
        fault = head_line_check_program(line, &name, &value);
    if (!fault && rest.len > 0) {
        fault = "does not end with CRLF";
        line = rest;
    }
    if (!fault)
        return 0;
    char word[HTTP_WORD_ROOM];
    http_word(line, word);
    return refuse(adopting, ADOPT_HEAD, "the head line \"%s\" %s", word, fault);
}

/* Whether one of the lines, which were checked, is of that name. */
static bool have_name(struct text lines, struct text name)
{
    struct text line, other, value;
    while (next_line(&lines, &line))
        if (!head_line_read(line, &other, &value) && other.len == name.len &&
            strncasecmp(other.at, name.at, name.len) == 0)
            return true;
    return false;
}

/* Ours, but for those that the caller has one for. */
static void put_ours(struct builder *builder, struct text lines, struct text callers)
{
    struct text line, name, value;
    while (next_line(&lines, &line)) {
        if (head_line_read(line, &name, &value) || have_name(callers, name))
            continue;
        builder_put(builder, line);
        builder_put(builder, TEXT("\r\n"));
    }
}

static struct text make_head(const struct adopting *adopting, char room[ADOPT_LINES_ROOM])
{
    const struct adoption *adoption = adopting->adoption;
    const struct head_lines *operators = adopting->limits.site->lines;
    struct builder builder = builder_of(room, ADOPT_LINES_ROOM);
    if (adoption->head_sent)
        return TEXT("");
    if (adoption->lines.len > 0) {
        CHECK(adoption->lines.len <= GRANTED_LINES_ROOM);
        put_ours(&builder, adoption->lines, adoption->head);
    } else {
        char of_stream[HEAD_LINES_BYTES_MAX];
        size_t len =
            head_lines_of_stream(operators, adopting->channels, adopting->channel_count, of_stream);
        builder_put(&builder, http_date_line(time(NULL)));
        put_ours(&builder, head_lines_always(operators), adoption->head);
        put_ours(&builder, (struct text){of_stream, len}, adoption->head);
    }
    builder_put(&builder, adoption->head);
    return builder_text(&builder);
}

/* --- the socket ---------------------------------------------------------------------------- */

static int check_socket(struct adopting *adopting)
{
    struct sockaddr_storage socket;
    socklen_t len = sizeof(socket), type_len = sizeof(int);
    int type;
    if (getsockopt(adopting->fd, SOL_SOCKET, SO_TYPE, &type, &type_len))
        return refuse(adopting, -errno, "the descriptor is no socket");
    if (type != SOCK_STREAM)
        return refuse(adopting, -EPROTOTYPE, "the socket is no stream socket");
    if (getpeername(adopting->fd, (struct sockaddr *)&socket, &len))
        return refuse(adopting, -errno, "the socket is not connected");
    adopting->is_unix = socket.ss_family == AF_UNIX;
    adopting->peer = adopting->adoption->peer ? *adopting->adoption->peer
                                              : address_of_socket((struct sockaddr *)&socket, len);
    return 0;
}

/* --- handing over -------------------------------------------------------------------------- */

/* What may be better later. */
static int refuse_for_now(const struct adopting *adopting, int r)
{
    struct net_stats *stats = &adopting->server->adopt_stats;
    switch (r) {
    case HUB_NO_MEMORY:
        net_count_shared(&stats->subscribers_refused_memory);
        return refuse(adopting, -ENOBUFS, "the server has reached its memory limit");
    case CAPS_ADDRESS:
        net_count_shared(&stats->subscribers_refused_address);
        return refuse(adopting, -ENOSPC, "this address has as many streams as it may");
    case CAPS_CHANNEL:
        net_count_shared(&stats->subscribers_refused_channel);
        return refuse(adopting, -ENOSPC, "a channel has as many subscribers as it may");
    case HUB_FULL:
        net_count_shared(&stats->subscribers_refused);
        return refuse(adopting, -ENOSPC, "no worker has room for a subscriber");
    case -ESHUTDOWN:
        net_count_shared(&stats->subscribers_refused);
        return refuse(adopting, r, "the server is stopping");
    case -E2BIG:
        return refuse(adopting, r, "the first events are longer than %u bytes", FIRST_BYTES_MAX);
    default:
        net_count_shared(&stats->subscribers_refused);
        return refuse(adopting, r, "the server is out of memory");
    }
}

/* The socket's other descriptor, so that nothing is changed of one that is not taken. */
static void tune(const struct adopting *adopting, int other)
{
    const struct listener_tuning tuning = {adopting->limits.peer_timeout_ms,
                                           adopting->limits.send_buffer};
    if (other < 0)
        return;
    listener_tune_socket(other, adopting->is_unix, &tuning);
    descriptor_close(other);
}

static int hand_over(const struct adopting *adopting, const struct subscribe_request *request,
                     uint64_t *ret_subscriber)
{
    int flags = fcntl(adopting->fd, F_GETFL);
    int other = fcntl(adopting->fd, F_DUPFD_CLOEXEC, 0);
    bool was_blocking = flags >= 0 && !(flags & O_NONBLOCK);
    struct linger linger = given_linger(adopting->fd);
    if (was_blocking)
        (void)fcntl(adopting->fd, F_SETFL, flags | O_NONBLOCK);
    if (linger.l_onoff) /* a worker may close it from the hand-over on */
        given_set_linger(adopting->fd, (struct linger){0});
    int r = hub_subscribe(adopting->server->hub, request, ret_subscriber);
    if (r == 0) {
        tune(adopting, other);
        return 0;
    }
    if (other >= 0)
        descriptor_close(other);
    if (was_blocking)
        (void)fcntl(adopting->fd, F_SETFL, flags);
    if (linger.l_onoff)
        given_set_linger(adopting->fd, linger);
    return r;
}

/* Behind our own seats, and off them again. */
static struct seat **join_chains(struct seat **chain, struct seat *callers)
{
    while (*chain)
        chain = &(*chain)->next;
    *chain = callers;
    return chain;
}

static int subscribe(const struct adopting *adopting, uint64_t *ret_subscriber)
{
    const struct adoption *adoption = adopting->adoption;
    const struct stream_limits *limits = &adopting->limits;
    struct server_state *server = adopting->server;
    bool puts_off = limits->refuse == REFUSE_RETRY && !adoption->refuse_503 && !adoption->head_sent;
    bool earliest = text_equals(adoption->resume, TEXT("earliest"));
    uint64_t next = hub_next_sequence(server->hub);
    char room[ADOPT_LINES_ROOM];
    struct subscribe_request request = {
        .fd = adopting->fd,
        .before = adoption->before ? adoption->before : next,
        .channels = adopting->channels,
        .channel_count = adopting->channel_count,
        .has_resume = adoption->resume.len > 0 && !earliest,
        .resume = adoption->resume,
        .since = adoption->since < next ? adoption->since : next,
        .first = adoption->first,
        .first_count = adoption->first_count,
        .ends_ns = adoption->ends_ns,
        .limit = adoption->limit,
        .last = earliest ? UINT32_MAX : adoption->last,
        .wait_ms = adoption->wait_ms,
        .polls = adoption->polls,
        .plain = adoption->plain,
        .bare = adoption->bare || !limits->preface,
        .puts_off = puts_off,
        .charset = limits->charset,
        .tells_id = limits->tells_id,
        .head_sent = adoption->head_sent,
        .group =
            adoption->listener ? (uint8_t)(adoption->listener - server->listeners) : ADOPT_GROUP,
        .peer = {(const char *)&adopting->peer, sizeof(adopting->peer)},
        .head = make_head(adopting, room),
    };
    if (request.before < request.since) /* nothing older is asked for */
        request.before = request.since;
    const struct seats seats = {.caps = {.tally = limits->tally,
                                         .rules = limits->channels,
                                         .per_address = limits->subscribers_per_address},
                                .presence = limits->presence,
                                .journal = server->journal,
                                .usher = server->usher,
                                .tag = adoption->tag,
                                .adopted = true};
    struct journal_seat *noted;
    if (hub_subscribers(server->hub) >= limits->subscribers_max) {
        net_count_shared(&server->adopt_stats.subscribers_refused);
        return refuse(adopting, -ENOSPC, "the server has as many subscribers as it may");
    }
    int r = seats_take(&seats, &adopting->peer, request.channels, request.channel_count,
                       puts_off ? 200 : 503, &request.seat, &noted);
    if (r)
        return refuse_for_now(adopting, r);
    struct seat **callers = join_chains(&request.seat, adoption->seat);
    r = hand_over(adopting, &request, ret_subscriber);
    if (r == 0)
        return 0;
    *callers = NULL;
    seats_give_up(request.seat, noted);
    return refuse_for_now(adopting, r);
}

int adopt_socket(struct server_state *server, int fd, const struct adoption *adoption,
                 uint64_t *ret_subscriber, char error[ADOPT_ERROR_ROOM])
{
    struct adopting adopting = {.server = server,
                                .adoption = adoption,
                                .fd = fd,
                                .channels = adoption->channels,
                                .channel_count = adoption->channel_count,
                                .error = error};
    server_state_stream_limits(server, &adopting.limits);
    int r = check_channels(&adopting);
    if (!r && !adoption->head_sent)
        r = check_head(&adopting);
    if (!r)
        r = check_socket(&adopting);
    if (!r)
        r = subscribe(&adopting, ret_subscriber);
    free(adopting.own_channels);
    stream_limits_deinit(&adopting.limits);
    net_count_shared(r ? &server->adopt_stats.adopt_refused : &server->adopt_stats.adopted);
    return r;
}

struct text adopt_lines(struct server_state *server, const struct adoption *adoption,
                        char room[ADOPT_LINES_ROOM])
{
    struct adoption sound = *adoption;
    struct adopting adopting = {
        .adoption = &sound, .channels = sound.channels, .channel_count = sound.channel_count};
    if (check_head(&adopting))
        sound.head = TEXT("");
    server_state_stream_limits(server, &adopting.limits);
    struct text lines = make_head(&adopting, room);
    stream_limits_deinit(&adopting.limits);
    return lines;
}

int adopt_status(int r)
{
    return r == -ENOSPC || r == -ENOBUFS || r == -ENOMEM || r == -ESHUTDOWN ? 503 : 400;
}
