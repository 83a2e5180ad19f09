/* SPDX-License-Identifier: MIT */
/* Connections of other programs': which are taken over, and what is left of those that are not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/adopt.h"
#include "tests/unit/threadless.h"

static struct hub *hub;
static struct server_options options;
static struct server_state state;
static int ours, theirs; /* of a socketpair; ours is what is given away */
static char error[ADOPT_ERROR_ROOM], input[16384];

/* With what `options` say, and a hub of so much memory. */
static void begin_with(uint64_t memory_max)
{
    struct hub_options hub_options;
    struct server_rules rules;
    int pair[2];
    hub_options_default(&hub_options);
    hub_options.workers = 1;
    hub_options.worker_subscribers = THREADLESS_SOCKETS;
    if (memory_max)
        hub_options.memory_max = memory_max;
    cr_assert_eq(hub_new(&hub_options, &hub), 0);
    cr_assert_eq(hub_start_threadless(hub, threadless_open, NULL), 0);
    cr_assert_eq(server_options_check(&options, &rules, error, sizeof(error)), 0, "%s", error);
    cr_assert_eq(server_state_init(&state, hub, NULL, &options, &rules), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
}

static void set_up(void)
{
    server_options_default(&options);
    options.listen[options.listen_count++] = "127.0.0.1:0";
}

static void begin(void)
{
    begin_with(0);
}

static void tear_down(void)
{
    server_state_deinit(&state);
    threadless_end(hub);
    close(theirs);
    options = (struct server_options){0};
}

static uint64_t subscribers(void)
{
    threadless_turns(hub_worker(hub, 0));
    struct stats stats;
    hub_stats(hub, &stats);
    return stats.subscribers;
}

static struct net_totals totals(void)
{
    struct net_totals totals;
    server_state_totals(&state, &totals);
    return totals;
}

/* To the channel "news", with these head lines. */
static int adopt(int fd, const char *head)
{
    struct text channel = TEXT("news");
    struct adoption adoption = {.channels = &channel, .channel_count = 1, .head = text_of(head)};
    return adopt_socket(&state, fd, &adoption, NULL, error);
}

static int adopt_channels(const struct text *channels, unsigned count)
{
    struct adoption adoption = {.channels = channels, .channel_count = count};
    return adopt_socket(&state, ours, &adoption, NULL, error);
}

/* What has come to the client. */
static const char *received(void)
{
    ssize_t len = recv(theirs, input, sizeof(input) - 1, MSG_DONTWAIT);
    input[len > 0 ? len : 0] = '\0';
    return input;
}

/* It blocks, as it did before, and a client is at its other end. */
static void expect_untouched(void)
{
    cr_expect_eq(fcntl(ours, F_GETFL) & O_NONBLOCK, 0, "it is as it was");
    cr_expect_eq(send(ours, "!", 1, 0), 1);
    cr_expect_str_eq(received(), "!");
    close(ours);
}

#define TEST(name) Test(adopt, name, .init = set_up, .fini = tear_down)

TEST(a_connection_becomes_a_subscriber)
{
    begin();
    cr_assert_eq(adopt(ours, "Access-Control-Allow-Origin: *\r\nX-Mine: 1\r\n"), 0, "%s", error);
    cr_expect_eq(subscribers(), 1);
    cr_expect_eq(totals().adopted, 1);
    const char *head = received();
    cr_expect_not_null(strstr(head, "HTTP/1.1 200 OK\r\n"), "%s", head);
    cr_expect_not_null(strstr(head, "\r\nDate: "), "%s", head);
    cr_expect_not_null(strstr(head, "\r\nAccess-Control-Allow-Origin: *\r\nX-Mine: 1\r\n\r\n"),
                       "%s", head);
    cr_expect_not_null(strstr(head, "retry: "), "%s", head);
}

TEST(the_operators_head_lines_give_way_to_the_programs)
{
    options.header[options.header_count++] = "X-Mine: 2";
    options.header[options.header_count++] = "X-Theirs: 3";
    options.stream_header[options.stream_header_count++] = "* X-Stream: 4";
    begin();
    cr_assert_eq(adopt(ours, "x-mine: 1\r\n"), 0, "%s", error);
    cr_expect_eq(subscribers(), 1);
    const char *head = received();
    cr_expect_not_null(strstr(head, "\r\nX-Theirs: 3\r\nX-Stream: 4\r\nx-mine: 1\r\n\r\n"), "%s",
                       head);
    cr_expect_null(strstr(head, "X-Mine"), "%s", head);
}

static struct text lines_for(const char *head, char room[ADOPT_LINES_ROOM])
{
    struct text channel = TEXT("news");
    struct adoption adoption = {.channels = &channel, .channel_count = 1, .head = text_of(head)};
    return adopt_lines(&state, &adoption, room);
}

/* Whoever is refused before its lines were looked at is answered without those that frame it. */
TEST(an_answer_has_sound_lines_alone)
{
    static const char *const bad[] = {"X-Mine: 1\r\nContent-Length: 0\r\n", "X-Mine: 1",
                                      "X-Mine: 1\r\nX\r\n", "X-Mine: \x01\r\n"};
    char room[ADOPT_LINES_ROOM + 1];
    options.header[options.header_count++] = "X-Theirs: 3";
    begin();
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct text lines = lines_for(bad[i], room);
        room[lines.len] = '\0';
        cr_expect_not_null(strstr(room, "X-Theirs: 3\r\n"), "%s", room);
        cr_expect_null(strstr(room, "X-Mine"), "%s", room);
    }
    struct text lines = lines_for("X-Mine: 1\r\n", room);
    room[lines.len] = '\0';
    cr_expect_not_null(strstr(room, "X-Theirs: 3\r\nX-Mine: 1\r\n"), "%s", room);
    close(ours);
}

