# SPDX-License-Identifier: MIT
"""What Fanfare means to reach, as ratios within one run, and whether it did."""
import figures
from scenarios import ALL_SEND, ALL_URING, EACH_SEND, EACH_URING, EPOLL, URING

PEERS_LEFT_OUT = ("fanfare-", "floor-")


def target(name, metric, limit, direction, values, command, unit=""):
    middle, low, high = figures.interval(values)
    if middle is None:
        return None
    held = None  # a row without a target is there to be known
    if limit is not None:
        held = middle <= limit if direction == "at most" else middle >= limit
    return {"name": name, "metric": metric, "target": limit, "direction": direction,
            "ratio": middle, "low": low, "high": high, "pairs": len(values), "held": held,
            "command": command, "unit": unit}


def sentence(found):
    text = "%s: %s: %.3g%s (%.3g to %.3g, %d pairs)" % (
        found["name"], found["metric"], found["ratio"], found["unit"] and " " + found["unit"],
        found["low"], found["high"], found["pairs"])
    if found["target"] is None:
        return text
    return text + ", wanted %s %.3g" % (found["direction"], found["target"])


def best_peer(runs, scenario, metric, coalescing):
    """Of the peers that were measured the best median: its name and value."""
    servers = {run["server"] for run in runs if run["scenario"] == scenario and
               not run["server"].startswith(PEERS_LEFT_OUT) and
               (coalescing or not run["server"].endswith("-batch"))}
    found = []
    for server in servers:
        values = [run.get(metric) for run in runs
                  if run["scenario"] == scenario and run["server"] == server]
        if figures.median(values):
            found.append((figures.median(values), server))
    return max(found) if found else (None, None)


def paced(runs):
    cpu, last = "cpu_us_per_delivery", "last_p50_us"
    for scenario in ("s1", "s2"):
        for server, limit in ((URING, 1.0), (EPOLL, 1.05)):
            yield target("%s %s" % (scenario.upper(), server),
                         "CPU per delivery, to floor (a), plain send", limit, "at most",
                         figures.ratios(runs, scenario, server, EACH_SEND, cpu),
                         "bench/run --only " + scenario)
        yield target("%s %s" % (scenario.upper(), URING),
                     "CPU per delivery, to floor (a), io_uring", None, "",
                     figures.ratios(runs, scenario, URING, EACH_URING, cpu),
                     "bench/run --only " + scenario)
    for server in (URING, EPOLL):
        yield target("S2 %s" % server, "time until the last of 10,000 has an event, to floor (a)",
                     1.05, "at most", figures.ratios(runs, "s2", server, EACH_SEND, last),
                     "bench/run --only s2")


def batched(runs):
    per_cpu = "deliveries_per_cpu_s"
    for scenario in ("s3", "s5"):
        for server in (URING, EPOLL):
            yield target("%s %s" % (scenario.upper(), server),
                         "deliveries per CPU second, to floor (b), send", 0.70, "at least",
                         figures.ratios(runs, scenario, server, ALL_SEND, per_cpu),
                         "bench/run --only " + scenario)
        yield target("%s %s" % (scenario.upper(), URING),
                     "deliveries per CPU second, to floor (b), io_uring", None, "",
                     figures.ratios(runs, scenario, URING, ALL_URING, per_cpu),
                     "bench/run --only " + scenario)
    for server in (URING, EPOLL):
        yield target("S5 %s" % server, "time until the last of 10,000 has the burst, to floor (b)",
                     1.25, "at most", figures.ratios(runs, "s5", server, ALL_SEND, "burst_last_us"),
                     "bench/run --only s5")
    for scenario, limit in (("s3", 50), ("s5", 30)):
        for coalescing, which in ((True, "the best peer"),
                                  (False, "the best peer that writes each event by itself")):
            _, peer = best_peer(runs, scenario, per_cpu, coalescing)
            if peer:
                yield target("%s %s" % (scenario.upper(), URING),
                             "deliveries per CPU second, to %s (%s)" % (which, peer), limit,
                             "at least", figures.ratios(runs, scenario, URING, peer, per_cpu),
                             "bench/run --only " + scenario)


def whole(runs, servers=(URING, EPOLL), command="bench/run"):
    """Nothing lost, doubled or out of order, and nobody dropped who reads."""
    for server in servers:
        chosen = [run for run in runs if run["server"] == server and "missing" in run]
        if chosen:
            names = ("missing", "duplicates", "reordered", "dropped", "short_streams", "gaps",
                     "refused", "publish_refused")
            faults = [sum(run.get(name) or 0 for name in names) for run in chosen]
            yield target("all scenarios %s" % server,
                         "events lost, doubled or reordered, readers dropped, gaps, in all runs", 0,
                         "at most", [float(sum(faults))], command)


def memory(runs):
    for server in (URING, EPOLL):
        values = [run["rss_bytes_per_subscriber"] for run in runs
                  if run["scenario"] == "s4" and run["server"] == server]
        yield target("S4 %s" % server, "memory of an idle subscriber", 160, "at most", values,
                     "bench/run --only s4", "B")


def accepting(runs):
    rate = "accepts_per_second"
    for server in (URING, EPOLL):
        # Clients on one core may not be able to ask for more; the server's own time tells.
        for metric, words in ((rate, "subscribers per second"),
                              ("accepts_per_cpu_s", "subscribers per CPU second")):
            yield target("accept %s" % server, words + ", to the floor's", 0.8, "at least",
                         figures.ratios(runs, "accept", server, EACH_SEND, metric),
                         "bench/run --only accept")
    for peer in ("nchan", "uwebsockets-sse"):
        yield target("accept %s" % URING, "subscribers per second, to %s" % peer, 1.0, "at least",
                     figures.ratios(runs, "accept", URING, peer, rate), "bench/run --only accept")


def publishing(runs):
    values = [run["publish_per_second"] / 1e6 for run in runs
              if run["scenario"] == "publish" and run["parameters"]["way"] == "feed"]
    yield target("publish", "events over the feed without subscribers", 1.0, "at least", values,
                 "bench/run --only publish", "million/s")


def parts(micro):
    """The micro-benches that carry a target, with the spread of their own repeats."""
    for bench in micro.get("benches", []):
        wanted = bench.get("target")
        if wanted:
            yield {"name": "parts", "metric": bench["name"], "target": wanted["at_most"],
                   "direction": "at most", "ratio": bench["median"], "low": bench["min"],
                   "high": bench["max"], "pairs": bench["repeats"], "held": wanted["reached"],
                   "command": "bench/run --only micro",
                   "unit": "B" if bench["unit"].startswith("bytes") else ""}


def million(found):
    count = found["subscribers"]
    command = "bench/million %d" % count
    yield target("%s subscribers" % format(count, ","), "share that had the event, none lost", 1.0,
                 "at least", [(found["deliveries"] - found["missing"] - found["short_streams"]
                               - found["dropped"]) / count], command)
    yield target("%s subscribers" % format(count, ","), "memory of an idle subscriber", 160,
                 "at most", [found["rss_bytes_per_subscriber"]], command, "B")


def judge(runs, micro=None, millions=()):
    found = []
    for group in (paced, batched, whole, memory, accepting, publishing):
        found += [one for one in group(runs) if one]
    found += parts(micro or {})
    for one in millions:
        found += million(one)
    return found
