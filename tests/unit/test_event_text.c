/* SPDX-License-Identifier: MIT */
/*
 * The event-stream parser. Every input is read whole, byte by byte and cut at every place, always
 * right before an unmapped page, and must give the same results in the same order each time.
 *
 * Length: lists of inputs, which are best read in one place.
 */
#include "net/feed/event_text.h"

#include <criterion/criterion.h>

#include "tests/unit/guard.h"

#define DATA_MAX 64

/* What a stream gave, one line per result, to be compared as text. */
struct script {
    char *at;
    size_t len;
    size_t capacity;
};

static void write_bytes(struct script *script, const char *bytes, size_t len)
{
    if (script->len + len + 1 > script->capacity) {
        script->capacity = 2 * (script->len + len + 1);
        script->at = realloc(script->at, script->capacity);
        cr_assert(script->at);
    }
    memcpy(script->at + script->len, bytes, len);
    script->len += len;
    script->at[script->len] = 0;
}

/* " name=value", with line ends and NUL made visible. */
static void write_text(struct script *script, const char *name, struct text text)
{
    write_bytes(script, " ", 1);
    write_bytes(script, name, strlen(name));
    write_bytes(script, "=", 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\n')
            write_bytes(script, "|", 1);
        else
            write_bytes(script, text.at[i] ? text.at + i : "@", 1);
    }
}

static void write_result(struct script *script, const struct event_text *parser,
                         enum event_text_result result)
{
    const struct event *event = &parser->event;
    if (result == EVENT_TEXT_REFUSED) {
        write_bytes(script, "refused", 7);
        write_text(script, "error", text_of(parser->error));
        cr_assert(parser->fault != EVENT_TEXT_OK);
        struct text lines = parser->adoption;
        cr_assert(lines.len == 0 || lines.at[lines.len - 1] == '\n', "half a line is left");
    } else if (result == EVENT_TEXT_ADOPTION) {
        write_bytes(script, "adoption", 8);
        write_text(script, "lines", parser->adoption);
    } else {
        cr_assert(parser->fault == EVENT_TEXT_OK && !parser->error);
        write_bytes(script, "event", 5);
        if (event->channel.len)
            write_text(script, "channel", event->channel);
        if (event->type.len)
            write_text(script, "type", event->type);
        if (event->id.len)
            write_text(script, "id", event->id);
        if (!event->without_data)
            write_text(script, "data", event->data);
        if (event->retry_ms >= 0) {
            char retry[32];
            snprintf(retry, sizeof(retry), "%lld", (long long)event->retry_ms);
            write_text(script, "retry", text_of(retry));
        }
        if (event->key.len)
            write_text(script, "key", event->key);
        if (event->ends)
            write_bytes(script, " end", 4);
        if (event->all)
            write_bytes(script, " all", 4);
        if (parser->wait_no)
            write_bytes(script, " wait=no", 8);
    }
    if (parser->ack.len)
        write_text(script, "ack", parser->ack);
    write_bytes(script, "\n", 1);
}

/* Reads one piece of a stream, each call from bytes that end at an unmapped page and then vanish.
 */
static void read_piece(struct event_text *parser, struct script *script, struct text piece)
{
    struct text bytes = guard_new(piece);
    size_t at = 0;
    for (;;) {
        size_t consumed = 0;
        enum event_text_result result =
            event_text_read(parser, bytes.at + at, bytes.len - at, &consumed);
        at += consumed;
        if (result == EVENT_TEXT_MORE)
            break;
        cr_assert(consumed > 0);
        write_result(script, parser, result);
    }
    cr_assert(at == bytes.len, "not all was taken");
    guard_free(bytes);
}

static void read_end(struct event_text *parser, struct script *script)
{
    bool pending = event_text_pending(parser);
    enum event_text_result result = event_text_end(parser);
    cr_assert(pending == (result == EVENT_TEXT_REFUSED));
    if (result != EVENT_TEXT_MORE)
        write_result(script, parser, result);
    cr_assert(event_text_end(parser) == EVENT_TEXT_MORE, "told twice");
}

