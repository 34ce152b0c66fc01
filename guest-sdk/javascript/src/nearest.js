/** Longer words are nobody's slip, and to compare them costs the square of their length. */
const NAME_MAX_CHARS = 64;

/**
 * The one of `names` that differs from `wanted` by so few letters that it must be a slip: one in three, at most three.
 */
export function nearest(wanted, names) {
  if (wanted.length > NAME_MAX_CHARS) return undefined;
  let limit = Math.min(Math.max(Math.floor(wanted.length / 3), 1), 3);
  let best;
  for (const name of names) {
    const distance = distanceOf(wanted, name);
    if (distance <= limit) {
      // Only a nearer one takes the place.
      best = name;
      limit = distance - 1;
    }
  }
  return best;
}

/** How many letters are added, left out, changed or swapped with their neighbour. */
function distanceOf(a, b) {
  let before = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      let cost = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2] + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length];
}
