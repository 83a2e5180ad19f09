/* SPDX-License-Identifier: MIT */
/*
 * fanfare sub: one stream of events over HTTP, kept up.
 *
 * States: connecting -> reading -> (cut off) waiting -> connecting ... until --limit is reached or
 * a signal comes (status 0), or the server refuses for good (4xx) or was never there (status 1). A
 * lost stream is resumed with Last-Event-ID after the time that cmd/reconnect.h makes of the
 * server's `retry:`. Redirects are followed.
 *
 * One thread; libcurl's multi interface, because only that waits for signals (as a descriptor) too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/event_writer.h"
#include "cmd/http.h"
#include "cmd/log.h"
#include "cmd/printer.h"
#include "cmd/reconnect.h"

enum {
    SENTENCE_BYTES = 4096, /* of a refusal's text; more is not read */
    WAIT_MS = 60000,
    FAULT_BYTES = 1024,
};

static const char NAME[] = "sub";

struct sub_run {
    const struct sub_settings *settings;
    const struct parse *parse;
    enum print_form form;
    struct event_reader reader;
    struct buffer answer; /* the body, if it is no event stream */
    CURL *curl;
    int signal_fd;
    uint32_t seen;    /* events printed, of --limit */
    unsigned in_vain; /* attempts since the last event stream */
    int reader_fault;
    char refused[32]; /* why there is no stream now, of a server that has us come back */
    bool streaming, ever, interrupted;
};

static bool is_complete(const struct sub_run *run)
{
    return run->settings->limit > 0 && run->seen >= run->settings->limit;
}

static void on_event(void *context, const struct read_event *event)
{
    struct sub_run *run = context;
    if (is_complete(run))
        return;
    if (text_equals(event->type, TEXT("fanfare-gap"))) {
        if (run->form == PRINT_RAW) { /* data alone would pass for an event's */
            log_complain(NAME, "gap: %.*s", (int)event->data.len, event->data.at);
            return;
        }
    } else {
        run->seen++;
    }
    print_event(event, run->form);
}

static void stream_begins(struct sub_run *run)
{
    long status = 0;
    const char *type = NULL;
    curl_easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(run->curl, CURLINFO_CONTENT_TYPE, &type);
    run->streaming = status == 200 && type && strncasecmp(type, "text/event-stream", 17) == 0;
    if (run->streaming) {
        run->ever = true;
        run->in_vain = 0;
    }
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "Fanfare-Refused:";
    struct sub_run *run = context;
    size_t len = size * count, at = sizeof(name) - 1, to = 0;
    if (len <= at || strncasecmp(bytes, name, at) != 0)
        return len;
    while (at < len && bytes[at] == ' ')
        at++;
    while (at < len && to < sizeof(run->refused) - 1 && bytes[at] > ' ' && bytes[at] < 0x7f)
        run->refused[to++] = bytes[at++];
    run->refused[to] = '\0';
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct sub_run *run = context;
    struct text text = {bytes, size * count};
    if (!run->streaming)
        stream_begins(run);
    if (!run->streaming) {
        size_t room = SENTENCE_BYTES - run->answer.len;
        struct text part = {text.at, text.len < room ? text.len : room};
        return buffer_add(&run->answer, part, SENTENCE_BYTES) == 0 && text.len <= room ? text.len
                                                                                       : 0;
    }
    run->reader_fault = event_reader_feed(&run->reader, text);
    if (fflush(stdout) != 0)
        return 0; /* whoever read our output is gone */
    return run->reader_fault == 0 && !is_complete(run) ? text.len : 0;
}

/* The request's URL: all channels, and what is still to come of last and limit. Owned by the
 * caller. */
