/* SPDX-License-Identifier: MIT */
/*
 * A program of somebody's: it includes the header, links the library, and serves a client. Built
 * against an installed tree, statically and shared, as C and as C++ (installed.py), and beside
 * functions of its own that have the names of the library's (collide.py). Exit status 0 if all of
 * it works. One thread.
 */
#include <arpa/inet.h>
#include <fanfare.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void need(int is_true, const char *what, struct fanfare *f)
{
    if (is_true)
        return;
    fprintf(stderr, "%s: %s\n", what, fanfare_error(f));
    exit(1);
}

/* A connection to the engine's listener, on which this request is sent. */
static int ask(struct fanfare *f, const char *request)
{
    char text[256] = "";
    struct sockaddr_in address;
    need(fanfare_get(f, "addresses", text, sizeof(text)) > 0, "fanfare_get", f);
    const char *port = strrchr(text, ':');
    need(port != NULL, text, f);
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)atoi(port + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect", f);
    need(write(fd, request, strlen(request)) == (ssize_t)strlen(request), "write", f);
    return fd;
}

/* Reads until this text has come. */
static void await(struct fanfare *f, int fd, const char *wanted)
{
    char text[4096] = "";
    size_t used = 0;
    while (used + 1 < sizeof(text) && !strstr(text, wanted)) {
        ssize_t n = read(fd, text + used, sizeof(text) - 1 - used);
        need(n > 0, wanted, f);
        text[used += (size_t)n] = '\0';
    }
}

int main(void)
{
    struct fanfare *f = fanfare_new();
    need(fanfare_version_number() == FANFARE_VERSION_NUMBER, fanfare_version(), f);
    fanfare_set(f, "listen", "127.0.0.1:0");
    fanfare_set(f, "workers", "1");
    fanfare_set(f, "memory-max", "64M");
    need(fanfare_start(f) == 0, "fanfare_start", f);
    int fd = ask(f, "GET /events/news HTTP/1.1\r\nHost: x\r\n\r\n");
    await(f, fd, "retry: ");
    need(fanfare_publish(f, "news", NULL, "hello", FANFARE_NUL, 0, NULL) == 0, "publish", f);
    await(f, fd, "data: hello");
    close(fd);
    need(fanfare_stop(f) == 0, "fanfare_stop", f);
    fanfare_free(f);
    return 0;
}
