/** A counter that remembers every value it has had. */

import { actor, SystemError } from 'pulsing-guest';

/** The actor's state. It starts anew after each restart. */
export class Counter {
  static args = { increment: { n: 'integer' } };
  static answers = { increment: 'integer', get: 'integer', get_average: 'number', history: ['integer'] };

  #value = 0;
  #history = [];

  // region: sync
  /** Adds `n` (1 if it is left out) and answers the new value. */
  increment(n = 1) {
    this.#value += n;
    this.#history.push(this.#value);
    return this.#value;
  }
  // endregion

  /** Answers the value. */
  get() {
    return this.#value;
  }

  /** Goes back to zero and forgets the history. */
  reset() {
    this.#value = 0;
    this.#history = [];
  }

  /** Answers the average of all values since the last reset; 0 before the first. */
  get_average() {
    const sum = this.#history.reduce((total, value) => total + value, 0);
    return this.#history.length ? sum / this.#history.length : 0;
  }

  /** Answers all values since the last reset, the oldest first. */
  history() {
    return this.#history;
  }

  /** Gives this life up: the host ends it and starts the next one with a fresh counter. */
  crash() {
    throw new SystemError('told to crash', { restart: true });
  }
}

export default actor(Counter);
