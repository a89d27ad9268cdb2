/** Path of a field inside a mapping: `spec.mode`, `metadata.labels["app.kubernetes.io/name"]`. */
export function fieldPath(parent: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === "" ? key : `${parent}.${key}`;
}

/** Path of an entry of a list: `spec.access.rules[2]`. */
export function itemPath(parent: string, index: number): string {
  return `${parent}[${index}]`;
}

/** The path of what holds this field; undefined for the document itself. */
export function parentPath(path: string): string | undefined {
  if (path === "") return undefined;
  const quoted = /\["(?:[^"\\]|\\.)*"\]$/.exec(path);
  if (quoted !== null) return path.slice(0, quoted.index);
  if (path.endsWith("]")) return path.slice(0, path.lastIndexOf("["));
  return path.slice(0, Math.max(0, path.lastIndexOf(".")));
}
