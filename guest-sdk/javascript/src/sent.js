/**
 * What the code of an actor hands to the host, made sure of. What has the wrong type could end the actor's life where it
 * is lowered; here it is a `TypeError`.
 */

import { wellFormed } from './text.js';
import { given } from './types.js';

/** Numbers of 64 bits go as far as JavaScript's are exact. */
const U64_MAX = Number.MAX_SAFE_INTEGER;
const U32_MAX = 0xffffffff;

const wrong = (what, value, expected) => new TypeError(`${what}: invalid type: ${given(value)}, expected ${expected}`);

/** A text. */
export function text(value, what) {
  if (typeof value !== 'string') throw wrong(what, value, 'string');
  return wellFormed(value);
}

/** A whole number from 0 to `max`: what is outside becomes the nearest of them, and a fraction is rounded up. */
export function number(value, what, max = U64_MAX) {
  const plain = typeof value === 'bigint' ? Number(value) : value;
  if (typeof plain !== 'number' || Number.isNaN(plain)) throw wrong(what, value, 'number');
  return Math.min(Math.max(Math.ceil(plain), 0), max);
}

export const number32 = (value, what) => number(value, what, U32_MAX);

/** The bytes of a body; nothing for none. */
export function bytes(value, what, encode) {
  if (value == null || value instanceof Uint8Array) return value;
  if (typeof value !== 'string') throw wrong(what, value, 'string or Uint8Array');
  return encode(value);
}
