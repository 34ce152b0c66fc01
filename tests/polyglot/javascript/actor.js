/** The actor of the scenarios, with handlers that overlap: see `tests/scenarios/README.md`. */

import {
  BusinessError,
  Cancelled,
  Lock,
  SystemError,
  TimeoutError,
  UnsupportedError,
  actor,
  ask,
  call,
  config,
  generation,
  key,
  name,
  sleep,
  stream,
  tell,
} from 'pulsing-guest';

class Polyglot {
  static tells = ['log'];
  static args = { length: { text: 'string' }, validate: { age: 'integer' }, numbers: { count: 'integer' } };
  static answers = { length: 'integer', increment: 'integer', key: 'string?', caller: 'string?', context: 'object' };
  static items = { numbers: 'integer' };

  #value = 0;
  #entries = [];
  #naps = { now: 0, most: 0, cutShort: 0 };
  #lock = new Lock();
  #guarded = 0;
  #closed = 0;

  /** Answers what it is given. */
  echo(value) {
    return value;
  }

  length(text) {
    return [...text].length;
  }

  /** Adds `n` (1 if it is left out) and answers the new value. */
  increment(n = 1) {
    this.#value += n;
    return this.#value;
  }

  value() {
    return this.#value;
  }

  log(entry) {
    this.#entries.push(entry);
  }

  entries() {
    return this.#entries;
  }

  validate(age) {
    if (age < 0) throw new RangeError('age must not be negative');
    return age;
  }

  fail(kind) {
    switch (kind) {
      case 'business':
        throw new BusinessError(402, 'not enough money', { balance: 3 });
      case 'system':
        throw new SystemError('the disk is slow');
      case 'fatal':
        throw new SystemError('the disk is gone', { recoverable: false });
      case 'timeout':
        throw new TimeoutError('load', 1500);
      case 'unsupported':
        throw new UnsupportedError('fly');
      case 'cancelled':
        throw new Cancelled();
      default:
        throw new Error('a surprise');
    }
  }

  restart() {
    throw new SystemError('torn', { restart: true });
  }

  spin() {
    for (;;);
  }

  generation() {
    return generation();
  }

  config() {
    return config();
  }

  name() {
    return name();
  }

  key() {
    return key() ?? null;
  }

  caller() {
    return call().caller ?? null;
  }

  context() {
    return Object.fromEntries(call().context);
  }

  async nap(ms) {
    const naps = this.#naps;
    naps.now += 1;
    naps.most = Math.max(naps.most, naps.now);
    try {
      await sleep(ms);
    } catch (error) {
      if (error instanceof Cancelled) naps.cutShort += 1;
      throw error;
    } finally {
      naps.now -= 1;
    }
    return ms;
  }

  naps() {
    return { most: this.#naps.most, cut_short: this.#naps.cutShort };
  }

  async guarded(ms) {
    return this.#lock.run(async () => {
      const before = this.#guarded;
      await sleep(ms);
      this.#guarded = before + 1;
      return this.#guarded;
    });
  }

  *numbers(count) {
    for (let n = 0; n < count; n += 1) yield n;
  }

  async *slowly(count, ms) {
    for (let n = 0; n < count; n += 1) {
      await sleep(ms);
      yield n;
    }
  }

  *forever() {
    try {
      for (let n = 0; ; n += 1) yield n;
    } finally {
      this.#closed += 1;
    }
  }

  closed() {
    return this.#closed;
  }

  *breaks(after) {
    for (let n = 0; n < after; n += 1) yield n;
    throw new BusinessError(409, 'broken');
  }

  async ask_peer(peer, method, args) {
    return ask(peer, method, args);
  }

  async tell_peer(peer, method, args) {
    await tell(peer, method, args);
  }

  async stream_peer(peer, method, args, limit) {
    const items = [];
    for await (const item of stream(peer, method, args)) {
      items.push(item);
      if (items.length === limit) break;
    }
    return items;
  }
}

export default actor(Polyglot);
