#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many jobs at once, each with a reader of its own: does each get its whole text, and what does it
cost the server?

    bench/jobs.py [--program build/fanfare] [--jobs 2000] [--tokens 200] [--rate 20] [--io auto]
                  [--against OTHER/fanfare]

Server on core 0 with one worker, readers and publisher on core 1. Tokens are published over the
feed, the last one ends its channel; a job is whole if its reader had all tokens in their order and
the last chunk. Printed is the server's processor time from the first token to the last end.

With --against there are two servers, which get their tokens in turn: whatever else the machine does
falls on both alike. Runs one after the other differ by up to 10 percent on a virtual machine; one
program against itself differs by 3 at most.
"""

import argparse
import os
import re
import select
import socket
import subprocess
import tempfile
import threading
import time


def start_server(program, io, feed):
    command = ["taskset", "-c", "0", program, "serve", "--listen", "127.0.0.1:0", "--feed", feed,
               "--workers", "1", "--acceptors", "1", "--io", io]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        match = re.match(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if match:
            return server, int(match.group(1))
    raise SystemExit("the server did not start")


def cpu_s(process):
    threads = f"/proc/{process.pid}/task"
    return sum(int(open(f"{threads}/{thread}/schedstat", encoding="ascii").read().split()[0])
               for thread in os.listdir(threads)) / 1e9


class Readers:
    def __init__(self):
        self.sockets, self.parts, self.ended = {}, {}, set()
        self.epoll = select.epoll()

    def join(self, port, jobs):
        for job in range(jobs):
            reader = socket.create_connection(("127.0.0.1", port))
            reader.sendall(b"GET /events/job/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % job)
            self.sockets[reader.fileno()] = reader
            self.parts[reader.fileno()] = []
            self.epoll.register(reader.fileno(), select.EPOLLIN)

    def read(self):
        for fd, _ in self.epoll.poll(0.5):
            part = self.sockets[fd].recv(65536)
            if part:
                self.parts[fd].append(part)
            else:
                self.ended.add(fd)
                self.epoll.unregister(fd)

    def broken(self, tokens):
        count = 0
        for parts in self.parts.values():
            text = b"".join(parts)
            seen = [int(number) for number in re.findall(rb"data: token (\d+)\n", text)]
            count += seen != list(range(tokens)) or not text.endswith(b"0\r\n\r\n")
        return count


def publish(paths, options, began_s):
    feeds = [socket.socket(socket.AF_UNIX) for _ in paths]
    for feed, path in zip(feeds, paths):
        feed.connect(path)
    pause_s = 1 / options.rate / len(feeds)
    for turn in range(options.tokens * len(feeds)):
        token = turn // len(feeds)
        end = "end: 1\n" if token + 1 == options.tokens else ""
        feeds[(turn + token) % len(feeds)].sendall(
            "".join(f"channel: job/{job}\ndata: token {token}\n{end}\n"
                    for job in range(options.jobs)).encode())
        time.sleep(max(0, began_s + (turn + 1) * pause_s - time.monotonic()))
    for feed in feeds:
        feed.close()


def run(options, servers, readers, paths):
    """What each of the servers took of its core, and for how long all of it went on."""
    while not all(readers.parts.values()):
        readers.read()
    before_s, began_s = [cpu_s(server) for server in servers], time.monotonic()
    publisher = threading.Thread(target=publish, args=(paths, options, began_s))
    publisher.start()
    latest_s = began_s + options.tokens / options.rate + 30
    while len(readers.ended) < len(readers.sockets) and time.monotonic() < latest_s:
        readers.read()
    took_s = time.monotonic() - began_s
    publisher.join()
    return [cpu_s(server) - before for server, before in zip(servers, before_s)], took_s


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/fanfare")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=int, default=20, help="tokens of a job in a second")
    parser.add_argument("--io", default="auto")
    parser.add_argument("--against", metavar="PROGRAM", help="another one, in turn with it")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        readers, servers, paths = Readers(), [], []
        for program in [options.program] + ([options.against] if options.against else []):
            paths.append(f"{folder}/{len(servers)}.sock")
            server, port = start_server(program, options.io, paths[-1])
            servers.append(server)
            readers.join(port, options.jobs)
        used_s, took_s = run(options, servers, readers, paths)
        broken = readers.broken(options.tokens)
        for server in servers:
            server.terminate()
            server.wait()
    print(f"{options.jobs} jobs x {options.tokens} tokens in {took_s:.2f} s: "
          f"{used_s[0]:.2f} s of the server's core ({100 * used_s[0] / took_s:.0f} %), "
          f"{broken} jobs not whole")
    if options.against:
        print(f"{options.against}: {used_s[1]:.2f} s; {used_s[0] / used_s[1]:.3f} of that")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
