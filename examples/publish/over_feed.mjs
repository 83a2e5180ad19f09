#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Publishes each line of its input: over_feed.mjs /run/fanfare/feed.sock news
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

// A line for each of the value's, so that no value makes a field of another name.
const field = (name, value) => `${name}: ${value.replace(/\r\n|\r|\n/g, `\n${name}: `)}\n`;

export class Refused extends Error {}

export class Feed {
  constructor(path) {
    this.path = path;
  }

  // Gives the event's id, once it is published; await it before the next one.
  async publish(channel, data, key = randomUUID()) {
    const head = field('channel', channel) + field('key', key);
    const event = `${head}ack: 1\n${field('data', data)}\n`;
    for (;;) {
      try {
        return await this.ask(event);
      } catch (error) {
        if (error instanceof Refused) throw error;
        this.socket = null; // by its key it is published once, however often it is sent
        await pause(500);
      }
    }
  }

  async ask(event) {
    if (!this.socket) {
      const socket = connect(this.path).setEncoding('utf8');
      await once(socket, 'connect');
      this.socket = socket;
      this.chunks = socket[Symbol.asyncIterator]();
    }
    this.socket.write(event);
    let text = '';
    while (!text.includes('\n\n')) {
      const chunk = await this.chunks.next();
      if (chunk.done) throw new Error('the feed has ended');
      text += chunk.value;
    }
    const [, id] = text.match(/^id: (.*)$/m) ?? [];
    const [, error] = text.match(/^error: (.*)$/m) ?? [];
    if (!id) throw error === 'stopping' ? new Error(error) : new Refused(error);
    return id;
  }
}

const feed = new Feed(process.argv[2]);
for await (const line of createInterface({ input: process.stdin }))
  console.log(await feed.publish(process.argv[3], line));
process.exit();
