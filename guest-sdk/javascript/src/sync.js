/**
 * How handlers wait for one another. A promise of one handler's cannot wake another handler: the engine would end the
 * actor. These wait in the host.
 */

import { call } from './call.js';
import { Cancelled } from './errors.js';
import { host } from './host.js';

let lastKey = 0;

/** A key to wait for that nobody else has. */
export const newKey = () => (lastKey += 1);

/** Handlers in line. */
class Line {
  #key = newKey();
  #waiting = 0;

  get isEmpty() {
    return this.#waiting === 0;
  }

  /** Waits until `wake`. `passOn` says whether one that was woken and told to stop has to wake another. */
  async wait(passOn) {
    this.#waiting += 1;
    const isCutShort = await host.invoke(host.system, 'park', [call().wire, host.u64(this.#key)]);
    this.#waiting -= 1;
    if (!isCutShort) return;
    if (passOn()) this.wake();
    throw new Cancelled();
  }

  /** Wakes the one that has waited longest. */
  wake() {
    if (!this.isEmpty) host.system.unpark(host.u64(this.#key));
  }

  wakeAll() {
    for (let left = this.#waiting; left > 0; left -= 1) host.system.unpark(host.u64(this.#key));
  }
}

/** One handler at a time: `await lock.run(async () => …)`. */
export class Lock {
  #line = new Line();
  #isHeld = false;

  async acquire() {
    while (this.#isHeld) await this.#line.wait(() => !this.#isHeld);
    this.#isHeld = true;
  }

  release() {
    this.#isHeld = false;
    this.#line.wake();
  }

  async run(work) {
    await this.acquire();
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}

/** Something that happens once, until it is cleared. */
export class Event {
  #line = new Line();
  isSet = false;

  async wait() {
    while (!this.isSet) await this.#line.wait(() => false);
  }

  set() {
    this.isSet = true;
    this.#line.wakeAll();
  }

  clear() {
    this.isSet = false;
  }
}

/** Values from one handler to another, in order, at most `max` of them. */
export class Queue {
  #takers = new Line();
  #putters = new Line();
  #values = [];
  #max;

  constructor(max = Infinity) {
    this.#max = max;
  }

  get size() {
    return this.#values.length;
  }

  async put(value) {
    while (this.size >= this.#max) await this.#putters.wait(() => this.size < this.#max);
    this.#values.push(value);
    this.#takers.wake();
  }

  async take() {
    while (this.size === 0) await this.#takers.wait(() => this.size > 0);
    const value = this.#values.shift();
    this.#putters.wake();
    return value;
  }
}
