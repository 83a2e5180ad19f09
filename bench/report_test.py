# SPDX-License-Identifier: MIT
"""The self-test of bench/report.py: a small results file, made up, and what must come of it.

    bench/report.py --self-test

The figures here are nobody's: round numbers, chosen so that what is expected can be read off.
"""
import json
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import figures
import plots
import report
import tables
import variants
import wording


def run(scenario, server, repeat=0, cpu=5.0, rate=100000, **more):
    deliveries = 1000000
    return {"scenario": scenario, "server": server, "cores": 1, "repeat": repeat, "pair": repeat,
            "parameters": {"subscribers": 1000, "rate": 100, "payload_bytes": 128},
            "command": f"{server} --feed /tmp/{repeat}",
            "title": f"Case {scenario}, 1,000 subscribers",
            "cpu_user_s": 1.0, "cpu_system_s": cpu - 1, "cpu_s": cpu, "wall_s": 10.0,
            "deliveries": deliveries, "expected": deliveries, "events": 1000, "missing": 0,
            "duplicates": 0, "reordered": 0, "dropped": 0, "gaps": None,
            "cpu_us_per_delivery": cpu, "deliveries_per_s": rate,
            "deliveries_per_cpu_s": deliveries / cpu,
            "latency_us": {"p50": 2800, "p90": 3900, "p99": 5100, "p999": 7000, "max": 9000},
            "first_us": {"p50": 90, "p99": 300}, "last_us": {"p50": 4200, "p99": 5600},
            "bytes_per_send": 200, "bottleneck": "server", "warnings": [],
            "accepts_per_second": 30000,
            "histogram": [[0, 1000], [0.5, 2800], [0.9, 4000], [0.99, 6000], [1, 9000]]} | more


def sample():
    runs = []
    for repeat, cpu in enumerate([5.5, 5.2, 5.4]):
        runs += [run("s1", "fanfare-uring", repeat, cpu, rss_bytes_per_subscriber=85.4),
                 run("s1", "floor-each-send", repeat, cpu + 0.2),
                 run("s1", "nchan", repeat, 2 * cpu, rss_bytes_per_subscriber=10752,
                     warnings=["the client was the bottleneck"] if repeat else [],
                     histogram=[[0, 2000], [0.5, 5000], [0.9, 9000], [0.99, 20000]])]
    for server, cpu, rate in [("fanfare-uring", 0.03, 31234567), ("floor-all-send", 0.02, 42500000),
                              ("nchan", 9, 117000), ("slow", 90, 5000),
                              ("sleepy", None, None)]:
        runs.append(run("s3", server, 0, cpu or 9, rate, cpu_us_per_delivery=cpu,
                        deliveries_per_cpu_s=cpu and 1e6 / cpu,
                        missing=0 if server != "nchan" else 80000,
                        last_us={"p50": 0 if server == "sleepy" else 4200, "p99": 5600}))
    runs.append(run("s4", "fanfare-uring", rss_bytes_per_subscriber=85.4))
    runs.append(run("accept", "floor-each-send", accepts_per_second=41234, accept_cpu_us=21.5))
    for payload in (16, 1024, 16384, 262144):
        for server, rate in (("fanfare-uring", 4e9), ("floor-all-send", 5e9)):
            runs.append(run("s8", server, 0, 5, rate / (payload + 900),
                            parameters={"subscribers": 100, "payload_bytes": payload}))
    return {
        "format": 1, "date": "2026-01-02", "commit": "abc1234", "quick": False,
        "machine": {"cpu": "One | Two", "cores": 2, "memory_bytes": 24 << 30,
                    "tcp": {"tcp_mem": "1 2 3"}, "steal_percent": 0.1},
        "runs": runs,
        "targets": [
            {"name": "S1", "metric": "CPU per delivery", "target": 1.0, "direction": "at most",
             "ratio": 0.9712, "low": 0.95, "high": 0.991, "pairs": 10, "held": True,
             "command": "bench/run --only s1", "unit": ""},
            {"name": "idle", "metric": "RSS", "target": 160, "direction": "at most", "ratio": 185.2,
             "low": None, "high": None, "pairs": 3, "held": False, "command": "", "unit": "B"}],
        "micro": {"benches": [{"name": "frame", "unit": "ns", "median": 61.26, "min": 60,
                               "max": 1234.5, "repeats": 9, "detail": "",
                               "target": {"at_most": 2, "reached": False}}]},
        "million": [{"subscribers": 1000000, "connect_s": 93.21, "missing": 0, "commit": "abc"},
                    {"subscribers": 300000, "connect_s": 20, "missing": 0, "commit": "abc"}],
    }


