/* SPDX-License-Identifier: MIT */
/*
 * A clock: an event of its own type, with an id of its own, every two seconds, at a URL of its own.
 *
 *     cc clock.c $(pkg-config --cflags --libs fanfare) && ./a.out 127.0.0.1:8080
 *     curl -N localhost:8080/clock
 */
#include <fanfare.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct fanfare *f = fanfare_new();
    fanfare_set(f, "listen", argc > 1 ? argv[1] : "127.0.0.1:8080");
    fanfare_set(f, "path", "/clock=clock");
    fanfare_set(f, "header", "Access-Control-Allow-Origin: *");
    fanfare_set(f, "write-timeout", "5"); /* who takes nothing for so long misses ticks, */
    fanfare_set(f, "stuck", "skip");      /* stays, and is told which ones */
    fanfare_set(f, "idle-timeout", "1800");
    if (fanfare_start(f) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(f)), 1;
    for (int tick = 1;; tick++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", tick);
        struct fanfare_event event = {sizeof(event)};
        event.channel = "clock", event.channel_len = FANFARE_NUL;
        event.type = "tick", event.type_len = FANFARE_NUL;
        event.id = id, event.id_len = FANFARE_NUL;
        event.data = "tick", event.data_len = 4;
        fanfare_publish_events(f, &event, 1, FANFARE_FOREVER, NULL);
        sleep(2);
    }
}
