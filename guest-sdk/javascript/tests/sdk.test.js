import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Call } from '../src/call.js';
import { BusinessError, Cancelled, RuntimeFailure, SystemError, toWire } from '../src/errors.js';
import { methodsOf } from '../src/methods.js';
import { nearest } from '../src/nearest.js';
import { docsOf, parametersOf } from '../src/source.js';
import { Streams } from '../src/streams.js';
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
  const schema = JSON.parse(METHODS.get('cook').argsSchema);
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
  assert.throws(() => names({ m({ x }) {} }.m), /must have a name of its own/);
  assert.throws(() => names({ m(...rest) {} }.m), /must have a name of its own/);
  assert.equal(docsOf(class { /** One. @x */ async *a() {} }).get('a'), 'One. @x');
});

test('everything that is thrown becomes an error of the contract', () => {
  const wire = (thrown) => toWire(thrown, Number, undefined);
  assert.equal(wire(new BusinessError(402, 'no', { balance: 3 })).val.details, '{"balance":3}');
  assert.equal(wire(new RangeError('too small')).val.code, 400);
  assert.equal(wire(new TypeError('no number')).val.code, 400);
  assert.equal(wire(new Cancelled()).tag, 'cancelled');
  assert.equal(wire(new RuntimeFailure('actor-restarting', 'soon')).val.recoverable, true);
  assert.equal(wire(new RuntimeFailure('actor-not-found', 'none')).val.recoverable, false);
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
