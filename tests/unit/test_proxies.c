/* SPDX-License-Identifier: MIT */
/*
 * What proxies say of their clients: addresses and ranges, the PROXY protocol byte by byte, and the
 * way from the right through X-Forwarded-For and Forwarded.
 */
#include <criterion/criterion.h>

#include "engine/limits.h"
#include "net/access/forwarded.h"
#include "net/access/proxy_header.h"
#include "tests/unit/guard.h"

static const char *written(const struct address *address)
{
    static char text[ADDRESS_TEXT_ROOM];
    address_write(address, text);
    return text;
}

static struct address address_of(const char *text)
{
    struct address address = {.family = ADDRESS_UNIX};
    if (strcmp(text, "unix") != 0)
        cr_assert(address_read(text_of(text), &address), "%s", text);
    return address;
}

/* --- addresses and ranges -------------------------------------------------------------------- */

Test(address, one_client_has_one_address)
{
    static const char *const rows[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"2001:DB8::0:1", "2001:db8::1"},
        {"::", "::"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address address = address_of(rows[i][0]);
        cr_expect_str_eq(written(&address), rows[i][1]);
    }
    static const char *const bad[] = {"",     "1.2.3",  "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ",
                                      "[::]", "::1%lo", "1.2.3.256", "a.b.c.d",  ":::"};
    struct address ignored;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(address_read(text_of(bad[i]), &ignored), "%s", bad[i]);
    cr_expect_not(address_read((struct text){"1.2.3.4\0", 8}, &ignored));
}

Test(address, a_client_has_an_address_or_a_network_of_64_bits)
{
    struct address group, address = address_of("2001:db8:1:2:3:4:5:6");
    cr_expect(address_group(&address, &group));
    cr_expect_str_eq(written(&group), "2001:db8:1:2::");
    address = address_of("192.0.2.1");
    cr_expect(address_group(&address, &group));
    cr_expect_str_eq(written(&group), "192.0.2.1");
    address = address_of("unix");
    cr_expect_not(address_group(&address, &group));
}

