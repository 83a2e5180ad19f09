/* SPDX-License-Identifier: MIT */
/*
 * Walks a failing call through the server's life: the n-th allocation, accept4, send, epoll_ctl,
 * io_uring call ... fails, for n from the first to the last that a whole scenario makes (subscribe,
 * publish by HTTP and by feed, hang up and resume, stop), each n in a new server, singly and in
 * bursts.
 *
 * Whatever fails, the server must not crash or hang, must end with status 0, and must not lose an
 * acknowledged event without a word: a reader that was closed comes back with its last id and has
 * it, or was told of a gap. What was refused must not appear. While it starts, a fault may end it,
 * with a line that says why.
 *
 * Length: one scenario with all that is expected of it, for each kind of fault.
 */
#include "tests/e2e/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

#define READERS        3u
#define ATTEMPTS       200u
#define BURST          12u
#define RUNS_MAX       (CHECK_SANITIZED ? 180u : 420u)
#define START_RUNS_MAX (CHECK_SANITIZED ? 40u : 150u)

enum fate { NOT_SENT, ACKNOWLEDGED, REFUSED, UNKNOWN };

static const char *const call_names[] = {
#define X(name, error) #name,
    INJECT_TABLE(X)
#undef X
};

static struct server server;
static struct inject *orders;
static char orders_path[64];
static char note[64];

/* Of one run. */
static enum fate fates[ATTEMPTS];
static unsigned attempts;
static int64_t deadline;
/* Of all runs. */
static struct {
    unsigned runs, faults, events, deliveries, reconnects, gaps, refusals, broken, lost;
} sum;

/* --- readers -------------------------------------------------------------------------------- */

static struct reader {
    struct stream stream;
    const char *target;
    char last_id[136];
    unsigned seen[ATTEMPTS];
    unsigned count;
    bool told; /* of a gap */
    bool over; /* ended with a last chunk */
} readers[READERS];

static void require_time(const char *what)
{
    REQUIRE(check_now_ms() < deadline, "%s does not come to pass", what);
}

static void reader_connect(struct reader *reader)
{
    char request[500], resume[200] = "";
    struct client client;

    if (reader->last_id[0])
        snprintf(resume, sizeof(resume), "Last-Event-ID: %s\r\n", reader->last_id);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: t\r\n%s\r\n", reader->target,
             resume);
    stream_init(&reader->stream, connect_tcp(&server, 0), NULL, NULL);
    client = (struct client){.fd = reader->stream.fd};
    client_say(&client, request);
}

/* Takes over what the stream has; a closed stream, or one that was refused, is opened again. */
static void reader_settle(struct reader *reader)
{
    struct stream *stream = &reader->stream;
    struct stream_event event;

    while (stream->waiting_count && stream_next(stream, &event)) {
        if (strcmp(event.type, "fanfare-gap") == 0) {
            reader->told = true;
            sum.gaps++;
        } else {
            REQUIRE(reader->count < ATTEMPTS, "%u events", reader->count);
            reader->seen[reader->count++] = (unsigned)atoi(event.data);
            sum.deliveries++;
        }
        event_free(&event);
    }
    if (stream->last_id[0])
        snprintf(reader->last_id, sizeof(reader->last_id), "%s", stream->last_id);
}

/* One step: what is there within 20 ms is read. */
static void reader_turn(struct reader *reader, bool reopen)
{
    struct pollfd ready = {.fd = reader->stream.fd, .events = POLLIN};

    if (poll(&ready, 1, 20) == 1)
        stream_take(&reader->stream, 65536);
    if (reader->stream.status && reader->stream.status != 200) {
        EXPECT(reader->stream.status == 503 || reader->stream.status == 500, "status %d",
               reader->stream.status);
        reader->stream.closed = true;
    } else {
        reader_settle(reader);
    }
    if (!reader->stream.closed)
        return;
    reader->over = reader->stream.ended;
    if (!reopen)
        return;
    sum.reconnects++;
    stream_close(&reader->stream);
    reader_connect(reader);
}

static bool reader_has(const struct reader *reader, unsigned number)
{
    for (unsigned i = 0; i < reader->count; i++)
        if (reader->seen[i] == number)
            return true;
    return false;
}

static void await_events(void)
{
    for (unsigned r = 0; r < READERS; r++)
        for (unsigned i = 0; i < attempts; i++)
            while (fates[i] == ACKNOWLEDGED && !readers[r].told && !reader_has(&readers[r], i)) {
                require_time("a reader with all acknowledged events");
                reader_turn(&readers[r], true);
            }
}

