#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/*
 * A server of Node that reads requests itself, and gives its streams to libfanfare.
 *
 *     npm ci; news.mjs [PORT]        then curl -N http://127.0.0.1:PORT/events/news
 *
 * Each line of the input is published to the channel `news`; who comes and goes is printed.
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import { Engine, JOINED } from './fanfare.mjs';

const libc = koffi.load('libc.so.6');
const dup = libc.func('int dup(int fd)');
const close = libc.func('int close(int fd)');
const engine = new Engine({ notes: 'on', workers: '1' });

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (!pathname.startsWith('/events/')) return response.writeHead(404).end();
  // Node lets go of its own descriptor, and the connection lives on in this one.
  const fd = dup(request.socket._handle.fd);
  request.socket.destroy();
  try {
    const channel = decodeURIComponent(pathname.slice('/events/'.length));
    engine.adopt(fd, channel, request.headers['last-event-id']);
  } catch (error) {
    console.error(error.message);
    close(fd);
  }
});

async function tell() {
  for await (const { kind, subscriber } of engine.notes())
    console.log(kind === JOINED ? 'joined' : 'left', subscriber);
}

server.listen(Number(process.argv[2]), '127.0.0.1', async () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
  const told = tell();
  for await (const line of createInterface({ input: process.stdin }))
    await engine.publish('news', line);
  await Promise.all([engine.stop(), told]);
  engine.free();
  process.exit();
});
