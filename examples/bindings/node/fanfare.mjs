// SPDX-License-Identifier: MIT
// libfanfare for Node, by koffi: to be copied, and added to as it is needed.
import koffi from 'koffi';

const library = koffi.load(process.env.FANFARE_LIBRARY ?? 'libfanfare.so.1');
const call = (prototype) => library.func(prototype);
export const JOINED = 1, LEFT = 2, STOPPED = 4;
const EAGAIN = -11;

const Subscription = koffi.struct('fanfare_subscription', {
  size: 'size_t', channel: 'str', channel_len: 'size_t', channels: 'void *',
  channel_count: 'size_t', resume: 'str', resume_len: 'size_t', head: 'str', head_len: 'size_t',
  first: 'void *', first_count: 'size_t', since: 'uint64', tag: 'uint64', last: 'uint32',
  limit: 'uint32', lifetime_ms: 'uint32', flags: 'uint32',
});
const Note = koffi.struct('fanfare_note', {
  size: 'size_t', kind: 'int32', reason: 'int32', subscriber: 'uint64', tag: 'uint64',
  sequence: 'uint64', duration_ms: 'uint64', request: 'void *',
});
const start = call('int fanfare_start(void *engine)');
const set = call('int fanfare_set(void *engine, const char *name, const char *value)');
const create = call('void *fanfare_new(void)');
const error = call('const char *fanfare_error(void *engine)');
const strerror = call('const char *fanfare_strerror(int result)');
const publish = call('int fanfare_publish(void *engine, const char *channel, const char *type, ' +
  'const char *data, size_t data_len, int timeout_ms, void *sequence)');
const adopt = call('int fanfare_adopt(void *engine, int fd, fanfare_subscription *asked, ' +
  '_Out_ uint64 *subscriber)');
const nextNote = call('int fanfare_note_next(void *engine, _Inout_ fanfare_note *note, int ms)');
const stop = call('int fanfare_stop(void *engine)');
const free = call('void fanfare_free(void *engine)');

const later = (f, ...values) => new Promise((resolve, reject) =>
  f.async(...values, (failure, result) => (failure ? reject(failure) : resolve(result))));

const check = (result) => {
  if (result < 0) throw new Error(strerror(result));
};

export class Engine {
  constructor(options) {
    this.engine = create();
    for (const [name, value] of Object.entries(options)) set(this.engine, name, value);
    if (start(this.engine) < 0) throw new Error(error(this.engine));
  }

  // Returns once it is published; where there is no room, a thread waits for it.
  async publish(channel, data, type = null) {
    const event = [this.engine, channel, type, data, Buffer.byteLength(data)];
    let result = publish(...event, 0, null);
    if (result === EAGAIN) result = await later(publish, ...event, -1, null);
    check(result);
  }

  // Gives the subscriber's id. The descriptor is the engine's then, and no longer ours.
  adopt(fd, channel, resume = null, more = {}) {
    const subscriber = [0];
    check(adopt(this.engine, fd, { size: koffi.sizeof(Subscription), channel,
      channel_len: Buffer.byteLength(channel), resume,
      resume_len: Buffer.byteLength(resume ?? ''), ...more }, subscriber));
    return subscriber[0];
  }

  // Those who come and go, until the engine has stopped.
  async *notes() {
    const note = { size: koffi.sizeof(Note) };
    while (await later(nextNote, this.engine, note, -1) === 1 && note.kind !== STOPPED) yield note;
  }

  // Says goodbye to everybody; the notes end with it, and free is what comes next.
  stop() {
    return later(stop, this.engine);
  }

  free() {
    free(this.engine);
  }
}
