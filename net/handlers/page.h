/* SPDX-License-Identifier: MIT */
/* The live page: net/handlers/page.html as it was when the program was built. */
#pragma once

#include "net/handler.h"

extern const struct handler page_handler;
