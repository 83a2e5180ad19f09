/* SPDX-License-Identifier: MIT */
/*
 * A chat: one page, and everybody who has it open sees what anybody sends. The engine serves the
 * streams (/stream is the channel "default"), the program the page and what is sent. Run it as
 *
 *     cc chat.c $(pkg-config --cflags --libs fanfare) -o chat && ./chat 127.0.0.1:8080
 */
#include <fanfare.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char page[] =
    "<!doctype html><title>Chat</title><ul id=list></ul><form><input autofocus></form><script>\n"
    "new EventSource('/stream?last=20').onmessage = event => {\n"
    "  const item = document.createElement('li'); item.textContent = event.data; "
    "list.append(item);\n"
    "};\n"
    "document.forms[0].onsubmit = event => {\n"
    "  const input = event.target[0]; event.preventDefault();\n"
    "  fetch('/send', {method: 'POST', body: input.value}); input.value = '';\n"
    "};\n"
    "</script>\n";

static int reply(struct fanfare_request *request, int status, const char *type, const char *text)
{
    fanfare_request_reply(request, status, type, text, FANFARE_NUL, NULL);
    return 1; /* it is answered, whether its client is still there or not */
}

static int on_request(struct fanfare_request *request, void *user)
{
    const char *path = fanfare_request_text(request, "path", NULL);
    const char *method = fanfare_request_text(request, "method", NULL);
    size_t len = 0;
    const char *message = fanfare_request_text(request, "body", &len);
    (void)user;
    if (strcmp(path, "/") == 0)
        return reply(request, 200, "text/html; charset=utf-8", page);
    if (strcmp(path, "/send") != 0 || strcmp(method, "POST") != 0)
        return 0; /* the engine's: a stream, or 404 */
    if (!message)
        return reply(request, 400, "application/json", "{\"error\": \"the message is missing\"}");
    /* In a hook nobody waits: where there is no room the sender may try again. */
    int r =
        fanfare_publish(fanfare_request_engine(request), "default", NULL, message, len, 0, NULL);
    return r == 0 ? reply(request, 200, "application/json", "{\"status\": \"sent\"}")
                  : reply(request, 503, "application/json", "{\"error\": \"not sent, try again\"}");
}

int main(int argc, char **argv)
{
    char addresses[256];
    int number;
    sigset_t end;
    struct fanfare *fanfare = fanfare_new();
    fanfare_set(fanfare, "listen", argc > 1 ? argv[1] : "127.0.0.1:8080");
    fanfare_on_request(fanfare, on_request, NULL);
    sigemptyset(&end);
    sigaddset(&end, SIGINT);
    sigaddset(&end, SIGTERM);
    sigprocmask(SIG_BLOCK, &end, NULL);
    if (fanfare_start(fanfare) < 0) {
        fprintf(stderr, "%s\n", fanfare_error(fanfare));
        return 1;
    }
    fanfare_get(fanfare, "addresses", addresses, sizeof(addresses));
    puts(addresses);
    fflush(stdout);
    sigwait(&end, &number);
    fanfare_stop(fanfare); /* who is there has all that was sent */
    fanfare_free(fanfare);
    return 0;
}
