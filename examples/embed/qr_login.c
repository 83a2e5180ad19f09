/* SPDX-License-Identifier: MIT */
/*
 * Login by a code on the screen: the page has a secret of its own and a stream that waits for it;
 * the phone, which is logged in, opens the address in the code, and the page is told. The stream
 * has one event to wait for and ends with it, or after two minutes. A status must survive a lost
 * connection, hence a channel for each secret, of which whoever comes back gets the last event.
 *
 *     cc qr_login.c $(pkg-config --cflags --libs fanfare) -o qr_login && ./qr_login 127.0.0.1:8080
 */
#include <fanfare.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { TOKEN_LEN = 32 };

static int reply(struct fanfare_request *request, int status, const char *type, const char *text)
{
    fanfare_request_reply(request, status, type, text, FANFARE_NUL, NULL);
    return 1;
}

/* A new secret each time. What shows the address as a code, and who may log in, is left out. */
static int reply_with_page(struct fanfare_request *request)
{
    unsigned char secret[TOKEN_LEN / 2];
    char token[TOKEN_LEN + 1], page[512];
    if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
        return reply(request, 503, "text/plain", "try again\n");
    for (size_t i = 0; i < sizeof(secret); i++)
        snprintf(token + 2 * i, 3, "%02x", secret[i]);
    snprintf(page, sizeof(page),
             "<!doctype html><title>Login</title><p>Scan /scanned?token=%s<script>\n"
             "const stream = new EventSource('/status?token=%s');\n"
             "stream.addEventListener('login', () => { stream.close(); location = '/'; });\n"
             "</script>\n",
             token, token);
    return reply(request, 200, "text/html", page);
}

static int on_request(struct fanfare_request *request, void *user)
{
    const char *path = fanfare_request_text(request, "path", NULL);
    const char *token = fanfare_request_text(request, "query:token", NULL);
    char channel[16 + TOKEN_LEN];
    (void)user;
    if (strcmp(path, "/login") == 0)
        return reply_with_page(request);
    if (!token || strspn(token, "0123456789abcdef") != TOKEN_LEN || token[TOKEN_LEN])
        return 0;
    snprintf(channel, sizeof(channel), "login/%s", token);
    if (strcmp(path, "/status") == 0) { /* the page's EventSource */
        struct fanfare_event waiting = {.size = sizeof(waiting),
                                        .type = "waiting",
                                        .type_len = FANFARE_NUL,
                                        .data = "scan me",
                                        .data_len = 7};
        struct fanfare_subscription subscription = {.size = sizeof(subscription),
                                                    .channel = channel,
                                                    .channel_len = FANFARE_NUL,
                                                    .first = &waiting,
                                                    .first_count = 1,
                                                    .last = 1,
                                                    .limit = 1,
                                                    .lifetime_ms = 120000};
        fanfare_request_accept(request, &subscription, NULL);
        return 1;
    }
    if (strcmp(path, "/scanned") == 0) /* from the phone */
        return fanfare_publish(fanfare_request_engine(request), channel, "login", "ok", 2, 0, NULL)
                   ? reply(request, 503, "text/plain", "try again\n")
                   : reply(request, 204, NULL, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    char addresses[256];
    int number;
    sigset_t end;
    struct fanfare *fanfare = fanfare_new();
    fanfare_set(fanfare, "listen", argc > 1 ? argv[1] : "127.0.0.1:8080");
    fanfare_set(fanfare, "history-age", "120");
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
    fanfare_stop(fanfare);
    fanfare_free(fanfare);
    return 0;
}
