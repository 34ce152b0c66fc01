import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const folder = join(import.meta.dirname, '..');

/** The class that the README shows; a file in the package, so that it finds `pulsing-guest`. */
async function kitchen() {
  const blocks = [...readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^```js\n(.*?)^```$/gms)];
  assert.equal(blocks.length, 1, 'the README shows one actor');
  const made = mkdtempSync(join(folder, 'tests', 'readme-'));
  try {
    writeFileSync(join(made, 'kitchen.js'), blocks[0][1]);
    return (await import(pathToFileURL(join(made, 'kitchen.js')))).default;
  } finally {
    rmSync(made, { recursive: true });
  }
}

test('the actor of the README is one', async () => {
  const Kitchen = await kitchen();
  const made = new Kitchen();
  assert.equal(made.served, 0);
  await assert.rejects(made.cook('stone soup'), { name: 'BusinessError', code: 404 });
});
