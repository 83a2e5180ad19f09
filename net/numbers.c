/* SPDX-License-Identifier: MIT */
/* The numbers by name, and as metrics: see numbers.h. */
#include "net/numbers.h"

static const struct number list[NUMBERS] = {
#define ROW(name, kind, help) {#name, #kind, help},
    STATS_TABLE(ROW) NET_STATS_TABLE(ROW)
#undef ROW
};

const struct number *number_at(unsigned index)
{
    return index < NUMBERS ? &list[index] : NULL;
}

int number_find(const char *name)
{
    for (unsigned i = 0; i < NUMBERS; i++)
        if (strcmp(list[i].name, name) == 0)
            return (int)i;
    return -1;
}

void numbers_read(struct hub *hub, const struct net_totals *totals, struct numbers *ret_numbers)
{
    struct numbers *numbers = ret_numbers;
    hub_stats(hub, &numbers->stats);
    numbers->totals = totals ? *totals : (struct net_totals){0};
    uint64_t *value = numbers->values;
#define ENGINE_VALUE(name, kind, help) *value++ = numbers->stats.name;
    STATS_TABLE(ENGINE_VALUE)
#define NET_VALUE(name, kind, help) *value++ = numbers->totals.name;
    NET_STATS_TABLE(NET_VALUE)
    CHECK(value == numbers->values + NUMBERS);
}

void numbers_closed(const struct numbers *numbers, struct number_part ret_parts[NUMBERS_CLOSED])
{
    struct number_part *part = ret_parts;
#define CLOSED_PART(name, counter, word)                                                           \
    *part++ = (struct number_part){word, numbers->stats.closed_##counter};
    CLOSE_REASONS(CLOSED_PART)
    CHECK(part == ret_parts + NUMBERS_CLOSED);
}

/* Those that a worker turned away, after the hub had taken them, are the engine's to know. */
void numbers_refused(const struct numbers *numbers, struct number_part ret_parts[NUMBERS_REFUSED])
{
    const struct stats *stats = &numbers->stats;
    struct number_part *part = ret_parts;
#define REFUSED_PART(word) *part++ = (struct number_part){#word, numbers->totals.refusals_##word};
    REFUSAL_REASONS(REFUSED_PART)
    CHECK(part == ret_parts + NUMBERS_REFUSED);
    for (part = ret_parts; part < ret_parts + NUMBERS_REFUSED; part++) {
        if (strcmp(part->word, "full") == 0)
            part->value += stats->refused_channels + stats->refused_failed;
        else if (strcmp(part->word, "memory") == 0)
            part->value += stats->refused_memory;
    }
}

static void put_family(FILE *out, const char *name, const char *help,
                       const struct number_part *parts, unsigned count)
{
    fprintf(out, "# HELP fanfare_%s_total %s\n# TYPE fanfare_%s_total counter\n", name, help, name);
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "fanfare_%s_total{reason=\"%s\"} %llu\n", name, parts[i].word,
                (unsigned long long)parts[i].value);
}

char *numbers_metrics(struct hub *hub, const struct numbers *numbers, uint64_t uptime_s)
{
    struct number_part closed[NUMBERS_CLOSED], refused[NUMBERS_REFUSED];
    const char *io = hub_io_name(hub);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out,
            "# HELP fanfare_info The program that answers\n# TYPE fanfare_info gauge\n"
            "fanfare_info{version=\"%s\",io=\"%.*s\"} 1\n"
            "# HELP fanfare_workers Worker threads\n# TYPE fanfare_workers gauge\n"
            "fanfare_workers %u\n"
            "# HELP fanfare_uptime_seconds Seconds since the server was made\n"
            "# TYPE fanfare_uptime_seconds gauge\nfanfare_uptime_seconds %llu\n",
            FANFARE_VERSION, (int)strcspn(io, " "), io, hub_workers(hub),
            (unsigned long long)uptime_s);
    for (unsigned i = 0; i < NUMBERS; i++) {
        const char *total = strcmp(list[i].kind, "counter") == 0 ? "_total" : "";
        fprintf(out, "# HELP fanfare_%s%s %s\n# TYPE fanfare_%s%s %s\nfanfare_%s%s %llu\n",
                list[i].name, total, list[i].help, list[i].name, total, list[i].kind, list[i].name,
                total, (unsigned long long)numbers->values[i]);
    }
    numbers_closed(numbers, closed);
    numbers_refused(numbers, refused);
    put_family(out, "closed", "Streams that have ended, by reason", closed, NUMBERS_CLOSED);
    put_family(out, "refused", "What could not be had then, by reason", refused, NUMBERS_REFUSED);
    if (ferror(out) | fclose(out)) {
        free(text);
        return NULL;
    }
    return text;
}
