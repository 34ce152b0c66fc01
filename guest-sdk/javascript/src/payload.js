/**
 * Values as they go over the wire.
 */

import { SystemError } from './errors.js';
import { parse, stringify } from './json.js';
import { encode } from './text.js';

/**
 * What a value is sent as: bytes as they are, everything else as JSON.
 * @throws {SystemError} where it has no JSON form
 */
export function payloadOf(value, what) {
  // A copy: the buffer may be used again before this is on its way.
  if (value instanceof Uint8Array) return { encoding: 'bytes', body: new Uint8Array(value) };
  if (value instanceof Promise) {
    value.catch(() => {});
    throw new SystemError(`${what} is a promise: wait for it in a method that is \`async\``, { recoverable: false });
  }
  let text;
  try {
    text = stringify(value);
  } catch (error) {
    throw new SystemError(`${what} has no JSON form: ${error.message}`, { recoverable: false });
  }
  return { encoding: 'json', body: encode(text ?? 'null') };
}

/**
 * The value of a payload that came.
 * @throws {SystemError} where it is JSON that cannot be read: not the fault of whoever called this actor
 */
export function valueOf({ encoding, body }, what) {
  if (encoding !== 'json') return body;
  try {
    return body.length === 0 ? null : parse(body);
  } catch (error) {
    throw new SystemError(`${what} cannot be read as JSON: ${error.message}`, { recoverable: false });
  }
}
