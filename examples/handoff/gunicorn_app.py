# SPDX-License-Identifier: MIT
"""Under gunicorn, whose sync worker is free at once: HANDOFF=PATH gunicorn gunicorn_app:app"""
import json
import os
import re
import socket


def app(environ, start_response):
    user = re.search(r"\buser=(\w+)", environ.get("HTTP_COOKIE", ""))
    if not user:
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return []
    client = environ["gunicorn.socket"]
    ask = {"adopt": ["news", f"user/{user[1]}"],
           "last-event-id": environ.get("HTTP_LAST_EVENT_ID")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as handoff:
        handoff.connect(os.environ["HANDOFF"])
        socket.send_fds(handoff, [json.dumps(ask).encode()], [client.fileno()])
        handoff.recv(4096)  # taken or refused: the client has its answer in any case
    stand_in, other = socket.socketpair()
    os.dup2(stand_in.fileno(), client.fileno())  # what gunicorn still does reaches nobody
    stand_in.close()
    other.close()
    raise StopIteration  # which gunicorn takes for a connection that is to be closed
