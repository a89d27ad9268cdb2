import { unpack } from "../../operator/translate/envoy/any.ts";

/** What a listener points at by name. */
export interface Named {
  readonly routes: readonly string[];
  readonly extensions: readonly string[];
}

/** By content hash: thousands of clients get the same listener. */
const known = new Map<string, Named>();

export function namesIn(
  version: string,
  resource: { readonly typeUrl: string; readonly value: Uint8Array } | undefined,
): Named {
  const before = known.get(version);
  if (before !== undefined) return before;
  const routes = new Set<string>();
  const extensions = new Set<string>();
  visit(resource, (key, value, parent) => {
    if (key === "routeConfigName" && typeof value === "string" && value !== "") routes.add(value);
    if (key === "$case" && value === "configDiscovery") extensions.add(String(parent.name));
  });
  const named = { routes: [...routes], extensions: [...extensions] };
  known.set(version, named);
  return named;
}

type Fields = Readonly<Record<string, unknown>>;

/** Every field of a message, with the message around the one that holds it. */
function visit(value: unknown, see: (key: string, value: unknown, parent: Fields) => void, parent: Fields = {}): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, see, parent);
    return;
  }
  if (!isFields(value)) return;
  if (typeof value.typeUrl === "string" && value.value instanceof Uint8Array) {
    visit(unpack({ typeUrl: value.typeUrl, value: value.value }), see, parent);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    see(key, item, parent);
    visit(item, see, value);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}
