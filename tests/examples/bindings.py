#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A binding of examples/bindings embeds the engine: its program serves, publishes and is told.

    bindings.py LANGUAGE ROOT LIBRARIES

The program reads requests with its language's own means and gives their sockets away. A reader has
to get what is published, one that comes back with its last id what it missed, and the program has
to hear of both coming and going; at the end of its input it ends, and so do the streams.

LIBRARIES is the folder with libfanfare.so.1 and fanfare.cdef. Exit status 77 (skipped) where the
language is not there.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PATIENCE_S = 60


class Program:
    def __init__(self, command, libraries):
        environment = dict(os.environ, FANFARE_LIBRARY=str(libraries / "libfanfare.so.1"),
                           FANFARE_CDEF=str(libraries / "fanfare.cdef"),
                           LD_LIBRARY_PATH=str(libraries), LC_ALL="C.UTF-8")
        self.process = subprocess.Popen(command + ["0"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment)
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)\n", self.process.stdout.readline())
        self.port = int(found.group(1)) if found else 0

    def publish(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def expect(self, line):
        found = self.process.stdout.readline()
        if not re.fullmatch(line + "\n", found):
            raise SystemExit(f"the program said {found!r} in place of {line}")
        return found.split()[-1]


class Reader:
    def __init__(self, port, path, last_id=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{resume}\r\n".encode())
        self.text = ""

    def until(self, wanted):
        """What the wanted expression matches first; None at the end of the response."""
        while not (found := re.search(wanted, self.text)):
            part = self.socket.recv(65536)
            if not part:
                return None
            self.text += part.decode()
        return found

    def close(self):
        self.socket.close()


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: {found!r} instead of {wanted!r}")


def run(program):
    reader = Reader(program.port, "/elsewhere")
    expect("another path", reader.until(r"HTTP/1\.1 (\d+)").group(1), "404")
    reader.close()
    reader = Reader(program.port, "/events/news")
    first = program.expect(r"joined \d+")
    program.publish("one: ü")
    last_id = reader.until(r"data: one: ü\nid: (\S+)\n\n")
    expect("the head", reader.text.split("\r\n")[0], "HTTP/1.1 200 OK")
    reader.close()
    expect("who left", program.expect(r"left \d+"), first)
    program.publish("two")
    program.publish("three")
    reader = Reader(program.port, "/events/news", last_id.group(1))
    second = program.expect(r"joined \d+")
    expect("what was missed", reader.until(r"data: three") is not None, True)
    expect("all of it", re.findall(r"data: (.*)", reader.text), ["two", "three"])
    program.process.stdin.close()
    expect("the last chunk", reader.until(r"\r\n0\r\n\r\n") is not None, True)
    expect("the end", program.process.wait(PATIENCE_S), 0)
    return first, second


def skip(sentence):
    print(sentence)
    sys.exit(77)


def interpreted(runner, program, packages=None):
    if not shutil.which(runner):
        skip(f"{runner} is not there")
    if packages and not packages.is_dir():
        skip(f"{packages} is not there")
    return [runner, str(program)]


def built_by_go(root, libraries, folder):
    interpreted("go", "build")
    environment = dict(os.environ, CGO_CFLAGS=f"-I{root}/include", CGO_LDFLAGS=f"-L{libraries}",
                       GOCACHE=str(libraries.parent / "go-cache"))
    subprocess.run(["go", "build", "-o", f"{folder}/news", "."], check=True, env=environment,
                   cwd=root / "examples/bindings/go")
    return [f"{folder}/news"]


def built_by_rust(root, libraries, folder):
    interpreted("rustc", "news.rs")
    source = root / "examples/bindings/rust"
    shutil.copy(source / "news.rs", folder)
    with open(f"{folder}/fanfare_sys.rs", "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, str(source / "declare.py"),
                        str(libraries / "fanfare.cdef")], check=True, stdout=file)
    subprocess.run(["rustc", "--edition", "2021", "-D", "warnings", "-L", str(libraries), "-l",
                    "fanfare", "-o", f"{folder}/news", f"{folder}/news.rs"], check=True)
    return [f"{folder}/news"]


def command_for(language, root, libraries, folder):
    bindings = root / "examples/bindings"
    if language == "go":
        return built_by_go(root, libraries, folder)
    if language == "rust":
        return built_by_rust(root, libraries, folder)
    if language == "node":
        return interpreted("node", bindings / "node/news.mjs", bindings / "node/node_modules")
    if language == "php":
        return interpreted("php", bindings / "php/news.php")
    return interpreted(sys.executable, bindings / "python/news.py")


def main():
    language, root, libraries = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        command = command_for(language, root, libraries, folder)
        timer = threading.Timer(PATIENCE_S, os._exit, [1])
        timer.start()
        ids = run(Program(command, libraries))
        timer.cancel()
    print(json.dumps({"language": language, "subscribers": ids}), flush=True)


main()