/* Reads `input` in pieces of `first`, then `size` bytes each, and compares. */
static void check_cut(struct text input, size_t first, size_t size, bool feed, const char *want)
{
    struct event_text parser;
    struct script script = {0};
    write_bytes(&script, "", 0);
    event_text_init(&parser, DATA_MAX, feed);
    for (size_t at = 0; at < input.len;) {
        size_t len = at == 0 && first ? first : size;
        if (len > input.len - at)
            len = input.len - at;
        read_piece(&parser, &script, (struct text){input.at + at, len});
        at += len;
    }
    read_end(&parser, &script);
    cr_assert(parser.data_capacity <= DATA_MAX, "more memory than the limit");
    cr_assert_str_eq(script.at, want, "cut at %zu, then every %zu bytes:\n%.*s\ngave\n%s", first,
                     size, (int)input.len, input.at, script.at);
    event_text_deinit(&parser);
    free(script.at);
}

static void check_text(struct text input, bool feed, const char *want)
{
    check_cut(input, 0, input.len, feed, want);
    for (size_t first = 1; first < input.len; first++)
        check_cut(input, first, input.len, feed, want);
    for (size_t size = 1; size <= 9; size++)
        check_cut(input, 0, size, feed, want);
}

#define CHECK_FEED(input, want) check_text(TEXT(input), true, want)
#define CHECK_BODY(input, want) check_text(TEXT(input), false, want)

#define LATER      "channel: c\ndata: later\nack: L\n\n"
#define LATER_WANT "event channel=c data=later ack=L\n"

/* A refused event, with and without an ack, before or after the fault; what follows is read. */
static void check_refused(const char *block, const char *error)
{
    char input[4096], want[512];
    snprintf(input, sizeof(input), "%s\n" LATER, block);
    snprintf(want, sizeof(want), "refused error=%s\n" LATER_WANT, error);
    check_text(text_of(input), true, want);
    snprintf(input, sizeof(input), "ack: 17\n%s\n" LATER, block);
    snprintf(want, sizeof(want), "refused error=%s ack=17\n" LATER_WANT, error);
    check_text(text_of(input), true, want);
    snprintf(input, sizeof(input), "%sack: 17\n\n" LATER, block);
    check_text(text_of(input), true, want);
}

static char *repeat(char byte, size_t count)
{
    static char text[8][2048];
    static unsigned turn;
    char *at = text[turn++ % 8];
    memset(at, byte, count);
    at[count] = 0;
    return at;
}

Test(event_text, one_event)
{
    CHECK_FEED("channel: news\nevent: headline\ndata: first line\ndata: second line\nack: 17\n\n",
               "event channel=news type=headline data=first line|second line ack=17\n");
    CHECK_FEED("channel:c\nid:7\nretry:0\nwait:no\ndata:x\n\n",
               "event channel=c id=7 data=x retry=0 wait=no\n");
    CHECK_FEED("data: d\nchannel: c\n\n", "event channel=c data=d\n");
}

Test(event_text, hand_overs)
{
    CHECK_FEED("adopt: a\nhead: sent\nadopt: b\nack: 1\n\n" LATER,
               "adoption lines=adopt: a|head: sent|adopt: b| ack=1\n" LATER_WANT);
    CHECK_FEED("last-event-id: x\r\nlimit:1\r\nadopt\r\n\r\n",
               "adoption lines=last-event-id: x|limit:1|adopt|\n");
    /* Without `adopt` they are fields that nobody knows, and of no other block. */
    CHECK_FEED("limit: 1\nhead: sent\n\nlast: 2\nchannel: c\ndata: d\n\nadopt: e\n\n",
               "event channel=c data=d\nadoption lines=adopt: e|\n");
    CHECK_BODY("adopt: a\nlimit: 1\n\nadopt: b\ndata: d\n\n", "event data=d\n");
    CHECK_FEED("adopter: a\nheaders: b\n\n", "");
    const char *both = "a block with adopt is a hand-over, and has no field of an event but ack";
    check_refused("adopt: a\ndata: d\n", both);
    check_refused("wait: no\nadopt: a\n", both);
}

