/* SPDX-License-Identifier: MIT */
/* Connections that come over a feed: see feed_adoption.h. */
#include "net/feed/feed_adoption.h"

#include <errno.h>

#include "engine/subscriber_id.h"
#include "net/given.h"

void feed_adoption_init(struct feed_adoption *adoption)
{
    adoption->fd = -1;
}

void feed_adoption_drop(struct feed_adoption *adoption)
{
    if (adoption->fd >= 0)
        given_close(adoption->fd);
    adoption->fd = -1;
    feed_descriptors_close(&adoption->descriptors);
}

size_t feed_adoption_read(struct feed_adoption *adoption, struct connection *connection,
                          char *bytes, size_t size)
{
    if (!service_of(connection)->limits.options.feed_adopt) {
        size_t len = connection_read(connection, bytes, size);
        adoption->place += len;
        return len;
    }
    unsigned room, count;
    bool cut;
    int *fds = feed_descriptors_room(&adoption->descriptors, &room);
    size_t len = connection_read_with(connection, bytes, size, fds, room, &count, &cut);
    if (cut) {
        while (count > 0)
            given_close(fds[--count]);
        adoption->notice = "descriptors came that there is no room for, and were closed";
    }
    adoption->place += len;
    feed_descriptors_add(&adoption->descriptors, count, adoption->place);
    return len;
}

bool feed_adoption_claim(struct feed_adoption *adoption, const struct event_text *parser)
{
    struct feed_descriptors *descriptors = &adoption->descriptors;
    if (descriptors->count == 0)
        return false;
    unsigned stale = feed_descriptors_expire(descriptors, parser->begin);
    if (parser->adopts)
        adoption->fd = feed_descriptors_take(descriptors);
    stale += feed_descriptors_expire(descriptors, parser->end);
    if (stale)
        adoption->notice = "a descriptor came that no hand-over took, and was closed";
    return stale > 0;
}

void feed_adoption_late(struct feed_adoption *adoption)
{
    feed_descriptors_close(&adoption->descriptors);
    adoption->notice = "a descriptor waited too long for the end of its block, and was closed";
}

static struct text answer(struct feed_adoption *adoption, const char *error, struct text ack,
                          uint64_t subscriber)
{
    char id[SUBSCRIBER_ID_LEN];
    int len = 0;
    if (error && ack.len > 0)
        len = snprintf(adoption->text, sizeof(adoption->text), "error: %s\nack: %.*s\n\n", error,
                       (int)ack.len, ack.at);
    else if (error)
        len = snprintf(adoption->text, sizeof(adoption->text), "error: %s\n\n", error);
    else if (ack.len > 0) {
        subscriber_id_format(id, subscriber);
        len = snprintf(adoption->text, sizeof(adoption->text), "ack: %.*s\nsubscriber: %.*s\n\n",
                       (int)ack.len, ack.at, SUBSCRIBER_ID_LEN, id);
    }
    return (struct text){adoption->text, (size_t)len};
}

struct text feed_adoption_run(struct feed_adoption *adoption, struct service *service,
                              const struct event_text *parser, int r, const char *fault)
{
    char error[HANDOVER_ERROR_ROOM];
    uint64_t subscriber = 0;
    int fd = adoption->fd;
    struct handover handover;
    adoption->fd = -1;
    if (!service->limits.options.feed_adopt)
        fault = "connections are not taken over here, feed-adopt is off";
    else if (fd < 0 && !fault)
        fault = "no descriptor came with the hand-over";
    if (!r)
        r = parser->fault == EVENT_TEXT_MEMORY ? -ENOMEM : ADOPT_SAID;
    handover_init(&handover);
    handover_read(&handover, parser->adoption);
    if (fault) {
        net_count(&service->loop.stats.adopt_refused);
        if (fd >= 0)
            handover_refuse(service, &handover, fd, r, fault);
    } else if (handover_run(service, &handover, fd, &subscriber, error)) {
        fault = error;
    }
    handover_deinit(&handover);
    return answer(adoption, fault, parser->ack, subscriber);
}