FIGURES = [  # (what is written, what is expected)
    (wording.number(5.5), "5.50"), (wording.number(0.02314), "0.0231"),
    (wording.number(249123), "249,000"), (wording.number(9.996), "10.0"),
    (wording.number(0), "0"), (wording.number(None), "–"), (wording.number(-12.34), "-12.3"),
    (wording.size(85.4), "85.4 B"), (wording.size(10752), "10.5 KiB"),
    (wording.exact_size(262144), "256 KiB"), (wording.count(1234567), "1,234,567"),
    (wording.count(0.5), "0.5"), (wording.time(2900), "2.90 ms"),
    (wording.limit(1.0), "1.00"), (wording.limit(0.7), "0.70"),
    (wording.limit(1000000), "1,000,000"),
    (wording.spread([3, 1, 2], wording.number), "2.00 (1.00 to 3.00)"),
    (wording.spread([2, 2], wording.number), "2.00"), (wording.spread([], wording.number), "–"),
    (wording.setting("payload_bytes", 16384), "payload 16 KiB"),
    (wording.setting("window_ms", 20), "window 20 ms"), (wording.time(12.7e6), "12.7 s"),
    (wording.parameter_name("server_cpu_us_per_delivery"), "server CPU per delivery"),
]

LINES = [  # (part, a line that must be in it)
    ("s1", "Case s1, 1,000 subscribers; events/s 100; payload 128 B; server on one core; 3 "
           "repeats; commit `abc1234`, 2026-01-02, `bench/run --only s1`."),
    ("s1", "- nchan: the client was the bottleneck (2 of 3 runs)."),
    ("s1", "| Fanfare, io_uring | 5.40 (5.20 to 5.50) | 1.00 + 4.40 | 100,000 | "
           "2.80 | 5.10 | 0.0900 | 4.20 | 5.60 | 0 | 0 | 200 B | server |"),
    ("s3", "| sleepy | – | 1.00 + 8.00 | – | – | 2.80 | 5.10 | 0.0900 | – | 5.60 | 0 | 0 | "
           "200 B | server |"),
    ("peers", "| nchan | 10.8 (× 2.00) | – | 9.00 (× 300), loses 8.00 % | 117,000 | 2.80 ms | "
              "10.5 KiB |"),
    ("peers", "| Fanfare, io_uring | 5.40 | – | 0.0300 | 31,200,000 | 2.80 ms | 85.4 B |"),
    ("targets", "| S1 | CPU per delivery | at most 1.00 | 0.971 [0.950 to 0.991] | 10 | yes | "
                "`bench/run --only s1` |"),
    ("targets", "| idle | RSS | at most 160 B | 185 B | 3 | **no** | – |"),
    ("machine", "| processor | One \\| Two |"), ("machine", "| memory | 24.0 GiB |"),
    ("machine", "| TCP: tcp_mem | 1 2 3 |"),
    ("micro", "| frame | 61.3 | 60.0 to 1,230 | ns | 9 | at most 2, **missed** |"),
    ("million", "Commit `abc`, `bench/million`."), ("million", "| connect | 20 s | 93.2 s |"),
    ("million", "| subscribers | 300,000 | 1,000,000 |"),
    ("s4", "| Fanfare, io_uring | 5.00 | 1.00 + 4.00 | 100,000 | 2.80 | 5.10 | 0.0900 | 4.20 | "
           "5.60 | 0 | 0 | 200 B | 85.4 B | server |"),
    ("accept", "| floor (a), send | 5.00 | 1.00 + 4.00 | 100,000 | 41,200 | 21.5 | "
               "2.80 | 5.10 | 0.0900 | 4.20 | 5.60 | 0 | 0 | 200 B | server |"),
]

PAGE = """\
# Prose
<!-- generated: s1 -->
old
<!-- end -->
between
<!-- generated: s7 -->
kept
<!-- end -->
<!-- generated: plots -->
<!-- end -->
"""
FAULTY = {  # pages that must be refused: a word of the sentence
    "<!-- generated: s10 -->\n<!-- end -->\n": "nothing is called",
    "<!-- generated: s1 -->\n": "has no <!-- end -->",
    "a\n<!-- end -->\n": "without a beginning",
    "<!-- generated: s1 -->\n<!-- generated: s2 -->\n<!-- end -->\n": "yet",
    "<!-- generated: s1 -->\n<!-- end -->\n<!-- generated: s1 -->\n<!-- end -->\n": "already",
}


