/**
 * The open streams of one life.
 *
 * Nothing is made ahead of what is asked for. A generator hands over as many items as the host has room for, up to a
 * mebibyte; an async one hands over each item when it is there, since the next may take long.
 */

import { enter } from './call.js';
import { SystemError } from './errors.js';
import { payloadOf } from './payload.js';

const DRAW_MAX_BYTES = 1 << 20;

class Stream {
  constructor(generator, call, skip) {
    this.generator = generator;
    this.call = call;
    this.skip = skip;
    this.isAsync = typeof generator[Symbol.asyncIterator] === 'function';
    this.isDrawing = false;
    this.isClosed = false;
  }
}

export class Streams {
  #open = new Map();
  #last = 0;

  /** Keeps a generator under a number that no other stream of this life has had. */
  open(generator, call, resumes) {
    this.#last += 1;
    // The host numbers items from 1: the number of the last one that the reader has is how many it has.
    this.#open.set(this.#last, new Stream(generator, call, resumes ? 0 : (call.resumeAfter ?? 0)));
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
        if (stream.skip > 0) {
          stream.skip -= 1;
          continue;
        }
        const payload = payloadOf(value, 'an item');
        bytes += payload.body.length;
        items.push(payload);
      }
    } catch (error) {
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
        const { value, done } = await stream.generator.next();
        if (done || stream.isClosed) {
          this.#open.delete(id);
          return { items: [], done: true };
        }
        if (stream.skip === 0) return { items: [payloadOf(value, 'an item')], done: false };
        stream.skip -= 1;
      }
    } catch (error) {
      this.#open.delete(id);
      throw error;
    } finally {
      stream.isDrawing = false;
      if (stream.isClosed) await stream.generator.return();
    }
  }

  /** The reader is gone: what the generator has in `finally` is done. Where it waits, that is when the wait is over. */
  close(id) {
    const stream = this.#open.get(id);
    if (!stream) return;
    this.#open.delete(id);
    stream.isClosed = true;
    if (stream.isDrawing) return;
    enter(stream.call);
    const closed = stream.generator.return();
    // Nobody waits for it, and what it throws is nobody's error.
    if (closed instanceof Promise) closed.catch(() => {});
  }

  closeAll() {
    for (const id of [...this.#open.keys()]) this.close(id);
  }
}

function* failing(error) {
  throw error;
}
