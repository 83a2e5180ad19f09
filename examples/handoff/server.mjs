// SPDX-License-Identifier: MIT
// Node sends no descriptors, but gives one to a child: node server.mjs PORT HANDOFF
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';

const [port, handoff] = process.argv.slice(2);
const helper = new URL('hand_over.py', import.meta.url).pathname;
createServer((request, response) => {
  const user = /\buser=(\w+)/.exec(request.headers.cookie ?? '');
  if (!user) return response.writeHead(401).end();
  const last = request.headers['last-event-id'];
  const ask = { adopt: ['news', `user/${user[1]}`], 'last-event-id': last };
  spawn('python3', [helper, handoff, JSON.stringify(ask)],
    { stdio: [request.socket, 'ignore', 'inherit'] })
    .on('exit', () => request.socket.destroy()); // closes our copy, and shuts nothing down
}).listen(Number(port), '127.0.0.1');
