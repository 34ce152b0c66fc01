#!/usr/bin/env node
/**
 * From an actor's source to its component: `node build.js actor.js --wit DIR -o actor.wasm`.
 *
 * The source and what it imports become one module. It is loaded once here, to see whether one of its functions is async: then
 * handlers overlap, and componentize-qjs makes the component; else componentize-js does.
 */

import { realpathSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { parameters } from './parameters.js';

const SDK = path.dirname(fileURLToPath(import.meta.url));
const TOOLS = 'install them with `npm install` in the folder of the project';

/** What is wrong, for people. */
class BuildError extends Error {}

/**
 * Loads a tool, from the SDK's own packages or from those of the project that it is in. `package.json` names one more than
 * are loaded here: componentize-js needs preview2-shim, and does not say so.
 */
async function tool(name) {
  try {
    return await import(name);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new BuildError(`${name} is missing: ${TOOLS}`);
  }
}

/** One module of the source, the SDK and the entry of a lane. */
async function bundle(source, lane, folder) {
  const { rolldown } = await tool('rolldown');
  const entry = path.join(folder, `${lane}-entry.js`);
  const [sdk, actor] = [path.join(SDK, 'src'), path.resolve(source)].map((file) => JSON.stringify(file));
  const inSdk = (file) => JSON.stringify(path.join(JSON.parse(sdk), file));
  const exports = { overlapping: 'asyncActor', serial: 'actor', probe: 'methods, overlaps' }[lane];
  const from = lane === 'probe' ? 'life.js' : `${lane}.js`;
  const text = `export { ${exports} } from ${inSdk(from)};\nimport actor from ${actor};\nexport default actor;\n`;
  await fs.writeFile(entry, text);
  const out = path.join(folder, `${lane}.mjs`);
  try {
    const bundled = await rolldown({
      input: entry,
      external: /^pulsing:/,
      plugins: [parameters(path.join(SDK, 'src'))],
      platform: 'neutral',
      resolve: { alias: { 'pulsing-guest': path.join(SDK, 'src/index.js') }, mainFields: ['module', 'main'] },
      logLevel: 'silent',
      treeshake: lane !== 'probe',
    });
    await bundled.write({ file: out, format: 'esm', minify: false, comments: true });
  } catch (error) {
    throw new BuildError(String(error.message ?? error).trim());
  }
  return out;
}

/** How the handlers share an instance: as the methods of the class say. */
async function laneOf(source, folder) {
  let loaded;
  const file = await bundle(source, 'probe', folder);
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new BuildError(`${source}: ${error.name}: ${error.message}`);
  }
  const methods = loaded.methods();
  if (methods.length === 0) {
    throw new BuildError(`${source}: no actor with methods; it needs \`export default actor(class … { … })\``);
  }
  return loaded.overlaps() ? 'overlapping' : 'serial';
}

/** Builds the component of the actor in `source`, and answers its bytes. */
export async function build(source, wit) {
  await fs.access(source).catch(() => {
    throw new BuildError(`${source}: no such file`);
  });
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'pulsing-build-'));
  try {
    const lane = await laneOf(source, folder);
    const file = await bundle(source, lane, folder);
    return await (lane === 'overlapping' ? byQuickJs(file, wit) : byStarlingMonkey(file, wit));
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

async function byQuickJs(file, wit) {
  const { componentize } = await tool('componentize-qjs');
  const jsSource = await fs.readFile(file, 'utf8');
  return (await componentize({ witPath: wit, world: 'overlapping-by-futures', jsSource })).component;
}

async function byStarlingMonkey(file, wit) {
  const { componentize } = await tool('@bytecodealliance/componentize-js');
  const options = { sourcePath: file, witPath: wit, worldName: 'serial', disableFeatures: ['http', 'fetch-event'] };
  return (await componentize(options)).component;
}

async function main() {
  const options = { out: { type: 'string', short: 'o' }, wit: { type: 'string' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.length !== 1 || !values.out || !values.wit) {
    throw new BuildError('usage: node build.js ACTOR.js --wit DIR -o ACTOR.wasm');
  }
  await fs.writeFile(values.out, await build(positionals[0], values.wit));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`error: ${error instanceof BuildError ? error.message : (error.stack ?? error)}\n`);
    process.exitCode = 1;
  });
}
