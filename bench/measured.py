# SPDX-License-Identifier: MIT
"""What tables and plots ask of the results of a bench/run: which runs, and their metrics."""
import statistics

# Fanfare first, then what it is held against, then peers by name.
SERVERS = {
    "fanfare-uring": "Fanfare, io_uring", "fanfare-compat": "Fanfare, io_uring (compat)",
    "fanfare-epoll": "Fanfare, epoll",
    "floor-each-send": "floor (a), send", "floor-each-uring": "floor (a), io_uring",
    "floor-all-send": "floor (b), send", "floor-all-uring": "floor (b), io_uring",
    "fanfare-feed": "Fanfare, over the feed", "fanfare-http": "Fanfare, over HTTP",
    "fanfare-engine": "Fanfare, by its own calls",
}
OURS = "fanfare-uring"


def server_name(server):
    return SERVERS.get(server, server)


def server_order(server):
    known = list(SERVERS)
    return (known.index(server), "") if server in known else (len(known), server.lower())


def role(server):
    """Ours, a floor, or somebody else's."""
    return server.split("-")[0] if server.split("-")[0] in ("fanfare", "floor") else "peer"


def runs_of(results, scenario, server=None, cores=None):
    return [run for run in results.get("runs", [])
            if run.get("scenario") == scenario and server in (None, run.get("server"))
            and cores in (None, run.get("cores", 1))]


def servers_of(runs):
    return sorted({run.get("server", "?") for run in runs}, key=server_order)


def value(run, path):
    """A run's metric by name, or None; `latency_us.p50` looks into latency_us."""
    for key in path.split("."):
        run = run.get(key) if isinstance(run, dict) else None
    return run if isinstance(run, (int, float)) and not isinstance(run, bool) else None


def values(runs, path):
    return [found for found in (value(run, path) for run in runs) if found is not None]


def median(runs, path):
    found = values(runs, path)
    return statistics.median(found) if found else None


def lost_share(runs):
    """The part of the deliveries that never came, over all repeats; 0 unless a loss was seen.

    Of subscribers that are not parsed only bytes are known, so what they lack is told by the
    number of deliveries, which is an estimate within some thousandths: on its own it says nothing.
    """
    if not sum(sum(values(runs, name)) for name in ("missing", "short_streams", "dropped")):
        return 0
    counted = [run for run in runs if value(run, "expected")]
    expected = sum(run["expected"] for run in counted)
    absent = expected - sum(run.get("deliveries") or 0 for run in counted)
    return max(sum(values(counted, "missing")), absent) / expected if expected else 0


def provenance(results, command):
    words = [f"commit `{results['commit']}`"] if results.get("commit") else []
    words += [results["date"]] if results.get("date") else []
    words += [f"`{command}`"] if command else []
    return ", ".join(words) + (" (a quick run)" if results.get("quick") else "")
