# SPDX-License-Identifier: MIT
"""What pushpin needs beside it: who tells it to hold a response, and a way in for publishers.

    backend.py HOLD_PORT PUBLISH_PORT CONTROL_PORT

On HOLD_PORT any GET /events/NAME is answered with the headers that make pushpin hold the response
and send to it what is published to the channel NAME. There is no body: with one, pushpin 1.36
closed some of the connections that came quickly, and said "received message out of sequence".

On PUBLISH_PORT the connections of publishers are kept, which pushpin does not do: its control port
closes each behind the answer. A request's body is passed on there, and what is answered is passed
back before the next request is read: the order stays, and nobody publishes faster than pushpin
takes it.
"""
import asyncio
import sys

HOST = "127.0.0.1"


async def read_head(reader):
    """A request's head, or None if the connection has ended."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def field(head, name):
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


async def hold(reader, writer):
    while head := await read_head(reader):
        channel = head.split(b" ")[1].rsplit(b"/", 1)[-1]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Cache-Control: no-cache\r\nGrip-Hold: stream\r\nGrip-Channel: " + channel +
                     b"\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def pass_on(body, port):
    """Status and body of what the control port answers."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"POST /publish/ HTTP/1.1\r\nHost: pushpin\r\n"
                     b"Content-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    except OSError as problem:
        return b"502 Bad Gateway", str(problem).encode()
    return head.split(b"\r\n")[0].partition(b" ")[2] or b"502 Bad Gateway", answer


async def publish(reader, writer, port):
    while head := await read_head(reader):
        body = await reader.readexactly(int(field(head, b"content-length") or 0))
        status, answer = await pass_on(body, port)
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(answer)) + answer)
    writer.close()


async def serve(hold_port, publish_port, control_port):
    await asyncio.start_server(hold, HOST, hold_port, backlog=4096)
    server = await asyncio.start_server(
        lambda reader, writer: publish(reader, writer, control_port), HOST, publish_port,
        limit=1 << 21)
    await server.serve_forever()


asyncio.run(serve(*map(int, sys.argv[1:4])))
