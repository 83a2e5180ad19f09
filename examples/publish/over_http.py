#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Publishes each line of its input: over_http.py http://127.0.0.1:8080/publish/news"""
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
import uuid


def publish(url, data, key=None):
    """Gives the event's id, once it is published; raises ValueError if it is refused."""
    headers = {"Content-Type": "text/plain; charset=utf-8",
               "Idempotency-Key": key or str(uuid.uuid4())}
    while True:
        try:
            request = urllib.request.Request(url, data.encode(), headers)
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["ids"][0]
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                raise ValueError(error.read().decode()) from None
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.5)  # by its key it is published once, however often it is sent


if __name__ == "__main__":
    for line in sys.stdin:
        print(publish(sys.argv[1], line.rstrip("\n")), flush=True)
