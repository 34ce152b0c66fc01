/**
 * HTTP to other machines: to hosts that were granted to the actor with `--http`.
 */

import { call } from './call.js';
import { ActorError } from './errors.js';
import { after, host } from './host.js';
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

const ofWire = ({ code, message }) => new HttpError(code, message);

/** What an import that does not wait answers. */
function direct(name, args) {
  try {
    const outcome = host.http[name](...args);
    if (outcome?.tag === 'err') throw { payload: outcome.val };
    return outcome?.tag === 'ok' ? outcome.val : outcome;
  } catch (error) {
    throw error?.payload === undefined ? error : ofWire(error.payload);
  }
}

const invoke = (name, args) => host.invoke(host.http, name, args, ofWire);

/**
 * Sends a request, and answers when the response has begun: whatever its status.
 * @throws {HttpError} where there is none
 */
export function request({ method = 'GET', url, headers = {}, json, body, timeoutMs, redirects = REDIRECTS_MAX }) {
  const all = Object.entries(headers).map(([name, value]) => ({ name, value: encode(String(value)) }));
  let bytes = typeof body === 'string' ? encode(body) : body;
  if (json !== undefined) {
    bytes = encode(JSON.stringify(json));
    all.push({ name: 'content-type', value: encode('application/json') });
  }
  const firstByteTimeoutMs = timeoutMs == null ? host.none : host.u64(Math.ceil(timeoutMs));
  const begun = direct('begin', [
    call().wire,
    {
      method,
      url: String(url),
      headers: all,
      body: bytes?.length ? { tag: 'whole', val: bytes } : { tag: 'empty' },
      firstByteTimeoutMs,
      betweenBytesTimeoutMs: host.none,
      redirectsMax: redirects,
    },
  ]);
  return after(invoke('response', [begun]), (head) => new Response(begun, head));
}

/** A response. Its body is read once: whole, by lines, or as server-sent events. */
class Response {
  #exchange;

  constructor(exchange, { status, url, headers }) {
    this.#exchange = exchange;
    this.status = status;
    this.url = url;
    this.headers = new Map(headers.map(({ name, value }) => [name, latin1(value)]));
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
    const pieces = [];
    let length = 0;
    const more = (piece) => {
      if (piece == null) {
        this.close();
        return joined(pieces, length);
      }
      pieces.push(piece);
      length += piece.length;
      if (length > max) {
        this.close();
        throw new HttpError('HTTP-response-body-size', `the body has more than ${max} bytes`);
      }
      return after(this.#read(), more);
    };
    return after(this.#read(), more);
  }

  text(max = BODY_MAX_BYTES) {
    return after(this.bytes(max), decode);
  }

  json(max = BODY_MAX_BYTES) {
    return after(this.text(max), JSON.parse);
  }

  /** The lines of the body as they come, without their ends. */
  async *lines(max = BODY_MAX_BYTES) {
    let held = new Uint8Array();
    try {
      for (let piece = await this.#read(); piece != null; piece = await this.#read()) {
        held = held.length ? joined([held, piece], held.length + piece.length) : piece;
        let from = 0;
        for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10, from)) {
          yield line(held.subarray(from, end));
          from = end + 1;
        }
        held = held.slice(from);
        if (held.length > max) throw new HttpError('HTTP-response-body-size', `a line has more than ${max} bytes`);
      }
      if (held.length) yield line(held);
    } finally {
      this.close();
    }
  }

  /** Server-sent events as they come: `{event, data, id}`. */
  async *events(max = BODY_MAX_BYTES) {
    let fields = { event: 'message', data: [], id: undefined };
    for await (const text of this.lines(max)) {
      if (text === '') {
        if (fields.data.length) yield { ...fields, data: fields.data.join('\n') };
        fields = { event: 'message', data: [], id: fields.id };
        continue;
      }
      const colon = text.indexOf(':');
      const name = colon < 0 ? text : text.slice(0, colon);
      const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') fields.data.push(value);
      else if (name === 'event') fields.event = value;
      else if (name === 'id') fields.id = value;
    }
  }
}

const line = (bytes) => decode(bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes);
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
