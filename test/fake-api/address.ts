/** What a path of the Kubernetes API names. */
export interface ApiAddress {
  readonly apiVersion: string;
  /** Plural, lower case. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for anything else. */
export function parseAddress(path: string): ApiAddress | undefined {
  const segments = path
    .split("/")
    .slice(1)
    .map((segment) => decodeURIComponent(segment));
  const [root] = segments;
  const isCore = root === "api";
  if (!isCore && root !== "apis") return undefined;
  const apiVersion = isCore ? segments[1] : segments.slice(1, 3).join("/");
  const rest = segments.slice(isCore ? 2 : 3);
  if (apiVersion === undefined || rest.length === 0) return undefined;
  const isInNamespace = rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "status" && rest[2] !== "finalize";
  const [resource, name, subresource] = isInNamespace ? rest.slice(2) : rest;
  if (resource === undefined) return undefined;
  return { apiVersion, resource, namespace: isInNamespace ? rest[1] : undefined, name, subresource };
}
