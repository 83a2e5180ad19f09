/* SPDX-License-Identifier: MIT */
/* What one --listen says beside its address, and lists of routes: what is taken, and the sentence
 * for what is not. */
#include "net/listen_spec.h"

#include <criterion/criterion.h>

#include <errno.h>

#include "net/http/route_names.h"

static struct listen_spec spec;
static char error[512];

static const char *read_spec(const char *text)
{
    error[0] = '\0';
    return listen_spec_read(text, &spec, error, sizeof(error)) ? error : "";
}

Test(listen_spec, an_address_alone)
{
    cr_expect_str_eq(read_spec("[::1]:8080"), "");
    cr_expect_str_eq(spec.address, "[::1]:8080");
    cr_expect_eq(spec.routes, 0);
    cr_expect_not(spec.has_mode);
}

Test(listen_spec, options_of_one_listener)
{
    cr_expect_str_eq(read_spec("unix:/run/a.sock  mode=0640 routes=subscribe,health "), "");
    cr_expect_str_eq(spec.address, "unix:/run/a.sock");
    cr_expect_eq(spec.routes, 1u << ROUTE_NAME_SUBSCRIBE | 1u << ROUTE_NAME_HEALTH);
    cr_expect(spec.has_mode);
    cr_expect_eq(spec.mode, 0640);
}

Test(listen_spec, faults_are_named)
{
    static const char *const rows[][2] = {
        {"127.0.0.1:1 rutes=send", "listen 127.0.0.1:1: behind the address stand "},
        {"127.0.0.1:1 127.0.0.1:2", "listen 127.0.0.1:1: behind the address stand "},
        {"127.0.0.1:1 mode=0660", "listen 127.0.0.1:1: mode is for unix:PATH alone"},
        {"unix:/a mode=999", "listen unix:/a: mode is an octal file mode"},
        {"unix:/a mode=7777", "listen unix:/a: mode is an octal file mode"},
        {"unix:/a mode", "listen unix:/a: mode is an octal file mode"},
        {"unix:/a mode=1 mode=2", "listen unix:/a: mode is given twice"},
        {"unix:/a routes", "listen unix:/a: no route is named; routes are subscribe, "},
        {"unix:/a routes=sned", "listen unix:/a: there is no route \"sned\"; routes are "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(strncmp(read_spec(rows[i][0]), rows[i][1], strlen(rows[i][1])), 0, "%s: %s",
                     rows[i][0], error);
    static char longest[2000];
    memset(longest, 'a', sizeof(longest) - 1);
    cr_expect(strstr(read_spec(longest), "is longer than"), "%s", error);
    longest[1] = ' ';
    cr_expect(strstr(read_spec(longest), "is longer than"), "%s", error);
}

Test(route_names, lists)
{
    unsigned names = 0;
    cr_expect_eq(route_names_read("send, publish page", &names, error, sizeof(error)), 0);
    cr_expect_eq(names, 1u << ROUTE_NAME_SEND | 1u << ROUTE_NAME_PUBLISH | 1u << ROUTE_NAME_PAGE);
    cr_expect_eq(route_names_read(" ,", &names, error, sizeof(error)), -EINVAL);
    /* A route of a later version is no route of this one. */
    cr_expect_eq(route_names_read("mercure", &names, error, sizeof(error)), -EINVAL);
    cr_expect_str_eq(error, "there is no route \"mercure\"; routes are subscribe, publish, send, "
                            "page, health, stats, metrics");
}
