/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: feed text. However the input is cut, the same events and refusals come out, and they
 * are those that a plain reading of the grammar gives. What becomes a frame reads back.
 */
#include "tests/fuzz/feed_rules.h"
#include "tests/fuzz/rules.h"
#include "tests/fuzz/stream.h"
#include "tests/fuzz/target.h"

#include "net/feed/event_text.h"
#include "net/handover.h"

/* How the input reaches the parser. */
enum cuts { CUTS_NONE, CUTS_ALL, CUTS_RANDOM };

struct run {
    size_t data_max;
    bool feed;
    enum cuts cuts;
    struct chance chance;
};

/* --- what came out ------------------------------------------------------------------------- */

static void record_item(struct record *record, const struct event_text *parser,
                        enum event_text_result result)
{
    record_number(record, (uint64_t)result);
    record_text(record, parser->ack);
    if (result == EVENT_TEXT_REFUSED) {
        record_number(record, (uint64_t)parser->fault);
        record_text(record, text_of(parser->error));
        if (parser->adopts)
            record_text(record, parser->adoption);
        return;
    }
    if (result == EVENT_TEXT_ADOPTION) {
        record_text(record, parser->adoption);
        return;
    }
    record_text(record, parser->event.channel);
    record_text(record, parser->event.type);
    record_text(record, parser->event.id);
    record_text(record, parser->event.data);
    record_number(record, (uint64_t)parser->event.retry_ms);
    record_number(record, parser->wait_no);
}

/* What a hand-over's lines say: all are of names that there are, and no text reaches further than
 * its line. Of one that was refused they are read as well, for how its client is answered. */
static void check_handover(struct text lines, bool refused)
{
    struct handover handover;
    handover_init(&handover);
    handover_read(&handover, lines);
    CHECK(handover.channel_count > 0 || refused);
    for (unsigned i = 0; i < handover.channel_count; i++)
        CHECK(!memchr(handover.channels[i].at, '\n', handover.channels[i].len + 1) ||
              handover.channels[i].at[handover.channels[i].len] == '\n');
    CHECK(handover.head_len <= ADOPT_HEAD_BYTES_MAX && handover.first_len <= FIRST_BYTES_MAX);
    CHECK(!handover.head || memcmp(handover.head + handover.head_len - 2, "\r\n", 2) == 0);
    handover_deinit(&handover);
}

static void check_item(const struct feed_list *wanted, size_t number,
                       const struct event_text *parser, enum event_text_result result)
{
    CHECK(number < wanted->count);
    const struct feed_item *item = &wanted->items[number];
    CHECK((result == EVENT_TEXT_REFUSED) == (item->fault != EVENT_TEXT_OK));
    CHECK(text_equals(parser->ack, item->ack));
    if (result == EVENT_TEXT_REFUSED) {
        CHECK(item->fault == EVENT_TEXT_CUT || parser->fault == item->fault);
        CHECK(parser->error && parser->error[0]);
        if (parser->adopts)
            check_handover(parser->adoption, true);
        return;
    }
    CHECK((result == EVENT_TEXT_ADOPTION) == item->adopts && parser->adopts == item->adopts);
    if (item->adopts) {
        CHECK(text_equals(parser->adoption, item->adoption));
        check_handover(parser->adoption, false);
        return;
    }
    CHECK(text_equals(parser->event.channel, item->event.channel));
    CHECK(text_equals(parser->event.type, item->event.type));
    CHECK(text_equals(parser->event.id, item->event.id));
    CHECK(text_equals(parser->event.data, item->event.data));
    CHECK(parser->event.without_data == item->event.without_data);
    CHECK(parser->event.ends == item->event.ends);
    CHECK(parser->event.all == item->event.all);
    CHECK(text_equals(parser->event.key, item->event.key));
    CHECK(parser->event.retry_ms == item->event.retry_ms);
    CHECK(parser->wait_no == item->wait_no);
    CHECK(parser->counts == item->counts);
}

static void check_frame(const struct event *event)
{
    struct frame *frame = NULL;
    int r = frame_new(event, 1, &frame);
    CHECK((r == FRAME_OK) == rules_is_event(event));
    if (r == FRAME_OK)
        stream_check_frame(frame, event);
    frame_unref(frame);
}

/* --- one way through ----------------------------------------------------------------------- */

static size_t piece_of(struct run *run, size_t left)
{
    size_t most = run->cuts == CUTS_ALL ? 1 : run->cuts == CUTS_NONE ? left : 0;
    if (run->cuts == CUTS_RANDOM)
        most = 1 + chance_below(&run->chance, chance_below(&run->chance, 4) ? 12 : 400);
    return most < left ? most : left;
}

static void drive(struct run run, struct text input, const struct feed_list *wanted,
                  struct record *record)
{
    struct event_text parser;
    event_text_init(&parser, run.data_max, run.feed);
    size_t number = 0;
    enum event_text_result result = EVENT_TEXT_MORE;
    while (input.len > 0) {
        /* A copy of its own, so that what the parser keeps of it too long is freed memory. */
        size_t len = piece_of(&run, input.len), at = 0;
        char *piece = malloc(len);
        CHECK(piece);
        memcpy(piece, input.at, len);
        do {
            size_t consumed;
            result = event_text_read(&parser, piece + at, len - at, &consumed);
            CHECK(consumed <= len - at && (consumed > 0 || result == EVENT_TEXT_MORE));
            CHECK(result != EVENT_TEXT_MORE || consumed == len - at);
            at += consumed;
            if (result == EVENT_TEXT_MORE)
                break;
            record_item(record, &parser, result);
            check_item(wanted, number++, &parser, result);
            if (result == EVENT_TEXT_EVENT && run.cuts == CUTS_NONE)
                check_frame(&parser.event);
        } while (at < len);
        free(piece);
        input = (struct text){input.at + len, input.len - len};
    }
    bool pending = event_text_pending(&parser);
    result = event_text_end(&parser);
    CHECK(pending == (result == EVENT_TEXT_REFUSED));
    if (pending) {
        record_item(record, &parser, result);
        check_item(wanted, number++, &parser, result);
    }
    CHECK(number == wanted->count);
    CHECK(event_text_end(&parser) == EVENT_TEXT_MORE);
    event_text_deinit(&parser);
}

static void compare(struct text input, size_t data_max, bool feed)
{
    struct run run = {.data_max = data_max, .feed = feed, .chance = chance_of(input)};
    struct feed_list wanted;
    struct record whole = {0}, cut = {0};
    feed_rules_read(input, data_max, feed, &wanted);
    drive(run, input, &wanted, &whole);
    for (run.cuts = CUTS_ALL; run.cuts <= CUTS_RANDOM; run.cuts++) {
        cut.len = 0;
        drive(run, input, &wanted, &cut);
        CHECK(text_equals(text_of_record(&whole), text_of_record(&cut)));
    }
    feed_rules_free(&wanted);
    free(whole.at);
    free(cut.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = text_of_input(bytes, len);
    compare(input, DATA_BYTES_DEFAULT, true);
    compare(input, 16, true);
    compare(input, len, false);
    return 0;
}
