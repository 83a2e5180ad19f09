# SPDX-License-Identifier: MIT
"""The scenarios, and how one run of one server in one of them is measured.

Each scenario says how many subscribers there are, what is published, which servers take part and
how often. A run connects everybody first, then publishes, then waits until everybody has
everything; the server's processor time is taken from before the first event until after the last
delivery.
"""
import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

import processes
from processes import BenchError, Fanfare, Feed, Floor, Swarm, cpu_of, memory_of, slab_bytes

# Of /stats, kept with each run.
COUNTERS = ("sends", "sends_short", "sweeps", "wakes", "publish_busy", "closed_slow", "became_slow",
            "gaps_told")
URING, COMPAT, EPOLL = "fanfare-uring", "fanfare-compat", "fanfare-epoll"
EACH_SEND, EACH_URING = "floor-each-send", "floor-each-uring"
ALL_SEND, ALL_URING = "floor-all-send", "floor-all-uring"


class Scenario:
    def __init__(self, name, title, seats, load, servers, seconds=5, quick_seconds=2, swarm=(),
                 repeats=5, options=(), peers=False, both_cores=False, parameters=None,
                 batched=False):
        self.name, self.title, self.seats = name, title, seats
        self.load, self.servers, self.swarm = load, servers, list(swarm)
        self.seconds, self.quick_seconds, self.repeats = seconds, quick_seconds, repeats
        self.options, self.peers, self.both_cores = list(options), peers, both_cores
        bytes_at = load.index("--bytes") + 1
        self.parameters = dict({"subscribers": seats, "payload_bytes": load[bytes_at]},
                               **(parameters or {}))
        self.batched = batched  # the floor's batch is the engine's bytes per send

    def among(self, servers):
        """The same of these servers alone, none of which takes a batch from another. A machine
        changes from run to run more than within one: more pairs tell more than longer ones."""
        self.servers, self.batched, self.peers, self.both_cores = servers, False, False, False
        self.seconds = min(self.seconds, 6)
        return self