/* Each event once, in the order of the attempts, and none that was refused. */
static void check_reader(const struct reader *reader, bool all)
{
    for (unsigned i = 0; i < reader->count; i++) {
        unsigned number = reader->seen[i];
        REQUIRE(number < attempts, "event %u of %u", number, attempts);
        EXPECT(fates[number] != REFUSED, "event %u was refused, and delivered", number);
        EXPECT(i == 0 || number > reader->seen[i - 1], "event %u after %u", number,
               reader->seen[i - 1]);
    }
    for (unsigned i = 0; all && i < attempts; i++) {
        bool lost = fates[i] == ACKNOWLEDGED && !reader->told && !reader_has(reader, i);
        EXPECT(!lost, "event %u was acknowledged, and is lost without a word", i);
        sum.lost += lost;
    }
}

/* --- publishers ----------------------------------------------------------------------------- */

/* Each attempt has a number of its own, which is the event's data. */
static enum fate post_once(struct client *client, unsigned number)
{
    char request[200], data[16];
    struct answer answer;

    int len = snprintf(data, sizeof(data), "%u", number);
    snprintf(request, sizeof(request),
             "POST /publish/a HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s", len, data);
    if (client->fd < 0)
        client_open(client, &server);
    if (!client_say(client, request) || !client_answer(client, false, &answer)) {
        client_close(client);
        return UNKNOWN;
    }
    enum fate fate = answer.status == 200 ? ACKNOWLEDGED : REFUSED;
    EXPECT(answer.status == 200 || answer.status == 503 || answer.status == 500, "%d %s",
           answer.status, answer.body);
    const char *connection = answer_field(&answer, "connection");
    if (connection && strcasecmp(connection, "close") == 0)
        client_close(client);
    answer_free(&answer);
    return fate;
}

static enum fate feed_once(struct client *feed, unsigned number)
{
    char text[100];
    struct receipt receipt;

    snprintf(text, sizeof(text), "channel: a\ndata: %u\nack: %u\n\n", number, number);
    if (feed->fd < 0)
        client_open_feed(feed, &server);
    if (!client_say(feed, text) || !client_receipt(feed, &receipt)) {
        client_close(feed);
        return UNKNOWN;
    }
    if (!receipt.ack[0] && receipt.error[0]) {
        client_close(feed); /* not the event was refused, but the connection */
        return REFUSED;
    }
    EXPECT((unsigned)atoi(receipt.ack) == number, "ack \"%s\", id %s, error %s", receipt.ack,
           receipt.id, receipt.error);
    return receipt.id[0] ? ACKNOWLEDGED : REFUSED;
}

static void publish_one(struct client *client, bool by_feed)
{
    enum fate fate;

    do {
        require_time("an acknowledged event");
        REQUIRE(attempts < ATTEMPTS, "%u attempts", attempts);
        fate = by_feed ? feed_once(client, attempts) : post_once(client, attempts);
        fates[attempts++] = fate;
        sum.refusals += fate == REFUSED;
        sum.broken += fate == UNKNOWN;
        if (fate != ACKNOWLEDGED)
            poll(NULL, 0, 5); /* the pace of a publisher that tries again */
    } while (fate != ACKNOWLEDGED);
    sum.events++;
}

/* --- the scenario --------------------------------------------------------------------------- */

static bool take_inject_file(void *context)
{
    (void)context;
    return setenv("INJECT_FILE", orders_path, 1) == 0;
}

static void give_orders(enum inject_call call, unsigned at, unsigned more)
{
    for (unsigned i = 0; i < INJECT_CALLS; i++)
        orders->calls[i] = 0;
    orders->call = call;
    orders->at = at;
    orders->more = more;
    orders->injected = 0;
    snprintf(note, sizeof(note), "%s %u to %u", call < INJECT_CALLS ? call_names[call] : "nothing",
             at, at + more);
    check_note(note);
}

static void subscribe_all(void)
{
    static const char *const targets[READERS] = {"/events/a", "/events/a",
                                                 "/events?channel=a&channel=b"};

    memset(readers, 0, sizeof(readers));
    for (unsigned r = 0; r < READERS; r++) {
        readers[r].target = targets[r];
        reader_connect(&readers[r]);
        while (!readers[r].last_id[0]) {
            require_time("a subscription");
            reader_turn(&readers[r], true);
        }
    }
}

static void begin_run(void)
{
    memset(fates, 0, sizeof(fates));
    attempts = 0;
    orders->armed = 0;
}

static void expect_good_end(void)
{
    int status = server_wait(&server);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status 0x%x", (unsigned)status);
}