Test(event_text, hand_overs_cut)
{
    const char *cut = "refused error=the input ended before the event's blank line\n";
    CHECK_FEED("adopt: aaaaaaaaaaaaaa", cut);
    CHECK_FEED("adopt: a\nlast-event-id: 0123456789", cut);
    CHECK_FEED("adopt: a\nfirst: short", cut);
}

/* Of one that is too long the lines in front of the one that did not fit are left. */
Test(event_text, hand_overs_too_long)
{
    static char text[ADOPTION_BYTES_MAX + 100];
    const size_t pieces[] = {sizeof(text), 4096, 1};
    memset(text, 'x', sizeof(text));
    memcpy(text, "adopt: a\nfirst: ", 16);
    memcpy(text + sizeof(text) - 12, "\nhead: sent\n", 12);
    for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct event_text parser;
        size_t consumed, len;
        event_text_init(&parser, DATA_MAX, true);
        for (size_t at = 0; at < sizeof(text); at += len) {
            len = sizeof(text) - at < pieces[i] ? sizeof(text) - at : pieces[i];
            cr_assert(event_text_read(&parser, text + at, len, &consumed) == EVENT_TEXT_MORE);
        }
        cr_assert(event_text_read(&parser, "\n", 1, &consumed) == EVENT_TEXT_REFUSED);
        cr_expect_str_eq(parser.error, "the hand-over is longer than 131072 bytes");
        cr_expect(text_equals(parser.adoption, TEXT("adopt: a\n")), "%zu", pieces[i]);
        event_text_deinit(&parser);
    }
}

/* Where blocks begin: right behind the blank line before them, whatever it ends with. */
Test(event_text, blocks_have_places)
{
    static const char text[] = "channel: c\ndata: d\n\n: x\r\n\r\n\radopt: a\n\n";
    struct event_text parser;
    for (size_t size = 1; size < sizeof(text); size++) {
        uint64_t begin = 0, end = 0;
        event_text_init(&parser, DATA_MAX, true);
        for (size_t at = 0; at < sizeof(text) - 1; at += size) {
            size_t left = sizeof(text) - 1 - at, done = 0, len = left < size ? left : size;
            while (done < len) {
                size_t consumed;
                if (event_text_read(&parser, text + at + done, len - done, &consumed)) {
                    begin = parser.begin;
                    end = parser.end;
                }
                done += consumed;
            }
        }
        cr_expect_eq(begin, (size_t)(strstr(text, "adopt") - text), "%zu", size);
        cr_expect_eq(end, sizeof(text) - 1);
        event_text_deinit(&parser);
    }
}

Test(event_text, line_ends)
{
    const char *want = "event channel=a data=1|2\nevent channel=b data=3\n";
    CHECK_FEED("channel: a\ndata: 1\ndata: 2\n\nchannel: b\ndata: 3\n\n", want);
    CHECK_FEED("channel: a\rdata: 1\rdata: 2\r\rchannel: b\rdata: 3\r\r", want);
    CHECK_FEED("channel: a\r\ndata: 1\r\ndata: 2\r\n\r\nchannel: b\r\ndata: 3\r\n\r\n", want);
    CHECK_FEED("channel: a\rdata: 1\ndata: 2\r\n\rchannel: b\r\ndata: 3\r\n\n", want);
    CHECK_FEED("channel: a\ndata: 1\ndata: 2\n\r\nchannel: b\ndata: 3\n\r", want);
    /* LF CR is two line ends. */
    CHECK_FEED("channel: a\n\rdata: 1\n\r", "refused error=the event has no data\n"
                                            "refused error=the event has no channel\n");
}