def table_faults(results):
    for written, expected in FIGURES:
        if written != expected:
            yield f"a figure reads {written} instead of {expected}"
    parts = report.parts_of(results)
    for name, line in LINES:
        if line not in (parts[name] or "").split("\n") and line not in (parts[name] or ""):
            yield f"{name} does not have the line\n  {line}\nbut\n{parts[name]}"
    if parts["s2"] is not None or parts["publish"] is not None:
        yield "there is a table of a scenario that did not run"
    rows = [line for line in parts["s8"].split("\n") if line.startswith("| Fanfare")]
    if [row.split(" | ")[1] for row in rows] != ["16 B", "1 KiB", "16 KiB", "256 KiB"]:
        yield f"S8 does not have a row for each payload, in order:\n{parts['s8']}"
    if "dup" in parts["s1"]:
        yield "S1 has a column for duplicates, and none came"
    if "quick" in parts["machine"] or "quick" not in tables.machine(results | {"quick": True}):
        yield "it is not said whether the run was a quick one"
    line = tables.headline(results, "docs/b.md")
    expected = ("With one core for the server, Fanfare delivers 31.2 million events of 128 B "
                "a second to 1,000 subscribers, none lost, all in order; in the same run nchan, "
                "the fastest of 2 peers, delivers 117,000 ([how](docs/b.md)).")
    if line != expected:
        yield f"README's line reads\n  {line}\ninstead of\n  {expected}"


def turn_faults():
    """Two and four change ends each time; of three each has each place equally often."""
    for servers, expected in (("AB", "AB BA AB"), ("ABCD", "ABCD DCBA ABCD"),
                              ("ABC", "ABC CBA BCA ACB CAB BAC ABC")):
        orders = ["".join(figures.turn(servers, repeat)) for repeat in range(7)]
        if orders[:len(expected.split())] != expected.split():
            yield f"{servers} take turns as {orders}"


def variants_sample():
    """Of each server two runs; compat costs 1.1 times as much as io_uring, and half of epoll."""
    runs = []
    for repeat in range(2):
        for server, cpu in (("fanfare-uring", 5.0), ("fanfare-compat", 5.5), ("fanfare-epoll", 11)):
            runs += [run("s1", server, repeat, cpu),
                     run("join", server, repeat, join_cpu_us=2 * cpu, leave_cpu_us=cpu)]
    runs.append(run("s4", "fanfare-compat", rss_bytes_per_subscriber=88.4))
    return {"format": 1, "kind": "variants", "date": "2026-01-02", "commit": "abc1234",
            "runs": runs, "targets": variants.judge(runs)}


VARIANT_LINES = [
    ("variants", "|  | Fanfare, io_uring | Fanfare, io_uring (compat) | Fanfare, epoll |"),
    ("variants", "| S1: CPU per delivery, µs | 5.00 | 5.50 | 11.0 |"),
    ("variants", "| CPU of a join, µs | 10.0 | 11.0 | 22.0 |"),
    ("variants", "| memory of an idle subscriber | – | 88.4 B | – |"),
    ("variants-targets", "| S1 fanfare-compat | CPU per delivery, to fanfare-uring | "
     "at most 1.05 | 1.10 [1.10 to 1.10] | 2 | **no** | `bench/run --variants --only s1` |"),
    ("variants-targets", "| S1 fanfare-compat | CPU per delivery, to fanfare-epoll | "
     "at most 0.90 | 0.500 [0.500 to 0.500] | 2 | yes | `bench/run --variants --only s1` |"),
    ("variants-targets", "| join fanfare-compat | CPU of a leave, to fanfare-epoll | – | "
     "0.500 [0.500 to 0.500] | 2 | – | `bench/run --variants --only join` |"),
]


