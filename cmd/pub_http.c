/* SPDX-License-Identifier: MIT */
/*
 * fanfare pub over HTTP: the lines that have come are one `POST /publish` with a body of many
 * events, over one connection that is kept.
 *
 * The server takes a body whole or not at all. If it refuses one of several events for what it
 * contains, each of them is sent again alone, so that one bad line costs only itself. A server that
 * is busy (503) is asked again after the time it names. Lines survive a restart: a body that was
 * not answered is sent again (so at least once) when the server is back, and no more input is read
 * until then. One that was never there is told at once.
 *
 * One thread; libcurl's blocking interface.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd/commands.h"
#include "cmd/http.h"
#include "cmd/log.h"
#include "cmd/outage.h"
#include "cmd/pub.h"

enum {
    BATCH_BYTES = 256 * 1024, /* below any --body-max in use; a longer event is alone */
    BUSY_TRIES = 10,
    BUSY_WAIT_MS_MAX = 10000,
    WHY_BYTES = 1024,
};

static const char NAME[] = "pub";

struct http_run {
    const struct publication *publication;
    CURL *curl;
    char *url;
    struct buffer body, answer;
    size_t begins[PUBLISH_EVENTS_MAX + 1]; /* where each event of the body begins, and the end */
    unsigned count;
    uint64_t done; /* events that were answered */
    struct line_reader lines;
    struct outage outage;
    bool ever; /* there was a server */
    bool failed;
};

static size_t on_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct http_run *run = context;
    struct text text = {bytes, size * count};
    return buffer_add(&run->answer, text, HTTP_ANSWER_BYTES) == 0 ? text.len : 0;
}

