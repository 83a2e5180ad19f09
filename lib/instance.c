/* SPDX-License-Identifier: MIT */
/* What a thread knows of the engines: see instance.h. */
#include "lib/instance.h"

#include <stdarg.h>
#include <stdio.h>

_Thread_local bool instance_in_hook;

int instance_refuse(struct fanfare *fanfare, int result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fanfare->error, sizeof(fanfare->error), format, arguments);
    va_end(arguments);
    return result;
}

int instance_refuse_terms(struct fanfare *fanfare, int r, const char *error)
{
    return instance_refuse(fanfare, r == -EINVAL ? FANFARE_ERROR_VALUE : r, "%s", error);
}

int instance_take_refused(struct fanfare *fanfare)
{
    int r = fanfare->refused;
    fanfare->refused = 0;
    return r;
}
