# SPDX-License-Identifier: MIT
"""better-sse: a library for Node, in TypeScript. The server around it is better-sse/server.mjs.

Two peers: `better-sse` broadcasts each event as the documentation of channels does, and
`better-sse-batch` collects what arrives in one turn of the loop in an event buffer, as its page on
batching does. The first is how it is used, the second how it is fast under load.
"""
import json
from pathlib import Path

from peer import CHANNEL, HOST, Peer, Process, Running, find, free_ports, output_of

FOLDER = Path(__file__).resolve().parent / "better-sse"
NODE_MAJOR = 18  # the oldest that it was tried with: Debian 12's


class BetterSse(Peer):
    language = "JavaScript"
    packages = ["nodejs", "npm"]
    npm_folder = FOLDER
    options = []

    def __init__(self, name, options):
        self.name = name
        self.options = options

    def package(self):
        return FOLDER / "node_modules" / "better-sse" / "package.json"

    def version(self):
        if self.missing():
            return None
        version = json.loads(self.package().read_text())["version"]
        return f"{version} (node {output_of(['node', '--version'])[1:]})"

    def missing(self):
        said = output_of(["node", "--version"]) if find("node") else None
        if not said or not said.startswith("v"):
            return "node is not installed (Debian package nodejs)"
        if int(said[1:].split(".")[0]) < NODE_MAJOR:
            return f"node is {said}, and must be {NODE_MAJOR} or newer"
        if not self.package().exists():
            return f"its npm package is missing: run npm ci in {FOLDER}"
        return None

    def start(self, folder, core):
        [port] = free_ports(1)
        server = Process([find("node"), FOLDER / "server.mjs", "--port", port, *self.options],
                         folder, core, "node.log")
        return Running(self, f"http://{HOST}:{port}", f"/events/{CHANNEL}",
                       {"target": "/publish", "headers": {"Content-Type": "text/plain"}},
                       server).wait()


PEERS = [BetterSse("better-sse", []), BetterSse("better-sse-batch", ["--batch"])]