def spread_of(channel):
    """The subscribers of a channel with `swarm --spread`."""
    return min(10, max(1, 1000 // (channel + 1)))


def all_scenarios():
    paced = [URING, EACH_SEND, EPOLL, EACH_URING]
    batched = [URING, ALL_SEND, EPOLL, ALL_URING]
    ours = [URING, EPOLL]
    found = [
        Scenario("s1", "Steady: 1,000 subscribers, 100 events/s of 128 B", 1000,
                 ["--rate", 100, "--bytes", 128], paced, swarm=["--verify"], repeats=10, peers=True,
                 both_cores=True),
        Scenario("s2", "Wide: 10,000 subscribers, 10 events/s", 10000,
                 ["--rate", 10, "--bytes", 128], paced, swarm=["--verify"], repeats=10),
        Scenario("s3", "Flood: 1,000 subscribers, as fast as admitted", 1000,
                 ["--bytes", 128], batched, seconds=10, swarm=["--sample", 16, "--stride", 1000],
                 repeats=5, peers=True, both_cores=True, batched=True),
        Scenario("s5", "Burst: 10,000 subscribers, 100 events back to back", 10000,
                 ["--burst", 100, "--pause", 1200, "--bytes", 128], batched, seconds=6,
                 quick_seconds=3, swarm=["--sample", 16], repeats=10, peers=True, both_cores=True,
                 batched=True),
        Scenario("s6", "Many channels: 10,000 channels of 1 to 10 subscribers, events by Zipf",
                 sum(spread_of(channel) for channel in range(10000)),
                 ["--rate", 5000, "--bytes", 128, "--channels", 10000, "--zipf", 1], ours,
                 swarm=["--channels", 10000, "--spread", "--verify"],
                 parameters={"channels": 10000}),
        Scenario("s7", "Storm: 10,000 subscribers leave and come back while events flow", 10000,
                 ["--rate", 10, "--bytes", 128], ours, seconds=8, quick_seconds=5,
                 swarm=["--verify"]),
    ]
    for size, rate in [(16, 100), (1024, 100), (16384, 50), (262144, 2)]:
        found.append(Scenario("s8", "Payloads from 16 B to 256 KB: 1,000 subscribers", 1000,
                              ["--rate", rate, "--bytes", size], paced[:3], seconds=4,
                              quick_seconds=2, repeats=5,
                              swarm=["--sample", 1000 if size < 16384 else 16],
                              parameters={"payload_bytes": size, "rate": rate}))
    for every in (0, 100):
        found.append(Scenario("s9", "One slow reader in a hundred: 1,000 subscribers, "
                              "1,000 events/s", 1000, ["--rate", 1000, "--bytes", 128], ours,
                              seconds=6,
                              swarm=["--sample", 100, "--stride", 5, "--slow-every", every],
                              options=["--history-bytes", "1M"],
                              parameters={"slow_readers": 10 if every else 0}))
    return found


# --- one run ------------------------------------------------------------------------------------


class SendSize(threading.Thread):
    """Asks the server now and then how many bytes its sends carried: the median of the answers."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.sizes, self.over = server, [], threading.Event()

    def run(self):
        before = self.server.stats()
        while not self.over.wait(0.4):
            now = self.server.stats()
            sends = now["sends"] - before["sends"]
            if sends:
                self.sizes.append((now["delivered_bytes"] - before["delivered_bytes"]) / sends)
            before = now

    def median(self):
        self.over.set()
        self.join()
        return sorted(self.sizes)[len(self.sizes) // 2] if self.sizes else None


def start_server(name, scenario, folder, cores, seconds, finals, batch, peers):
    if name.startswith("fanfare-"):
        return Fanfare(folder, cores, name.split("-")[1], scenario.options)
    if name.startswith("floor-"):
        mode, io = name.split("-")[1:]
        return Floor(cores, io, mode, scenario.seats, load_options(scenario, seconds), finals,
                     batch or 65536)
    peer = next(peer for peer in peers if peer.name == name)
    running = peer.start(folder, cores[0])
    running.name = name
    told = running.publish
    running.publish_to = told["url"]
    running.publish_options = ["--target", told["target"], "--method", told["method"],
                               "--prefix", told["body_prefix"], "--suffix", told["body_suffix"],
                               "--pipeline", 64]
    for key, value in told["headers"].items():
        running.publish_options += ["--header", "%s: %s" % (key, value)]
    return running


@contextlib.contextmanager
def served(scenario, name, seconds, cores, batch, peers):
    """The server, and the file into which its publisher writes the last sequences."""
    with tempfile.TemporaryDirectory(prefix="fanfare-bench-") as folder:
        finals = os.path.join(folder, "finals")
        with start_server(name, scenario, folder, cores, seconds, finals, batch, peers) as server:
            yield server, finals


def load_options(scenario, seconds):
    return [str(part) for part in scenario.load] + timing(scenario, seconds)


def seat_options(scenario):
    """What the swarm is told whatever the server is."""
    options = list(scenario.swarm)
    return options if "--spread" in options else options + ["-n", scenario.seats]


def timing(scenario, seconds):
    """A burst scenario is told in events, the others in seconds."""
    if "--burst" in scenario.load:
        pause = scenario.load[scenario.load.index("--pause") + 1] / 1000
        burst = scenario.load[scenario.load.index("--burst") + 1]
        return ["--events", str(burst * max(1, round(seconds / pause)))]
    return ["--seconds", str(seconds)]


def swarm_options(scenario, server, cores):
    options = seat_options(scenario) + ["--target", server.subscribe]
    if getattr(server, "opening_max", None):
        options += ["--window", server.opening_max]
    if getattr(server, "received", None) and server.received[0]:
        options += ["--skip", len(server.received[0])]
    if len(cores) > 1:
        options += ["--children", 2]
    return options


def publish(server, scenario, seconds, cores, finals, swarm):
    """Publishes all of it; what the publisher says, and of a storm how it went."""
    if isinstance(server, Floor):
        server.program.tell("go")
        told = server.program.answer("floor", seconds + 120)
        return dict(told, accepted=told["events"], refused=told["lost"], late_us=None), None
    options = load_options(scenario, seconds) + list(server.publish_options)
    with Feed(server.publish_to, cores, options + ["--finals", finals]) as feed:
        storm = None
        if scenario.name == "s7":
            threading.Event().wait(2)
            swarm.storm()
            storm = swarm.program.answer("storm", 120)
        return feed.published(seconds + 150), storm


def run_once(scenario, name, seconds, cores=(0,), batch=None, peers=(), client_cores=(1,)):
    """One run of one server: the numbers of one row."""
    with served(scenario, name, seconds, list(cores), batch, peers) as (server, finals):
        rss, slab = memory_of(processes.tree_of(server.pids())), slab_bytes()
        with Swarm(server.url, client_cores, swarm_options(scenario, server, cores)) as swarm:
            ready = swarm.ready()
            if isinstance(server, Floor):
                server.program.answer("ready", 30)
            pids = processes.tree_of(server.pids())
            memory = (memory_of(pids) - rss, slab_bytes() - slab, ready["connected"])
            return measure(scenario, server, swarm, seconds, finals, ready, memory, pids, cores,
                           client_cores)


def measure(scenario, server, swarm, seconds, finals, ready, memory, pids, cores, client_cores):
    swarm_pids = swarm.pids()
    cpu, client = cpu_of(pids), cpu_of(swarm_pids)
    steal = [processes.core_times(core) for core in (0, 1)]
    sizes = SendSize(server) if isinstance(server, Fanfare) and scenario.batched else None
    before = server.stats() if isinstance(server, Fanfare) else None
    if sizes:
        sizes.start()
    begun = time.monotonic()
    told, storm = publish(server, scenario, seconds, client_cores, finals, swarm)
    report = swarm.finish(finals)
    passed = time.monotonic() - begun
    after = cpu_of(pids)
    client_s = cpu_of(swarm_pids)[0] - client[0]
    steal_now = [processes.core_times(core) for core in (0, 1)]
    stolen = sum(b[1] - a[1] for a, b in zip(steal, steal_now))
    everything = sum(b[2] - a[2] for a, b in zip(steal, steal_now))
    run = fill_run(scenario, server, ready, told, report, [b - a for a, b in zip(cpu, after)],
                   client_s, memory)
    run["steal_percent"] = 100 * stolen / everything if everything else 0
    # From the order to publish until the last byte: what processor time is compared with.
    run["active_s"] = max(report["end_us"] / 1e6 - begun, run["wall_s"])
    run["elapsed_s"] = passed
    run["server_busy_percent"] = 100 * run["cpu_s"] / run["active_s"]
    run["client_busy_percent"] = max(
        100 * (b[0] - a[0]) / run["active_s"]
        for core, (a, b) in enumerate(zip(steal, steal_now)) if core in client_cores)
    run["bottleneck"], run["warnings"] = bottleneck_of(scenario, run, report, len(cores))
    if sizes:
        run["bytes_per_send"] = sizes.median()
    if told.get("sends"):
        run["bytes_per_send"] = told["bytes"] / told["sends"]
    if before:
        now = server.stats()
        run["counters"] = {key: now[key] - before[key] for key in COUNTERS}
        if not sizes and run["counters"]["sends"]:
            run["bytes_per_send"] = ((now["delivered_bytes"] - before["delivered_bytes"]) /
                                     run["counters"]["sends"])
    if storm:
        run["storm_s"] = storm["seconds"]
        run["storm_per_second"] = storm["per_second"]
    return run


def fill_run(scenario, server, ready, told, report, cpu, client_s, memory):
    deliveries, wall = report["deliveries"], report["wall_us"] / 1e6
    accepted, fast = told["events"], report["seats"] - report["slow"]
    run = {
        "scenario": scenario.name, "title": scenario.title, "server": server.name,
        "parameters": scenario.parameters, "command": " ".join(server_command(server)),
        "cpu_s": cpu[0], "cpu_user_s": cpu[1], "cpu_system_s": cpu[2], "wall_s": wall,
        "deliveries": deliveries, "events": accepted, "publish_refused": told["refused"],
        "publish_late_us": told.get("late_us"),
        "missing": report["missing"], "duplicates": report["duplicates"],
        "reordered": report["reordered"], "gaps": report["gaps"],
        "dropped": report["closed"], "slow_closed": report["slow_closed"],
        "refused": report["refused"], "sampled": report["sampled"],
        # Of a server whose chunks fall differently from stream to stream, lengths say nothing.
        "short_streams": None if report["lengths_differ"] else report["short_streams"],
        "accepts_per_second": ready["per_second"],
        "latency_us": report["latency_us"], "first_us": report["first_us"],
        "median_us": report["median_us"], "last_us": report["last_us"],
        "last_p50_us": report["last_us"]["p50"], "latency_p50_us": report["latency_us"]["p50"],
        "histogram": report["histogram"], "rounds": report["rounds"],
        "rss_bytes_per_subscriber": memory[0] / max(memory[2], 1),
        "slab_bytes_per_subscriber": memory[1] / max(memory[2], 1),
        "client_cpu_s": client_s,
    }
    if scenario.name != "s6":
        run["expected"] = accepted * fast
    if deliveries and cpu[0]:
        run["cpu_us_per_delivery"] = cpu[0] * 1e6 / deliveries
        run["deliveries_per_cpu_s"] = deliveries / cpu[0]
    if wall:
        run["deliveries_per_s"] = deliveries / wall
    last = sorted(round_["last_us"] for round_ in report["rounds"])
    if "--burst" in scenario.load and last:
        run["burst_last_us"] = last[len(last) // 2]
    return run


def server_command(server):
    program = getattr(server, "program", None)
    return [Path(part).name if "/" in part and Path(part).is_file() else part
            for part in program.command] if program else [server.name]


def bottleneck_of(scenario, run, report, cores):
    """Who was at its end, and what a reader must know before believing the row."""
    warnings = []
    busy, client = run["server_busy_percent"] / cores, run["client_busy_percent"]
    # With two cores both ends share them, and neither is to blame alone.
    client = client if cores == 1 else 0
    bottleneck = "server" if busy > 90 else "client" if client > 90 else "none"
    if bottleneck == "client":
        warnings.append("the client was the bottleneck: the server could have done more")
    late = run.get("publish_late_us") or 0
    if "--rate" in scenario.load and late > 100000:
        warnings.append("events were taken up to %.0f ms after they were due" % (late / 1000))
    if run["publish_refused"]:
        warnings.append("%d events were refused" % run["publish_refused"])
    if run["refused"] or report["faulty"]:
        warnings.append("%d connections were refused, %d streams were faulty: %s"
                        % (run["refused"], report["faulty"], report["fault"]))
    return bottleneck, warnings


# --- runs of another kind -------------------------------------------------------------------------


def connect_only(name, title, seats):
    """A scenario in which nothing is published."""
    return Scenario(name, title.format(seats), seats, ["--rate", 1, "--bytes", 128, "--events", 1],
                    [])


def plain_row(scenario, server, ready, **numbers):
    return dict({"scenario": scenario.name, "title": scenario.title, "server": server.name,
                 "parameters": {"subscribers": scenario.seats},
                 "command": " ".join(server_command(server)), "refused": ready["refused"],
                 "warnings": []}, **numbers)


def run_idle(name, seats, peers):
    """Memory of idle subscribers: the difference with and without them."""
    scenario = connect_only("s4", "Idle: {:,} subscribers", seats)
    with served(scenario, name, 1, [0], None, peers) as (server, _):
        options = swarm_options(scenario, server, [0])
        # The first subscribers touch what all share; they are not what is measured.
        with Swarm(server.url, [1], options + ["-n", 100]) as first:
            first.ready()
        rss, slab = memory_of(processes.tree_of(server.pids())), slab_bytes()
        with Swarm(server.url, [1], options) as swarm:
            ready = swarm.ready()
            grown = memory_of(processes.tree_of(server.pids())) - rss
            return plain_row(scenario, server, ready,
                             rss_bytes_per_subscriber=grown / ready["connected"],
                             slab_bytes_per_subscriber=(slab_bytes() - slab) / ready["connected"])


def run_accept(name, seats, peers):
    """From the first connect to the last response's head."""
    scenario = connect_only("accept", "From connect to first byte: {:,} subscribers", seats)
    with served(scenario, name, 1, [0], None, peers) as (server, _):
        pids = processes.tree_of(server.pids())
        before = cpu_of(pids)[0]
        with Swarm(server.url, [1], swarm_options(scenario, server, [0])) as swarm:
            ready = swarm.ready()
            cpu = cpu_of(pids)[0] - before
            return plain_row(
                scenario, server, ready, accepts_per_second=ready["per_second"],
                accept_cpu_us=cpu * 1e6 / max(1, ready["connected"]),
                accepts_per_cpu_s=ready["connected"] / cpu if cpu else None,
                server_busy_percent=100 * cpu / ready["seconds"] if ready["seconds"] else 0)


def publish_row(way, events, feed, server):
    """What `feed` says, and what the server used for it."""
    cpu = cpu_of(server.pids())[0] if server else None
    told = feed.published()
    if told["refused"]:
        raise BenchError("publishing over %s: %s" % (way, told["fault"]))
    used = cpu_of(server.pids())[0] - cpu if server else None
    return {"scenario": "publish", "title": "Publishing 128 B without subscribers",
            "server": "fanfare-" + way, "parameters": {"events": events, "way": way},
            "command": " ".join(["feed"] + feed.program.command[2:]),
            "publish_per_second": told["per_second"], "events": told["events"],
            "publish_cpu_us": used * 1e6 / told["events"] if used else None, "warnings": []}


def run_publish(way, events):
    """Publishing alone, no subscriber: one publisher on core 1, server on core 0."""
    if way == "engine":
        # Publisher and worker are threads of one program here, on both cores.
        with Feed("engine:0", [0, 1], ["--events", events]) as feed:
            return publish_row(way, events, feed, None)
    with tempfile.TemporaryDirectory(prefix="fanfare-bench-") as folder, \
            Fanfare(folder, [0], "uring") as server:
        to = server.publish_to if way == "feed" else server.url
        with Feed(to, [1], ["--events", events, "--pipeline", 64]) as feed:
            return publish_row(way, events, feed, server)
