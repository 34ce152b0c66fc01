/**
 * What an actor's class says of its methods: names, kinds, arguments, comments. Read once, while the component is built.
 */

import { BusinessError } from './errors.js';
import { docsOf, parametersOf } from './source.js';
import { decode } from './text.js';
import { given, typed } from './types.js';

/** Public names that are hooks, and no methods. */
const HOOKS = ['constructor', 'onStart', 'onStop'];
const STREAMS = ['GeneratorFunction', 'AsyncGeneratorFunction'];

const bad = (message) => new BusinessError(400, message);

/** The methods of a class by name, its bases' included. */
export function methodsOf(actor) {
  const methods = new Map();
  for (const constructor of [...bases(actor)].reverse()) {
    const docs = docsOf(constructor);
    for (const name of Object.getOwnPropertyNames(constructor.prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(constructor.prototype, name);
      if (typeof value !== 'function' || HOOKS.includes(name) || name.startsWith('_')) continue;
      methods.set(name, new Method(actor, name, value, docs.get(name) ?? ''));
    }
  }
  return methods;
}

function* bases(actor) {
  for (let each = actor; typeof each === 'function' && each.prototype; each = Object.getPrototypeOf(each)) yield each;
}

class Method {
  constructor(actor, name, run, doc) {
    const kind = run.constructor.name;
    const isTell = (actor.tells ?? []).includes(name);
    const types = actor.args?.[name] ?? {};
    this.name = name;
    this.run = run;
    this.kind = isTell ? 'tell' : STREAMS.includes(kind) ? 'stream' : 'ask';
    this.waits = kind.startsWith('Async');
    this.resumes = (actor.resumes ?? []).includes(name);
    this.doc = actor.docs?.[name] ?? doc;
    this.takesBytes = types === 'bytes';
    const parameters = parametersOf(name, run);
    this.parameters = this.takesBytes ? parameters : parameters.map((each) => typed(each, types[each.name]));
  }

  /** JSON Schema of the arguments; none for bytes. */
  get argsSchema() {
    if (this.takesBytes) return undefined;
    return JSON.stringify({
      type: 'object',
      properties: Object.fromEntries(this.parameters.map(({ name, schema }) => [name, schema])),
      required: this.parameters.filter((each) => each.isRequired).map((each) => each.name),
      additionalProperties: false,
    });
  }

  /**
   * The arguments in order, from a payload.
   * @throws {BusinessError} with code 400, which names the argument that does not fit
   */
  arguments({ encoding, body }) {
    if (this.takesBytes) return [body];
    if (encoding !== 'json') throw bad('this method takes JSON, not bytes');
    const values = body.length === 0 ? [] : this.#inOrder(parse(body));
    this.parameters.forEach(({ name, isRequired }, at) => {
      if (isRequired && values[at] === undefined) throw bad(`argument \`${name}\` is missing`);
    });
    return values;
  }

  #inOrder(args) {
    if (args === null) return [];
    if (Array.isArray(args)) {
      const values = args.slice(0, this.parameters.length).map((value, at) => this.#take(at, value));
      if (args.length > this.parameters.length) throw bad(`${args.length} arguments given; ${this.#known()}`);
      return values;
    }
    if (typeof args !== 'object') {
      const expected = 'the arguments as a JSON object by name or a JSON array by position';
      throw bad(`invalid type: ${given(args)}, expected ${expected}`);
    }
    const values = [];
    for (const name of Object.keys(args)) {
      const at = this.parameters.findIndex((each) => each.name === name);
      if (at < 0) throw bad(`unknown argument \`${name}\`; ${this.#known()}`);
      values[at] = this.#take(at, args[name]);
    }
    return values;
  }

  #take(at, value) {
    try {
      return this.parameters[at].take(value);
    } catch (error) {
      throw bad(error.message);
    }
  }

  #known() {
    const names = this.parameters.map(({ name }) => `\`${name}\``).join(', ');
    return names ? `this method takes ${names}` : 'this method takes none';
  }
}

function parse(body) {
  try {
    return JSON.parse(decode(body));
  } catch (error) {
    throw bad(`the arguments are not JSON: ${error.message}`);
  }
}
