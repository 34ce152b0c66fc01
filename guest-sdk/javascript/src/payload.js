/**
 * Values as they go over the wire.
 */

import { SystemError } from './errors.js';
import { decode, encode } from './text.js';

/**
 * What a value is sent as: bytes as they are, everything else as JSON.
 * @throws {SystemError} where it has no JSON form
 */
export function payloadOf(value, what) {
  if (value instanceof Uint8Array) return { encoding: 'bytes', body: value };
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new SystemError(`${what} has no JSON form: ${error.message}`, { recoverable: false });
  }
  return { encoding: 'json', body: encode(text ?? 'null') };
}

/** The value of a payload that came. */
export function valueOf({ encoding, body }) {
  if (encoding !== 'json') return body;
  return body.length === 0 ? null : JSON.parse(decode(body));
}
