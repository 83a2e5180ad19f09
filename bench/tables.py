# SPDX-License-Identifier: MIT
"""The tables of docs/benchmark.md, each from the results of one bench/run; bench/report.py calls.

A function here takes the results (bench/README.md has their form) and returns Markdown, or None if
the results hold nothing for it. What was not measured is an en dash, never a zero. A row is the
median of its repeats, with the smallest and the largest in brackets.
"""
import statistics
from collections import Counter

import wording
from measured import (OURS, lost_share, median, provenance, role, runs_of, server_name,
                      server_order, servers_of, value, values)
from wording import NONE, count, exact_size, md_table, number, size, spread

SCENARIOS = [f"s{n}" for n in range(1, 10)]
# These follow from a run's pair instead of telling one row from another.
NO_ROWS_BY = {"batch_bytes", "batch", "way"}


# --- one table per scenario -----------------------------------------------------------------------


def column(heading, path, form, only_if_not_zero=False, zero_is_none=False):
    def cells(rows):
        found = [[one for one in values(runs, path) if one or not zero_is_none]
                 for runs in rows]
        if not any(any(row) if only_if_not_zero else row for row in found):
            return None
        return [spread(row, form) for row in found]
    return heading, cells


def split_column():
    def cells(rows):
        texts = []
        for runs in rows:
            parts = [statistics.median(run[part] / run["deliveries"] * 1e6 for run in whole)
                     if whole else None for part in ("cpu_user_s", "cpu_system_s")
                     for whole in [[run for run in runs
                                    if value(run, part) is not None and value(run, "deliveries")]]]
            texts.append(NONE if None in parts else " + ".join(number(part) for part in parts))
        return None if all(text == NONE for text in texts) else texts
    return "user + system, µs", cells


def bottleneck_column():
    def cells(rows):
        texts = []
        for runs in rows:
            found = Counter(run["bottleneck"] for run in runs if run.get("bottleneck"))
            texts.append(", ".join(name if len(found) == 1 else f"{name} in {times}"
                                   for name, times in found.most_common()) or NONE)
        return None if all(text == NONE for text in texts) else texts
    return "bottleneck", cells


def latency_columns(runs):
    """All latencies of a table in one unit: milliseconds, unless all are below one.

    No delivery takes no time: a zero is the percentile of nothing.
    """
    kinds = [("latency_us.p50", "p50"), ("latency_us.p99", "p99"), ("first_us.p50", "first p50"),
             ("last_us.p50", "last p50"), ("last_us.p99", "last p99"),
             ("burst_last_us", "whole burst")]
    largest = max((found for path, _ in kinds for found in values(runs, path)), default=0)
    unit, divisor = ("ms", 1000) if largest >= 1000 else ("µs", 1)
    return [column(f"{heading}, {unit}", path, lambda us: number(us / divisor),
                   zero_is_none=True)
            for path, heading in kinds]


def scenario_columns(name, runs):
    # Every run has these rates; they are results only where they are what is measured.
    rates = {"accept": [column("subscribers/s", "accepts_per_second", number),
                        column("CPU per subscriber, µs", "accept_cpu_us", number)],
             "s3": [column("deliveries per CPU second", "deliveries_per_cpu_s", number)],
             "s5": [column("deliveries per CPU second", "deliveries_per_cpu_s", number)],
             }.get(name, [])
    memory = [column("RSS per subscriber", "rss_bytes_per_subscriber", size),
              column("slab per subscriber", "slab_bytes_per_subscriber", size)]
    memory = memory if name == "s4" else []
    return [
        column("CPU per delivery, µs", "cpu_us_per_delivery", number), split_column(),
        column("deliveries/s", "deliveries_per_s", number),
        *rates,
        column("events/s", "publish_per_second", number),
        column("CPU per event, µs", "publish_cpu_us", number),
        *latency_columns(runs),
        column("all back after, s", "storm_s", number),
        column("lost", "missing", count),
        column("duplicates", "duplicates", count, only_if_not_zero=True),
        column("out of order", "reordered", count, only_if_not_zero=True),
        column("gaps told", "gaps", count, only_if_not_zero=True),
        column("streams short of events", "short_streams", count, only_if_not_zero=True),
        column("dropped", "dropped", count),
        column("slow readers closed", "slow_closed", count, only_if_not_zero=True),
        column("refused", "refused", count, only_if_not_zero=True),
        column("bytes per send", "bytes_per_send", size),
        *memory, bottleneck_column(),
    ]


