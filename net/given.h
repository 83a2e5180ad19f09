/* SPDX-License-Identifier: MIT */
/*
 * Sockets that somebody else has made: "fd:N", an address that is none but a socket that listens
 * already, bound by a supervisor or by the program around us; and what any of them must not bring
 * with it.
 *
 * The former is duplicated: the caller goes on to own its number and, of a unix socket, its file.
 * It is made non-blocking, which both share. Reads no environment: who passes sockets by number
 * says the number. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/base/base.h"

/* Whether it has that form, right or wrong. */
bool given_is(const char *address);
/* What it is bound to; 0, or why it is no socket to listen on. `ret_fd` may be NULL. */
MUST_USE int given_look(const char *address, int *ret_fd, struct sockaddr_storage *ret_bound);
/* A descriptor of our own for it: 0, or a negative errno with one sentence. */
MUST_USE int given_open(const char *address, int *ret_fd, struct sockaddr_storage *ret_bound,
                        char *error, size_t error_size);

/*
 * SO_LINGER of a socket that somebody else has made: with one, close sleeps until the client has
 * acknowledged everything or the time is over, of a socket that does not block as well, and a
 * worker or an acceptor with it. {0} is none, and what a socket says that is none.
 */
struct linger given_linger(int fd);
void given_set_linger(int fd, struct linger linger);
/* Closes it without one. */
void given_close(int fd);
