/* SPDX-License-Identifier: MIT */
/* Between a census and the acceptor that wants it: see headcount.h. */
#include "net/headcount.h"

#include "engine/census.h"

struct headcount {
    struct pending_answer answer; /* first */
    struct service *service;
    struct census *census;
};

static void on_free(struct pending_answer *answer)
{
    headcount_free((struct headcount *)answer);
}

/* The last worker's thread. */
static void on_done(struct census *census)
{
    struct headcount *headcount = census->context;
    service_answer(headcount->service, &headcount->answer);
}

struct headcount *headcount_new(struct service *service, struct frame *const *frames,
                                unsigned count)
{
    struct headcount *headcount = malloc(sizeof(*headcount));
    if (!headcount)
        return NULL;
    *headcount = (struct headcount){
        .answer = {.free = on_free},
        .service = service,
        .census = census_new(frames, count, hub_workers(service->hub)),
    };
    if (!headcount->census)
        return headcount_free(headcount);
    headcount->census->done = on_done;
    headcount->census->context = headcount;
    return headcount;
}

struct headcount *headcount_free(struct headcount *headcount)
{
    if (headcount)
        census_free(headcount->census);
    free(headcount);
    return NULL;
}

size_t headcount_memory(const struct headcount *headcount)
{
    return headcount->census->bytes;
}

int headcount_ask(struct headcount *headcount, uint64_t id)
{
    headcount->answer.id = id;
    return hub_census(headcount->service->hub, headcount->census);
}

uint64_t headcount_at(const struct pending_answer *answer, unsigned index)
{
    const struct headcount *headcount = (const struct headcount *)answer;
    return atomic_load_explicit(&headcount->census->channels[index].subscribers,
                                memory_order_relaxed);
}
