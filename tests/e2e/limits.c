/* SPDX-License-Identifier: MIT */
/*
 * Limits of time and number: 408, 503 for connections, subscribers and descriptors, and a full
 * channel. Each limit is reached on a server of its own, and each one ends: the server works again.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/e2e/check.h"
#include "tests/e2e/client.h"
#include "tests/e2e/stream.h"

static struct server server;

static void expect_unavailable(const char *what, struct client *client)
{
    struct answer answer;

    if (!client_answer(client, false, &answer)) {
        EXPECT(false, "%s: closed without an answer%s", what, client->reset ? " (reset)" : "");
        return;
    }
    EXPECT(answer.status == 503, "%s: %d %s", what, answer.status, answer.body);
    const char *after = answer_field(&answer, "retry-after");
    EXPECT(after && *after >= '0' && *after <= '9', "%s: %s", what, answer.head);
    EXPECT(answer.body_len >= 12, "%s: no sentence: %s", what, answer.body);
    answer_free(&answer);
}

static void expect_works(void)
{
    struct client client;
    struct answer answer;

    client_open(&client, &server);
    client_request(&client, "GET", "/healthz", NULL, "", 0, &answer);
    EXPECT(answer.status == 200, "/healthz: %d %s", answer.status, answer.body);
    answer_free(&answer);
    client_close(&client);
}

static void case_timeouts(void)
{
    static const char *const begun[] = {
        "GET /healthz HT",
        "GET /healthz HTTP/1.1\r\nHost: t\r\n",
        "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab",
        "POST /publish/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    };
    struct client clients[5];
    struct answer answer;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--head-timeout", "0.3",
                                         "--body-timeout", "0.3", "--keep-alive-timeout", "0.3"));
    int64_t start = check_now_ms();
    for (int i = 0; i < 5; i++) {
        client_open(&clients[i], &server);
        if (i < 4)
            client_say(&clients[i], begun[i]);
    }
    for (int i = 0; i < 4; i++) {
        if (!client_answer(&clients[i], false, &answer)) {
            EXPECT(false, "no answer to %s", begun[i]);
            continue;
        }
        EXPECT(answer.status == 408 && answer.body_len >= 12, "%s: %d %s", begun[i], answer.status,
               answer.body);
        EXPECT(client_ends(&clients[i]), "not closed: %s", begun[i]);
        EXPECT(check_now_ms() - start >= 250, "after only %lld ms",
               (long long)(check_now_ms() - start));
        answer_free(&answer);
    }
    EXPECT(client_ends(&clients[4]), "an idle connection was answered: %s", clients[4].bytes);
    for (int i = 0; i < 5; i++)
        client_close(&clients[i]);
    expect_works();
    server_stop(&server);
}

/* Has begun a request and does not go on: it is not idle, and keeps its place. */
static void hold_place(struct client *client)
{
    struct answer answer;
    client_open(client, &server);
    client_request(client, "GET", "/healthz", NULL, "", 0, &answer);
    EXPECT_INT(answer.status, 200);
    answer_free(&answer);
    client_say(client, "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
}

static void case_connections_max(void)
{
    struct client clients[5], late;
    struct answer answer;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max", "5"));
    for (int i = 0; i < 5; i++)
        hold_place(&clients[i]);
    client_open(&late, &server);
    client_say(&late, "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\na");
    expect_unavailable("connection 6 of 5", &late);
    EXPECT(client_ends(&late), "not closed");
    client_close(&late);
    EXPECT_INT(server_stat(&server, "connections_refused_limit"), 1);
    expect_works(); /* what must always be answered is */
    client_open_feed(&late, &server);
    struct receipt receipt;
    client_say(&late, "channel: x\nack: 1\ndata: by feed\n\n");
    REQUIRE(client_receipt(&late, &receipt), "a feed was locked out");
    EXPECT_TEXT(receipt.ack, "1");
    client_close(&late);
    EXPECT_INT(server_stat(&server, "connections_displaced_idle"), 0);
    for (int i = 0; i < 5; i++) {
        client_say(&clients[i], "cde");
        REQUIRE(client_answer(&clients[i], false, &answer), "no answer to who held its place");
        EXPECT_INT(answer.status, 200);
        answer_free(&answer);
        client_close(&clients[i]);
    }
    server_stop(&server);
}

/* Who fills all places and says nothing locks nobody out: the longest silent goes for each new one,
 * and all of them after the head's time-out. */
static void case_silent_crowd(void)
{
    struct client silent[100], client;
    char id[160];

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max",
                                         "20", "--head-timeout", "1"));
    for (int i = 0; i < 100; i++)
        client_open(&silent[i], &server);
    server_await(&server, "connections_displaced_idle", true, 80);
    for (int i = 0; i < 10; i++) {
        expect_works();
        client_open(&client, &server);
        publish(&client, "x", "through", id);
        client_close(&client);
    }
    client_open_feed(&client, &server);
    struct receipt receipt;
    client_say(&client, "channel: x\nack: 1\ndata: by feed\n\n");
    REQUIRE(client_receipt(&client, &receipt), "a feed was locked out");
    client_close(&client);
    EXPECT(client_ends(&silent[0]), "who was silent longest is still there: %s", silent[0].bytes);
    EXPECT(client_ends(&silent[99]), "was answered: %s", silent[99].bytes);
    server_await(&server, "connections_open", false, 1);
    EXPECT(server_stat(&server, "timeouts_first") > 0, "none timed out");
    EXPECT_INT(server_stat(&server, "connections_refused_limit"), 0);
    for (int i = 0; i < 100; i++)
        client_close(&silent[i]);

    server_stop(&server);
}

