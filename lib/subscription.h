/* SPDX-License-Identifier: MIT */
/*
 * A caller's struct fanfare_subscription as net's struct adoption, whichever door it comes through,
 * and what net says of it as results of fanfare.h.
 *
 * It borrows the caller's texts for as long as it lives. Channels and head lines are net's to
 * check. What it owns is an array of the channels and the private frames of `first`: their
 * references are the hub's where the connection was adopted, else they go with it. Any thread.
 */
#pragma once

#include "fanfare.h"
#include "net/adopt.h"

struct subscription {
    struct adoption adoption;
    struct text one;       /* where there is one channel */
    struct text *channels; /* where there are more; NULL: there are not */
    struct frame **first;  /* NULL: none */
};

/* 0, -EINVAL, -E2BIG, -ENOMEM, or a FANFARE_ERROR_ of `first`; then nothing is held. */
MUST_USE int subscription_read(const struct fanfare_subscription *given,
                               struct subscription *ret_subscription);
/* `adopted`: the frames are the hub's. */
void subscription_deinit(struct subscription *subscription, bool adopted);
/* What adopt_socket, or a refusal by the hub, is to the caller. */
int subscription_result(int r);
