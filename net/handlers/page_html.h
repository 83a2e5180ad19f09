/* SPDX-License-Identifier: MIT */
/* The live page, net/handlers/page.html, turned into an array when the program is built
 * (net/handlers/page.py). It is immutable and served as it is. */
#pragma once

#include <stddef.h>

extern const char page_html[];
extern const size_t page_html_len;
