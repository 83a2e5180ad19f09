// SPDX-License-Identifier: MIT
/*
 * The recipes of docs/recipes.md, as they stand there, with the packages that they are for: React,
 * Vue, htmx and fetch-event-source in Chromium, a SharedWorker under two tabs, jobs, flags,
 * presence, a login and notifications with the browser's own EventSource, and rebuilt the rules by
 * which httpx-sse and Datastar 1.0 (no package of its is on npm) make of lines what they hand out.
 *
 * A small site serves the pages, the packages and the recipes, and passes everything else on to the
 * server, so that page and stream have one origin, as behind a proxy.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectEqual, runCases, skip, startServer, until } from './server.mjs';

const { chromium } = await import('playwright-core').catch(() =>
  skip('npm packages are missing: run npm ci in tests/browser'));
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
if (!existsSync(executablePath))
  skip(executablePath + ' is not installed');
const resolve = (name) => {
  try {
    return dirname(createRequire(import.meta.url).resolve(name + '/package.json'));
  } catch {
    return skip('npm packages are missing: run npm ci in tests/browser');
  }
};

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const text = readFileSync(join(root, 'docs/recipes.md'), 'utf8');

// The code behind `<!-- recipe: NAME -->`.
function recipe(name) {
  const match = text.match(new RegExp('<!-- recipe: ' + name + ' -->\\n```\\w+\\n([^]*?)```'));
  if (!match)
    throw new Error('docs/recipes.md has no recipe ' + name);
  return match[1];
}

const files = {
  '/npm/htmx.min.js': join(resolve('htmx.org'), 'dist/htmx.min.js'),
  '/npm/hx-sse.min.js': join(resolve('htmx.org'), 'dist/ext/hx-sse.min.js'),
  '/npm/vue.js': join(resolve('vue'), 'dist/vue.esm-browser.prod.js'),
  '/npm/react.umd.js': join(resolve('react'), 'umd/react.production.min.js'),
  '/npm/react-dom.umd.js': join(resolve('react-dom'), 'umd/react-dom.production.min.js'),
  '/npm/fes/index': join(resolve('@microsoft/fetch-event-source'), 'lib/esm/index.js'),
  '/npm/fes/fetch': join(resolve('@microsoft/fetch-event-source'), 'lib/esm/fetch.js'),
  '/npm/fes/parse': join(resolve('@microsoft/fetch-event-source'), 'lib/esm/parse.js'),
  '/shared_stream.js': join(root, 'examples/shared_stream/shared_stream.js'),
};
const imports = JSON.stringify({ imports: { vue: '/npm/vue.js', react: '/npm/react.js',
  '@microsoft/fetch-event-source': '/npm/fes/index' } });
const head = '<!doctype html><link rel="icon" href="data:,">'
  + `<script type="importmap">${imports}</script>`;
const pages = {
  '/npm/react.js': 'export const { useEffect, useState, createElement } = window.React;',
  '/recipe/react.js': recipe('react'),
  '/recipe/vue.js': recipe('vue'),
  '/recipe/fetch.js': recipe('fetch'),
  '/recipe/job.js': recipe('job'),
  '/recipe/flags.js': recipe('flags'),
  '/recipe/notify.js': recipe('notify'),
  '/recipe/presence.js': recipe('presence'),
  '/recipe/login.js': recipe('login'),
  '/react': head + `<div id="app"></div><script src="/npm/react.umd.js"></script>
    <script src="/npm/react-dom.umd.js"></script><script type="module">
    import { createElement, useState } from 'react';
    import { useEvents } from '/recipe/react.js';
    function List({ channel }) {
      return createElement('ul', null, useEvents(channel, ['message', 'headline']).map((event) =>
        createElement('li', { key: event.id }, event.type + ' ' + event.data)));
    }
    function App() {
      const [shown, show] = useState(true);
      window.leave = () => show(false);
      return shown ? createElement(List, { channel: 'react' }) : null;
    }
    ReactDOM.createRoot(document.getElementById('app')).render(createElement(App));</script>`,
  '/vue': head + `<div id="app"></div><script type="module">
    import { createApp, h } from 'vue';
    import { useEvents } from '/recipe/vue.js';
    const app = createApp({ setup() {
      const events = useEvents('vue', ['message', 'headline']);
      return () => h('ul', events.value.map((event) => h('li', event.type + ' ' + event.data)));
    } });
    window.leave = () => app.unmount();
    app.mount('#app');</script>`,
  '/shared': head + `<ul></ul><script>
    function show(type, data) {
      document.querySelector('ul').innerHTML += '<li>' + type + ' ' + data + '</li>';
    }
    ${recipe('shared')}</script>`,
  '/htmx': head + recipe('htmx'),
  '/fetch': head + `<ul></ul><script type="module">
    import { read } from '/recipe/fetch.js';
    read(['fetch'], 'none', (event) => {
      document.querySelector('ul').innerHTML += '<li>' + (event.event || 'message') + ' '
        + event.data + '</li>';
    });</script>`,
  '/job': head + `<p></p><script type="module">
    import { readJob } from '/recipe/job.js';
    const p = document.querySelector('p');
    readJob('7', (data) => { p.textContent += data; }, () => { p.className = 'done'; });</script>`,
  '/flags': head + `<script type="module">
    import { watchFlags } from '/recipe/flags.js';
    window.seen = [];
    window.leave = watchFlags((flags) => seen.push(flags));</script>`,
  '/room': head + `<script type="module">
    import { watchRoom } from '/recipe/presence.js';
    window.seen = [];
    window.leave = watchRoom('7', (count) => seen.push(count));</script>`,
  '/login': head + `<script type="module">
    import { awaitLogin } from '/recipe/login.js';
    const Real = EventSource;
    window.EventSource = class extends Real {
      constructor(url) { super(url); window.source = this; }
    };
    window.seen = [];
    window.leave = awaitLogin('3f9c02d14b', (ticket) => seen.push(ticket));</script>`,
  '/notify': head + `<ul></ul><script type="module">
    import { notifications } from '/recipe/notify.js';
    window.leave = notifications('42', ({ text }) => {
      document.querySelector('ul').innerHTML += '<li>' + text + '</li>';
    }, () => {}, () => fetch('/renew', { method: 'POST' }));</script>`,
};

const profile = mkdtempSync(join(tmpdir(), 'fanfare-recipes-'));
const key = join(profile, 'key.txt');
writeFileSync(key, 'k'.repeat(64) + '\n');
symlinkSync(process.env.E2E_PROGRAM, join(profile, 'fanfare'));
const server = await startServer('--retry', '20', '--heartbeat', '1', '--channel',
  'room/* presence', '--channel', 'login/* once subscribers-max=1 lifetime=120');
const users = await startServer('--retry', '20', '--jwt-key-file', key);
const { userToken } = await import('data:text/javascript,'
  + encodeURIComponent(recipe('notify-make')));

// Runs a recipe for a shell as it stands there, but for the server's place.
function shell(name, at) {
  const env = { ...process.env, FANFARE_FEED: at.feed, PATH: profile + ':' + process.env.PATH };
  const script = recipe(name).replaceAll('http://localhost:8080', at.url);
  return execFileSync('bash', ['-ec', script], { cwd: profile, env, stdio: ['ignore', 'pipe',
    'ignore'] }).toString();
}

let renewals = 0;
let tokenSeconds = 3;

const site = createServer((request, answer) => {
  if (request.url === '/renew') {
    renewals++;
    const token = userToken('k'.repeat(64), '42', tokenSeconds);
    answer.writeHead(204, { 'Set-Cookie':
      `fanfare=${token}; Path=/events/; HttpOnly; SameSite=Lax` }).end();
    return;
  }
  const file = files[request.url];
  const page = file ? readFileSync(file) : pages[request.url];
  if (page) {
    const type = request.url.startsWith('/npm') || request.url.endsWith('.js')
      ? 'text/javascript' : 'text/html';
    answer.writeHead(200, { 'Content-Type': type + '; charset=utf-8' }).end(page);
    return;
  }
  const { port } = request.url.startsWith('/events/user/') ? users : server;
  const up = httpRequest({ host: '127.0.0.1', port, method: request.method,
    headers: request.headers, path: request.url }, (from) => {
    answer.writeHead(from.statusCode, from.headers);
    answer.flushHeaders();
    from.on('error', () => answer.destroy());
    from.pipe(answer);
  });
  up.on('error', () => answer.destroy());
  answer.on('close', () => up.destroy());
  request.pipe(up);
});
await new Promise((done) => site.listen(0, '127.0.0.1', done));
const origin = 'http://127.0.0.1:' + site.address().port;

const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function open(path) {
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(origin + path);
  return { page, problems, rows: () => page.locator('li').allTextContents() };
}

const subscribers = async () => (await server.stats()).subscribers;

// A page that lists what it reads shows both events, and its stream ends with what has read it.
async function reads(name, leave) {
  const { page, problems, rows } = await open('/' + name);
  await until('the stream', async () => await subscribers() === 1, () => problems.join());
  await server.publish(name, 'one');
  await server.publish(name, 'two', 'headline');
  await until('two rows', async () => (await rows()).length === 2);
  expectEqual('rows', await rows(), ['message one', 'headline two']);
  expectEqual('script errors', problems, []);
  await leave(page);
  await until('no subscriber', async () => await subscribers() === 0);
  await page.close();
}

const react = () => reads('react', (page) => page.evaluate(() => leave()));
const vue = () => reads('vue', (page) => page.evaluate(() => leave()));
const fetchEventSource = () => reads('fetch', (page) => page.goto('about:blank'));

async function shared() {
  const first = await open('/shared');
  await until('the stream', async () => await subscribers() === 1);
  const second = await open('/shared');
  await until('a second tab', () => second.page.evaluate(() => document.readyState === 'complete'));
  // A tab has its worker when the worker has answered; until then its events are the first one's.
  await until('both', async () => {
    await server.publish('shared', 'hello');
    return (await second.rows()).length > 0;
  });
  const before = (await second.rows()).length;
  await server.publish('shared', 'news', 'headline');
  await until('the typed one', async () => (await first.rows()).includes('headline news')
    && (await second.rows()).includes('headline news'));
  expectEqual('rows of the second', (await second.rows()).slice(before), ['headline news']);
  expectEqual('one stream for both', await subscribers(), 1);
  expectEqual('script errors', [...first.problems, ...second.problems], []);
  await first.page.close();
  await server.publish('shared', 'to one');
  await until('the other tab', async () => (await second.rows()).includes('message to one'));
  await second.page.close();
  await until('no subscriber', async () => await subscribers() === 0);
}

async function htmx() {
  const { page, problems, rows } = await open('/htmx');
  await until('the stream', async () => await subscribers() === 1, () => problems.join());
  await page.evaluate(() => {
    globalThis.typed = [];
    document.querySelector('ul').addEventListener('headline', (event) =>
      typed.push(event.detail.data));
  });
  await server.publish('htmx', '<li>one</li>');
  await server.publish('htmx', 'typed', 'headline');
  await server.publish('htmx', '<li>two</li>');
  await until('two rows', async () => (await rows()).length === 2);
  expectEqual('rows', await rows(), ['one', 'two']);
  expectEqual('typed', await page.evaluate(() => typed), ['typed']);
  expectEqual('script errors', problems, []);
  await page.close();
  await until('no subscriber', async () => await subscribers() === 0);
}

// The decoder's rule, rebuilt: a blank line is an event if any field came before it, ever.
function handOut(stream) {
  const events = [];
  let event = '', data = [], id = '', retry = null;
  for (const line of stream.split('\n').slice(0, -1)) {
    const [, field, value] = line.match(/^([^:]*):? ?(.*)$/);
    if (line === '') {
      if (event || data.length || id || retry !== null)
        events.push([event, data.join('\n')]);
      event = '';
      data = [];
      retry = null;
    } else if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
    else if (field === 'retry') retry = Number(value);
  }
  return events;
}

async function blankLines() {
  const read = async (query) => {
    const stop = new AbortController();
    const answer = await fetch(server.url + '/events/blank' + query, { signal: stop.signal });
    let sent = '';
    (async () => {
      for await (const bytes of answer.body)
        sent += Buffer.from(bytes).toString();
    })().catch(() => {});
    return { stop: () => stop.abort(), sent: () => sent };
  };
  const bare = await read('?preface=no');
  const usual = await read('');
  await until('two heartbeats', () => bare.sent().match(/^:$/gm)?.length >= 2);
  await server.publish('blank', 'one\n\ntwo', 'kind');
  await until('the event', () => bare.sent().includes('id: ') && usual.sent().includes('two'));
  await until('another heartbeat', () => bare.sent().match(/\n\n:\n$/));
  expectEqual('events', handOut(bare.sent()), [['kind', 'one\n\ntwo']]);
  expectEqual('with a preface', handOut(usual.sent())[0], ['', '']);
  bare.stop();
  usual.stop();
  await until('no subscriber', async () => await subscribers() === 0);
}

async function job() {
  const first = shell('job-publish', server);
  const early = await open('/job');
  const read = ({ page }) => until('the end', () => page.evaluate(() =>
    document.querySelector('p.done')?.textContent), () => '');
  expectEqual('the text', await read(early), 'Once upon a time');
  expectEqual('sent again', shell('job-publish', server), first);
  const late = await open('/job');
  expectEqual('the text', await read(late), 'Once upon a time');
  expectEqual('script errors', [...early.problems, ...late.problems], []);
  await early.page.close();
  await late.page.close();
}

async function flags() {
  const wanted = { checkout: 'new', banner: false };
  await server.publish('flags', '{"checkout": "old"}');
  shell('flags-publish', server);
  const { page, problems } = await open('/flags');
  await until('the newest', () => page.evaluate(() => window.seen?.length === 1));
  shell('flags-publish', server);
  await until('a change', () => page.evaluate(() => seen.length === 2));
  expectEqual('flags', await page.evaluate(() => seen), [wanted, wanted]);
  expectEqual('script errors', problems, []);
  await page.evaluate(() => leave());
  await until('no subscriber', async () => await subscribers() === 0);
  await page.close();
}

async function presence() {
  const streams = [];
  const join = async () => {
    const stream = new AbortController();
    await fetch(server.url + '/events/room/7', { signal: stream.signal });
    streams.push(stream);
  };
  const { page, problems } = await open('/room');
  const seen = async (page, numbers) => until('the numbers ' + numbers, async () =>
    JSON.stringify(await page.evaluate(() => window.seen)) === JSON.stringify(numbers));
  await until('a watcher', async () => await subscribers() === 1);
  await join();
  await join();
  await seen(page, [1, 2]);
  const late = await open('/room');
  await seen(late.page, [2]);
  streams.pop().abort();
  await seen(page, [1, 2, 1]);
  await seen(late.page, [2, 1]);
  expectEqual('script errors', [...problems, ...late.problems], []);
  streams.pop().abort();
  await late.page.close();
  await page.evaluate(() => leave());
  await until('no subscriber', async () => await subscribers() === 0);
  await page.close();
}

// One page has its one event, and its browser stops by itself; the other gets none of it.
async function login() {
  const { page, problems } = await open('/login');
  await until('the page waits', async () => await subscribers() === 1);
  const second = await open('/login');
  shell('login-publish', server);
  await until('the ticket', () => page.evaluate(() => window.seen?.length === 1));
  await until('its end', () => page.evaluate(() => source.readyState === EventSource.CLOSED));
  await until('the other waits', async () => await subscribers() === 1);
  expectEqual('tickets', await page.evaluate(() => seen), ['ticket-7']);
  expectEqual('what the other has', await second.page.evaluate(() => seen), []);
  expectEqual('script errors', problems.filter((text) => !text.includes('204')), []);
  await second.page.evaluate(() => leave());
  await until('no subscriber', async () => await subscribers() === 0);
  await second.page.close();
  await page.close();
}

// The page has no cookie at first, and then one that ends soon, twice.
async function notify() {
  shell('notify-publish', users);
  const { page, problems, rows } = await open('/notify');
  await until('what was there', async () => (await rows()).length === 1);
  const before = renewals;
  await until('another cookie', () => renewals > before);
  tokenSeconds = 600;
  shell('notify-publish', users);
  const streams = async () => (await users.stats()).subscribers;
  await until('both', async () => (await rows()).length === 2);
  await until('a stream with a cookie that stays', async () => await streams() === 1);
  expectEqual('rows', await rows(), ['You have mail', 'You have mail']);
  expectEqual('script errors', problems, []);
  await page.evaluate(() => leave());
  await until('no subscriber', async () => await streams() === 0);
  await page.close();

  const made = shell('notify-token', users).trim();
  for (const token of [made, userToken('k'.repeat(64), '42', 600)]) {
    const status = async (user) => (await fetch(`${users.url}/events/user/${user}?wait=no`,
      { headers: { Authorization: 'Bearer ' + token } })).status;
    expectEqual('his, not his', [await status('42'), await status('43')], [200, 403]);
  }
  for (const user of ['*', '4/2', ''])
    try {
      userToken('k'.repeat(64), user, 600);
      throw new Error('no fault in ' + user);
    } catch (error) {
      expectEqual('fault', error.message, 'not a user: ' + user);
    }
}

// Datastar's rule, rebuilt: of events whose type begins so each line is a word and its text.
const patches = (stream) => handOut(stream).filter(([type]) => type.startsWith('datastar'))
  .map(([type, data]) => {
    const words = {};
    for (const line of data.split('\n')) {
      const [, word, rest] = line.match(/^(\S*) (.*)$/);
      (words[word] ||= []).push(rest);
    }
    return [type, words];
  });

async function datastar() {
  const read = async (id) => {
    const answer = await fetch(server.url + '/events/board?datastar=%7B%22count%22%3A0%7D&limit=2',
      { headers: { Accept: 'text/event-stream, text/html, application/json',
        'Content-Type': 'application/json', 'Datastar-Request': 'true', 'Last-Event-ID': id } });
    return answer.text();
  };
  const wanted = [['datastar-patch-elements', { selector: ['#list'], mode: ['append'],
    elements: ['<li>one</li>'] }], ['datastar-patch-signals', { signals: ['{"count": 1}'] }]];
  shell('datastar-publish', server);
  const first = await read('earliest');
  expectEqual('patches', patches(first), wanted);
  shell('datastar-publish', server);
  const last = first.match(/^id: (.*)$/gm).at(-1).slice(4);
  expectEqual('the others', patches(await read(last)), wanted);
}

const failed = await runCases({ react, vue, shared, htmx, fetchEventSource, blankLines, job, flags,
  presence, login, notify, datastar });
await browser.close();
rmSync(profile, { recursive: true, force: true });
site.closeAllConnections();
await new Promise((done) => site.close(done));
await server.stop();
await users.stop();
process.exit(failed ? 1 : 0);
