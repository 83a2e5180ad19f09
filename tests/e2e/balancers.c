/* SPDX-License-Identifier: MIT */
/*
 * The real haproxy and nginx in front of the server, each as its own documentation sets it up: the
 * PROXY protocol in both versions with haproxy's health checks, X-Forwarded-For and Forwarded, over
 * TCP and over a socket file. That the address is the client's is seen by a cap of one stream each.
 *
 * Where one of them is not installed its cases say so and are skipped; nothing is installed here.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netinet/in.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

enum { FRONTS = 4 };

static struct server server;
static struct server fronts[FRONTS]; /* ports of the balancer, as if it were a server */
static char folder[] = "/tmp/fanfare-balancers-XXXXXX";
static char config[4096];
static pid_t balancer;

/* --- the balancer ---------------------------------------------------------------------------- */

static const char *program_of(const char *name)
{
    static const char *const folders[] = {"/usr/sbin", "/usr/local/sbin", "/usr/bin"};
    static char path[64];
    for (unsigned i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

/* A case of its own, if the program is there. */
static const char *wanted(const char *name)
{
    const char *path = program_of(name);
    if (!path)
        printf("skipped: %s is not installed here (apt-get install %s)\n", name, name);
    return path;
}

/* Ports that were free a moment ago. */
static void choose_ports(void)
{
    int fds[FRONTS];
    for (unsigned i = 0; i < FRONTS; i++) {
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(name);
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fds[i] >= 0 && bind(fds[i], (struct sockaddr *)&name, len) == 0 &&
                    getsockname(fds[i], (struct sockaddr *)&name, &len) == 0,
                "no free port");
        fronts[i].port = ntohs(name.sin_port);
    }
    for (unsigned i = 0; i < FRONTS; i++)
        close(fds[i]);
}

__attribute__((format(printf, 1, 2))) static void write_config(const char *format, ...)
{
    va_list arguments;
    snprintf(config, sizeof(config), "%s/config", folder);
    FILE *file = fopen(config, "we");
    REQUIRE(file, "cannot write %s", config);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

static bool accepts(const struct server *front)
{
    int fd = connect_tcp(front, 0), error = 0;
    socklen_t len = sizeof(error);
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    bool done = poll(&ready, 1, DEADLINE_MS) == 1 &&
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
    close(fd);
    return done;
}

/* Starts it, and waits until its first front accepts. */
static void start_balancer(const char *program, const char *const *arguments)
{
    char log[64];
    snprintf(log, sizeof(log), "%s/log", folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0, "cannot write %s", log);
    balancer =
        program_start_as(&(struct launch){.program = program, .out = fd, .err = fd}, arguments);
    close(fd);
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (!accepts(&fronts[0])) {
        REQUIRE(waitpid(balancer, NULL, WNOHANG) == 0 && check_now_ms() < due_ms,
                "%s does not start; see %s and %s", program, log, config);
        (void)poll(NULL, 0, 5);
    }
}

static void stop_balancer(void)
{
    static const char *const names[] = {"config", "log", "socket"};
    char path[64];
    kill(balancer, SIGTERM);
    waitpid(balancer, NULL, 0);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
}

/* --- what is seen through it ------------------------------------------------------------------ */

static int status_from(const struct server *front, unsigned source, const char *fields,
                       struct stream *stream)
{
    stream_init(stream, connect_tcp(front, source), NULL, NULL);
    stream_send_request(stream, "/events/x", fields);
    stream_await_head(stream);
    return stream->status;
}

/* Two clients have a stream each, and no second one, whatever they say of themselves; an event
 * comes through to both. */
static void expect_own_addresses(const struct server *front, const char *lie)
{
    struct stream streams[2], more;
    struct client client;
    char id[160];
    /* The health check may have to find the server first. */
    int64_t due_ms = check_now_ms() + DEADLINE_MS;
    while (status_from(front, 11, lie, &streams[0]) != 200) {
        REQUIRE(check_now_ms() < due_ms, "no stream: %d", streams[0].status);
        stream_close(&streams[0]);
    }
    EXPECT_INT(status_from(front, 12, lie, &streams[1]), 200);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_INT(status_from(front, 11 + i, lie, &more), 429);
        stream_close(&more);
        stream_await_id(&streams[i]);
    }
    client_open(&client, &server);
    publish(&client, "x", "through", id);
    client_close(&client);
    for (unsigned i = 0; i < 2; i++) {
        stream_expect(&streams[i], "message", "through", (char[136]){0});
        stream_close(&streams[i]);
    }
    server_await(&server, "subscribers", false, 0);
}

#define FORGED "X-Forwarded-For: 6.6.6.6\r\n"

static void case_haproxy(void)
{
    const char *program = wanted("haproxy");
    char socket[64], listen[96];
    if (!program)
        return;
    choose_ports();
    snprintf(socket, sizeof(socket), "%s/socket", folder);
    snprintf(listen, sizeof(listen), "unix:%s proxy-protocol", socket);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--listen", listen, "--trusted-proxy",
                                         "127.0.0.1", "--trusted-proxy", "unix",
                                         "--subscribers-per-address", "1"));
    write_config("defaults\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
                 "  option abortonclose\n"
                 "listen one\n  mode tcp\n  bind 127.0.0.1:%u\n"
                 "  server s unix@%s send-proxy check inter 100ms\n"
                 "listen two\n  mode tcp\n  bind 127.0.0.1:%u\n"
                 "  server s unix@%s send-proxy-v2 check inter 100ms\n"
                 "listen http\n  mode http\n  bind 127.0.0.1:%u\n"
                 "  option forwardfor\n  server s 127.0.0.1:%u check inter 100ms\n"
                 "listen both\n  mode http\n  bind 127.0.0.1:%u\n"
                 "  http-request del-header X-Forwarded-For\n"
                 "  http-request set-header Forwarded for=%%[src];proto=http\n"
                 "  server s unix@%s send-proxy-v2-ssl-cn\n",
                 fronts[0].port, socket, fronts[1].port, socket, fronts[2].port, server.port,
                 fronts[3].port, socket);
    start_balancer(program, (const char *const[]){"-db", "-f", config, NULL});
    for (unsigned i = 0; i < FRONTS; i++)
        expect_own_addresses(&fronts[i], i == 2 ? FORGED : NULL);
    EXPECT_INT(server_stat(&server, "connections_refused_proxy"), 0);
    EXPECT_INT(server_stat(&server, "forwarded_broken"), 0);
    stop_balancer();
    server_stop(&server);
}

