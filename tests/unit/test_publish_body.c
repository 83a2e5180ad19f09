/* SPDX-License-Identifier: MIT */
/*
 * Bodies of publish requests: what each type gives, every refusal with its status and sentence, and
 * that a refused body leaves no frame behind (the leak checker sees to that).
 */
#include "net/handlers/publish_body.h"

#include <criterion/criterion.h>

#include "engine/limits.h"
#include "tests/unit/guard.h"

#define JSON   "application/json"
#define FORM   "application/x-www-form-urlencoded"
#define STREAM "text/event-stream"

static struct hub *hub;

static void start(void)
{
    struct hub_options options;
    hub_options_default(&options);
    options.workers = 1;
    cr_assert(hub_new(&options, &hub) == 0);
}

static void stop(void)
{
    hub = hub_free(hub);
}

TestSuite(publish_body, .init = start, .fini = stop);

/* What a test sends; `channel` and the query's values may be NULL. */
struct sent {
    const char *type;
    const char *channel;
    struct text bytes;
    const char *query_event;
    const char *query_id;
    int64_t query_retry; /* 0 stands for none here */
    const char *coding;
};

static int decode(struct sent sent, struct frame **frames, unsigned *ret_count, char *error)
{
    struct text type = guard_new(text_of(sent.type));
    struct text bytes = guard_new(sent.bytes);
    struct publish_body body = {.content_type = type,
                                .content_encoding = text_of(sent.coding),
                                .bytes = bytes,
                                .channel = text_of(sent.channel),
                                .type = text_of(sent.query_event),
                                .id = text_of(sent.query_id),
                                .retry_ms = sent.query_retry ? sent.query_retry : -1};
    memset(error, 0, PUBLISH_ERROR_BYTES);
    int r = publish_body_decode(hub, &body, frames, ret_count, error);
    guard_free(type);
    guard_free(bytes);
    return r;
}

/* `want` holds for every event "CHANNEL>event-stream text", without the id that is stamped later.
 */
static void check(struct sent sent, const char *want)
{
    static struct frame *frames[PUBLISH_EVENTS_MAX];
    char error[PUBLISH_ERROR_BYTES];
    char got[4096] = "";
    unsigned count = 0;
    int r = decode(sent, frames, &count, error);
    cr_assert(r == 0, "%.*s: %d %s", (int)sent.bytes.len, sent.bytes.at, r, error);
    cr_assert(error[0] == 0);
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        struct text channel = frame_channel(frames[i]);
        struct text view = frame_view(frames[i], true);
        if (!frames[i]->id_given &&
            frames[i]->id_at < frames[i]->len) /* "id: " and the id and the blank line */
            view.len -= 4 + ID_LEN + 2;
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%.*s>%.*s", (int)channel.len,
                                channel.at, (int)view.len, view.at);
        frame_unref(frames[i]);
    }
    cr_assert_str_eq(got, want);
}

static void check_refused(struct sent sent, int status, const char *sentence)
{
    static struct frame *frames[PUBLISH_EVENTS_MAX];
    char error[PUBLISH_ERROR_BYTES];
    unsigned count = 77;
    int r = decode(sent, frames, &count, error);
    cr_assert(r == status, "%.*s: %d %s", (int)sent.bytes.len, sent.bytes.at, r, error);
    cr_assert_str_eq(error, sentence);
    cr_assert(count == 77, "written although refused");
}

#define BODY(text) .bytes = TEXT(text)
#define SENT(...)  ((struct sent){__VA_ARGS__})

Test(publish_body, raw)
{
    check(SENT(.channel = "news", BODY("hello")), "news>data: hello\n");
    check(SENT("text/plain", "a/b", BODY("1\n2\r3\r\n4")),
          "a/b>data: 1\ndata: 2\ndata: 3\ndata: 4\n");
    check(SENT("application/octet-stream", "c", BODY("{\"data\":1}")), "c>data: {\"data\":1}\n");
    check(SENT("text/plain", "c", BODY("")), "c>data: \n");
    check(SENT("text/plain", "c", BODY("x"), "type", "7", 90),
          "c>event: type\ndata: x\nretry: 90\nid: 7\n\n");
}

