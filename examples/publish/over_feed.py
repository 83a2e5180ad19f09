#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Publishes each line of its input: over_feed.py /run/fanfare/feed.sock news"""
import re
import socket
import sys
import time
import uuid


def field(name, value):
    """A line for each of the value's, so that no value makes a field of another name."""
    return "".join(f"{name}: {line}\n" for line in re.split("\r\n|\r|\n", value))


class Feed:
    def __init__(self, path):
        self.path, self.stream = path, None

    def publish(self, channel, data, key=None):
        """Gives the event's id, once it is published; raises ValueError if it is refused."""
        event = field("channel", channel) + field("key", key or str(uuid.uuid4()))
        event += "ack: 1\n" + field("data", data) + "\n"
        while True:
            try:
                return self.ask(event)
            except OSError:  # by its key it is published once, however often it is sent
                self.stream = None
                time.sleep(0.5)

    def ask(self, event):
        if not self.stream:
            feed = socket.socket(socket.AF_UNIX)
            feed.connect(self.path)
            self.stream = feed.makefile("rw", encoding="utf-8", newline="\n")
        self.stream.write(event)
        self.stream.flush()
        answer = {}
        while (line := self.stream.readline()) != "\n":
            name, _, answer[name] = line.rstrip("\n").partition(": ")
            if not line or line == "error: stopping\n":
                raise ConnectionError("the feed has ended")
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["id"]


if __name__ == "__main__":
    FEED = Feed(sys.argv[1])
    for text in sys.stdin:
        print(FEED.publish(sys.argv[2], text.rstrip("\n")), flush=True)
