/* SPDX-License-Identifier: MIT */
/* Answers with a count: see feed_count.h. */
#include "net/feed/feed_count.h"

#include <inttypes.h>

void feed_count_prepare(struct feed_count *count, struct service *service, struct frame *frame)
{
    count->headcount = headcount_new(service, &frame, 1);
}

void feed_count_drop(struct feed_count *count)
{
    count->headcount = headcount_free(count->headcount);
}

bool feed_count_ask(struct feed_count *count, struct service *service,
                    struct connection *connection, struct text ack, struct text id)
{
    struct headcount *headcount = TAKE(count->headcount);
    int len = snprintf(count->text, sizeof(count->text), "ack: %.*s\nid: %.*s\n", (int)ack.len,
                       ack.at, (int)id.len, id.at);
    CHECK(len > 0 && (size_t)len < sizeof(count->text) - 40);
    count->len = (size_t)len;
    if (!headcount || pending_begin(&service->pendings, &count->pending, NULL, connection)) {
        headcount_free(headcount);
        return false;
    }
    count->waits = true;
    if (headcount_ask(headcount, count->pending.id) == 0)
        return true;
    headcount_free(headcount);
    count->waits = false;
    pending_end(&service->pendings, &count->pending);
    return false;
}

struct text feed_count_end(struct feed_count *count, struct service *service,
                           const struct pending_answer *answer)
{
    size_t room = sizeof(count->text) - count->len;
    if (count->waits)
        pending_end(&service->pendings, &count->pending);
    count->waits = false;
    int len = answer ? snprintf(count->text + count->len, room, "subscribers: %" PRIu64 "\n\n",
                                headcount_at(answer, 0))
                     : snprintf(count->text + count->len, room, "\n");
    return (struct text){count->text, count->len + (size_t)len};
}
