/* SPDX-License-Identifier: MIT */
/* An application that answers what it is asked to; see application.h. */
#include "tests/e2e/application.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/e2e/check.h"

struct visit {
    struct application *application;
    int fd;
};

/* --- answers ------------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"

/* By a word of the target that it is asked about; others get 200. `wrong` is not to be followed. */
static const struct {
    const char *word, *answer;
} answers[] = {
    {"/mine", OK "X-Fanfare-Channel: user/42\r\nX-Fanfare-Header: Set-Cookie: seen=1\r\n"
                 "X-Fanfare-Header: X-App: yes\r\n\r\nok"},
    {"/two", OK "X-Fanfare-Channel: one\r\nX-Fanfare-Channel: two\r\n\r\nok"},
    {"/s401",
     "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"app\"\r\nContent-Length: 0\r\n\r\n"},
    {"/s429", "HTTP/1.1 429 No\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n"},
    {"/s302", "HTTP/1.1 302 No\r\nLocation: /wrong\r\nContent-Length: 0\r\n\r\n"},
    {"/s204", "HTTP/1.1 204 No\r\n\r\n"},
    {"/junk", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
    {"/dead", ""},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nok"},
    {"/framing", OK "X-Fanfare-Header: Content-Length: 5\r\n\r\nok"},
    {"/channel", OK "X-Fanfare-Channel: \xff\r\n\r\nok"},
    {"/folded", OK "X-Fanfare-Channel: a\r\n b\r\n\r\nok"},
    /* What comes before and behind the head is not the head. */
    {"/interim", "HTTP/1.1 103 Early\r\nX-Fanfare-Channel: wrong\r\n\r\n" OK "\r\nok"},
    {"/trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
                 "X-Fanfare-Channel: wrong\r\n\r\n"},
    {"/close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok"},
};

static bool say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool say_much(int fd, const char *head, char byte, size_t count, const char *end)
{
    char bytes[1024];
    memset(bytes, byte, sizeof(bytes));
    bool alive = say(fd, head, strlen(head));
    for (size_t i = 0; i < count && alive; i += sizeof(bytes))
        alive = say(fd, bytes, sizeof(bytes));
    return alive && say(fd, end, strlen(end));
}

/* False: the connection is over. */
static bool answer(struct application *application, int fd, const char *target)
{
    char text[128];
    if (strstr(target, "/hold")) {
        pthread_mutex_lock(&application->lock);
        while (application->holds)
            pthread_cond_wait(&application->changed, &application->lock);
        pthread_mutex_unlock(&application->lock);
    }
    if (strstr(target, "/long-head"))
        return say_much(fd, "HTTP/1.1 200 OK\r\nX-Much: ", 'x', 64 << 10,
                        "\r\nContent-Length: 0\r\n\r\n");
    if (strstr(target, "/long-body"))
        return say_much(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n", 'x', 1 << 20, "");
    if (strstr(target, "/endless-body"))
        return say_much(fd, "HTTP/1.1 200 OK\r\n\r\n", 'x', SIZE_MAX - 4096, "");
    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        size_t len = strlen(answers[i].answer);
        bool again = len > 0 && !strstr(answers[i].word, "cut") &&
                     !strstr(answers[i].answer, "Connection: close");
        if (strstr(target, answers[i].word))
            return say(fd, answers[i].answer, len) && again;
    }
    const char *status = strstr(target, "/s");
    int number = status && status[2] >= '1' && status[2] <= '5' ? atoi(status + 2) : 200;
    snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok", number);
    return say(fd, text, strlen(text));
}

static bool answer_document(struct application *application, int fd)
{
    char head[128];
    pthread_mutex_lock(&application->lock);
    const char *document = application->document;
    pthread_mutex_unlock(&application->lock);
    snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
             document ? "200 OK" : "500 No", document ? strlen(document) : 0);
    return say(fd, head, strlen(head)) && (!document || say(fd, document, strlen(document)));
}

/* --- questions ----------------------------------------------------------------------------- */

