import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { Call, call as current, enter } from '../src/call.js';
import { defineConsole, format } from '../src/console.js';
import { BusinessError, Cancelled, RuntimeFailure, SystemError, UnsupportedError, toWire } from '../src/errors.js';
import { invoke } from '../src/futures.js';
import { bind } from '../src/host.js';
import { HttpError, request } from '../src/http.js';
import { DEPTH_MAX, parse, stringify } from '../src/json.js';
import { key } from '../src/index.js';
import * as life from '../src/life.js';
import { methodsOf, waits } from '../src/methods.js';
import { nearest } from '../src/nearest.js';
import { payloadOf, valueOf } from '../src/payload.js';
import { ask, sleep, stream, tell, watch } from '../src/peers.js';
import { docsOf, parametersOf } from '../src/source.js';
import { Streams } from '../src/streams.js';
import { Lock } from '../src/sync.js';
import { decodeByHand, encodeByHand } from '../src/text.js';

const json = (text) => ({ encoding: 'json', body: new TextEncoder().encode(text) });

class Kitchen {
  static tells = ['complain'];
  static args = { cook: { meal: 'string', minutes: 'integer?' }, raw: 'bytes' };

  /** Cooks a meal: "others" wait. */
  cook(meal, minutes = 10) {
    return [meal, minutes];
  }

  async serve(course) {
    return course;
  }

  *menu(courses) {
    yield* courses;
  }

  async *slowly() {
    yield 1;
  }

  complain(about) {}

  raw(bytes) {
    return bytes;
  }

  nothing() {}

  _hidden() {}
}

const METHODS = methodsOf(Kitchen);
const args = (method, text) => METHODS.get(method).arguments(json(text));
const refusal = (method, text) => {
  try {
    args(method, text);
  } catch (error) {
    assert.ok(error instanceof BusinessError);
    assert.equal(error.code, 400);
    return error.message;
  }
  return 'it is taken';
};

/** A future as the engine has them, of which is counted how many are held. */
let held = 0;
const future = (promise) => {
  held += 1;
  return { read: () => promise, drop: () => void (held -= 1) };
};

/** A host for overlapping actors that parks, and answers as `imports` says. */
function overlapping(imports = {}, http = {}) {
  const parked = new Map();
  const system = {
    park: (within, key) => future(new Promise((wake) => parked.set(key, [...(parked.get(key) ?? []), wake]))),
    unpark: (key) => parked.get(key)?.shift()?.(false),
    isCancelled: () => false,
    ...imports,
  };
  bind({ overlaps: true, u64: Number, u32: Number, none: null, system, http, invoke });
}

/** A host for serial actors, whose imports throw errors as that engine does. */
function serial(imports = {}, http = {}) {
  const call = (from, name, args, toError) => {
    try {
      return from[name](...args);
    } catch (error) {
      throw error.payload === undefined ? error : toError(error.payload);
    }
  };
  bind({ overlaps: false, u64: BigInt, u32: Number, none: undefined, system: imports, http, invoke: call });
}

const ticks = () => new Promise((resolve) => setImmediate(resolve));

test('methods are the public ones, with their kinds', () => {
  const kinds = [...METHODS.values()].map(({ name, kind, waits }) => `${name} ${kind}${waits ? ' waits' : ''}`);
  assert.deepEqual(kinds, [
    'cook ask',
    'serve ask waits',
    'menu stream',
    'slowly stream waits',
    'complain tell',
    'raw ask',
    'nothing ask',
  ]);
  assert.equal(METHODS.get('cook').doc, 'Cooks a meal: "others" wait.');
  const schema = METHODS.get('cook').argsSchema;
  assert.deepEqual(schema.required, ['meal']);
  assert.deepEqual(schema.properties, { meal: { type: 'string' }, minutes: { type: 'integer' } });
});

test('arguments come by name in any order or by position', () => {
  assert.deepEqual(args('cook', '{"minutes":5,"meal":"soup"}'), ['soup', 5]);
  assert.deepEqual(args('cook', '["soup",5]'), ['soup', 5]);
  for (const body of ['["soup"]', '["soup",null]', '{"meal":"soup"}', '{"meal":"soup","minutes":null}']) {
    assert.equal(args('cook', body)[1], undefined, body);
  }
  for (const body of ['', 'null', '{}', '[]', ' {} ']) assert.deepEqual(args('nothing', body), [], body);
});

