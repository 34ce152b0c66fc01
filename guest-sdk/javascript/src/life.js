/**
 * One life of an actor: its state, and what the host calls.
 */

import { Call, enter } from './call.js';
import { descriptionOf } from './describe.js';
import { SystemError, UnsupportedError, toWire } from './errors.js';
import { after, host } from './host.js';
import { methodsOf, waits } from './methods.js';
import { nearest } from './nearest.js';
import { payloadOf, valueOf } from './payload.js';
import { Streams } from './streams.js';

let actor = null;

/** Makes a class the actor of this component: `export default actor(Counter)`. */
export function define(constructor) {
  if (typeof constructor !== 'function' || !constructor.prototype) throw new TypeError('actor() takes a class');
  const methods = methodsOf(constructor);
  const description = descriptionOf([...methods.values()], constructor.restart);
  actor = { constructor, methods, description, waits: waits(constructor) };
  return constructor;
}

/** Whether the actor's handlers have to overlap, for the build. */
export const overlaps = () => actor?.waits ?? false;

/** The methods of the actor, for the build. */
export const methods = () => [...(actor?.methods.values() ?? [])];

/** What is known of this life. */
export const life = {
  hasBegun: false,
  name: '',
  key: undefined,
  generation: 0,
  config: null,
  state: null,
  streams: new Streams(),
};

/** What the actor says of itself. */
export const describe = () => actor?.description ?? '';

/** Begins the life. */
export function start({ name, key, generation, config }) {
  enter(null);
  Object.assign(life, { hasBegun: true, name, key: key ?? undefined, generation: Number(generation) });
  life.config = valueOf(config, 'the configuration');
  if (actor.constructor.mayPassivate) host.system.mayPassivate();
  life.state = new actor.constructor(life.config);
  return settled('onStart', life.state.onStart?.());
}

/** What a method or a hook answered: in a serial actor no promise, for which nobody can wait there. */
function settled(name, answer) {
  if (host.overlaps || !(answer instanceof Promise)) return answer;
  answer.catch(() => {});
  throw new SystemError(`\`${name}\` answers a promise: make it \`async\``, { recoverable: false });
}

/** Handles an ask: answers a reply of the contract, or a promise of one. */
export function handle(message) {
  const { method, answer, call } = run(message);
  if (method.kind !== 'stream') return after(settled(method.name, answer), reply);
  const id = life.streams.open(answer, call, method.resumes);
  return { tag: 'stream', val: host.u64(id) };
}

const reply = (value) => ({ tag: 'value', val: payloadOf(value, 'the answer') });

/** Handles a tell. */
export function tell(message) {
  return after(settled(message.method, run(message).answer), () => undefined);
}

function run(message) {
  const call = new Call(message);
  enter(call);
  const method = actor.methods.get(message.method);
  if (!method) throw new UnsupportedError(message.method, nearest(message.method, actor.methods.keys()));
  if (method.waits && !host.overlaps) {
    throw new SystemError(`\`${method.name}\` is async: build it for overlapping handlers`, { recoverable: false });
  }
  return { call, method, answer: method.run.apply(life.state, method.arguments(message.args)) };
}

/** Ends the life in good order. */
export function stop() {
  enter(null);
  return after(life.streams.closeAll(), () => {
    enter(null);
    return settled('onStop', life.state?.onStop?.());
  });
}

/** What an export throws in the place of `error`. Nothing else may leave it: it would end the actor. */
export const thrown = (error) => toWire(error, host);