static void run(enum inject_call call, unsigned at, unsigned more)
{
    struct client http = {.fd = -1}, feed = {.fd = -1};

    begin_run();
    give_orders(call, at, more);
    server_start_as(&server, &(struct launch){.prepare = take_inject_file},
                    SERVER_OPTIONS("--workers", "2", "--acceptors", "1", "--drain-timeout", "2",
                                   "--slow-after", "0.05"));
    deadline = check_now_ms() + DEADLINE_MS;
    orders->armed = 1;
    subscribe_all();
    for (int i = 0; i < 3; i++)
        publish_one(i == 1 ? &feed : &http, i == 1);
    await_events();
    stream_close(&readers[1].stream);
    publish_one(&feed, true);
    publish_one(&http, false);
    reader_connect(&readers[1]);
    await_events();
    for (unsigned r = 0; r < READERS; r++)
        check_reader(&readers[r], true);
    if (call == INJECT_ring_broken && orders->injected)
        EXPECT(server_stat(&server, "workers_failed") == 1, "the failed worker is not counted");
    /* The last one is owed even though the signal comes at once, but for those that a fault cut. */
    publish_one(&feed, true);
    if (http.fd >= 0)
        client_close(&http);
    if (feed.fd >= 0)
        client_close(&feed);
    server_terminate(&server);
    for (unsigned r = 0; r < READERS; r++) {
        while (!readers[r].stream.closed) {
            require_time("the end of a stream");
            reader_turn(&readers[r], false);
        }
        EXPECT(readers[r].over || orders->injected, "no last chunk");
        check_reader(&readers[r], readers[r].over);
        stream_close(&readers[r].stream);
    }
    expect_good_end();
    sum.runs++;
    sum.faults += orders->injected;
}

/* Only one order, for whoever looks at a failure: ORDER is "NAME AT MORE". */
static void case_one(void)
{
    char name[32];
    unsigned at = 0, more = 0, call = 0;

    REQUIRE(sscanf(getenv("ORDER"), "%31s %u %u", name, &at, &more) == 3, "ORDER is malformed");
    while (call < INJECT_CALLS && strcmp(call_names[call], name) != 0)
        call++;
    run(call, at, more);
}

static void case_walk(void)
{
    unsigned calls[INJECT_CALLS], total = 0;

    memset(&sum, 0, sizeof(sum));
    run(INJECT_CALLS, 0, 0);
    for (unsigned call = 0; call < INJECT_CALLS; call++)
        total += calls[call] = orders->calls[call];
    unsigned stride = 1 + 2 * total * 3 / (RUNS_MAX * check_seconds());
    for (unsigned call = 0; call < INJECT_CALLS; call++) {
        unsigned faults = sum.faults, gaps = sum.gaps;
        if (call == INJECT_ring_broken)
            continue; /* a burst of it leaves no worker: case_broken */
        for (unsigned at = 1; at <= calls[call]; at += stride) {
            run(call, at, 0);
            run(call, at, BURST);
        }
        /* What was acknowledged is kept, also without memory: no fault excuses a gap. */
        EXPECT(sum.gaps == gaps, "%s: %u gaps told", call_names[call], sum.gaps - gaps);
        if (calls[call])
            printf("   %s: %u calls in the scenario, %u faults\n", call_names[call], calls[call],
                   sum.faults - faults);
    }
    printf(
        "   %u servers, %u faults injected: %u events acknowledged, %u delivered, %u reconnects, "
        "%u gaps told, %u refusals, %u connections of publishers broken, %u lost without a word\n",
        sum.runs, sum.faults, sum.events, sum.deliveries, sum.reconnects, sum.gaps, sum.refusals,
        sum.broken, sum.lost);
    EXPECT(sum.faults > 20, "only %u faults", sum.faults);
    check_note(NULL);
}

/* --- a ring that is of no use any more ------------------------------------------------------ */

/* One worker of two: its readers are closed, come back to the other one and lose nothing. */
static void case_broken(void)
{
    memset(&sum, 0, sizeof(sum));
    run(INJECT_CALLS, 0, 0);
    unsigned calls = orders->calls[INJECT_ring_broken];
    for (unsigned at = 1; at <= calls; at += 1 + calls / (10 * check_seconds()))
        run(INJECT_ring_broken, at, 0);
    EXPECT(sum.gaps == 0, "%u gaps told", sum.gaps);
    printf("   %u servers, %u rings broken, %u reconnects, %u lost without a word\n", sum.runs,
           sum.faults, sum.reconnects, sum.lost);
    check_note(NULL);
}

