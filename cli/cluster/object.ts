/** An object as the API server sends it: nothing in it is taken for granted. */
export type KubeObject = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The field at the path of names; undefined where one of them is missing. */
export function fieldOf(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return at;
}

/** The text at the path; empty where there is none. What steers a terminal is taken out. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const text = fieldOf(value, ...path);
  return typeof text === "string" ? text.replaceAll(/\p{Cc}/gu, "?") : "";
}

export function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  const number = fieldOf(value, ...path);
  return typeof number === "number" ? number : undefined;
}

/** Records of the list at the path. */
export function listAt(value: unknown, ...path: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  const list = fieldOf(value, ...path);
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

/** Texts of the mapping at the path, such as labels. */
export function textsAt(value: unknown, ...path: readonly string[]): Readonly<Record<string, string>> {
  const map = fieldOf(value, ...path);
  const texts = Object.entries(isRecord(map) ? map : {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(texts);
}

export const nameOf = (object: KubeObject): string => textAt(object, "metadata", "name");
export const namespaceOf = (object: KubeObject): string => textAt(object, "metadata", "namespace");
export const labelsOf = (object: KubeObject): Readonly<Record<string, string>> => textsAt(object, "metadata", "labels");
export const annotationsOf = (object: KubeObject): Readonly<Record<string, string>> =>
  textsAt(object, "metadata", "annotations");

/** Whether a selector of equal labels, as Services have it, means these labels. An empty one means nothing. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}
