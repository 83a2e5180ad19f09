#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many jobs at once, each with a reader of its own: does each get its whole text, and what does it
cost the server?

    bench/jobs.py [--program build/fanfare] [--jobs 2000] [--tokens 200] [--rate 20] [--io auto]

Server on core 0 with one worker, readers and publisher on core 1. Tokens are published over the
feed, the last one ends its channel; a job is whole if its reader had all tokens in their order and
the last chunk. Printed is the server's processor time from the first token to the last end.
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


def start_server(options, folder):
    command = ["taskset", "-c", "0", options.program, "serve", "--listen", "127.0.0.1:0", "--feed",
               folder + "/feed.sock", "--workers", "1", "--acceptors", "1", "--io", options.io]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in server.stdout:
        match = re.match(r"listening on http://127\.0\.0\.1:(\d+)", line)
        if match:
            return server, int(match.group(1))
    raise SystemExit("the server did not start")


def cpu_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Readers:
    def __init__(self, port, jobs):
        self.sockets, self.parts, self.ended = {}, {}, set()
        self.epoll = select.epoll()
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


def publish(path, options, began_s):
    feed = socket.socket(socket.AF_UNIX)
    feed.connect(path)
    for token in range(options.tokens):
        end = "end: 1\n" if token + 1 == options.tokens else ""
        feed.sendall("".join(f"channel: job/{job}\ndata: token {token}\n{end}\n"
                             for job in range(options.jobs)).encode())
        time.sleep(max(0, began_s + (token + 1) / options.rate - time.monotonic()))
    feed.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/fanfare")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=int, default=20, help="tokens of a job in a second")
    parser.add_argument("--io", default="auto")
    options = parser.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory() as folder:
        server, port = start_server(options, folder)
        readers = Readers(port, options.jobs)
        while not all(readers.parts.values()):
            readers.read()
        before_s, began_s = cpu_s(server), time.monotonic()
        publisher = threading.Thread(target=publish,
                                     args=(folder + "/feed.sock", options, began_s))
        publisher.start()
        latest_s = began_s + options.tokens / options.rate + 30
        while len(readers.ended) < options.jobs and time.monotonic() < latest_s:
            readers.read()
        took_s, used_s = time.monotonic() - began_s, cpu_s(server) - before_s
        publisher.join()
        broken = readers.broken(options.tokens)
        print(f"{options.jobs} jobs x {options.tokens} tokens in {took_s:.2f} s: "
              f"{used_s:.2f} s of the server's core ({100 * used_s / took_s:.0f} %), "
              f"{broken} jobs not whole")
        server.terminate()
        server.wait()
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
