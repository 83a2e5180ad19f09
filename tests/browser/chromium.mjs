// SPDX-License-Identifier: MIT
/*
 * Chromium's own EventSource, headless: the live page from connecting to publishing, also below a
 * path of a proxy and with no connection left to publish on, the promise that a stream is gapless
 * from its first byte, through a proxy that cuts it right behind the preface, and a token in a
 * cookie, which ends, is renewed, and is no other origin's to use.
 *
 * CHROMIUM names the browser (/usr/bin/chromium); SCREENSHOT, if set, is where a picture of the
 * live page goes. The browser gets a new, empty profile and talks to 127.0.0.1 only.
 */
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectEqual, prefaceEnd, runCases, skip, startPathProxy, startProxy, startServer, until }
  from './server.mjs';

const { chromium } = await import('playwright-core').catch(() =>
  skip('npm packages are missing: run npm ci in tests/browser'));
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
if (!existsSync(executablePath))
  skip(executablePath + ' is not installed');

const server = await startServer('--retry', '20');
const profile = mkdtempSync(join(tmpdir(), 'fanfare-chromium-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1280, height: 800 },
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function openPage(url) {
  const page = await browser.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(url);
  return { page, problems };
}

// The rows of the live page's table, oldest first.
async function rows(page) {
  const all = await page.locator('#events tr').evaluateAll((list) => list.map((row) =>
    ['type', 'data', 'id', 'time'].map((name) => row.querySelector('.' + name).textContent)));
  return all.reverse();
}

async function livePage() {
  const { page, problems } = await openPage(server.url + '/');
  await page.locator('#channels').fill('news\nsport');
  await page.locator('#connect').click();
  await until('open', async () =>
    await page.locator('#state').getAttribute('data-state') === 'open');
  await page.locator('#publish-channel').fill('news');
  await page.locator('#publish-type').fill('headline');
  await page.locator('#publish-data').fill('first line\nsecond <b>line</b> \u00e9\u{1F600}');
  await page.locator('#publish').click();
  await until('the row', async () => (await rows(page)).length === 1);
  const id = await server.publish('sport', 'from elsewhere');
  await server.publish('weather', 'nobody asked');
  const last = await server.publish('news', '1:0', 'headline');
  await until('three rows', async () => (await rows(page)).length === 3);
  const seen = await rows(page);
  expectEqual('rows', seen.map((row) => row.slice(0, 2)), [
    ['headline', 'first line\nsecond <b>line</b> \u00e9\u{1F600}'],
    ['message', 'from elsewhere'],
    ['headline', '1:0'],
  ]);
  expectEqual('ids', [seen[1][2], seen[2][2]], [id, last]);
  if (!seen.every((row) => /^\d\d:\d\d:\d\d/.test(row[3])))
    throw new Error('no times: ' + JSON.stringify(seen));
  const result = await page.locator('#publish-result').textContent();
  if (!result.includes(seen[0][2]))
    throw new Error(`the page says "${result}", the event's id is ${seen[0][2]}`);
  if (process.env.SCREENSHOT)
    await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  // A refusal is shown, not swallowed.
  await page.locator('#publish-type').fill('x'.repeat(300));
  await page.locator('#publish').click();
  await until('the refusal', async () =>
    /^400: .{10,}/.test(await page.locator('#publish-result').textContent()));
  await page.locator('#connect').click();
  await until('closed', async () =>
    await page.locator('#state').getAttribute('data-state') === 'closed');
  await until('no subscriber', async () => (await server.stats()).subscribers === 0);
  expectEqual('script errors', problems, []);
  await page.close();
}

// Where a proxy has put it, the page finds its server, and its lines for a terminal are right.
async function livePageBelowAPath() {
  const proxy = await startPathProxy(server.port, '/fanfare/');
  const { page, problems } = await openPage(proxy.url + '?channel=below%2Fa');
  const open = async () => await page.locator('#state').getAttribute('data-state') === 'open';
  await until('open', open);
  await page.locator('#publish').click();
  await until('the row', async () => (await rows(page)).length === 1);
  expectEqual('row', (await rows(page))[0].slice(0, 2), ['message', 'hello']);
  for (const line of ['#curl-subscribe', '#curl-publish']) {
    const url = (await page.locator(line).textContent()).split(' ').pop();
    if (!url.startsWith(proxy.url))
      throw new Error(`${line} says ${url}, the page is at ${proxy.url}`);
  }
  await page.reload();
  await until('open again', open);
  expectEqual('requests beside the path', proxy.strays, []);
  expectEqual('script errors', problems, []);
  await page.close();
  await proxy.stop();
}

// Six streams to one host, and a browser asks nothing more of it: the page says why it waits.
async function publishingHasATimeOut() {
  const { page, problems } = await openPage(server.url + '/');
  await page.clock.install();
  await page.evaluate(() => {
    globalThis.streams = [...Array(6).keys()].map((i) => new EventSource('events/taken-' + i));
  });
  await until('six streams', async () =>
    page.evaluate(() => streams.every((stream) => stream.readyState === EventSource.OPEN)));
  await page.locator('#publish').click();
  expectEqual('waits', await page.locator('#publish').isDisabled(), true);
  await page.clock.fastForward(20000);
  await until('the reason', async () =>
    (await page.locator('#publish-result').textContent()).includes('six connections'));
  await page.evaluate(() => streams.forEach((stream) => stream.close()));
  await until('no subscriber', async () => (await server.stats()).subscribers === 0);
  await page.locator('#publish').click();
  await until('published', async () =>
    /^Published as /.test(await page.locator('#publish-result').textContent()));
  expectEqual('script errors', problems, []);
  await page.close();
}

// A page of the server's own (no CORS), through the proxy, with an EventSource of the test's own.
async function rawSource(url, path) {
  const { page } = await openPage(url + '/healthz');
  await page.evaluate((target) => {
    globalThis.seen = [];
    globalThis.source = new EventSource(target);
    source.onmessage = (event) => seen.push([event.data, event.lastEventId]);
    source.addEventListener('fanfare-gap', (event) => seen.push(['gap ' + event.data, '']));
  }, path);
  return { page, seen: () => page.evaluate(() => seen) };
}

const isStream = (sent) => sent.includes('text/event-stream');

// Three cuts right behind the preface, events published after the first. Gives false if the browser
// came back from that first one without an id.
async function cutBehindThePreface(channel) {
  const streams = [];  // the numbers of the connections that became one
  const proxy = await startProxy(server.port, (number, sent) => {
    if (!isStream(sent))
      return -1;
    if (!streams.includes(number))
      streams.push(number);
    return streams.indexOf(number) < 3 ? prefaceEnd(sent) : -1;
  });
  const { page, seen } = await rawSource(proxy.url, '/events/' + channel);
  const resumed = (stream) => /^last-event-id: /im.test(proxy.requests[streams[stream]]);
  try {
    const wanted = [];
    await until('the first cut', () => proxy.cuts >= 1);
    for (const data of ['in the gap', 'and another'])
      wanted.push([data, await server.publish(channel, data)]);
    await until('the second stream', () => streams.length >= 2);
    if (!resumed(1))
      return false;
    await until('three cuts', () => proxy.cuts === 3);
    await until('the events', async () => (await seen()).length >= 2);
    wanted.push(['live', await server.publish(channel, 'live')]);
    await until('the live one', async () => (await seen()).length >= 3);
    expectEqual('events', await seen(), wanted);
    if (!resumed(2) || !resumed(3))
      throw new Error('an id was forgotten: ' + JSON.stringify(proxy.requests));
    return true;
  } finally {
    await page.close();
    await proxy.stop();
  }
}

// A busy Chromium sometimes drops the bytes that it finds together with a connection's broken end,
// and comes back as if it had never read the preface. That is no try of ours; five would be.
async function gaplessFromTheFirstByte() {
  for (let tries = 1; tries <= 5; tries++) {
    if (await cutBehindThePreface('first-' + tries))
      return;
    console.log(`   try ${tries}: Chromium dropped the preface with the end of its connection`);
  }
  throw new Error('the browser never came back with the id of the preface');
}

// A stream that is refused, since the server is full, comes back by itself, and has what was
// published since it first asked.
async function refusedOnce() {
  const full = await startServer('--retry', '20', '--subscribers-max', '1');
  const occupant = new AbortController();
  // Kept, since a response that nobody has is collected, and its connection closed.
  const held = await fetch(full.url + '/events/other', { signal: occupant.signal });
  const { page, seen } = await rawSource(full.url, '/events/full');
  const putOff = async (times) => (await full.stats()).subscribers_put_off >= times;
  await until('the refusal', () => putOff(1));
  const wanted = [['meanwhile', await full.publish('full', 'meanwhile')]];
  await until('another one', () => putOff(2));
  expectEqual('state', await page.evaluate(() => source.readyState !== EventSource.CLOSED), true);
  expectEqual('the occupant', held.status, 200);
  occupant.abort();
  await until('its place', async () => (await full.stats()).subscribers === 1
    && (await full.stats()).joined === 2);
  wanted.push(['live', await full.publish('full', 'live')]);
  await until('both events', async () => (await seen()).length >= 2);
  expectEqual('events', await seen(), wanted);
  await page.close();
  await full.stop();
}

// The browser sends the cookie by itself. The stream ends with its token and comes back with the
// next one; a page of another port, which is the same site, has the cookie too and may not use it.
async function tokenInACookie() {
  const key = join(profile, 'key');
  const secret = 'a secret of the tests, which is long enough for all';
  writeFileSync(key, secret);
  const guarded = await startServer('--retry', '20', '--jwt-key-file', key);
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (seconds) => {
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const fanfare = { subscribe: ['mine/*'], publish: ['mine/*'] };
    const signed = text({ alg: 'HS256' }) + '.' + text({ fanfare, exp });
    return signed + '.' + createHmac('sha256', secret).update(signed).digest('base64url');
  };
  const setCookie = (seconds) => browser.addCookies([{ name: 'fanfare', value: token(seconds),
    url: guarded.url, httpOnly: true, sameSite: 'Lax' }]);
  const publish = async (data) => {
    const answer = await fetch(guarded.url + '/publish/mine/a', { method: 'POST', body: data,
      headers: { Authorization: 'Bearer ' + token(60) } });
    return [data, (await answer.json()).ids[0]];
  };
  const stat = async (name) => (await guarded.stats())[name];
  await setCookie(3);
  const { page, seen } = await rawSource(guarded.url, '/events/mine/a');
  await until('the stream', async () => await stat('subscribers') === 1);
  const wanted = [await publish('with the first')];
  await until('the event', async () => (await seen()).length === 1);
  await setCookie(60);
  await until('the end of the token', async () => await stat('closed_token_expired') === 1);
  wanted.push(await publish('meanwhile'));
  await until('both', async () => (await seen()).length === 2);
  expectEqual('events', await seen(), wanted);
  const { page: foreign } = await openPage(server.url + '/healthz');
  await foreign.evaluate((target) => {
    globalThis.source = new EventSource(target, { withCredentials: true });
  }, guarded.url + '/events/mine/a');
  await until('the refusal', async () => await stat('requests_refused_cookie') === 1);
  await until('the end', () =>
    foreign.evaluate(() => source.readyState === EventSource.CLOSED));
  expectEqual('joined', await stat('joined'), 2);
  await foreign.close();
  await page.close();
  await browser.clearCookies();
  await guarded.stop();
}

async function exactlyOnce() {
  const total = 200;
  const proxy = await startProxy(server.port, (number, sent) =>
    (isStream(sent) && number < 20 ? 900 + number * 131 : -1));
  const { page, seen } = await rawSource(proxy.url, '/events?channel=a&channel=b');
  await until('a stream', async () => (await server.stats()).subscribers > 0);
  await server.publish('b', '0');  // The browser has an id before the first cut.
  await until('the first event', async () => (await seen()).length >= 1);
  for (let i = 1; i < total; i++)
    await server.publish(i % 3 ? 'a' : 'b', String(i));
  await until('all events', async () => (await seen()).length >= total,
    () => `${proxy.cuts} cuts, ${proxy.connections} connections`);
  expectEqual('events', (await seen()).map(([data]) => data), [...Array(total).keys()].map(String));
  if (proxy.cuts < 5)
    throw new Error(`only ${proxy.cuts} cuts: the test has not tested much`);
  console.log(`   ${total} events over ${proxy.connections} connections, ${proxy.cuts} cut`);
  await page.close();
  await proxy.stop();
}

const failed = await runCases({ livePage, livePageBelowAPath, publishingHasATimeOut,
  gaplessFromTheFirstByte, tokenInACookie, refusedOnce, exactlyOnce });
await browser.close();
rmSync(profile, { recursive: true, force: true });
await server.stop();
process.exit(failed ? 1 : 0);
