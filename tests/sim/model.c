/* SPDX-License-Identifier: MIT */
/* See model.h. */
#include "tests/sim/model.h"

#include "tests/sim/fail.h"

/* The last two have one 64-bit hash between them (see world.c); the others try what needs escapes
 * and more than one byte. */
static const char *const names[MODEL_CHANNELS_MAX - 1] = {
    "news", "a \"quoted\\\" name", "\xc3\xbc/\xe2\x82\xac", "=x1", "=x2", "default",
};
static char long_name[CHANNEL_BYTES_MAX];

static void *grow(void *at, size_t size)
{
    void *larger = realloc(at, size);
    CHECK(larger);
    return larger;
}

void model_init(struct model *model, struct sim_random *random)
{
    static const uint32_t largest[] = {60, 60, 60, 3000, 3000, 3000, 40000, 40000, 300000, 1200000};
    memset(long_name, 'l', sizeof(long_name));
    *model = (struct model){
        .channel_count = (unsigned)sim_random_between(random, 1, MODEL_CHANNELS_MAX),
        .largest = largest[sim_random_below(random, 10)],
        .given_one_in = (unsigned)sim_random_below(random, 6),
        .commands_one_in =
            sim_random_one_in(random, 3) ? (unsigned)sim_random_between(random, 5, 60) : 0,
        .keys = sim_random_one_in(random, 3) ? (unsigned)sim_random_between(random, 1, 50) : 0,
        .all_one_in =
            sim_random_one_in(random, 2) ? (unsigned)sim_random_between(random, 1, 40) : 0,
        .ends_one_in =
            sim_random_one_in(random, 3) ? (unsigned)sim_random_between(random, 10, 200) : 0};
    model->channels[MODEL_ALL].name = TEXT("");
    unsigned first = (unsigned)sim_random_below(random, MODEL_CHANNELS_MAX);
    for (unsigned i = 0; i < model->channel_count; i++) {
        unsigned name = (first + i) % MODEL_CHANNELS_MAX;
        model->channels[i].name = name < MODEL_CHANNELS_MAX - 1
                                      ? text_of(names[name])
                                      : (struct text){long_name, sizeof(long_name)};
    }
}

void model_deinit(struct model *model)
{
    for (uint64_t i = 1; i <= model->published; i++)
        free(model->events[i].bytes);
    free(model->events);
    for (unsigned i = 0; i <= MODEL_NO_CHANNEL; i++)
        free(model->channels[i].sequences), free(model->channels[i].closes);
}

/* --- making ---------------------------------------------------------------------------------- */

static uint32_t data_len(const struct model *model, struct sim_random *random)
{
    uint64_t percent = sim_random_below(random, 100);
    uint32_t most = percent < 60 ? 60 : percent < 85 ? 2000 : percent < 97 ? 40000 : 1200000;
    return (uint32_t)sim_random_below(random, (most < model->largest ? most : model->largest) + 1);
}

/* Text that looks like what it must not become: fields, blank lines, chunk sizes. */
static void put_data(struct sim_random *random, char *out, uint32_t len)
{
    static const char alphabet[] = "abcdefgh0123456789 :datai\xc3\xa4";
    uint32_t letters = sizeof(alphabet) - 3;
    bool lines = sim_random_one_in(random, 4);
    uint64_t word = 0;
    uint32_t made = len < 4096 ? len : 4096;
    for (uint32_t i = 0; i < made; i++) {
        word = i % 8 ? word >> 8 : sim_random_next(random);
        if (lines && (word & 255) < 24)
            out[i] = (word & 255) < 12 ? '\n' : '\r';
        else
            out[i] = alphabet[(word & 255) % letters];
    }
    /* The rest of a long one is that again, but shifted against every power of two. */
    for (uint32_t i = made; i < len; i += 4001)
        memcpy(out + i, out, len - i < 4001 ? len - i : 4001);
    if (len >= 2 && sim_random_one_in(random, 4))
        memcpy(out + len - 2, alphabet + letters, 2);
}

/* What a client reads of it: each line end is LF. */
static size_t normalise(char *out, const char *data, size_t len)
{
    size_t made = 0;
    if (len && !memchr(data, '\r', len)) {
        memcpy(out, data, len);
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\r' && i + 1 < len && data[i + 1] == '\n')
            continue;
        out[made++] = data[i] == '\r' ? '\n' : data[i];
    }
    return made;
}