/* It tells clients a delay, and nothing of the query is put upon it. */
Test(publish_body, a_retry_alone)
{
    check(SENT(JSON, "c", BODY("{\"retry\":5}")), "c>retry: 5\n");
    check(SENT(JSON, NULL,
               BODY("[{\"channel\":\"a\",\"retry\":0},{\"channel\":\"b\",\"data\":\"\"}]")),
          "a>retry: 0\nb>data: \n");
    check(SENT(FORM, "c", BODY("retry=7"), "type", NULL, 9), "c>retry: 7\n");
    check(SENT(STREAM, "c", BODY("retry: 8\n\ndata: x\n\n"), "type"),
          "c>retry: 8\nc>event: type\ndata: x\n");
}

Test(publish_body, to_all)
{
    check(SENT(JSON, NULL, BODY("{\"all\":true,\"data\":\"x\"}")), ">data: x\n");
    check(SENT(JSON, "c", BODY("{\"all\":false,\"data\":\"x\"}")), "c>data: x\n");
    check(SENT(JSON, NULL,
               BODY("[{\"all\":true,\"data\":\"x\"},{\"channel\":\"d\",\"data\":\"y\"}]")),
          ">data: x\nd>data: y\n");
    check(SENT(FORM, NULL, BODY("all=1&data=x")), ">data: x\n");
    check(SENT(FORM, "c", BODY("all=&data=x")), "c>data: x\n");
    check(SENT(STREAM, NULL, BODY("data: x\nall: 1\n\n")), ">data: x\n");
    const char *names = "an event to all names no channel";
    check_refused(SENT(JSON, "c", BODY("{\"all\":true,\"data\":\"x\"}")), 400, names);
    check_refused(SENT(JSON, NULL, BODY("{\"all\":true,\"channel\":\"\",\"data\":\"x\"}")), 400,
                  names);
    check_refused(SENT(FORM, "c", BODY("all=1&data=x")), 400, names);
    check_refused(SENT(FORM, NULL, BODY("all=true&data=x")), 400, "all has a value other than 1");
    check_refused(SENT(JSON, NULL, BODY("{\"all\":\"1\",\"data\":\"x\"}")), 400,
                  "all is not true or false");
    check_refused(SENT(JSON, NULL, BODY("{\"all\":true,\"end\":true}")), 400,
                  "an event to all ends no channel");
}

Test(publish_body, ends)
{
    check(SENT(JSON, "c", BODY("{\"end\":true}")), "c>: ended\n");
    check(SENT(JSON, "c", BODY("{\"end\":true,\"retry\":5}")), "c>retry: 5\n");
    check(SENT(JSON, "c", BODY("{\"end\":false,\"data\":\"x\"}")), "c>data: x\n");
    check(SENT(STREAM, "c", BODY("end: 1\n\n")), "c>: ended\n");
    check_refused(SENT(JSON, "c", BODY("{\"end\":false}")), 400, "data is missing");
    check_refused(SENT(JSON, "c", BODY("{\"end\":true,\"event\":\"e\"}")), 400, "data is missing");
}

Test(publish_body, content_types)
{
    const char *good[] = {"text/plain; charset=utf-8",
                          "TEXT/Plain;CHARSET=UTF-8",
                          " text/plain ; charset=\"utf-8\"",
                          "text/plain; boundary=\"a;b\\\";\"; a",
                          "text/plain;",
                          "",
                          "text/plain; charset=\"UTF-8\";;x=y",
                          "text/plain; charset=utf8",
                          "text/plain; charset=\"UTF8\"",
                          "text/plain; charset=US-ASCII; charset=ascii",
                          "text/plain; x=\"; charset=latin1\"",
                          "text/plain; x=\"\\\"; charset=latin1\""};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check(SENT(good[i], "c", BODY("x")), "c>data: x\n");
    const char *types = "the content type is none of text/plain, application/octet-stream, "
                        "application/json, application/x-www-form-urlencoded, text/event-stream";
    const char *bad[] = {
        "text/html",   "text",          "text/plain2", "/", "multipart/mixed; boundary=x",
        "text/ plain", "\"text/plain\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused(SENT(bad[i], "c", BODY("x")), 415, types);
    const char *charsets[] = {"text/plain; charset=latin1",
                              "text/plain;charset=", "text/plain; charset=utf-8; charset=utf-16",
                              JSON ";charset=utf-16", "text/plain; x=\";\"; charset=\"latin1\""};
    for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++)
        check_refused(SENT(charsets[i], "c", BODY("{\"data\":\"x\"}")), 415,
                      "the body's charset is not utf-8");
}

