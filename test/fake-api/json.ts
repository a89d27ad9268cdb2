/** JSON values as the fake API server holds them. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7386. */
export function mergePatched(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged: Record<string, Json> = { ...(isObject(target) ? target : {}) };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else merged[field] = mergePatched(merged[field], value);
  }
  return merged;
}

/** Paths of everything that is no object, each as the JSON of its fields; a list is one leaf. */
export function leaves(value: Json, path: readonly string[] = []): Map<string, Json> {
  const found = new Map<string, Json>();
  if (isObject(value) && (path.length === 0 || Object.keys(value).length > 0)) {
    for (const [field, part] of Object.entries(value)) {
      for (const [leaf, held] of leaves(part, [...path, field])) found.set(leaf, held);
    }
  } else {
    found.set(JSON.stringify(path), value);
  }
  return found;
}

/** The object with one leaf set, or taken away together with the objects that it leaves empty. */
export function withLeaf(value: Json | undefined, path: readonly string[], leaf: Json | undefined): Json | undefined {
  const [field, ...rest] = path;
  if (field === undefined) return leaf;
  const changed: Record<string, Json> = { ...(isObject(value) ? value : {}) };
  const inner = withLeaf(changed[field], rest, leaf);
  if (inner === undefined) delete changed[field];
  else changed[field] = inner;
  return leaf === undefined && Object.keys(changed).length === 0 ? undefined : changed;
}

/** Equal whatever the order of fields. */
export function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Json | undefined): string | undefined {
  return JSON.stringify(value, (_key, part: Json) =>
    isObject(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}
