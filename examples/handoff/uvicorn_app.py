# SPDX-License-Identifier: MIT
"""Under uvicorn, in HTTP/1.1 without TLS: HANDOFF=PATH uvicorn uvicorn_app:app

ASGI has no word for the socket. That uvicorn's `receive` is a method of what has the transport is
how it is built, and no promise.
"""
import json
import os
import re
import socket


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    head = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    user = re.search(r"\buser=(\w+)", head.get("cookie", ""))
    if not user:
        await send({"type": "http.response.start", "status": 401})
        await send({"type": "http.response.body"})
        return
    transport = receive.__self__.transport
    transport.pause_reading()
    ask = {"adopt": ["news", f"user/{user[1]}"], "last-event-id": head.get("last-event-id")}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as handoff:
        handoff.connect(os.environ["HANDOFF"])
        client = transport.get_extra_info("socket").fileno()
        socket.send_fds(handoff, [json.dumps(ask).encode()], [client])
    transport.abort()  # closes our copy, and shuts nothing down
    while (await receive())["type"] != "http.disconnect":
        pass