Test(publish_body, json)
{
    check(SENT(JSON, "c", BODY("{\"data\": \"x\"}")), "c>data: x\n");
    check(SENT(JSON "; charset=utf-8", "c", BODY(" [{\"data\": \"\\u00e4\\n2\"}]\n")),
          "c>data: \xc3\xa4\ndata: 2\n");
    check(SENT(JSON, NULL,
               BODY("[{\"data\":\"1\",\"channel\":\"a\",\"event\":\"e\",\"id\":\"i\",\"retry\":0},"
                    "{\"data\":\"\",\"channel\":\"b\"}]")),
          "a>event: e\ndata: 1\nretry: 0\nid: i\n\nb>data: \n");
    check(SENT(JSON, "c", BODY("{\"data\":\"x\",\"channel\":\"c\",\"id\":\"\"}"), "q", "9", 5),
          "c>event: q\ndata: x\nretry: 5\nid: 9\n\n");
    check(SENT(JSON, "c", BODY("{\"data\":\"x\",\"event\":\"own\",\"retry\":86400000}"), "q", NULL,
               5),
          "c>event: own\ndata: x\nretry: 3600000\n");
}

Test(publish_body, json_refused)
{
    check_refused(SENT(JSON, "c", BODY("")), 400, "the body is empty, not JSON");
    check_refused(SENT(JSON, "c", BODY("{\"data\":")), 400,
                  "the body is not valid JSON: it ends too early (line 1, column 8)");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\"}\n{}")), 400,
                  "the body is not valid JSON: something follows its end (line 2, column 1)");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"data\":\"y\"}")), 400,
                  "the body is not valid JSON: an object has a key twice (line 1, column 18)");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"\\u0000\"}")), 400,
                  "the body is not valid JSON: a text contains NUL (line 1, column 16)");
    check_refused(SENT(JSON, "c", BODY("\xef\xbb\xbf{\"data\":\"x\"}")), 400,
                  "the body begins with a byte order mark, which JSON may not have: leave it out");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"\\ud83d\"}")), 400,
                  "the body is not valid JSON: an escape is half of a surrogate pair "
                  "(line 1, column 16)");
    check_refused(SENT(JSON, "c", BODY("\"data\"")), 400,
                  "the body is not valid JSON: a value or sign is not where it may be "
                  "(line 1, column 6)");
    check_refused(SENT(JSON, "c", BODY("[]")), 400, "the body has no event");
    check_refused(SENT(JSON, "c", BODY("[{\"data\":\"x\"}, 5]")), 400,
                  "event 2: it is not an object");
    check_refused(SENT(JSON, "c", BODY("{}")), 400, "data is missing");
    check_refused(SENT(JSON, "c", BODY("{\"retry\":5,\"id\":\"1\"}")), 400, "data is missing");
    check_refused(SENT(JSON, "c", BODY("{}"), NULL, NULL, 5), 400, "data is missing");
    check_refused(SENT(JSON, "c", BODY("[{\"data\":\"x\"},{\"id\":\"1\"}]")), 400,
                  "event 2: data is missing");
    check_refused(SENT(JSON, "c", BODY("{\"data\":1}")), 400,
                  "data is not a string: put it in quotes");
    check_refused(SENT(JSON, "c", BODY("{\"data\":null}")), 400,
                  "data is not a string: put it in quotes");
    check_refused(SENT(JSON, "c", BODY("[{\"data\":\"x\",\"event\":{}}]")), 400,
                  "event 1: event is not a string: send its JSON text as one, as JSON.stringify "
                  "gives it");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"id\":7}")), 400,
                  "id is not a string: put it in quotes");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"channel\":[]}")), 400,
                  "channel is not a string: send its JSON text as one, as JSON.stringify gives it");
    check_refused(SENT(JSON, "c", BODY("{\"data\":{\"a\":1}}")), 400,
                  "data is not a string: send its JSON text as one, as JSON.stringify gives it");
    check_refused(
        SENT(JSON, "c", BODY("{\"data\":\"x\",\"retyr\":5}")), 400,
        "unknown member \"retyr\"; members are channel, event, id, data, retry, end, key, all");
    check_refused(SENT(JSON, "c", BODY("[{\"data\":\"x\"},{\"da\\u0007ta\":\"\"}]")), 400,
                  "event 2: unknown member \"da?ta\"; members are channel, event, id, data, retry, "
                  "end, key, all");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"retry\":\"5\"}")), 400,
                  "retry is not an integer");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"retry\":1.5}")), 400,
                  "retry is not an integer");
    const char *retry = frame_fault_text(FRAME_RETRY_RANGE);
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"retry\":-1}")), 400, retry);
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"event\":\"fanfare-gap\"}")), 400,
                  frame_fault_text(FRAME_TYPE_OURS));
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"event\":\"a\\nid: 1\"}")), 400,
                  frame_fault_text(FRAME_TYPE_TEXT));
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"\xff\"}")), 400,
                  "the body is not valid JSON: it is not valid UTF-8 (line 1, column 9)");
}

