/**
 * UTF-8. QuickJS has no `TextEncoder` and no `TextDecoder`.
 */

const CHUNK = 8192;

/** The bytes of a text. Half a surrogate pair, which has none, becomes U+FFFD. */
export const encode =
  typeof TextEncoder === 'function' ? (text) => new TextEncoder().encode(text) : encodeByHand;

/**
 * The text of bytes.
 * @throws {TypeError} where they are not UTF-8
 */
export const decode =
  typeof TextDecoder === 'function'
    ? (bytes) => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    : decodeByHand;

/**
 * A text that has bytes: with U+FFFD for each half of a surrogate pair. A text that has none, if it went to the host, would
 * end the actor's life in QuickJS.
 */
export const wellFormed =
  typeof ''.toWellFormed === 'function' ? (text) => text.toWellFormed() : (text) => decodeByHand(encodeByHand(text));

export function encodeByHand(text) {
  // Three bytes for each unit is the most: a pair of them needs four.
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (let i = 0; i < text.length; i += 1) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      bytes[at++] = code;
      continue;
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = code < 0xdc00 ? text.charCodeAt(i + 1) : 0;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i += 1;
      } else {
        code = 0xfffd;
      }
    }
    if (code >= 0x10000) {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    } else if (code >= 0x800) {
      bytes[at++] = 0xe0 | (code >> 12);
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    } else {
      bytes[at++] = 0xc0 | (code >> 6);
    }
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return bytes.slice(0, at);
}

export function decodeByHand(bytes) {
  const parts = [];
  const units = new Uint16Array(CHUNK + 2);
  let filled = 0;
  let at = 0;
  const flush = () => {
    parts.push(String.fromCharCode.apply(null, units.subarray(0, filled)));
    filled = 0;
  };
  while (at < bytes.length) {
    const first = bytes[at++];
    if (first < 0x80) {
      units[filled++] = first;
    } else {
      const code = rest(bytes, at, first);
      at += code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
      if (code < 0x10000) {
        units[filled++] = code;
      } else {
        units[filled++] = 0xd800 + ((code - 0x10000) >> 10);
        units[filled++] = 0xdc00 + ((code - 0x10000) & 0x3ff);
      }
    }
    if (filled >= CHUNK) flush();
  }
  flush();
  return parts.join('');
}

/** The code point that begins with `first`, whose other bytes are at `at`. */
function rest(bytes, at, first) {
  const length = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) throw new TypeError('not UTF-8');
  let code = first & (0x3f >> length);
  for (let i = 0; i < length; i += 1) {
    const next = bytes[at + i];
    if ((next & 0xc0) !== 0x80) throw new TypeError('not UTF-8');
    code = (code << 6) | (next & 0x3f);
  }
  const least = [0, 0x80, 0x800, 0x10000][length];
  if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw new TypeError('not UTF-8');
  return code;
}
