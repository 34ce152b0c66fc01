/**
 * HTTP to other machines: to hosts that were granted to the actor with `--http`.
 */

import { call } from './call.js';
import { ActorError, Cancelled, SystemError } from './errors.js';
import { after, direct, host } from './host.js';
import { parse, stringify } from './json.js';
import { bytes as bytesOf, number, number32, text as textOf } from './sent.js';
import { decode, encode } from './text.js';

const PIECE_BYTES = 64 * 1024;
const REDIRECTS_MAX = 10;
/** The most that `bytes`, `text` and `json` read, and the longest line, unless they are told otherwise. */
const BODY_MAX_BYTES = 8 << 20;

/** Why there is no response: `code` is a word of the contract, such as `HTTP-request-denied` or `connection-refused`. */
export class HttpError extends ActorError {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** An exchange ends when it is closed, too: that is not the call's end. */
function ofWire({ code, message }) {
  return code === 'cancelled' && call().isCancelled() ? new Cancelled() : new HttpError(code, message);
}

const invoke = (name, args) => host.invoke(host.http, name, args, ofWire);

/**
 * Sends a request, and answers when the response has begun: whatever its status.
 * @throws {HttpError} where there is none
 * @throws {Cancelled} as soon as the call is told to stop
 */
export function request({ method = 'GET', url, headers = {}, json, body, timeoutMs, redirects = REDIRECTS_MAX }) {
  const all = Object.entries(headers).map(([name, value]) => header(name, String(value)));
  let bytes = bytesOf(body, 'body', encode);
  if (json !== undefined) {
    bytes = encode(stringify(json) ?? 'null');
    if (!all.some(({ name }) => name.toLowerCase() === 'content-type')) all.push(header('content-type', 'application/json'));
  }
  const sent = {
    method: textOf(method, 'method'),
    url: textOf(url == null ? url : String(url), 'url'),
    headers: all,
    body: bytes?.length ? { tag: 'whole', val: bytes } : { tag: 'empty' },
    firstByteTimeoutMs: timeoutMs == null ? host.none : host.u64(number(timeoutMs, 'timeoutMs')),
    betweenBytesTimeoutMs: host.none,
    redirectsMax: host.u32(number32(redirects, 'redirects')),
  };
  const begun = direct(host.http, 'begin', [call().wire, sent], ofWire);
  return after(invoke('response', [begun]), (head) => new Response(begun, head));
}

const header = (name, value) => ({ name: textOf(name, 'a header'), value: encode(value) });

/** A response. Its body is read once: whole, by lines, or as server-sent events. */
class Response {
  #exchange;

  constructor(exchange, { status, url, headers }) {
    this.#exchange = exchange;
    this.status = status;
    this.url = url;
    this.headers = new Map();
    for (const { name, value } of headers) {
      const before = this.headers.get(name);
      this.headers.set(name, before === undefined ? latin1(value) : `${before}, ${latin1(value)}`);
    }
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /** Gives the rest up. */
  close() {
    host.http.close(this.#exchange);
  }

  #read() {
    return invoke('read', [this.#exchange, PIECE_BYTES]);
  }

  /** The whole body. */
  bytes(max = BODY_MAX_BYTES) {
    return host.overlaps ? this.#bytes(max) : this.#bytesNow(max);
  }

  async #bytes(max) {
    const whole = new Whole(max);
    try {
      for (let piece = await this.#read(); piece != null; piece = await this.#read()) whole.add(piece);
    } finally {
      this.close();
    }
    return whole.bytes();
  }

  #bytesNow(max) {
    const whole = new Whole(max);
    try {
      for (let piece = this.#read(); piece != null; piece = this.#read()) whole.add(piece);
    } finally {
      this.close();
    }
    return whole.bytes();
  }

  text(max = BODY_MAX_BYTES) {
    return after(this.bytes(max), utf8);
  }

  /** @throws {SystemError} where the body is no JSON: not the fault of whoever called this actor */
  json(max = BODY_MAX_BYTES) {
    return after(this.bytes(max), (bytes) => readable(parse, bytes, 'JSON'));
  }

  /** The lines of the body as they come, without their ends: with `for await`, and in a serial actor with `for`. */
  lines(max = BODY_MAX_BYTES) {
    return host.overlaps ? this.#lines(max) : this.#linesNow(max);
  }

  /** Server-sent events as they come, in the same way: `{event, data, id}`. */
  events(max = BODY_MAX_BYTES) {
    return host.overlaps ? events(this.#lines(max)) : eventsNow(this.#linesNow(max));
  }

  async *#lines(max) {
    const split = new Lines(max);
    try {
      for (let piece = await this.#read(); piece != null; piece = await this.#read()) yield* split.add(piece);
      yield* split.end();
    } finally {
      this.close();
    }
  }

  *#linesNow(max) {
    const split = new Lines(max);
    try {
      for (let piece = this.#read(); piece != null; piece = this.#read()) yield* split.add(piece);
      yield* split.end();
    } finally {
      this.close();
    }
  }
}

/** A body from its pieces. */
class Whole {
  #pieces = [];
  #length = 0;
  #max;

  constructor(max) {
    this.#max = max;
  }

  add(piece) {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length > this.#max) {
      throw new HttpError('HTTP-response-body-size', `the body has more than ${this.#max} bytes`);
    }
  }

  bytes() {
    return joined(this.#pieces, this.#length);
  }
}

/** The lines in pieces of a body. */
class Lines {
  #held = new Uint8Array();
  #max;

  constructor(max) {
    this.#max = max;
  }

  *add(piece) {
    let held = this.#held.length ? joined([this.#held, piece], this.#held.length + piece.length) : piece;
    let from = 0;
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10, from)) {
      yield line(held.subarray(from, end));
      from = end + 1;
    }
    held = held.slice(from);
    if (held.length > this.#max) {
      throw new HttpError('HTTP-response-body-size', `a line has more than ${this.#max} bytes`);
    }
    this.#held = held;
  }

  *end() {
    if (this.#held.length) yield line(this.#held);
  }
}

async function* events(lines) {
  const split = new Events();
  for await (const text of lines) yield* split.add(text);
}

function* eventsNow(lines) {
  const split = new Events();
  for (const text of lines) yield* split.add(text);
}

/** The server-sent events in lines. */
class Events {
  #fields = { event: 'message', data: [], id: undefined };

  *add(text) {
    const fields = this.#fields;
    if (text === '') {
      this.#fields = { event: 'message', data: [], id: fields.id };
      if (fields.data.length) yield { ...fields, data: fields.data.join('\n') };
      return;
    }
    const colon = text.indexOf(':');
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') fields.data.push(value);
    else if (name === 'event') fields.event = value;
    else if (name === 'id') fields.id = value;
  }
}

function readable(read, bytes, what) {
  try {
    return read(bytes);
  } catch (error) {
    throw new SystemError(`the body is not ${what}: ${error.message}`);
  }
}

const utf8 = (bytes) => readable(decode, bytes, 'UTF-8');
const line = (bytes) => utf8(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
const latin1 = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

function joined(pieces, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
