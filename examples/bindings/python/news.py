#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server of asyncio that reads requests itself, and gives its streams to libfanfare.

    news.py [PORT]        then curl -N http://127.0.0.1:PORT/events/news

Each line of the input is published to the channel `news`; who comes and goes is printed.
"""
import asyncio
import os
import sys
import urllib.parse

import fanfare


async def serve(engine, reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    path = urllib.parse.unquote(head[0].split(" ")[1])
    fields = {name.lower(): value.strip() for name, _, value in
              (line.partition(":") for line in head[1:])}
    if not path.startswith("/events/"):
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        return writer.close()
    # asyncio lets go of its own descriptor, and the connection lives on in this one.
    fd = os.dup(writer.get_extra_info("socket").fileno())
    writer.transport.abort()
    try:
        engine.adopt(fd, path[len("/events/"):], fields.get("last-event-id"))
    except OSError as error:
        print(error, file=sys.stderr)
        os.close(fd)


def tell(engine):
    for note in engine.notes():
        if note.kind in (fanfare.JOINED, fanfare.LEFT):
            print("joined" if note.kind == fanfare.JOINED else "left", note.subscriber, flush=True)


async def main():
    engine, loop = fanfare.Engine(notes="on", workers="1"), asyncio.get_running_loop()
    server = await asyncio.start_server(
        lambda reader, writer: serve(engine, reader, writer), "127.0.0.1", int(sys.argv[1]))
    print("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    loop.add_reader(fanfare.LIBRARY.fanfare_note_fd(engine.engine), tell, engine)
    while line := await asyncio.to_thread(sys.stdin.readline):
        await engine.publish("news", line.rstrip("\n"))
    engine.stop()


asyncio.run(main())
