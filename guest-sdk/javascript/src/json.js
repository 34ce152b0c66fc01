/**
 * JSON, no deeper than every engine bears: in QuickJS a call stack that is exhausted is no exception, but the end of the
 * actor's life.
 */

import { decode, encode } from './text.js';

/** How deep arrays and objects may be nested. QuickJS bears some 2000 levels when it reads, and 1500 when it writes. */
export const DEPTH_MAX = 500;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `[` and `{` differ in one bit, as `]` and `}` do. */
const BRACKET_BIT = 0x20;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/** JSON is nested too deeply, or so is what was to become JSON. */
export class DepthError extends RangeError {
  constructor() {
    super(`nested too deeply: more than ${DEPTH_MAX} levels`);
  }
}

/**
 * The value of JSON in UTF-8.
 * @throws {DepthError}
 * @throws {SyntaxError | TypeError} where it is not JSON, or not UTF-8
 */
export function parse(bytes) {
  if (hasManyBrackets(bytes) && isDeep(bytes)) throw new DepthError();
  return JSON.parse(decode(bytes));
}

/** Whether it is worth a look at each byte: the engine finds brackets much faster than a loop. */
function hasManyBrackets(bytes) {
  let count = 0;
  for (const bracket of [OPENING, OPENING & ~BRACKET_BIT]) {
    for (let at = bytes.indexOf(bracket); at >= 0; at = bytes.indexOf(bracket, at + 1)) {
      count += 1;
      if (count > DEPTH_MAX) return true;
    }
  }
  return false;
}

function isDeep(bytes) {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at);
    } else if ((byte | BRACKET_BIT) === OPENING) {
      depth += 1;
      if (depth > DEPTH_MAX) return true;
    } else if ((byte | BRACKET_BIT) === CLOSING) {
      depth -= 1;
    }
  }
  return false;
}

/** Where the text that begins at `at` has its other quote. */
function endOfText(bytes, at) {
  for (let end = bytes.indexOf(QUOTE, at + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let slashes = 0;
    while (bytes[end - 1 - slashes] === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return bytes.length;
}

/**
 * A value as JSON; `undefined` where it has none.
 * @throws {DepthError}
 * @throws {TypeError} where there is a `BigInt` in it, or a circle
 */
export function stringify(value) {
  // A replacer sees what `toJSON` and getters make, which are called once so.
  const path = [];
  return JSON.stringify(value, function bounded(_, each) {
    if (typeof each !== 'object' || each === null) return each;
    while (path.length > 0 && path[path.length - 1] !== this) path.pop();
    path.push(each);
    if (path.length > DEPTH_MAX) throw new DepthError();
    return each;
  });
}

/** The value of JSON in a text. */
export const parseText = (text) => parse(encode(text));
