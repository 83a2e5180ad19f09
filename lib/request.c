/* SPDX-License-Identifier: MIT */
/* Requests, and what a program may say of them: see request.h and fanfare.h. */
#include "lib/request.h"

#include "lib/notes.h"
#include "lib/subscription.h"
#include "net/host_text.h"

static struct host_request *host_of(const struct fanfare_request *request)
{
    return (struct host_request *)(uintptr_t)request;
}

static struct fanfare_request *request_of(struct host_request *host)
{
    return (struct fanfare_request *)host;
}

/* --- the hook ------------------------------------------------------------------------------ */

/* Of one that is told by a note, until that is fetched. */
static struct note_item *item_of(struct host_request *host)
{
    return (struct note_item *)(void *)host->room;
}

/* From here on it is whose who fetches the note. */
static void tell(struct fanfare *fanfare, struct host_request *host)
{
    item_of(host)->request = request_of(host);
    notes_post(fanfare->notes, item_of(host));
}

/* Its time is over, or its client has gone. One that nobody has fetched is nobody's. */
static void on_over(void *context, struct host_request *host)
{
    const struct fanfare *fanfare = context;
    if (notes_withdraw(fanfare->notes, item_of(host)))
        host_request_unref(host);
}

static int on_request(void *context, struct host_request *host)
{
    struct fanfare *fanfare = context;
    if (fanfare->ask_kinds & 1u << host->kind) {
        tell(fanfare, host);
        return 1;
    }
    if (!fanfare->hook)
        return 0;
    instance_in_hook = true;
    int r = fanfare->hook(request_of(host), fanfare->hook_user);
    instance_in_hook = false;
    return r;
}

const struct host_hook *request_hook(struct fanfare *fanfare)
{
    bool asks = fanfare->ask_kinds != 0;
    if (!fanfare->hook && !asks)
        return NULL;
    fanfare->host = (struct host_hook){.request = on_request,
                                       .over = asks ? on_over : NULL,
                                       .context = fanfare,
                                       .room = asks ? sizeof(struct note_item) : 0};
    return &fanfare->host;
}

int fanfare_on_request(struct fanfare *fanfare, fanfare_request_hook hook, void *user)
{
    int r = instance_check(fanfare);
    if (r < 0)
        return r;
    if (atomic_load(&fanfare->state) != INSTANCE_NEW)
        return -EBUSY;
    fanfare->hook = hook;
    fanfare->hook_user = user;
    return 0;
}

/* --- looking ------------------------------------------------------------------------------- */

struct fanfare *fanfare_request_engine(const struct fanfare_request *request)
{
    return request ? host_context(host_of(request)) : NULL;
}

/* 0; -EINVAL: NULL; -ECHILD: of a process that was forked. */
static int check(const struct fanfare_request *request)
{
    return instance_check(fanfare_request_engine(request));
}

int fanfare_request_kind(const struct fanfare_request *request)
{
    static_assert((int)FANFARE_REQUEST_SUBSCRIBE == HOST_SUBSCRIBE &&
                      (int)FANFARE_REQUEST_PUBLISH == HOST_PUBLISH &&
                      (int)FANFARE_REQUEST_OTHER == HOST_OTHER,
                  "two names for the same");
    return request ? (int)host_of(request)->kind : -EINVAL;
}

const char *fanfare_request_text(struct fanfare_request *request, const char *item, size_t *ret_len)
{
    struct text text = {NULL, 0};
    if (item && check(request) == 0)
        text = host_text(host_of(request), item);
    if (text.at && ret_len)
        *ret_len = text.len;
    return text.at;
}

/* --- answering ----------------------------------------------------------------------------- */

int fanfare_request_reply(struct fanfare_request *request, int status, const char *content_type,
                          const char *body, size_t body_len, const char *fields)
{
    int r = check(request);
    if (r < 0)
        return r;
    if (body_len == FANFARE_NUL)
        body_len = body ? strlen(body) : 0;
    struct host_reply reply = {.status = status,
                               .content_type = content_type,
                               .body = {body, body ? body_len : 0},
                               .fields = text_of(fields)};
    r = host_reply(host_of(request), &reply);
    return r == -EBADMSG ? FANFARE_ERROR_HEAD : r;
}

/* The request ends with it, whatever is wrong with the subscription. */
static int accept_so(struct host_request *host, const struct fanfare_subscription *given,
                     uint64_t *ret_subscriber)
{
    struct subscription subscription;
    int r = subscription_read(given, &subscription);
    if (r == 0 && subscription.adoption.head_sent) {
        subscription_deinit(&subscription, false);
        r = -EINVAL;
    }
    if (r < 0) {
        int told = host_fail(host, r == -ENOMEM ? 503 : 500);
        return told < 0 ? told : r;
    }
    r = host_accept(host, &subscription.adoption, ret_subscriber);
    subscription_deinit(&subscription, r == 0);
    return r;
}

int fanfare_request_accept(struct fanfare_request *request,
                           const struct fanfare_subscription *subscription,
                           uint64_t *ret_subscriber)
{
    uint64_t subscriber = 0;
    struct host_request *host = host_of(request);
    int r = check(request);
    if (r < 0)
        return r;
    if (!host_may_accept(host))
        return -EDEADLK;
    r = subscription ? accept_so(host, subscription, &subscriber)
                     : host_accept(host, NULL, &subscriber);
    if (r == HOST_HEAD)
        r = 0;
    if (r == 0 && ret_subscriber)
        *ret_subscriber = subscriber;
    return subscription_result(r);
}

int fanfare_request_pass(struct fanfare_request *request)
{
    int r = check(request);
    return r < 0 ? r : host_pass(host_of(request));
}
