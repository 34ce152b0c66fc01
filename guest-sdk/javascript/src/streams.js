/**
 * The open streams of one life.
 *
 * Nothing is made ahead of what is asked for. A generator hands over as many items as the host has room for, up to a
 * mebibyte; an async one hands over each item when it is there, since the next may take long.
 */

import { enter } from './call.js';
import { Driver } from './driver.js';
import { Cancelled, SystemError } from './errors.js';
import { payloadOf } from './payload.js';

const DRAW_MAX_BYTES = 1 << 20;
/** So many items are skipped between two looks whether anybody still waits. */
const SKIPS_PER_LOOK = 1024;

class Stream {
  constructor(generator, call, skip) {
    this.generator = generator;
    this.call = call;
    this.skip = skip;
    this.isAsync = typeof generator[Symbol.asyncIterator] === 'function';
    this.isDrawing = false;
    this.isClosed = false;
  }

  /** Whether the next item is one that the reader has. */
  skips() {
    if (this.skip === 0) return false;
    this.skip -= 1;
    if (this.skip % SKIPS_PER_LOOK === 0 && this.skip > 0 && this.call.isCancelled()) throw new Cancelled();
    return true;
  }
}

export class Streams {
  #open = new Map();
  #last = 0;
  #driver = new Driver();

  /** Keeps a generator under a number that no other stream of this life has had. */
  open(generator, call, resumes) {
    this.#last += 1;
    // The host numbers items from 1: the number of the last one that the reader has is how many it has.
    const stream = new Stream(generator, call, resumes ? 0 : (call.resumeAfter ?? 0));
    this.#open.set(this.#last, stream);
    if (stream.isAsync) this.#driver.begin();
    return this.#last;
  }

  /** The next items; a promise of them, of an async generator. */
  draw(id, maxItems) {
    const stream = this.#open.get(id);
    if (!stream) throw new SystemError(`no stream ${id} is open`, { recoverable: false });
    enter(stream.call);
    return stream.isAsync ? this.#drawAsync(id, stream) : this.#drawNow(id, stream, maxItems);
  }

  #drawNow(id, stream, maxItems) {
    const items = [];
    let bytes = 0;
    try {
      while (items.length < maxItems && bytes < DRAW_MAX_BYTES) {
        const { value, done } = stream.generator.next();
        if (done) {
          this.#open.delete(id);
          return { items, done: true };
        }
        if (stream.skips()) continue;
        const payload = payloadOf(value, 'an item');
        bytes += payload.body.length;
        items.push(payload);
      }
    } catch (error) {
      endNow(stream.generator);
      if (items.length === 0) {
        this.#open.delete(id);
        throw error;
      }
      // What there is goes out first; the error comes with the next draw.
      stream.generator = failing(error);
    }
    return { items, done: false };
  }

  async #drawAsync(id, stream) {
    stream.isDrawing = true;
    try {
      for (;;) {
        const { value, done } = await this.#driver.step(stream, 'next');
        if (done || stream.isClosed) {
          this.#open.delete(id);
          return { items: [], done: true };
        }
        if (!stream.skips()) return { items: [payloadOf(value, 'an item')], done: false };
      }
    } catch (error) {
      this.#open.delete(id);
      await this.#end(stream);
      throw error;
    } finally {
      stream.isDrawing = false;
      if (stream.isClosed) await this.#end(stream);
    }
  }

  /** The reader is gone: what the generator has in `finally` is done. Where it waits, that is when the wait is over. */
  close(id) {
    const stream = this.#taken(id);
    if (!stream || stream.isDrawing) return;
    if (stream.isAsync) {
      this.#driver.end(stream);
    } else {
      enter(stream.call);
      endNow(stream.generator);
    }
  }

  /** Closes all of them; a promise of that, where one is async. */
  closeAll() {
    const waiting = [];
    for (const id of [...this.#open.keys()]) {
      const stream = this.#taken(id);
      if (stream.isDrawing) continue;
      if (stream.isAsync) {
        waiting.push(this.#end(stream));
      } else {
        enter(stream.call);
        endNow(stream.generator);
      }
    }
    return waiting.length > 0 ? Promise.all(waiting) : undefined;
  }

  /** Ends an async generator, and waits for that. What it throws is nobody's error. */
  #end(stream) {
    return this.#driver.step(stream, 'return').catch(() => {});
  }

  #taken(id) {
    const stream = this.#open.get(id);
    if (!stream) return undefined;
    this.#open.delete(id);
    stream.isClosed = true;
    return stream;
  }
}

/** Ends a generator. What it throws then is nobody's error. */
function endNow(generator) {
  try {
    generator.return?.();
  } catch {
    // Nobody waits for it.
  }
}

function* failing(error) {
  throw error;
}
