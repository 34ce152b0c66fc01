/**
 * What an actor's class says of its methods: names, kinds, arguments, comments. Read once, while the component is built.
 */

import { BusinessError } from './errors.js';
import { DepthError, parse as parseJson } from './json.js';
import { nearest } from './nearest.js';
import { docsOf, parametersOf } from './source.js';
import { given, schemaOf, typed } from './types.js';

/** Public names that are hooks, and no methods. */
const HOOKS = ['constructor', 'onStart', 'onStop'];
const STREAMS = ['GeneratorFunction', 'AsyncGeneratorFunction'];

const bad = (message) => new BusinessError(400, message);

/**
 * The methods of a class by name, its bases' included.
 * @throws {TypeError} where the class says something of a method that cannot be
 */
export function methodsOf(actor) {
  const methods = new Map();
  for (const constructor of [...bases(actor)].reverse()) {
    const docs = docsOf(constructor);
    for (const name of Object.getOwnPropertyNames(constructor.prototype)) {
      const { value } = Object.getOwnPropertyDescriptor(constructor.prototype, name);
      if (typeof value !== 'function' || HOOKS.includes(name) || name.startsWith('_')) continue;
      methods.set(name, new Method(actor, name, value, constructor, docs.get(name) ?? ''));
    }
  }
  checkNames(actor, methods);
  return methods;
}

/** Whether a function of the class is async, hooks and those with `_` included: then handlers have to overlap. */
export function waits(actor) {
  for (const { prototype } of bases(actor)) {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value === 'function' && isAsync(value)) return true;
    }
  }
  return false;
}

const isAsync = (run) => run.constructor.name.startsWith('Async');

/** A slip in what the class says of its methods is an error of the build. */
function checkNames(actor, methods) {
  const keys = (of) => Object.keys(of ?? {});
  const [args, answers, items, docs] = [keys(actor.args), keys(actor.answers), keys(actor.items), keys(actor.docs)];
  const said = { tells: actor.tells, args, answers, items, resumes: actor.resumes, docs };
  for (const [where, names] of Object.entries(said)) {
    for (const name of names ?? []) {
      if (methods.has(name)) continue;
      const near = nearest(name, methods.keys());
      throw new TypeError(`\`static ${where}\`: no method \`${name}\`${near ? `; did you mean \`${near}\`?` : ''}`);
    }
  }
  for (const name of actor.tells ?? []) {
    if (methods.get(name).isGenerator) throw new TypeError(`\`static tells\`: \`${name}\` makes items, which a tell cannot`);
  }
  for (const name of actor.resumes ?? []) {
    if (!methods.get(name).isGenerator) throw new TypeError(`\`static resumes\`: \`${name}\` makes no items`);
  }
  for (const name of answers) {
    const { kind } = methods.get(name);
    const instead = kind === 'tell' ? 'returns nothing, since it is a tell' : 'makes items: say `static items`';
    if (kind !== 'ask') throw new TypeError(`\`static answers\`: \`${name}\` ${instead}`);
  }
  for (const name of items) {
    if (methods.get(name).kind !== 'stream') throw new TypeError(`\`static items\`: \`${name}\` makes no items`);
  }
}

function* bases(actor) {
  for (let each = actor; typeof each === 'function' && each.prototype; each = Object.getPrototypeOf(each)) yield each;
}

/** What the build noted of a class, whose parameters the bundler may have renamed: see `parameters.js` beside `build.js`. */
const NOTED = Symbol.for('pulsing.parameters');

const own = (object, name) => (object != null && Object.hasOwn(object, name) ? object[name] : undefined);

function typedAll(method, parameters, types) {
  const unknown = Object.keys(types).find((name) => !parameters.some((each) => each.name === name));
  if (unknown !== undefined) throw new TypeError(`\`static args\`: \`${method}\` has no argument \`${unknown}\``);
  return parameters.map((each) => typed(each, own(types, each.name)));
}

class Method {
  constructor(actor, name, run, constructor, doc) {
    const isTell = (actor.tells ?? []).includes(name);
    const types = own(actor.args, name) ?? {};
    this.name = name;
    this.run = run;
    this.isGenerator = STREAMS.includes(run.constructor.name);
    this.kind = isTell ? 'tell' : this.isGenerator ? 'stream' : 'ask';
    this.waits = isAsync(run);
    this.resumes = (actor.resumes ?? []).includes(name);
    this.doc = own(actor.docs, name) ?? doc;
    /** JSON Schema of what an ask returns and of the items of a stream; undefined where nothing is said. */
    this.answer = schemaOf(name, own(actor.answers, name) ?? 'any');
    this.item = schemaOf(name, own(actor.items, name) ?? 'any');
    this.takesBytes = types === 'bytes';
    const parameters = own(own(constructor, NOTED), name) ?? parametersOf(name, run);
    this.parameters = this.takesBytes ? parameters : typedAll(name, parameters, types);
  }

  /** JSON Schema of the arguments; none for bytes. */
  get argsSchema() {
    if (this.takesBytes) return undefined;
    return {
      type: 'object',
      properties: Object.fromEntries(this.parameters.map(({ name, schema }) => [name, schema])),
      required: this.parameters.filter((each) => each.isRequired).map((each) => each.name),
      additionalProperties: false,
    };
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
    return parseJson(body);
  } catch (error) {
    throw bad(error instanceof DepthError ? `the arguments are ${error.message}` : `the arguments are not JSON: ${error.message}`);
  }
}
