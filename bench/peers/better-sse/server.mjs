// SPDX-License-Identifier: MIT
/*
 * A better-sse server for the benchmarks: one channel, after the recipe for the HTTP/1 API of Node
 * in its documentation.
 *
 *     node server.mjs --port N [--batch]
 *
 * GET /events/bench subscribes; POST /publish sends the body as the data of one event to everybody,
 * and is answered 204 when the event was handed to every session.
 *
 * Without --batch each event goes out by Channel#broadcast, the call that the documentation has for
 * many receivers. With --batch the events that arrive in one turn of Node's loop are put into one
 * event buffer, which each session is sent with one call: its page on batching. What differs from
 * the defaults: data is sent as it is (the default serializer makes JSON of it), and no comments
 * keep the connection alive, since no other server here sends any.
 *
 * better-sse does not look at what write() returns: what a slow reader has not taken is kept in
 * memory, without a limit.
 */
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import { createChannel, createEventBuffer, createSession } from 'better-sse';

// better-sse uses the global one, which Debian 12's Node 18 does not have.
globalThis.crypto ??= webcrypto;

const words = process.argv.slice(2);
const batch = words.includes('--batch');
const port = words.includes('--port') ? Number(words[words.indexOf('--port') + 1]) : NaN;
if (!Number.isInteger(port)) {
  console.error('server.mjs: --port N is missing');
  process.exit(2);
}

const serializer = text => text;
const channel = createChannel();
let waiting = []; // with --batch: the events of this turn, each as [text, response]

async function subscribe(request, response) {
  const session = await createSession(request, response,
    { serializer, keepAlive: null, trustClientEventId: false });
  if (session.isConnected)
    channel.register(session);
}

async function flush() {
  const events = waiting;
  waiting = [];
  const buffer = createEventBuffer({ serializer });
  for (const [text] of events)
    buffer.push(text);
  await Promise.all(channel.activeSessions.map(session => session.batch(buffer)));
  for (const [, response] of events)
    response.writeHead(204).end();
}

function publish(text, response) {
  if (batch) {
    waiting.push([text, response]);
    if (waiting.length === 1)
      setImmediate(flush);
    return;
  }
  channel.broadcast(text);
  response.writeHead(204).end();
}

function readBody(request, response) {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => publish(Buffer.concat(parts).toString(), response));
}

const server = createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/events/bench')
    subscribe(request, response);
  else if (request.method === 'POST' && request.url === '/publish')
    readBody(request, response);
  else
    response.writeHead(404).end();
});
server.keepAliveTimeout = 0; // a publisher keeps its connection, however long it says nothing
server.listen({ port, host: '127.0.0.1', backlog: 4096 });
process.on('SIGTERM', () => process.exit(0));
