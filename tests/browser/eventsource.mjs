// SPDX-License-Identifier: MIT
/*
 * The `eventsource` package under node, a client that nobody here wrote: its connection is cut
 * again and again, at any byte, while events are published; it must still have each one exactly
 * once and in order, through nothing but its own Last-Event-ID.
 */
import { expectEqual, prefaceEnd, runCases, skip, startProxy, startServer, until }
  from './server.mjs';

const { EventSource } = await import('eventsource').catch(() =>
  skip('npm packages are missing: run npm ci in tests/browser'));

const server = await startServer('--retry', '20');

function collect(url, types = ['message']) {
  const source = new EventSource(url);
  const seen = [];
  for (const type of types)
    source.addEventListener(type, (event) => seen.push({ type, data: event.data,
      id: event.lastEventId }));
  return { source, seen };
}

async function exactText() {
  const { source, seen } = collect(server.url + '/events/exact', ['message', 'kind']);
  await until('open', () => source.readyState === 1);
  const ids = [
    await server.publish('exact', 'one\r\ntwo\rthree\n\n\u00e9\u{1F600}'),
    await server.publish('exact', ' spaced ', 'kind'),
    await server.publish('exact', ''),
  ];
  await until('three events', () => seen.length === 3, () => JSON.stringify(seen));
  source.close();
  expectEqual('events', seen, [
    { type: 'message', data: 'one\ntwo\nthree\n\n\u00e9\u{1F600}', id: ids[0] },
    { type: 'kind', data: ' spaced ', id: ids[1] },
    { type: 'message', data: '', id: ids[2] },
  ]);
}

async function exactlyOnce() {
  const total = 400;
  // The first connection sees some events, so that the client has an id; later ones are cut
  // anywhere.
  const proxy = await startProxy(server.port, (number) => (number < 25 ? 700 + number * 97 : -1));
  const { source, seen } = collect(proxy.url + '/events?channel=a&channel=b');
  await until('open', () => source.readyState === 1);
  for (let i = 0; i < total; i++) {
    await server.publish(i % 3 ? 'a' : 'b', String(i));
    if (i % 16 === 15)  // Some pauses by condition: let it get ahead of the publisher.
      await until('progress', () => seen.length >= i - 60);
  }
  await until('all events', () => seen.length >= total,
    () => `${seen.length} of ${total}, ${proxy.cuts} cuts`);
  source.close();
  expectEqual('events', seen.map((event) => event.data), [...Array(total).keys()].map(String));
  if (proxy.cuts < 10)
    throw new Error(`only ${proxy.cuts} cuts: the test has not tested much`);
  console.log(`   ${total} events over ${proxy.connections} connections, ${proxy.cuts} cut`);
  await proxy.stop();
}

/* Not every library keeps an id that comes without data. Whether this one does is printed, for the
 * docs; what it gets must be in order and without duplicates either way. */
async function cutBeforeTheFirstEvent() {
  const proxy = await startProxy(server.port, (number, sent) =>
    (number === 0 ? prefaceEnd(sent) : -1));
  const { source, seen } = collect(proxy.url + '/events/preface');
  await until('the cut', () => proxy.cuts === 1);
  await server.publish('preface', 'in the gap');
  await until('the second connection', () => proxy.connections >= 2 && source.readyState === 1);
  await server.publish('preface', 'after');
  await until('the event after the gap', () => seen.some((event) => event.data === 'after'));
  source.close();
  const resumed = /^last-event-id: /im.test(proxy.requests[1]);
  console.log(`   the eventsource package ${resumed ? 'keeps' : 'drops'} an id without data`);
  if (resumed)
    expectEqual('events', seen.map((event) => event.data), ['in the gap', 'after']);
  else if (seen.length > 2)
    throw new Error('duplicates: ' + JSON.stringify(seen));
  await proxy.stop();
}

async function limitReconnects() {
  const { source, seen } = collect(server.url + '/events/limited?limit=1');
  await until('open', () => source.readyState === 1);
  for (let i = 0; i < 5; i++)
    await server.publish('limited', String(i));
  await until('five events', () => seen.length >= 5, () => JSON.stringify(seen));
  source.close();
  expectEqual('events', seen.map((event) => event.data), ['0', '1', '2', '3', '4']);
}

const failed = await runCases({ exactText, exactlyOnce, cutBeforeTheFirstEvent, limitReconnects });
await server.stop();
process.exit(failed ? 1 : 0);
