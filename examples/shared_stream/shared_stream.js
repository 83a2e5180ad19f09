// SPDX-License-Identifier: MIT
/*
 * One stream for all tabs of a site: a SharedWorker, whose name is the stream's URL.
 *
 *   const worker = new SharedWorker('/shared_stream.js', '/events?channel=news');
 *   worker.port.onmessage = ({ data }) => ...   // { type, data, id }, or { open: true|false }
 *   worker.port.postMessage({ listen: 'headline' });            // a type beside `message`
 *   addEventListener('pagehide', () => worker.port.postMessage({ leave: true }));
 *
 * Over HTTP/1.1 a browser has six connections to a host, for all its tabs together, so a stream in
 * each tab is the end of it after six. A tab that comes later sees what comes from then on.
 */
const AGAIN_MS = 3000; // after an answer at which an EventSource gives up for good
const ports = new Set();
const types = new Set(['message', 'fanfare-gap']);
let source, last = '';

const tell = (what) => ports.forEach((port) => port.postMessage(what));

const listen = (type) => source.addEventListener(type, (event) => {
  last = event.lastEventId;
  tell({ type, data: event.data, id: last });
});

function open() {
  const url = new URL(self.name, self.location);
  if (last)
    url.searchParams.set('last-event-id', last);
  source = new EventSource(url);
  types.forEach(listen);
  source.onopen = () => tell({ open: true });
  source.onerror = () => {
    tell({ open: false });
    if (source.readyState === EventSource.CLOSED)
      setTimeout(open, AGAIN_MS);
  };
}

self.onconnect = ({ ports: [port] }) => {
  ports.add(port);
  port.onmessage = ({ data }) => {
    if (data.leave)
      ports.delete(port);
    if (!data.listen || types.has(data.listen))
      return;
    types.add(data.listen);
    listen(data.listen);
  };
  port.postMessage({ open: source.readyState === EventSource.OPEN });
};

open();
