/* SPDX-License-Identifier: MIT */
/*
 * The smallest program with an engine in it: it serves streams on port 8080 and publishes each line
 * that it reads.
 *
 *     cc embed.c $(pkg-config --cflags --libs fanfare) && ./a.out
 *     curl -N localhost:8080/events/news
 */
#include <fanfare.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct fanfare *f = fanfare_new();
    fanfare_set(f, "listen", argc > 1 ? argv[1] : "127.0.0.1:8080");
    if (fanfare_start(f) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(f)), 1;
    for (char line[4096]; fgets(line, sizeof(line), stdin);)
        fanfare_publish(f, "news", NULL, line, strcspn(line, "\n"), FANFARE_FOREVER, NULL);
    fanfare_stop(f); /* all of it is delivered */
    fanfare_free(f);
    return 0;
}
