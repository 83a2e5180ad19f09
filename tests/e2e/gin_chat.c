/* SPDX-License-Identifier: MIT */
/*
 * Parity: the chat demo that many learn server-sent events by, written with gin. Its page is served
 * at /, listens on /stream and posts to /send; everybody hears everybody, and a client that does
 * not read is closed. docs/parity.md says what of it becomes what here; the page runs in Chromium
 * in tests/browser/chat.mjs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/check.h"
#include "tests/e2e/parity.h"

/* examples/chat/chat.html, from where the tests run. */
static const char *page_path(void)
{
    static char path[512];
    const char *source = getenv("E2E_SOURCE");
    snprintf(path, sizeof(path), "%s/examples/chat/chat.html", source ? source : ".");
    return path;
}

static void case_page(void)
{
    static char page[65536];
    FILE *file = fopen(page_path(), "re");
    REQUIRE(file, "there is no %s; E2E_SOURCE names the source", page_path());
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    parity_start(SERVER_OPTIONS("--page", page_path()));
    EXPECT_INT(parity_ask("GET", "/", NULL, ""), 200);
    EXPECT_TEXT(parity_said, page);
    EXPECT(strstr(parity_head, "Content-Type: text/html; charset=utf-8"), "%s", parity_head);
    parity_stop();
}

static void case_everybody_hears(void)
{
    static const struct {
        const char *body, *said;
        int status;
    } rows[] = {
        {"{\"message\": \"again\"}", "{\"status\":\"sent\"}", 200},
        {"{\"message\": ", "{\"error\": \"", 400},
        {"not JSON", "{\"error\": \"", 400},
        {"{\"message\": 7}", "{\"error\": \"", 400},
        {"[]", "{\"error\": \"", 400},
        {"", "{\"error\": \"", 400},
    };
    struct stream readers[3], late;
    char fields[200];

    parity_start(SERVER_OPTIONS(NULL));
    for (unsigned i = 0; i < 3; i++)
        parity_open(&readers[i], "/stream", NULL);
    EXPECT(strstr(readers[0].head, "Content-Type: text/event-stream\r\n"), "%s", readers[0].head);
    EXPECT(strstr(readers[0].head, "Cache-Control: no-cache"), "%s", readers[0].head);
    parity_publish("/send", JSON_FIELDS, "{\"message\": \"hello\\nall - 12:00:00\"}");
    for (unsigned i = 0; i < 3; i++)
        parity_expect(&readers[i], "message", "hello\nall - 12:00:00");
    snprintf(fields, sizeof(fields), "Last-Event-ID: %s\r\n", readers[2].last_id);
    stream_close(&readers[2]);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status = parity_ask("POST", "/send", JSON_FIELDS, rows[i].body);
        EXPECT(status == rows[i].status && strstr(parity_said, rows[i].said) == parity_said,
               "%s: %d %s", rows[i].body, status, parity_said);
    }
    /* What was said while one was away is there when it is back, as it is not in the demo. */
    stream_open(&late, &parity, "/stream", fields);
    parity_expect(&late, "message", "again");
    parity_expect(&readers[0], "message", "again");
    stream_close(&late);
    for (unsigned i = 0; i < 2; i++)
        stream_close(&readers[i]);
    parity_await("/stats", "subscribers", 0);
    parity_stop();
}

/* The demo closes who has ten messages waiting; here it is who has taken nothing for a time. */
static void case_who_stops_reading_is_closed(void)
{
    static char body[65536];
    struct stream stopped, reader;
    struct stream_event event;

    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "{\"message\": \"", 13);
    memcpy(body + sizeof(body) - 3, "\"}", 2);
    parity_start(SERVER_OPTIONS("--write-timeout", "0.3", "--slow-after", "0.1"));
    stream_open_small(&stopped, &parity, "/stream", 65536);
    parity_open(&reader, "/stream", NULL);
    for (unsigned i = 0; i < 40; i++) {
        parity_publish("/send", JSON_FIELDS, body);
        REQUIRE(stream_next(&reader, &event), "who reads was closed");
        event_free(&event);
    }
    parity_await("/stats", "closed_stuck", 1);
    EXPECT_INT(parity_number("/stats", "subscribers"), 1);
    parity_publish("/send", JSON_FIELDS, "{\"message\": \"on\"}");
    parity_expect(&reader, "message", "on");
    stream_close(&stopped);
    stream_close(&reader);
    parity_stop();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_case("page", case_page);
    check_case("everybody_hears", case_everybody_hears);
    check_case("who_stops_reading_is_closed", case_who_stops_reading_is_closed);
    return check_end();
}
