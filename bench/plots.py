# SPDX-License-Identifier: MIT
"""The plots of docs/benchmark.md, as SVG by gnuplot; bench/report.py calls write().

Colours are those of Okabe and Ito, told apart by most colour-blind readers; lines differ in their
dashes too, and bars carry their name and figure. Fanfare is blue and the floors are grey, always.
"""
import math
import re
import shutil
import statistics
import subprocess
from html import escape

from measured import OURS, median, role, runs_of, server_name, servers_of, values
from wording import exact_size, number

COLOURS = {"fanfare-uring": "#0072B2", "fanfare-epoll": "#56B4E9", "fanfare-compat": "#004166",
           "floor-each-send": "#555555", "floor-each-uring": "#999999",
           "floor-all-send": "#222222", "floor-all-uring": "#777777"}
PEER_COLOURS = ["#D55E00", "#009E73", "#CC79A7", "#E69F00", "#B8A800"]
BAR = {"fanfare": "#0072B2", "floor": "#8A8A8A", "peer": "#E69F00"}
# Read as one list by browsers; gnuplot takes only one name.
FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
HEAD = """\
set encoding utf8
set terminal svg size {width},{height} font "Arial,14" noenhanced background "#ffffff"
set output
set border 3 linecolor "#444444"
set tics nomirror textcolor "#222222"
set grid linecolor "#dddddd" linetype 1
set title {title} font "Arial,17"
"""
# From half of the deliveries to 99.999 %: what is above is one in very many.
CURVE_BEGIN, CURVE_END = 2, 1e5
TIMES = [("10 µs", 1e1), ("100 µs", 1e2), ("1 ms", 1e3), ("10 ms", 1e4), ("100 ms", 1e5),
         ("1 s", 1e6), ("10 s", 1e7), ("100 s", 1e8)]


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(name, rows):
    """Data within the script; without rows gnuplot would stop."""
    lines = "\n".join(" ".join(str(cell) for cell in row) for row in rows)
    return f"${name} << END\n{lines}\nEND\n"


def colours(servers):
    peers = [server for server in servers if role(server) == "peer"]
    return COLOURS | {server: PEER_COLOURS[index % len(PEER_COLOURS)]
                      for index, server in enumerate(peers)}


# --- latency --------------------------------------------------------------------------------------


def curve(runs):
    """[(1 / (1 - share), us)], the median of the repeats: half are below at 2, 99 % at 100."""
    found = {}
    for run in runs:
        for share, us in run.get("histogram") or []:
            found.setdefault(share, []).append(us)
    places = {1 / (1 - share): us for share, us in found.items() if share < 1}
    return [(f"{place:.6g}", max(statistics.median(places[place]), 1))
            for place in sorted(places) if CURVE_BEGIN <= place <= CURVE_END * 1.01]


def latency(results):
    found = runs_of(results, "s1", cores=1)
    servers = [server for server in servers_of(found)
               if role(server) == "peer" or server in (OURS, "floor-each-send")]
    curves = {server: curve(runs_of(results, "s1", server, 1)) for server in servers}
    curves = {server: points for server, points in curves.items() if len(points) > 1}
    if not curves:
        return None
    paint = colours(list(curves))
    low = min(us for points in curves.values() for _, us in points)
    script = HEAD.format(width=960, height=540, title=quoted(
        "S1: from the intended publish time to a subscriber"))
    script += (f"set logscale xy\nset xrange [{CURVE_BEGIN}:*]\n"
               'set xlabel "share of deliveries at or below"\n'
               'set ylabel "latency (logarithmic)"\n'
               "set key outside right center reverse Left spacing 1.4\n"
               f"set yrange [{0.999 * 10 ** math.floor(math.log10(low)):.6g}:*]\nset ytics ("
               + ", ".join(f"{quoted(text)} {us:.0f}" for text, us in TIMES) + ")\n"
               'set xtics ("50 %%" 2, "90 %%" 10, "99 %%" 100, "99.9 %%" 1000, '
               '"99.99 %%" 10000, "99.999 %%" 100000)\n')
    lines = []
    for index, (server, points) in enumerate(curves.items()):
        script += block(f"c{index}", points)
        width, dash = (3.5, 1) if server == OURS else (2, 1 + index % 5)
        lines.append(f"$c{index} using 1:2 with linespoints linewidth {width} dashtype {dash} "
                     f"pointtype {4 + index % 12} pointsize 0.6 "
                     f"linecolor {quoted(paint[server])} title {quoted(server_name(server))}")
    return script + "plot " + ", \\\n  ".join(lines) + "\n"


# --- bars -----------------------------------------------------------------------------------------