test('what is wrong is said of the argument by its name', () => {
  for (const [body, message] of [
    ['{"meal":5}', 'argument `meal`: invalid type: integer `5`, expected string'],
    ['["x",0.5]', 'argument `minutes`: invalid type: floating point `0.5`, expected integer'],
    ['{}', 'argument `meal` is missing'],
    ['', 'argument `meal` is missing'],
    ['{"meal":"x","m":2}', 'unknown argument `m`; this method takes `meal`, `minutes`'],
    ['{"constructor":1}', 'unknown argument `constructor`; this method takes `meal`, `minutes`'],
    ['["a",1,2]', '3 arguments given; this method takes `meal`, `minutes`'],
    ['5', 'invalid type: integer `5`, expected the arguments as a JSON object by name or a JSON array by position'],
  ]) {
    assert.equal(refusal('cook', body), message, body);
  }
  assert.equal(refusal('nothing', '[1]'), '1 arguments given; this method takes none');
  assert.match(refusal('cook', '{"meal"'), /^the arguments are not JSON: /);
  assert.throws(() => METHODS.get('cook').arguments({ encoding: 'bytes', body: new Uint8Array() }), /takes JSON/);
  assert.deepEqual(METHODS.get('raw').arguments({ encoding: 'bytes', body: [0, 255] }), [[0, 255]]);
});

test('names of arguments are read from any source', () => {
  const names = (method) => parametersOf('m', method).map(({ name, hasDefault }) => name + (hasDefault ? '=' : ''));
  const made = {
    m(a, b = [1, ')', '(', ","], /* c, */ d = (x, y) => x + y, // e
      f = `${"}"}`) {},
  };
  assert.deepEqual(names(made.m), ['a', 'b=', 'd=', 'f=']);
  const patterns = {
    m(a = /[),/]\/\(/g, b = 6 / 2, c = (1, 4) / 2 /* ) */, d = '/)') {},
  };
  assert.deepEqual(names(patterns.m), ['a=', 'b=', 'c=', 'd=']);
  assert.throws(() => names({ m({ x }) {} }.m), /must have a name of its own/);
  assert.throws(() => names({ m(...rest) {} }.m), /must have a name of its own/);
  assert.equal(docsOf(class { /** One. @x */ async *a() {} }).get('a'), 'One. @x');
});

test('everything that is thrown becomes an error of the contract', () => {
  const wire = (thrown) => toWire(thrown, { u64: Number, u32: Number, none: undefined });
  assert.equal(wire(new BusinessError(402, 'no', { balance: 3 })).val.details, '{"balance":3}');
  assert.equal(wire(new RangeError('too small')).val.code, 400);
  assert.equal(wire(new TypeError('no number')).val.code, 400);
  assert.equal(wire(new Cancelled()).tag, 'cancelled');
  assert.equal(wire(new RuntimeFailure('actor-restarting', 'soon')).val.recoverable, true);
  assert.equal(wire(new RuntimeFailure('actor-not-found', 'none')).val.recoverable, false);
  assert.deepEqual(wire(new RuntimeFailure('solar-flare', 'hot')).val, { message: 'hot', recoverable: false, restart: false });
  const { val } = wire(new Error('a surprise'));
  assert.deepEqual(val, { message: 'Error: a surprise', recoverable: true, restart: false });
  const overflows = () => overflows() + 1;
  const overflow = (() => {
    try {
      return overflows();
    } catch (error) {
      return error;
    }
  })();
  assert.equal(wire(overflow).tag, 'system');
  assert.deepEqual(wire(new BusinessError(409, 'odd', { n: 1n })).val, { code: 409, message: 'odd', details: undefined });
  assert.equal(wire(new BusinessError(402, 'x\ud800')).val.message, 'x\ufffd');
  assert.equal(wire(new Error('\udc00')).val.message, 'Error: \ufffd');
  assert.deepEqual(wire(new UnsupportedError('\ud800', 5)).val, { operation: '\ufffd', nearest: '5' });
  const hostile = new Proxy({}, { get: () => { throw hostile; }, getPrototypeOf: () => { throw hostile; } });
  for (const thrown of [null, undefined, 'text', 7, {}, Object.create(null), hostile]) {
    const { tag, val } = wire(thrown);
    assert.equal(tag, 'system');
    assert.equal(typeof val.message, 'string');
  }
});

const texts = (batch) => ({ ...batch, items: batch.items.map(({ body }) => new TextDecoder().decode(body)) });
const call = (resumeAfter) => new Call({ call: 1, method: 'm', resumeAfter });

test('a stream hands over what there is room for, and its error last', () => {
  const streams = new Streams();
  function* numbers() {
    yield 1;
    yield 2;
    throw new SystemError('broken');
  }
  const id = streams.open(numbers(), call(), false);
  assert.deepEqual(texts(streams.draw(id, 1)), { items: ['1'], done: false });
  assert.deepEqual(texts(streams.draw(id, 9)), { items: ['2'], done: false });
  assert.throws(() => streams.draw(id, 9), /broken/);
  assert.throws(() => streams.draw(id, 9), /no stream 1 is open/);
});

