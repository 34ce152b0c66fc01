/**
 * Other actors, and waiting. In a serial actor each of these waits and answers; in one whose handlers overlap it answers
 * a promise, and other handlers run meanwhile. `await` is right in both.
 */

import { call } from './call.js';
import { Cancelled, ofCall, ofRuntime } from './errors.js';
import { after, direct, host } from './host.js';
import { payloadOf, valueOf } from './payload.js';
import { number, text } from './sent.js';

const DRAW_ITEMS = 64;

const numberOrNone = (value, what) => (value == null ? host.none : host.u64(number(value, what)));
const keyOrNone = (value) => (value == null ? host.none : text(value, 'idempotencyKey'));
const optionsOf = (options) => ({
  timeoutMs: numberOrNone(options?.timeoutMs, 'timeoutMs'),
  idempotencyKey: keyOrNone(options?.idempotencyKey),
});
const argsOf = (args) => (args === undefined ? { encoding: 'json', body: new Uint8Array() } : payloadOf(args, 'the arguments'));
const messageOf = (target, method, args) => [text(target, 'target'), text(method, 'method'), argsOf(args)];

/**
 * Waits.
 * @throws {Cancelled} as soon as the call is told to stop
 */
export function sleep(ms) {
  const mine = call();
  const slept = host.invoke(host.system, 'sleep', [...within(mine), host.u64(number(ms, 'ms'))]);
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
  const asked = [call().wire, ...messageOf(target, method, args), optionsOf(options)];
  return after(host.invoke(host.system, 'ask', asked, ofCall), (answer) => valueOf(answer, `the answer of \`${target}\``));
}

/** Puts a message into another actor's mailbox, waiting for room where it is full. */
export function tell(target, method, args = undefined, options = undefined) {
  const told = [...within(call()), ...messageOf(target, method, args), keyOrNone(options?.idempotencyKey)];
  return after(host.invoke(host.system, 'tell', told, ofTell), () => undefined);
}

/** Who was told to stop while it waited for room has not met a mailbox that is full for good. */
function ofTell(error) {
  return error.kind === 'mailbox-full' && call().isCancelled() ? new Cancelled() : ofRuntime(error);
}

/** Reads another actor's stream: with `for await`, and in a serial actor with `for`. */
export function stream(target, method, args = undefined, options = undefined) {
  const message = messageOf(target, method, args);
  const settings = [numberOrNone(options?.resumeAfter, 'resumeAfter'), optionsOf(options)];
  const open = () => host.invoke(host.system, 'streamOpen', [call().wire, ...message, ...settings], ofCall);
  return host.overlaps ? { [Symbol.asyncIterator]: () => items(open) } : { [Symbol.iterator]: () => itemsNow(open) };
}

/**
 * The ends of another actor's lives from now on, each once: `{generation, reason, message, restarts}`. To be read once,
 * with `for await`, and in a serial actor with `for`.
 */
export function watch(target) {
  const id = direct(host.system, 'watch', [text(target, 'target')], ofCall);
  const open = () => id;
  return host.overlaps ? items(open) : itemsNow(open);
}

const draw = (id) => host.invoke(host.system, 'streamNext', [...within(call()), id, DRAW_ITEMS], ofCall);
const itemOf = (payload) => valueOf(payload, 'an item');

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
      for (const item of batch.items) yield itemOf(item);
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
      for (const item of batch.items) yield itemOf(item);
    }
  } finally {
    if (!isOver) host.system.streamClose(id);
  }
}
