#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A program of examples/handoff decides about streams, and keeps none.

    handoff.py PROGRAM EXAMPLE

Whoever has no cookie gets the example's own 401. Whoever has one gets a stream of the server's:
several at once, although each example serves one request after the other; from where the client
was; and beyond the end of the example itself.

apache.php is run by PHP's own server, and what stands before it here does what mod_socket_handoff
does. Exit status 77 (skipped) where the language, or the framework, is not there.
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
import time
from pathlib import Path

PATIENCE_S = float(os.environ.get("PATIENCE_S", 60))
STREAMS = 5
PROCESSES = []


class Fanfare:
    def __init__(self, program, folder):
        self.feed, self.handoff = f"{folder}/feed.sock", f"{folder}/handoff.sock"
        self.process = subprocess.Popen(
            [program, "serve", "--feed", self.feed, "--feed-adopt", "--handoff", self.handoff,
             "--listen", "127.0.0.1:0", "--workers", "1"], stdout=subprocess.PIPE, text=True)
        while not next(self.process.stdout, "workers:").startswith("workers:"):
            pass
        self.publisher = socket.socket(socket.AF_UNIX)
        self.publisher.connect(self.feed)

    def publish(self, channel, data):
        self.publisher.sendall(f"channel: {channel}\ndata: {data}\nack: 1\n\n".encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += self.publisher.recv(4096)
        return re.search(rb"^id: (.*)$", answer, re.M)[1].decode()


class Stream:
    def __init__(self, port, fields=""):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.sendall(f"GET /events HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode())
        self.seen = b""

    def until(self, text):
        while text.encode() not in self.seen:
            part = self.socket.recv(65536)
            if not part:
                raise SystemExit(f"the stream ended before {text!r}: {self.seen!r}")
            self.seen += part


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def is_there(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except ConnectionRefusedError:
        return False


class Apache:
    """In front of a script: gives the client's connection away if the answer says so."""

    def __init__(self, script_port):
        self.script_port = script_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client = self.listener.accept()[0]
            with client, socket.create_connection(("127.0.0.1", self.script_port)) as script:
                request = client.recv(16384)
                script.sendall(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
                answer = b""
                while part := script.recv(65536):
                    answer += part
                data = re.search(rb"^X-Handoff-Data: (.*?)\r$", answer, re.M)
                path = re.search(rb"^X-Socket-Handoff: (.*?)\r$", answer, re.M)
                if not data:
                    client.sendall(answer)
                    continue
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
                    door.setblocking(False)
                    door.connect(path[1])
                    socket.send_fds(door, [data[1]], [client.fileno()])


def skip(why):
    print(why)
    sys.exit(77)


def command_for(example, port, fanfare):
    """The command, with whose environment it runs; None: the language is not there."""
    runner = {".php": "php", ".mjs": "node"}.get(example.suffix, sys.executable)
    if example.stem.endswith("_app"):
        runner = example.stem.removesuffix("_app")
    if not shutil.which(runner):
        skip(f"{runner} is not there")
    if example.suffix == ".php" and "sockets" not in subprocess.run(
            ["php", "-m"], capture_output=True, text=True, check=True).stdout.split():
        skip("php has no extension sockets")
    place = str(port)
    return {
        "plain.py": [runner, str(example), place, fanfare.feed],
        "sockets.php": [runner, str(example), place, fanfare.feed],
        "server.mjs": [runner, str(example), place, fanfare.handoff],
        "apache.php": [runner, "-S", f"127.0.0.1:{place}", str(example)],
        "gunicorn_app.py": [runner, "--workers", "1", "--bind", f"127.0.0.1:{place}", "--chdir",
                            str(example.parent), "gunicorn_app:app"],
        "uvicorn_app.py": [runner, "--port", place, "--app-dir", str(example.parent),
                           "uvicorn_app:app"],
    }[example.name]


def start(example, port, fanfare, folder):
    process = subprocess.Popen(
        command_for(example, port, fanfare), cwd=folder, start_new_session=True,
        env=dict(os.environ, HANDOFF=fanfare.handoff, PYTHONDONTWRITEBYTECODE="1"))
    PROCESSES.append(process)
    while not is_there(port):
        if process.poll() is not None:
            raise SystemExit("the example has ended")
        time.sleep(0.02)
    return process


def run(fanfare, example, folder):
    port = free_port()
    process = start(example, port, fanfare, folder)
    try:
        try_it(fanfare, process, Apache(port).port if example.name == "apache.php" else port)
    finally:
        if process.poll() is None:
            end(process)


def end(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def try_it(fanfare, process, front):
    Stream(front).until(" 401 ")
    streams = [Stream(front, "Cookie: user=ann\r\n") for _ in range(STREAMS)]
    for stream in streams:
        stream.until("Fanfare-Resume: none\r\n")
    first = fanfare.publish("news", "first")
    fanfare.publish("user/bob", "for somebody else")
    fanfare.publish("user/ann", "for ann")
    resumed = Stream(front, f"Cookie: user=ann\r\nLast-Event-ID: {first}\r\n")
    resumed.until("Fanfare-Resume: complete\r\n")
    end(process)
    fanfare.publish("news", "behind its end")
    for stream in streams:
        stream.until("data: first\n")
    for stream in streams + [resumed]:
        stream.until("data: for ann\n")
        stream.until("data: behind its end\n")
        if b"somebody else" in stream.seen:
            raise SystemExit("ann got what is for somebody else")
    if b"data: first\n" in resumed.seen:
        raise SystemExit("it was resumed before where it was")


def give_up():
    print("it takes too long", file=sys.stderr, flush=True)
    for process in PROCESSES:
        os.killpg(process.pid, signal.SIGKILL)
    os._exit(1)


def main():
    threading.Timer(PATIENCE_S, give_up).start()
    example = Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        fanfare = Fanfare(sys.argv[1], folder)
        try:
            run(fanfare, example, folder)
        finally:
            fanfare.process.terminate()
            fanfare.process.wait()
    print(json.dumps({"example": example.name, "passed": True}), flush=True)


try:
    main()
    STATUS = 0
except SystemExit as end:
    STATUS = end.code if isinstance(end.code, int) else 1
    print(end.code, file=sys.stderr)
sys.stdout.flush()
os._exit(STATUS)
