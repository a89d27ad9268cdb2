import { createHash } from "node:crypto";
import type { ReadObject } from "../provider/provider.ts";

/** Where an object stands in its file, and what is made of its text, are not its content. */
const notContent = new Set(["origin", "lines", "checked"]);

/** By object: objects that were read do not change, and each is asked about in every run. */
const known = new WeakMap<ReadObject, string>();

/** Content hash of an object: the same for the same meaning, wherever it is written. */
export function generationOf(object: ReadObject): string {
  const before = known.get(object);
  if (before !== undefined) return before;
  const generation = hashText(contentOf(object));
  known.set(object, generation);
  return generation;
}

function contentOf(object: ReadObject): string {
  return JSON.stringify(object, (key, value: unknown) => {
    if (notContent.has(key)) return undefined;
    return isRecord(value) ? Object.fromEntries(Object.entries(value).toSorted(byName)) : value;
  });
}

export function hashText(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : Number(a > b);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