def variants_faults(folder):
    """They have parts of their own, and change no other, README's line included."""
    results = variants_sample()
    parts = report.parts_of(results)
    for name, line in VARIANT_LINES:
        if line not in (parts[name] or "").split("\n"):
            yield f"{name} does not have the line\n  {line}\nbut\n{parts[name]}"
    if report.parts_of(sample()).get("variants"):
        yield "a run without variants has a table of them"
    page, readme = folder / "variants.md", folder / "variants-readme.md"
    page.write_text(PAGE + "<!-- generated: variants -->\n<!-- end -->\n", encoding="utf-8")
    readme.write_text("<!-- generated: headline -->\nkept\n<!-- end -->\n", encoding="utf-8")
    report.report(results, page, folder / "plots", readme, lambda line: None)
    text = page.read_text(encoding="utf-8")
    if not text.startswith(PAGE) or parts["variants"] not in text:
        yield f"a report of the variants reads:\n{text}"
    if "kept" not in readme.read_text(encoding="utf-8"):
        yield "a report of the variants changed README's line"


def page_faults(results, folder):
    page, readme = folder / "docs/page.md", folder / "README.md"
    page.parent.mkdir()
    page.write_text(PAGE, encoding="utf-8")
    readme.write_text("a\n<!-- generated: headline -->\n<!-- end -->\nb\n", encoding="utf-8")
    said = []
    report.report(results, page, folder / "docs/plots", readme, said.append)
    text = page.read_text(encoding="utf-8")
    if "old" in text or tables.scenario(results, "s1") not in text:
        yield f"the table of S1 is not in its place:\n{text}"
    if not text.startswith("# Prose\n<!--") or "\nbetween\n" not in text or "\nkept\n" not in text:
        yield f"prose was changed:\n{text}"
    if not any("left as they were: s7" in line for line in said):
        yield f"it is not said that S7 is missing: {said}"
    front = readme.read_text(encoding="utf-8").split("\n")
    if len(front) != 6 or "](docs/page.md)" not in front[2]:
        yield f"README's line is not in its place: {front}"
    if not plots.missing():
        yield from plot_faults(folder / "docs/plots", text, said)
    report.report(results, page, folder / "docs/plots", readme, said.append)
    if page.read_text(encoding="utf-8") != text:
        yield "a second report of the same results is not the same"
    for faulty, word in FAULTY.items():
        page.write_text(faulty, encoding="utf-8")
        try:
            report.report(results, page, folder / "docs/plots", readme, said.append)
            yield f"this page is not refused:\n{faulty}"
        except report.Fault as fault:
            if word not in str(fault):
                yield f"\"{fault}\" does not say \"{word}\""
        if page.read_text(encoding="utf-8") != faulty:
            yield f"a page that was refused was changed:\n{faulty}"


def plot_faults(folder, text, said):
    for name, (_, alt) in plots.PLOTS.items():
        if f"![{alt}](plots/{name})" not in text:
            yield f"{name} is not shown: {said}"
            continue
        root = xml.etree.ElementTree.parse(folder / name).getroot()
        titles = [node.text for node in root if node.tag.endswith("title")]
        if titles != [alt]:
            yield f"{name} is called {titles}"


def curve_faults():
    points = plots.curve([{"histogram": [[0, 1], [0.5, 10], [0.99, 30], [1, 99]]},
                          {"histogram": [[0, 1], [0.5, 20], [0.99, 40], [1, 99]]}])
    if points != [("2", 15), ("100", 35)]:
        yield f"a percentile curve goes through {points}"
    lossy = [run("s3", "x", deliveries=700000, short_streams=3)]
    if tables.lost_share(lossy) != 0.3 or tables.lost_share([run("s3", "x")]) != 0:
        yield f"the loss of subscribers that are not parsed is {tables.lost_share(lossy)}"


def file_faults(folder):
    """Results are read with those of bench/million; what is no results file is refused."""
    path = folder / "r.json"
    (folder / "million-300000.json").write_text('{"subscribers": 300000}', encoding="utf-8")
    for text, word in (("{", "is not JSON"), ("[]", "object"), ('{"format": 2}', "format 1")):
        path.write_text(text, encoding="utf-8")
        try:
            report.read_results(path)
            yield f"a file with {text} is taken for results"
        except report.Fault as fault:
            if word not in str(fault):
                yield f"\"{fault}\" does not say \"{word}\""
    path.write_text(json.dumps(sample()), encoding="utf-8")
    if report.read_results(path)["million"] != [{"subscribers": 300000}]:
        yield "the results of bench/million are not found"


def faults():
    results = sample()
    yield from table_faults(results)
    yield from curve_faults()
    yield from turn_faults()
    with tempfile.TemporaryDirectory() as folder:
        yield from page_faults(results, Path(folder))
        yield from file_faults(Path(folder))
        yield from variants_faults(Path(folder))