static bool read_head(int fd, char *head, size_t size)
{
    size_t len = 0;
    while (len < size - 1) {
        ssize_t got = recv(fd, head + len, size - 1 - len, 0);
        if (got <= 0)
            return false;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void note(struct application *application, const char *head)
{
    pthread_mutex_lock(&application->lock);
    snprintf(application->last, sizeof(application->last), "%s", head);
    atomic_fetch_add(&application->asked, 1);
    pthread_cond_broadcast(&application->changed);
    pthread_mutex_unlock(&application->lock);
}

static void closed(struct application *application)
{
    pthread_mutex_lock(&application->lock);
    atomic_fetch_sub(&application->open, 1);
    pthread_cond_broadcast(&application->changed);
    pthread_mutex_unlock(&application->lock);
}

static void *serve(void *argument)
{
    struct visit visit = *(struct visit *)argument;
    char head[sizeof(visit.application->last)];
    free(argument);
    while (read_head(visit.fd, head, sizeof(head))) {
        note(visit.application, head);
        const char *target = strstr(head, "X-Original-URI: ");
        if (target ? !answer(visit.application, visit.fd, target)
                   : !answer_document(visit.application, visit.fd))
            break;
    }
    close(visit.fd);
    closed(visit.application);
    return NULL;
}

static void *serve_all(void *argument)
{
    struct application *application = argument;
    for (;;) {
        int fd = accept(application->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        pthread_t thread;
        struct visit *visit = malloc(sizeof(*visit));
        *visit = (struct visit){application, fd};
        atomic_fetch_add(&application->connections, 1);
        unsigned open = atomic_fetch_add(&application->open, 1) + 1;
        if (open > atomic_load(&application->most))
            atomic_store(&application->most, open);
        pthread_create(&thread, NULL, serve, visit);
        pthread_detach(thread);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static int listen_tcp(struct application *application)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 1024) == 0 &&
                getsockname(fd, (struct sockaddr *)&address, &len) == 0,
            "no listener");
    snprintf(application->url, sizeof(application->url), "http://127.0.0.1:%u/auth?x=1",
             ntohs(address.sin_port));
    return fd;
}

static int listen_unix(struct application *application)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(application->path, sizeof(application->path), "/tmp/fanfare-e2e-application-%d",
             (int)getpid());
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", application->path);
    unlink(application->path);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1024) == 0,
            "no listener");
    snprintf(application->url, sizeof(application->url), "unix:%s:/auth?x=1", application->path);
    return fd;
}

void application_start(struct application *application, bool over_unix)
{
    memset(application, 0, sizeof(*application));
    pthread_mutex_init(&application->lock, NULL);
    pthread_cond_init(&application->changed, NULL);
    application->holds = true;
    application->listener = over_unix ? listen_unix(application) : listen_tcp(application);
    pthread_create(&application->thread, NULL, serve_all, application);
}

void application_release(struct application *application)
{
    pthread_mutex_lock(&application->lock);
    application->holds = false;
    pthread_cond_broadcast(&application->changed);
    pthread_mutex_unlock(&application->lock);
}

void application_publish(struct application *application, const char *document)
{
    pthread_mutex_lock(&application->lock);
    application->document = document;
    pthread_mutex_unlock(&application->lock);
}

/* The server under test has ended, so its connections have. */
void application_stop(struct application *application)
{
    application_release(application);
    shutdown(application->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(application->thread, NULL);
    close(application->listener);
    application_await_open(application, 0);
    if (application->path[0])
        unlink(application->path);
}

/* --- looking ------------------------------------------------------------------------------- */

static void await(struct application *application, const char *what, _Atomic unsigned *number,
                  bool at_least, unsigned value)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    pthread_mutex_lock(&application->lock);
    while (at_least ? atomic_load(number) < value : atomic_load(number) > value)
        REQUIRE(pthread_cond_timedwait(&application->changed, &application->lock, &until) == 0,
                "%s is %u, waiting for %u", what, atomic_load(number), value);
    pthread_mutex_unlock(&application->lock);
}

void application_await(struct application *application, unsigned asked)
{
    await(application, "asked", &application->asked, true, asked);
}

void application_await_open(struct application *application, unsigned open)
{
    await(application, "open", &application->open, false, open);
}

bool application_was_told(struct application *application, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);
    pthread_mutex_lock(&application->lock);
    bool told = strstr(application->last, whole) != NULL;
    pthread_mutex_unlock(&application->lock);
    return told;
}
