/* SPDX-License-Identifier: MIT */
/* What is at /: the live page, net/handlers/page.html as it was when the program was built, or the
 * operator's (net/page_file.h). */
#pragma once

#include "net/handler.h"

extern const struct handler page_handler;
