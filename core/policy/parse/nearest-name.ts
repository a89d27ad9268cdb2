/** Longest name that is compared; a longer one is no slip of the pen. */
const nameCharactersMax = 64;

/** Names that one is compared with: a hint is not worth the time of more. */
export const comparedMax = 200;

/** The name of a list that was probably meant: at most a third of its letters differ. Undefined when none is near. */
export function nearestName(written: string, names: Iterable<string>): string | undefined {
  if (written.length > nameCharactersMax) return undefined;
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  let compared = 0;
  for (const name of new Set(names)) {
    // A name that is much longer or shorter is not near, and to find that out would cost the product of both lengths.
    if (Math.abs(name.length - written.length) > Math.max(1, name.length / 3)) continue;
    if (++compared > comparedMax) break;
    const distance = distanceBetween(written.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best !== undefined && bestDistance <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined;
}

/** Letters to insert, delete or replace to make one text of the other (Levenshtein), row by row. */
function distanceBetween(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
