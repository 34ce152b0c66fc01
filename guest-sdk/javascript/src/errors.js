/**
 * How a method fails, in the classes that the host, the command line and other actors tell apart.
 */

import { parseText, stringify } from './json.js';
import { wellFormed } from './text.js';

/** Any of the classes below. */
export class ActorError extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** The caller's fault. It gets this back and must not simply try again; the actor goes on. */
export class BusinessError extends ActorError {
  /**
   * @param {number} code what callers can match on: the HTTP status codes are a good choice
   * @param {string} message for people
   * @param {*} details anything that is JSON
   */
  constructor(code, message, details = undefined) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** The same, for a value that does not fit: a business error with code 400. */
export class ValueError extends BusinessError {
  constructor(message) {
    super(400, message);
  }
}

/** The actor's own fault. `restart`: this life's state cannot be trusted, and the host begins another. */
export class SystemError extends ActorError {
  constructor(message, { recoverable = true, restart = false } = {}) {
    super(message);
    this.recoverable = recoverable;
    this.restart = restart;
  }
}

/** Something took too long. It may yet take effect. */
export class TimeoutError extends ActorError {
  constructor(operation, durationMs) {
    super(`\`${operation}\` took longer than ${durationMs} ms`);
    this.operation = operation;
    this.durationMs = durationMs;
  }
}

/** The actor does not have the method or the operation. */
export class UnsupportedError extends ActorError {
  constructor(operation, nearest = undefined) {
    super(`\`${operation}\` is not supported${nearest ? `; did you mean \`${nearest}\`?` : ''}`);
    this.operation = operation;
    this.nearest = nearest;
  }
}

/** The call was told to stop: its caller is gone, or its time is up. Thrown by whatever waits then. */
export class Cancelled extends ActorError {
  constructor() {
    super('cancelled');
  }
}

/** The host could not bring a message to another actor, or its answer back. */
export class RuntimeFailure extends ActorError {
  constructor(kind, message, retryAfterMs = undefined) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether another try may succeed. Of a kind that is not known here, the host says so by when it may. */
  get recoverable() {
    if (RECOVERABLE_KINDS.has(this.kind)) return true;
    return !FINAL_KINDS.has(this.kind) && this.retryAfterMs != null;
  }
}

const RECOVERABLE_KINDS = new Set(['actor-restarting', 'mailbox-full', 'no-connection']);
const FINAL_KINDS = new Set([
  'actor-not-found', 'actor-stopped', 'deadlock', 'permission-denied', 'message-too-large', 'internal',
]);

const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
const MAX_CODE = 0xffffffff;

const whole = (value, max) => {
  const number = Math.ceil(Number(value));
  return number >= 0 ? Math.min(number, max) : 0;
};

/** A text of what anybody threw, however hostile. */
export function textOf(thrown) {
  try {
    if (thrown instanceof Error) {
      const [name, message] = [String(thrown.name), String(thrown.message)];
      return message ? `${name}: ${message}` : name;
    }
    return typeof thrown === 'object' ? `${stringify(thrown)}` : String(thrown);
  } catch {
    return 'something that has no text';
  }
}

/**
 * The error of the contract that stands for what was thrown. Never throws: an exception that leaves an export ends the
 * actor.
 * @param u64 makes a number of 64 bits as the engine wants it, and `u32` one of 32
 * @param none what the engine takes for nothing
 */
export function toWire(thrown, { u64, u32, none }) {
  try {
    return wireOf(thrown, u64, u32, none);
  } catch (second) {
    return system(`${textOf(thrown)}, and to say more failed with ${textOf(second)}`, true, false);
  }
}

const text = (value) => wellFormed(String(value));
const system = (message, recoverable, restart) => ({ tag: 'system', val: { message: text(message), recoverable, restart } });

function wireOf(thrown, u64, u32, none) {
  if (thrown instanceof BusinessError) {
    const code = u32(whole(thrown.code, MAX_CODE));
    return { tag: 'business', val: { code, message: text(thrown.message), details: detailsOf(thrown) ?? none } };
  }
  if (thrown instanceof SystemError) {
    return system(thrown.message, Boolean(thrown.recoverable), Boolean(thrown.restart));
  }
  if (thrown instanceof TimeoutError) {
    const durationMs = u64(whole(thrown.durationMs, MAX_NUMBER));
    return { tag: 'timeout', val: { operation: text(thrown.operation), durationMs } };
  }
  if (thrown instanceof UnsupportedError) {
    const { operation, nearest } = thrown;
    return { tag: 'unsupported', val: { operation: text(operation), nearest: nearest == null ? none : text(nearest) } };
  }
  if (thrown instanceof Cancelled) return { tag: 'cancelled' };
  if (thrown instanceof RuntimeFailure) return system(thrown.message, thrown.recoverable, false);
  if (isWrongValue(thrown)) {
    return { tag: 'business', val: { code: u32(400), message: text(thrown.message || thrown.name), details: none } };
  }
  return system(textOf(thrown), true, false);
}

/** The details as JSON. Without a JSON form they are left out: the error keeps its class. */
function detailsOf({ details }) {
  try {
    return stringify(details);
  } catch {
    return undefined;
  }
}

/** Whether it is what JavaScript throws for values that do not fit. A stack that overflows is a `RangeError` in some engines. */
function isWrongValue(thrown) {
  if (!(thrown instanceof RangeError || thrown instanceof TypeError)) return false;
  return !/call stack|recursion|stack overflow/i.test(String(thrown.message));
}

/** What to throw for how a call to another actor failed. */
export function ofCall(error) {
  if (error.tag === 'runtime') return ofRuntime(error.val);
  const { tag, val } = error.val;
  switch (tag) {
    case 'business':
      return new BusinessError(val.code, val.message, parsed(val.details));
    case 'system':
      // That one's state is not this one's: no `restart`.
      return new SystemError(val.message, { recoverable: val.recoverable });
    case 'timeout':
      return new TimeoutError(val.operation, Number(val.durationMs));
    case 'unsupported':
      return new UnsupportedError(val.operation, val.nearest ?? undefined);
    default:
      return new Cancelled();
  }
}

/** What to throw for what the host could not do. */
export function ofRuntime({ kind, message, retryAfterMs }) {
  return new RuntimeFailure(kind, message, retryAfterMs == null ? undefined : Number(retryAfterMs));
}

function parsed(details) {
  if (details == null) return undefined;
  try {
    return parseText(details);
  } catch {
    return details;
  }
}
