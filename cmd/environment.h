/* SPDX-License-Identifier: MIT */
/*
 * Variables that begin with FANFARE_ and mean nothing: a misspelt one would be lost in silence.
 *
 * They are warned of and not refused, for some are nobody's mistake; those that Kubernetes sets for
 * a service of our name (FANFARE_PORT=tcp://..., FANFARE_SERVICE_HOST) are passed over.
 *
 * Main thread. Prints nothing: `each` gets a sentence for every such variable.
 */
#pragma once

#include "engine/base/base.h"

void environment_check(char *const *variables, void (*each)(void *context, const char *sentence),
                       void *context);
