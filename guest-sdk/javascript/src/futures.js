/**
 * Imports that answer futures, as componentize-qjs has them.
 */

import { call, enter } from './call.js';

/** Calls an import, and answers a promise of what its future brings. */
export function invoke(imports, name, args, toError) {
  const mine = call();
  const future = imports[name](...args);
  // The host keeps its end until this one is dropped, also after all was read.
  const isOver = () => {
    future.drop();
    enter(mine);
  };
  return future.read().then(
    (outcome) => {
      isOver();
      if (outcome?.tag === 'err') throw toError(outcome.val);
      return outcome?.tag === 'ok' ? outcome.val : outcome;
    },
    (error) => {
      isOver();
      throw error;
    },
  );
}
