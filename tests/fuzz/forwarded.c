/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: X-Forwarded-For and Forwarded. The client is the peer unless that is trusted, and
 * nothing that stands to the left of the first untrusted address changes who it is.
 *
 * Input: the peer on a line, then field lines, which end in LF or CRLF.
 */
#include "tests/fuzz/target.h"

#include <strings.h>

#include "net/access/forwarded.h"

static void trust(struct address_ranges *ranges, const char *text)
{
    CHECK(!address_range_read(text, &ranges->items[ranges->count++]));
}

static bool has_field(struct text fields, const char *name)
{
    size_t len = strlen(name);
    while (fields.len > 0) {
        struct text line = take_line(&fields);
        if (line.len > len && line.at[len] == ':' && strncasecmp(line.at, name, len) == 0)
            return true;
    }
    return false;
}

/* A line that a client sent, in front of what the proxies wrote. */
static void check_prepended(const struct address_ranges *ranges, const struct address *peer,
                            struct text fields, const struct forwarded *before)
{
    static const char *const lies[] = {
        "x-forwarded-for: 9.9.9.9, \"\r\n", "X-FORWARDED-FOR:\r\n",
        "x-forwarded-for: 10.0.0.1\r\n",    "Forwarded: for=9.9.9.9, for=\"\\\r\n",
        "forwarded: for=\"9.9.9.9\r\n",     "Forwarded: for=10.0.0.1;for=10.0.0.1\r\n"};
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        const char *name = i < 3 ? "x-forwarded-for" : "forwarded";
        struct record record = {0};
        if (!has_field(fields, name))
            continue;
        record_add(&record, lies[i], strlen(lies[i]));
        record_add(&record, fields.at, fields.len);
        struct forwarded after = forwarded_read(ranges, peer, text_of_record(&record));
        CHECK(address_equals(&after.client, &before->client) && !after.broken);
        free(record.at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text fields = text_of_input(bytes, len);
    struct text line = take_line(&fields);
    struct address_ranges ranges = {.count = 0};
    struct address peer;
    trust(&ranges, "10.0.0.0/8");
    trust(&ranges, "2001:db8::/32");
    trust(&ranges, "unix");
    if (!address_read(line, &peer))
        peer.family = ADDRESS_UNIX, memset(peer.bytes, 0, sizeof(peer.bytes));
    struct forwarded result = forwarded_read(&ranges, &peer, fields);
    bool one = has_field(fields, "x-forwarded-for"), other = has_field(fields, "forwarded");
    if (!address_ranges_have(&ranges, &peer) || (!one && !other)) {
        CHECK(address_equals(&result.client, &peer) && !result.broken);
        return 0;
    }
    CHECK(result.client.family != ADDRESS_NONE);
    char written[ADDRESS_TEXT_ROOM];
    address_write(&result.client, written);
    if (!result.broken && !address_ranges_have(&ranges, &result.client))
        check_prepended(&ranges, &peer, fields, &result);
    return 0;
}
