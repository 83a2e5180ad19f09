/* SPDX-License-Identifier: MIT */
/* Places that something is fetched from, as an option says them. */
#include <criterion/criterion.h>

#include "net/fetch/place.h"

static void expect(const char *text, const char *url, const char *unix_path)
{
    struct fetch_place place;
    const char *fault = fetch_place_read(text, &place);
    cr_expect_null(fault, "%s: %s", text, fault);
    cr_expect(fetch_place_is(text), "%s", text);
    if (fault)
        return;
    cr_expect_str_eq(place.url, url);
    cr_expect_str_eq(place.unix_path, unix_path);
}

static void expect_refused(const char *text, const char *said)
{
    struct fetch_place place;
    const char *fault = fetch_place_read(text, &place);
    cr_expect(fault && strstr(fault, said), "%s: %s", text, fault ? fault : "taken");
}

Test(fetch_place, what_can_be_said)
{
    expect("http://127.0.0.1:3000/auth", "http://127.0.0.1:3000/auth", "");
    expect("http://[::1]:3000/a?b=c", "http://[::1]:3000/a?b=c", "");
    expect("https://app.example/auth", "https://app.example/auth", "");
    expect("http://app", "http://app", "");
    expect("unix:/run/app.sock:/auth?x=1", "http://localhost/auth?x=1", "/run/app.sock");
    expect("unix:app.sock", "http://localhost/", "app.sock");
}

Test(fetch_place, what_cannot)
{
    expect_refused("", "is no URL");
    expect_refused("/auth", "is no URL");
    expect_refused("ftp://app/", "is no URL");
    expect_refused("file:///etc/passwd", "is no URL");
    expect_refused("HTTP://app/", "is no URL");
    expect_refused("http://", "is no URL");
    expect_refused("http:///auth", "is no URL");
    expect_refused("http://app:99999/", "is no URL");
    expect_refused("http://app:x/", "is no URL");
    expect_refused("http://me:secret@app/", "a user or a password");
    expect_refused("http://me@app/", "a user or a password");
    expect_refused("http://app/#here", "fragment");
    expect_refused("http://app/a b", "a space");
    expect_refused("http://app/\r\nHost: evil", "a space");
    expect_refused("http://app/\xc3\xbc", "ASCII");
    expect_refused("unix:", "no socket");
    expect_refused("unix::/auth", "no socket");
    expect_refused("unix:/run/"
                   "1234567890123456789012345678901234567890123456789012345678901234567890"
                   "1234567890123456789012345678901234567890:/auth",
                   "too long");
    char url[PLACE_URL_BYTES + 32];
    snprintf(url, sizeof(url), "http://app/%0*d", PLACE_URL_BYTES, 0);
    expect_refused(url, "longer than");
}