/* The same with heads that do not end: those that are a second old give way. */
static void case_unfinished_heads(void)
{
    struct client slow[20], client;
    struct answer answer;
    int status;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max",
                                         "20", "--head-timeout", "60"));
    for (int i = 0; i < 20; i++) {
        client_open(&slow[i], &server);
        client_say(&slow[i], "POST /publish/x HT");
    }
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    do {
        struct pollfd first = {.fd = slow[0].fd, .events = POLLIN};
        (void)poll(&first, 1, 50);
        client_open(&client, &server);
        client_request(&client, "POST", "/publish/x", NULL, "1", 1, &answer);
        status = answer.status;
        answer_free(&answer);
        client_close(&client);
    } while (status != 200 && check_now_ms() < deadline);
    EXPECT_INT(status, 200);
    EXPECT(server_stat(&server, "connections_displaced_head") > 0, "none gave way");
    for (int i = 0; i < 20; i++)
        client_close(&slow[i]);
    server_stop(&server);
}

/* Beyond the full places nobody keeps what must always be answered from the others: neither who
 * announces a body to it, nor who has its answer and does not close. */
static void case_reserved_places(void)
{
    struct client holders[5], strangers[64];
    struct answer answer;

    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max", "5"));
    for (int i = 0; i < 5; i++)
        hold_place(&holders[i]);
    for (int i = 0; i < 64; i++) {
        client_open(&strangers[i], &server);
        client_say(&strangers[i], "GET /healthz HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n");
        expect_unavailable("a body beyond the places", &strangers[i]);
    }
    expect_works();
    for (int i = 0; i < 64; i++) {
        client_close(&strangers[i]);
        client_open(&strangers[i], &server);
        client_say(&strangers[i], "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n");
        REQUIRE(client_answer(&strangers[i], false, &answer), "/healthz: no answer");
        EXPECT_INT(answer.status, 200);
        answer_free(&answer);
    }
    expect_works();
    EXPECT(server_stat(&server, "connections_displaced_answered") > 0, "none gave way");
    for (int i = 0; i < 64; i++)
        client_close(&strangers[i]);
    for (int i = 0; i < 5; i++)
        client_close(&holders[i]);
    server_stop(&server);
}

/* Who has sent many requests at once does not give way between two of their answers. */
static void case_pipelined(void)
{
    enum { ROUNDS = 10, REQUESTS = 1000, OTHERS = 50 };
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";
    static char requests[REQUESTS * (sizeof(request) - 1)];
    struct client client, others[OTHERS];
    struct answer answer;

    for (int i = 0; i < REQUESTS; i++)
        memcpy(requests + (size_t)i * (sizeof(request) - 1), request, sizeof(request) - 1);
    server_start(&server,
                 SERVER_OPTIONS("--workers", "1", "--acceptors", "1", "--connections-max", "1"));
    for (int i = 0; i < ROUNDS; i++) {
        server_await(&server, "connections_open", false, 1);
        client_open(&client, &server);
        REQUIRE(client_send(&client, requests, sizeof(requests)), "not sent");
        for (int k = 0; k < REQUESTS; k++) {
            REQUIRE(client_answer(&client, false, &answer), "closed before answer %d", k + 1);
            EXPECT_INT(answer.status, 200);
            answer_free(&answer);
            if (k % (REQUESTS / OTHERS) == 0)
                client_open(&others[k / (REQUESTS / OTHERS)], &server);
        }
        for (int k = 0; k < OTHERS; k++)
            client_close(&others[k]);
        client_close(&client);
    }
    server_stop(&server);
}

