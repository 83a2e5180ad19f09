/* SPDX-License-Identifier: MIT */
/*
 * Many fetches on one thread, by libcurl: see fetcher.h.
 *
 * One round: curl moves what is under way -> what has come to its end is told -> new fetches and
 * cancels are taken -> free slots are filled from the queue -> sleep, until a socket, curl's own
 * deadlines or curl_multi_wakeup. A wake is never lost: curl keeps it until the next sleep.
 */
#include "net/fetch/fetcher.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>

#include "engine/base/clock.h"
#include "engine/limits.h"

/* Wakes that nobody asked for, in case of a fault of ours; picked by hand. */
#define SLEEP_MS 60000
/* What curl reads at once: a head, not a download. */
#define READ_AT_ONCE 4096L

enum fetcher_message { FETCHER_START, FETCHER_CANCEL, FETCHER_HASTEN };

/* One of those that run at once; its easy handle, and so its buffers, are used again. */
struct fetch_slot {
    struct fetcher *fetcher;
    CURL *easy;
    struct fetch *fetch; /* NULL: free */
    struct curl_slist *lines;
    bool head_done; /* what comes then are trailers */
    size_t head_bytes;
    bool large;
};

struct fetcher {
    pthread_t thread;
    bool runs;
    CURLM *multi;
    struct mailbox mailbox;
    _Atomic bool ends; /* stored before a wake, read after one */
    struct link queue;
    struct link later; /* not due yet; a few at most */
    struct fetch_slot slots[FETCHES_MAX];
};

/* --- what comes of a fetch ----------------------------------------------------------------- */

static void over(struct fetch *fetch, enum fetch_outcome outcome)
{
    fetch->over = true;
    fetch->outcome = outcome;
    fetch->done(fetch);
    fetch_unref(fetch);
}

static void slot_release(struct fetch_slot *slot)
{
    slot->fetch->slot = NULL;
    slot->fetch = NULL;
    curl_multi_remove_handle(slot->fetcher->multi, slot->easy);
    curl_easy_reset(slot->easy);
    curl_slist_free_all(slot->lines);
    slot->lines = NULL;
}

static enum fetch_outcome outcome_of(const struct fetch_slot *slot, CURLcode code)
{
    if (slot->large)
        return FETCH_LARGE;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return FETCH_TIMEOUT;
    return code == CURLE_OK && slot->head_done ? FETCH_ANSWERED : FETCH_FAILED;
}

static void slot_done(struct fetch_slot *slot, CURLcode code)
{
    struct fetch *fetch = slot->fetch;
    long status = 0;
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    enum fetch_outcome outcome = outcome_of(slot, code);
    fetch->status = (int)status;
    fetch->reason = curl_easy_strerror(code);
    slot_release(slot);
    over(fetch, outcome);
}

/* --- an answer, as it comes ---------------------------------------------------------------- */

static bool is_blank(const char *line, size_t len)
{
    return (len == 1 && line[0] == '\n') || (len == 2 && line[0] == '\r' && line[1] == '\n');
}

/* One line of a head, or of trailers. Interim heads (1xx) count, and are forgotten. */
static size_t on_line(char *line, size_t size, size_t count, void *context)
{
    struct fetch_slot *slot = context;
    struct fetch *fetch = slot->fetch;
    size_t len = size * count;
    long status = 0;
    slot->head_bytes += len;
    slot->large |= slot->head_bytes > FETCH_HEAD_BYTES_MAX;
    if (slot->large)
        return 0;
    if (slot->head_done)
        return len;
    if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
        fetch->head.len = 0;
        return len;
    }
    if (!is_blank(line, len))
        return fetch_bytes_add(&fetch->head, line, len) ? len : 0;
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    slot->head_done = status >= 200;
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct fetch_slot *slot = context;
    struct fetch *fetch = slot->fetch;
    size_t len = size * count;
    slot->large |= len > fetch->body.most - fetch->body.len;
    if (slot->large)
        return len + 1; /* 0 would be right for an empty piece */
    if (fetch->keeps_body)
        return fetch_bytes_add(&fetch->body, bytes, len) ? len : len + 1;
    fetch->body.len += len;
    return len;
}

/* --- starting ------------------------------------------------------------------------------ */

static bool add_line(struct curl_slist **lines, const char *line)
{
    struct curl_slist *more = curl_slist_append(*lines, line);
    if (more)
        *lines = more;
    return more != NULL;
}

