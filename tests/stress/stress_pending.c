/* SPDX-License-Identifier: MIT */
/*
 * Answers that come later, from other threads, over a whole server: a route of our own leaves a
 * pending request and gives its id away. At /later a thread answers each; at /late nobody does
 * until the client has had its 503, and then the answer's id names nothing any more. Clients
 * pipeline, so that a connection goes on after either; the last answers come when the server has
 * stopped. Each answer must reach its own request or nobody, and be freed once.
 *
 * For ThreadSanitizer, and for AddressSanitizer's use-after-free.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/answer.h"
#include "net/exchange.h"
#include "net/server.h"
#include "tests/e2e/check.h"

#define CLIENTS   4u
#define ANSWERERS 2u
#define ORIGIN    "http://page.example"

/* What an answerer knows of a request: whom to tell, and its id. */
struct task {
    struct task *next;
    struct service *service;
    uint64_t id;
};

struct tasks {
    pthread_mutex_t lock;
    pthread_cond_t come;
    struct task *first;
    bool ended;
};

struct later {
    struct pending pending; /* first */
};

struct later_answer {
    struct pending_answer answer; /* first */
    uint64_t id;
};

static struct tasks soon = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
static struct tasks held = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
static _Atomic unsigned answers_made, answers_freed, pendings_made, pendings_freed;
static struct tasks last = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};
static pthread_mutex_t late_lock = PTHREAD_MUTEX_INITIALIZER; /* one such request at a time */
static uint16_t port;
static unsigned rounds;

/* --- tasks --------------------------------------------------------------------------------- */

static void put_task(struct tasks *tasks, struct service *service, uint64_t id)
{
    struct task *task = malloc(sizeof(*task));
    REQUIRE(task, "out of memory");
    *task = (struct task){.service = service, .id = id};
    pthread_mutex_lock(&tasks->lock);
    task->next = tasks->first;
    tasks->first = task;
    pthread_cond_signal(&tasks->come);
    pthread_mutex_unlock(&tasks->lock);
}

/* NULL: there is none, or for `wait` none will come. */
static struct task *take_task(struct tasks *tasks, bool wait)
{
    pthread_mutex_lock(&tasks->lock);
    while (wait && !tasks->first && !tasks->ended)
        pthread_cond_wait(&tasks->come, &tasks->lock);
    struct task *task = tasks->first;
    if (task)
        tasks->first = task->next;
    pthread_mutex_unlock(&tasks->lock);
    return task;
}

static void answer_free(struct pending_answer *answer)
{
    atomic_fetch_add(&answers_freed, 1);
    free(answer);
}

static void answer_task(struct task *task)
{
    struct later_answer *answer = malloc(sizeof(*answer));
    REQUIRE(answer, "out of memory");
    *answer =
        (struct later_answer){.answer = {.id = task->id, .free = answer_free}, .id = task->id};
    atomic_fetch_add(&answers_made, 1);
    service_answer(task->service, &answer->answer);
}

static void *answerer_run(void *argument)
{
    (void)argument;
    struct task *task;
    while ((task = take_task(&soon, true))) {
        answer_task(task);
        free(task);
    }
    return NULL;
}

/* --- the routes ---------------------------------------------------------------------------- */

static enum handler_result on_expire(struct client *client, struct pending *pending)
{
    (void)pending;
    return answer_error(client, 503, "nobody has answered");
}

static enum handler_result on_answer(struct client *client, struct pending *pending,
                                     const struct pending_answer *answer)
{
    uint64_t id = ((const struct later_answer *)answer)->id;
    REQUIRE(id == pending->id, "the answer to %llu came to %llu", (unsigned long long)id,
            (unsigned long long)pending->id);
    return answer_send(client, &(struct answer){.status = 200, .body = TEXT("later")});
}

static void on_free(struct client *client, struct pending *pending)
{
    (void)client;
    atomic_fetch_add(&pendings_freed, 1);
    free(pending);
}

/* One that is answered too late on purpose, and one that no busy machine makes late. */
static const struct pending_operations late_operations = {
    .deadline = DEADLINE_ROOM, .expire = on_expire, .answer = on_answer, .free = on_free};
static const struct pending_operations later_operations = {
    .deadline = DEADLINE_AUTHORIZE, .expire = on_expire, .answer = on_answer, .free = on_free};

static enum handler_result begin(struct client *client, struct tasks *tasks,
                                 const struct pending_operations *operations)
{
    struct service *service = service_of(&client->connection);
    struct later *later = calloc(1, sizeof(*later));
    REQUIRE(later && pending_begin(&service->pendings, &later->pending, operations,
                                   &client->connection) == 0,
            "out of memory");
    atomic_fetch_add(&pendings_made, 1);
    client->pending = &later->pending;
    put_task(tasks, service, later->pending.id);
    return WAITING;
}