Test(event_text, values)
{
    CHECK_FEED("channel: c\ndata:  two spaces\n\n", "event channel=c data= two spaces\n");
    CHECK_FEED("channel: c\ndata:\ttab\n\n", "event channel=c data=\ttab\n");
    CHECK_FEED("channel: c\ndata: a:b: c \n\n", "event channel=c data=a:b: c \n");
    CHECK_FEED("channel: c\ndata:::\n\n", "event channel=c data=::\n");
    CHECK_FEED("channel: c\ndata\n\n", "event channel=c data=\n");
    CHECK_FEED("channel: c\ndata:\n\n", "event channel=c data=\n");
    CHECK_FEED("channel: c\ndata: \n\n", "event channel=c data=\n");
    CHECK_FEED("channel: c\ndata\ndata\n\n", "event channel=c data=|\n");
    CHECK_FEED("channel: c\ndata:\ndata: x\ndata\n\n", "event channel=c data=|x|\n");
    CHECK_FEED("channel: c\ndata: x\nevent\nid:\n\n", "event channel=c data=x\n");
    /* The last of a repeated field counts, an empty one too. */
    CHECK_FEED("channel: c\ndata: x\nevent: a\nevent: b\nid: 1\nid: 2\nack: p\nack: q\nretry: 1\n"
               "retry: 2\n\n",
               "event channel=c type=b id=2 data=x retry=2 ack=q\n");
    CHECK_FEED("channel: c\ndata: x\nevent: a\nevent\n\n", "event channel=c data=x\n");
    CHECK_FEED("channel: c\0d\ndata: x\0y\nevent: \0\n\n",
               "event channel=c@d type=@ data=x@y\n"); /* refused by frame_new */
}

Test(event_text, ignored)
{
    CHECK_FEED("", "");
    CHECK_FEED("\n\n\r\n\r\r", "");
    CHECK_FEED(": comment\n\n:\n\n", "");
    CHECK_FEED("unknown: 1\nData: x\n data: x\ndata : x\ndatas: x\ndat: x\ndatachannel\n\n", "");
    CHECK_FEED("channel\0: x\n\0\n\n", "");
    CHECK_FEED("\n: hi\n\nchannel: c\n:data: no\nfoo: bar\ndata: x\ndata2: y\n\n\n\n",
               "event channel=c data=x\n");
    CHECK_FEED(": cut comment", "");
    CHECK_FEED("unknown: cut", "");
    CHECK_FEED("averylongname", "");
}

Test(event_text, byte_order_mark)
{
    CHECK_FEED("\xef\xbb\xbf" LATER, LATER_WANT);
    CHECK_FEED("\xef\xbb\xbf", "");
    CHECK_FEED("\xef\xbb\xbf\xef\xbb\xbf" LATER, "refused error=the event has no channel ack=L\n");
    CHECK_FEED("\xef\xbb" LATER, "refused error=the event has no channel ack=L\n");
    CHECK_FEED("\xef" LATER, "refused error=the event has no channel ack=L\n");
    CHECK_FEED("\xef\n" LATER, LATER_WANT);
    CHECK_FEED("\n\xef\xbb\xbf" LATER, "refused error=the event has no channel ack=L\n");
    CHECK_FEED(LATER "\xef\xbb\xbf" LATER,
               LATER_WANT "refused error=the event has no channel ack=L\n");
}

Test(event_text, nothing_persists)
{
    CHECK_FEED("channel: a\nevent: t\nid: i\nretry: 5\nwait: no\nack: k\ndata: 1\n\n"
               "channel: b\ndata: 2\n\ndata: 3\n\n",
               "event channel=a type=t id=i data=1 retry=5 wait=no ack=k\n"
               "event channel=b data=2\nrefused error=the event has no channel\n");
}

Test(event_text, channel_of_the_url)
{
    CHECK_BODY("data: 1\n\nchannel: c\ndata: 2\n\n", "event data=1\nevent channel=c data=2\n");
    CHECK_BODY("channel:\ndata: 1\n\n", "refused error=the channel name is empty\n");
}