static void case_nginx(void)
{
    const char *program = wanted("nginx");
    char socket[64], listen[96], global[256];
    if (!program)
        return;
    choose_ports();
    snprintf(socket, sizeof(socket), "%s/socket", folder);
    snprintf(listen, sizeof(listen), "unix:%s", socket);
    server_start(&server, SERVER_OPTIONS("--workers", "2", "--listen", listen, "--trusted-proxy",
                                         "127.0.0.1", "--trusted-proxy", "unix",
                                         "--subscribers-per-address", "1"));
    write_config(
        "error_log stderr;\nevents { }\nhttp {\n"
        "  access_log off;\n  client_body_temp_path %s/t1;\n  proxy_temp_path %s/t2;\n"
        "  fastcgi_temp_path %s/t3;\n  uwsgi_temp_path %s/t4;\n  scgi_temp_path %s/t5;\n"
        "  proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n"
        "  proxy_set_header Host $http_host;\n"
        "  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
        "  server { listen 127.0.0.1:%u; location / { proxy_pass http://127.0.0.1:%u; } }\n"
        "  server { listen 127.0.0.1:%u; location / { proxy_pass http://unix:%s:; } }\n"
        "  server { listen 127.0.0.1:%u; location / { proxy_pass http://127.0.0.1:%u;\n"
        "    proxy_set_header X-Forwarded-For \"\";\n"
        "    proxy_set_header Forwarded \"for=$remote_addr\"; } }\n}\n",
        folder, folder, folder, folder, folder, fronts[0].port, server.port, fronts[1].port, socket,
        fronts[2].port, server.port);
    snprintf(global, sizeof(global), "daemon off; master_process off; pid %s/pid;", folder);
    start_balancer(program, (const char *const[]){"-p", folder, "-c", config, "-e", "stderr", "-g",
                                                  global, NULL});
    expect_own_addresses(&fronts[0], NULL);
    expect_own_addresses(&fronts[0], FORGED);
    expect_own_addresses(&fronts[1], FORGED);
    expect_own_addresses(&fronts[2], FORGED "Forwarded: for=6.6.6.6\r\n");
    EXPECT_INT(server_stat(&server, "forwarded_broken"), 0);
    /* It lets a client's other field through: then the client is the proxy, and has one stream. */
    struct stream first, second;
    EXPECT_INT(status_from(&fronts[0], 11, "Forwarded: for=6.6.6.6\r\n", &first), 200);
    EXPECT_INT(status_from(&fronts[0], 12, "Forwarded: for=7.7.7.7\r\n", &second), 429);
    EXPECT_INT(server_stat(&server, "forwarded_broken"), 2);
    stream_close(&first);
    stream_close(&second);
    stop_balancer();
    server_stop(&server);
}

static void remove_folder(void)
{
    static const char *const names[] = {"t1", "t2", "t3", "t4", "t5"};
    char path[64];
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        rmdir(path);
    }
    snprintf(path, sizeof(path), "%s/pid", folder);
    unlink(path);
    EXPECT(rmdir(folder) == 0, "something is left in %s", folder);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    if (!program_of("haproxy") && !program_of("nginx"))
        check_skip("neither haproxy nor nginx is installed here (apt-get install haproxy nginx)");
    REQUIRE(mkdtemp(folder), "cannot make %s", folder);
    chmod(folder, 0755);
    check_case("haproxy", case_haproxy);
    check_case("nginx", case_nginx);
    remove_folder();
    return check_end();
}
