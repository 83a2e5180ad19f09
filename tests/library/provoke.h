/* SPDX-License-Identifier: MIT */
/*
 * Places in which a call is made to say its errors: on an engine that was never started, in a
 * child, in a request hook, on none at all. They share one engine that runs. One thread.
 */
#pragma once

#include "fanfare.h"

typedef int provoke_call(struct fanfare *fanfare);

/* The one that runs; made when it is first asked for. */
struct fanfare *provoke_running(void);
/* It is gone. */
void provoke_end(void);

/* Each of them: what the call returned there. */
int provoke_new(provoke_call *call);
int provoke_child(provoke_call *call);
int provoke_hook(provoke_call *call);
int provoke_none(provoke_call *call);

/* The row's function: call_new, call_child, ... */
#define PROVOKE(call, place)                                                                       \
    static int call##_##place(void)                                                                \
    {                                                                                              \
        return provoke_##place(call);                                                              \
    }