static void case_subscribers_max(void)
{
    struct stream streams[3];
    struct client late;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--subscribers-max", "3"));
    for (int i = 0; i < 3; i++) {
        stream_open(&streams[i], &server, "/events/x", NULL);
        stream_await_head(&streams[i]);
        EXPECT_INT(streams[i].status, 200);
    }
    client_open(&late, &server);
    client_say(&late, "GET /events/x HTTP/1.1\r\nHost: t\r\n\r\n");
    expect_unavailable("subscriber 4 of 3", &late);
    client_close(&late);
    client_open(&late, &server);
    publish(&late, "x", "still", NULL);
    client_close(&late);
    for (int i = 0; i < 3; i++)
        stream_expect(&streams[i], "message", "still", NULL);
    stream_close(&streams[0]);
    server_await(&server, "subscribers", false, 2);
    stream_open(&streams[0], &server, "/events/x", NULL);
    stream_await_head(&streams[0]);
    EXPECT_INT(streams[0].status, 200);
    for (int i = 0; i < 3; i++)
        stream_close(&streams[i]);
    server_stop(&server);
}

/* The limit that leaves the server so many free descriptors: numbers below it that are not taken.
 */
static rlim_t descriptors_limit(unsigned free_count)
{
    char path[64];

    for (rlim_t number = 0;; number++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)server.pid, (int)number);
        char target[8];
        free_count -= readlink(path, target, sizeof(target)) < 0;
        if (free_count == 0)
            return number + 1;
    }
}

/* The limit falls while the server runs, as if others had taken the descriptors. */
static void case_no_descriptors(void)
{
    struct client clients[40];
    struct answer answer;
    unsigned served = 0, refused = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "2"));
    struct rlimit limit = {.rlim_cur = descriptors_limit(8), .rlim_max = 20000};
    REQUIRE(prlimit(server.pid, RLIMIT_NOFILE, &limit, NULL) == 0, "prlimit failed");
    for (int i = 0; i < 40; i++) {
        client_open(&clients[i], &server);
        /* The second one is not complete: who is idle would give way. */
        client_say(&clients[i],
                   "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n"
                   "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
        if (!client_answer(&clients[i], false, &answer)) {
            EXPECT(false, "connection %d: closed without an answer%s", i,
                   clients[i].reset ? " (reset)" : "");
            continue;
        }
        served += answer.status == 200;
        refused += answer.status == 503 && answer_field(&answer, "retry-after");
        EXPECT(answer.status == 200 || answer.status == 503, "connection %d: %d", i, answer.status);
        answer_free(&answer);
    }
    EXPECT(served >= 4 && refused >= 20, "%u served, %u refused", served, refused);
    /* Time must pass here, for what is measured is processor time while nothing happens. */
    long before = server_cpu_ms(&server);
    struct pollfd quiet = {.fd = clients[0].fd, .events = POLLIN};
    EXPECT(poll(&quiet, 1, 600) == 0, "a kept connection was closed");
    EXPECT(server_cpu_ms(&server) - before <= 60, "%ld ms of processor time in 600 ms",
           server_cpu_ms(&server) - before);
    for (int i = 0; i < 40; i++)
        client_close(&clients[i]);
    int64_t deadline = check_now_ms() + DEADLINE_MS;
    do {
        client_open(&clients[0], &server);
        client_request(&clients[0], "GET", "/healthz", NULL, "", 0, &answer);
        answer_free(&answer);
        client_close(&clients[0]);
    } while (answer.status != 200 && check_now_ms() < deadline);
    EXPECT_INT(answer.status, 200);
    server_stop(&server);
}

/* Likewise for streams: unfinished requests have all descriptors, and who asks as an EventSource
 * does is told to come back. */