struct model_event model_make(const struct model *model, struct sim_random *random,
                              unsigned channel)
{
    struct model_event event = {.channel = channel, .retry_ms = -1};
    uint32_t len = data_len(model, random);
    char id[24] = "", type[24] = "";
    int id_len = 0, type_len = 0;
    if (model->given_one_in && sim_random_one_in(random, model->given_one_in))
        id_len =
            snprintf(id, sizeof(id), "given %u",
                     (unsigned)sim_random_below(random, sim_random_one_in(random, 4) ? 4 : 4096));
    if (sim_random_one_in(random, 3))
        type_len = snprintf(type, sizeof(type), "type%u", (unsigned)sim_random_below(random, 3));
    if (sim_random_one_in(random, 8))
        event.retry_ms = (int64_t)sim_random_below(random, 10000);
    if (model->keys && sim_random_one_in(random, 3))
        event.key = 1 + (unsigned)sim_random_below(random, model->keys);
    event.ends =
        channel != MODEL_ALL && model->ends_one_in && sim_random_one_in(random, model->ends_one_in);
    if ((event.retry_ms >= 0 || event.ends) && sim_random_one_in(random, 3)) {
        event.without_data = true;
        len = 0;
        id_len = type_len = 0;
    }
    char *at = event.bytes = grow(NULL, 2 * (size_t)len + sizeof(id) + sizeof(type));
    put_data(random, at, len);
    event.published = (struct text){at, len};
    at += len;
    event.data = (struct text){at, normalise(at, event.published.at, len)};
    at += len;
    event.id = (struct text){at, (size_t)id_len};
    memcpy(at, id, sizeof(id));
    at += sizeof(id);
    event.type = (struct text){at, (size_t)type_len};
    memcpy(at, type, sizeof(type));
    return event;
}

void model_drop(struct model_event *event)
{
    free(TAKE(event->bytes));
}

/* --- the order ------------------------------------------------------------------------------- */

static void insert(struct model_channel *channel, uint64_t sequence)
{
    if (channel->count == channel->size) {
        channel->size = channel->size ? channel->size * 2 : 64;
        channel->sequences = grow(channel->sequences, channel->size * sizeof(uint64_t));
    }
    /* Publishers overlap: a later sequence may be stamped first. */
    size_t at = channel->count++;
    for (; at > 0 && channel->sequences[at - 1] > sequence; at--)
        channel->sequences[at] = channel->sequences[at - 1];
    channel->sequences[at] = sequence;
}

void model_add(struct model *model, const struct model_event *event)
{
    if (event->sequence >= model->event_size) {
        size_t size = model->event_size;
        model->event_size = (size_t)event->sequence * 2 + 64;
        model->events = grow(model->events, model->event_size * sizeof(*model->events));
        memset(model->events + size, 0, (model->event_size - size) * sizeof(*model->events));
    }
    if (model->events[event->sequence].sequence)
        fail("sequence %llu was given twice", (unsigned long long)event->sequence);
    model->events[event->sequence] = *event;
    if (event->sequence > model->published)
        model->published = event->sequence;
    if (event->channel != MODEL_NO_CHANNEL)
        insert(&model->channels[event->channel], event->sequence);
}

void model_add_command(struct model *model, uint64_t sequence)
{
    struct model_event none = {.sequence = sequence, .channel = MODEL_NO_CHANNEL};
    model_add(model, &none);
}

void model_add_close(struct model *model, unsigned channel, uint64_t sequence)
{
    struct model_channel *found = &model->channels[channel];
    size_t at = found->close_count++;
    found->closes = grow(found->closes, found->close_count * sizeof(uint64_t));
    for (; at > 0 && found->closes[at - 1] > sequence; at--)
        found->closes[at] = found->closes[at - 1];
    found->closes[at] = sequence;
}

uint64_t model_close_from(const struct model *model, unsigned channel, uint64_t sequence)
{
    const struct model_channel *found = &model->channels[channel];
    size_t at = 0;
    while (at < found->close_count && found->closes[at] < sequence)
        at++;
    return at < found->close_count ? found->closes[at] : 0;
}

uint64_t model_close_before(const struct model *model, unsigned channel, uint64_t sequence)
{
    const struct model_channel *found = &model->channels[channel];
    size_t at = found->close_count;
    while (at > 0 && found->closes[at - 1] >= sequence)
        at--;
    return at > 0 ? found->closes[at - 1] : 0;
}

const struct model_event *model_at(const struct model *model, uint64_t sequence)
{
    CHECK(sequence >= 1 && sequence <= model->published);
    const struct model_event *event = &model->events[sequence];
    CHECK(event->sequence == sequence);
    return event;
}

/* The place of the channel's first event after `sequence`. */
static size_t place_after(const struct model_channel *channel, uint64_t sequence)
{
    size_t low = 0, high = channel->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (channel->sequences[middle] <= sequence)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t model_first_after(const struct model *model, unsigned channel, uint64_t sequence)
{
    const struct model_channel *found = &model->channels[channel];
    size_t place = place_after(found, sequence);
    return place < found->count ? found->sequences[place] : 0;
}

uint64_t model_last_before(const struct model *model, unsigned channel, uint64_t sequence)
{
    const struct model_channel *found = &model->channels[channel];
    size_t place = place_after(found, sequence - 1);
    return place ? found->sequences[place - 1] : 0;
}

uint64_t model_count(const struct model *model, unsigned channel, uint64_t from, uint64_t through)
{
    const struct model_channel *found = &model->channels[channel];
    return through <= from ? 0 : place_after(found, through) - place_after(found, from);
}
