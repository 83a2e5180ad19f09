/* SPDX-License-Identifier: MIT */
/* What the log says of trouble: once, with the number, and not again for a while. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cmd/watch.h"

static struct watch watch;
static struct watch_sample now;
static char lines[4096];

static void note(void *context, const char *line)
{
    (void)context;
    size_t len = strlen(lines);
    snprintf(lines + len, sizeof(lines) - len, "%s\n", line);
}

static void begin(void)
{
    memset(&now, 0, sizeof(now));
    now.net.connections_refused_descriptors = 7; /* nobody's news */
    watch_begin(&watch, &now);
}

/* A second later; how many lines there were, and they are in `lines`. */
static unsigned look(void)
{
    unsigned count = 0;
    lines[0] = '\0';
    now.monotonic_ms += WATCH_EVERY_MS;
    now.wall_ms += WATCH_EVERY_MS;
    watch_look(&watch, &now, note, NULL);
    for (const char *at = lines; (at = strchr(at, '\n')); at++)
        count++;
    return count;
}

Test(watch, nothing_to_say, .init = begin)
{
    now.hub.published = 1000;
    now.net.publishes_waited = 1000;
    now.net.timeouts_idle = 5;
    cr_expect_eq(look(), 0, "%s", lines);
}

Test(watch, what_is_refused_by_address, .init = begin)
{
    now.net.subscribers_refused_address = 2;
    now.net.subscribers_refused_channel = 1;
    now.net.connections_refused_rate = 4;
    now.net.connections_refused_proxy = 5;
    now.net.connections_refused_untrusted = 1;
    now.net.forwarded_broken = 7;
    cr_expect_eq(look(), 4, "%s", lines);
    cr_expect(strstr(lines, "3 streams were refused by --subscribers-per-address, "), "%s", lines);
    cr_expect(strstr(lines, "4 connections were refused by --connect-rate; "), "%s", lines);
    cr_expect(strstr(lines, "6 connections were refused for want of a PROXY header"), "%s", lines);
    cr_expect(strstr(lines, "7 requests of trusted proxies do not say "), "%s", lines);
}

Test(watch, a_number_since_the_last_line_and_what_to_do, .init = begin)
{
    now.net.connections_refused_descriptors += 3;
    cr_assert_eq(look(), 1);
    cr_expect_str_eq(lines, "3 connections were refused for want of descriptors; raise the limit "
                            "(ulimit -Hn, LimitNOFILE=), or lower --connections-max and "
                            "--subscribers-max\n");
    for (int i = 1; i < 10; i++) {
        now.net.connections_refused_descriptors += 10;
        cr_expect_eq(look(), 0, "after %d s: %s", i, lines);
    }
    cr_expect_eq(look(), 1);
    cr_expect_eq(strncmp(lines, "90 connections", 14), 0, "%s", lines);
}

Test(watch, what_goes_on_is_said_ever_more_rarely, .init = begin)
{
    unsigned said = 0;
    for (int i = 0; i < 3600; i++) {
        now.hub.evicted_memory++;
        said += look();
    }
    cr_expect(said >= 8 && said <= 14, "%u lines in an hour", said);
    said = 0;
    for (int i = 0; i < 1300; i++)
        said += look();
    cr_expect_eq(said, 1, "%u lines: what was left to say", said);
    now.hub.evicted_memory++;
    cr_expect_eq(look(), 1, "it is news again");
    now.hub.evicted_memory++;
    for (int i = 0; i < 9; i++)
        cr_expect_eq(look(), 0);
    cr_expect_eq(look(), 1);
}

Test(watch, every_kind, .init = begin)
{
    now.net.listeners_rested = now.net.connections_refused_limit = now.net.subscribers_refused = 1;
    now.net.requests_refused_memory = now.net.publishes_refused_busy = 1;
    now.net.feeds_refused_peer = 1;
    now.hub.closed_memory = now.hub.evicted_memory = now.hub.intake_stalled = 1;
    now.hub.closed_slow = now.hub.closed_stuck = 1;
    cr_expect_eq(look(), 11, "%s", lines);
}

Test(watch, publishers_that_wait_in_vain, .init = begin)
{
    now.net.publishes_waiting = 2;
    now.hub.channels_held = 1;
    cr_expect_eq(look(), 0, "they have only begun: %s", lines);
    cr_expect_eq(look(), 0, "%s", lines);
    cr_assert_eq(look(), 1);
    cr_expect_eq(strncmp(lines, "2 publishers wait, and for 2 s nothing went out; 1 channels", 59),
                 0, "%s", lines);
    for (int i = 0; i < 100; i++) { /* back-pressure as usual */
        now.hub.published++;
        cr_expect_eq(look(), 0, "%s", lines);
    }
}

Test(watch, a_clock_that_jumps, .init = begin)
{
    now.wall_ms += 3600 * 1000;
    cr_assert_eq(look(), 1);
    cr_expect_not_null(strstr(lines, "set forward by 3600 s"));
    now.wall_ms += 500;
    cr_expect_eq(look(), 0);
    for (int i = 0; i < 20; i++)
        (void)look();
    now.wall_ms -= 60 * 1000;
    cr_assert_eq(look(), 1);
    cr_expect_not_null(strstr(lines, "set back by 60 s"));
}
