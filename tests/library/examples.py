#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of examples/embed do what they say: examples.py chat|qr_login PROGRAM..."""
import http.client
import re
import signal
import subprocess
import sys


class Program:
    """One that serves on a port of its own choice, which it prints."""

    def __init__(self, path):
        self.process = subprocess.Popen([path, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def open(self, method, target, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, target, body, headers or {})
        return connection.getresponse()

    def ask(self, method, target, body=None, headers=None):
        response = self.open(method, target, body, headers)
        return response.status, response.read().decode()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


def lines_until(stream, wanted):
    """All lines up to the one that is wanted."""
    lines = []
    while not lines or lines[-1] != wanted:
        line = stream.readline()
        assert line, f"it has ended after {lines}"
        lines.append(line.decode().rstrip("\n"))
    return lines


def chat(path):
    program = Program(path)
    status, page = program.ask("GET", "/")
    assert status == 200 and "EventSource('/stream" in page, page
    streams = [program.open("GET", "/stream") for _ in range(2)]
    assert program.ask("POST", "/send", "Hello, all") == (200, '{"status": "sent"}')
    for stream in streams:
        lines_until(stream, "data: Hello, all")
    late = program.open("GET", "/stream?last=20")
    lines_until(late, "data: Hello, all")
    assert program.ask("POST", "/send")[0] == 400
    assert program.ask("GET", "/send")[0] == 404
    assert program.ask("GET", "/nothing")[0] == 404
    # A page of another origin sends nothing here.
    evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert program.ask("POST", "/send", "spam", evil)[0] == 403
    program.end()
    assert b"spam" not in streams[0].read()


def qr_login(path):
    program = Program(path)
    status, page = program.ask("GET", "/login")
    token = re.search(r"status\?token=([0-9a-f]{32})'", page).group(1)
    assert status == 200 and token not in program.ask("GET", "/login")[1]
    stream = program.open("GET", f"/status?token={token}")
    assert stream.status == 200
    lines_until(stream, "event: waiting")
    assert program.ask("POST", f"/scanned?token={token}")[0] == 204
    assert "event: login" in lines_until(stream, "data: ok")
    stream.read()  # it ends
    # Who comes back for it has it, too.
    again = program.open("GET", f"/status?token={token}").read().decode()
    assert "event: login\n" in again and "data: ok\n" in again, again
    assert program.ask("GET", "/status?token=guess")[0] == 404
    program.end()


for name, program_path in zip(sys.argv[1::2], sys.argv[2::2]):
    {"chat": chat, "qr_login": qr_login}[name](program_path)
print("ok")
