# SPDX-License-Identifier: MIT
"""What all peers share: starting a server on one core, knowing its processes, ending it by pid.

A peer is a server that somebody else wrote and that can do what Fanfare does. Each one has a class
of its own (nchan.py, pushpin.py, better_sse.py, on_path.py) that says where it comes from, writes
its configuration into a temporary folder and starts it. peers.py lists them all.
"""
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

HOST = "127.0.0.1"
CHANNEL = "bench"
START_SECONDS = 15
STOP_SECONDS = 5
POLL_SECONDS = 0.05
BACKLOG = 4096  # what Linux allows by default: net.core.somaxconn


class Failed(Exception):
    """One sentence for people."""


def find(program):
    """The path of a program, also where PATH of ordinary users does not lead, or None."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")


def output_of(command):
    """What a command prints, on both its outputs, or None if it cannot be run."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip()


def package_version(package):
    """The version of an installed Debian package, without epoch and revision, or None."""
    if not find("dpkg-query"):
        return None
    shown = output_of(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package])
    if not shown or not shown.startswith("installed "):
        return None
    return shown.split(" ")[1].split(":")[-1].split("+")[0].split("-")[0]


def free_ports(count):
    """Ports that nobody has at the moment: all are held while they are chosen."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def processes():
    """The machine's processes as {pid: (parent, session, start time)}, without those that ended."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            text = Path("/proc", name, "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        fields = text[text.rindex(")") + 2:].split()
        if fields[0] != "Z":
            found[int(name)] = (int(fields[1]), int(fields[3]), int(fields[19]))
    return found


def tree(root):
    """All processes of the session that root leads, and their descendants: {pid: start time}.

    The session is what is left to know them by when root has ended before its children.
    """
    known = processes()
    found = {}
    waiting = [pid for pid, (_, session, _) in known.items() if session == root]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = known[pid][2]
            waiting += [child for child, (parent, _, _) in known.items() if parent == pid]
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def tail(path, lines=15):
    try:
        return "\n".join(Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


class Process:
    """A program that was started here, in a session of its own, with what it prints in a log."""

    def __init__(self, command, folder, core, log, environment=None):
        self.log = Path(folder) / log
        self.name = Path(command[0]).name
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
        # Each of these executes the next program in its place: the pid is the server's own. The
        # first has it ended by SIGTERM should the thread that starts it be gone without stop().
        prefix = ["setpriv", "--pdeathsig", "TERM", "prlimit", f"--nofile={limit}:{limit}",
                  "taskset", "-c", str(core)]
        with open(self.log, "wb") as file:
            self.handle = subprocess.Popen(
                prefix + [str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(environment or {})})
        self.pid = self.handle.pid

    def ended(self, seconds):
        """Waits at most that long; whether the program has ended."""
        try:
            self.handle.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self):
        """Asks, waits, and then kills whatever of it is still there, each by its pid."""
        started = tree(self.pid)
        if self.handle.poll() is None:
            self.handle.terminate()
            self.ended(STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while left := self.left(started):
            late = time.monotonic() - deadline
            if late > STOP_SECONDS:
                raise Failed(f"{self.name} cannot be ended: processes {left}")
            if late > 0 or self.handle.poll() is None:
                for pid in left:
                    kill(pid)
            time.sleep(POLL_SECONDS)
        self.handle.wait()

    def left(self, started):
        """Those that are still there. A pid with another start time is somebody else by now."""
        known = processes()
        return [pid for pid, began in started.items() if pid in known and known[pid][2] == began]


def address(url):
    """http://HOST:PORT as (host, port)."""
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def subscription(running):
    """The request of a subscriber, as bytes."""
    host, port = address(running.url)
    return (f"GET {running.subscribe} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Accept: text/event-stream\r\n\r\n").encode()


def first_line(running):
    """The first line that a subscriber is answered, or "" if there is no answer."""
    try:
        with socket.create_connection(address(running.url), timeout=1) as client:
            client.sendall(subscription(running))
            data = b""
            while b"\r\n\r\n" not in data:
                part = client.recv(65536)
                if not part:
                    return ""
                data += part
    except OSError:
        return ""
    return data.split(b"\r\n")[0].decode(errors="replace")


class Running:
    """A server that answers. Its members are what a subscriber and a publisher must know.

    url          where subscribers connect to: http://127.0.0.1:PORT
    subscribe    target of GET for the one channel; with Accept: text/event-stream
    publish      how to publish one event: url, method, target, headers, and the body, which is
                 body_prefix + data + body_suffix; json_escape: the data stands in a JSON string.
                 The connection is kept, and takes requests before the last one is answered
    received     what stands around the data in a received event's field `data`: (before, after)
    opening_max  how many subscribers may wait for their answer at once, lest some are refused;
                 None if any number may
    """

    def __init__(self, peer, url, subscribe, publish, server, helpers=(), received=("", ""),
                 opening_max=None):
        self.peer = peer
        self.url = url
        self.subscribe = subscribe
        self.publish = {"url": url, "method": "POST", "headers": {}, "body_prefix": "",
                        "body_suffix": "", "json_escape": False, **publish}
        self.received = received
        self.opening_max = opening_max
        self.server = server
        self.helpers = list(helpers)

    def pids(self):
        """All processes of the server. A helper that is asked only when somebody subscribes does
        not count: it has no part in delivering an event."""
        return sorted(tree(self.server.pid))

    def wait(self):
        """Until a subscriber is accepted and the publisher's port is open; bounded."""
        try:
            line = self.wait_for_answer()
        except BaseException:
            self.stop()
            raise
        if line is None:
            return self
        status = self.server.handle.poll()
        did = "accepts no subscriber" if status is None else f"ended with status {status}"
        self.stop()
        logs = dict.fromkeys([self.server.log, *sorted(self.server.log.parent.glob("**/*.log"))])
        said = "\n".join(filter(None, map(tail, logs))) or "its logs are empty"
        raise Failed(f"{self.peer.name} {did} ({line or 'no answer'}):\n{said}")

    def wait_for_answer(self):
        """None if all is well, else the first line of the last answer."""
        deadline = time.monotonic() + START_SECONDS
        line = ""
        while time.monotonic() < deadline:
            line = first_line(self)
            if " 200" in line and self.publisher_listens():
                return None
            if self.server.ended(POLL_SECONDS):
                break
        return line

    def publisher_listens(self):
        try:
            socket.create_connection(address(self.publish["url"]), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self):
        for process in [self.server, *self.helpers]:
            process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Peer:
    """name, language, packages (of Debian), npm_folder (wants `npm ci`), and what is below."""

    name = ""
    language = ""
    packages = []
    npm_folder = None

    def version(self):
        """The version as text, or None if it is not here."""
        raise NotImplementedError

    def missing(self):
        """None if it can be run, else one sentence."""
        raise NotImplementedError

    def start(self, folder, core):
        """Starts it on one core, with all its files in that folder; returns a Running."""
        raise NotImplementedError
