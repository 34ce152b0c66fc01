/**
 * The exports of an actor whose handlers run one at a time, for componentize-js: its imports wait.
 */

import * as http from 'pulsing:actor/http@0.2.0';
import * as system from 'pulsing:actor/system@0.2.0';

import { bind } from './host.js';
import * as life from './life.js';

bind({
  overlaps: false,
  u64: BigInt,
  u32: Number,
  none: undefined,
  system,
  http,
  invoke(imports, name, args, toError) {
    try {
      return imports[name](...args);
    } catch (error) {
      throw error?.payload === undefined ? error : toError(error.payload);
    }
  },
});

/** Runs an export so that nothing but an error of the contract leaves it. */
function guarded(work) {
  try {
    return work();
  } catch (error) {
    throw life.thrown(error);
  }
}

export const actor = {
  describe: life.describe,
  start: (options) => void guarded(() => life.start(options)),
  handle: (message) => guarded(() => life.handle(message)),
  tell: (message) => void guarded(() => life.tell(message)),
  streamNext: (stream, maxItems) => guarded(() => life.life.streams.draw(Number(stream), maxItems)),
  streamClose(stream) {
    try {
      life.life.streams.close(Number(stream));
    } catch {
      // Nobody waits for it.
    }
  },
  stop() {
    try {
      life.stop();
    } catch {
      // Nobody waits for it.
    }
  },
};
