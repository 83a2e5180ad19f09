/* SPDX-License-Identifier: MIT */
/* Connections whose one end is given to an engine: the program's and the client's. One thread. */
#pragma once

#include <stddef.h>

enum socket_kind { SOCKET_TCP, SOCKET_UNIX, SOCKET_PAIR, SOCKET_KINDS };

/* Both ends block. */
struct ends {
    int ours, clients;
};

struct ends socket_open(enum socket_kind kind);
void socket_close(struct ends *ends);
const char *socket_kind_text(enum socket_kind kind);
/* A client that has hung up reads nothing and says nothing: it does so at once, with a reset. */
void socket_reset(int fd);
