/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the PROXY protocol's header. However many of its bytes have come, the answer is
 * "more" until it is whole, and then the same, whatever follows; what was refused stays refused.
 * The address that is read is one that can be written and read again.
 */
#include "tests/fuzz/target.h"

#include "engine/limits.h"
#include "net/access/proxy_header.h"

/* Each in memory of its own, so that one byte too many is noticed. */
static enum proxy_result read_prefix(struct text input, size_t len, struct proxy_header *header)
{
    char *copy = malloc(len ? len : 1);
    CHECK(copy);
    if (len)
        memcpy(copy, input.at, len);
    enum proxy_result result = proxy_header_read((struct text){copy, len}, header);
    free(copy);
    return result;
}

static void check_source(const struct address *source)
{
    char line[256], written[ADDRESS_TEXT_ROOM];
    struct address again;
    struct proxy_header header;
    address_write(source, written);
    if (source->family != ADDRESS_V4 && source->family != ADDRESS_V6)
        return;
    CHECK(address_read(text_of(written), &again) && address_equals(&again, source));
    const char *family = source->family == ADDRESS_V4 ? "TCP4" : "TCP6";
    snprintf(line, sizeof(line), "PROXY %s %s %s 1 65535\r\nGET", family, written, written);
    CHECK(proxy_header_read(text_of(line), &header) == PROXY_DONE);
    CHECK(address_equals(&header.source, source) && header.bytes == strlen(line) - 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct text input = text_of_input(bytes, len);
    struct proxy_header whole = {0}, header;
    enum proxy_result result = read_prefix(input, len, &whole);
    /* Whole headers are long at most; what is refused later than that would be held for ever. */
    CHECK(result != PROXY_MORE || len < PROXY_HEADER_BYTES_MAX);
    size_t most = len < PROXY_HEADER_BYTES_MAX ? len : PROXY_HEADER_BYTES_MAX;
    bool refused = false;
    for (size_t i = 0; i < most; i++) {
        enum proxy_result part = read_prefix(input, i, &header);
        refused |= part == PROXY_REFUSED;
        CHECK(!refused || (part == PROXY_REFUSED && result == PROXY_REFUSED));
        if (result == PROXY_DONE) {
            CHECK(part == (i < whole.bytes ? PROXY_MORE : PROXY_DONE));
            CHECK(part == PROXY_MORE ||
                  (header.bytes == whole.bytes && address_equals(&header.source, &whole.source)));
        }
        CHECK(result != PROXY_MORE || part == PROXY_MORE);
    }
    if (result == PROXY_DONE) {
        CHECK(whole.bytes > 0 && whole.bytes <= len && whole.bytes <= PROXY_HEADER_BYTES_MAX);
        check_source(&whole.source);
    }
    return 0;
}
