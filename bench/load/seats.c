/* SPDX-License-Identifier: MIT */
/*
 * A child of the swarm: connects its seats, reads what comes, obeys the parent's orders.
 *
 * One thread, one epoll set, level-triggered. Slow seats are in no set: a tick reads a little of
 * each. See swarm.h for the whole.
 */
#include "bench/load/swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/marker.h"

#define LOOK_MS    20
#define READ_BYTES (256u << 10)
#define TICK_US    50000
#define SILENT_US  5000000 /* after the end of publishing; longer than any pause of a server's */

struct seat {
    int fd;            /* -1: closed */
    uint32_t sequence; /* the last one it had */
    uint64_t bytes;
    struct reader *reader; /* NULL: not sampled, and its head was read */
    bool sampled, slow, greeted;
};

static struct {
    struct swarm *swarm;
    struct tally *tally;
    struct seat *seats;
    uint32_t count, first_index;
    unsigned child;
    int epoll_fd;
    uint32_t connecting; /* connected, the response head is outstanding */
    uint64_t now_us, last_byte_us, tick_us;
    bool storming, settled;
    char *bytes; /* READ_BYTES */
} self;

/* --- what a sampled seat reads -------------------------------------------------------------- */

static struct round *round_now(void)
{
    struct tally *tally = self.tally;
    if (tally->round_count == 0 ||
        (self.now_us - self.last_byte_us > ROUND_QUIET_US && tally->round_count < ROUNDS_MAX))
        tally->rounds[tally->round_count++].begin_us = self.now_us;
    return &tally->rounds[tally->round_count - 1];
}

static void note_slot(uint32_t sequence, uint32_t latency_us)
{
    const struct swarm_options *options = &self.swarm->options;
    uint32_t index = sequence / options->stride;
    if (options->channels > 1 || sequence % options->stride || index >= SLOTS_MAX)
        return;
    struct slot *slot = &self.tally->slots[index];
    if (slot->count++ == 0 || latency_us < slot->first)
        slot->first = latency_us;
    if (latency_us > slot->last)
        slot->last = latency_us;
    slot->buckets[slot_bucket(latency_us)]++;
}

static void on_event(void *context, uint32_t sequence, uint32_t intended_us)
{
    struct seat *seat = context;
    struct tally *tally = self.tally;
    if (sequence == 0) {
        tally->gaps++;
        return;
    }
    if (sequence == seat->sequence)
        tally->duplicates++;
    else if (sequence < seat->sequence)
        tally->reordered++;
    else
        tally->missing += sequence - seat->sequence - 1;
    if (sequence > seat->sequence)
        seat->sequence = sequence;
    tally->events++;
    uint32_t latency_us = (uint32_t)self.now_us - intended_us;
    histogram_add(&tally->latency, latency_us);
    note_slot(sequence, latency_us);
    struct round *round = &tally->rounds[tally->round_count - 1];
    uint64_t whole_us = self.now_us - latency_us;
    if (!round->intended_us || whole_us < round->intended_us)
        round->intended_us = whole_us;
}

/* --- connecting ----------------------------------------------------------------------------- */

static void note_fault(const char *fault)
{
    if (!self.tally->fault[0])
        snprintf(self.tally->fault, sizeof(self.tally->fault), "%s", fault);
}

static void seat_close(struct seat *seat)
{
    close(seat->fd);
    seat->fd = -1;
    if (!seat->greeted)
        self.connecting--;
}

/* Each child has addresses of its own, one for 10,000 seats. */
static struct sockaddr_in source_address(uint32_t index)
{
    uint32_t host = 127u << 24 | (self.child + 1) << 16 | (index / 10000) << 8 | 1;
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
}

