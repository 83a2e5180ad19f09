/* SPDX-License-Identifier: MIT */
/*
 * Each error that the header promises, provoked: a row says which function returns what, and how
 * it is made to. tests/library/promises.py holds the rows against the header. One thread.
 */
#pragma once

struct error_row {
    const char *function; /* NULL: behind the last */
    int result;
    int (*provoke)(void); /* what the function returned */
};

/* A table for each file of rows. */
extern const struct error_row errors_adopt[], errors_channels[], errors_life[], errors_publish[],
    errors_request[];
void errors_adopt_end(void);   /* its subscriber has gone */
void errors_publish_end(void); /* its full channel is gone */
