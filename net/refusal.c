/* SPDX-License-Identifier: MIT */
/* Who gets which answer: see refusal.h. */
#include "net/refusal.h"

#include <sys/socket.h>

#include "engine/form.h"
#include "net/answer.h"
#include "net/caps.h"
#include "net/http/media_type.h"
#include "net/note.h"

/* A worker refuses with the lines that a stream would have had: without those of CORS no page's
 * EventSource would come back. */
static_assert(GRANTED_LINES_ROOM <= FORM_REFUSAL_LINES_MAX, "none is left out");

bool refusal_puts_off(const struct client *client)
{
    const struct http_request *request = &client->parser.request;
    return client->head_done && client->route && client->route->kind == ROUTE_FOUND &&
           client->route->row->act == ACT_SUBSCRIBE && request->method != METHOD_HEAD &&
           service_of(&client->connection)->limits.options.refuse == REFUSE_RETRY &&
           media_type_is_asked_for(client_text(client, request->accept), "text/event-stream");
}

/* The whole answer to one that is put off. */
static size_t put_off(struct client *client, const struct refusal *refusal,
                      char out[FORM_REFUSAL_BYTES_MAX])
{
    struct service *service = service_of(&client->connection);
    const struct http_request *request = &client->parser.request;
    const struct route *route = client->route;
    bool from_here = !request->last_event_id.len && !route->has_resume && !route->last &&
                     caps_have_places(service, route->channels, route->channel_count);
    char room[STREAM_LINES_ROOM], id[ID_LEN];
    if (from_here)
        id_format_place(id, hub_ids(service->hub), hub_next_sequence(service->hub) - 1);
    struct form_refusal form = {
        .reason = text_of(refusal->reason),
        .lines = answer_stream_lines(client, room, sizeof(room)),
        .puts_off = true,
        .bare = route_is_bare(route, service->limits.options.preface),
        .charset = service->limits.options.charset,
        .retry_ms =
            slots_take(&service->slots, service->loop.now_ns, service->limits.options.retry_ms),
        .point = {from_here ? id : NULL, sizeof(id)},
    };
    net_count(&service->loop.stats.subscribers_put_off);
    return form_refusal(request->minor == 0 ? FORM_PLAIN : FORM_CHUNKED, &form, out);
}

static void count(struct net_stats *stats, const char *reason)
{
#define X(word)                                                                                    \
    if (strcmp(reason, #word) == 0)                                                                \
        net_count(&stats->refusals_##word);
    REFUSAL_REASONS(X)
#undef X
}

enum handler_result refusal_answer(struct client *client, const struct refusal *refusal)
{
    client->close_after = true;
    note_refused(client, refusal->reason);
    count(&client->connection.loop->stats, refusal->reason);
    if (!refusal_puts_off(client))
        return answer_error(client, refusal->status, refusal->sentence);
    char bytes[FORM_REFUSAL_BYTES_MAX];
    size_t len = put_off(client, refusal, bytes);
    note_answer(client, 200, 0);
    connection_write(&client->connection, bytes, len);
    return ANSWERED;
}

size_t refusal_at_once(struct service *service, const struct listener *listener, int fd,
                       const struct refusal *refusal, char *out, size_t size)
{
    struct loop *loop = &service->loop;
    count(&loop->stats, refusal->reason);
    ssize_t len = recv(fd, loop->input, sizeof(loop->input), MSG_DONTWAIT | MSG_PEEK);
    struct client client = {
        .connection = {.fd = fd, .loop = loop}, .listener = listener, .input = loop->input};
    const struct server_options *options = &service->limits.options;
    struct http_limits limits = {.head_bytes_max = options->head_bytes_max,
                                 .target_bytes_max = options->target_bytes_max,
                                 .body_bytes_max = options->body_max};
    http_parser_init(&client.parser, &limits);
    if (len > 0)
        client.head_done =
            http_parse(&client.parser, client.input, 0, (size_t)len, &client.at) == PARSE_HEAD;
    if (client.head_done)
        client_match(&client);
    bool puts_off = refusal_puts_off(&client);
    note_refused(&client, refusal->reason);
    note_answer(&client, puts_off ? 200 : refusal->status, 0);
    if (!puts_off)
        return answer_refusal(refusal->status, refusal->sentence,
                              head_lines_always(service->limits.site->lines), out, size);
    CHECK(size >= FORM_REFUSAL_BYTES_MAX);
    return put_off(&client, refusal, out);
}
