/* SPDX-License-Identifier: MIT */
/* The engine's reasons by the library's numbers, which stay as they are for ever. */
#include "lib/left.h"

#include <stddef.h>

#include "fanfare.h"

#define LEFT_TABLE(X)                                                                              \
    X(CLOSE_GONE, FANFARE_LEFT_GONE, "it hung up")                                                 \
    X(CLOSE_ERROR, FANFARE_LEFT_ERROR, "its socket failed")                                        \
    X(CLOSE_SLOW, FANFARE_LEFT_SLOW, "it took too little, and history passed it")                  \
    X(CLOSE_STUCK, FANFARE_LEFT_STUCK, "it took nothing for write-timeout")                        \
    X(CLOSE_LIMIT, FANFARE_LEFT_LIMIT, "it had as many events as it had asked for")                \
    X(CLOSE_IDLE, FANFARE_LEFT_IDLE, "there was no event for idle-timeout")                        \
    X(CLOSE_AGE, FANFARE_LEFT_AGE, "its lifetime was over")                                        \
    X(CLOSE_MEMORY, FANFARE_LEFT_MEMORY, "memory-max was reached, and it was furthest behind")     \
    X(CLOSE_ASKED, FANFARE_LEFT_ENDED, "it was ended, in order")                                   \
    X(CLOSE_CHANNEL, FANFARE_LEFT_CHANNEL, "its last channel was closed")                          \
    X(CLOSE_DRAIN, FANFARE_LEFT_DRAIN, "the engine stopped, and it had everything")                \
    X(CLOSE_CUT, FANFARE_LEFT_CUT, "it was cut before it had everything")                          \
    X(CLOSE_REFUSED, FANFARE_LEFT_REFUSED, "its worker could not take it")                         \
    X(CLOSE_EXPIRED, FANFARE_LEFT_TOKEN, "what let it in had ended")                               \
    X(CLOSE_ENDED, FANFARE_LEFT_OVER, "its channels had ended")

int left_of(enum close_reason reason)
{
    switch (reason) {
#define X(close, left, text)                                                                       \
    case close:                                                                                    \
        return left;
        LEFT_TABLE(X)
#undef X
    case CLOSE_NONE:
        break;
    }
    return 0;
}

const char *fanfare_reason_text(int reason)
{
    switch (reason) {
#define X(close, left, text)                                                                       \
    case left:                                                                                     \
        return text;
        LEFT_TABLE(X)
#undef X
    default:
        return "an unknown reason";
    }
}
