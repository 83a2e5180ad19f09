// SPDX-License-Identifier: MIT
/*
 * The chat of examples/chat in Chromium, served by the server itself with --page: everybody sees
 * what anybody says, what was said while the stream was cut, and nothing that is not text.
 *
 * CHROMIUM names the browser, as in chromium.mjs.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectEqual, runCases, skip, startProxy, startServer, until } from './server.mjs';

const { chromium } = await import('playwright-core').catch(() =>
  skip('npm packages are missing: run npm ci in tests/browser'));
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
if (!existsSync(executablePath))
  skip(executablePath + ' is not installed');

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const server = await startServer('--retry', '20', '--page', join(root, 'examples/chat/chat.html'));
const profile = mkdtempSync(join(tmpdir(), 'fanfare-chat-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

async function open(url) {
  const page = await browser.newPage();
  await page.goto(url);
  await until('the stream', async () =>
    await page.locator('#state').textContent() === 'connected');
  return page;
}

const messagesOf = (page) => page.locator('#messages li').allTextContents();

async function see(page, messages) {
  await until('the messages', async () => (await messagesOf(page)).length >= messages.length);
  expectEqual('the messages', (await messagesOf(page)).join('|'), messages.join('|'));
}

async function say(page, message) {
  await page.locator('#message').fill(message);
  await page.locator('button').click();
}

async function everybodySeesWhatAnybodySays() {
  const [one, two] = [await open(server.url), await open(server.url)];
  await say(one, 'hello');
  await see(two, ['hello']);
  await say(two, '');
  await say(two, '<b>and you?</b>');
  for (const page of [one, two])
    await see(page, ['hello', '<b>and you?</b>']);
  expectEqual('published', (await server.stats()).published, 2);
  for (const page of [one, two])
    await page.close();
}

// The first stream through it is cut where its first message is: the browser comes back for it.
async function whatWasSaidWhileTheStreamWasCut() {
  let stream = -1;
  const proxy = await startProxy(server.port, (number, sent) => {
    if (stream < 0 && sent.includes('text/event-stream'))
      stream = number;
    return number === stream ? sent.indexOf('data: missed') : -1;
  });
  const page = await open(proxy.url);
  await server.publish('default', 'missed');
  await see(page, ['missed']);
  expectEqual('cuts', proxy.cuts, 1);
  await page.close();
  await proxy.stop();
}

const failed = await runCases({ everybodySeesWhatAnybodySays, whatWasSaidWhileTheStreamWasCut });
await browser.close();
rmSync(profile, { recursive: true, force: true });
await server.stop();
process.exit(failed ? 1 : 0);