/* Sends a part of the body once. The HTTP status, or -1 with the reason in `why`. */
static long post_once(struct http_run *run, size_t begin, size_t end, char *why, CURLcode *ret_code)
{
    char error[CURL_ERROR_SIZE] = "";
    long status = 0;
    run->answer.len = 0;
    *ret_code = CURLE_FAILED_INIT;
    char fault[HTTP_FAULT_BYTES];
    const struct pub_settings *settings = run->publication->settings;
    if (http_authorize(run->curl, settings->token_file, fault, sizeof(fault)) < 0) {
        snprintf(why, WHY_BYTES, "%s: %s", settings->url, fault);
        return -1;
    }
    curl_easy_setopt(run->curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(run->curl, CURLOPT_POSTFIELDS, run->body.at + begin);
    curl_easy_setopt(run->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(end - begin));
    *ret_code = curl_easy_perform(run->curl);
    curl_easy_setopt(run->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_getinfo(run->curl, CURLINFO_RESPONSE_CODE, &status);
    if (*ret_code != CURLE_OK)
        http_fault(*ret_code, error, run->publication->settings->url, why, WHY_BYTES);
    else
        snprintf(why, WHY_BYTES, "%s answers %ld", run->publication->settings->url, status);
    return *ret_code == CURLE_OK ? status : -1;
}

static int busy_wait_ms(struct http_run *run)
{
    curl_off_t wait = 1;
    curl_easy_getinfo(run->curl, CURLINFO_RETRY_AFTER, &wait);
    return wait < 1 ? 1000 : wait > BUSY_WAIT_MS_MAX / 1000 ? BUSY_WAIT_MS_MAX : (int)wait * 1000;
}

/* A server that restarts, or the proxy in front of it; one that was never there is a mistake. */
static bool is_outage(const struct http_run *run, long status, CURLcode code)
{
    if (status > 0)
        return status >= 502 && status <= 504;
    return run->ever && code != CURLE_WRITE_ERROR && code != CURLE_OUT_OF_MEMORY;
}

/* Sends a part of the body until it is answered. The HTTP status, or -1 after a complaint. One
 * event is for somebody who waits, so it is given up soon; lines are not. */
static long post(struct http_run *run, size_t begin, size_t end, unsigned events)
{
    char why[WHY_BYTES];
    bool lines = !run->publication->data, input_ended = run->lines.ended;
    for (int tries = 1;; tries++) {
        CURLcode code;
        long status = post_once(run, begin, end, why, &code);
        bool outage = is_outage(run, status, code);
        if (status > 0 && !outage) {
            outage_back(&run->outage, events);
            outage_over(&run->outage);
            run->ever = true;
            return status;
        }
        int ms = busy_wait_ms(run);
        if (outage && lines)
            ms = outage_wait_ms(&run->outage, why, events, input_ended,
                                status > 0 ? (uint32_t)ms : 0);
        else if (status < 0)
            ms = -1;
        else if (tries == BUSY_TRIES)
            return status;
        if (ms < 0) {
            log_complain(NAME, "cannot publish to %s", why);
            return -1;
        }
        poll(NULL, 0, ms);
    }
}

/* What answers with 200 need not be Fanfare; only its answer says that the events are out. */
static bool answer_take(struct http_run *run)
{
    json_t *answer = json_loadb(run->answer.at, run->answer.len, 0, NULL);
    json_t *ids = json_object_get(answer, "ids");
    bool ours = json_is_array(ids);
    for (size_t i = 0; i < json_array_size(ids); i++)
        ours = ours && json_is_string(json_array_get(ids, i));
    for (size_t i = 0; ours && run->publication->settings->verbose && i < json_array_size(ids);
         i++) {
        const json_t *id = json_array_get(ids, i);
        pub_print_id((struct text){json_string_value(id), json_string_length(id)});
    }
    fflush(stdout);
    json_decref(answer);
    if (!ours)
        log_complain(NAME,
                     "%s does not answer as Fanfare does (no {\"ids\": [...]}); is it the "
                     "server's address?",
                     run->publication->settings->url);
    return ours;
}

/* Of an event that was sent alone: which one it is of the body is no news. */
static void refusal_print(struct http_run *run, long status)
{
    static const char alone[] = "event 1: ";
    char sentence[512];
    const char *place = NULL;
    struct text text = {run->answer.at, run->answer.len};
    curl_easy_getinfo(run->curl, CURLINFO_REDIRECT_URL, &place);
    if (status >= 300 && status < 400)
        text = TEXT("the server is at another address; give that one with --url");
    while (text.len > 0 && (text.at[text.len - 1] == '\n' || text.at[text.len - 1] == '\r'))
        text.len--;
    if (text.len >= strlen(alone) && memcmp(text.at, alone, strlen(alone)) == 0)
        text = (struct text){text.at + strlen(alone), text.len - strlen(alone)};
    snprintf(sentence, sizeof(sentence), "%.*s (HTTP %ld)%s%.200s",
             (int)(text.len > 200 ? 200 : text.len), text.len > 0 ? text.at : "", status,
             place ? ": " : "", place ? place : "");
    pub_complain(run->publication, run->done + 1, text_of(sentence));
    run->failed = true;
}

/* Publishes the events first to end - 1 of the body. False: no use to go on. */
static bool post_events(struct http_run *run, unsigned first, unsigned end)
{
    long status = post(run, run->begins[first], run->begins[end], end - first);
    if (status < 0) {
        run->failed = true;
        return false;
    }
    if (status == 200) {
        run->done += end - first;
        if (answer_take(run))
            return true;
        run->failed = true;
        return false;
    }
    if ((status == 400 || status == 413) && end - first > 1) {
        for (unsigned i = first; i < end; i++)
            if (!post_events(run, i, i + 1))
                return false;
        return true;
    }
    refusal_print(run, status);
    run->done += end - first;
    return status == 400 || status == 413; /* others concern all events alike */
}

static bool batch_post(struct http_run *run)
{
    bool go_on = run->count == 0 || post_events(run, 0, run->count);
    run->count = 0;
    run->body.len = 0;
    return go_on;
}

static bool batch_add(struct http_run *run, struct text data, bool ends)
{
    int r = event_write(&run->body, run->publication->settings, run->publication->channel, data,
                        ends, 0, SIZE_MAX / 2);
    if (r < 0) {
        log_complain(NAME, "cannot compose an event: %s", strerror(-r));
        run->failed = true;
        return false;
    }
    run->begins[++run->count] = run->body.len;
    if (run->count == PUBLISH_EVENTS_MAX || run->body.len >= BATCH_BYTES)
        return batch_post(run);
    return true;
}

static void publish_lines(struct http_run *run)
{
    struct text line;
    bool go_on = true;
    while (go_on && !run->lines.ended) {
        int r = line_read(&run->lines, STDIN_FILENO);
        if (r < 0) {
            log_complain(NAME, "line %" PRIu64 ": %s", run->done + run->count + 1,
                         r == -EMSGSIZE ? "longer than any event may be (16 MiB)" : strerror(-r));
            run->failed = true;
            break;
        }
        while (go_on && line_next(&run->lines, &line))
            go_on = batch_add(run, line, false);
        if (go_on)
            go_on = batch_post(run); /* what has come so far does not wait for more */
    }
    if (go_on && run->lines.ended && run->publication->settings->end &&
        batch_add(run, (struct text){NULL, 0}, true))
        batch_post(run);
    buffer_free(&run->lines.buffer);
}

int pub_over_http(const struct publication *publication)
{
    struct http_run run = {.publication = publication};
    size_t len = strlen(publication->settings->url);
    while (len > 0 && publication->settings->url[len - 1] == '/')
        len--;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    run.curl = http_new();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: text/event-stream");
    struct curl_slist *more = curl_slist_append(headers, "Expect:"); /* no wait for 100 */
    if (!run.curl || !headers || !more ||
        asprintf(&run.url, "%.*s/publish%s", (int)len, publication->settings->url,
                 publication->channel ? "" : "?all=1") < 0) {
        log_complain(NAME, "out of memory");
        return EXIT_FAILED;
    }
    curl_easy_setopt(run.curl, CURLOPT_URL, run.url);
    curl_easy_setopt(run.curl, CURLOPT_HTTPHEADER, more);
    curl_easy_setopt(run.curl, CURLOPT_TIMEOUT, (long)HTTP_ANSWER_S);
    curl_easy_setopt(run.curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(run.curl, CURLOPT_WRITEDATA, &run);
    if (publication->data) {
        if (batch_add(&run, text_of(publication->data), publication->settings->end))
            batch_post(&run);
    } else {
        publish_lines(&run);
    }
    curl_easy_cleanup(run.curl);
    curl_slist_free_all(more);
    curl_global_cleanup();
    buffer_free(&run.body);
    buffer_free(&run.answer);
    free(run.url);
    return run.failed ? EXIT_FAILED : EXIT_DONE;
}
