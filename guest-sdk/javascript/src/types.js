/**
 * What `static args` says of arguments, `static answers` of what methods return and `static items` of what they make: the
 * words of JSON Schema, with a `?` for one that may be left out.
 */

const CHECKS = {
  any: () => true,
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
};

/** A value as an error calls it. */
export function given(value) {
  if (value === null) return 'null';
  if (typeof value === 'string') return `string ${JSON.stringify(value)}`;
  if (typeof value === 'boolean') return `boolean \`${value}\``;
  if (typeof value === 'number') return Number.isInteger(value) ? `integer \`${value}\`` : `floating point \`${value}\``;
  if (typeof value !== 'object') return typeof value;
  return Array.isArray(value) ? 'sequence' : 'map';
}

/** The type of a word, and whether it has a `?`. */
function wordOf(name, word) {
  const text = String(word);
  const isOptional = text.endsWith('?');
  const type = isOptional ? text.slice(0, -1) : text;
  if (!Object.hasOwn(CHECKS, type)) {
    throw new TypeError(`\`${name}\`: no type \`${text}\`; there are ${Object.keys(CHECKS).join(', ')}`);
  }
  return { type, isOptional };
}

/**
 * JSON Schema of what a method returns, or of its items: of a word as above, whose `?` is for null, of `[each]` for an array,
 * or of `{ name: … }` for an object, which may have other names too. There a `?` is also for one that may be missing.
 * @returns undefined where any JSON, or no JSON at all, may come
 * @throws {TypeError} where there is no such type
 */
export function schemaOf(name, shape) {
  if (shape === 'bytes') return undefined;
  const schema = read(name, shape);
  return Object.keys(schema).length === 0 ? undefined : schema;
}

function read(name, shape) {
  if (Array.isArray(shape)) {
    if (shape.length !== 1) throw new TypeError(`\`${name}\`: an array has one type, as in ['string']`);
    return { type: 'array', items: read(name, shape[0]) };
  }
  if (shape === null || typeof shape !== 'object') {
    const { type, isOptional } = wordOf(name, shape);
    if (type === 'any') return {};
    return { type: isOptional ? [type, 'null'] : type };
  }
  const properties = Object.entries(shape).map(([field, each]) => [field, read(`${name}.${field}`, each)]);
  const isRequired = ([, each]) => typeof each !== 'string' || !each.endsWith('?');
  const required = Object.entries(shape).filter(isRequired).map(([field]) => field);
  return { type: 'object', properties: Object.fromEntries(properties), required };
}

/**
 * A parameter with its check.
 * @throws {TypeError} where there is no such type
 */
export function typed({ name, hasDefault }, word = 'any') {
  const { type, isOptional } = wordOf(name, word);
  const check = CHECKS[type];
  const mayBeLeftOut = hasDefault || isOptional;
  return {
    name,
    isRequired: !mayBeLeftOut,
    schema: type === 'any' ? {} : { type },
    /** The value to hand over; `undefined` for the default. */
    take(value) {
      if (value === null && mayBeLeftOut && type !== 'any') return undefined;
      if (check(value)) return value;
      throw new TypeError(`argument \`${name}\`: invalid type: ${given(value)}, expected ${type}`);
    },
  };
}