Test(publish_body, form)
{
    check(SENT(FORM, "c", BODY("data=hello")), "c>data: hello\n");
    check(SENT(FORM, "c", BODY("data=")), "c>data: \n");
    check(SENT(FORM, "c", BODY("data")), "c>data: \n");
    check(SENT(FORM, NULL,
               BODY("&channel=a%2Fb&data=1+2%2B%3D%0D%0A%C3%A4=&&event=x%20y&id=7&retry=10&o=p&")),
          "a/b>event: x y\ndata: 1 2+=\ndata: \xc3\xa4=\nretry: 10\nid: 7\n\n");
    check(SENT(FORM, "c", BODY("d%61ta=x&event=&id=&retry=&channel=")), "c>data: x\n");
    check(SENT(FORM, "c", BODY("data=x"), "q", "9", 5), "c>event: q\ndata: x\nretry: 5\nid: 9\n\n");
}

/* `curl -d 'data=100%'`: what is no escape stands for itself. */
Test(publish_body, form_stray_percent)
{
    check(SENT(FORM, "c", BODY("data=100%")), "c>data: 100%\n");
    check(SENT(FORM, "c", BODY("data=%zz%4&%=%&%4=y")), "c>data: %zz%4\n");
}

Test(publish_body, codings)
{
    check(SENT("text/plain", "c", BODY("x"), .coding = "identity"), "c>data: x\n");
    check(SENT(NULL, "c", BODY("x"), .coding = "Identity"), "c>data: x\n");
    const char *bad[] = {"gzip", "br, identity", "identity, identity", "x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused(SENT("text/html", "c", BODY("x"), .coding = bad[i]), 415,
                      "a Content-Encoding is not understood here: send the body as it is");
    check_refused(SENT("multipart/form-data; boundary=b", "c", BODY("x")), 415,
                  "multipart/form-data is not understood here: send the form as "
                  "application/x-www-form-urlencoded, or JSON");
}

Test(publish_body, form_refused)
{
    const char *missing = "the form has no data (send data=TEXT, or set Content-Type: text/plain)";
    check_refused(SENT(FORM, "c", BODY("")), 400, missing);
    check_refused(SENT(FORM, "c", BODY("hello world")), 400, missing);
    check_refused(SENT(FORM, "c", BODY("event=x")), 400, missing);
    check_refused(SENT(FORM, "c", BODY("data=x&data=y")), 400, "the form has data more than once");
    check_refused(SENT(FORM, "c", BODY("channel=&data=x&channel=c")), 400,
                  "the form has channel more than once");
    check_refused(SENT(FORM, "c", BODY("data=x&retry=soon")), 400,
                  frame_fault_text(FRAME_RETRY_RANGE));
    check_refused(SENT(FORM, "c", BODY("data=a%00b")), 400, frame_fault_text(FRAME_DATA_TEXT));
    check_refused(SENT(FORM, "c", BODY("data=%ff")), 400, frame_fault_text(FRAME_DATA_TEXT));
    check_refused(SENT(FORM, "c", BODY("data=x&event=a%0Aid:1")), 400,
                  frame_fault_text(FRAME_TYPE_TEXT));
    check_refused(SENT(FORM, "c", BODY("data=x&id=a%0Db")), 400, frame_fault_text(FRAME_ID_TEXT));
}

