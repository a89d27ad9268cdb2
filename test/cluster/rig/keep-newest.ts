import { readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** Files of one kind that a cache keeps, so that changing branches does not make them again. */
const keptMax = 3;

/** Marks a file of the cache as used now, and removes those of its kind that were not used for longest. */
export function keepNewest(folder: string, kind: RegExp, used: string): void {
  const now = new Date();
  utimesSync(used, now, now);
  const files = readdirSync(folder).filter((name) => kind.test(name));
  const newestFirst = files
    .map((name) => ({ name, usedMs: statSync(join(folder, name)).mtimeMs }))
    .toSorted((a, b) => b.usedMs - a.usedMs);
  for (const { name } of newestFirst.slice(keptMax)) rmSync(join(folder, name), { force: true });
}
