import { isSame, leaves, withLeaf, type Json, type JsonObject } from "./json.ts";
import { Refusal } from "./status.ts";

/** Which manager owns which leaves of an object. A manager that applies and one that updates are two. */
export type Owners = Map<string, Set<string>>;

const identity = new Set(
  [
    ["apiVersion"],
    ["kind"],
    ["metadata", "name"],
    ["metadata", "namespace"],
    ["metadata", "uid"],
    ["metadata", "resourceVersion"],
    ["metadata", "creationTimestamp"],
    ["metadata", "generation"],
  ].map((path) => JSON.stringify(path)),
);

export interface Applied {
  readonly object: JsonObject;
  readonly owners: Owners;
}

/** Server-side apply over leaves; lists are owned whole. */
export function applied(
  live: JsonObject,
  owners: Owners,
  wanted: JsonObject,
  { manager, force }: { readonly manager: string; readonly force: boolean },
): Applied {
  const own = `apply ${manager}`;
  const next: Owners = new Map([...owners].map(([name, paths]) => [name, new Set(paths)]));
  const liveLeaves = leaves(live);
  const wantedLeaves = new Map([...leaves(wanted)].filter(([path]) => !identity.has(path)));
  const before = next.get(own) ?? new Set<string>();
  const conflicts: string[] = [];
  let object: Json = live;
  for (const [path, value] of wantedLeaves) {
    const isDifferent = !isSame(liveLeaves.get(path), value);
    for (const [other, paths] of next) {
      if (other === own || !isDifferent || !paths.has(path)) continue;
      if (force) paths.delete(path);
      else conflicts.push(`conflict with "${other.split(" ")[1]}": .${(JSON.parse(path) as string[]).join(".")}`);
    }
    if (isDifferent) object = withLeaf(object, JSON.parse(path) as string[], value) ?? {};
  }
  if (conflicts.length > 0) {
    throw new Refusal(409, "Conflict", `Apply failed with ${conflicts.length} conflict: ${conflicts.join(", ")}`);
  }
  for (const path of before) {
    const isOthers = [...next].some(([other, paths]) => other !== own && paths.has(path));
    if (wantedLeaves.has(path) || isOthers) continue;
    object = withLeaf(object, JSON.parse(path) as string[], undefined) ?? {};
  }
  next.set(own, new Set(wantedLeaves.keys()));
  return { object: object as JsonObject, owners: next };
}

/** A write that is no apply: whoever changes a leaf owns it alone. */
export function updated(live: JsonObject, owners: Owners, object: JsonObject, manager: string): Owners {
  const own = `update ${manager}`;
  const next: Owners = new Map([...owners].map(([name, paths]) => [name, new Set(paths)]));
  const mine = next.get(own) ?? new Set<string>();
  next.set(own, mine);
  const liveLeaves = leaves(live);
  const newLeaves = leaves(object);
  for (const [path, value] of newLeaves) {
    if (identity.has(path) || isSame(liveLeaves.get(path), value)) continue;
    for (const paths of next.values()) paths.delete(path);
    mine.add(path);
  }
  for (const paths of next.values()) for (const path of paths) if (!newLeaves.has(path)) paths.delete(path);
  return next;
}