Test(publish_body, event_stream)
{
    check(SENT(STREAM, "c", BODY("data: 1\n\n")), "c>data: 1\n");
    check(SENT(STREAM, NULL,
               BODY("\xef\xbb\xbf: hi\n\nchannel: a\r\nevent: e\r\nid: i\r\nretry: 3\r\n"
                    "data: 1\r\ndata: 2\r\n\r\nchannel: b\ndata\nack: 4\nwait: no\n\n")),
          "a>event: e\ndata: 1\ndata: 2\nretry: 3\nid: i\n\nb>data: \n");
    check(SENT(STREAM, "c", BODY("data: 1\n\nevent: own\nretry: 1\nchannel: c\ndata: 2\n\n"), "q",
               NULL, 7),
          "c>event: q\ndata: 1\nretry: 7\nc>event: own\ndata: 2\nretry: 1\n");
}

/* As curl has it of a server like this one, or of any other. */
Test(publish_body, event_stream_relayed)
{
    check(SENT(STREAM, "c",
               BODY("retry: 2000\nid: 0123456789ab-0000000000000000\n\n:\n\n"
                    "event: e\ndata: 1\nid: 0123456789ab-0000000000000001\n\n"
                    "data: 2\nretry: never\nid: own\n\n")),
          "c>event: e\ndata: 1\nc>data: 2\nid: own\n\n");
}

Test(publish_body, event_stream_refused)
{
    check_refused(SENT(STREAM, "c", BODY("")), 400, "the body has no event");
    check_refused(SENT(STREAM, "c", BODY(": only a comment\n\n")), 400, "the body has no event");
    check_refused(SENT(STREAM, "c", BODY("data: 1\n\ndata: 2\n")), 400,
                  "event 2: the input ended before the event's blank line");
    check_refused(SENT(STREAM, "c", BODY("event: x\n\n")), 400, "the body has no event");
    check_refused(SENT(STREAM, "c", BODY("data: 1\nchannel: c\nchannel: c\n\n")), 400,
                  "event 1: the event has more than one channel");
    check_refused(SENT(STREAM, "c", BODY("data: 1\nack: \n\n")), 400,
                  "event 1: the ack is not 1 to 64 bytes of UTF-8 without control characters");
    check_refused(SENT(STREAM, "c", BODY("data: 1\n\ndata: \xff\n\n")), 400,
                  "event 2: the data is not valid UTF-8 or contains NUL");
    check_refused(SENT(STREAM, "c", BODY("data: 1\n\ndata: a\0b\n\n")), 400,
                  "event 2: the data is not valid UTF-8 or contains NUL");
    check_refused(SENT(STREAM, "c", BODY("event: fanfare-gap\ndata: 1\n\n")), 400,
                  "event 1: the event type fanfare-gap is the server's own: choose another");
}

Test(publish_body, channels)
{
    const char *none = "neither the URL nor the event names a channel";
    const char *other = "the event names another channel than the URL";
    check_refused(SENT("text/plain", NULL, BODY("x")), 400, none);
    check_refused(SENT(JSON, NULL, BODY("{\"data\":\"x\"}")), 400, none);
    check_refused(SENT(FORM, NULL, BODY("data=x&channel=")), 400, none);
    check_refused(SENT(STREAM, NULL, BODY("channel: a\ndata: 1\n\ndata: 2\n\n")), 400,
                  "event 2: neither the URL nor the event names a channel");
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"channel\":\"d\"}")), 400, other);
    check_refused(SENT(JSON, "c", BODY("{\"data\":\"x\",\"channel\":\"\"}")), 400, other);
    check_refused(SENT(JSON, NULL, BODY("{\"data\":\"x\",\"channel\":\"\"}")), 400,
                  "the channel name is empty");
    check_refused(SENT(FORM, "c", BODY("data=x&channel=d")), 400, other);
    check_refused(SENT(STREAM, "c", BODY("data: 1\n\nchannel: d\ndata: 2\n\n")), 400,
                  "event 2: the event names another channel than the URL");
    check_refused(SENT(FORM, NULL, BODY("data=x&channel=a%0Ab")), 400,
                  frame_fault_text(FRAME_CHANNEL_TEXT));
}

Test(publish_body, query_id_and_many_events)
{
    const char *sentence = "the query has an id, but the body more than one event";
    check_refused(SENT(STREAM, "c", BODY("data: 1\n\ndata: 2\n\n"), NULL, "7"), 400, sentence);
    check_refused(
        SENT(JSON, "c", BODY("[{\"data\":\"1\"},{\"data\":\"2\",\"id\":\"8\"}]"), NULL, "7"), 400,
        sentence);
    check(SENT(JSON, "c", BODY("[{\"data\":\"1\"}]"), NULL, "7"), "c>data: 1\nid: 7\n\n");
}