/* Bodies: what a browser would dispatch nothing for is skipped, with all its faults. */
Test(event_text, blocks_without_data)
{
    CHECK_BODY("event: x\n\n", "");
    CHECK_BODY("retry: 10\nid: 5\n\n: hi\n\nevent: x\n\ndata: hello\n\n", "event data=hello\n");
    CHECK_BODY("channel:\nack:\nwait: x\n\ndata: 1\n\nid: 6\n\n", "event data=1\n");
    CHECK_BODY("id: 5\nretry: 1\nchannel: c\n\ndata: 1\n\n", "event data=1\n");
    CHECK_BODY("retry: soon\ndata: 1\n\nretry:\ndata: 2\n\nretry: -1\ndata: 3\n\n",
               "event data=1\nevent data=2\nevent data=3\n");
    char block[1024];
    snprintf(block, sizeof(block), "data: 1\nretry: %s\n\n", repeat('9', 300));
    check_text(text_of(block), false, "event data=1\n");
    /* But for a retry that stands alone. */
    CHECK_BODY("retry: 10\n\nretry: 1\nchannel: c\nack: 1\n\ndata: 1\n\n",
               "event retry=10\nevent channel=c retry=1 ack=1\nevent data=1\n");
    CHECK_BODY("retry: soon\n\nretry: 1\nevent: x\n\nretry: 1\nid:\n\n", "");
    /* A fault does not make the data disappear. */
    CHECK_BODY("wait: yes\ndata: a long line of data\n\ndata: 2\n\n",
               "refused error=wait has a value other than no\nevent data=2\n");
    CHECK_BODY("data: 1\n\nid: 5\n",
               "event data=1\nrefused error=the input ended before the event's blank line\n");
}

Test(event_text, ends)
{
    CHECK_FEED("channel: c\nend: 1\n\nchannel: c\nend:1\ndata: x\nid: 7\nack: k\n\n",
               "event channel=c end\nevent channel=c id=7 data=x end ack=k\n");
    CHECK_BODY("end: 1\n\nend: 1\nretry: 3\n\nend: 1\nevent: e\n\n",
               "event end\nevent retry=3 end\n");
}

Test(event_text, to_all)
{
    CHECK_FEED("all: 1\ndata: x\nack: k\n\nall:1\nretry: 5\n\nchannel: c\ndata: y\n\n",
               "event data=x all ack=k\nevent retry=5 all\nevent channel=c data=y\n");
    CHECK_BODY("all: 1\n\nall: 1\ndata: x\n\n", "event data=x all\n");
    check_refused("all: 1\nchannel: c\ndata: x\n", "an event to all names no channel");
    check_refused("channel: c\ndata: x\nall: 1\n", "an event to all names no channel");
    check_refused("all: 0\ndata: x\n", "all has a value other than 1");
    check_refused("all\ndata: x\n", "all has a value other than 1");
    check_refused("all: 1\n", "the event has no data");
}

Test(event_text, keys)
{
    CHECK_FEED("channel: c\nkey: k 1\ndata: x\n\nchannel: c\nkey:\ndata: y\n\n",
               "event channel=c data=x key=k 1\nevent channel=c data=y\n");
    char block[1024];
    snprintf(block, sizeof(block), "channel: c\nkey: %s\ndata: x\n", repeat('k', 129));
    check_refused(block, "the key is longer than 128 bytes");
}

Test(event_text, refusals)
{
    const char *retry = "retry is not a number of milliseconds, 0 or more";
    const char *wait = "wait has a value other than no";
    check_refused("data: x\n", "the event has no channel");
    check_refused("channel: c\n", "the event has no data");
    check_refused("channel: c\nevent: x\nid: 7\n", "the event has no data");
    check_refused("retry: 5\n", "the event has no channel");
    check_refused("channel: c\ncount: 2\ndata: x\n", "count has a value other than 1");
    CHECK_BODY("count: many\ndata: 2\n\n", "event data=2\n");
    check_refused("channel: c\nend: 0\ndata: x\n", "end has a value other than 1");
    check_refused("channel: c\nend\n", "end has a value other than 1");
    check_refused("channel: c\nend: 1\nid: 7\n", "the event has no data");
    check_refused("channel: c\nretry: 5\nid: 7\n", "the event has no data");
    check_refused("channel: c\nretry: 5\nevent: e\n", "the event has no data");
    check_refused("channel:\ndata: x\n", "the channel name is empty");
    check_refused("channel\ndata: x\n", "the channel name is empty");
    check_refused("channel: c\nchannel: c\ndata: x\n", "the event has more than one channel");
    check_refused("channel: c\ndata: x\nchannel: d\n", "the event has more than one channel");
    check_refused("channel: c\nretry: 1s\ndata: x\n", retry);
    check_refused("channel: c\nretry: -1\ndata: x\n", retry);
    check_refused("channel: c\nretry:\ndata: x\n", retry);
    check_refused("channel: c\nretry: 1 \ndata: x\n", retry);
    check_refused("channel: c\nretry: 99999999999999999999999999x\ndata: x\n", retry);
    check_refused("channel: c\nwait: yes\ndata: x\n", wait);
    check_refused("channel: c\nwait\ndata: x\n", wait);
    check_refused("channel: c\nwait: no \ndata: x\n", wait);
    /* The first fault is the one that is told. */
    check_refused("channel: c\nwait: yes\nretry: x\n", wait);
}

