#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rival servers, started for side-by-side benchmarks, each on one core.

    peers.py list                  who is here, in which version, and what is missing
    peers.py try NAME              starts one, publishes 5 events to 3 subscribers, checks, stops
    peers.py run NAME [--core N]   starts one and keeps it until Ctrl-C; prints how to use it

For bench/run it is a module: all_peers(), and what peer.py says of Peer and Running.
"""
import argparse
import http.client
import json
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import better_sse  # noqa: E402
import nchan  # noqa: E402
import on_path  # noqa: E402
import pushpin  # noqa: E402
from peer import Failed, address, subscription  # noqa: E402

TRY_SUBSCRIBERS = 3
TRY_EVENTS = 5
TRY_SECONDS = 10


def all_peers():
    return [nchan.Nchan(), pushpin.Pushpin(), *better_sse.PEERS, *on_path.PEERS]


class Subscriber:
    """A raw socket that reads an event stream, in chunks or up to its end."""

    def __init__(self, running):
        self.around = running.received
        self.socket = socket.create_connection(address(running.url), timeout=TRY_SECONDS)
        self.socket.sendall(subscription(running))
        self.raw = b""
        while b"\r\n\r\n" not in self.raw:
            self.read()
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        if b" 200" not in head.split(b"\r\n")[0]:
            raise Failed(f"a subscriber was answered {head.decode(errors='replace')}")
        self.chunked = b"transfer-encoding: chunked" in head.lower()
        self.body = b""

    def read(self):
        part = self.socket.recv(65536)
        if not part:
            raise Failed("the server closed the connection of a subscriber")
        self.raw += part

    def take(self):
        """Moves what is whole from raw to body, without the frames of the chunks."""
        if not self.chunked:
            self.body, self.raw = self.body + self.raw, b""
            return
        while b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            length = int(size, 16)
            if len(rest) < length + 2:
                return
            self.body += rest[:length]
            self.raw = rest[length + 2:]

    def events(self, count):
        """The data of the next events that have any, as published."""
        found = []
        while len(found) < count:
            self.take()
            *blocks, self.body = self.body.split(b"\n\n")
            for block in blocks:
                lines = [line.partition(":")[2].removeprefix(" ")
                         for line in block.decode().strip().split("\n") if line.startswith("data:")]
                before, after = self.around
                data = "\n".join(lines)
                if lines and data.startswith(before) and data.endswith(after):
                    found.append(data[len(before):len(data) - len(after)])
            if len(found) < count:
                self.read()
        return found


def publish(how, texts):
    """Sends each text as an event of its own, all on one connection."""
    connection = http.client.HTTPConnection(*address(how["url"]), timeout=TRY_SECONDS)
    for text in texts:
        data = json.dumps(text)[1:-1] if how["json_escape"] else text
        body = (how["body_prefix"] + data + how["body_suffix"]).encode()
        connection.request(how["method"], how["target"], body, how["headers"])
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        if not 200 <= answer.status < 300:
            raise Failed(f"publishing was answered {answer.status}: {said}")
        if answer.will_close:
            raise Failed("the server closes the connection of a publisher")
    connection.close()


def attempt(running):
    texts = [f"{number:08x}{int(time.monotonic() * 1e6) & 0xffffffff:08x}" + "x" * (50 * number)
             for number in range(1, TRY_EVENTS + 1)]
    subscribers = [Subscriber(running) for _ in range(TRY_SUBSCRIBERS)]
    publish(running.publish, texts)
    for subscriber in subscribers:
        found = subscriber.events(TRY_EVENTS)
        subscriber.socket.close()
        if found != texts:
            raise Failed(f"published was {texts}, received was {found}")


def describe(running):
    return {"url": running.url, "subscribe": running.subscribe, "publish": running.publish,
            "received": running.received, "opening_max": running.opening_max,
            "pids": running.pids()}


def show_list():
    rows = [("peer", "version", "language", "missing")]
    rows += [(peer.name, peer.version() or "-", peer.language, peer.missing() or "nothing")
             for peer in all_peers()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths + [0])))


def main():
    parser = argparse.ArgumentParser(description="Rival servers for side-by-side benchmarks.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="who is here, and what is missing")
    for name, text in [("try", "3 subscribers, 5 events"), ("run", "until Ctrl-C")]:
        command = commands.add_parser(name, help=text)
        command.add_argument("name", choices=[peer.name for peer in all_peers()])
        command.add_argument("--core", type=int, default=0, help="the core to run on (0)")
    options = parser.parse_args()
    if options.command == "list":
        show_list()
        return
    peer = next(peer for peer in all_peers() if peer.name == options.name)
    missing = peer.missing()
    if missing:
        raise Failed(f"{peer.name}: {missing}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="fanfare-peer-") as folder:
        with peer.start(folder, options.core) as running:
            if options.command == "try":
                attempt(running)
                print(f"ok {peer.name}")
            else:
                print(json.dumps(describe(running), indent=2), flush=True)
                running.server.handle.wait()
                raise Failed(f"{peer.name} ended by itself")


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as problem:
        print(f"peers.py: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        pass
