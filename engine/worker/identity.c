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

void identity_begin(struct worker *worker, const struct subscriber *subscriber)
{
    struct identity *identity = identity_of(worker, subscriber);
    if (identity)
        identity->serial = identity->serial < SUBSCRIBER_SERIAL_MAX ? identity->serial + 1 : 1;
}
