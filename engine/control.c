/* SPDX-License-Identifier: MIT */
/* Controls: their memory, a part's sorted page, and the answer merged from the parts. */
#include "engine/control.h"

#include "engine/own_channel.h"
#include "engine/subscriber_id.h"

/* --- life ------------------------------------------------------------------------------------ */

static struct text copy_text(char **at, struct text text)
{
    if (text.len)
        memcpy(*at, text.at, text.len);
    struct text copy = {*at, text.len};
    *at += text.len;
    return copy;
}

static bool part_init(struct control *control, struct control_part *part, uint32_t limit)
{
    *part = (struct control_part){.message.kind = MESSAGE_CONTROL, .control = control};
    if (control_is_wish(control))
        return true;
    part->order = malloc(limit * sizeof(*part->order));
    enum control_kind kind = control->request.kind;
    if (kind == CONTROL_CHANNELS || kind == CONTROL_CHANNEL) {
        part->channels = malloc(limit * sizeof(*part->channels));
        return part->order && part->channels;
    }
    if (kind == CONTROL_EXPLAIN)
        return part->order;
    /* One entry at least finds room for its names. */
    part->names_size =
        (limit > CONTROL_NAMES_MAX ? limit : CONTROL_NAMES_MAX) * CONTROL_NAMES_BYTES;
    part->names = malloc(part->names_size);
    part->subscribers = malloc(limit * sizeof(*part->subscribers));
    return part->order && part->names && part->subscribers;
}

struct control *control_new(const struct control_request *request, unsigned workers)
{
    CHECK(workers >= 1 && workers <= WORKERS_MAX && request->limit <= CONTROL_LIMIT_MAX);
    bool wish = request->kind == CONTROL_END || request->kind == CONTROL_SEND;
    unsigned part_count = wish ? 1 : workers;
    size_t parts = sizeof(struct control) + part_count * sizeof(struct control_part);
    size_t size = parts + request->channel.len + request->after.len + request->event.len;
    size = (size + alignof(struct control) - 1) / alignof(struct control) * alignof(struct control);
    struct control *control = aligned_alloc(alignof(struct control), size);
    if (!control)
        return NULL;
    *control = (struct control){.request = *request,
                                .bytes = request->frame ? frame_memory(request->frame) : 0,
                                .workers = workers,
                                .part_count = part_count};
    char *at = (char *)control + parts;
    control->request.channel = copy_text(&at, request->channel);
    control->request.after = copy_text(&at, request->after);
    control->request.event = copy_text(&at, request->event);
    if (!request->limit)
        control->request.limit = CONTROL_LIMIT_DEFAULT;
    if (request->kind != CONTROL_CHANNELS && request->kind != CONTROL_SUBSCRIBERS)
        control->request.limit = 1;
    bool whole = true;
    for (unsigned i = 0; i < part_count; i++)
        whole &= part_init(control, &control->parts[i], control->request.limit);
    if (whole)
        return control;
    control->request.frame = NULL; /* it stays the caller's */
    return control_free(control);
}

bool control_is_for_one(const struct control *control, unsigned *ret_worker)
{
    enum control_kind kind = control->request.kind;
    if (kind != CONTROL_SUBSCRIBER && kind != CONTROL_EXPLAIN && !control_is_wish(control))
        return false;
    unsigned worker = subscriber_id_worker(control->request.subscriber);
    *ret_worker = worker < control->workers ? worker : 0; /* which has no such one either */
    return true;
}

struct control *control_free(struct control *control)
{
    for (unsigned i = 0; control && i < control->part_count; i++) {
        free(control->parts[i].order);
        free(control->parts[i].channels);
        free(control->parts[i].subscribers);
        free(control->parts[i].names);
    }
    if (control)
        frame_unref(control->request.frame);
    free(control);
    return NULL;
}

/* --- what a worker puts into its part --------------------------------------------------------- */

bool control_hides(struct text channel)
{
    return channel_is_own(channel);
}

/* By bytes, as they are. */
static int compare(struct text a, struct text b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int r = len ? memcmp(a.at, b.at, len) : 0;
    return r ? r : (a.len > b.len) - (a.len < b.len);
}

static struct text name_at(const struct control_part *part, uint32_t at)
{
    const struct control_channel *channel = &part->channels[part->order[at]];
    return (struct text){channel->name, channel->name_len};
}

/* The heap's last name is at its top. */
static void sift_down(struct control_part *part, uint32_t count, uint32_t at)
{
    uint16_t moved = part->order[at];
    struct text name = name_at(part, at);
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare(name_at(part, child), name_at(part, child + 1)) < 0)
            child++;
        if (compare(name, name_at(part, child)) >= 0)
            break;
        part->order[at] = part->order[child];
    }
    part->order[at] = moved;
}

static void sift_up(struct control_part *part, uint32_t at)
{
    uint16_t moved = part->order[at];
    struct text name = name_at(part, at);
    for (; at > 0 && compare(name_at(part, (at - 1) / 2), name) < 0; at = (at - 1) / 2)
        part->order[at] = part->order[(at - 1) / 2];
    part->order[at] = moved;
}