static char *url_make(struct sub_run *run)
{
    struct buffer url = {0};
    char number[64];
    size_t len = strlen(run->settings->url);
    while (len > 0 && run->settings->url[len - 1] == '/')
        len--;
    int r = buffer_add(&url, (struct text){run->settings->url, len}, SIZE_MAX / 2);
    if (r == 0)
        r = buffer_add(&url, TEXT("/events"), SIZE_MAX / 2);
    for (unsigned i = 0; i < run->parse->operand_count && r == 0; i++) {
        char *name = curl_easy_escape(run->curl, run->parse->operands[i], 0);
        r = buffer_add(&url, i == 0 ? TEXT("?channel=") : TEXT("&channel="), SIZE_MAX / 2);
        if (r == 0)
            r = name ? buffer_add(&url, text_of(name), SIZE_MAX / 2) : -ENOMEM;
        curl_free(name);
    }
    if (r == 0 && run->settings->limit > 0) {
        snprintf(number, sizeof(number), "&limit=%u", run->settings->limit - run->seen);
        r = buffer_add(&url, text_of(number), SIZE_MAX / 2);
    }
    if (r == 0 && run->settings->last > 0 && run->reader.last_id[0] == '\0') {
        snprintf(number, sizeof(number), "&last=%u", run->settings->last);
        r = buffer_add(&url, text_of(number), SIZE_MAX / 2);
    }
    if (r == 0)
        r = buffer_add(&url, (struct text){"", 1}, SIZE_MAX / 2);
    if (r != 0)
        buffer_free(&url);
    return url.at;
}

