/**
 * The message that is being handled.
 *
 * The engine runs what follows one event of the host to its end before it takes the next, and every wait of a handler
 * is for the host. So the current call is set when a handler begins, and again by each wait when it is over.
 *
 * Who called and what goes along are no part of the message: the host is asked for them when they are first read.
 */

import { host } from './host.js';

/** The call that the running code belongs to. */
export class Call {
  constructor({ call, method, idempotencyKey, resumeAfter, remainingMs }) {
    this.wire = call;
    this.id = Number(call);
    this.method = method;
    this.idempotencyKey = idempotencyKey ?? undefined;
    this.resumeAfter = numberOf(resumeAfter);
    this.remainingMs = numberOf(remainingMs);
  }

  /** The actor that sent the message; undefined where no actor did. */
  get caller() {
    return kept(this, 'caller', host.system.caller(this.wire) ?? undefined);
  }

  /** What goes along with the call. */
  get context() {
    return kept(this, 'context', new Map(host.system.context(this.wire).map(({ name, value }) => [name, value])));
  }

  /** Whether the caller is gone, or its time is up. For handlers that work long without waiting. */
  isCancelled() {
    return host.system.isCancelled(this.wire);
  }
}

/** No call, of which there is nothing to ask the host. */
class NoCall extends Call {
  get caller() {
    return undefined;
  }

  get context() {
    return new Map();
  }

  isCancelled() {
    return false;
  }
}

/** Puts what the host answered before the getter that asked, so that it asks once. */
function kept(call, name, value) {
  Object.defineProperty(call, name, { value });
  return value;
}

const numberOf = (value) => (value == null ? undefined : Number(value));

let current = null;

/** The call that is being handled. In `onStart` and `onStop` there is none: its `id` is 0. */
export function call() {
  return current ?? new NoCall({ call: host.u64(0), method: '' });
}

/** Says whose code runs from here on. */
export function enter(next) {
  current = next;
}
