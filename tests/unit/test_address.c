/* SPDX-License-Identifier: MIT */
/* Addresses of a server, and what people give instead. */
#include <criterion/criterion.h>

#include "cmd/address.h"

Test(address, fits)
{
    static const char *const good[] = {
        "http://127.0.0.1:8080", "https://h/",         "localhost:8080",        "HTTP://h",
        "http://user:x@h:1/p/q", "http://[::1]:8080/", "http://h/live/events2", "http://h/x/events",
        "http://events/publis",  "h/prefix",
    };
    char error[512];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(address_fits(good[i], error, sizeof(error)), "%s: %s", good[i], error);
}

Test(address, says_what_is_wrong)
{
    static const struct {
        const char *url, *sentence;
    } cases[] = {
        {"http://h:1/publish/news", "\"http://h:1/publish/news\" ends in a path of the server's "
                                    "own; give its address alone: http://h:1, and the channel as "
                                    "an argument"},
        {"http://h/events", "\"http://h/events\" ends in a path of the server's own; give its "
                            "address alone: http://h, and the channel as an argument"},
        {"http://h/?channel=x", "\"http://h/?channel=x\" has a query; give the server's address "
                                "alone: http://h"},
        {"ftp://h", "\"ftp://h\" is no address; allowed: http://HOST:PORT or https://HOST:PORT"},
        {"http:///x",
         "\"http:///x\" is no address; allowed: http://HOST:PORT or https://HOST:PORT"},
    };
    char error[512];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_not(address_fits(cases[i].url, error, sizeof(error)), "%s", cases[i].url);
        cr_expect_str_eq(error, cases[i].sentence);
    }
}
