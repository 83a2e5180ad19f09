#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Resumable jobs: a job's text comes token by token, and no reader loses any of it.

    fanfare serve --allow-origin '*'
    python3 examples/jobs/jobs.py            then open http://127.0.0.1:8000/

The page asks for a job and gets its id. A thread of this program makes the tokens up, as a
language model would, and publishes each to the channel job/ID; the last one ends the channel.
Readers listen to Fanfare and not to this program: they may leave and come back, open the job in a
second tab or come long after its end, and each has the whole text, once. When a reader comes back
and has everything, Fanfare answers 204, and EventSource stops.

Each token has a key of its own (Idempotency-Key), so a publish whose answer was lost is sent again.
"""

import argparse
import http.server
import json
import pathlib
import secrets
import threading
import time
import urllib.error
import urllib.request

TOKENS = ("Streams are long. Networks are short. What a reader missed, the history still has, "
          "and the last id says where to go on.").split(" ")
PAGE = pathlib.Path(__file__).with_name("jobs.html")
TRIES = 10


def publish(server, job, number, token, is_last):
    """Until it is answered: the key makes it one event, however often it is sent."""
    url = f"{server}/publish/job/{job}" + ("?end=1" if is_last else "")
    headers = {"Content-Type": "text/plain; charset=utf-8", "Idempotency-Key": str(number)}
    for tries in range(TRIES):
        request = urllib.request.Request(url, token.encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500 or tries + 1 == TRIES:
                raise
        except OSError:
            if tries + 1 == TRIES:
                raise
        time.sleep(0.2 * 2 ** tries)


def run_job(server, job, tokens, pause_s):
    for number, token in enumerate(tokens):
        is_last = number + 1 == len(tokens)
        publish(server, job, number, token if is_last else token + " ", is_last)
        time.sleep(pause_s)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, content_type, body):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/":
            self.send_error(404)
            return
        page = PAGE.read_text(encoding="utf-8").replace("FANFARE_URL", self.server.options.public)
        self.answer("text/html; charset=utf-8", page.encode())

    def do_POST(self):
        if self.path != "/jobs":
            self.send_error(404)
            return
        options, job = self.server.options, secrets.token_urlsafe(12)
        tokens = TOKENS * options.repeat
        threading.Thread(target=run_job, daemon=True,
                         args=(options.fanfare, job, tokens, options.pause)).start()
        self.answer("application/json", json.dumps({"job": job}).encode())

    def log_message(self, *arguments):
        pass


def main():
    parser = argparse.ArgumentParser(description="Resumable jobs over Fanfare.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fanfare", default="http://127.0.0.1:8080", metavar="URL",
                        help="where this program publishes")
    parser.add_argument("--public", metavar="URL", help="where browsers read; else the same")
    parser.add_argument("--repeat", type=int, default=3, help="how long a job's text is")
    parser.add_argument("--pause", type=float, default=0.1, metavar="SECONDS",
                        help="between two tokens")
    options = parser.parse_args()
    options.public = options.public or options.fanfare
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.options = options
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
