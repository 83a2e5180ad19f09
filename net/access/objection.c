/* SPDX-License-Identifier: MIT */
/* Objections: see objection.h. */
#include "net/access/objection.h"

#include <errno.h>
#include <stdarg.h>

int objection_say(char *error, size_t error_size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}