test('a stream is bounded by bytes, skips what the reader has, and is closed once', async () => {
  overlapping();
  const streams = new Streams();
  let closed = 0;
  function* large() {
    try {
      for (;;) yield 'x'.repeat(600_000);
    } finally {
      closed += 1;
    }
  }
  const id = streams.open(large(), call(), false);
  assert.equal(streams.draw(id, 100).items.length, 2);
  streams.close(id);
  streams.close(id);
  assert.equal(closed, 1);
  const resumed = streams.open([1, 2, 3][Symbol.iterator](), call(2), false);
  assert.deepEqual(texts(streams.draw(resumed, 9)), { items: ['3'], done: true });
  async function* slowly() {
    yield 1;
    yield 2;
  }
  const slow = streams.open(slowly(), call(1), false);
  assert.deepEqual(texts(await streams.draw(slow, 9)), { items: ['2'], done: false });
  assert.deepEqual(texts(await streams.draw(slow, 9)), { items: [], done: true });
});

test('UTF-8 by hand is as the platform has it', () => {
  const samples = ['', 'tea', 'é漢😀\u0000', '\ud800x', '\udc00', 'x\ud83d', 'é😀'.repeat(5000)];
  for (const text of samples) {
    const bytes = new TextEncoder().encode(text);
    assert.deepEqual(encodeByHand(text), bytes);
    assert.equal(decodeByHand(bytes), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  }
  for (const bad of [[0x80], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
    assert.throws(() => decodeByHand(Uint8Array.from(bad)), /not UTF-8/, String(bad));
  }
});

test('a slip is recognised and another word is not', () => {
  const near = (wanted) => nearest(wanted, ['increment', 'get', 'reset']);
  assert.equal(near('incremnet'), 'increment');
  assert.equal(near('gte'), 'get');
  assert.equal(near('history'), undefined);
  assert.equal(near(''), undefined);
  assert.equal(near('x'.repeat(1000)), undefined);
});

test('a future is dropped when it is over, whatever comes of it', async () => {
  overlapping({
    sleep: () => future(Promise.resolve(false)),
    ask: () => future(Promise.resolve({ tag: 'err', val: { tag: 'runtime', val: { kind: 'internal', message: 'no' } } })),
    tell: () => future(Promise.reject(new Error('torn'))),
  });
  held = 0;
  await sleep(1);
  await assert.rejects(ask('a', 'b'), RuntimeFailure);
  await assert.rejects(tell('a', 'b'), /torn/);
  assert.equal(held, 0);
});

test('each of several waits of overlapping calls leads back to its own call', async () => {
  const waiting = [];
  overlapping({ sleep: () => future(new Promise((resolve) => waiting.push(() => resolve(false)))) });
  const handler = async (id) => {
    enter(new Call({ call: id, method: 'm' }));
    const seen = [];
    const wait = async () => {
      await sleep(1);
      seen.push(current().id);
      await sleep(1);
      seen.push(current().id);
    };
    await Promise.all([wait(), wait(), wait()]);
    return [...seen, current().id];
  };
  const answers = Promise.all([handler(1), handler(2)]);
  while (waiting.length > 0) {
    // The order of two calls' events is mixed.
    waiting.splice(Math.floor(waiting.length / 2), 1)[0]();
    await ticks();
  }
  assert.deepEqual(await answers, [Array(7).fill(1), Array(7).fill(2)]);
  enter(null);
});

test('JSON is bounded in depth both ways, and what is in texts does not count', () => {
  const nested = (levels) => encodeByHand('['.repeat(levels) + ']'.repeat(levels));
  assert.ok(parse(nested(DEPTH_MAX)));
  assert.throws(() => parse(nested(DEPTH_MAX + 1)), /nested too deeply/);
  assert.throws(() => parse(encodeByHand('{"a":'.repeat(100_000))), /nested too deeply/);
  for (const value of ['[{'.repeat(600), `\\"${'['.repeat(600)}`, '[\\', Array(2000).fill({ a: ['}'] })]) {
    assert.deepEqual(parse(encodeByHand(JSON.stringify([value, '[']))), [value, '[']);
  }
  assert.throws(() => parse(encodeByHand(`["\\\\",${'['.repeat(600)}`)), /nested too deeply/);
  assert.equal(refusal('cook', '['.repeat(1000)), 'the arguments are nested too deeply: more than 500 levels');
  let deep = 1;
  for (let n = 0; n < DEPTH_MAX; n += 1) deep = n % 2 ? [deep] : { deep };
  assert.equal(stringify(deep), JSON.stringify(deep));
  assert.throws(() => payloadOf([deep], 'the answer'), SystemError);
  const made = { toJSON: () => [deep] };
  assert.throws(() => stringify(made), /nested too deeply/);
  const wide = { a: [{ b: 1 }, { b: [2] }], c: { d: new Date(0) }, e: undefined };
  assert.equal(stringify(wide), JSON.stringify(wide));
});

test('what came and cannot be read is not the fault of the caller', () => {
  for (const text of ['{', '['.repeat(600)]) assert.throws(() => valueOf(json(text), 'an item'), SystemError);
  assert.throws(() => valueOf({ encoding: 'json', body: Uint8Array.of(0xff) }, 'an item'), SystemError);
});

test('nothing goes to the host that has the wrong type', async () => {
  const sent = [];
  overlapping(
    {
      ask: (...args) => (sent.push(args), future(Promise.resolve({ tag: 'ok', val: json('1') }))),
      sleep: (...args) => (sent.push(args), future(Promise.resolve(false))),
    },
    { begin: (...args) => (sent.push(args), { tag: 'err', val: { code: 'HTTP-request-denied', message: 'no' } }) },
  );
  for (const wrong of [
    () => ask(5, 'm'),
    () => ask('t', undefined),
    () => ask('t', 'm', [], { timeoutMs: '5' }),
    () => ask('t', 'm', [], { timeoutMs: NaN }),
    () => ask('t', 'm', [], { idempotencyKey: 5 }),
    () => tell(null, 'm'),
    () => stream('t', {}),
    () => watch(5),
    () => sleep('5'),
    () => sleep(NaN),
    () => request({}),
    () => request({ url: 'http://x/', body: 5 }),
    () => request({ url: 'http://x/', method: 5 }),
    () => request({ url: 'http://x/', redirects: '1' }),
  ]) {
    assert.throws(wrong, TypeError, String(wrong));
  }
  assert.deepEqual(sent, []);
  assert.equal(await ask('t\ud800', 'm', [], null), 1);
  assert.equal(sent.pop()[1], 't\ufffd');
  for (const [ms, expected] of [[Infinity, Number.MAX_SAFE_INTEGER], [-1, 0], [0.2, 1], [5n, 5]]) {
    await sleep(ms);
    assert.equal(sent.pop()[1], expected);
  }
  assert.throws(() => request({ url: 'http://\ud800/', headers: { '\udc00': '\ud800' } }), HttpError);
  const [, { url, headers }] = sent.pop();
  assert.equal(url, 'http://\ufffd/');
  assert.equal(headers[0].name, '\ufffd');
  assert.throws(() => request({ url: 'http://x/', json: 1, headers: { 'Content-Type': 'text/x' } }), HttpError);
  assert.equal(sent.pop()[1].headers.length, 1);
});

test('a closed generator has run its finally at once, and in its own call', async () => {
  overlapping();
  const streams = new Streams();
  const lock = new Lock();
  const ended = [];
  async function* holds() {
    await lock.acquire();
    try {
      for (let n = 0; ; n += 1) yield n;
    } finally {
      ended.push(current().id);
      lock.release();
    }
  }
  async function* plain() {
    try {
      yield 1;
    } finally {
      ended.push(current().id);
    }
  }
  const mine = (id) => new Call({ call: id, method: 'm' });
  const open = [streams.open(holds(), mine(7), false), streams.open(plain(), mine(8), false)];
  for (const id of open) await streams.draw(id, 1);
  for (const id of open) streams.close(id);
  await ticks();
  assert.deepEqual(ended, [7, 8]);
  await lock.acquire();
  const last = streams.open(plain(), mine(9), false);
  await streams.draw(last, 1);
  await streams.closeAll();
  assert.deepEqual(ended, [7, 8, 9]);
  enter(null);
});

test('an item that has no JSON form ends its generator', async () => {
  overlapping();
  const streams = new Streams();
  let ended = 0;
  function* now() {
    try {
      yield 1;
      yield 1n;
    } finally {
      ended += 1;
    }
  }
  async function* slowly() {
    yield* now();
  }
  const id = streams.open(now(), call(), false);
  assert.deepEqual(texts(streams.draw(id, 9)), { items: ['1'], done: false });
  assert.equal(ended, 1);
  assert.throws(() => streams.draw(id, 9), /no JSON form/);
  const slow = streams.open(slowly(), call(), false);
  await streams.draw(slow, 1);
  await assert.rejects(streams.draw(slow, 1), /no JSON form/);
  assert.equal(ended, 2);
  function* promises() {
    yield Promise.resolve(1);
  }
  assert.throws(() => streams.draw(streams.open(promises(), call(), false), 1), /an item is a promise/);
});

test('a buffer that is used again changes no item', () => {
  const streams = new Streams();
  function* reused() {
    const buffer = new Uint8Array(4);
    for (buffer[1] = 1; buffer[1] < 4; buffer[1] += 1) yield buffer.subarray(1, 2);
  }
  const { items } = streams.draw(streams.open(reused(), call(), false), 9);
  assert.deepEqual(items.map(({ body }) => [...body]), [[1], [2], [3]]);
});

test('nobody skips items for a reader who is gone', () => {
  let looks = 0;
  overlapping({ isCancelled: () => (looks += 1) > 3 });
  const streams = new Streams();
  function* forever() {
    for (;;) yield 1;
  }
  const id = streams.open(forever(), call(Number.MAX_SAFE_INTEGER), false);
  assert.throws(() => streams.draw(id, 1), Cancelled);
  assert.equal(looks, 4);
});

test('a kind of failure that is not known is worth another try only where the host says when', () => {
  for (const [kind, retryAfterMs, recoverable] of [
    ['solar-flare', undefined, false],
    ['solar-flare', 5, true],
    ['solar-flare', 0, true],
    ['internal', 5, false],
    ['mailbox-full', undefined, true],
  ]) {
    const failure = new RuntimeFailure(kind, 'hot', retryAfterMs);
    assert.equal(failure.recoverable, recoverable, `${kind} ${retryAfterMs}`);
    const wire = toWire(failure, { u64: Number, u32: Number, none: undefined });
    assert.deepEqual(wire.val, { message: 'hot', recoverable, restart: false });
  }
});

test('every kind of the list is known, and as recoverable as it says', () => {
  const listed = fs.readFileSync(new URL('../../../wit/errors.md', import.meta.url), 'utf8');
  const rows = [...listed.matchAll(/^\| `([a-z-]+)` \|.*\| (yes|no) \|$/gm)];
  assert.ok(rows.length > 8);
  for (const [, kind, answer] of rows) {
    // One that is not known would be recoverable with a hint.
    assert.equal(new RuntimeFailure(kind, 'm', 5).recoverable, answer === 'yes', kind);
  }
});

test('a kind of failure that is not known is kept as it is', async () => {
  const failure = { kind: 'solar-flare', message: 'hot', retryAfterMs: 5 };
  const asked = { tag: 'err', val: { tag: 'runtime', val: failure } };
  overlapping({ ask: () => future(Promise.resolve(asked)), tell: () => future(Promise.resolve({ tag: 'err', val: failure })) });
  for (const failed of [ask('a', 'b'), tell('a', 'b')]) {
    const error = await failed.catch((thrown) => thrown);
    assert.ok(error instanceof RuntimeFailure);
    assert.deepEqual([error.kind, error.recoverable, error.retryAfterMs], ['solar-flare', true, 5]);
  }
});

test('what was cut short is cancelled, and no failure of the other side', async () => {
  let isCut = true;
  const full = { tag: 'err', val: { kind: 'mailbox-full', message: 'full' } };
  const closed = { tag: 'err', val: { code: 'cancelled', message: 'closed' } };
  overlapping(
    { tell: () => future(Promise.resolve(full)), isCancelled: () => isCut },
    { begin: () => ({ tag: 'ok', val: 1 }), response: () => future(Promise.resolve(closed)) },
  );
  enter(new Call({ call: 1, method: 'm' }));
  await assert.rejects(tell('t', 'm'), Cancelled);
  await assert.rejects(request({ url: 'http://x/' }), Cancelled);
  isCut = false;
  await assert.rejects(tell('t', 'm'), RuntimeFailure);
  await assert.rejects(request({ url: 'http://x/' }), HttpError);
  enter(null);
});

test('an actor is watched as soon as it is said', async () => {
  const watched = [];
  overlapping({
    watch: (target) => (watched.push(target), { tag: 'ok', val: 4 }),
    streamNext: () => future(Promise.resolve({ tag: 'ok', val: { items: [json('{"generation":1}')], done: true } })),
  });
  const ends = watch('t');
  assert.deepEqual(watched, ['t']);
  for await (const end of ends) assert.equal(end.generation, 1);
});

/** What `request` answers of a response with these pieces in a serial actor. */
function responded(pieces, headers = []) {
  const left = pieces.map((piece) => (typeof piece === 'string' ? encodeByHand(piece) : piece));
  const head = { status: 200, url: 'http://x/', headers };
  serial({}, { begin: () => 1n, response: () => head, read: () => left.shift(), close: () => {} });
  return request({ url: 'http://x/' });
}

test('a serial actor reads a response in every way', () => {
  assert.deepEqual([...responded(['a\r', '\nb', 'c\n\nd']).lines()], ['a', 'bc', '', 'd']);
  const events = [...responded(['id: 1\ndata: x\ndata: y\n', '\nevent: e\ndata:z\n\n']).events()];
  assert.deepEqual(events, [
    { event: 'message', data: 'x\ny', id: '1' },
    { event: 'e', data: 'z', id: '1' },
  ]);
  assert.deepEqual(responded(['{"a"', ':1}']).json(), { a: 1 });
  assert.equal(responded(Array(20_000).fill('x')).text().length, 20_000);
  assert.throws(() => responded(['xxx']).bytes(2), HttpError);
  assert.throws(() => [...responded(['xxx']).lines(2)], HttpError);
  const value = (text) => encodeByHand(text);
  const headers = [{ name: 'via', value: value('a') }, { name: 'via', value: value('b') }];
  assert.equal(responded([], headers).headers.get('via'), 'a, b');
});

test("another server's bad body is not the fault of the caller", () => {
  assert.throws(() => responded([Uint8Array.of(0xff)]).text(), SystemError);
  assert.throws(() => [...responded([Uint8Array.of(0xff, 10)]).lines()], SystemError);
  assert.throws(() => responded(['{']).json(), SystemError);
  assert.throws(() => responded(['['.repeat(600)]).json(), SystemError);
});

test('an actor overlaps as soon as one of its functions is async, and says so where it does not', () => {
  assert.ok(waits(Kitchen));
  for (const each of [class { async onStart() {} }, class { async _help() {} }, class { async *items() {} }]) assert.ok(waits(each));
  assert.ok(!waits(class { m() {} *items() {} get x() { return 1; } }));
  serial({});
  class Promising {
    ask() { return Promise.reject(new Error('nobody hears it')); }
    note() { return Promise.resolve(); }
    *items() { yield Promise.resolve(1); }
    onStart() { return Promise.resolve(); }
  }
  Promising.tells = ['note'];
  life.define(Promising);
  const promised = (work) => assert.throws(work, (error) => error instanceof SystemError && /is a promise|answers a promise/.test(error.message));
  promised(() => life.start({ name: 'p', generation: 0n, config: json('') }));
  const message = (method) => ({ call: 1n, method, args: json('[]') });
  promised(() => life.handle(message('ask')));
  promised(() => life.tell(message('note')));
  const { val } = life.handle(message('items'));
  promised(() => life.life.streams.draw(Number(val), 1));
});

/** What the host is told of a class with these statics. */
const description = (said, made = class { m(n) {} *items() {} note() {} }) => {
  life.define(Object.assign(made, { tells: ['note'] }, said));
  return JSON.parse(life.describe());
};

test('an actor describes its methods as JSON', () => {
  const { methods, ...rest } = description({ docs: { m: 'One.\ud800' }, answers: { m: 'integer' }, items: { items: 'string?' } });
  assert.deepEqual(rest, {});
  const args = { type: 'object', properties: { n: {} }, required: ['n'], additionalProperties: false };
  const none = { type: 'object', properties: {}, required: [], additionalProperties: false };
  assert.deepEqual(methods, [
    { name: 'm', kind: 'ask', doc: 'One.\ufffd', args, answer: { type: 'integer' } },
    { name: 'items', kind: 'stream', args: none, item: { type: ['string', 'null'] } },
    { name: 'note', kind: 'tell', args: none },
  ]);
  assert.deepEqual(description({ args: { m: 'bytes' } }).methods[0], { name: 'm', kind: 'ask' });
});

test('what a method returns is described in the words of its arguments', () => {
  const answer = (shape) => description({ answers: { m: shape } }).methods[0].answer;
  const text = { type: 'string' };
  for (const [shape, schema] of [
    ['any', undefined],
    ['any?', undefined],
    ['bytes', undefined],
    [{}, { type: 'object', properties: {}, required: [] }],
    [['string'], { type: 'array', items: text }],
    [['any'], { type: 'array', items: {} }],
    [[['number?']], { type: 'array', items: { type: 'array', items: { type: ['number', 'null'] } } }],
    [
      { most: 'integer', note: 'string?', '__proto__ ': [{ x: 'boolean' }] },
      {
        type: 'object',
        properties: {
          most: { type: 'integer' },
          note: { type: ['string', 'null'] },
          '__proto__ ': { type: 'array', items: { type: 'object', properties: { x: { type: 'boolean' } }, required: ['x'] } },
        },
        required: ['most', '__proto__ '],
      },
    ],
  ]) {
    assert.deepEqual(answer(shape), schema, JSON.stringify(shape));
  }
  assert.throws(() => answer('text'), /`m`: no type `text`; there are any, string/);
  assert.throws(() => answer({ a: { b: 5 } }), /`m.a.b`: no type `5`/);
  assert.throws(() => answer(['string', 'string']), /`m`: an array has one type/);
});

test('an actor says how it wants to be restarted, and a wrong value is refused by its name', () => {
  const restart = (said) => description({ restart: said }).restart;
  assert.equal(restart(undefined), undefined);
  assert.deepEqual(restart({ policy: 'never', maxRestarts: undefined }), { policy: 'never' });
  const whole = { policy: 'on_failure', maxRestarts: 0, minBackoffMs: 5, maxBackoffMs: 5 };
  assert.deepEqual(restart(whole), { policy: 'on_failure', max_restarts: 0, min_backoff_ms: 5, max_backoff_ms: 5 });
  for (const [wrong, message] of [
    ['always', /`static restart`: invalid type: string "always", expected an object/],
    [{ policy: 'sometimes' }, /`policy` is one of never, on_failure, always, and not string "sometimes"/],
    [{ maxRestart: 1 }, /there is no `maxRestart`; did you mean `maxRestarts`/],
    [{ maxRestarts: -1 }, /`maxRestarts` is a whole number from 0 to 4294967295, and not integer `-1`/],
    [{ maxRestarts: 2 ** 32 }, /`maxRestarts`/],
    [{ minBackoffMs: 0.5 }, /`minBackoffMs` is a whole number/],
    [{ maxBackoffMs: '1s' }, /`maxBackoffMs` is a whole number/],
    [{ minBackoffMs: 2, maxBackoffMs: 1 }, /`minBackoffMs` \(2\) is more than `maxBackoffMs` \(1\)/],
  ]) {
    assert.throws(() => restart(wrong), message);
  }
});

test('what the host would refuse of a description is refused before', () => {
  const many = class {};
  for (let n = 0; n <= 1024; n += 1) many.prototype[`m${n}`] = function m() {};
  assert.throws(() => life.define(many), /1025 methods, which is more than 1024/);
  assert.throws(() => description({ docs: { m: 'é'.repeat(600_000) } }), /has 12\d{5} bytes, which is more than 1048576/);
});

test('a handler asks who called and what goes along, once and when it wants to know', async () => {
  const entries = [{ name: 'traceparent', value: '00-af-01' }, { name: '__proto__', value: 'é' }];
  for (const [bound, id, none] of [[overlapping, 1, null], [serial, 1n, undefined]]) {
    const asked = [];
    const imports = (caller, context) => ({
      caller: (call) => (asked.push(['caller', call]), caller),
      context: (call) => (asked.push(['context', call]), context),
    });
    bound(imports('shop:eu', entries));
    life.define(class {
      plain() {}
      told() {
        const mine = current();
        return [mine.caller, [...mine.context], mine.caller === current().caller, mine.context === current().context];
      }
    });
    life.start({ name: 'shop', key: none, generation: 0, config: json('') });
    const handle = async (method) => (await life.handle({ call: id, method, args: json('') })).val;
    await handle('plain');
    assert.deepEqual(asked, []);
    const told = parse((await handle('told')).body);
    assert.deepEqual(told, ['shop:eu', [['traceparent', '00-af-01'], ['__proto__', 'é']], true, true]);
    assert.deepEqual(asked, [['caller', id], ['context', id]]);
    bound(imports(none, []));
    const outside = new Call({ call: id, method: 'm' });
    assert.deepEqual([outside.caller, outside.caller, outside.context.size], [undefined, undefined, 0]);
    assert.equal(asked.length, 4);
    enter(null);
    assert.deepEqual([current().caller, current().context.size, current().isCancelled()], [undefined, 0, false]);
    assert.equal(asked.length, 4);
  }
});

test('who called is asked of the call that the code belongs to, also after a wait', async () => {
  let wake;
  overlapping({
    sleep: () => future(new Promise((resolve) => (wake = () => resolve(false)))),
    caller: (call) => `caller ${call}`,
    context: (call) => [{ name: 'n', value: `${call}` }],
  });
  life.define(class {
    async slow() {
      await sleep(1);
      return [current().caller, current().context.get('n')];
    }
    quick() {
      return [current().caller, current().context.get('n')];
    }
  });
  life.start({ name: 'shop', key: null, generation: 0, config: json('') });
  const handle = async (call, method) => {
    const reply = await life.handle({ call, method, args: json('') });
    return parse(reply.val.body);
  };
  const slow = handle(1, 'slow');
  await ticks();
  assert.deepEqual(await handle(2, 'quick'), ['caller 2', '2']);
  wake();
  assert.deepEqual(await slow, ['caller 1', '1']);
});

test('a life is told its key', () => {
  serial();
  life.define(class { m() {} });
  life.start({ name: 'shop', key: 'eu', generation: 0n, config: json('') });
  assert.equal(key(), 'eu');
  for (const none of [null, undefined]) {
    life.start({ name: 'shop', key: none, generation: 1n, config: json('') });
    assert.equal(key(), undefined);
  }
});

test('a slip in what a class says of its methods is refused', () => {
  const saying = (said) => () => methodsOf(Object.assign(class { increment(n) {} *items() {} toString() {} }, said));
  assert.throws(saying({ tells: ['incremnet'] }), /`static tells`: no method `incremnet`; did you mean `increment`/);
  assert.throws(saying({ args: { decrement: { n: 'integer' } } }), /no method `decrement`/);
  assert.throws(saying({ args: { increment: { m: 'integer' } } }), /`increment` has no argument `m`/);
  assert.throws(saying({ resumes: ['item'] }), /no method `item`/);
  assert.throws(saying({ resumes: ['increment'] }), /makes no items/);
  assert.throws(saying({ tells: ['items'] }), /makes items/);
  assert.throws(saying({ answers: { item: 'string' } }), /`static answers`: no method `item`; did you mean `items`/);
  assert.throws(saying({ answers: { items: 'string' } }), /`items` makes items: say `static items`/);
  assert.throws(saying({ tells: ['increment'], answers: { increment: 'string' } }), /`increment` returns nothing/);
  assert.throws(saying({ items: { increment: 'string' } }), /`static items`: `increment` makes no items/);
  assert.equal(saying({ args: {}, docs: {} })().get('toString').doc, '');
  assert.deepEqual(saying({ args: { increment: {} } })().get('increment').arguments(json('[1]')), [1]);
});

test('parameters keep the names that the author wrote', async (t) => {
  const { rolldown } = await import('rolldown').catch(() => ({}));
  if (!rolldown) return t.skip('rolldown is not installed');
  const { parameters } = await import('../parameters.js');
  const text = `
    import { name as own } from 'sdk';
    // é漢😀
    export default class extends class Base { base(name) { return own() + name; } } {
      static fixed(name) { return own(); }
      m(name, b = [1, /[)]/]) { return own() + name + new (class { inner(name) { return own() + name; } })().inner(b); }
      pattern({ name }) { return own() + name; }
    }`;
  const sources = { entry: text, sdk: "export const name = () => 'n';" };
  const virtual = { name: 'virtual', resolveId: (id) => id, load: (id) => sources[id] };
  const bundle = await rolldown({ input: 'entry', plugins: [virtual, parameters('/nowhere')], logLevel: 'silent' });
  const [{ code }] = (await bundle.generate({ format: 'esm' })).output;
  assert.match(code, /name\$1/);
  const { default: made } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  assert.throws(() => methodsOf(made), /must have a name of its own/);
  delete made.prototype.pattern;
  const named = [...methodsOf(made).values()].map((each) => [each.name, each.parameters.map(({ name }) => name)]);
  assert.deepEqual(named, [['base', ['name']], ['m', ['name', 'b']]]);
  assert.equal(new made().m('x', 'y'), 'nxny');
});

test('what is logged is one text, whatever it is', () => {
  assert.equal(format(['a', 'b\ud800', 1, null, undefined, { a: [1] }]), 'a b\ufffd 1 null undefined {"a":[1]}');
  assert.match(format([new TypeError('no')]), /^TypeError: no\n.* at /s);
  const circle = {};
  circle.circle = circle;
  const hostile = new Proxy({}, { get: () => { throw hostile; }, getPrototypeOf: () => { throw hostile; } });
  assert.equal(format([circle, hostile]), 'something that has no text something that has no text');
  assert.ok(new TextEncoder().encode(format(['漢'.repeat(100_000)])).length <= 64 * 1024);
  const before = globalThis.console;
  try {
    delete globalThis.console;
    const written = [];
    defineConsole((text) => written.push(text));
    console.warn('x', 1);
    assert.deepEqual(written, ['x 1']);
    defineConsole(() => assert.fail('there is one already'));
    console.log('y');
  } finally {
    globalThis.console = before;
  }
});
