#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server of plain sockets, which decides and keeps no stream: plain.py PORT FEED"""
import re
import socket
import sys

feed = socket.socket(socket.AF_UNIX)
feed.connect(sys.argv[2])
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client = listener.accept()[0]
    with client:  # ours to close; the server has its own
        head = client.recv(16384).decode("latin-1")
        user = re.search(r"^cookie:.*\buser=(\w+)", head, re.I | re.M)
        last = re.search(r"^last-event-id: *(.*?)\r$", head, re.I | re.M)
        if not user:
            client.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            continue
        block = f"adopt: news\nadopt: user/{user[1]}\n"
        if last:
            block += f"last-event-id: {last[1]}\n"
        socket.send_fds(feed, [(block + "\n").encode("latin-1")], [client.fileno()])