def parameters_of(runs):
    """({name: value} the same in all runs, [names that differ])."""
    names = {}
    for run in runs:
        for name, setting in (run.get("parameters") or {}).items():
            if name not in NO_ROWS_BY:
                names.setdefault(name, []).append(setting)
    same = {name: found[0] for name, found in names.items()
            if all(setting == found[0] for setting in found)}
    return same, [name for name in names if name not in same]


def rows_of(runs, differing):
    """[((server, cores, setting...), runs)] in the order of the table."""
    rows = {}
    for run in runs:
        settings = run.get("parameters") or {}
        key = (run.get("server", "?"), run.get("cores", 1),
               *(settings.get(name) for name in differing))
        rows.setdefault(key, []).append(run)

    def order(item):
        server, *rest = item[0]
        return server_order(server), [(isinstance(part, str), part is not None, part or 0)
                                      for part in rest]
    return sorted(rows.items(), key=order)


def caption(results, scenario, runs, same, cores):
    titles = {run.get("title") for run in runs}
    title = titles.pop() if len(titles) == 1 and None not in titles else ""
    words = [title] if title else []
    words += [wording.setting(name, found) for name, found in same.items()
              if wording.parameter_value(name, found) not in title]
    if len(cores) == 1:
        words.append("server on one core" if cores == {1} else f"server on {cores.pop()} cores")
    repeats = Counter((run.get("server"), run.get("cores"), str(run.get("parameters")))
                      for run in runs)
    low, high = min(repeats.values()), max(repeats.values())
    words.append(f"{low} to {high} repeats" if low != high else
                 f"{high} repeats" if high > 1 else "one run each")
    text = "; ".join(words + [provenance(results, f"bench/run --only {scenario}")])
    return text[0].upper() + text[1:] + "."


def warnings_of(rows):
    for key, runs in rows:
        found = Counter(text for run in runs for text in dict.fromkeys(run.get("warnings") or []))
        for text, times in found.items():
            often = f" ({times} of {len(runs)} runs)" if len(runs) > 1 else ""
            yield f"- {server_name(key[0])}: {text.rstrip('.')}{often}."


def scenario(results, name):
    runs = runs_of(results, name)
    if not runs:
        return None
    results = dict(results, **{name: runs[0][name] for name in ("commit", "date")
                               if runs[0].get(name)})
    same, differing = parameters_of(runs)
    rows = rows_of(runs, differing)
    cores = {run.get("cores", 1) for run in runs}
    headings, columns = ["server"], [[server_name(key[0]) for key, _ in rows]]
    if len(cores) > 1:
        headings.append("cores")
        columns.append([str(key[1]) for key, _ in rows])
    for index, parameter in enumerate(differing):
        headings.append(wording.parameter_name(parameter))
        columns.append([wording.parameter_value(parameter, key[2 + index]) for key, _ in rows])
    for heading, cells in scenario_columns(name, runs):
        texts = cells([found for _, found in rows])
        if texts:
            headings.append(heading)
            columns.append(texts)
    left = [index for index, heading in enumerate(headings) if heading in ("server", "bottleneck")]
    parts = [caption(results, name, runs, same, cores), md_table(headings, zip(*columns), left)]
    told = list(dict.fromkeys(warnings_of(rows)))
    told += [f"- {server_name(one['server'])} did not get through: {one['sentence']}"
             for one in results.get("failures", []) if one["scenario"] == name]
    if told:
        parts.append("Warnings of these runs:\n\n" + "\n".join(told))
    return "\n\n".join(parts)


