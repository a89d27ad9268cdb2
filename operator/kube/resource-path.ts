/** What names an object: enough to find it. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for objects of the cluster. */
  readonly namespace?: string | undefined;
}

/** Path of all objects of a kind: `resourcePath({ apiVersion: "v1", kind: "Secret", namespace: "bank" })`. */
export function listPath(kind: Omit<ObjectRef, "name">): string {
  const root = kind.apiVersion.includes("/") ? "/apis" : "/api";
  const namespace =
    kind.namespace === undefined || kind.namespace === "" ? "" : `/namespaces/${encodeURIComponent(kind.namespace)}`;
  return `${root}/${kind.apiVersion}${namespace}/${pluralOf(kind.kind)}`;
}

/** Path of one object. */
export function objectPath(ref: ObjectRef): string {
  return `${listPath(ref)}/${encodeURIComponent(ref.name)}`;
}

/** The plural that the API server uses for a kind, by the rule that it names its own resources by. */
export function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name === "endpoints") return name;
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return /(?:s|x|ch)$/.test(name) ? `${name}es` : `${name}s`;
}
