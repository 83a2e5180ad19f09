/* SPDX-License-Identifier: MIT */
/* Versions, and one sentence for each result: the part of fanfare.h that knows no engine. */
#include <errno.h>
#include <string.h>

#include "fanfare.h"

const char *fanfare_version(void)
{
    return FANFARE_VERSION;
}

uint32_t fanfare_version_number(void)
{
    return FANFARE_VERSION_NUMBER;
}

static const struct {
    int result;
    const char *sentence;
} sentences[] = {
    {0, "no error"},
    {-EAGAIN, "there is no room at the moment"},
    {-ETIMEDOUT, "there was no room, or no answer, in time"},
    {-ESHUTDOWN, "the engine is not running"},
    {-ECHILD, "the engine belongs to the process that this one was forked from"},
    {-EDEADLK, "a request hook must not wait"},
    {-EALREADY, "it was done already"},
    {-EBUSY, "it cannot change while the engine runs"},
    {-E2BIG, "it is larger than this library allows or knows"},
    {-EINVAL, "an argument is not valid"},
    {-ENOMEM, "out of memory"},
    {-ENOSPC, "there is no room for another subscriber"},
    {-ENOBUFS, "memory-max is reached"},
    {-ENOENT, "there is none of that name"},
    {-EBADF, "the descriptor is not open"},
    {-ENOTSOCK, "the descriptor is no socket"},
    {-ENOTCONN, "the socket is not connected"},
    {-EPROTOTYPE, "the socket is no stream socket"},
    {-EPIPE, "the client has gone"},
    {FANFARE_ERROR_CHANNEL_EMPTY, "the channel has no name"},
    {FANFARE_ERROR_CHANNEL_LONG, "the channel's name is longer than 256 bytes"},
    {FANFARE_ERROR_CHANNEL_TEXT, "the channel's name is no UTF-8, or has a control character"},
    {FANFARE_ERROR_TYPE_LONG, "the event's type is longer than 256 bytes"},
    {FANFARE_ERROR_TYPE_TEXT, "the event's type is no UTF-8, or has a line end or NUL"},
    {FANFARE_ERROR_ID_LONG, "the event's id is longer than 128 bytes"},
    {FANFARE_ERROR_ID_TEXT, "the event's id is no UTF-8, or has a control character"},
    {FANFARE_ERROR_ID_SPACE, "the event's id begins or ends with a space"},
    {FANFARE_ERROR_ID_OURS, "the event's id is `earliest`, or has the form of the engine's own"},
    {FANFARE_ERROR_DATA_LONG, "the event's data is longer than 16 MiB"},
    {FANFARE_ERROR_DATA_TEXT, "the event's data is no UTF-8, or has a NUL"},
    {FANFARE_ERROR_RETRY, "the event's retry_ms is negative"},
    {FANFARE_ERROR_SYNTAX, "the text is not in the grammar of the feed"},
    {FANFARE_ERROR_CHANNELS, "there is no channel to subscribe to, or there are too many"},
    {FANFARE_ERROR_HEAD, "the header lines are not lines of `Name: value` and CRLF"},
    {FANFARE_ERROR_OPTION, "there is nothing of that name"},
    {FANFARE_ERROR_VALUE, "the option does not allow that value"},
    {FANFARE_ERROR_CHANNEL_OURS, "only the engine itself publishes to channels of that name"},
    {FANFARE_ERROR_TYPE_OURS, "the event's type fanfare-gap is the engine's own: choose another"},
    {FANFARE_ERROR_DATA_NONE,
     "the event has neither data nor a delay, nor does it end its channel"},
    {FANFARE_ERROR_KEY_LONG, "the event's key is longer than 128 bytes"},
    {FANFARE_ERROR_KEY_TEXT, "the event's key is no UTF-8, or has a control character"},
    {FANFARE_ERROR_KEY_TWICE, "two events of the call have the same channel and key"},
    {FANFARE_ERROR_TO_ALL, "an event to all names no channel, and ends none"},
    {FANFARE_ERROR_ENDED, "the channel has ended"},
};

const char *fanfare_strerror(int result)
{
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (sentences[i].result == result)
            return sentences[i].sentence;
    if (result > 0)
        return "no error";
    const char *text = result > -4096 ? strerrordesc_np(-result) : NULL; /* static, untranslated */
    return text ? text : "an unknown error";
}