# --- peers ----------------------------------------------------------------------------------------


def memory_scenario(results, servers):
    """Where idle memory was measured for the most servers, so that all stand in one column."""
    if any(runs_of(results, "s4", server, 1) for server in servers if role(server) == "peer"):
        return "s4"
    measured = {name: sum(bool(values(runs_of(results, name, server, 1),
                                      "rss_bytes_per_subscriber")) for server in servers)
                for name in ("s4", "s1")}
    return max(measured, key=measured.get)


def peers(results):
    found = [run for name in ("s1", "s3", "s5") for run in runs_of(results, name, cores=1)]
    servers = servers_of(found)
    if not any(role(server) == "peer" for server in servers):
        return None
    memory = memory_scenario(results, servers)
    ours = {name: median(runs_of(results, name, OURS, 1), "cpu_us_per_delivery")
            for name in ("s1", "s5", "s3")}

    def cost(server, name):
        runs = runs_of(results, name, server, 1)
        found = median(runs, "cpu_us_per_delivery")
        text = number(found)
        if found is not None and ours[name] and server != OURS:
            text += f" (× {number(found / ours[name])})"
        lost = lost_share(runs)
        return text + (f", loses {wording.percentage(lost)}" if lost else "")

    rows = []
    for server in servers:
        flood, steady = (runs_of(results, name, server, 1) for name in ("s3", "s1"))
        rows.append([server_name(server), *(cost(server, name) for name in ours),
                     number(median(flood, "deliveries_per_s")),
                     wording.time(median(steady, "latency_us.p50")),
                     size(median(runs_of(results, memory, server, 1),
                                 "rss_bytes_per_subscriber"))])
    note = ("Server on one core, clients on the other; medians. CPU per delivery is user and "
            "system time of all of a server's processes; × says how many times Fanfare's "
            "(io_uring) it is. "
            f"Memory is what RSS grew by when the subscribers of {memory.upper()} came; "
            f"{provenance(results, 'bench/run')}.")
    headings = ["server", "CPU per delivery, µs: S1", "S5", "S3", "deliveries/s in S3", "p50 in S1",
                "RSS per idle subscriber"]
    return note + "\n\n" + md_table(headings, rows)


# --- the other tables -----------------------------------------------------------------------------


def machine(results):
    facts = dict(results.get("machine") or {})
    if not facts:
        return None
    rows = [[name, str(results[key])] for key, name in (("date", "date"), ("commit", "commit"))
            if results.get(key)]
    for key, found in facts.items():
        if isinstance(found, dict):
            rows += [[f"{wording.words(key)}: {name}", wording.fact(name, setting)]
                     for name, setting in found.items()]
        else:
            rows.append([wording.parameter_name(key), wording.fact(key, found)])
    table = md_table(["", ""], rows, left=(0, 1))
    if results.get("quick"):
        return ("**A quick run (`bench/run --quick`): few repeats, short; its figures are a "
                "check that all works, not a result.**\n\n" + table)
    return table


def target(row):
    unit = f" {row['unit']}" if row.get("unit") else ""
    measured = NONE
    if row.get("ratio") is not None:
        measured = number(row["ratio"]) + unit
        if None not in (row.get("low"), row.get("high")) and row.get("pairs", 0) > 1:
            measured += f" [{number(row['low'])} to {number(row['high'])}]"
    held = {True: "yes", False: "**no**"}.get(row.get("held"), NONE)
    return [row.get("name", NONE), row.get("metric", NONE),
            NONE if row.get("target") is None else
            f"{row.get('direction', '')} {wording.limit(row['target'])}{unit}".strip(),
            measured, count(row.get("pairs")), held,
            f"`{row['command']}`" if row.get("command") else NONE]


