#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Publishes each line of its input: over_http.mjs http://127.0.0.1:8080/publish/news
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

// Gives the event's id, once it is published; throws if it is refused.
export async function publish(url, data, key = randomUUID()) {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8', 'Idempotency-Key': key };
  for (;;) {
    let status, text;
    try {
      const signal = AbortSignal.timeout(30000);
      const answer = await fetch(url, { method: 'POST', headers, body: data, signal });
      ({ status } = answer);
      text = await answer.text();
    } catch {
      status = 0; // no answer, or half of one
    }
    if (status === 200) return JSON.parse(text).ids[0];
    if (status >= 400 && status < 500 && status !== 429) throw new Error(text);
    await pause(500); // by its key it is published once, however often it is sent
  }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(await publish(process.argv[2], line));
