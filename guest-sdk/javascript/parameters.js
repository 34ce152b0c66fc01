/**
 * The names of methods' parameters, as the author wrote them: by them callers give arguments, and the bundler renames some
 * of them. So they are noted in the classes before they are bundled.
 */

const KEY = "Symbol.for('pulsing.parameters')";

/** A plugin of rolldown that notes them in every module outside of `folder`. */
export function parameters(folder) {
  return {
    name: 'pulsing-parameters',
    transform(code, id) {
      if (id.startsWith(folder)) return null;
      const classes = [...classesIn(this.parse(code, { lang: /\.[cm]?ts$/.test(id) ? 'ts' : 'js' }))];
      // From the end, so that places before it stay where they are.
      classes.sort((a, b) => b.start - a.start);
      let noted = code;
      for (const body of classes) {
        const at = body.start + 1;
        noted = `${noted.slice(0, at)} static [${KEY}] = ${JSON.stringify(notesOf(body))};${noted.slice(at)}`;
      }
      return noted === code ? null : { code: noted };
    },
  };
}

function* classesIn(node) {
  if (Array.isArray(node)) {
    for (const each of node) yield* classesIn(each);
  } else if (typeof node?.type === 'string') {
    if (node.type === 'ClassBody') yield node;
    for (const each of Object.values(node)) if (typeof each === 'object') yield* classesIn(each);
  }
}

/** By method: its parameters. Not of methods with one that has no name of its own: those the SDK refuses. */
function notesOf({ body }) {
  const notes = [];
  for (const { type, kind, key, value, computed, ...rest } of body) {
    if (type !== 'MethodDefinition' || kind !== 'method' || rest.static || computed) continue;
    const named = value.params.map(parameterOf);
    if (named.every(Boolean)) notes.push([key.name ?? key.value, named]);
  }
  return Object.fromEntries(notes);
}

function parameterOf(parameter) {
  if (parameter.type === 'Identifier') return { name: parameter.name, hasDefault: false };
  if (parameter.type !== 'AssignmentPattern' || parameter.left.type !== 'Identifier') return undefined;
  return { name: parameter.left.name, hasDefault: true };
}
