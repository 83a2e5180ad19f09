// SPDX-License-Identifier: MIT
/*
 * What both browser programs share: the real server as a process of its own, publishing to it, a
 * proxy that cuts connections at chosen bytes, and waiting for conditions.
 *
 * E2E_PROGRAM names the server. It is ended by SIGTERM in stop, and by SIGKILL when this process
 * exits in any other way.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DEADLINE_MS = 20000;

export function skip(reason) {
  console.log('skipped: ' + reason);
  process.exit(77);
}

// Polls a condition until it gives something true; its last value is in the message if it does not.
export async function until(what, condition, describe = () => '') {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await condition();
    if (value)
      return value;
    if (Date.now() > deadline)
      throw new Error(`waited ${DEADLINE_MS} ms for ${what}. ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function startServer(...options) {
  const program = process.env.E2E_PROGRAM;
  if (!program)
    throw new Error('E2E_PROGRAM is not set');
  const directory = mkdtempSync(join(tmpdir(), 'fanfare-browser-'));
  const child = spawn(program, ['serve', '--listen', '127.0.0.1:0', '--feed',
    join(directory, 'feed.sock'), '--workers', '2', ...options],
  { stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  let said = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  const match = await until('the server to listen', () => {
    if (child.exitCode !== null)
      throw new Error(`the server ended with status ${child.exitCode}: ${said}`);
    return said.match(/^listening on http:\/\/127\.0\.0\.1:(\d+)$/m);
  });
  const port = Number(match[1]);
  const url = `http://127.0.0.1:${port}`;
  return {
    port,
    url,
    feed: join(directory, 'feed.sock'),
    async publish(channel, data, type = '') {
      const query = type ? '?event=' + encodeURIComponent(type) : '';
      const answer = await fetch(`${url}/publish/${encodeURIComponent(channel)}${query}`,
        { method: 'POST', body: data });
      const text = await answer.text();
      if (answer.status !== 200)
        throw new Error(`publish: ${answer.status} ${text}`);
      return JSON.parse(text).ids[0];
    },
    async stats() {
      return (await fetch(url + '/stats')).json();
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', (code, signal) =>
        resolve({ code, signal })));
      child.kill('SIGTERM');
      const { code, signal } = await ended;
      process.off('exit', kill);
      rmSync(directory, { recursive: true, force: true });
      if (code !== 0)
        throw new Error(`the server ended with status ${code}, signal ${signal}`);
    },
  };
}

/*
 * A TCP proxy before the server. For each connection, `cutAt(number, bytes)` is asked with all that
 * the server has sent so far (a latin1 string), and gives after how many bytes to cut, or -1. What
 * comes before the cut is delivered.
 */
export async function startProxy(port, cutAt) {
  const sockets = new Set();
  const requests = [];
  let connections = 0;
  let cuts = 0;
  const server = createServer((down) => {
    const number = connections++;
    const up = connect(port, '127.0.0.1');
    let sent = '';
    let request = '';
    for (const socket of [down, up]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => { sockets.delete(socket); down.destroy(); up.destroy(); });
    }
    down.on('data', (bytes) => {
      request += bytes.toString('latin1');
      requests[number] = request;
      up.write(bytes);
    });
    up.on('data', (bytes) => {
      const before = sent.length;
      sent += bytes.toString('latin1');
      const cut = cutAt(number, sent);
      if (cut < 0 || cut > sent.length) {
        down.write(bytes);
        return;
      }
      cuts++;
      up.destroy();
      down.end(bytes.subarray(0, Math.max(0, cut - before)));
    });
    up.on('end', () => down.end());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    get connections() { return connections; },
    get cuts() { return cuts; },
    stop() {
      sockets.forEach((socket) => socket.destroy());
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

// An HTTP proxy that serves the server below a path, and nothing beside it, as nginx does with
// `location PATH { proxy_pass http://.../; }`.
export async function startPathProxy(port, path) {
  const strays = [];
  const server = createHttpServer((request, answer) => {
    if (!request.url.startsWith(path)) {
      strays.push(request.url);
      answer.writeHead(404).end();
      return;
    }
    const { method, headers } = request;
    const up = httpRequest({ host: '127.0.0.1', port, method, headers,
      path: '/' + request.url.slice(path.length) }, (from) => {
      answer.writeHead(from.statusCode, from.headers);
      from.on('error', () => answer.destroy());
      from.pipe(answer);
    });
    up.on('error', () => answer.destroy());
    answer.on('close', () => up.destroy());
    request.pipe(up);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${path}`,
    strays,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

// Behind the preface: the first blank line after the first `id:` of the stream, or -1.
export function prefaceEnd(sent) {
  const match = /\nid: ?[0-9a-f]{12}-[0-9a-f]{16}\n\n/.exec(sent);
  return match ? match.index + match[0].length : -1;
}

export function expectEqual(what, seen, wanted) {
  const a = JSON.stringify(seen);
  const b = JSON.stringify(wanted);
  if (a !== b)
    throw new Error(`${what}: seen ${a.slice(0, 2000)}, wanted ${b.slice(0, 2000)}`);
}

export async function runCases(cases) {
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    const start = Date.now();
    try {
      await run();
      console.log(`ok ${name} (${Date.now() - start} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}: ${error.stack}`);
    }
  }
  return failed;
}
