import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Counter } from './actor.js';

test('a counter counts and remembers', () => {
  const counter = new Counter();
  assert.equal(counter.increment(5), 5);
  assert.equal(counter.increment(), 6);
  assert.equal(counter.get_average(), 5.5);
  assert.deepEqual(counter.history(), [5, 6]);
  counter.reset();
  assert.equal(counter.get(), 0);
});