def bars(results, scenario, path, title, axis, log):
    """One bar across for each server, its whisker from the smallest to the largest repeat."""
    rows = []
    for server in servers_of(runs_of(results, scenario, cores=1)):
        runs = runs_of(results, scenario, server, 1)
        found = values(runs, path)
        if found and median(runs, path) > 0:
            rows.append((server, median(runs, path), min(found), max(found)))
    if not rows:
        return None
    rows.sort(key=lambda row: row[1], reverse=not log)
    low = 10 ** (len(str(int(min(row[2] for row in rows)))) - 1) if log else 0
    highest = max(row[3] for row in rows)
    script = HEAD.format(width=960, height=130 + 32 * len(rows), title=quoted(title))
    script += (f"set xlabel {quoted(axis)}\nset yrange [-0.7:{len(rows) - 0.3}]\nunset key\n"
               f"set xrange [{low}:{highest * (6 if log else 1.16)}]\nunset grid\n"
               "set grid xtics linecolor \"#dddddd\" linetype 1\nset border 1\n"
               "set style fill solid 1.0 noborder\nset ytics scale 0 ("
               + ", ".join(f"{quoted(server_name(row[0]))} {place}"
                           for place, row in enumerate(rows)) + ")\n")
    if log:
        script += 'set logscale x\nset format x "%.0s%c"\n'
    script += block("bars", [(place, middle, least, most, f'"{BAR[role(server)]}"',
                              quoted(f"{number(middle)}"))
                             for place, (server, middle, least, most) in enumerate(rows)])
    script += 'rgb(text) = int("0x" . text[2:])\n'
    script += (f"plot $bars using ({low}):1:({low}):2:($1-0.34):($1+0.34):(rgb(strcol(5))) "
               "with boxxyerror linecolor rgb variable, \\\n"
               "  $bars using 2:1:3:4 with xerrorbars pointtype 0 linewidth 1.5 "
               'linecolor "#222222", \\\n'
               "  $bars using 4:1:6 with labels left offset 1,0\n")
    return script


def flood(results):
    return bars(results, "s3", "deliveries_per_cpu_s",
                "S3: what a second of processor time delivers",
                "deliveries per CPU second (logarithmic)", True)


def steady(results):
    return bars(results, "s1", "cpu_us_per_delivery", "S1: processor time for one delivery",
                "user and system time per delivery, µs", False)


# --- payloads -------------------------------------------------------------------------------------


def payloads(results):
    runs = runs_of(results, "s8", cores=1)
    sizes = sorted({(run.get("parameters") or {}).get("payload_bytes") or 0 for run in runs} - {0})
    lines, data = [], ""
    servers = servers_of(runs)
    paint = colours(servers)
    for index, server in enumerate(servers):
        points = []
        for size in sizes:
            path = "deliveries_per_cpu_s"
            same = [run for run in runs if run.get("server") == server and
                    (run.get("parameters") or {}).get("payload_bytes") == size]
            found = values(same, path)
            if found:
                points.append([size, *(rate * size / 1e6 for rate in
                                       (median(same, path), min(found), max(found)))])
        if points:
            data += block(f"p{index}", points)
            lines.append(f"$p{index} using 1:2:3:4 with yerrorlines linewidth 2.5 dashtype "
                         f"{1 + index % 5} pointtype {5 + 2 * (index % 5)} pointsize 0.7 linecolor "
                         f"{quoted(paint[server])} title {quoted(server_name(server))}")
    if not lines:
        return None
    tics = ", ".join(f"{quoted(exact_size(size))} {size}" for size in sizes)
    script = HEAD.format(width=960, height=500, title=quoted(
        "S8: payload that a second of processor time delivers"))
    script += (f"set logscale xy\nset xrange [{sizes[0] / 2}:{sizes[-1] * 2}]\nset xtics ({tics})\n"
               'set format y "%g"\nset xlabel "payload of an event"\n'
               'set ylabel "MB per CPU second (logarithmic)"\n'
               "set key outside right center reverse Left spacing 1.4\n")
    return script + data + "plot " + ", \\\n  ".join(lines) + "\n"


# --- all of them ----------------------------------------------------------------------------------

PLOTS = {  # file: (what makes its script, what the image shows)
    "s1-latency.svg": (latency, "S1: latency by percentile"),
    "s1-cpu.svg": (steady, "S1: processor time per delivery"),
    "s3-deliveries.svg": (flood, "S3: deliveries per CPU second"),
    "s8-bytes.svg": (payloads, "S8: payload per CPU second, by size of the payload"),
}


def finished(svg, alt):
    """gnuplot's output with our fonts and title, and without what changes at each run."""
    svg = re.sub(r'font-family="[^"]*"', f'font-family="{FONTS}"', svg)
    svg = re.sub(r"<title>Gnuplot</title>", f"<title>{escape(alt)}</title>", svg, count=1)
    svg = re.sub(r"<desc>[^<]*</desc>\n?", "", svg)
    return "\n".join(line.rstrip() for line in svg.split("\n"))


def missing():
    """A sentence if there can be no plots here."""
    if not shutil.which("gnuplot"):
        return "gnuplot is missing, so the plots stay as they are: apt-get install gnuplot-nox"
    return None


def write(results, folder):
    """({file name: what it shows}, [sentence about what went wrong])."""
    scripts = {name: (make(results), alt) for name, (make, alt) in PLOTS.items()}
    scripts = {name: both for name, both in scripts.items() if both[0]}
    written, faults = {}, []
    for name, (script, alt) in scripts.items():
        done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True,
                              check=False)
        if done.returncode or "</svg>" not in done.stdout:
            said = " ".join(done.stderr.split()) or "it printed no picture"
            faults.append(f"gnuplot could not draw {name}: {said}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(finished(done.stdout, alt), encoding="utf-8")
        written[name] = alt
    return written, faults