static bool add_lines(struct fetch_slot *slot)
{
    struct text lines = slot->fetch->lines;
    for (size_t at = 0; at < lines.len; at += strlen(lines.at + at) + 1)
        if (!add_line(&slot->lines, lines.at + at))
            return false;
    return true;
}

static void set_options(const struct fetch_slot *slot)
{
    CURL *easy = slot->easy;
    const struct fetch *fetch = slot->fetch;
    const struct fetch_place *place = fetch->place;
    curl_easy_setopt(easy, CURLOPT_URL, place->url);
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, *place->unix_path ? place->unix_path : NULL);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the environment may not say one */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->lines);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "fanfare/" FANFARE_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Or whoever gives up a name that is still being looked up waits for that, and all with it. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_AT_ONCE);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)fetch->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
}

static void begin(struct fetch_slot *slot, struct fetch *fetch)
{
    list_remove(&fetch->queue);
    fetch->slot = slot;
    slot->fetch = fetch;
    slot->head_done = slot->large = false;
    slot->head_bytes = 0;
    bool is_set = add_lines(slot);
    set_options(slot);
    if (!is_set || curl_multi_add_handle(slot->fetcher->multi, slot->easy) != CURLM_OK)
        slot_done(slot, CURLE_OUT_OF_MEMORY);
}

/* Those that are due join the queue. When the next one is; INT64_MAX: there is none. */
static int64_t queue_due(struct fetcher *fetcher)
{
    int64_t now_ns = clock_ns(), next_ns = INT64_MAX;
    for (struct link *link = fetcher->later.next, *next; link != &fetcher->later; link = next) {
        struct fetch *fetch = LINK_OWNER(link, struct fetch, queue);
        next = link->next;
        if (fetch->due_ns <= now_ns) {
            list_remove(link);
            list_add(&fetcher->queue, link);
        } else if (fetch->due_ns < next_ns) {
            next_ns = fetch->due_ns;
        }
    }
    return next_ns;
}

static int sleep_ms(int64_t until_ns)
{
    int64_t left_ms = until_ns == INT64_MAX ? SLEEP_MS : (until_ns - clock_ns()) / 1000000 + 1;
    return left_ms < 0 ? 0 : left_ms > SLEEP_MS ? SLEEP_MS : (int)left_ms;
}

static void fill_slots(struct fetcher *fetcher)
{
    for (unsigned i = 0; i < FETCHES_MAX && !list_is_empty(&fetcher->queue); i++) {
        struct fetch_slot *slot = &fetcher->slots[i];
        if (slot->fetch)
            continue;
        if (!slot->easy)
            slot->easy = curl_easy_init();
        struct fetch *fetch = LINK_OWNER(fetcher->queue.next, struct fetch, queue);
        if (slot->easy) {
            begin(slot, fetch);
        } else {
            list_remove(&fetch->queue);
            fetch->reason = "out of memory";
            over(fetch, FETCH_FAILED);
        }
    }
}

/* --- what others say ----------------------------------------------------------------------- */

static void post(struct fetcher *fetcher, struct message *message, enum fetcher_message kind)
{
    message->kind = kind;
    if (mailbox_post(&fetcher->mailbox, message) && fetcher->multi)
        curl_multi_wakeup(fetcher->multi);
}

void fetcher_start(struct fetcher *fetcher, struct fetch *fetch)
{
    fetcher_start_at(fetcher, fetch, 0);
}

void fetcher_start_at(struct fetcher *fetcher, struct fetch *fetch, int64_t due_ns)
{
    fetch->due_ns = due_ns;
    fetch_ref(fetch);
    post(fetcher, &fetch->start, FETCHER_START);
}

void fetcher_cancel(struct fetcher *fetcher, struct fetch *fetch)
{
    post(fetcher, &fetch->cancel, FETCHER_CANCEL);
}

void fetcher_hasten(struct fetcher *fetcher, struct fetch *fetch)
{
    if (atomic_exchange_explicit(&fetch->hastened, true, memory_order_acq_rel))
        return;
    fetch_ref(fetch);
    post(fetcher, &fetch->hasten, FETCHER_HASTEN);
}

/* What is under way may have been answered already: then it is the next one that is meant. */
static void hasten(struct fetch *fetch)
{
    (void)atomic_exchange_explicit(&fetch->hastened, false, memory_order_acq_rel);
    fetch->due_ns = 0;
    fetch->hurried = fetch->slot != NULL;
    fetch_unref(fetch);
}

