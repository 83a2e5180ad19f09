/* SPDX-License-Identifier: MIT */
/* What a thread knows of the engines: see instance.h. */
#include "lib/instance.h"

_Thread_local bool instance_in_hook;