static enum handler_result on_later(struct client *client)
{
    return begin(client, &soon, &later_operations);
}

static enum handler_result on_late(struct client *client)
{
    return begin(client, &held, &late_operations);
}

static const struct handler later_handler = {.on_request = on_later};
static const struct handler late_handler = {.on_request = on_late};
static const struct route_row rows[] = {
    {.path = "/later", .methods = &route_reads, .handler = &later_handler},
    {.path = "/late", .methods = &route_reads, .handler = &late_handler},
};
static const struct route_table routes = {.rows = rows, .count = 2};
static const struct server_parts parts = {.kinds = {[LISTENER_HTTP] = &exchange_kind},
                                          .routes = &routes};

/* --- clients ------------------------------------------------------------------------------- */

static int open_client(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    return fd;
}

static void say(int fd, const char *path)
{
    char text[128];
    int len = snprintf(text, sizeof(text),
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nOrigin: " ORIGIN "\r\n\r\n", path);
    REQUIRE(send(fd, text, (size_t)len, MSG_NOSIGNAL) == len, "send");
}

/* Both answers, to their last byte: a body each, of which nothing else is made. */
static void expect_answers(int fd, const char *first, const char *second)
{
    char text[2048];
    size_t len = 0;
    const char *found = NULL;
    /* The head of a request is there until it is answered, however late. */
    static const char shown[] = "Access-Control-Allow-Origin: " ORIGIN "\r\n";
    while (!found) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        REQUIRE(poll(&poll_fd, 1, DEADLINE_MS) == 1, "no answer after %zu bytes", len);
        ssize_t got = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        REQUIRE(got > 0, "the connection ended after %zu bytes", len);
        len += (size_t)got;
        text[len] = 0;
        found = strstr(text, first);
        found = found ? strstr(found + 1, second) : NULL;
    }
    const char *head = strstr(text, shown);
    EXPECT(head && strstr(head + 1, shown), "an answer without its origin: %s", text);
}

static void *client_run(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < rounds; i++) {
        int fd = open_client();
        if (i % 16 == 0) {
            pthread_mutex_lock(&late_lock);
            say(fd, "/late");
            say(fd, "/later");
            expect_answers(fd, "nobody has answered\n", "later");
            struct task *task = take_task(&held, false);
            REQUIRE(task, "nobody was asked");
            if (i == 0) /* its answer comes when the server has stopped */
                put_task(&last, task->service, task->id);
            else
                answer_task(task);
            free(task);
            pthread_mutex_unlock(&late_lock);
        } else {
            say(fd, "/later");
            say(fd, "/later");
            if (i % 4)
                expect_answers(fd, "later", "later");
        }
        close(fd);
    }
    return NULL;
}

int main(void)
{
    struct hub_options hub_options;
    struct server_options options;
    struct hub *hub;
    struct server *server;
    char error[256];
    pthread_t clients[CLIENTS], answerers[ANSWERERS];

    rounds = check_scaled(400);
    hub_options_default(&hub_options);
    hub_options.workers = 1;
    hub_options.io = IO_EPOLL;
    server_options_default(&options);
    options.listen[0] = "127.0.0.1:0";
    options.listen_count = 1;
    options.acceptors = 2;
    options.allow_origin[0] = ORIGIN;
    options.allow_origin_count = 1;
    options.publish_wait_ms = 20;
    options.authorize_timeout_ms = DEADLINE_MS;
    REQUIRE(hub_new(&hub_options, &hub) == 0 && hub_start(hub) == 0, "hub");
    REQUIRE(server_new(hub, &parts, &options, &server, error, sizeof(error)) == 0, "%s", error);
    REQUIRE(server_start(server) == 0, "server_start");
    port = (uint16_t)atoi(strrchr(server_address(server, 0), ':') + 1);
    int64_t start = check_now_ms();
    for (unsigned i = 0; i < ANSWERERS; i++)
        pthread_create(&answerers[i], NULL, answerer_run, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, client_run, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    server_stop(server);
    pthread_mutex_lock(&soon.lock);
    soon.ended = true;
    pthread_cond_broadcast(&soon.come);
    pthread_mutex_unlock(&soon.lock);
    for (unsigned i = 0; i < ANSWERERS; i++)
        pthread_join(answerers[i], NULL);
    struct task *task;
    while ((task = take_task(&last, false))) {
        answer_task(task);
        free(task);
    }
    hub_stop(hub);
    server_free(server);
    hub_free(hub);
    EXPECT_INT(answers_freed, answers_made);
    EXPECT_INT(pendings_freed, pendings_made);
    printf("ok pending: %u requests, %u answers (%lld ms)\n", pendings_made, answers_made,
           (long long)(check_now_ms() - start));
    return check_end();
}
