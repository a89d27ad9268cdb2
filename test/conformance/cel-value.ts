import { EntryMap, mapKey, TypeName, Uint, type MapKey, type Value } from "../../core/expression/value.ts";

/** A value of the conformance data (cel.expr.Value in its JSON form), as a wire type that says which kind it is. */
export type WireValue = { readonly [kind: string]: unknown };

/** The value, or undefined when it is of a type that `when` does not have (messages, enumerations). */
export function readValue(wire: WireValue): Value | undefined {
  const [kind, content] = Object.entries(wire)[0] ?? [];
  switch (kind) {
    case "nullValue":
      return null;
    case "boolValue":
      return content === true;
    case "stringValue":
      return String(content);
    case "doubleValue":
      return Number(content);
    case "int64Value":
      return BigInt(String(content));
    case "uint64Value":
      return new Uint(BigInt(String(content)));
    case "bytesValue":
      return Uint8Array.from(Buffer.from(String(content), "base64"));
    case "typeValue":
      return new TypeName(String(content));
    case "listValue":
      return readAll(partsOf(content, "values"));
    case "mapValue":
      return readMap(partsOf(content, "entries"));
    default:
      return undefined;
  }
}

function partsOf(content: unknown, name: "values" | "entries"): readonly WireValue[] {
  return (content as { readonly values?: WireValue[]; readonly entries?: WireValue[] } | undefined)?.[name] ?? [];
}

function readAll(wire: readonly WireValue[]): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const each of wire) {
    const value = readValue(each);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function readMap(wire: readonly WireValue[]): Value | undefined {
  const entries = new Map<MapKey, { key: Value; value: Value }>();
  for (const entry of wire) {
    const key = readValue(entry["key"] as WireValue);
    const value = readValue(entry["value"] as WireValue);
    const name = key === undefined ? undefined : mapKey(key);
    if (key === undefined || value === undefined || name === undefined) return undefined;
    entries.set(name, { key, value });
  }
  return new EntryMap(entries);
}

/** Identity including types, unlike `==`: 1, 1u and 1.0 differ, NaN is NaN. The order of map entries means nothing. */
export function printValue(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  if (value instanceof Uint) return `${value.value}u`;
  if (value instanceof Uint8Array) return `b${JSON.stringify(Buffer.from(value).toString("latin1"))}`;
  if (value instanceof TypeName) return `type ${value.name}`;
  if (value instanceof EntryMap) {
    const entries = Array.from(
      value.entries.values(),
      (entry) => `${printValue(entry.key)}: ${printValue(entry.value)}`,
    );
    return `{${entries.toSorted().join(", ")}}`;
  }
  if (typeof value === "bigint") return `${value}`;
  if (typeof value === "number") return `double ${value}`;
  return typeof value === "object" && value !== null ? value.constructor.name : JSON.stringify(value);
}