Test(event_text, bad_ack)
{
    const char *error = "refused error=the ack is not 1 to 64 bytes of UTF-8 without control "
                        "characters\n" LATER_WANT;
    CHECK_FEED("channel: c\nack:\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\nack: a\tb\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\nack: a\0b\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\nack: \x7f\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\nack: \xc2\x85\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\nack: \xff\ndata: x\n\n" LATER, error);
    CHECK_FEED("channel: c\ndata: x\nack: \xc3\xa4\n\n", "event channel=c data=x ack=\xc3\xa4\n");
}

/* One field at its limit, then one byte more. `name` with its colon and space. */
static void check_limit(const char *name, size_t max, const char *shown, const char *error)
{
    char input[2048], want[4096];
    const char *channel = strcmp(shown, "channel") == 0 ? "" : "channel: c\n";
    const char *channel_want = *channel ? " channel=c" : "";
    const char *value = repeat('v', max);
    snprintf(input, sizeof(input), "%s%s%s\ndata: x\n\n", channel, name, value);
    if (strcmp(shown, "ack") == 0)
        snprintf(want, sizeof(want), "event%s data=x ack=%s\n", channel_want, value);
    else
        snprintf(want, sizeof(want), "event%s %s=%s data=x\n", channel_want, shown, value);
    check_text(text_of(input), true, want);
    for (size_t more = 1; more < 600; more = more * 2 + 1) {
        snprintf(input, sizeof(input), "%s%s%s\n", channel, name, repeat('v', max + more));
        snprintf(want, sizeof(want), "%sdata: x\n\n" LATER, input);
        char refused[512];
        snprintf(refused, sizeof(refused), "refused error=%s\n" LATER_WANT, error);
        check_cut(text_of(want), 0, strlen(want), true, refused);
        for (size_t size = 1; size < 400; size = size * 3 / 2 + 1)
            check_cut(text_of(want), 0, size, true, refused);
        for (size_t first = 1; first < strlen(want); first++)
            check_cut(text_of(want), first, 4096, true, refused);
    }
}

Test(event_text, field_limits)
{
    const char *ack = "the ack is not 1 to 64 bytes of UTF-8 without control characters";
    check_limit("channel: ", CHANNEL_BYTES_MAX, "channel", frame_fault_text(FRAME_CHANNEL_LONG));
    check_limit("channel:", CHANNEL_BYTES_MAX, "channel", frame_fault_text(FRAME_CHANNEL_LONG));
    check_limit("event: ", EVENT_TYPE_BYTES_MAX, "type", frame_fault_text(FRAME_TYPE_LONG));
    check_limit("event:", EVENT_TYPE_BYTES_MAX, "type", frame_fault_text(FRAME_TYPE_LONG));
    check_limit("id: ", EVENT_ID_BYTES_MAX, "id", frame_fault_text(FRAME_ID_LONG));
    check_limit("ack: ", ACK_BYTES_MAX, "ack", ack);
}

