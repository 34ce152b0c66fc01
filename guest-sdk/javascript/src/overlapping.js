/**
 * The exports of an actor whose handlers overlap, for componentize-qjs: its imports are futures.
 */

import * as http from 'pulsing:actor/future-http@0.2.0';
import * as system from 'pulsing:actor/future-system@0.2.0';

import { defineConsole } from './console.js';
import { invoke } from './futures.js';
import { bind } from './host.js';
import * as life from './life.js';

// The engine clips numbers of 32 bits that do not fit into 31, and takes those below zero for what has the same bits.
const u32 = (number) => number | 0;
bind({ overlaps: true, u64: Number, u32, none: null, system, http, invoke });
// Not every host has a log for such actors, and while the component is built there is no host at all.
defineConsole((text) => life.life.hasBegun && system.log?.(text));

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