static int connect_from(uint32_t index)
{
    const struct swarm_options *options = &self.swarm->options;
    struct sockaddr_in from = source_address(index);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    inet_pton(AF_INET, options->host, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    int size = self.seats[index].slow ? 4096 : options->receive_buffer;
    if (size)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 &&
        connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int request_text(char *out, size_t size, const struct seat *seat, uint32_t channel)
{
    const struct swarm_options *options = &self.swarm->options;
    char name[64], target[512];
    if (options->channels > 1)
        snprintf(name, sizeof(name), "c%u", channel);
    else
        snprintf(name, sizeof(name), "%s", options->channel);
    const char *mark = strstr(options->target, "%c");
    int before = mark ? (int)(mark - options->target) : (int)strlen(options->target);
    snprintf(target, sizeof(target), "%.*s%s%s", before, options->target, mark ? name : "",
             mark ? mark + 2 : "");
    bool resumes = seat->reader->id_len > 0;
    return snprintf(out, size,
                    "GET %s HTTP/1.1\r\nHost: %s:%u\r\nAccept: text/event-stream\r\n%s%.*s%s\r\n",
                    target, options->host, options->port, resumes ? "Last-Event-ID: " : "",
                    resumes ? seat->reader->id_len : 0, seat->reader->id, resumes ? "\r\n" : "");
}

static void seat_connect(struct seat *seat)
{
    uint32_t index = (uint32_t)(seat - self.seats);
    if (!seat->reader)
        seat->reader = calloc(1, sizeof(*seat->reader));
    if (!seat->reader)
        abort();
    reader_init(seat->reader);
    seat->reader->skip = (uint8_t)self.swarm->options.skip;
    seat->greeted = false;
    char request[1024];
    uint32_t channel = self.swarm->seat_channels[self.first_index + index];
    int len = request_text(request, sizeof(request), seat, channel);
    seat->fd = connect_from(index);
    if (seat->fd < 0 || send(seat->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        note_fault(strerror(errno));
        if (seat->fd >= 0)
            close(seat->fd);
        seat->fd = -1;
        self.tally->refused++;
        return;
    }
    self.connecting++;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(self.epoll_fd, EPOLL_CTL_ADD, seat->fd, &event) < 0)
        abort();
}

/* --- reading -------------------------------------------------------------------------------- */

static void seat_greeted(struct seat *seat)
{
    seat->greeted = true;
    self.connecting--;
    if (self.storming)
        self.tally->storm_end_us = self.now_us;
    else
        self.tally->connect_end_us = self.now_us;
    atomic_fetch_add_explicit(&self.tally->connected, 1, memory_order_relaxed);
    if (seat->slow) /* read by the tick from now on */
        epoll_ctl(self.epoll_fd, EPOLL_CTL_DEL, seat->fd, NULL);
    if (!seat->sampled) {
        free(seat->reader);
        seat->reader = NULL;
    }
}

static void seat_lost(struct seat *seat)
{
    struct tally *tally = self.tally;
    if (!seat->greeted)
        tally->refused++;
    else if (seat->slow)
        tally->slow_closed++;
    else
        tally->closed++;
    if (seat->reader && seat->reader->fault) {
        note_fault(seat->reader->fault);
        tally->faulty++;
    }
    seat_close(seat);
}

static void count_bytes(struct seat *seat, size_t len)
{
    struct tally *tally = self.tally;
    seat->bytes += len;
    if (seat->slow) {
        tally->slow_bytes += len;
        return;
    }
    if (!seat->greeted)
        return;
    tally->bytes += len;
    if (seat->sampled)
        tally->sampled_bytes += len;
    if (!tally->begin_us)
        tally->begin_us = self.now_us;
    tally->end_us = self.now_us;
    struct round *round = round_now();
    round->end_us = self.now_us;
    round->bytes += len;
    self.last_byte_us = self.now_us;
}

/* One read; `most` bytes at most. */
static void seat_read(struct seat *seat, size_t most)
{
    bool drains = !seat->reader;
    ssize_t got = drains ? recv(seat->fd, NULL, most * 16, MSG_DONTWAIT | MSG_TRUNC)
                         : recv(seat->fd, self.bytes, most, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    self.now_us = clock_us();
    if (got <= 0) {
        seat_lost(seat);
        return;
    }
    count_bytes(seat, (size_t)got);
    if (drains)
        return;
    if (!self.tally->round_count)
        round_now();
    reader_take(seat->reader, self.bytes, (size_t)got, on_event, seat);
    if (!seat->greeted && seat->reader->state >= READER_BODY &&
        seat->reader->state != READER_FAILED)
        seat_greeted(seat);
    if (seat->fd >= 0 && seat->reader && seat->reader->state >= READER_ENDED)
        seat_lost(seat);
}

static void read_ready(int timeout_ms)
{
    struct epoll_event events[256];
    int count = epoll_wait(self.epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct seat *seat = &self.seats[events[i].data.u32];
        if (seat->fd >= 0)
            seat_read(seat, READ_BYTES);
    }
}

/* Slow seats take their rate, in small pieces. */
static void read_slow(void)
{
    const struct swarm_options *options = &self.swarm->options;
    self.now_us = clock_us();
    if (!options->slow_every || self.now_us - self.tick_us < TICK_US)
        return;
    uint64_t passed_us = self.tick_us ? self.now_us - self.tick_us : TICK_US;
    size_t bytes = (size_t)(options->slow_rate * passed_us / 1000000);
    self.tick_us = self.now_us;
    for (uint32_t i = 0; i < self.count && bytes; i++) {
        struct seat *seat = &self.seats[i];
        if (seat->slow && seat->greeted && seat->fd >= 0) {
            bool drains = !seat->reader;
            seat_read(seat, drains ? (bytes + 15) / 16 : bytes);
        }
    }
}

/* --- life ----------------------------------------------------------------------------------- */

static void connect_all(void)
{
    uint32_t next = 0;
    while (next < self.count || self.connecting) {
        while (next < self.count && self.connecting < self.swarm->options.window)
            seat_connect(&self.seats[next++]);
        read_ready(self.connecting ? LOOK_MS : 0);
        if (atomic_load_explicit(&self.swarm->order, memory_order_relaxed) == ORDER_QUIT)
            _exit(0);
    }
}

static void storm(void)
{
    self.storming = true;
    self.tally->storm_begin_us = clock_us();
    atomic_store_explicit(&self.tally->connected, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < self.count; i++)
        if (self.seats[i].fd >= 0)
            close(self.seats[i].fd);
    connect_all();
    atomic_store_explicit(&self.tally->stage, STAGE_READY, memory_order_release);
}

/* What the seats have, for the end and for the report. */
struct lengths {
    bool all;             /* every sampled seat has its channel's last event */
    bool differ;          /* sampled streams that are whole have different lengths */
    uint64_t most, least; /* bytes, of those that are only counted */
};

static struct lengths look_at_seats(void)
{
    struct lengths found = {.all = true, .least = UINT64_MAX};
    uint64_t whole = 0;
    for (uint32_t i = 0; i < self.count; i++) {
        const struct seat *seat = &self.seats[i];
        if (seat->slow || seat->fd < 0)
            continue;
        uint32_t final = self.swarm->finals[self.swarm->seat_channels[self.first_index + i]];
        if (seat->sampled && seat->sequence < final) {
            found.all = false;
        } else if (seat->sampled) {
            found.differ |= whole && whole != seat->bytes;
            whole = seat->bytes;
        } else {
            found.most = seat->bytes > found.most ? seat->bytes : found.most;
            found.least = seat->bytes < found.least ? seat->bytes : found.least;
        }
    }
    found.differ |= self.swarm->options.channels > 1;
    if (!found.differ && whole > found.most)
        found.most = whole;
    return found;
}

static void report_seats(const struct lengths *lengths)
{
    struct tally *tally = self.tally;
    tally->lengths_differ = lengths->differ;
    for (uint32_t i = 0; i < self.count; i++) {
        const struct seat *seat = &self.seats[i];
        uint32_t final = self.swarm->finals[self.swarm->seat_channels[self.first_index + i]];
        if (seat->sampled && seat->sequence < final)
            tally->missing += final - seat->sequence;
        if (!lengths->differ && !seat->sampled && !seat->slow && seat->fd >= 0 &&
            seat->bytes < lengths->most)
            tally->short_streams++;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    tally->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                    (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Everybody has everything and nothing comes any more; or it has been silent for so long that what
 * is missing will not come; or the time is over. */
static void settle(void)
{
    struct lengths lengths = look_at_seats();
    bool alike = lengths.differ || lengths.most <= lengths.least || lengths.least == UINT64_MAX;
    uint64_t now_us = clock_us(), silent_us = now_us - self.last_byte_us;
    if (!(lengths.all && alike && silent_us > 250000) && silent_us < SILENT_US &&
        now_us < self.swarm->finish_by_us)
        return;
    report_seats(&lengths);
    atomic_store_explicit(&self.tally->stage, STAGE_SETTLED, memory_order_release);
    self.settled = true;
}

/* Which seats are parsed whole: spread evenly over all of them. */
static bool is_sampled(uint32_t index)
{
    const struct swarm_options *options = &self.swarm->options;
    if (options->sample >= options->seats)
        return true;
    uint32_t step = options->sample ? options->seats / options->sample : UINT32_MAX;
    return index % step == step / 2;
}

static void take_seats(void)
{
    const struct swarm_options *options = &self.swarm->options;
    struct tally *tally = self.tally;
    for (uint32_t i = 0; i < self.count; i++) {
        struct seat *seat = &self.seats[i];
        uint32_t index = self.first_index + i;
        seat->fd = -1;
        seat->slow = options->slow_every && index % options->slow_every == 0;
        seat->sampled = !seat->slow && is_sampled(index);
        tally->sampled += seat->sampled;
        tally->slow += seat->slow;
    }
    tally->seats = self.count;
}

_Noreturn void seats_run(struct swarm *swarm, unsigned child, uint32_t first, uint32_t count)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    self.swarm = swarm;
    self.tally = &swarm->tallies[child];
    self.child = child;
    self.first_index = first;
    self.count = count;
    self.seats = calloc(count, sizeof(*self.seats));
    self.bytes = malloc(READ_BYTES);
    self.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!self.seats || !self.bytes || self.epoll_fd < 0)
        abort();
    take_seats();
    self.tally->connect_begin_us = clock_us();
    connect_all();
    /* What came so far were greetings. */
    self.tally->begin_us = self.tally->end_us = self.tally->round_count = 0;
    self.last_byte_us = clock_us();
    atomic_store_explicit(&self.tally->stage, STAGE_READY, memory_order_release);
    uint32_t obeyed = 0;
    int order = ORDER_RUN;
    for (;;) {
        if (self.settled) { /* the parent reads the tally: nothing more may come into it */
            poll(NULL, 0, LOOK_MS);
        } else {
            read_ready(LOOK_MS);
            read_slow();
        }
        /* Acquire: pairs with the release in `give`, behind which stand finals and finish_by_us. */
        uint32_t number = atomic_load_explicit(&swarm->order_number, memory_order_acquire);
        if (number != obeyed)
            order = atomic_load_explicit(&swarm->order, memory_order_relaxed);
        if (order == ORDER_QUIT)
            _exit(0);
        if (order == ORDER_STORM && number != obeyed)
            storm();
        if (order == ORDER_FINISH && !self.settled)
            settle();
        obeyed = number;
    }
}
