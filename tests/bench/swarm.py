# SPDX-License-Identifier: MIT
"""The swarm sees every fault that a server can make, and none where there is none.

A server of a few lines makes the faults on purpose; the real server, published to in each of the
three ways, and the floor make none.
"""
import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SWARM, FEED, FLOOR = os.environ["SWARM"], os.environ["FEED"], os.environ["FLOOR"]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def event(sequence):
    return b"data: %08x00000000xx\n\n" % sequence


def stream(sequences):
    return b"".join(event(sequence) for sequence in sequences)


class Faulty:
    """Answers every subscriber with the same head, then, on order, the n-th with `streams[n]`."""

    def __init__(self, streams, status=HEAD):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.streams, self.status, self.clients = streams, status, []
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        for _ in self.streams:
            client = self.listener.accept()[0]
            client.recv(4096)
            client.sendall(self.status)
            self.clients.append(client)

    def publish(self):
        self.thread.join()
        for client, text in zip(self.clients, self.streams):
            client.sendall(text.replace(b"CUT", b""))
            if text.endswith(b"CUT"):
                client.close()


class Swarm:
    def __init__(self, url, *options):
        self.process = subprocess.Popen([SWARM, url] + [str(o) for o in options], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())["ready"]

    def report(self, finals, wait_ms=1500):
        self.process.stdin.write("finish %s %d\n" % (finals, wait_ms))
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self.process.stdin.close()
        self.process.wait(10)
        return json.loads(line)["report"]


def finals_file(folder, last):
    path = Path(folder, "finals")
    path.write_bytes(struct.pack("I", last))
    return path


def expect(found, what, **wanted):
    for name, value in wanted.items():
        if found[name] != value:
            sys.exit("%s: %s is %r, not %r; all: %r" % (what, name, found[name], value, found))
    print("ok  " + what)


CLEAN = dict(missing=0, duplicates=0, reordered=0, gaps=0, closed=0, faulty=0, short_streams=0)
GAP = b'event: fanfare-gap\ndata: {"missed": 1}\n\n'
FAULTS = [
    ("an event is missing in the middle", [1, 2, 4], b"", dict(missing=1)),
    ("the last events are missing", [1, 2], b"", dict(missing=2)),
    ("nothing arrives", [], b"", dict(missing=4)),
    ("an event comes twice", [1, 2, 2, 3, 4], b"", dict(duplicates=1)),
    ("two events change places", [1, 3, 2, 4], b"", dict(missing=1, reordered=1)),
    ("a gap is told", [1, 2, 3, 4], GAP, dict(gaps=1)),
    ("a stream is cut", [1, 2, 3, 4], b"CUT", dict(closed=1)),
    ("a stream is cut in the middle of an event", [1, 2, 3], b"data: 00000004CUT",
     dict(closed=1, missing=1)),
]


