/**
 * The host, as an actor's lane reaches it. Bound by the entry of the component; natively, in tests, by the test.
 */

/** @type {object} what `overlapping.js` or `serial.js` bound */
export let host = {
  overlaps: true,
  u64: Number,
  u32: Number,
  none: undefined,
  get system() {
    throw new Error('there is no host here: this works in a component alone');
  },
};

/** Says what the host is. */
export function bind(port) {
  host = port;
}

/** Goes on with `outcome`: at once in a serial actor, when it is there in one whose handlers overlap. */
export function after(outcome, next) {
  return outcome instanceof Promise ? outcome.then(next) : next(outcome);
}

/** Calls an import that does not wait: one engine answers its error, and the other throws it. */
export function direct(imports, name, args, toError) {
  let outcome;
  try {
    outcome = imports[name](...args);
  } catch (error) {
    throw error?.payload === undefined ? error : toError(error.payload);
  }
  if (outcome?.tag === 'err') throw toError(outcome.val);
  return outcome?.tag === 'ok' ? outcome.val : outcome;
}
