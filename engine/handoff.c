/* SPDX-License-Identifier: MIT */
/* Copies a request into one piece of memory: see handoff.h. */
#include "engine/handoff.h"

static struct text copy_text(char **at, struct text text)
{
    if (text.len)
        memcpy(*at, text.at, text.len);
    struct text copy = {*at, text.len};
    *at += text.len;
    return copy;
}

struct handoff *handoff_new(const struct subscribe_request *request, const struct hash_key *key)
{
    CHECK(request->channel_count >= 1 && request->channel_count <= SUBSCRIBER_CHANNELS_MAX);
    CHECK(request->group < SUBSCRIBER_GROUPS_MAX);
    CHECK(request->peer.len <= PEER_BYTES_MAX);
    size_t lists = request->channel_count * (sizeof(uint64_t) + sizeof(struct text)) +
                   request->first_count * sizeof(struct frame *);
    size_t bytes = lists + request->resume.len + request->head.len + request->peer.len;
    for (unsigned i = 0; i < request->channel_count; i++)
        bytes += request->channels[i].len;
    struct handoff *handoff = malloc(sizeof(*handoff) + bytes);
    if (!handoff)
        return NULL;
    *handoff = (struct handoff){.message.kind = MESSAGE_HANDOFF,
                                .fd = request->fd,
                                .seat = request->seat,
                                .before = request->before,
                                .ends_ns = request->ends_ns,
                                .since = request->since < request->before ? request->since
                                                                          : request->before,
                                .limit = request->limit,
                                .last = request->last,
                                .wait_ms = request->wait_ms,
                                .plain = request->plain,
                                .bare = request->bare,
                                .polls = request->polls,
                                .puts_off = request->puts_off,
                                .charset = request->charset,
                                .tells_id = request->tells_id,
                                .head_sent = request->head_sent,
                                .group = request->group,
                                .has_resume = request->has_resume,
                                .channel_count = request->channel_count,
                                .first_count = request->first_count,
                                .bytes_len = bytes};
    handoff->hashes = (void *)handoff->bytes; /* which is aligned for them */
    handoff->channels = (struct text *)(handoff->hashes + request->channel_count);
    handoff->first = (void *)(handoff->channels + request->channel_count);
    for (unsigned i = 0; i < request->first_count; i++) {
        handoff->first[i] = request->first[i];
        handoff->first_memory += frame_memory(request->first[i]);
    }
    char *at = handoff->bytes + lists;
    for (unsigned i = 0; i < request->channel_count; i++) {
        handoff->channels[i] = copy_text(&at, request->channels[i]);
        handoff->hashes[i] = hash_text(key, request->channels[i]);
    }
    handoff->resume = copy_text(&at, request->resume);
    handoff->head = copy_text(&at, request->head);
    handoff->peer = copy_text(&at, request->peer);
    return handoff;
}

struct handoff *handoff_free(struct handoff *handoff)
{
    if (!handoff)
        return NULL;
    if (handoff->seat)
        seat_leave(handoff->seat,
                   &(struct seat_end){.reason = CLOSE_REFUSED, .subscriber = handoff->subscriber});
    for (unsigned i = 0; i < handoff->first_count; i++)
        frame_unref(handoff->first[i]);
    free(handoff);
    return NULL;
}
