/**
 * What `describe` returns: a JSON text, whose members `wit/describe.md` lists. Made once, while the component is built.
 */

import { nearest } from './nearest.js';
import { encode, wellFormed } from './text.js';
import { given } from './types.js';

/** The host refuses a description that is larger, or has more methods. */
const BYTES_MAX = 1024 * 1024;
const METHODS_MAX = 1024;

const POLICIES = ['never', 'on_failure', 'always'];
/** What `static restart` may say, and what that is called in the description. */
const RESTART = { policy: 'policy', maxRestarts: 'max_restarts', minBackoffMs: 'min_backoff_ms', maxBackoffMs: 'max_backoff_ms' };
/** The host counts restarts in 32 bits, and milliseconds go as far as JavaScript's numbers are exact. */
const MAXIMA = { maxRestarts: 0xffffffff, minBackoffMs: Number.MAX_SAFE_INTEGER, maxBackoffMs: Number.MAX_SAFE_INTEGER };

/**
 * The description of an actor.
 * @param methods of its class, in order
 * @param restart what `static restart` says, if it says anything
 * @throws {TypeError} where the class says what cannot be, or the host would refuse it
 */
export function descriptionOf(methods, restart) {
  if (methods.length > METHODS_MAX) {
    throw new TypeError(`the actor has ${methods.length} methods, which is more than ${METHODS_MAX}`);
  }
  const text = wellFormed(JSON.stringify({ methods: methods.map(described), restart: restartOf(restart) }));
  const size = encode(text).length;
  if (size > BYTES_MAX) throw new TypeError(`the description of the actor has ${size} bytes, which is more than ${BYTES_MAX}`);
  return text;
}

/** Members that are undefined are left out. */
function described({ name, kind, doc, argsSchema, answer, item }) {
  return { name: wellFormed(name), kind, doc: doc ? wellFormed(String(doc)) : undefined, args: argsSchema, answer, item };
}

function restartOf(said) {
  if (said == null) return undefined;
  if (typeof said !== 'object' || Array.isArray(said)) {
    throw new TypeError(`\`static restart\`: invalid type: ${given(said)}, expected an object such as { policy: 'always' }`);
  }
  const wanted = {};
  for (const [name, value] of Object.entries(said)) {
    if (!Object.hasOwn(RESTART, name)) {
      const near = nearest(name, Object.keys(RESTART));
      throw new TypeError(`\`static restart\`: there is no \`${name}\`${near ? `; did you mean \`${near}\`?` : ''}`);
    }
    if (value !== undefined) wanted[RESTART[name]] = name === 'policy' ? policyOf(value) : countOf(name, value);
  }
  if (wanted.min_backoff_ms > wanted.max_backoff_ms) {
    const { min_backoff_ms: min, max_backoff_ms: max } = wanted;
    throw new TypeError(`\`static restart\`: \`minBackoffMs\` (${min}) is more than \`maxBackoffMs\` (${max})`);
  }
  return wanted;
}

function policyOf(value) {
  if (POLICIES.includes(value)) return value;
  throw new TypeError(`\`static restart\`: \`policy\` is one of ${POLICIES.join(', ')}, and not ${given(value)}`);
}

function countOf(name, value) {
  if (Number.isInteger(value) && value >= 0 && value <= MAXIMA[name]) return value;
  throw new TypeError(`\`static restart\`: \`${name}\` is a whole number from 0 to ${MAXIMA[name]}, and not ${given(value)}`);
}
