# SPDX-License-Identifier: MIT
"""The programs of a benchmark run: started, pinned to a core, spoken to, measured, ended by pid.

A server is whatever has `url`, `pids()` and `stop()`. Processor time is read from the scheduler
(/proc/PID/task/*/schedstat, nanoseconds) for the whole tree, and its split into user and system
from /proc/PID/stat.
"""
import json
import os
import re
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class BenchError(Exception):
    """One sentence that says what went wrong and what to do."""


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pinned(cores, command):
    return ["taskset", "-c", ",".join(str(core) for core in cores)] + [str(c) for c in command]


class Program:
    """A child process that prints JSON objects or plain lines, one per line."""

    def __init__(self, command, cores, stdin=subprocess.PIPE):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(pinned(cores, command), stdin=stdin, text=False,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=raise_descriptor_limit)
        self.rest = b""

    @property
    def pid(self):
        return self.process.pid

    def line(self, timeout=60):
        until = time.monotonic() + timeout
        while b"\n" not in self.rest:
            left = until - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            data = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not data:
                self.kill()
                said = self.process.stderr.read().decode(errors="replace").strip()
                why = said or ("said nothing for %d s" % timeout if not ready else "ended")
                raise BenchError("%s: %s" % (Path(self.command[0]).name, why))
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")

    def answer(self, name, timeout=60):
        """The next object with this name, which it is."""
        while True:
            found = json.loads(self.line(timeout))
            if name in found:
                return found[name]

    def tell(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def end(self, timeout=20):
        """Closes its input and waits for it."""
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def terminate(self, timeout=20):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.end(timeout)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


# --- what a process used ----------------------------------------------------------------------


def tree_of(pids):
    """The pids with all their descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found, new = [], list(pids)
    while new:
        pid = new.pop()
        if pid not in found:
            found.append(pid)
            new.extend(children.get(pid, []))
    return found


def cpu_of(pids):
    """Seconds of processor time: (all, user, system)."""
    total = user = system = 0
    for pid in pids:
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                text = Path("/proc/%d/task/%s/schedstat" % (pid, task)).read_text()
                total += int(text.split()[0])
            fields = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
            user += int(fields[11])
            system += int(fields[12])
        except OSError:
            continue
    return total / 1e9, user / TICK, system / TICK


def memory_of(pids):
    """Bytes of RSS."""
    total = 0
    for pid in pids:
        try:
            total += int(Path("/proc/%d/statm" % pid).read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


def slab_bytes():
    text = Path("/proc/meminfo").read_text()
    return int(re.search(r"^Slab:\s+(\d+)", text, re.M).group(1)) * 1024


def core_times(core):
    """Of a core: (busy, steal, all) in seconds since boot."""
    for line in Path("/proc/stat").read_text().split("\n"):
        if line.startswith("cpu%d " % core):
            n = [int(field) / TICK for field in line.split()[1:9]]
            everything = sum(n)
            return everything - n[3] - n[4], n[7], everything
    return 0, 0, 0


# --- the servers --------------------------------------------------------------------------------


class Stopped:
    """Ends with its `with` block, however that ends."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# A variant's name where --io has another.
IO_KINDS = {"compat": "uring-compat"}


class Fanfare(Stopped):
    """`fanfare serve`, one worker per core it is given."""

    def __init__(self, folder, cores, io, options=(), workers=None):
        self.feed = str(Path(folder, "feed.sock"))
        self.name = "fanfare-" + io
        count = workers or len(cores)
        command = [ROOT / "build-bench/fanfare", "serve", "--listen", "127.0.0.1:0",
                   "--feed", self.feed, "--io", IO_KINDS.get(io, io), "--workers", count,
                   "--acceptors", 1,
                   # On epoll the rest of the descriptors is for subscribers.
                   "--connections-max", 1000]
        self.program = Program(command + list(options), cores)
        self.url = self.program.line(20).split()[-1]
        self.subscribe = "/events/%c"
        self.publish_to = "feed:" + self.feed
        self.publish_options = []

    def pids(self):
        return [self.program.pid]

    def stats(self):
        """The counters of /stats, asked by hand: urllib would cost more than the server."""
        import http.client
        host = self.url.split("//")[1]
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("GET", "/stats")
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def stop(self):
        self.program.terminate()


class Floor(Stopped):
    """The bare loop: its subscribers are all it has, and it publishes by itself."""

    def __init__(self, cores, io, mode, subscribers, load, finals, batch=65536):
        self.name = "floor-%s-%s" % (mode, io)
        self.program = Program([ROOT / "build-bench/bench/load/floor", "--subscribers", subscribers,
                                "--mode", mode, "--io", io, "--batch", batch, "--finals", finals]
                               + load, cores)
        self.url = self.program.answer("listening", 20)
        self.subscribe = "/events/%c"

    def pids(self):
        return [self.program.pid]

    def stop(self):
        self.program.end()


class Swarm(Stopped):
    def __init__(self, url, cores, options):
        self.program = Program([ROOT / "build-bench/bench/load/swarm", url] + list(options), cores)

    def ready(self):
        return self.program.answer("ready", 120)

    def finish(self, finals, timeout_ms=20000):
        self.program.tell("finish %s %d" % (finals, timeout_ms))
        return self.program.answer("report", 60 + timeout_ms / 1000)

    def storm(self):
        self.program.tell("storm")

    def pids(self):
        return tree_of([self.program.pid])

    def stop(self):
        self.program.end()


class Feed(Stopped):
    def __init__(self, to, cores, options):
        self.program = Program([ROOT / "build-bench/bench/load/feed", to] + list(options), cores)

    def published(self, timeout=120):
        return self.program.answer("published", timeout)

    def stop(self):
        self.program.end()
