/* SPDX-License-Identifier: MIT */
/* Sentences of refusal: see refusal.h. */
#include "net/access/refusal.h"

#include <errno.h>
#include <stdarg.h>

int refusal_say(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}
