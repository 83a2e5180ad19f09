/* SPDX-License-Identifier: MIT */
/*
 * The host's side of a request that it was given: see host.h.
 *
 * What is said is copied before the request is claimed: until then nobody can take away what it may
 * point to, the request's own texts among it. Of an acceptance nothing is copied, for whoever gives
 * it waits.
 */
#include "net/host.h"

#include <errno.h>

#include "engine/base/builder.h"
#include "engine/base/wake.h"
#include "net/http/bytes.h"
#include "net/http/head_line.h"
#include "net/service.h"

/* Of this thread, an acceptor's, while its hook runs. */
static _Thread_local struct {
    struct host_request *request;
    void (*act)(struct host_request *request, const struct host_answer *answer);
} calling;

int host_call(struct host_request *request,
              void (*act)(struct host_request *request, const struct host_answer *answer))
{
    calling.request = request;
    calling.act = act;
    int taken = request->hook->request(request->hook->context, request);
    calling.request = NULL;
    return taken;
}

bool host_is_calling(void)
{
    return calling.request != NULL;
}

/* --- life ---------------------------------------------------------------------------------- */

struct host_request *host_request_ref(struct host_request *request)
{
    atomic_fetch_add_explicit(&request->references, 1, memory_order_relaxed);
    return request;
}

static void free_texts(struct host_text *texts)
{
    while (texts) {
        struct host_text *next = texts->next;
        free(texts);
        texts = next;
    }
}

void host_request_unref(struct host_request *request)
{
    /* Acquire and release: whoever frees it sees what the others did. */
    if (atomic_fetch_sub_explicit(&request->references, 1, memory_order_acq_rel) != 1)
        return;
    free_texts(request->texts);
    free(request->copy);
    free(request->kept_input);
    free(request->kept_route);
    free(request);
}

static bool move(struct host_request *request, enum host_state from, enum host_state to)
{
    uint32_t state = from;
    return atomic_compare_exchange_strong_explicit(&request->state, &state, to,
                                                   memory_order_acq_rel, memory_order_acquire);
}

/* What came of it is written first, and read by nobody before it is over. The acceptor alone ends
 * requests, so what it finds here can only have been claimed meanwhile. */
bool host_request_end(struct host_request *request, enum host_state from, int result,
                      uint64_t subscriber)
{
    if (atomic_load_explicit(&request->state, memory_order_acquire) != from)
        return false;
    request->result = result;
    request->subscriber = subscriber;
    if (!move(request, from, HOST_OVER))
        return false;
    if (from == HOST_CLAIMED)
        futex_wake(&request->state);
    return true;
}

static int await(struct host_request *request, uint64_t *ret_subscriber)
{
    while (atomic_load_explicit(&request->state, memory_order_acquire) == HOST_CLAIMED)
        futex_wait(&request->state, HOST_CLAIMED, INT64_MAX);
    if (request->result == 0 && ret_subscriber)
        *ret_subscriber = request->subscriber;
    return request->result;
}

/* --- on its way ---------------------------------------------------------------------------- */

static void posted_free(struct pending_answer *posted)
{
    host_request_unref(LINK_OWNER(posted, struct host_request, posted));
}

/* To the acceptor, with the host's reference. */
static void post(struct host_request *request)
{
    request->posted.id = request->pending.id;
    request->posted.free = posted_free;
    service_answer(request->service, &request->posted);
}

/* In the hook of this very request. */
static int act_now(struct host_request *request, const struct host_answer *answer)
{
    if (!move(request, HOST_OPEN, HOST_CLAIMED))
        return -EINVAL;
    calling.act(request, answer);
    return request->result;
}

/* It comes too late: what it was too late for. */
static int late(struct host_request *request)
{
    int r = request->result;
    host_request_unref(request);
    return r;
}

/* Of a reply with the copy, which is taken over. */
static int act_later(struct host_request *request, const struct host_answer *answer,
                     struct host_answer *copy)
{
    if (!move(request, HOST_OPEN, HOST_CLAIMED)) {
        free(copy);
        return late(request);
    }
    request->said = *answer;
    request->copy = copy;
    post(request);
    return 0;
}

static int act(struct host_request *request, const struct host_answer *answer)
{
    return calling.request == request ? act_now(request, answer) : act_later(request, answer, NULL);
}

/* --- replies ------------------------------------------------------------------------------- */

static int check_reply(const struct host_reply *reply)
{
    struct text type = text_of(reply->content_type);
    if (reply->status < 200 || reply->status > 599 || type.len > HOST_TYPE_BYTES_MAX)
        return -EINVAL;
    if (reply->body.len > HOST_BODY_BYTES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < type.len; i++)
        if (!http_is_value((unsigned char)type.at[i]))
            return -EINVAL;
    return reply->fields.len > HOST_FIELDS_BYTES_MAX || head_line_check_reply(reply->fields)
               ? -EBADMSG
               : 0;
}

static struct text copy_text(struct builder *builder, struct text text)
{
    struct text copy = {builder->at, text.len};
    builder_put(builder, text);
    return copy;
}

/* With its texts behind it. NULL: out of memory. */
static struct host_answer *copy_reply(const struct host_reply *reply)
{
    struct text type = text_of(reply->content_type);
    size_t len = type.len + 1 + reply->body.len + reply->fields.len;
    struct host_answer *answer = calloc(1, sizeof(*answer) + len);
    if (!answer)
        return NULL;
    struct builder builder = builder_of((char *)(answer + 1), len);
    answer->verb = HOST_REPLY;
    answer->reply.status = reply->status;
    answer->reply.content_type =
        reply->content_type ? copy_text(&builder, (struct text){type.at, type.len + 1}).at : NULL;
    answer->reply.body = copy_text(&builder, reply->body);
    answer->reply.fields = copy_text(&builder, reply->fields);
    return answer;
}

/* Its client is answered in place of what was said, with this result. */
static int fail(struct host_request *request, int status, int r)
{
    int told = act(request, &(struct host_answer){.verb = HOST_FAIL, .reply.status = status});
    return told < 0 ? told : r;
}

int host_reply(struct host_request *request, const struct host_reply *reply)
{
    int r = check_reply(reply);
    if (r)
        return fail(request, 500, r);
    if (calling.request == request)
        return act_now(request, &(struct host_answer){.verb = HOST_REPLY, .reply = *reply});
    struct host_answer *copy = copy_reply(reply);
    return copy ? act_later(request, copy, copy) : fail(request, 503, -ENOMEM);
}

/* --- the others ---------------------------------------------------------------------------- */

int host_pass(struct host_request *request)
{
    return act(request, &(struct host_answer){.verb = HOST_PASS});
}

int host_fail(struct host_request *request, int status)
{
    return fail(request, status, 0);
}

bool host_may_accept(const struct host_request *request)
{
    return !calling.request || calling.request == request;
}

int host_accept(struct host_request *request, const struct adoption *terms,
                uint64_t *ret_subscriber)
{
    struct host_answer answer = {.verb = HOST_ACCEPT, .terms = terms};
    CHECK(host_may_accept(request));
    if (request->kind == HOST_PUBLISH)
        return fail(request, 500, -EINVAL);
    if (calling.request == request) {
        int r = act_now(request, &answer);
        if (r == 0 && ret_subscriber)
            *ret_subscriber = request->subscriber;
        return r;
    }
    host_request_ref(request);
    int r = act_later(request, &answer, NULL);
    if (r == 0)
        r = await(request, ret_subscriber);
    host_request_unref(request);
    return r;
}