def test_faults(folder):
    finals = finals_file(folder, 4)
    for what, sequences, behind, wanted in FAULTS:
        server = Faulty([stream(sequences) + behind])
        swarm = Swarm(server.url, "-n", 1, "--verify")
        server.publish()
        expect(swarm.report(finals), what, **dict(CLEAN, **wanted))
    server = Faulty([stream([1, 2, 3, 4])] * 3 + [stream([1, 2, 3])])
    swarm = Swarm(server.url, "-n", 4, "--sample", 1)
    server.publish()
    expect(swarm.report(finals), "a stream that is only counted lacks an event",
           **dict(CLEAN, short_streams=1))
    server = Faulty([b""], b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    swarm = Swarm(server.url, "-n", 1)
    expect(swarm.ready, "a refusal", connected=0, refused=1)
    swarm.report(finals, 100)


def feed(to, finals, *options):
    done = subprocess.run([FEED, to, "--finals", str(finals)] + [str(o) for o in options],
                          capture_output=True, text=True, timeout=30)
    if done.returncode:
        sys.exit("feed %s: %s" % (to, done.stderr))
    return json.loads(done.stdout.strip().split("\n")[-1])["published"]


def test_server(folder, backend):
    finals, path = Path(folder, "finals"), str(Path(folder, "feed.sock"))
    server = subprocess.Popen([os.environ["FANFARE"], "serve", "--listen", "127.0.0.1:0", "--feed",
                               path, "--io", backend], stdout=subprocess.PIPE, text=True)
    url = server.stdout.readline().split()[-1]
    server.stdout.readline()
    try:
        for way, to, options in [("feed", "feed:" + path, []), ("http", url, ["--pipeline", 8])]:
            swarm = Swarm(url, "-n", 200, "--sample", 20)
            told = feed(to, finals, "--events", 3000, "--bytes", 64, *options)
            expect(told, "%s: published over %s" % (backend, way), accepted=3000, refused=0)
            expect(swarm.report(finals, 10000), "%s: delivered to drained and parsed" % backend,
                   **dict(CLEAN, events=60000, deliveries=600000))
        swarm = Swarm(url, "-n", 50, "--channels", 10, "--verify")
        feed("feed:" + path, finals, "--events", 500, "--channels", 10, "--zipf", 1)
        expect(swarm.report(finals, 10000), "%s: ten channels" % backend, **CLEAN)
        swarm = Swarm(url, "-n", 100, "--verify")
        slowly = ["--finals", str(finals), "--rate", "500", "--seconds", "1"]
        publisher = subprocess.Popen([FEED, "feed:" + path] + slowly, stdout=subprocess.PIPE,
                                     text=True)
        swarm.process.stdin.write("storm\n")
        swarm.process.stdin.flush()
        storm = json.loads(swarm.process.stdout.readline())["storm"]
        publisher.communicate(timeout=30)
        expect(storm, "%s: all come back" % backend, connected=100, refused=0)
        expect(swarm.report(finals, 10000), "%s: nothing is lost in a storm" % backend,
               **dict(CLEAN, events=50000))
    finally:
        server.terminate()
        server.wait(20)


def test_floor(folder, mode, io):
    finals = Path(folder, "finals")
    floor = subprocess.Popen([FLOOR, "--subscribers", "300", "--mode", mode, "--io", io, "--events",
                              "2000", "--bytes", "512", "--finals", str(finals)], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    swarm = Swarm(json.loads(floor.stdout.readline())["listening"], "-n", 300, "--sample", 30)
    floor.stdout.readline()
    floor.stdin.write("go\n")
    floor.stdin.flush()
    expect(json.loads(floor.stdout.readline())["floor"], "floor %s %s" % (mode, io), events=2000,
           lost=0)
    expect(swarm.report(finals, 10000), "floor %s %s: all of it arrives" % (mode, io),
           **dict(CLEAN, deliveries=600000))
    floor.stdin.close()
    floor.wait(10)


# Asked of the kernel, not of the server: one that fails to use io_uring must not be passed over.
IO_URING_SETUP = 425


def uring_permitted():
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120))
    if ring >= 0:
        os.close(ring)
    return ring >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EACCES)


def forbid_uring():
    """For this process and its children, as container runtimes do it: a seccomp filter."""
    load, equal, answer, allow = (0x20, 0, 0, 0), 0x15, 0x06, 0x7fff0000
    refuse = 0x00050000 | errno.EPERM
    steps = [load, (equal, 0, 1, IO_URING_SETUP), (answer, 0, 0, refuse), (answer, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps),
                                                      ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, filtered = 38, 22, 2
    return (libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0 and
            libc.prctl(seccomp, filtered, program) == 0)


def test_permission():
    child = os.fork()
    if child == 0:
        os._exit(0 if forbid_uring() and not uring_permitted() else 1)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit("where io_uring is forbidden, nobody notices")
    print("ok  a kernel that forbids io_uring is noticed")


with tempfile.TemporaryDirectory() as scratch:
    test_permission()
    test_faults(scratch)
    permitted = uring_permitted()
    for name in ("uring", "uring-compat", "epoll") if permitted else ("epoll",):
        test_server(scratch, name)
    for name in ("uring", "send") if permitted else ("send",):
        test_floor(scratch, "each", name)
        test_floor(scratch, "all", name)
