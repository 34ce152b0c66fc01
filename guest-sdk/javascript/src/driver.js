/**
 * Runs the async generators of one life, all of them in one task of its own.
 *
 * In QuickJS a promise belongs to the task that it was made in, and another that waits for it ends the actor's life. Each
 * draw is a task. So a generator that was run by its draws could not make a promise for one item and wait for it for the
 * next. And the host's word that a reader is gone is no task at all: what a generator has in `finally` would begin with some
 * later event, and a lock that it releases would be held until then.
 *
 * The first async stream of a life begins the task, which waits in the host until there is something to run. It ends with
 * the life, and keeps nobody from ending it.
 */

import { enter } from './call.js';
import { host } from './host.js';
import { newKey } from './sync.js';

/** The host lets who waits for a call with this number wait as long as it takes. */
const NO_CALL = 0;

const park = (key) => host.invoke(host.system, 'park', [host.u64(NO_CALL), host.u64(key)]);
const unpark = (key) => host.system.unpark(host.u64(key));

export class Driver {
  #key = newKey();
  #steps = [];
  #isRunning = false;

  /** Begins the task, from within a handler. */
  begin() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // It fails where the host has no place for one more to wait, and that ends the life.
    this.#run().catch(() => {});
  }

  /** Has a stream's generator do one step, `next` or `return`, and answers a promise of what comes of it. */
  async step(stream, name) {
    const step = { stream, name, key: newKey(), outcome: undefined };
    // The place in line is taken before the step is begun.
    const done = park(step.key);
    this.#add(step);
    await done;
    const { error, result } = step.outcome;
    if (error) throw error.thrown;
    return result;
  }

  /** Has a generator end, for which nobody waits. What it throws is nobody's error. */
  end(stream) {
    this.#add({ stream, name: 'return' });
  }

  #add(step) {
    this.#steps.push(step);
    unpark(this.#key);
  }

  async #run() {
    for (;;) {
      const woken = park(this.#key);
      // Each wake-up begins one step, which runs to its end, or its wait, before the call of the next is entered.
      if (this.#steps.length > 0) unpark(this.#key);
      await woken;
      const step = this.#steps.shift();
      if (step) this.#begin(step);
    }
  }

  #begin(step) {
    const over = (outcome) => {
      step.outcome = outcome;
      if (step.key !== undefined) unpark(step.key);
    };
    enter(step.stream.call);
    step.stream.generator[step.name]().then(
      (result) => over({ result }),
      (thrown) => over({ error: { thrown } }),
    );
  }
}