bool control_wants(const struct control_part *part, struct text name)
{
    const struct control *control = part->control;
    if (control->request.kind == CONTROL_CHANNEL)
        return true;
    return compare(name, control->request.after) > 0 &&
           (part->count < control->request.limit || compare(name, name_at(part, 0)) < 0 ||
            !part->more);
}

struct control_channel *control_add_channel(struct control_part *part, struct text name)
{
    bool full = part->count == part->control->request.limit;
    part->more |= full;
    if (full && compare(name, name_at(part, 0)) > 0)
        return NULL;
    uint32_t at = full ? 0 : part->count++;
    if (!full)
        part->order[at] = (uint16_t)at;
    struct control_channel *channel = &part->channels[part->order[at]];
    memcpy(channel->name, name.at, name.len);
    channel->name_len = (uint16_t)name.len;
    if (full)
        sift_down(part, part->count, 0);
    else
        sift_up(part, at);
    return channel;
}

struct control_subscriber *control_add_subscriber(struct control_part *part,
                                                  const struct text *names, uint32_t name_count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < name_count; i++)
        bytes += names[i].len;
    if (part->count == part->control->request.limit ||
        bytes > part->names_size - part->names_used) {
        part->more = true;
        return NULL;
    }
    struct control_subscriber *subscriber = &part->subscribers[part->count++];
    *subscriber = (struct control_subscriber){.name_count = name_count};
    for (uint32_t i = 0; i < name_count; i++) {
        char *at = part->names + part->names_used;
        memcpy(at, names[i].at, names[i].len);
        subscriber->names[i] = (struct text){at, names[i].len};
        part->names_used += (uint32_t)names[i].len;
    }
    return subscriber;
}

void control_finish(struct control_part *part, int result)
{
    struct control *control = part->control;
    if (result)
        atomic_store_explicit(&control->failed, result, memory_order_relaxed);
    /* Whoever is the last sees what the others have written. */
    if (atomic_fetch_sub_explicit(&control->pending, 1, memory_order_acq_rel) > 1)
        return;
    control->result = atomic_load_explicit(&control->failed, memory_order_relaxed);
    uint32_t found = 0;
    for (unsigned i = 0; i < control->part_count; i++)
        found += control->parts[i].count;
    enum control_kind kind = control->request.kind;
    bool is_list = kind == CONTROL_CHANNELS || kind == CONTROL_SUBSCRIBERS;
    if (control->result == 0 && !is_list && !control_is_wish(control) && !found)
        control->result = CONTROL_NONE;
    atomic_fetch_sub_explicit(&control->load->count, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&control->load->bytes, control->bytes, memory_order_relaxed);
    control->request.done(control);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The rest of a sort by heap. */
static void part_sort(struct control_part *part)
{
    for (uint32_t count = part->count; count > 1; count--) {
        uint16_t last = part->order[0];
        part->order[0] = part->order[count - 1];
        part->order[count - 1] = last;
        sift_down(part, count - 1, 0);
    }
}

static void merge(struct control_channel *sum, const struct control_channel *part)
{
    uint64_t subscribers = sum->subscribers + part->subscribers;
    bool ended = sum->ended || part->ended;
    if (part->events > sum->events || (part->events == sum->events && part->last > sum->last)) {
        sum->events = part->events;
        sum->bytes = part->bytes;
        sum->last = part->last;
    }
    sum->subscribers = subscribers;
    sum->ended = ended;
}

bool control_next_channel(struct control *control, struct control_channel *ret_channel)
{
    const struct control_part *first = NULL;
    for (unsigned i = 0; i < control->part_count; i++) {
        struct control_part *part = &control->parts[i];
        if (!control->sorted)
            part_sort(part);
        if (part->at < part->count &&
            (!first || compare(name_at(part, part->at), name_at(first, first->at)) < 0))
            first = part;
        control->more |= part->more;
    }
    control->sorted = true;
    if (control->told == control->request.limit)
        control->more |= first != NULL;
    if (!first || control->told == control->request.limit)
        return false;
    control->told++;
    *ret_channel = first->channels[first->order[first->at]];
    struct text name = {ret_channel->name, ret_channel->name_len};
    for (unsigned i = 0; i < control->part_count; i++) {
        struct control_part *part = &control->parts[i];
        if (part->at == part->count || compare(name_at(part, part->at), name) != 0)
            continue;
        if (part != first)
            merge(ret_channel, &part->channels[part->order[part->at]]);
        part->at++;
    }
    return true;
}

bool control_next_subscriber(struct control *control, struct control_subscriber *ret_subscriber)
{
    struct control_part *first = NULL;
    bool is_over = control->told == control->request.limit;
    for (unsigned i = 0; i < control->part_count; i++) {
        struct control_part *part = &control->parts[i];
        if (part->at == part->count) {
            is_over |= part->more; /* what follows there may come before all others' */
            control->more |= part->more;
        } else if (!first || part->subscribers[part->at].id < first->subscribers[first->at].id) {
            first = part;
        }
    }
    if (is_over)
        control->more |= first != NULL;
    if (is_over || !first)
        return false;
    *ret_subscriber = first->subscribers[first->at++];
    control->told++;
    return true;
}
