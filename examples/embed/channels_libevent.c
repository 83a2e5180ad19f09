/* SPDX-License-Identifier: MIT */
/*
 * Channels inside a libevent server: its connection object keeps the descriptor and shuts it down
 * when it is freed, so it gets a stand-in (fanfare_detach), and the engine the socket.
 *
 *     cc channels_libevent.c $(pkg-config --cflags --libs fanfare libevent) && ./a.out 8080
 *     curl -N localhost:8080/events/news
 */
#include <fanfare.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program {
    struct fanfare *fanfare;
    struct event_base *base;
};

static void let_go(int fd, short events, void *connection)
{
    (void)fd, (void)events;
    evhttp_connection_free(connection); /* shuts down and closes the stand-in, not the client */
}

static void on_request(struct evhttp_request *request, void *user)
{
    struct program *program = user;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    if (strncmp(path, "/events/", 8) != 0) {
        evhttp_send_error(request, 404, "Streams are at /events/CHANNEL");
        return;
    }
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    const char *id = evhttp_find_header(evhttp_request_get_input_headers(request), "Last-Event-ID");
    char *channel = evhttp_uridecode(path + 8, 0, NULL);
    struct fanfare_subscription subscription = {sizeof(subscription)};
    subscription.channel = channel, subscription.channel_len = FANFARE_NUL;
    subscription.resume = id, subscription.resume_len = id ? FANFARE_NUL : 0;
    bufferevent_disable(stream, EV_READ | EV_WRITE); /* out of libevent's epoll set, first */
    int fd = fanfare_detach(bufferevent_getfd(stream));
    if (fd >= 0 && fanfare_adopt(program->fanfare, fd, &subscription, NULL) < 0)
        close(fd);
    free(channel);
    event_base_once(program->base, -1, EV_TIMEOUT, let_go, connection, NULL);
}

static void on_tick(int fd, short events, void *user)
{
    struct program *program = user;
    (void)fd, (void)events;
    fanfare_publish(program->fanfare, "news", NULL, "tick", 4, 0, NULL);
}

int main(int argc, char **argv)
{
    struct program program = {fanfare_new(), event_base_new()};
    if (fanfare_start(program.fanfare) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(program.fanfare)), 1;
    struct evhttp *http = evhttp_new(program.base);
    evhttp_set_gencb(http, on_request, &program);
    if (evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)(argc > 1 ? atoi(argv[1]) : 8080)) < 0)
        return fprintf(stderr, "cannot listen there\n"), 1;
    struct event *tick = event_new(program.base, -1, EV_PERSIST, on_tick, &program);
    event_add(tick, &(struct timeval){1, 0});
    event_base_dispatch(program.base);
}