def targets(results):
    rows = results.get("targets")
    if not rows:
        return None
    held = sum(row.get("held") is True for row in rows)
    known = [row for row in rows if row.get("target") is not None]
    unknown = sum(row.get("held") is None for row in known)
    text = f"{held} of {len(known)} targets hold" + (
        f"; {unknown} could not be measured" if unknown else "")
    return (f"{text}. Measured: the median of the pairs, and in brackets its 95 % interval, below "
            f"six pairs their whole range; {provenance(results, None)}.\n\n" + md_table(
                ["", "metric", "target", "measured", "pairs", "holds", "command"],
                [target(row) for row in rows], left=(0, 1, 5, 6)))


def micro(results):
    benches = (results.get("micro") or {}).get("benches")
    if not benches:
        return None
    rows = []
    for bench in benches:
        low, high = bench.get("min"), bench.get("max")
        wanted = bench.get("target") or {}
        held = {True: ", holds", False: ", **missed**"}.get(wanted.get("reached"), "")
        rows.append([bench.get("name", NONE), number(bench.get("median")),
                     NONE if None in (low, high) else f"{number(low)} to {number(high)}",
                     bench.get("unit") or "", count(bench.get("repeats")),
                     f"at most {wording.limit(wanted['at_most'])}{held}" if wanted else "",
                     bench.get("detail") or ""])
    headings = ["", "median", "smallest to largest", "unit", "repeats", "target", ""]
    kept = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    return (f"Medians; {provenance(results, 'bench/run --only micro')}.\n\n" + md_table(
        [headings[index] for index in kept], [[row[index] for index in kept] for row in rows],
        left=[place for place, index in enumerate(kept) if index in (0, 3, 5, 6)]))


def million(results):
    """bench/million's numbers, which are free of form: a row for each fact, a column per size."""
    runs = sorted(results.get("million") or [], key=lambda run: run.get("subscribers") or 0)
    if not runs:
        return None
    above = {"subscribers", "commit", "date", "kernel"}
    names = [name for name in dict.fromkeys(key for run in runs for key in run)
             if name not in above]
    commits = {provenance(run, "bench/million") for run in runs}
    rows = [[wording.parameter_name(name), *(wording.fact(name, run.get(name)) for run in runs)]
            for name in names]
    text = "; ".join(sorted(commits))
    return text[0].upper() + text[1:] + ".\n\n" + md_table(
        ["subscribers", *(count(run.get("subscribers")) for run in runs)], rows)


def headline(results, link):
    """README's one line: what a flood brings through one core, and what the best peer brings."""
    flood = runs_of(results, "s3", OURS, 1)
    rate = median(flood, "deliveries_per_s")
    if rate is None:
        return None
    settings = flood[0].get("parameters") or {}
    payload, seats = settings.get("payload_bytes"), settings.get("subscribers")
    whole = all(value(run, name) == 0 for run in flood
                for name in ("missing", "duplicates", "reordered", "dropped"))
    whole &= not any(value(run, name) for run in flood for name in ("short_streams", "gaps"))
    text = f"With one core for the server, Fanfare delivers {wording.many(rate)} events"
    text += f" of {exact_size(payload)}" if payload else ""
    text += " a second" + (f" to {count(seats)} subscribers" if seats else "")
    text += ", none lost, all in order" if whole else ""
    rivals = [(median(runs, "deliveries_per_s"), server) for server in servers_of(
        runs_of(results, "s3", cores=1)) if role(server) == "peer"
        for runs in [runs_of(results, "s3", server, 1)] if values(runs, "deliveries_per_s")]
    if rivals:
        best, server = max(rivals)
        text += f"; in the same run {server_name(server)}"
        text += f", the fastest of {len(rivals)} peers," if len(rivals) > 1 else ""
        text += f" delivers {number(best)}"
    return f"{text} ([how]({link}))."
