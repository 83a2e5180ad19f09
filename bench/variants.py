# SPDX-License-Identifier: MIT
"""Fanfare's own ways to write, side by side: io_uring, its variant for older kernels, and epoll.

bench/run --variants measures them in turn, without floor and peers. What they are held to, ratios
of pairs, and their tables in docs/benchmark.md are here, and the one scenario that they alone have:
joining and leaving, since that is where a socket enters and leaves what a variant keeps it in.
"""
import time

import processes
import targets
from figures import ratios
from measured import provenance, runs_of, server_name, values
from processes import BenchError, Swarm, cpu_of
from scenarios import COMPAT, EPOLL, URING, connect_only, plain_row, served, swarm_options
from wording import md_table, number, size, spread

VARIANTS = (URING, COMPAT, EPOLL)
ORDER = ["s1", "s2", "s3", "s4", "s5", "join"]
KIND = "variants"
ROUNDS = 3
LEAVE_TIMEOUT = 30

# (scenario, metric, its name, how it is written)
METRICS = [
    ("s1", "cpu_us_per_delivery", "S1: CPU per delivery, µs", number),
    ("s2", "cpu_us_per_delivery", "S2: CPU per delivery, µs", number),
    ("s3", "deliveries_per_cpu_s", "S3: deliveries per CPU second", number),
    ("s5", "deliveries_per_cpu_s", "S5: deliveries per CPU second", number),
    ("s5", "burst_last_us", "S5: the last has the burst after, µs", number),
    ("join", "join_cpu_us", "CPU of a join, µs", number),
    ("join", "leave_cpu_us", "CPU of a leave, µs", number),
    ("s4", "rss_bytes_per_subscriber", "memory of an idle subscriber", size),
]
# (scenario, metric, its words, then what compat is held to against io_uring and against epoll)
HELD = [
    ("s1", "cpu_us_per_delivery", "CPU per delivery", "at most", 1.05, 0.9),
    ("s2", "cpu_us_per_delivery", "CPU per delivery", "at most", 1.05, 0.9),
    ("s3", "deliveries_per_cpu_s", "deliveries per CPU second", "at least", 0.95, 1.0),
    ("s5", "deliveries_per_cpu_s", "deliveries per CPU second", "at least", 0.95, 1.0),
    ("join", "join_cpu_us", "CPU of a join", "at most", 1.1, None),
    ("join", "leave_cpu_us", "CPU of a leave", "at most", None, None),
]
MEMORY_MAX = 130


# --- joining and leaving --------------------------------------------------------------------------


def leave(server):
    """Waits until the server knows that all have left."""
    until = time.monotonic() + LEAVE_TIMEOUT
    while server.stats()["subscribers"]:
        if time.monotonic() > until:
            raise BenchError("%s: subscribers are left %d s after all have gone"
                             % (server.name, LEAVE_TIMEOUT))
        time.sleep(0.02)


def run_join(name, seats):
    """All connect, all leave, some times over: what each costs the server. The first time touches
    what all later ones use, and does not count."""
    scenario = connect_only("join", "Joining and leaving: {:,} subscribers", seats)
    with served(scenario, name, 1, [0], None, ()) as (server, _):
        pids = processes.tree_of(server.pids())
        joining = leaving = joins = 0
        for repeat in range(1 + ROUNDS):
            before = cpu_of(pids)[0]
            with Swarm(server.url, [1], swarm_options(scenario, server, [0])) as swarm:
                ready = swarm.ready()
                joined = cpu_of(pids)[0]
            leave(server)
            if repeat:
                joining += joined - before
                leaving += cpu_of(pids)[0] - joined
                joins += ready["connected"]
        return plain_row(scenario, server, ready, joins=joins, join_cpu_us=joining * 1e6 / joins,
                         leave_cpu_us=leaving * 1e6 / joins)


# --- what came of it ------------------------------------------------------------------------------


def judge(runs):
    """As targets.judge, of the variants among themselves."""
    found = []
    for scenario, metric, words, direction, to_uring, to_epoll in HELD:
        for other, limit in ((URING, to_uring), (EPOLL, to_epoll)):
            found.append(targets.target(
                "%s %s" % (scenario.upper() if scenario[0] == "s" else scenario, COMPAT),
                "%s, to %s" % (words, other), limit, direction if limit else "",
                ratios(runs, scenario, COMPAT, other, metric),
                "bench/run --variants --only " + scenario))
    memory = [run["rss_bytes_per_subscriber"] for run in runs
              if run["scenario"] == "s4" and run["server"] == COMPAT]
    found.append(targets.target("S4 " + COMPAT, "memory of an idle subscriber", MEMORY_MAX,
                                "at most", memory, "bench/run --variants --only s4", "B"))
    found += targets.whole(runs, VARIANTS, "bench/run --variants")
    return [one for one in found if one]


def table(results):
    """What each variant needs; None if these are not results of the variants."""
    if results.get("kind") != KIND:
        return None
    rows = []
    for scenario, metric, words, form in METRICS:
        found = [values(runs_of(results, scenario, server), metric) for server in VARIANTS]
        if any(found):
            rows.append([words, *(spread(one, form) for one in found)])
    if not rows:
        return None
    # Scenarios may have been measured again, each on its own.
    commits = sorted({run["commit"] for run in results["runs"] if run.get("commit")})
    text = provenance(dict(results, commit="`, `".join(commits)), "bench/run --variants")
    return ("Server on one core, clients on the other; medians, and in brackets the smallest and "
            "the largest; %s.\n\n" % text
            + md_table(["", *(server_name(server) for server in VARIANTS)], rows))