static void case_no_descriptors_for_streams(void)
{
    struct client holders[40], client;
    struct answer answer;
    unsigned put_off = 0;

    server_start(&server, SERVER_OPTIONS("--workers", "1", "--acceptors", "1"));
    struct rlimit limit = {.rlim_cur = descriptors_limit(8), .rlim_max = 20000};
    REQUIRE(prlimit(server.pid, RLIMIT_NOFILE, &limit, NULL) == 0, "prlimit failed");
    for (int i = 0; i < 40; i++) {
        client_open(&holders[i], &server);
        client_say(&holders[i],
                   "POST /publish/x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
    }
    for (int i = 0; i < 20; i++) {
        client_open(&client, &server);
        client_say(&client,
                   "GET /events/x HTTP/1.1\r\nHost: t\r\nAccept: text/event-stream\r\n\r\n");
        REQUIRE(client_answer(&client, true, &answer), "stream %d: no answer", i);
        EXPECT(answer.status == 200, "stream %d: %s", i, answer.head);
        const char *reason = answer_field(&answer, "fanfare-refused");
        put_off += reason && strcmp(reason, "full") == 0;
        answer_free(&answer);
        client_close(&client);
    }
    EXPECT(put_off >= 10, "%u told to come back", put_off);
    for (int i = 0; i < 40; i++)
        client_close(&holders[i]);
    server_stop(&server);
}

/* Fills the channel until the server says so; a reading subscriber (nobody is slow in an hour) that
 * does not read holds it. Gives how many events were accepted. */
static unsigned fill(struct client *client, const char *body, size_t len)
{
    struct answer answer;

    for (unsigned accepted = 0; accepted < 2000; accepted++) {
        client_request(client, "POST", "/publish/full", NULL, body, len, &answer);
        if (answer.status != 200) {
            EXPECT(answer.status == 503 && answer_field(&answer, "retry-after"), "%s %s",
                   answer.head, answer.body);
            answer_free(&answer);
            return accepted;
        }
        answer_free(&answer);
    }
    REQUIRE(false, "2,000 events of %zu bytes were accepted, though a reader holds the channel",
            len);
    return 0;
}

static void case_full_channel(void)
{
    static char body[200000];
    struct client client, feed;
    struct receipt receipt;
    struct stream stream;

    server_start(&server, SERVER_OPTIONS("--workers", "2", "--history-bytes", "1M", "--slow-after",
                                         "3600", "--slow-rate", "1", "--publish-wait", "0.2"));
    memset(body, 'f', sizeof(body));
    stream_open_small(&stream, &server, "/events/full", 262144);
    client_open(&client, &server);
    unsigned accepted = fill(&client, body, sizeof(body));
    printf("   full after %u events of %zu bytes\n", accepted, sizeof(body));
    client_open_feed(&feed, &server);
    client_say(&feed, "channel: full\nwait: no\ndata: x\nack: a\n\nchannel: other\ndata: y\nack: "
                      "b\n\nchannel: full\ndata: waits\nack: c\n\n");
    REQUIRE(client_receipt(&feed, &receipt), "feed closed");
    EXPECT_TEXT(receipt.error, "busy");
    EXPECT_TEXT(receipt.ack, "a");
    REQUIRE(client_receipt(&feed, &receipt), "feed closed");
    EXPECT_TEXT(receipt.ack, "b");
    EXPECT_TEXT(receipt.error, "");
    struct pollfd quiet = {.fd = feed.fd, .events = POLLIN};
    EXPECT(poll(&quiet, 1, 300) == 0, "the third event was answered though the channel is full");
    /* Reading frees it: everything accepted arrives, then what waited, and nothing refused. */
    for (unsigned i = 0; i < accepted; i++) {
        struct stream_event event;
        REQUIRE(stream_next(&stream, &event), "closed after %u events", i);
        REQUIRE(event.data_len == sizeof(body), "event %u has %zu bytes", i, event.data_len);
        event_free(&event);
    }
    stream_expect(&stream, "message", "waits", NULL);
    REQUIRE(client_receipt(&feed, &receipt), "feed closed");
    EXPECT_TEXT(receipt.ack, "c");
    EXPECT_TEXT(receipt.error, "");
    publish(&client, "full", "after", NULL);
    stream_expect(&stream, "message", "after", NULL);
    EXPECT(server_stat(&server, "publish_busy") > 0, "not counted");
    client_close(&client);
    client_close(&feed);
    stream_close(&stream);
    server_stop(&server);
}

/* On epoll connections and subscribers share the process's descriptors: a crowd of subscribers must
 * leave those that --connections-max promises. */
static void case_descriptors_kept(void)
{
    char said[2048];
    size_t len = 0;
    const char *room = NULL;

    server_start_limited(&server, 4000,
                         SERVER_OPTIONS("--workers", "2", "--connections-max", "1000"));
    len = (size_t)snprintf(said, sizeof(said), "%s", server.said);
    while (!(room = strstr(said, "room for "))) {
        struct pollfd ready = {.fd = server.out, .events = POLLIN};
        REQUIRE(poll(&ready, 1, DEADLINE_MS) == 1, "no room is told: %s", said);
        ssize_t got = read(server.out, said + len, sizeof(said) - 1 - len);
        REQUIRE(got > 0, "it ended: %s", said);
        len += (size_t)got;
        said[len] = '\0';
    }
    long places = strtol(room + strlen("room for "), NULL, 10);
    printf("   4,000 descriptors, 1,000 for connections: room for %ld subscribers\n", places);
    EXPECT(places > 0 && (places + 1000 < 4000 || check_registers()), "room for %ld subscribers",
           places);
    server_stop(&server);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("timeouts", case_timeouts);
    check_case("connections_max", case_connections_max);
    check_case("silent_crowd", case_silent_crowd);
    check_case("unfinished_heads", case_unfinished_heads);
    check_case("reserved_places", case_reserved_places);
    check_case("pipelined", case_pipelined);
    check_case("subscribers_max", case_subscribers_max);
    check_case("no_descriptors", case_no_descriptors);
    check_case("no_descriptors_for_streams", case_no_descriptors_for_streams);
    check_case("descriptors_kept", case_descriptors_kept);
    check_case("full_channel", case_full_channel);
    return check_end();
}
