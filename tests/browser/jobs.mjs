// SPDX-License-Identifier: MIT
/*
 * The example of resumable jobs, in Chromium: a job's text is whole, once, for a reader who is cut
 * in its middle, for a second tab, for one who comes after the end; and each is told the end (204).
 *
 * CHROMIUM names the browser, as in chromium.mjs; EXAMPLE the program, which needs python3.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectEqual, runCases, skip, startProxy, startServer, until } from './server.mjs';

const { chromium } = await import('playwright-core').catch(() =>
  skip('npm packages are missing: run npm ci in tests/browser'));
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
if (!existsSync(executablePath))
  skip(executablePath + ' is not installed');

const REPEAT = 4;
const TEXT = Array(REPEAT).fill('Streams are long. Networks are short. What a reader missed, the '
  + 'history still has, and the last id says where to go on.').join(' ');

const server = await startServer('--retry', '20', '--allow-origin', '*');
const profile = mkdtempSync(join(tmpdir(), 'fanfare-jobs-'));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// The first two streams through it are cut in the middle of what they have to say.
let streams = [];
const proxy = await startProxy(server.port, (number, sent) => {
  if (!sent.includes('text/event-stream'))
    return -1;
  if (!streams.includes(number))
    streams.push(number);
  const place = streams.indexOf(number);
  return place < 2 ? 1500 + place * 777 : -1;
});

const application = spawn('python3', [process.env.EXAMPLE, '--port', '0', '--fanfare', server.url,
  '--public', proxy.url, '--repeat', String(REPEAT), '--pause', '0.01'],
{ stdio: ['ignore', 'pipe', 'inherit'] });
process.on('exit', () => application.kill('SIGKILL'));
let said = '';
application.stdout.on('data', (bytes) => { said += bytes; });
const address = (await until('the application', () => said.match(/^(http:.*\/)$/m)))[1];

async function open(url) {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}

const textOf = (page) => page.locator('#text').textContent();
const done = async (page) => await page.locator('#state').textContent() === 'done';

async function cutSecondTabAndLateComer() {
  const page = await open(address);
  await page.locator('#ask').click();
  await until('some of the text', async () => (await textOf(page)).length > 10);
  const second = await open(page.url());
  await until('the end', () => done(page));
  await until('the end in the second tab', () => done(second));
  expectEqual('the text', await textOf(page), TEXT);
  expectEqual('the text in the second tab', await textOf(second), TEXT);
  const late = await open(page.url());
  await until('the end for who comes late', () => done(late));
  expectEqual('the text for who comes late', await textOf(late), TEXT);
  const stats = await server.stats();
  expectEqual('told that there is no more', stats.answered_ended, 3);
  expectEqual('readers left', stats.subscribers, 0);
  expectEqual('cuts', proxy.cuts, 2);
  for (const each of [page, second, late])
    await each.close();
}

const failed = await runCases({ cutSecondTabAndLateComer });
await browser.close();
rmSync(profile, { recursive: true, force: true });
application.kill('SIGKILL');
await proxy.stop();
await server.stop();
process.exit(failed ? 1 : 0);
