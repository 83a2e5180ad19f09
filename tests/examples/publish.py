#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A publisher of examples/publish loses nothing, and publishes nothing twice.

    publish.py PROGRAM EXAMPLE

It is given lines while the server answers, while an answer is lost on its way, and while the server
is killed and started again; between them stands a relay, so that each of these happens exactly
then. Every line has to be answered with an id, and to be in the channel once. A channel that
nobody may publish to ends it with the server's sentence.

Exit status 77 (skipped) where the language is not there.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

PATIENCE_S = 60
RUNNERS = {".py": [sys.executable], ".mjs": ["node"], ".php": ["php"], ".rb": ["ruby"],
           ".sh": ["sh"], ".go": ["go"]}


class Server:
    def __init__(self, program, folder):
        self.feed = f"{folder}/server.sock"
        self.process = subprocess.Popen(
            [program, "serve", "--listen", "127.0.0.1:0", "--feed", self.feed, "--workers", "1"],
            stdout=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stdout:
            found = re.match(r"listening on http://127\.0\.0\.1:(\d+)", line)
            self.port = int(found.group(1)) if found else self.port
            if line.startswith("workers:"):
                return
        raise SystemExit("the server did not start")

    def texts(self):
        url = f"http://127.0.0.1:{self.port}/events/news?last-event-id=earliest&wait=no"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return re.findall(r"^data: (.*)$", answer.read().decode(), re.M)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Relay:
    """Stands where the example looks for the server, as long as it is open."""

    def __init__(self, address, is_feed):
        self.address, self.is_feed = address, is_feed
        self.lose, self.lost = threading.Event(), threading.Event()
        self.sockets, self.listener, self.target = [], None, None

    def open(self, target):
        self.target = target
        self.listener = socket.socket(socket.AF_UNIX if self.is_feed else socket.AF_INET)
        if not self.is_feed:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen(16)
        if not self.is_feed:
            self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self):
        for each in [self.listener] + self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()
        self.sockets = []
        if self.is_feed:
            os.unlink(self.address)

    def accept(self, listener):
        try:
            while True:
                client = listener.accept()[0]
                server = socket.socket(client.family)
                server.connect(self.target)
                self.sockets += [client, server]
                threading.Thread(target=self.copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self.copy, args=(server, client, True),
                                 daemon=True).start()
        except OSError:
            pass  # closed

    def copy(self, source, target, is_answer=False):
        try:
            while part := source.recv(65536):
                if is_answer and self.lose.is_set():
                    self.lose.clear()
                    self.lost.set()
                    for each in source, target:
                        each.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(part)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed


class Example:
    def __init__(self, command, address, channel):
        place = ([address, channel] if isinstance(address, str) else
                 [f"http://127.0.0.1:{address[1]}/publish/{channel}"])
        self.process = subprocess.Popen(
            command + place, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=dict(os.environ, LC_ALL="C.UTF-8"))

    def give(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect_id(self, line):
        answer = self.process.stdout.readline()
        if not re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]{16}\n", answer):
            self.process.kill()
            raise SystemExit(f"{line} was answered {answer!r}: {self.process.stderr.read()}")

    def publish(self, line):
        self.give(line)
        self.expect_id(line)


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r} instead of {wanted!r}")


def command_for(example, folder):
    runner = RUNNERS[example.suffix]
    if not shutil.which(runner[0]):
        print(f"{runner[0]} is not there")
        sys.exit(77)
    if runner == ["go"]:
        built = f"{folder}/example"
        environment = dict(os.environ, GOCACHE=os.environ.get("GOCACHE", f"{folder}/cache"),
                           GOFLAGS="-mod=mod", GO111MODULE="off")
        subprocess.run(["go", "build", "-o", built, str(example)], check=True, env=environment)
        return [built]
    return runner + [str(example)]


def run_example(program, command, is_feed, folder):
    server = Server(program, folder)
    relay = Relay(f"{folder}/relay.sock" if is_feed else ("127.0.0.1", 0), is_feed)
    target = (lambda: server.feed) if is_feed else lambda: ("127.0.0.1", server.port)
    relay.open(target())
    example = Example(command, relay.address, "news")
    first = ["one", 'two: "\\" %41 $x é', "@three"]
    for line in first[:2]:
        example.publish(line)
    relay.lose.set()
    example.publish(first[2])
    expect("an answer was lost", relay.lost.is_set(), True)
    expect("the channel before", server.texts(), first)
    server.kill()
    relay.close()
    example.give("four")
    server = Server(program, folder)
    relay.open(target())
    example.expect_id("four")
    example.publish("five")
    expect("the channel behind", server.texts(), ["four", "five"])
    example.process.stdin.close()
    expect("the end", example.process.wait(PATIENCE_S), 0)
    refused = Example(command, relay.address, "@presence/news")
    refused.give("six")
    refused.process.stdin.close()
    sentence = refused.process.stderr.read()
    expect("refused", refused.process.wait(PATIENCE_S) != 0 and "server" in sentence, True)
    server.kill()


def main():
    program, example = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        command = command_for(example, folder)
        threading.Timer(PATIENCE_S, os._exit, [1]).start()
        run_example(program, command, example.stem == "over_feed", folder)
    print(json.dumps({"example": example.name, "passed": True}), flush=True)
    os._exit(0)


main()