TEST(what_is_no_connected_stream_socket)
{
    int pipes[2], datagrams[2];
    begin();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(pipe(pipes), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
    cr_expect_eq(adopt(-1, ""), -EBADF);
    cr_expect_eq(adopt(pipes[0], ""), -ENOTSOCK);
    cr_expect_str_eq(error, "the descriptor is no socket");
    cr_expect_eq(adopt(datagrams[0], ""), -EPROTOTYPE);
    cr_expect_eq(adopt(listener, ""), -ENOTCONN);
    cr_assert_eq(listen(listener, 1), 0);
    cr_expect_eq(adopt(listener, ""), -ENOTCONN);
    cr_expect_eq(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    cr_expect_eq(subscribers(), 0);
    cr_expect_eq(totals().adopt_refused, 5);
    for (unsigned i = 0; i < 2; i++) {
        close(pipes[i]);
        close(datagrams[i]);
    }
    close(listener);
    close(ours);
}

TEST(channels_are_checked)
{
    char name[CHANNEL_BYTES_MAX + 1];
    struct text many[SUBSCRIBER_CHANNELS_DEFAULT + 1];
    memset(name, 'n', sizeof(name));
    begin();
    cr_expect_eq(adopt_channels(NULL, 0), ADOPT_NO_CHANNEL);
    cr_expect_eq(adopt_channels((struct text[]){TEXT("a"), TEXT("")}, 2), ADOPT_CHANNEL_EMPTY);
    cr_expect_eq(strncmp(error, "channel 2 of the stream: ", 25), 0, "%s", error);
    cr_expect_eq(adopt_channels(&(struct text){name, sizeof(name)}, 1), ADOPT_CHANNEL_LONG);
    cr_expect_eq(adopt_channels(&TEXT("news\nsecret"), 1), ADOPT_CHANNEL_TEXT);
    cr_expect_eq(adopt_channels(&TEXT("\xff"), 1), ADOPT_CHANNEL_TEXT);
    for (unsigned i = 0; i < sizeof(many) / sizeof(many[0]); i++)
        many[i] = (struct text){name, i + 1};
    cr_expect_eq(adopt_channels(many, SUBSCRIBER_CHANNELS_DEFAULT + 1), ADOPT_MANY_CHANNELS);
    many[3] = many[7];
    cr_expect_eq(adopt_status(ADOPT_MANY_CHANNELS), 400);
    cr_assert_eq(adopt_channels(many, SUBSCRIBER_CHANNELS_DEFAULT + 1), 0, "twice counts once");
    cr_expect_eq(subscribers(), 1);
}

TEST(a_channel_of_one_event_is_alone)
{
    options.channel[options.channel_count++] = "login/* once";
    begin();
    cr_expect_eq(adopt_channels((struct text[]){TEXT("login/1"), TEXT("news")}, 2), ADOPT_TOGETHER);
    cr_expect_str_eq(error, "the channel \"login/1\" is for one event, and is subscribed to alone");
    cr_expect_eq(adopt_channels((struct text[]){TEXT("login/1"), TEXT("login/1")}, 2), 0);
}

TEST(head_lines_are_checked)
{
    static const char *const faulty[] = {"X: 1",
                                         "X: 1\n",
                                         "X 1\r\n",
                                         ": 1\r\n",
                                         "X : 1\r\n",
                                         "X: \1\r\n",
                                         "X: 1\n\r\n",
                                         "\r\n",
                                         "X: 1\r\n\r\n",
                                         "X: 1\r\nContent-Length: 1\r\n",
                                         "connection: keep-alive\r\n",
                                         "Transfer-Encoding: chunked\r\n",
                                         "Content-Type: text/html\r\n",
                                         "Date: now\r\n",
                                         "Cache-Control: no-store\r\n",
                                         "Fanfare-Resume: none\r\n",
                                         "X-Accel-Buffering: no\r\n"};
    static char line[ADOPT_HEAD_BYTES_MAX + 2];
    begin();
    for (unsigned i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++)
        cr_expect_eq(adopt(ours, faulty[i]), ADOPT_HEAD, "%s", faulty[i]);
    cr_expect_eq(adopt_status(ADOPT_HEAD), 400);
    snprintf(line, sizeof(line), "X: %0*d\r\n", (int)(sizeof(line) - 6), 0);
    cr_expect_eq(strlen(line), ADOPT_HEAD_BYTES_MAX + 1);
    cr_expect_eq(adopt(ours, line), -E2BIG);
    memmove(line + 3, line + 4, strlen(line) - 3);
    cr_expect_eq(adopt(ours, line), 0, "%s", error);
    cr_expect_eq(subscribers(), 1);
}

TEST(a_head_that_is_sent_is_not_ours)
{
    struct text channel = TEXT("news");
    struct event event = {.type = TEXT("first"), .data = TEXT("snapshot"), .retry_ms = -1};
    struct frame *first;
    begin();
    cr_assert_eq(hub_private_frame(&event, &first), 0);
    struct adoption adoption = {.channels = &channel,
                                .channel_count = 1,
                                .head = TEXT("not looked at"),
                                .head_sent = true,
                                .plain = true,
                                .first = &first,
                                .first_count = 1,
                                .last = 3};
    cr_assert_eq(adopt_socket(&state, ours, &adoption, NULL, error), 0, "%s", error);
    cr_expect_eq(subscribers(), 1);
    const char *text = received();
    cr_expect_eq(strncmp(text, "retry: ", 7), 0, "%s", text);
    cr_expect_not_null(strstr(text, "\n\nevent: first\ndata: snapshot\n\n"), "%s", text);
}

TEST(no_more_subscribers_than_may_be)
{
    options.subscribers_max = 1;
    begin();
    cr_assert_eq(adopt(ours, ""), 0);
    int before = theirs, pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = pair[1];
    cr_expect_eq(adopt(ours, ""), -ENOSPC, "also while the first is on its way");
    cr_expect_eq(totals().subscribers_refused, 1);
    cr_expect_eq(adopt_status(-ENOSPC), 503);
    expect_untouched();
    close(before);
}

TEST(a_channel_has_as_many_as_it_may)
{
    options.subscribers_per_channel = 1;
    begin();
    int other = fcntl(ours, F_DUPFD_CLOEXEC, 0);
    cr_assert_eq(adopt(ours, ""), 0);
    cr_expect_eq(adopt(other, ""), -ENOSPC);
    cr_expect_eq(totals().subscribers_refused_channel, 1);
    cr_expect_eq(subscribers(), 1);
    close(other);
}

TEST(an_address_has_as_many_as_it_may)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int clients[2], fds[2];
    options.subscribers_per_address = 1;
    begin();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(listener, 2), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    for (unsigned i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(connect(clients[i], (struct sockaddr *)&at, len), 0);
        fds[i] = accept(listener, NULL, NULL);
    }
    cr_expect_eq(adopt(fds[0], ""), 0);
    cr_expect_eq(adopt(fds[1], ""), -ENOSPC);
    cr_expect_eq(totals().subscribers_refused_address, 1);
    struct address other = {.family = ADDRESS_V4, .bytes = {192, 0, 2, 1}};
    struct text channel = TEXT("news");
    struct adoption adoption = {.channels = &channel, .channel_count = 1, .peer = &other};
    cr_expect_eq(adopt_socket(&state, fds[1], &adoption, NULL, NULL), 0, "another one's");
    cr_expect_eq(subscribers(), 2);
    for (unsigned i = 0; i < 2; i++)
        close(clients[i]);
    close(listener);
    close(ours);
}

TEST(there_is_no_memory)
{
    static char bytes[256 << 10];
    struct event event = {.channel = TEXT("other"), .data = {bytes, sizeof(bytes)}, .retry_ms = -1};
    struct frame *frame;
    uint64_t first;
    begin_with(128 << 10);
    memset(bytes, 'x', sizeof(bytes));
    cr_assert_eq(hub_frame(hub, &event, &frame), 0);
    cr_assert_eq(hub_publish(hub, &frame, 1, &first), 0);
    cr_expect_eq(adopt(ours, ""), -ENOBUFS);
    cr_expect_eq(totals().subscribers_refused_memory, 1);
    expect_untouched();
}

TEST(the_hub_is_closed)
{
    begin();
    hub_close(hub);
    cr_expect_eq(adopt(ours, ""), -ESHUTDOWN);
    expect_untouched();
}

static unsigned left;

static void leave(struct seat *seat, const struct seat_end *end)
{
    (void)seat, (void)end;
    left++;
}

TEST(the_callers_seat_is_the_streams_once_it_is_taken)
{
    struct seat seat = {.leave = leave};
    struct text channel = TEXT("room");
    struct adoption adoption = {.channels = &channel, .channel_count = 1, .seat = &seat};
    options.channel[options.channel_count++] = "room presence subscribers-max=1";
    begin();
    int other = fcntl(ours, F_DUPFD_CLOEXEC, 0);
    adoption.channel_count = 0;
    cr_expect_eq(adopt_socket(&state, ours, &adoption, NULL, NULL), ADOPT_NO_CHANNEL);
    adoption.channel_count = 1;
    left = 0;
    cr_assert_eq(adopt_socket(&state, ours, &adoption, NULL, NULL), 0);
    struct seat second = {.leave = leave};
    adoption.seat = &second;
    cr_expect_eq(adopt_socket(&state, other, &adoption, NULL, NULL), -ENOSPC);
    cr_expect_eq(subscribers(), 1);
    cr_expect_eq(left, 0, "the second is still ours");
    close(other);
    close(theirs);
    theirs = -1;
    cr_expect_eq(subscribers(), 0);
    cr_expect_eq(left, 1);
}
