/* SPDX-License-Identifier: MIT */
/*
 * Questions to the workers: see question.h.
 *
 * A struct question is the acceptor's and ends with the wait; the struct sent that goes through the
 * workers is itself the message that comes back, and is freed by whoever takes it out of there.
 */
#include "net/question.h"

#include <errno.h>

#include "net/answer.h"
#include "net/service.h"

struct sent {
    struct asked asked;           /* first */
    struct pending_answer posted; /* to the acceptor */
    struct service *service;      /* which outlives the workers */
    bool has_place;               /* among those under way */
};

struct question {
    struct pending pending; /* first */
    struct sent *sent;      /* ours as long as it waits */
    enum handler_result (*answer)(struct client *client, struct control *control);
};

/* --- what is sent -------------------------------------------------------------------------- */

static void sent_free(struct sent *sent)
{
    control_free(sent->asked.control);
    free(sent);
}

/* A worker's thread, or one that drains. */
static void on_done(struct control *control)
{
    struct sent *sent = control->request.context;
    sent->has_place = true;
    service_answer(sent->service, &sent->posted);
}

/* Any acceptor's thread. */
static void on_failed(struct asked *asked)
{
    struct sent *sent = (struct sent *)asked;
    service_answer(sent->service, &sent->posted);
}

static void posted_free(struct pending_answer *posted)
{
    struct sent *sent = LINK_OWNER(posted, struct sent, posted);
    struct service *service = sent->service;
    bool has_place = sent->has_place;
    sent_free(sent);
    if (has_place)
        questions_next(&service->server->questions, service->hub);
}

/* --- waiting ------------------------------------------------------------------------------- */

static enum handler_result refuse(struct client *client, int r)
{
    client->close_after |= r == -ESHUTDOWN;
    if (r == -EBUSY)
        net_count(&client->connection.loop->stats.questions_refused_full);
    return answer_error(client, 503,
                        r == -ESHUTDOWN ? CLIENT_STOPPING
                        : r == -EBUSY   ? "too many requests wait for the workers, try again"
                                        : "the server is out of memory");
}

static enum handler_result on_answer(struct client *client, struct pending *pending,
                                     const struct pending_answer *posted)
{
    struct control *control = LINK_OWNER(posted, struct sent, posted)->asked.control;
    enum handler_result (*answer)(struct client *, struct control *) =
        ((struct question *)pending)->answer;
    return control->result < 0 ? refuse(client, control->result) : answer(client, control);
}

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    (void)pending;
    net_count(&client->connection.loop->stats.questions_late);
    return answer_error(client, 503, "the workers did not answer in time, try again");
}

static void on_free(struct client *client, struct pending *pending)
{
    struct question *question = (struct question *)pending;
    struct service *service = service_of(&client->connection);
    if (questions_give_up(&service->server->questions, &question->sent->asked))
        sent_free(question->sent);
    free(question);
}

static const struct pending_operations pending_operations = {
    .expire = on_expire,
    .answer = on_answer,
    .free = on_free,
    .deadline = DEADLINE_QUESTION,
};

static struct sent *sent_new(struct service *service, const struct control_request *request)
{
    struct sent *sent = calloc(1, sizeof(*sent));
    if (!sent)
        return NULL;
    struct control_request whole = *request;
    whole.done = on_done;
    whole.context = sent;
    sent->service = service;
    sent->posted.free = posted_free;
    sent->asked.failed = on_failed;
    sent->asked.control = control_new(&whole, hub_workers(service->hub));
    if (sent->asked.control)
        return sent;
    free(sent);
    return NULL;
}

enum handler_result question_ask(struct client *client, const struct control_request *request,
                                 enum handler_result (*answer)(struct client *client,
                                                               struct control *control))
{
    struct service *service = service_of(&client->connection);
    struct sent *sent = sent_new(service, request);
    struct question *question = sent ? calloc(1, sizeof(*question)) : NULL;
    if (!question || pending_begin(&service->pendings, &question->pending, &pending_operations,
                                   &client->connection)) {
        if (sent)
            sent_free(sent);
        else
            frame_unref(request->frame);
        free(question);
        return refuse(client, -ENOMEM);
    }
    question->sent = sent;
    question->answer = answer;
    question->pending.bytes = sizeof(*question) + sizeof(*sent);
    sent->posted.id = question->pending.id;
    int r = questions_ask(&service->server->questions, service->hub, &sent->asked);
    if (r) {
        pending_end(&service->pendings, &question->pending);
        sent_free(sent);
        free(question);
        return refuse(client, r);
    }
    client->pending = &question->pending;
    return WAITING;
}
