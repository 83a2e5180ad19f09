/* SPDX-License-Identifier: MIT */
/* Places for calls: see provoke.h. */
#include "tests/library/provoke.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/library/engine.h"

static struct fanfare *running;
static struct server server;

/* In the hook: written before the request is sent, read after its answer has come. */
static provoke_call *called;
static int said;

static int on_request(struct fanfare_request *request, void *user)
{
    (void)user;
    said = called(fanfare_request_engine(request));
    return 0;
}

struct fanfare *provoke_running(void)
{
    if (!running) {
        running = engine_new(NULL);
        REQUIRE(fanfare_on_request(running, on_request, NULL) == 0, "no hook");
        engine_start(running, &server);
    }
    return running;
}

void provoke_end(void)
{
    if (running)
        engine_end(running);
    running = NULL;
}

int provoke_new(provoke_call *call)
{
    struct fanfare *fanfare = fanfare_new();
    int r = call(fanfare);
    fanfare_free(fanfare);
    return r;
}

int provoke_child(provoke_call *call)
{
    struct fanfare *fanfare = provoke_running();
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(-call(fanfare));
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "the child");
    return -WEXITSTATUS(status);
}

int provoke_hook(provoke_call *call)
{
    struct client client;
    struct answer answer;
    provoke_running();
    called = call;
    client_open(&client, &server);
    client_request(&client, "GET", "/no-route-of-ours", NULL, NULL, 0, &answer);
    EXPECT_INT(answer.status, 404);
    answer_free(&answer);
    client_close(&client);
    return said;
}

int provoke_none(provoke_call *call)
{
    return call(NULL);
}