static void take_start(struct fetcher *fetcher, struct fetch *fetch)
{
    if (fetch->hurried)
        fetch->due_ns = 0;
    fetch->hurried = false;
    list_add(&fetcher->later, &fetch->queue);
}

static void cancel(struct fetch *fetch)
{
    if (fetch->over)
        return;
    list_remove(&fetch->queue);
    if (fetch->slot)
        slot_release(fetch->slot);
    over(fetch, FETCH_CANCELLED);
}

static void take_mail(struct fetcher *fetcher)
{
    struct message *message = mailbox_take(&fetcher->mailbox);
    while (message) {
        struct message *next = message->next;
        switch ((enum fetcher_message)message->kind) {
        case FETCHER_START:
            take_start(fetcher, LINK_OWNER(message, struct fetch, start));
            break;
        case FETCHER_HASTEN:
            hasten(LINK_OWNER(message, struct fetch, hasten));
            break;
        case FETCHER_CANCEL: {
            struct fetch *fetch = LINK_OWNER(message, struct fetch, cancel);
            cancel(fetch);
            fetch_unref(fetch);
            break;
        }
        }
        message = next;
    }
}

/* --- the thread ---------------------------------------------------------------------------- */

static void take_done(struct fetcher *fetcher)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(fetcher->multi, &left));) {
        void *slot = NULL;
        CURLcode code = message->data.result; /* the message goes with its handle */
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot);
        slot_done(slot, code);
    }
}

static void cancel_all(struct fetcher *fetcher)
{
    take_mail(fetcher);
    while (!list_is_empty(&fetcher->later))
        cancel(LINK_OWNER(fetcher->later.next, struct fetch, queue));
    while (!list_is_empty(&fetcher->queue))
        cancel(LINK_OWNER(fetcher->queue.next, struct fetch, queue));
    for (unsigned i = 0; i < FETCHES_MAX; i++)
        if (fetcher->slots[i].fetch)
            cancel(fetcher->slots[i].fetch);
}

/* On the fetcher's own thread where it can be: TLS says goodbye to peers that may have gone, and
 * only there no signal comes of it. */
static void close_all(struct fetcher *fetcher)
{
    for (unsigned i = 0; i < FETCHES_MAX; i++)
        curl_easy_cleanup(TAKE(fetcher->slots[i].easy));
    curl_multi_cleanup(TAKE(fetcher->multi));
}

static void *run(void *argument)
{
    struct fetcher *fetcher = argument;
    pthread_setname_np(pthread_self(), "fanfare-fetch");
    int running;
    while (!atomic_load_explicit(&fetcher->ends, memory_order_acquire)) {
        (void)curl_multi_perform(fetcher->multi, &running);
        take_done(fetcher);
        take_mail(fetcher);
        int64_t next_ns = queue_due(fetcher);
        fill_slots(fetcher);
        /* What has just begun has a deadline of now, which ends the sleep. */
        (void)curl_multi_poll(fetcher->multi, NULL, 0, sleep_ms(next_ns), NULL);
    }
    cancel_all(fetcher);
    close_all(fetcher);
    return NULL;
}

int fetcher_new(struct fetcher **ret_fetcher)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    if (!fetcher)
        return -ENOMEM;
    list_init(&fetcher->queue);
    list_init(&fetcher->later);
    mailbox_init(&fetcher->mailbox);
    for (unsigned i = 0; i < FETCHES_MAX; i++)
        fetcher->slots[i].fetcher = fetcher;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(fetcher);
        return -ENOMEM;
    }
    fetcher->multi = curl_multi_init();
    if (!fetcher->multi) {
        fetcher_free(fetcher);
        return -ENOMEM;
    }
    curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)FETCHES_MAX);
    *ret_fetcher = fetcher;
    return 0;
}

int fetcher_run(struct fetcher *fetcher)
{
    int r = -pthread_create(&fetcher->thread, NULL, run, fetcher);
    fetcher->runs = r == 0;
    return r;
}

void fetcher_stop(struct fetcher *fetcher)
{
    if (!fetcher->runs)
        return;
    atomic_store_explicit(&fetcher->ends, true, memory_order_release);
    curl_multi_wakeup(fetcher->multi);
    pthread_join(fetcher->thread, NULL);
    fetcher->runs = false;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return NULL;
    CHECK(!fetcher->runs);
    cancel_all(fetcher); /* what was cancelled, or started, after the end */
    close_all(fetcher);
    curl_global_cleanup();
    free(fetcher);
    return NULL;
}