Test(event_text, retry_limits)
{
    CHECK_FEED("channel: c\ndata: x\nretry: 3600000\n\n", "event channel=c data=x retry=3600000\n");
    CHECK_FEED("channel: c\ndata: x\nretry: 3600001\n\n", "event channel=c data=x retry=3600000\n");
    CHECK_FEED("channel: c\ndata: x\nretry: 99999999999999999999999999\n\n",
               "event channel=c data=x retry=3600000\n");
    CHECK_FEED("channel: c\ndata: x\nretry: 000000000000000000000000000000000007\n\n",
               "event channel=c data=x retry=7\n");
    char block[4096];
    snprintf(block, sizeof(block), "channel: c\ndata: x\nretry: %s\n", repeat('0', 300));
    check_refused(block, frame_fault_text(FRAME_RETRY_RANGE));
}

Test(event_text, data_limits)
{
    char input[4096], want[4096];
    /* One line, then lines: the joined length counts, line ends included. */
    snprintf(input, sizeof(input), "channel: c\ndata: %s\n\n", repeat('x', DATA_MAX));
    snprintf(want, sizeof(want), "event channel=c data=%s\n", repeat('x', DATA_MAX));
    check_text(text_of(input), true, want);
    snprintf(input, sizeof(input), "channel: c\ndata: %s\ndata: %s\n\n", repeat('x', DATA_MAX / 2),
             repeat('y', DATA_MAX / 2 - 1));
    snprintf(want, sizeof(want), "event channel=c data=%s|%s\n", repeat('x', DATA_MAX / 2),
             repeat('y', DATA_MAX / 2 - 1));
    check_text(text_of(input), true, want);

    const char *error = "the event's data is longer than 64 bytes";
    snprintf(input, sizeof(input), "channel: c\ndata: %s\n", repeat('x', DATA_MAX + 1));
    check_refused(input, error);
    snprintf(input, sizeof(input), "channel: c\ndata:%s\ndata: more\n", repeat('x', 1000));
    check_refused(input, error);
    snprintf(input, sizeof(input), "channel: c\ndata: %s\ndata\n", repeat('x', DATA_MAX));
    check_refused(input, error);
    snprintf(input, sizeof(input), "channel: c\ndata: %s\ndata: %s\n", repeat('x', DATA_MAX / 2),
             repeat('y', DATA_MAX / 2));
    check_refused(input, error);
}

Test(event_text, data_limit_of_lines)
{
    /* 65 empty lines join to 64 line ends; one more is too much. */
    char input[4096] = "channel: c\n", want[512];
    for (int i = 0; i < DATA_MAX + 1; i++)
        strcat(input, "data\n");
    strcat(input, "\n");
    snprintf(want, sizeof(want), "event channel=c data=%s\n", repeat('|', DATA_MAX));
    check_text(text_of(input), true, want);
    input[strlen(input) - 1] = 0;
    strcat(input, "data\n");
    check_refused(input, "the event's data is longer than 64 bytes");
}

Test(event_text, cut_by_the_end)
{
    const char *cut = "refused error=the input ended before the event's blank line\n";
    CHECK_FEED("channel: c\ndata: x\n", cut);
    CHECK_FEED("channel: c\ndata: x", cut);
    CHECK_FEED("cha", cut);
    CHECK_FEED("d", cut);
    CHECK_FEED("data:", cut);
    CHECK_FEED("data: very long data", cut);
    CHECK_FEED("channel: c\n: comment", cut);
    CHECK_FEED(LATER "channel: c",
               LATER_WANT "refused error=the input ended before the event's blank line\n");
    CHECK_FEED("ack: 17\nchannel: c\ndata: x",
               "refused error=the input ended before the event's blank line ack=17\n");
    /* A cut ack is none: it may be the begin of a longer one. */
    CHECK_FEED("channel: c\ndata: x\nack: 1", cut);
    CHECK_FEED("retry: x\nack: 4\n",
               "refused error=retry is not a number of milliseconds, 0 or more ack=4\n");
}

