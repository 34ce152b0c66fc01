/**
 * What only the source of a class tells: the names of its methods' arguments, and the comments before them. Read once,
 * while the component is built. Of a bundled class the build has noted the arguments: see `parameters.js`.
 */

/**
 * The arguments of a method, from its source.
 * @returns {{name: string, hasDefault: boolean}[]}
 * @throws {TypeError} where one has no name of its own
 */
export function parametersOf(name, method) {
  const source = Function.prototype.toString.call(method);
  const open = source.indexOf('(', source.indexOf(name));
  const parts = split(source, open + 1);
  return parts.map((part) => {
    const match = /^([^\s=.,'\"`()[\]{}]+)\s*(=)?/.exec(part);
    if (!match) throw new TypeError(`\`${name}\`: an argument must have a name of its own, unlike \`${part}\``);
    return { name: match[1], hasDefault: match[2] !== undefined };
  });
}

/** The parts between commas, up to the bracket that closes what is open at `at`. Comments are left out. */
function split(source, at) {
  const parts = [];
  let part = '';
  let depth = 0;
  while (at < source.length) {
    const skipped = source[at] === '/' && BEFORE_REGEX.test(part) ? endOfRegex(source, at) : skip(source, at);
    if (skipped > at) {
      // A text belongs to the part, and a comment does not.
      if (!/^\/[/*]/.test(source.slice(at, at + 2))) part += source.slice(at, skipped);
      at = skipped;
      continue;
    }
    const letter = source[at];
    if (depth === 0 && (letter === ',' || letter === ')')) {
      if (part.trim()) parts.push(part.trim());
      part = '';
      if (letter === ')') break;
    } else {
      depth += '([{'.includes(letter) ? 1 : ')]}'.includes(letter) ? -1 : 0;
      part += letter;
    }
    at += 1;
  }
  return parts;
}

/** After what a `/` begins a regular expression, and divides nothing. */
const BEFORE_REGEX = /[=(,:[!&|?{};+\-*%<>~^]\s*$/;

/** Where the regular expression that begins at `at` ends; that of a comment, where it is one. */
function endOfRegex(source, at) {
  if (source[at + 1] === '/' || source[at + 1] === '*') return skip(source, at);
  let isInSet = false;
  for (let to = at + 1; to < source.length; to += 1) {
    if (source[to] === '\\') to += 1;
    else if (source[to] === '[') isInSet = true;
    else if (source[to] === ']') isInSet = false;
    else if (source[to] === '/' && !isInSet) return to + 1;
  }
  return source.length;
}

/** Where the comment or text that begins at `at` ends; `at`, where none begins. */
function skip(source, at) {
  const end = (mark, from) => {
    const found = source.indexOf(mark, from);
    return found < 0 ? source.length : found + mark.length;
  };
  if (source.startsWith('//', at)) return end('\n', at);
  if (source.startsWith('/*', at)) return end('*/', at + 2);
  const quote = source[at];
  if (quote !== '"' && quote !== "'" && quote !== '`') return at;
  let to = at + 1;
  while (to < source.length && source[to] !== quote) to += source[to] === '\\' ? 2 : 1;
  return to + 1;
}

const DOC = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*(?:async\b\s*)?\*?\s*([^\s=.,'\"`()[\]{}*]+)\s*\(/g;

/** The comments before the methods of a class, by name: of each, the text without tags. */
export function docsOf(constructor) {
  const docs = new Map();
  for (const [, comment, name] of Function.prototype.toString.call(constructor).matchAll(DOC)) {
    const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trimEnd());
    const text = lines.join('\n').split(/^@/m)[0].trim();
    docs.set(name, text);
  }
  return docs;
}
