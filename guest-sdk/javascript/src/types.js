/**
 * What `static args` says of arguments: the words of JSON Schema, with a `?` for one that may be left out.
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

/**
 * A parameter with its check.
 * @throws {TypeError} where there is no such type
 */
export function typed({ name, hasDefault }, word = 'any') {
  const isOptional = word.endsWith('?');
  const type = isOptional ? word.slice(0, -1) : word;
  if (!Object.hasOwn(CHECKS, type)) {
    throw new TypeError(`\`${name}\`: no type \`${word}\`; there are ${Object.keys(CHECKS).join(', ')}`);
  }
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