/* A body of `count` events of this text, with what belongs between them and around them. */
static void check_count(const char *type, const char *begin, const char *event, const char *between,
                        const char *end, unsigned count, bool taken)
{
    size_t size = strlen(begin) + strlen(end) + count * (strlen(event) + strlen(between)) + 1;
    char *text = malloc(size);
    cr_assert(text);
    size_t len = (size_t)sprintf(text, "%s", begin);
    for (unsigned i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "%s%s", i ? between : "", event);
    len += (size_t)sprintf(text + len, "%s", end);

    static struct frame *frames[PUBLISH_EVENTS_MAX];
    char error[PUBLISH_ERROR_BYTES];
    unsigned got = 0;
    int r = decode(SENT(type, "c", .bytes = {text, len}), frames, &got, error);
    if (taken) {
        cr_assert(r == 0 && got == count, "%d %s", r, error);
        while (got > 0)
            frame_unref(frames[--got]);
    } else {
        cr_assert(r == 413 && got == 0);
        cr_assert_str_eq(error, "the body has more than 1024 events");
    }
    free(text);
}

Test(publish_body, many_events)
{
    for (unsigned more = 0; more < 2; more++) {
        unsigned count = PUBLISH_EVENTS_MAX + more;
        check_count(STREAM, "", "data: x\n\n", "", "", count, !more);
        check_count(JSON, "[", "{\"data\":\"x\"}", ",", "]", count, !more);
    }
}

/* Whatever they are, and wherever: what costs is how many there are. */
Test(publish_body, json_values)
{
    const char *few = "the body has more than 16384 JSON values: send fewer events at once";
    static const struct {
        const char *begin, *unit, *end;
    } cases[] = {{"[", "0,", "0]"},
                 {"[", "{},", "0]"},
                 {"[", "[\"\\\"\"],", "0]"},
                 {"{", "\"a\":0,", "\"a\":0}"},
                 {"{\"data\":\"", "[{,", "\"}"},
                 {"{\"data\":\"", "\\\"[{,", "\"}"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1 << 18], error[PUBLISH_ERROR_BYTES];
        struct frame *frames[2];
        unsigned count;
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", cases[i].begin);
        for (unsigned k = 0; k < JSON_VALUES_MAX; k++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", cases[i].unit);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", cases[i].end);
        int r = decode(SENT(JSON, "c", .bytes = {text, len}), frames, &count, error);
        if (i < 4) {
            cr_assert(r == 413, "case %zu: %d %s", i, r, error);
            cr_assert_str_eq(error, few);
        } else { /* within a text they are no values */
            cr_assert(r == 0 && count == 1, "case %zu: %d %s", i, r, error);
            frame_unref(frames[0]);
        }
    }
}

static void check_send(struct text bytes, int status, const char *want)
{
    struct text input = guard_new(bytes);
    struct frame *frame = NULL;
    char error[PUBLISH_ERROR_BYTES] = "";
    const struct publish_body body = {.bytes = input};
    int r = publish_body_decode_send(hub, &body, &frame, error);
    guard_free(input);
    cr_assert(r == status, "%.*s: %d %s", (int)bytes.len, bytes.at, r, error);
    if (r != 0) {
        cr_assert_str_eq(error, want);
        return;
    }
    cr_assert(text_equals(frame_channel(frame), TEXT("default")));
    struct text view = frame_view(frame, true);
    view.len -= 4 + ID_LEN + 2;
    cr_assert(text_equals(view, text_of(want)));
    frame_unref(frame);
}

Test(publish_body, send)
{
    check_send(TEXT("{\"message\": \"hello\"}"), 0, "data: hello\n");
    check_send(TEXT("{\"message\": \"\", \"more\": 1}"), 0, "data: \n");
    check_send(TEXT("{\"message\": 5}"), 400, "message is not a string");
    check_send(TEXT("{}"), 400, "message is missing");
    check_send(TEXT("[\"message\"]"), 400, "the body is not a JSON object");
    check_send(TEXT(""), 400, "the body is empty, not JSON");
    check_send(TEXT("message=hello"), 400,
               "the body is not valid JSON: a value or sign is not where it may be "
               "(line 1, column 7)");
    check_send(TEXT("{\"message\": \"a\\u0000b\"}"), 400,
               "the body is not valid JSON: a text contains NUL (line 1, column 22)");
}
