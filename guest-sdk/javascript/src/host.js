/**
 * The host, as an actor's lane reaches it. Bound by the entry of the component; natively, in tests, by the test.
 */

/** @type {object} what `overlapping.js` or `serial.js` bound */
export let host = {
  overlaps: true,
  u64: Number,
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
