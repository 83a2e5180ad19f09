/* SPDX-License-Identifier: MIT */
/*
 * Channels inside an h2o server (libh2o-evloop): it writes the response head and gives the socket
 * away, as it does for an upgrade. HTTP/1 without TLS; others get no stream here.
 *
 *     cc -DH2O_USE_EPOLL=1 -DH2O_USE_LIBUV=0 channels_h2o.c \
 *         $(pkg-config --cflags --libs fanfare libh2o-evloop) && ./a.out 8080
 *     curl -N localhost:8080/events/news
 */
#include <fanfare.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct fanfare *f;
static h2o_context_t context;
static h2o_accept_ctx_t accept_context;

/* What is asked for, while h2o writes the response head. */
struct asked {
    char *channel, *resume; /* resume NULL: none */
};

static void on_head_written(void *user, h2o_socket_t *socket, size_t request_len)
{
    struct asked *asked = user;
    h2o_socket_export_t taken;
    struct fanfare_subscription subscription = {sizeof(subscription)};
    (void)request_len;
    subscription.channel = asked->channel, subscription.channel_len = FANFARE_NUL;
    subscription.resume = asked->resume, subscription.resume_len = asked->resume ? FANFARE_NUL : 0;
    subscription.flags = FANFARE_HEAD_SENT | FANFARE_PLAIN; /* h2o's head has no chunks */
    if (socket && h2o_socket_export(socket, &taken) == 0) {
        if (fanfare_adopt(f, taken.fd, &subscription, NULL) < 0)
            close(taken.fd);
        h2o_buffer_dispose(&taken.input);
    }
    free(asked->channel);
    free(asked->resume);
    free(asked);
}

static int on_stream(h2o_handler_t *self, h2o_req_t *request)
{
    const size_t prefix = sizeof("/events/") - 1;
    (void)self;
    if (request->path_normalized.len <= prefix || request->version >= 0x200)
        return -1; /* the next handler, or 404 */
    ssize_t id = h2o_find_header_by_str(&request->headers, H2O_STRLIT("last-event-id"), -1);
    struct asked *asked = calloc(1, sizeof(*asked));
    asked->channel =
        strndup(request->path_normalized.base + prefix, request->path_normalized.len - prefix);
    if (id >= 0)
        asked->resume = strndup(request->headers.entries[id].value.base,
                                request->headers.entries[id].value.len);
    request->res.status = 200;
    request->res.reason = "OK";
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("text/event-stream"));
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-cache"));
    h2o_http1_upgrade(request, NULL, 0, on_head_written, asked);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *socket = error ? NULL : h2o_evloop_socket_accept(listener);
    if (socket)
        h2o_accept(&accept_context, socket);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 8080));
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 511) < 0)
        return perror("listen"), 1;
    f = fanfare_new();
    if (fanfare_start(f) < 0)
        return fprintf(stderr, "%s\n", fanfare_error(f)), 1;
    h2o_globalconf_t config;
    h2o_config_init(&config);
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/events", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_stream;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accept_context = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    h2o_socket_t *listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);
    for (;;) {
        h2o_evloop_run(context.loop, 1000);
        fanfare_publish(f, "news", NULL, "tick", 4, 0, NULL);
    }
}
