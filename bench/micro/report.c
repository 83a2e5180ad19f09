/* SPDX-License-Identifier: MIT */
/* See report.h. */
#include "bench/micro/report.h"

#include <stdarg.h>
#include <unistd.h>

#include "engine/base/base.h"

/* --- samples --------------------------------------------------------------------------------- */

void samples_add(struct samples *samples, double value)
{
    CHECK(samples->count < REPEATS_MAX);
    unsigned at = samples->count++;
    /* Kept in order, so that median, smallest and largest are only looked up. */
    for (; at > 0 && samples->values[at - 1] > value; at--)
        samples->values[at] = samples->values[at - 1];
    samples->values[at] = value;
}

double samples_median(const struct samples *samples)
{
    CHECK(samples->count > 0);
    unsigned middle = samples->count / 2;
    if (samples->count % 2)
        return samples->values[middle];
    return (samples->values[middle - 1] + samples->values[middle]) / 2;
}

/* --- the report ------------------------------------------------------------------------------ */

static long cores(void)
{
    return sysconf(_SC_NPROCESSORS_ONLN);
}

void report_init(struct report *report, bool json, unsigned repeats)
{
    *report = (struct report){.repeats = repeats, .json = json};
    if (json) {
        report->benches = json_array();
        CHECK(report->benches);
        return;
    }
    printf("%ld cores, %u repeats each. Where more threads run than there are cores they take "
           "turns.\n\n%-32s %10s %10s %10s  %s\n",
           cores(), repeats, "bench", "median", "smallest", "largest", "unit");
}

static void print_row(const struct samples *samples, const struct result *result, const char *name)
{
    double median = samples_median(samples);
    printf("%-32s %10.4g %10.4g %10.4g  %s", name, median, samples->values[0],
           samples->values[samples->count - 1], result->unit);
    if (result->at_most > 0)
        printf("  [target: at most %g, %s]", result->at_most,
               median <= result->at_most ? "reached" : "MISSED");
    printf("\n");
    if (result->detail)
        printf("  %s\n", result->detail);
    fflush(stdout);
}

static void append_row(struct report *report, const struct samples *samples,
                       const struct result *result, const char *name)
{
    double median = samples_median(samples);
    json_t *row = json_pack("{s:s, s:s, s:f, s:f, s:f, s:i, s:s}", "name", name, "unit",
                            result->unit, "median", median, "min", samples->values[0], "max",
                            samples->values[samples->count - 1], "repeats", (int)samples->count,
                            "detail", result->detail ? result->detail : "");
    CHECK(row);
    int r = 0;
    if (result->at_most > 0)
        r = json_object_set_new(row, "target",
                                json_pack("{s:f, s:b}", "at_most", result->at_most, "reached",
                                          median <= result->at_most));
    if (r == 0)
        r = json_array_append_new(report->benches, row);
    CHECK(r == 0);
}

void report_add(struct report *report, const struct samples *samples, const struct result *result,
                const char *name_format, ...)
{
    char name[64];
    va_list arguments;
    va_start(arguments, name_format);
    vsnprintf(name, sizeof(name), name_format, arguments);
    va_end(arguments);
    report->missed += result->at_most > 0 && samples_median(samples) > result->at_most;
    if (report->json)
        append_row(report, samples, result, name);
    else
        print_row(samples, result, name);
}

void report_deinit(struct report *report)
{
    if (!report->json) {
        if (report->missed)
            printf("\n%u of the targets were missed.\n", report->missed);
        return;
    }
    json_t *all = json_pack("{s:i, s:o}", "cores", (int)cores(), "benches", report->benches);
    CHECK(all);
    int r = json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    CHECK(r == 0);
    printf("\n");
    json_decref(all);
}
