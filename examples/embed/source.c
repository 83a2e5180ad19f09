/* SPDX-License-Identifier: MIT */
/*
 * Events from a pipe, in a program with an event loop: each line is published as it comes, and
 * while there is no room, because readers are behind, no more is read, so whoever writes waits too.
 *
 *     cc source.c $(pkg-config --cflags --libs fanfare) && seq 1000000 | ./a.out 127.0.0.1:8080
 *     curl -N localhost:8080/stream
 */
#include <fanfare.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Publishes the lines of `input` and gives how many bytes of them are left; *ret_full: for want of
 * room, which the waiter's descriptor will tell. */
static size_t publish_lines(struct fanfare_waiter *waiter, char *input, size_t used, bool *ret_full)
{
    char *at = input, *end;
    *ret_full = false;
    while ((end = (char *)memchr(at, '\n', used)) != NULL && !*ret_full) {
        struct fanfare_event event = {sizeof(event)};
        event.channel = "source", event.channel_len = FANFARE_NUL;
        event.data = at, event.data_len = (size_t)(end - at);
        *ret_full = fanfare_waiter_publish(waiter, &event, 1, NULL) == -EAGAIN;
        if (!*ret_full)
            used -= (size_t)(end + 1 - at), at = end + 1;
    }
    memmove(input, at, used);
    return used;
}

int main(int argc, char **argv)
{
    static char input[65536];
    struct fanfare_waiter *waiter;
    struct fanfare *f = fanfare_new();
    fanfare_set(f, "listen", argc > 1 ? argv[1] : "127.0.0.1:8080");
    fanfare_set(f, "default-channel", "source"); /* which is what /stream means */
    fanfare_set(f, "idle-timeout", "30");
    if (fanfare_start(f) < 0 || fanfare_waiter_new(f, &waiter) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(f)), 1;
    size_t used = 0;
    for (bool full = false;; used = publish_lines(waiter, input, used, &full)) {
        struct pollfd ready = {full ? fanfare_waiter_fd(waiter) : STDIN_FILENO, POLLIN, 0};
        if (poll(&ready, 1, -1) < 0)
            break;
        ssize_t n = full ? 0 : read(STDIN_FILENO, input + used, sizeof(input) - used);
        if (!full && n <= 0)
            break;
        used += (size_t)n;
    }
    fanfare_waiter_free(waiter);
    fanfare_stop(f); /* all of it is delivered */
    fanfare_free(f);
    return 0;
}
