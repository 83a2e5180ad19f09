/* SPDX-License-Identifier: MIT */
/* See keeper.h. */
#include "lib/keeper.h"

#include "engine/base/clock.h"
#include "lib/access_log.h"
#include "lib/instance.h"
#include "lib/notes.h"

static int64_t now_ms(void)
{
    return clock_ns() / 1000000;
}

void keeper_init(struct fanfare *fanfare)
{
    pthread_mutex_init(&fanfare->keeper.lock, NULL);
    sem_init(&fanfare->keeper.asked, 0, 0);
}

void keeper_deinit(struct fanfare *fanfare)
{
    sem_destroy(&fanfare->keeper.asked);
    pthread_mutex_destroy(&fanfare->keeper.lock);
}

/* `drain-timeout` is for the whole stop: what the acceptors took of it, the slow clients have had
 * too. A little is left in any case, so that whoever has everything gets the last chunk. */
static void leave(struct fanfare *fanfare)
{
    enum { LEAST_MS = 500 };
    int64_t begun_ms = now_ms();
    server_stop(fanfare->server);
    uint32_t drain_ms = atomic_load_explicit(&fanfare->keeper.drain_ms, memory_order_relaxed);
    uint32_t least_ms = drain_ms < LEAST_MS ? drain_ms : LEAST_MS;
    int64_t left_ms = drain_ms - (now_ms() - begun_ms);
    hub_stop_within(fanfare->hub, left_ms < least_ms ? least_ms : (uint32_t)left_ms);
    if (fanfare->access_log)
        access_log_stop(fanfare->access_log);
    notes_stop(fanfare->notes);
}

static void *run(void *argument)
{
    struct fanfare *fanfare = argument;
    pthread_setname_np(pthread_self(), "fanfare-keeper");
    while (sem_wait(&fanfare->keeper.asked) < 0)
        CHECK(errno == EINTR);
    pthread_mutex_lock(&fanfare->keeper.lock);
    fanfare->keeper.begun = true;
    pthread_mutex_unlock(&fanfare->keeper.lock);
    leave(fanfare);
    atomic_store(&fanfare->state, INSTANCE_STOPPED);
    return NULL;
}

int keeper_start(struct fanfare *fanfare)
{
    struct keeper *keeper = &fanfare->keeper;
    int r = -pthread_create(&keeper->thread, NULL, run, fanfare);
    if (r < 0)
        return r;
    keeper->runs = true;
    /* Release: instance_running's acquire. And, as keeper_ask's two steps, in one order with them:
     * either that one sees RUNNING, or we see that it has asked. */
    atomic_store(&fanfare->state, INSTANCE_RUNNING);
    if (atomic_load(&keeper->leaves))
        keeper_ask(fanfare);
    return 0;
}

void keeper_ask(struct fanfare *fanfare)
{
    int running = INSTANCE_RUNNING;
    atomic_store(&fanfare->keeper.leaves, true);
    if (atomic_compare_exchange_strong(&fanfare->state, &running, INSTANCE_DRAINING))
        sem_post(&fanfare->keeper.asked);
}

void keeper_join(struct fanfare *fanfare)
{
    if (fanfare->keeper.runs)
        pthread_join(fanfare->keeper.thread, NULL);
    fanfare->keeper.runs = false;
}
