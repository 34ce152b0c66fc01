/**
 * The message that is being handled.
 *
 * The engine runs what follows one event of the host to its end before it takes the next, and every wait of a handler
 * is for the host. So the current call is set when a handler begins, and again by each wait when it is over.
 */

import { host } from './host.js';

const NONE = {
  id: 0,
  method: '',
  idempotencyKey: undefined,
  resumeAfter: undefined,
  remainingMs: undefined,
  caller: undefined,
};

/** The call that the running code belongs to. */
export class Call {
  constructor({ call, method, idempotencyKey, resumeAfter, remainingMs, caller, context }) {
    this.wire = call;
    this.id = Number(call);
    this.method = method;
    this.idempotencyKey = idempotencyKey ?? undefined;
    this.resumeAfter = numberOf(resumeAfter);
    this.remainingMs = numberOf(remainingMs);
    this.caller = caller ?? undefined;
    this.context = new Map((context ?? []).map(({ name, value }) => [name, value]));
  }

  /** Whether the caller is gone, or its time is up. For handlers that work long without waiting. */
  isCancelled() {
    return host.system.isCancelled(this.wire);
  }
}

const numberOf = (value) => (value == null ? undefined : Number(value));

let current = null;

/** The call that is being handled. In `onStart` and `onStop` there is none: its `id` is 0. */
export function call() {
  if (current) return current;
  return Object.assign(Object.create(Call.prototype), NONE, { context: new Map(), wire: host.u64(0), isCancelled: () => false });
}

/** Says whose code runs from here on. */
export function enter(next) {
  current = next;
}