Test(address, ranges)
{
    static const struct {
        const char *range, *in, *out;
    } rows[] = {
        {"10.0.0.0/8", "10.255.1.2", "11.0.0.0"},
        {"10.0.0.1", "10.0.0.1", "10.0.0.2"},
        {"192.168.4.0/22", "::ffff:192.168.7.255", "192.168.8.0"},
        {"0.0.0.0/0", "255.1.2.3", "::1"},
        {"::/0", "fe80::1", "0.0.0.1"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"unix", "unix", "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address_ranges ranges = {.count = 1};
        struct address in = address_of(rows[i].in), out = address_of(rows[i].out);
        const char *fault = address_range_read(rows[i].range, &ranges.items[0]);
        cr_assert_null(fault, "%s %s", rows[i].range, fault);
        cr_expect(address_ranges_have(&ranges, &in), "%s", rows[i].range);
        cr_expect_not(address_ranges_have(&ranges, &out), "%s", rows[i].range);
    }
    static const char *const bad[] = {
        "10.0.0.1/8",  "10.0.0.0/33",   "::/129",   "10.0.0.0/", "10.0.0.0/-1",
        "10.0.0.0/8x", "proxy.example", "::1/0008", "unix/0",    ""};
    struct address_range ignored;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not_null(address_range_read(bad[i], &ignored), "%s", bad[i]);
}

/* --- the PROXY protocol ---------------------------------------------------------------------- */

/* The answer to each number of bytes is "more" up to the last one that counts. */
static const char *read_header(struct text input)
{
    static char said[ADDRESS_TEXT_ROOM + 32];
    struct proxy_header header;
    for (size_t len = 0; len <= input.len; len++) {
        struct text guarded = guard_new((struct text){input.at, len});
        enum proxy_result result = proxy_header_read(guarded, &header);
        guard_free(guarded);
        if (result == PROXY_REFUSED)
            return "refused";
        if (result == PROXY_DONE) {
            snprintf(said, sizeof(said), "%s, %zu left", written(&header.source),
                     input.len - header.bytes);
            return said;
        }
    }
    return "more";
}

Test(proxy_header, version_1)
{
    static const char *const rows[][2] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", "192.0.2.1, 0 left"},
        {"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n", "2001:db8::1, 0 left"},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 1\r\n", "192.0.2.1, 0 left"},
        {"PROXY UNKNOWN\r\n", "unknown, 0 left"},
        {"PROXY UNKNOWN whatever it says\r\n", "unknown, 0 left"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r", "more"},
        {"PROX", "more"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n", "more"}, /* until it is too long */
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\rG", "refused"},
        {"PROXY TCP4 192.0.2.1  198.51.100.2 56324 443\r\n", "refused"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n", "refused"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n", "refused"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 056 443\r\n", "refused"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n", "refused"},
        {"PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n", "refused"},
        {"PROXY TCP4 192.0.2.256 198.51.100.2 1 443\r\n", "refused"},
        {"PROXY TCP4 ::1 ::1 1 443\r\n", "refused"},
        {"PROXY TCP6 192.0.2.1 198.51.100.2 1 443\r\n", "refused"},
        {"PROXY tcp4 192.0.2.1 198.51.100.2 1 443\r\n", "refused"},
        {"PROXY UDP4 192.0.2.1 198.51.100.2 1 443\r\n", "refused"},
        {"proxy TCP4 192.0.2.1 198.51.100.2 1 443\r\n", "refused"},
        {"PROXY \r\n", "refused"},
        {"GET / HTTP/1.1\r\n", "refused"},
        {"POST / HTTP/1.1\r\n", "refused"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(read_header(text_of(rows[i][0])), rows[i][1], "%s", rows[i][0]);
    /* The longest line there can be, and one byte more. */
    static char line[] = "PROXY UNKNOWN ---------------------------------------------------------"
                         "-----------------------------------\r\n";
    cr_assert_eq(strlen(line), PROXY_V1_BYTES_MAX + 1);
    cr_expect_str_eq(read_header(text_of(line)), "refused");
    memcpy(line + PROXY_V1_BYTES_MAX - 2, "\r\n", 3);
    cr_expect_str_eq(read_header(text_of(line)), "unknown, 0 left");
}

/* A version 2 header with this body, and three bytes behind it. */
static const char *read_binary(unsigned command, unsigned family, const char *body, size_t len)
{
    static char input[8192];
    memcpy(input, "\r\n\r\n\0\r\nQUIT\n", 12);
    input[12] = (char)command;
    input[13] = (char)family;
    input[14] = (char)(len >> 8);
    input[15] = (char)len;
    memcpy(input + 16, body, len);
    memcpy(input + 16 + len, "GET", 3);
    return read_header((struct text){input, 19 + len});
}

Test(proxy_header, version_2)
{
    static const char four[] = "\xc0\0\2\1\xc6\x33\x64\2\x12\x34\1\xbb";
    static const char six[36] = "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1";
    static const char wrapped[36] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1";
    static const char zeros[4096];
    char longer[2048] = "";
    cr_expect_str_eq(read_binary(0x21, 0x11, four, 12), "192.0.2.1, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x21, six, 36), "2001:db8::1, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x21, wrapped, 36), "192.0.2.1, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x31, zeros, 216), "unix, 3 left");
    memcpy(longer, four, 12); /* with further fields */
    cr_expect_str_eq(read_binary(0x21, 0x11, longer, PROXY_HEADER_BYTES_MAX - 16),
                     "192.0.2.1, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x11, longer, PROXY_HEADER_BYTES_MAX - 15), "refused");
    /* Nobody is named: a health check of the proxy's own, or what is no TCP client. */
    cr_expect_str_eq(read_binary(0x20, 0x00, zeros, 0), "unknown, 3 left");
    cr_expect_str_eq(read_binary(0x20, 0x11, four, 12), "unknown, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x00, zeros, 40), "unknown, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x12, four, 12), "unknown, 3 left");
    cr_expect_str_eq(read_binary(0x21, 0x11, four, 11), "refused");
    cr_expect_str_eq(read_binary(0x21, 0x21, six, 35), "refused");
    cr_expect_str_eq(read_binary(0x21, 0x31, zeros, 215), "refused");
    cr_expect_str_eq(read_binary(0x22, 0x11, four, 12), "refused");
    cr_expect_str_eq(read_binary(0x11, 0x11, four, 12), "refused");
    cr_expect_str_eq(read_binary(0x21, 0x41, four, 12), "refused");
    cr_expect_str_eq(read_binary(0x21, 0x13, four, 12), "refused");
    cr_expect_str_eq(read_header((struct text){"\r\n\r\nGET", 7}), "refused");
}

/* --- X-Forwarded-For and Forwarded ----------------------------------------------------------- */

static const char *client_of(const char *peer, const char *lines)
{
    static char said[ADDRESS_TEXT_ROOM + 16];
    struct address_ranges trusted = {.count = 3};
    struct address address = address_of(peer);
    cr_assert_null(address_range_read("10.0.0.0/8", &trusted.items[0]));
    cr_assert_null(address_range_read("fd00::/8", &trusted.items[1]));
    cr_assert_null(address_range_read("unix", &trusted.items[2]));
    struct text guarded = guard_new(text_of(lines));
    struct forwarded forwarded = forwarded_read(&trusted, &address, guarded);
    guard_free(guarded);
    snprintf(said, sizeof(said), "%s%s", written(&forwarded.client),
             forwarded.broken ? " broken" : "");
    return said;
}

Test(forwarded, from_the_right)
{
    static const char *const rows[][3] = {
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "Host: x\r\n\r\n", "10.0.0.1"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"unix", "X-Forwarded-For: 192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"192.0.2.9", "X-Forwarded-For: 192.0.2.1\r\n\r\n", "192.0.2.9"},
        /* What a client says of itself stands at the left, and is not believed. */
        {"10.0.0.1", "x-forwarded-for: 6.6.6.6, 192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: 6.6.6.6, 192.0.2.1,10.0.0.2 , fd00::1\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: 6.6.6.6\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\n",
         "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.9\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: \"garbage, , 192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: 10.0.0.3, 10.0.0.2\r\n\r\n", "10.0.0.3"},
        {"10.0.0.1", "X-Forwarded-For: ,, ,\r\n\r\n", "10.0.0.1"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1:4711\r\n\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-For: 2001:db8::1\r\n\r\n", "2001:db8::1"},
        {"10.0.0.1", "X-Forwarded-For: [2001:db8::1]:80\r\n\r\n", "2001:db8::1"},
        {"10.0.0.1", "X-Forwarded-For: ::ffff:192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"10.0.0.1", "X-Forwarded-Forx: 192.0.2.1\r\nX-X-Forwarded-For: 1.1.1.1\r\n", "10.0.0.1"},
        /* What names nobody ends the way at the proxy that wrote it. */
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1, unknown\r\n\r\n", "10.0.0.1 broken"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1, x, 10.0.0.2\r\n\r\n", "10.0.0.2 broken"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1:70000000\r\n\r\n", "10.0.0.1 broken"},
        {"10.0.0.1", "X-Forwarded-For: 192.0.2.1;80\r\n\r\n", "10.0.0.1 broken"},
        {"10.0.0.1", "X-Forwarded-For: [192.0.2.1]\r\n\r\n", "10.0.0.1 broken"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(client_of(rows[i][0], rows[i][1]), rows[i][2], "%s", rows[i][1]);
}

Test(forwarded, as_rfc_7239_has_it)
{
    static const char *const rows[][2] = {
        {"Forwarded: for=192.0.2.43\r\n\r\n", "192.0.2.43"},
        {"Forwarded: For=\"[2001:db8:cafe::17]:4711\"\r\n\r\n", "2001:db8:cafe::17"},
        {"forwarded: for=192.0.2.60;proto=http;by=203.0.113.43\r\n\r\n", "192.0.2.60"},
        {"Forwarded: for=192.0.2.43, for=10.0.0.7;by=\"x, \\\"y\\\"\" \r\n\r\n", "192.0.2.43"},
        {"Forwarded: proto=http; FOR=\"192.0.2.43:47011\"\r\n\r\n", "192.0.2.43"},
        {"Forwarded: for=192.0.2.1\r\nForwarded: for=\"10.0.0.2\"\r\n", "192.0.2.1"},
        {"Forwarded: for=\"\\1\\9\\2.0.2.1\"\r\n\r\n", "192.0.2.1"},
        /* An open quote of a client's hides nothing of what a proxy writes behind it. */
        {"Forwarded: for=\"6.6.6.6, for=192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"Forwarded: for=6.6.6.6;x=\"\\, for=192.0.2.1\r\n\r\n", "192.0.2.1"},
        {"Forwarded: for=192.0.2.1, for=_hidden\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=unknown\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: by=192.0.2.1\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=192.0.2.1;for=192.0.2.2\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=192.0.2.1 x\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=\"192.0.2.1\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=192.0.2.1\"\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=\"192.0.2.1\\\"\r\n\r\n", "10.0.0.1 broken"},
        {"Forwarded: for=\"192.0.2.1                                                        "
         "        \"\r\n\r\n",
         "10.0.0.1 broken"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_str_eq(client_of("10.0.0.1", rows[i][0]), rows[i][1], "%s", rows[i][0]);
}

/* A proxy that writes one of the two lets the other through as its client made it. */
Test(forwarded, both_must_agree)
{
    cr_expect_str_eq(client_of("10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n"
                                           "Forwarded: for=192.0.2.1\r\n\r\n"),
                     "192.0.2.1");
    cr_expect_str_eq(client_of("10.0.0.1", "X-Forwarded-For: 192.0.2.1\r\n"
                                           "Forwarded: for=6.6.6.6\r\n\r\n"),
                     "10.0.0.1 broken");
    cr_expect_str_eq(client_of("10.0.0.1", "Forwarded: for=192.0.2.1\r\n"
                                           "X-Forwarded-For: 6.6.6.6\r\n\r\n"),
                     "10.0.0.1 broken");
    cr_expect_str_eq(client_of("10.0.0.1", "Forwarded: \r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"),
                     "10.0.0.1 broken");
}

/* Whatever a head is filled with, it is read once: twice as many bytes take twice as long. That is
 * seen by what it would take else: 16 KiB of quotes looked at from each of them is 100 ms. */
Test(forwarded, linear_in_the_head, .timeout = 20)
{
    static const char *const fillers[] = {"\\\"", "\"", "\\", ",", ";", "for=", "a,\"", "\",\\"};
    static char lines[HEAD_BYTES_MAX + 64];
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        size_t len = (size_t)snprintf(lines, sizeof(lines), "Forwarded: ");
        while (len < HEAD_BYTES_MAX)
            len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%s", fillers[i]);
        for (unsigned turns = 0; turns < 200; turns++)
            (void)client_of("10.0.0.1", lines);
    }
}
