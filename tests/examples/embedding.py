#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The programs of examples/, run as a person would: each on a free port, with a client that knows
nothing but HTTP.

    embedding.py NAME PROGRAM
"""
import re
import socket
import subprocess
import sys
import threading

DEADLINE_S = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """One that listens on a port, until the block ends."""

    def __init__(self, path, *arguments, stdin=subprocess.DEVNULL):
        self.port = free_port()
        words = [str(word).replace("PORT", str(self.port)) for word in arguments]
        self.process = subprocess.Popen([path, *words], stdin=stdin)
        self.connect().close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.kill()
        self.process.wait()

    def connect(self):
        """Tries again until it listens, or has ended."""
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
                return client
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    sys.exit(f"it ended with status {self.process.returncode}")

    def get(self, target, *fields):
        client = self.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: localhost", *fields, "", ""]
        client.sendall("\r\n".join(lines).encode())
        return client


def read_until(client, pattern, seen=b""):
    """What came, up to where the pattern matches; it is looked for in the last of it alone."""
    tail = 4096
    pieces = [seen]
    while not re.search(pattern, seen):
        piece = client.recv(65536)
        if not piece:
            sys.exit(f"the stream ended without {pattern!r}: ...{seen!r}")
        pieces.append(piece)
        seen = seen[-tail:] + piece
    return b"".join(pieces)


def embed(path):
    with Program(path, "127.0.0.1:PORT", stdin=subprocess.PIPE) as program:
        client = program.get("/events/news")
        read_until(client, rb"\r\n\r\n")
        program.process.stdin.write(b"one line\n")
        program.process.stdin.flush()
        read_until(client, rb"data: one line\n")
        program.process.stdin.close()
        assert program.process.wait(DEADLINE_S) == 0


def clock(path):
    with Program(path, "127.0.0.1:PORT") as program:
        seen = read_until(program.get("/clock"), rb"(?s)event: tick\n.*event: tick\n.*\n\n")
        ids = [int(number) for number in re.findall(rb"\nid: (\d+)\n", seen)]
        assert ids == [ids[0], ids[0] + 1] and b"Access-Control-Allow-Origin: *\r\n" in seen, seen


def source(path):
    with Program(path, "127.0.0.1:PORT", stdin=subprocess.PIPE) as program:
        client = program.get("/stream")
        read_until(client, rb"\r\n\r\n")
        count = 100000
        # While it waits for room, so does whoever writes to it: this client has to read meanwhile.
        lines = b"".join(b"line %d\n" % i for i in range(count))
        writer = threading.Thread(target=program.process.communicate, args=[lines])
        writer.start()
        seen = read_until(client, rb"data: line %d\n" % (count - 1))
        lines = [int(number) for number in re.findall(rb"data: line (\d+)\n", seen)]
        assert lines == list(range(count)), f"{len(lines)} lines"
        writer.join()
        assert program.process.wait(DEADLINE_S) == 0


def channels(path, channel="news"):
    with Program(path, "PORT") as program:
        seen = read_until(program.get("/events/" + channel), rb"data: \S+\n")
        assert seen.startswith(b"HTTP/1.1 200 OK\r\n"), seen
        first = re.search(rb"\nid: (\S+)\n", seen).group(1).decode()
        # Who comes back gets what came meanwhile.
        again = read_until(program.get("/events/" + channel, "Last-Event-ID: " + first),
                           rb"data: \S+\n")
        assert f"\nid: {first}\ndata" not in again.decode(), again
        # The framework goes on to serve.
        other = program.get("/elsewhere")
        assert re.match(rb"HTTP/1.1 (200|404)", read_until(other, rb"\r\n\r\n"))


CASES = {
    "embed": embed, "clock": clock, "source": source,
    "channels_microhttpd": lambda path: channels(path, "channel-1"),
    "channels_libevent": channels, "channels_h2o": channels,
}

if __name__ == "__main__":
    CASES[sys.argv[1]](sys.argv[2])
    print("ok", sys.argv[1])
