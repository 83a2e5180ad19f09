/* SPDX-License-Identifier: MIT */
/*
 * Channels inside an existing server, here libmicrohttpd: it goes on to answer all other requests,
 * and hands a stream's socket over to the engine, which has no listener of its own.
 *
 *     cc channels_microhttpd.c $(pkg-config --cflags --libs fanfare libmicrohttpd)
 *     ./a.out 8080
 *     curl -N localhost:8080/events/channel-1
 */
#include <fanfare.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_access(void *f, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_len, void **state)
{
    (void)upload, (void)upload_len, (void)state;
    if (strcmp(method, "GET") != 0 || strncmp(url, "/events/", 8) != 0)
        return answer(connection, 200, "Streams are at /events/CHANNEL.\n");
    const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    struct fanfare_subscription subscription = {sizeof(subscription)};
    subscription.channel = url + 8, subscription.channel_len = FANFARE_NUL;
    subscription.resume = id, subscription.resume_len = id ? FANFARE_NUL : 0;
    subscription.head = "Access-Control-Allow-Origin: *\r\n", subscription.head_len = FANFARE_NUL;
    subscription.flags = strcmp(version, "HTTP/1.0") == 0 ? FANFARE_PLAIN : 0;
    int fd =
        dup(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    int r = fd < 0 ? -errno : fanfare_adopt(f, fd, &subscription, NULL);
    if (r == 0)
        return MHD_NO; /* with MHD_USE_TURBO it forgets the connection, and shuts nothing down */
    if (fd >= 0)
        close(fd);
    return answer(connection, 503, fanfare_strerror(r));
}

int main(int argc, char **argv)
{
    struct fanfare *f = fanfare_new();
    fanfare_set(f, "retry", "10000");
    if (fanfare_start(f) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(f)), 1;
    unsigned short port = (unsigned short)(argc > 1 ? atoi(argv[1]) : 8080);
    if (!MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO, port, NULL, NULL,
                          on_access, f, MHD_OPTION_END))
        return fprintf(stderr, "cannot listen on port %u\n", port), 1;
    for (;; sleep(5)) {
        char now[64];
        time_t seconds = time(NULL);
        size_t len = strftime(now, sizeof(now), "%H:%M:%S", localtime(&seconds));
        fanfare_publish(f, "channel-1", NULL, now, len, FANFARE_FOREVER, NULL);
    }
}