/* All workers: readers are closed, new ones are refused, publishers still get their answers. */
static void case_all_broken(void)
{
    struct client http = {.fd = -1};
    struct answer answer;

    begin_run();
    give_orders(INJECT_ring_broken, 1, UINT32_MAX - 1);
    server_start_as(&server, &(struct launch){.prepare = take_inject_file},
                    SERVER_OPTIONS("--workers", "2", "--acceptors", "1", "--drain-timeout", "2"));
    deadline = check_now_ms() + DEADLINE_MS;
    subscribe_all();
    orders->armed = 1;
    for (unsigned i = 0; i < 20; i++)
        publish_one(&http, false);
    for (unsigned r = 0; r < READERS; r++) {
        while (!readers[r].stream.closed) {
            require_time("the end of a stream");
            reader_turn(&readers[r], false);
        }
        stream_close(&readers[r].stream);
    }
    while (server_stat(&server, "workers_failed") < 2)
        require_time("two failed workers");
    EXPECT(server_stat(&server, "subscribers") == 0, "subscribers are left");
    client_request(&http, "GET", "/events/a", NULL, NULL, 0, &answer);
    EXPECT(answer.status == 503, "a new subscriber got %d", answer.status);
    answer_free(&answer);
    while (server_stat(&server, "in_flight_bytes") > 0)
        require_time("all frames given back");
    client_close(&http);
    server_terminate(&server);
    expect_good_end();
    check_note(NULL);
}

/* --- starting ------------------------------------------------------------------------------- */

/* It starts, works and stops, or says in a line why it does not start. True: it started. */
static bool start_once(enum inject_call call, unsigned at)
{
    char dir[] = "/tmp/fanfare-e2e-XXXXXX", feed[96];
    char said[4096] = "";
    size_t len = 0;
    int out[2], status = 0;

    REQUIRE(mkdtemp(dir) && pipe2(out, O_CLOEXEC) == 0, "cannot start: %s", strerror(errno));
    snprintf(feed, sizeof(feed), "%s/feed.sock", dir);
    const char *const arguments[] = {
        "serve",  "--listen", "127.0.0.1:0",
        "--feed", feed,       "--workers",
        "2",      "--io",     check_registers() ? "auto" : check_backend(),
        NULL};
    give_orders(call, at, 0);
    orders->armed = 1;
    pid_t pid = program_start_as(
        &(struct launch){.out = out[1], .err = out[1], .prepare = take_inject_file}, arguments);
    close(out[1]);
    bool listens = false;
    for (;;) {
        struct pollfd ready = {.fd = out[0], .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "it neither starts nor ends: %s", said);
        ssize_t got = read(out[0], said + len, sizeof(said) - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        said[len] = '\0';
        if (!listens && strstr(said, "room for")) {
            listens = true;
            kill(pid, SIGTERM);
        }
    }
    REQUIRE(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    close(out[0]);
    EXPECT(WIFEXITED(status) && (listens ? WEXITSTATUS(status) == 0
                                         : WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 2),
           "wait status 0x%x, said: %s", (unsigned)status, said);
    EXPECT(listens || strncmp(said, "fanfare", 7) == 0, "no reason given: \"%s\"", said);
    EXPECT(access(feed, F_OK) != 0, "the feed socket is left");
    unlink(feed);
    EXPECT(rmdir(dir) == 0, "rmdir: %s", strerror(errno));
    sum.faults += orders->injected;
    sum.runs++;
    return listens;
}

static void case_start(void)
{
    unsigned calls[INJECT_CALLS], total = 0, refused = 0;

    memset(&sum, 0, sizeof(sum));
    EXPECT(start_once(INJECT_CALLS, 0), "it does not start");
    for (unsigned call = 0; call < INJECT_CALLS; call++)
        total += calls[call] = orders->calls[call];
    unsigned stride = 1 + total * 3 / (START_RUNS_MAX * check_seconds());
    for (unsigned call = 0; call < INJECT_CALLS; call++)
        for (unsigned at = 1; at <= calls[call]; at += stride)
            refused += !start_once(call, at);
    printf("   %u starts, %u faults injected of %u calls: %u did not start and said why\n",
           sum.runs, sum.faults, total, refused);
    check_note(NULL);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    int fd = memfd_create("inject", MFD_CLOEXEC);
    REQUIRE(fd >= 0 && ftruncate(fd, sizeof(*orders)) == 0, "memfd: %s", strerror(errno));
    orders = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    REQUIRE(orders != MAP_FAILED, "mmap: %s", strerror(errno));
    snprintf(orders_path, sizeof(orders_path), "/proc/%d/fd/%d", (int)getpid(), fd);
    if (getenv("ORDER")) {
        check_case("one", case_one);
        return check_end();
    }
    check_case("start", case_start);
    if (check_on_ring()) {
        check_case("broken", case_broken);
        check_case("all_broken", case_all_broken);
    }
    check_case("walk", case_walk);
    return check_end();
}
