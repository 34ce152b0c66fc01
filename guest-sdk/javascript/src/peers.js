/**
 * Other actors, and waiting. In a serial actor each of these waits and answers; in one whose handlers overlap it answers
 * a promise, and other handlers run meanwhile. `await` is right in both.
 */

import { call } from './call.js';
import { Cancelled, ofCall, ofRuntime } from './errors.js';
import { after, host } from './host.js';
import { payloadOf, valueOf } from './payload.js';

const DRAW_ITEMS = 64;

const numberOrNone = (value) => (value == null ? host.none : host.u64(Math.ceil(value)));
const optionsOf = ({ timeoutMs, idempotencyKey } = {}) => ({
  timeoutMs: numberOrNone(timeoutMs),
  idempotencyKey: idempotencyKey ?? host.none,
});
const argsOf = (args) => (args === undefined ? { encoding: 'json', body: new Uint8Array() } : payloadOf(args, 'the arguments'));

/**
 * Waits.
 * @throws {Cancelled} as soon as the call is told to stop
 */
export function sleep(ms) {
  const mine = call();
  const slept = host.invoke(host.system, 'sleep', [...within(mine), host.u64(Math.max(Math.ceil(ms), 0))]);
  return after(slept, (isCutShort) => {
    if (isCutShort ?? mine.isCancelled()) throw new Cancelled();
  });
}

/** A serial actor's host knows which call waits. */
const within = (mine) => (host.overlaps ? [mine.wire] : []);

/**
 * Asks another actor. What is left of the current call's time goes along.
 * @throws {ActorError} of the class that the other one failed with
 * @throws {RuntimeFailure} where the host could not bring the message, or its answer
 */
export function ask(target, method, args = undefined, options = undefined) {
  const asked = [call().wire, target, method, argsOf(args), optionsOf(options)];
  return after(host.invoke(host.system, 'ask', asked, ofCall), valueOf);
}

/** Puts a message into another actor's mailbox, waiting for room where it is full. */
export function tell(target, method, args = undefined, { idempotencyKey } = {}) {
  const told = [...within(call()), target, method, argsOf(args), idempotencyKey ?? host.none];
  return after(host.invoke(host.system, 'tell', told, ofRuntime), () => undefined);
}

/** Reads another actor's stream: with `for await`, and in a serial actor with `for`. */
export function stream(target, method, args = undefined, { resumeAfter, ...options } = {}) {
  const open = () => {
    const opened = [call().wire, target, method, argsOf(args), numberOrNone(resumeAfter), optionsOf(options)];
    return host.invoke(host.system, 'streamOpen', opened, ofCall);
  };
  return iterable(open);
}

/** The ends of another actor's lives from now on, each once: `{generation, reason, message, restarts}`. */
export function watch(target) {
  const result = () => {
    try {
      const outcome = host.system.watch(target);
      if (outcome?.tag === 'err') throw { payload: outcome.val };
      return outcome?.tag === 'ok' ? outcome.val : outcome;
    } catch (error) {
      throw error?.payload === undefined ? error : ofCall(error.payload);
    }
  };
  return iterable(result);
}

const draw = (id) => host.invoke(host.system, 'streamNext', [...within(call()), id, DRAW_ITEMS], ofCall);

function iterable(open) {
  return host.overlaps ? { [Symbol.asyncIterator]: () => items(open) } : { [Symbol.iterator]: () => itemsNow(open) };
}

async function* items(open) {
  const id = await open();
  let isOver = false;
  try {
    while (!isOver) {
      const batch = await draw(id).catch((error) => {
        isOver = true;
        throw error;
      });
      isOver = batch.done;
      for (const item of batch.items) yield valueOf(item);
    }
  } finally {
    if (!isOver) host.system.streamClose(id);
  }
}

function* itemsNow(open) {
  const id = open();
  let isOver = false;
  try {
    while (!isOver) {
      isOver = true;
      const batch = draw(id);
      isOver = batch.done;
      for (const item of batch.items) yield valueOf(item);
    }
  } finally {
    if (!isOver) host.system.streamClose(id);
  }
}
