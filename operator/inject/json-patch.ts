import { isDeepStrictEqual } from "node:util";
import type { Json } from "./pod.ts";

/** One operation of a JSON patch (RFC 6902). */
export type JsonPatchOp =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** A path below an object, of names as they are. */
export function pointer(...names: readonly (string | number)[]): string {
  return names.map((name) => `/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The operation that makes one value of a field out of another, if they differ. Undefined stands for no field. */
export function change(path: string, from: unknown, to: unknown): readonly JsonPatchOp[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (to === undefined) return [{ op: "remove", path }];
  return [{ op: from === undefined ? "add" : "replace", path, value: to as Json }];
}

/** The operations for a map of texts; a map that was absent is added whole. */
export function changeTexts(
  path: string,
  from: Readonly<Record<string, string>> | undefined,
  to: Readonly<Record<string, string>>,
): readonly JsonPatchOp[] {
  if (from === undefined) return Object.keys(to).length === 0 ? [] : [{ op: "add", path, value: to }];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names.flatMap((name) => change(`${path}${pointer(name)}`, from[name], to[name]));
}
