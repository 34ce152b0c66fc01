/**
 * The exports of an actor whose handlers overlap, for componentize-qjs: its imports are futures.
 */

import * as http from 'pulsing:actor/future-http@0.1.0';
import * as system from 'pulsing:actor/future-system@0.1.0';

import { call, enter } from './call.js';
import { bind } from './host.js';
import * as life from './life.js';

bind({
  overlaps: true,
  u64: Number,
  none: null,
  system,
  http,
  /** Calls an import, and answers a promise of what its future brings. */
  invoke(imports, name, args, toError) {
    const mine = call();
    return imports[name](...args)
      .read()
      .then((outcome) => {
        enter(mine);
        if (outcome?.tag === 'err') throw toError(outcome.val);
        return outcome?.tag === 'ok' ? outcome.val : outcome;
      });
  },
});

/** Runs an export so that nothing but an error of the contract leaves it. */
async function guarded(work) {
  try {
    return await work();
  } catch (error) {
    throw life.thrown(error);
  }
}

export const asyncActor = {
  describe: life.describe,
  start: (options) => guarded(() => life.start(options)).then(() => undefined),
  handle: (message) => guarded(() => life.handle(message)),
  tell: (message) => guarded(() => life.tell(message)),
  streamNext: (stream, maxItems) => guarded(() => life.life.streams.draw(Number(stream), maxItems)),
  streamClose(stream) {
    try {
      life.life.streams.close(Number(stream));
    } catch {
      // Nobody waits for it.
    }
  },
  stop: () => guarded(() => life.stop()).then(() => undefined, () => undefined),
};