static struct curl_slist *headers_make(struct sub_run *run)
{
    char resume[EVENT_ID_BYTES_MAX + 32];
    struct curl_slist *list = curl_slist_append(NULL, "Accept: text/event-stream");
    if (run->reader.last_id[0] == '\0' || !list)
        return list;
    snprintf(resume, sizeof(resume), "Last-Event-ID: %s", run->reader.last_id);
    struct curl_slist *more = curl_slist_append(list, resume);
    if (!more)
        curl_slist_free_all(list);
    return more;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Runs the transfer to its end. False: a signal came, or curl itself failed. A stream may take for
 * ever, the answer before it, or instead of it, may not. */
static bool transfer(struct sub_run *run, CURLM *multi, CURLcode *ret_code)
{
    int64_t due_ms = now_ms() + HTTP_ANSWER_S * 1000;
    int running = 1;
    while (running > 0) {
        if (!run->streaming && now_ms() >= due_ms) {
            *ret_code = CURLE_OPERATION_TIMEDOUT;
            return true;
        }
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return false;
        if (running == 0)
            break;
        struct curl_waitfd signals = {.fd = run->signal_fd, .events = CURL_WAIT_POLLIN};
        if (curl_multi_poll(multi, &signals, 1, WAIT_MS, NULL) != CURLM_OK)
            return false;
        if (signals.revents) {
            run->interrupted = true;
            return false;
        }
    }
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    *ret_code = message ? message->data.result : CURLE_OK;
    return true;
}

/* One connection, to its end. The response's status; 0: there was none, and *error says why. */
static long stream_read(struct sub_run *run, char error[FAULT_BYTES])
{
    char detail[CURL_ERROR_SIZE] = "", fault[HTTP_FAULT_BYTES];
    long status = 0;
    CURLcode code = CURLE_OK;
    CURLM *multi = curl_multi_init();
    char *url = url_make(run);
    struct curl_slist *headers = headers_make(run);
    run->streaming = false;
    run->refused[0] = '\0';
    run->answer.len = 0;
    run->reader_fault = 0;
    error[0] = '\0';
    event_reader_restart(&run->reader);
    if (!multi || !url || !headers) {
        snprintf(error, FAULT_BYTES, "%s: out of memory", run->settings->url);
    } else if (http_authorize(run->curl, run->settings->token_file, fault, sizeof(fault)) < 0) {
        snprintf(error, FAULT_BYTES, "%s: %s", run->settings->url, fault);
        if (run->ever)
            log_complain(NAME, "%s", fault);
    } else {
        curl_easy_setopt(run->curl, CURLOPT_ERRORBUFFER, detail);
        curl_easy_setopt(run->curl, CURLOPT_URL, url);
        curl_easy_setopt(run->curl, CURLOPT_HTTPHEADER, headers);
        curl_multi_add_handle(multi, run->curl);
        if (transfer(run, multi, &code) && code != CURLE_OK)
            http_fault(code, detail, run->settings->url, error, FAULT_BYTES);
        curl_easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(multi, run->curl);
        curl_easy_setopt(run->curl, CURLOPT_HTTPHEADER, NULL);
        curl_easy_setopt(run->curl, CURLOPT_ERRORBUFFER, NULL);
    }
    if (multi)
        curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    free(url);
    return status;
}

static void refusal_print(struct sub_run *run, long status, const char *error)
{
    size_t len = run->answer.len;
    if (status >= 300 && status < 400) {
        log_complain(NAME, "refused: %s",
                     *error ? error : "a redirection that does not say where to (HTTP 3xx)");
        return;
    }
    while (len > 0 && (run->answer.at[len - 1] == '\n' || run->answer.at[len - 1] == '\r'))
        len--;
    if (status == 200)
        log_complain(NAME, "%s does not answer with an event stream", run->settings->url);
    else
        log_complain(NAME, "refused: %.*s%s(HTTP %ld)", (int)len, len > 0 ? run->answer.at : "",
                     len > 0 ? " " : "", status);
}

/* How long to wait before the next attempt; a Retry-After holds if it is longer. */
static int wait_ms(struct sub_run *run)
{
    curl_off_t after = 0;
    curl_easy_getinfo(run->curl, CURLINFO_RETRY_AFTER, &after);
    int64_t ms = reconnect_wait_ms(run->reader.retry_ms, run->in_vain, reconnect_random());
    if (after > 0 && after <= 3600 && ms < after * 1000)
        ms = after * 1000;
    return (int)ms;
}

static void reader_fault_print(const struct sub_run *run)
{
    if (run->reader_fault == -EMSGSIZE)
        log_complain(NAME,
                     "the stream of %s has an event longer than any may be (16 MiB); "
                     "is it Fanfare's?",
                     run->settings->url);
    else
        log_complain(NAME, "cannot read the stream: %s", strerror(-run->reader_fault));
}

static int run_streams(struct sub_run *run)
{
    char error[FAULT_BYTES];
    for (;;) {
        run->in_vain++; /* stream_begins takes it back */
        long status = stream_read(run, error);
        if (run->interrupted || is_complete(run) || run->reader.ended || status == 204)
            return EXIT_DONE;
        if (ferror(stdout))
            return EXIT_FAILED;
        if (run->reader_fault != 0) {
            reader_fault_print(run);
            return EXIT_FAILED;
        }
        bool refused = !run->streaming && status > 0 && status < 500;
        /* Who writes the token's file may be a moment late. */
        bool renewed = status == 401 && run->ever && run->settings->token_file;
        if (refused && !renewed && !(status == 200 && run->ever)) {
            refusal_print(run, status, error);
            return EXIT_FAILED;
        }
        if (!run->ever && status == 0) {
            log_complain(NAME, "cannot subscribe at %s", error);
            return EXIT_FAILED;
        }
        int ms = wait_ms(run);
        if (!run->streaming && status > 0)
            refusal_print(run, status, error);
        if (run->refused[0])
            log_complain(NAME, "refused for now: %s", run->refused);
        log_complain(NAME, "%s; trying again in %d.%d s",
                     run->streaming && !run->refused[0] ? "the stream ended" : "no stream",
                     ms / 1000, ms % 1000 / 100);
        struct pollfd signals = {.fd = run->signal_fd, .events = POLLIN};
        if (poll(&signals, 1, ms) != 0)
            return EXIT_DONE;
    }
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    signal(SIGINT, SIG_DFL); /* a background job of a shell has it ignored */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int sub_run(const struct parse *parse, const struct sub_settings *settings)
{
    struct sub_run run = {
        .settings = settings,
        .parse = parse,
        .form = settings->json  ? PRINT_JSON
                : settings->raw ? PRINT_RAW
                                : PRINT_READABLE,
        .signal_fd = signals_open(),
    };
    event_reader_init(&run.reader, on_event, &run);
    run.reader.retry_ms = RECONNECT_MS_FIRST;
    if (settings->since)
        snprintf(run.reader.last_id, sizeof(run.reader.last_id), "%s", settings->since);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    run.curl = http_new();
    int status = EXIT_FAILED;
    if (!run.curl || run.signal_fd < 0) {
        log_complain(NAME, "cannot start: %s", strerror(errno));
    } else {
        curl_easy_setopt(run.curl, CURLOPT_FOLLOWLOCATION, 1L); /* as EventSource does */
        curl_easy_setopt(run.curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(run.curl, CURLOPT_WRITEDATA, &run);
        curl_easy_setopt(run.curl, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(run.curl, CURLOPT_HEADERDATA, &run);
        status = run_streams(&run);
    }
    curl_easy_cleanup(run.curl);
    curl_global_cleanup();
    event_reader_deinit(&run.reader);
    buffer_free(&run.answer);
    if (run.signal_fd >= 0)
        close(run.signal_fd);
    return status;
}
