/**
 * `console` where the engine has none: each call is one text in the actor's log.
 */

import { textOf } from './errors.js';
import { stringify } from './json.js';
import { wellFormed } from './text.js';

/** The most that goes out at once, in bytes: no unit of a text has more than three. */
const TEXT_MAX_BYTES = 64 * 1024;
const TEXT_MAX_UNITS = Math.floor(TEXT_MAX_BYTES / 3);
const CUT = ' …';

const NAMES = ['debug', 'error', 'info', 'log', 'trace', 'warn'];

/** Defines `console`, unless there is one. `write` is given each text. */
export function defineConsole(write) {
  if (typeof globalThis.console !== 'undefined') return;
  const methods = NAMES.map((name) => [name, (...values) => void write(format(values))]);
  globalThis.console = Object.fromEntries(methods);
}

/** The text of what is logged. Never throws. */
export function format(values) {
  const text = values.map(formatOne).join(' ');
  return wellFormed(text.length > TEXT_MAX_UNITS ? text.slice(0, TEXT_MAX_UNITS - CUT.length) + CUT : text);
}

function formatOne(value) {
  if (typeof value === 'string') return value;
  try {
    if (value instanceof Error) return value.stack ? `${textOf(value)}\n${value.stack}`.trimEnd() : textOf(value);
    return stringify(value) ?? String(value);
  } catch {
    return textOf(value);
  }
}