Test(event_text, memory_is_bounded)
{
    /* 10 MB without a line end in each kind of line, then an event that is read. */
    const char *begins[] = {":",    "unknown: ", "n",       "channel: ", "event: ",
                            "id: ", "ack: ",     "retry: ", "wait: ",    "data: "};
    char block[4096];
    memset(block, 'x', sizeof(block));
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        struct event_text parser;
        struct script script = {0};
        event_text_init(&parser, DATA_BYTES_DEFAULT, true);
        read_piece(&parser, &script, text_of(begins[i]));
        size_t consumed;
        for (int n = 0; n < 2500; n++) {
            cr_assert(event_text_read(&parser, block, sizeof(block), &consumed) == EVENT_TEXT_MORE);
            cr_assert(parser.data_capacity <= DATA_BYTES_DEFAULT);
        }
        bool ignored = i < 3;
        cr_assert(event_text_pending(&parser) == !ignored);
        cr_assert(i == 9 || parser.data_capacity == 0);
        read_piece(&parser, &script, TEXT("\nack: 5\n\n" LATER));
        cr_assert(!event_text_pending(&parser));
        cr_assert(strstr(script.at, ignored ? "the event has no data ack=5" : "refused error="));
        cr_assert(strstr(script.at, " ack=5\n" LATER_WANT), "%s", script.at);
        cr_assert(parser.data_capacity <= 64u << 10, "a large buffer is given back");
        event_text_deinit(&parser);
        free(script.at);
    }
}

Test(event_text, largest_data)
{
    /* The same 1 MiB arrives in pieces of 4,000 bytes and whole. */
    size_t len = DATA_BYTES_DEFAULT;
    char *input = malloc(len + 64);
    cr_assert(input);
    size_t head = (size_t)sprintf(input, "channel: c\ndata: ");
    for (size_t i = 0; i < len; i++)
        input[head + i] = (char)('a' + i % 26);
    memcpy(input + head + len, "\n\n", 2);
    struct event_text parser;
    event_text_init(&parser, len, true);
    for (size_t size = 4000; size <= head + len + 2;
         size = size == 4000 ? head + len + 2 : SIZE_MAX) {
        enum event_text_result result = EVENT_TEXT_MORE;
        for (size_t at = 0; at < head + len + 2;) {
            size_t part = head + len + 2 - at < size ? head + len + 2 - at : size;
            size_t consumed;
            result = event_text_read(&parser, input + at, part, &consumed);
            at += consumed;
        }
        cr_assert(result == EVENT_TEXT_EVENT);
        cr_assert(text_equals(parser.event.data, (struct text){input + head, len}));
    }
    event_text_deinit(&parser);
    free(input);
}

/* Many short lines in one large read must not take quadratic time, whichever line end they have. */
Test(event_text, short_lines, .timeout = 20)
{
    size_t len = 8u << 20;
    char *input = malloc(len);
    cr_assert(input);
    for (int i = 0; i < 2; i++) {
        memset(input, i ? '\r' : '\n', len);
        for (size_t at = 0; at < len; at += 2)
            input[at] = 'x';
        struct event_text parser;
        event_text_init(&parser, len, true);
        size_t consumed;
        cr_assert(event_text_read(&parser, input, len, &consumed) == EVENT_TEXT_MORE);
        cr_assert(consumed == len);
        event_text_deinit(&parser);
    }
    free(input);
}

/* Another limit holds from here on, for the event that is being read too. */
Test(event_text, another_limit)
{
    static const char first[] = "channel: c\ndata: 12345", rest[] = "67\n\n";
    struct event_text parser;
    event_text_init(&parser, 10, true);
    for (size_t limit = 6; limit <= 7; limit++) {
        size_t consumed;
        cr_assert(event_text_read(&parser, first, sizeof(first) - 1, &consumed) == EVENT_TEXT_MORE);
        event_text_limit(&parser, limit);
        enum event_text_result result = event_text_read(&parser, rest, sizeof(rest) - 1, &consumed);
        if (limit == 6) {
            cr_expect(result == EVENT_TEXT_REFUSED);
            cr_expect_str_eq(parser.error, "the event's data is longer than 6 bytes");
        } else {
            cr_expect(result == EVENT_TEXT_EVENT);
            cr_expect(text_equals(parser.event.data, TEXT("1234567")));
        }
    }
    event_text_deinit(&parser);
}
