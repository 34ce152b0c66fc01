/**
 * Write an actor for pulsing-host in JavaScript: a class with methods. See README.md.
 */

import { define, life } from './life.js';

export { call } from './call.js';
export {
  ActorError,
  BusinessError,
  Cancelled,
  RuntimeFailure,
  SystemError,
  TimeoutError,
  UnsupportedError,
  ValueError,
} from './errors.js';
export * as http from './http.js';
export { ask, sleep, stream, tell, watch } from './peers.js';
export { Event, Lock, Queue } from './sync.js';

/** Makes a class the actor of this component: `export default actor(class Counter { … })`. */
export const actor = define;

/** The configuration that the actor was started with; null for none. */
export const config = () => life.config;

/** The name under which the actor is reached, without its key. */
export const name = () => life.name;

/** Which of the actors of this name it is; undefined where the name has only one. */
export const key = () => life.key;

/** The number of this life: 0 for the first, one more with each restart. */
export const generation = () => life.generation;
