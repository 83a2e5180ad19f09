/* SPDX-License-Identifier: MIT */
/* What is said of a connection that is given to us, and what becomes of it: see handover.h. */
#include "net/handover.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/form.h"
#include "net/caps.h"
#include "net/given.h"
#include "net/handover_names.h"
#include "net/http/answer.h"
#include "net/journal.h"

#define ROW(row, name, again, number) ROW_##row,
enum row { HANDOVER_NAMES(ROW) ROWS };
#undef ROW

/* `twice` is NULL of what may come again. */
#define ROW(row, name, again, number)                                                              \
    [ROW_##row] = {TEXT_INIT(name), (again) ? NULL : name " is given twice"},
static const struct {
    struct text name;
    const char *twice;
} rows[ROWS] = {HANDOVER_NAMES(ROW)};
#undef ROW

static const char no_memory[] = "the server is out of memory";

void handover_init(struct handover *handover)
{
    *handover = (struct handover){0};
}

void handover_deinit(struct handover *handover)
{
    free(TAKE(handover->channels));
    free(TAKE(handover->head));
    free(TAKE(handover->first));
}

/* --- what is said -------------------------------------------------------------------------- */

static void refuse(struct handover *handover, const char *fault)
{
    if (!handover->fault)
        handover->fault = fault;
}

static void refuse_for_memory(struct handover *handover)
{
    handover->no_memory |= !handover->fault;
    refuse(handover, no_memory);
}

static void take_channel(struct handover *handover, struct text value)
{
    if (handover->channel_count == SUBSCRIBER_CHANNELS_MAX) {
        refuse(handover, "more than 4096 channels are given");
        return;
    }
    if (handover->channel_count == handover->channel_room) {
        unsigned room = handover->channel_room ? 4 * handover->channel_room : 4;
        struct text *grown = realloc(handover->channels, room * sizeof(*grown));
        if (!grown) {
            refuse_for_memory(handover);
            return;
        }
        handover->channels = grown;
        handover->channel_room = room;
    }
    handover->channels[handover->channel_count++] = value;
}

/* Puts the value and an end behind what is there, up to so much. */
static void append(struct handover *handover, char **bytes, size_t *len, struct text value,
                   struct text end, size_t most, const char *too_long)
{
    size_t need = *len + value.len + end.len;
    char *grown = need <= most ? realloc(*bytes, need) : NULL;
    if (!grown && need <= most)
        refuse_for_memory(handover);
    else if (!grown)
        refuse(handover, too_long);
    if (!grown)
        return;
    if (value.len)
        memcpy(grown + *len, value.at, value.len);
    memcpy(grown + *len + value.len, end.at, end.len);
    *bytes = grown;
    *len = need;
}

static void take_header(struct handover *handover, struct text value)
{
    /* It would be two of them, or end the head. */
    if (value.len && (memchr(value.at, '\r', value.len) || memchr(value.at, '\n', value.len)))
        refuse(handover, "a header has a line end in it");
    else
        append(handover, &handover->head, &handover->head_len, value, TEXT("\r\n"),
               ADOPT_HEAD_BYTES_MAX, "the head lines are longer than 8192 bytes");
}

static void take_first(struct handover *handover, struct text value)
{
    append(handover, &handover->first, &handover->first_len, value, TEXT("\n"), FIRST_BYTES_MAX,
           "the first event is longer than 65536 bytes");
}

static uint64_t number_of(struct handover *handover, struct text value, uint64_t least,
                          uint64_t most, const char *fault)
{
    uint64_t number = 0;
    bool sound = value.len > 0;
    for (size_t i = 0; i < value.len && sound; i++) {
        unsigned digit = (unsigned char)value.at[i] - (unsigned)'0';
        sound = digit <= 9 && number <= (most - digit) / 10;
        number = number * 10 + digit;
    }
    if (!sound || number < least)
        refuse(handover, fault);
    return number;
}

/* One of two words. */
static void take_word(struct handover *handover, struct text value, struct text yes, struct text no,
                      bool *ret_is, const char *fault)
{
    if (!text_equals(value, yes) && !text_equals(value, no))
        refuse(handover, fault);
    *ret_is = text_equals(value, yes);
}

bool handover_take(struct handover *handover, struct text name, struct text value)
{
    enum row row = 0;
    while (row < ROWS && !text_equals(rows[row].name, name))
        row++;
    if (row == ROWS)
        return false;
    if (rows[row].twice && handover->seen & 1u << row)
        refuse(handover, rows[row].twice);
    handover->seen |= 1u << row;
    switch (row) {
    case ROW_ADOPT:
        take_channel(handover, value);
        break;
    case ROW_RESUME:
        handover->resume = value;
        break;
    case ROW_HEADER:
        take_header(handover, value);
        break;
    case ROW_HEAD:
        take_word(handover, value, TEXT("sent"), TEXT("send"), &handover->head_sent,
                  "head is neither sent nor send");
        break;
    case ROW_HTTP:
        take_word(handover, value, TEXT("1.0"), TEXT("1.1"), &handover->plain,
                  "http is neither 1.0 nor 1.1");
        break;
    case ROW_LAST:
        handover->last = (uint32_t)number_of(handover, value, 0, UINT32_MAX,
                                             "last is not a number from 0 to 4294967295");
        break;
    case ROW_LIMIT:
        handover->limit = (uint32_t)number_of(handover, value, 1, UINT32_MAX,
                                              "limit is not a number from 1 to 4294967295");
        break;
    case ROW_LIFETIME:
        handover->lifetime_s =
            (uint32_t)number_of(handover, value, 1, UINT32_MAX,
                                "lifetime is not a number of seconds from 1 to 4294967295");
        break;
    case ROW_TAG:
        handover->tag = number_of(handover, value, 0, UINT64_MAX,
                                  "tag is not a number from 0 to 18446744073709551615");
        break;
    case ROW_FIRST:
        take_first(handover, value);
        break;
    case ROWS:
        break;
    }
    return true;
}

void handover_read(struct handover *handover, struct text lines)
{
    while (lines.len > 0) {
        const char *end = memchr(lines.at, '\n', lines.len);
        CHECK(end);
        struct text line = {lines.at, (size_t)(end - lines.at)};
        const char *colon = line.len ? memchr(line.at, ':', line.len) : NULL;
        struct text name = {line.at, colon ? (size_t)(colon - line.at) : line.len};
        size_t value_at = name.len + (colon ? 1 : 0);
        value_at += value_at < line.len && line.at[value_at] == ' ';
        CHECK(
            handover_take(handover, name, (struct text){line.at + value_at, line.len - value_at}));
        lines = (struct text){end + 1, lines.len - line.len - 1};
    }
}

/* --- refusing ------------------------------------------------------------------------------ */

#define ANSWER_ROOM (FORM_REFUSAL_BYTES_MAX + HTTP_HEAD_ROOM + HTTP_ERROR_ROOM)

static const char *reason_of(int r)
{
    return r == -ESHUTDOWN ? "drain" : r == -ENOSPC ? "full" : "memory";
}

/* A stream that tells an EventSource when to come back, as for one of our own listeners. */
static size_t put_off(struct service *service, const struct handover *handover, int r,
                      struct text lines, char out[ANSWER_ROOM])
{
    const struct server_options *options = &service->limits.options;
    bool from_here = !handover->resume.len && !handover->last &&
                     caps_have_places(service, handover->channels, handover->channel_count);
    char id[ID_LEN];
    if (from_here)
        id_format_place(id, hub_ids(service->hub), hub_next_sequence(service->hub) - 1);
    const struct form_refusal form = {
        .reason = text_of(reason_of(r)),
        .lines = lines,
        .puts_off = true,
        .bare = !options->preface,
        .charset = options->charset,
        .retry_ms = slots_take(&service->slots, service->loop.now_ns, options->retry_ms),
        .point = {from_here ? id : NULL, sizeof(id)},
    };
    return form_refusal(handover->plain ? FORM_PLAIN : FORM_CHUNKED, &form, out);
}

/* For now: with the lines that its stream would have had, or no page would come back. */
static size_t answer_for_now(struct service *service, const struct handover *handover, int r,
                             const char *sentence, char out[ANSWER_ROOM])
{
    const struct adoption adoption = {.channels = handover->channels,
                                      .channel_count = handover->channel_count,
                                      .head = {handover->head, handover->head_len}};
    char room[ADOPT_LINES_ROOM], extra[ADOPT_LINES_ROOM + 32];
    struct text lines = adopt_lines(service->server, &adoption, room);
    if (service->limits.options.refuse == REFUSE_RETRY)
        return put_off(service, handover, r, lines, out);
    size_t date_len = http_date_line(time(NULL)).len; /* which the head has itself */
    int len = snprintf(extra, sizeof(extra), "Retry-After: %d\r\n%.*s", RETRY_AFTER_S,
                       (int)(lines.len - date_len), lines.at + date_len);
    struct http_answer head = {.status = 503, .extra = {extra, (size_t)len}, .now = time(NULL)};
    return http_format_error(out, ANSWER_ROOM, &head, sentence, false, false);
}

static size_t make_answer(struct service *service, const struct handover *handover, int r,
                          const char *sentence, char out[ANSWER_ROOM])
{
    if (adopt_status(r) == 503)
        return answer_for_now(service, handover, r, sentence, out);
    /* Its own lines may be what is wrong. */
    struct http_answer head = {.status = 400, .now = time(NULL)};
    return http_format_error(out, ANSWER_ROOM, &head, sentence, false, false);
}

static void note(struct service *service, int fd, int r)
{
    struct journal *journal = service->server->journal;
    struct sockaddr_storage socket;
    socklen_t len = sizeof(socket);
    struct fact fact = {.kind = FACT_REFUSED, .status = adopt_status(r)};
    if (!journal)
        return;
    fact.refusal = text_of(fact.status == 503 ? reason_of(r) : "handover");
    if (fact.status == 503 && service->limits.options.refuse == REFUSE_RETRY)
        fact.status = 200;
    if (getpeername(fd, (struct sockaddr *)&socket, &len) == 0)
        fact.peer = address_of_socket((struct sockaddr *)&socket, len);
    journal_tell(journal, &fact);
}

void handover_refuse(struct service *service, const struct handover *handover, int fd, int r,
                     const char *sentence)
{
    note(service, fd, r);
    if (!handover->head_sent) {
        char bytes[ANSWER_ROOM];
        size_t len = make_answer(service, handover, r, sentence, bytes);
        /* Best effort, and no harm to what is no socket. */
        (void)!send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    /* The program may still have the descriptor. */
    (void)shutdown(fd, SHUT_WR);
    (void)!recv(fd, service->loop.input, sizeof(service->loop.input), MSG_DONTWAIT);
    given_close(fd);
}

/* --- adopting ------------------------------------------------------------------------------ */

static int first_frame(const struct handover *handover, struct frame **ret_frame,
                       char error[HANDOVER_ERROR_ROOM])
{
    *ret_frame = NULL;
    if (!handover->first)
        return 0;
    const struct event event = {.data = {handover->first, handover->first_len - 1}, .retry_ms = -1};
    int r = hub_private_frame(&event, ret_frame);
    if (r)
        snprintf(error, HANDOVER_ERROR_ROOM, "%s",
                 r < 0 ? no_memory : frame_fault_text((enum frame_fault)r));
    return r < 0 ? r : r > 0 ? ADOPT_SAID : 0;
}

/* One end of a connection. */
struct end {
    struct sockaddr_storage socket;
    socklen_t len;
    struct address address;
    in_port_t port;
};

static struct end end_of(const struct sockaddr_storage *socket, socklen_t len)
{
    struct end end = {.socket = *socket,
                      .len = len,
                      .address = address_of_socket((const struct sockaddr *)socket, len)};
    const void *at = &end.socket;
    if (len >= sizeof(struct sockaddr_in) && socket->ss_family == AF_INET)
        end.port = ((const struct sockaddr_in *)at)->sin_port;
    else if (len >= sizeof(struct sockaddr_in6) && socket->ss_family == AF_INET6)
        end.port = ((const struct sockaddr_in6 *)at)->sin6_port;
    return end;
}

/* Both ends are on this machine, as far as that can be told from them. */
static bool is_within_machine(const struct end *peer, const struct end *own)
{
    static const uint8_t v6_loopback[16] = {[15] = 1};
    const uint8_t *bytes = peer->address.bytes;
    return address_equals(&peer->address, &own->address) ||
           (peer->address.family == ADDRESS_V4 ? bytes[0] == IN_LOOPBACKNET
                                               : memcmp(bytes, v6_loopback, 16) == 0);
}

static bool leads_to(const struct listener *listener, const struct end *peer, const struct end *own)
{
    static const uint8_t any[16];
    const struct end bound = end_of(&listener->bound, listener->bound_len);
    if (bound.len > 0 && bound.len == peer->len &&
        memcmp(&bound.socket, &peer->socket, bound.len) == 0)
        return true;
    return bound.port && bound.port == peer->port && bound.address.family == peer->address.family &&
           memcmp(bound.address.bytes, any, sizeof(any)) == 0 && is_within_machine(peer, own);
}

/* The client's end of a connection to one of our listeners: it would hold itself open for ever. One
 * that comes through something that forwards it cannot be told. */
static bool leads_back(const struct server_state *server, int fd)
{
    struct sockaddr_storage sockets[2] = {0};
    socklen_t lens[2] = {sizeof(sockets[0]), sizeof(sockets[1])};
    if (getpeername(fd, (struct sockaddr *)&sockets[0], &lens[0]) ||
        getsockname(fd, (struct sockaddr *)&sockets[1], &lens[1]))
        return false;
    const struct end peer = end_of(&sockets[0], lens[0]), own = end_of(&sockets[1], lens[1]);
    for (unsigned i = 0; i < server->listener_count; i++)
        if (leads_to(&server->listeners[i], &peer, &own))
            return true;
    return false;
}

static int adopt(struct service *service, const struct handover *handover, int fd,
                 uint64_t *ret_subscriber, char error[HANDOVER_ERROR_ROOM])
{
    struct frame *first;
    if (handover->fault) {
        snprintf(error, HANDOVER_ERROR_ROOM, "%s", handover->fault);
        return handover->no_memory ? -ENOMEM : ADOPT_SAID;
    }
    if (leads_back(service->server, fd)) {
        snprintf(error, HANDOVER_ERROR_ROOM, "the descriptor is a connection to this server");
        return ADOPT_SAID;
    }
    int r = first_frame(handover, &first, error);
    if (r)
        return r;
    const struct adoption adoption = {
        .channels = handover->channels,
        .channel_count = handover->channel_count,
        .resume = handover->resume,
        .head = {handover->head, handover->head_len},
        .first = &first,
        .first_count = first ? 1 : 0,
        .last = handover->last,
        .limit = handover->limit,
        .ends_ns =
            handover->lifetime_s ? clock_ns() + handover->lifetime_s * INT64_C(1000000000) : 0,
        .tag = handover->tag,
        .head_sent = handover->head_sent,
        .plain = handover->plain,
    };
    r = adopt_socket(service->server, fd, &adoption, ret_subscriber, error);
    if (r)
        frame_unref(first);
    return r;
}

int handover_run(struct service *service, const struct handover *handover, int fd,
                 uint64_t *ret_subscriber, char error[HANDOVER_ERROR_ROOM])
{
    int r = adopt(service, handover, fd, ret_subscriber, error);
    if (r)
        handover_refuse(service, handover, fd, r, error);
    return r;
}
