/* SPDX-License-Identifier: MIT */
/* The table of identities: see identity.h. */
#include "engine/worker/identity.h"

#include <errno.h>
#include <sys/mman.h>

static size_t table_bytes(const struct worker *worker)
{
    return worker->options->sockets * sizeof(struct identity);
}

int identities_init(struct worker *worker)
{
    if (!worker->options->hub.subscriber_ids)
        return 0;
    void *at = mmap(NULL, table_bytes(worker), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    worker->identities.of = at;
    return 0;
}

void identities_deinit(struct worker *worker)
{
    if (worker->identities.of)
        munmap(worker->identities.of, table_bytes(worker));
}

void identity_begin(struct worker *worker, uint32_t index, struct text peer)
{
    struct identity *identity = identity_of(worker, index);
    if (!identity)
        return;
    uint32_t serial = identity->serial < SUBSCRIBER_SERIAL_MAX ? identity->serial + 1 : 1;
    *identity = (struct identity){.serial = serial, .peer_len = (uint8_t)peer.len};
    if (peer.len)
        memcpy(identity->peer, peer.at, peer.len);
}

void identity_lags(struct worker *worker, uint32_t index)
{
    struct identity *identity = identity_of(worker, index);
    if (identity)
        identity->lagging_ms = worker_ms(worker);
}
