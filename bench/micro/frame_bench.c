/* SPDX-License-Identifier: MIT */
/*
 * Building frames as hub_frame does it: the channel's hash, frame_new with its checks and its one
 * allocation, and then frame_stamp. Frames stay alive for a batch, as they do in history, so that
 * an allocation does not just get back what was freed a moment ago; freeing is not timed.
 */
#include "bench/micro/benches.h"
#include "engine/base/clock.h"
#include "engine/frame.h"
#include "engine/base/hash.h"
#include "engine/io/io.h"

#define DATA_BYTES_LARGEST (16u << 10)
/* The frames of one batch fit a core's own cache, up to 1,024 of them. */
#define BATCH_BYTES  (1u << 20)
#define BATCH_FRAMES 1024u
#define BATCHES      64u

static char data[DATA_BYTES_LARGEST];

static int64_t build_ns(struct frame **frames, unsigned count, uint32_t data_bytes)
{
    static const struct hash_key key;
    struct event event = {.channel = TEXT("bench"), .data = {data, data_bytes}, .retry_ms = -1};
    struct ids ids;
    ids_init(&ids, 0xabcdef, NULL);
    int64_t begin_ns = clock_ns();
    for (unsigned i = 0; i < count; i++) {
        int r = frame_new(&event, hash_text(&key, event.channel), &frames[i]);
        CHECK(r == 0);
        frame_stamp(frames[i], &ids, i + 1);
    }
    return clock_ns() - begin_ns;
}

static double frame_ns(uint32_t data_bytes)
{
    static struct frame *frames[BATCH_FRAMES];
    unsigned count =
        BATCH_BYTES / data_bytes < BATCH_FRAMES ? BATCH_BYTES / data_bytes : BATCH_FRAMES;
    int64_t all_ns = 0;
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        all_ns += build_ns(frames, count, data_bytes);
        for (unsigned i = 0; i < count; i++)
            frames[i] = frame_unref(frames[i]);
    }
    return (double)all_ns / count / BATCHES;
}

void bench_frame(struct report *report)
{
    static const uint32_t sizes[] = {16, 128, 1024, DATA_BYTES_LARGEST};
    memset(data, 'x', sizeof(data));
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct samples frame = {0}, byte = {0};
        frame_ns(sizes[i]);
        for (unsigned repeat = 0; repeat < report->repeats; repeat++) {
            double ns = frame_ns(sizes[i]);
            samples_add(&frame, ns);
            samples_add(&byte, ns / sizes[i]);
        }
        report_add(report, &frame, &(struct result){.unit = "ns per frame"}, "frame.%u.frame",
                   sizes[i]);
        report_add(report, &byte, &(struct result){.unit = "ns per byte of data"}, "frame.%u.byte",
                   sizes[i]);
    }
}
