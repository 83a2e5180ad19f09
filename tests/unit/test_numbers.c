/* SPDX-License-Identifier: MIT */
/* The numbers by name: a list without doubles, values in its order, and the text of metrics. */
#include <criterion/criterion.h>

#include "net/numbers.h"

static struct hub *hub_make(void)
{
    struct hub_options options;
    struct hub *hub = NULL;
    hub_options_default(&options);
    options.workers = 3;
    options.memory_max = 123456789;
    cr_assert_eq(hub_new(&options, &hub), 0);
    return hub;
}

Test(numbers, each_name_is_there_once_and_is_found)
{
    for (unsigned i = 0; i < NUMBERS; i++) {
        const struct number *number = number_at(i);
        cr_assert(number);
        cr_expect_eq(number_find(number->name), (int)i, "%s", number->name);
        cr_expect(strcmp(number->kind, "counter") == 0 || strcmp(number->kind, "gauge") == 0);
        cr_expect_neq(number->help[0], '\0');
    }
    cr_expect_null(number_at(NUMBERS));
    cr_expect_eq(number_find("no such number"), -1);
    cr_expect_eq(number_find(""), -1);
}

Test(numbers, values_stand_in_the_order_of_names)
{
    struct hub *hub = hub_make();
    struct net_totals totals = {.feeds_held = 77};
    struct numbers numbers;
    numbers_read(hub, &totals, &numbers);
    cr_expect_eq(numbers.values[number_find("memory_max")], 123456789);
    cr_expect_eq(numbers.values[number_find("feeds_held")], 77);
    numbers_read(hub, NULL, &numbers);
    cr_expect_eq(numbers.values[number_find("feeds_held")], 0);
    hub_free(hub);
}

Test(numbers, metrics_have_a_line_for_each)
{
    struct hub *hub = hub_make();
    struct numbers numbers;
    char line[256];
    numbers_read(hub, NULL, &numbers);
    char *text = numbers_metrics(hub, &numbers, 42);
    cr_assert(text);
    for (unsigned i = 0; i < NUMBERS; i++) {
        const struct number *number = number_at(i);
        const char *total = strcmp(number->kind, "counter") == 0 ? "_total" : "";
        snprintf(line, sizeof(line), "\nfanfare_%s%s %llu\n", number->name, total,
                 (unsigned long long)numbers.values[i]);
        cr_expect(strstr(text, line), "%s", line);
    }
    cr_expect(strstr(text, "fanfare_uptime_seconds 42\n"));
    cr_expect(strstr(text, "fanfare_workers 3\n"));
    cr_expect(strstr(text, "fanfare_closed_total{reason=\"gone\"} 0\n"));
    free(text);
    hub_free(hub);
}
