import { listSizeMax, stringSizeMax } from "./bounds.ts";

/** An unsigned 64-bit integer. Signed ones are bigint, doubles are number. */
export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** A point in time as nanoseconds since 1970, between the years 1 and 9999. */
export class Timestamp {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A span of time in nanoseconds, a signed 64-bit number. */
export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

/** A type as a value: what `type(x)` gives and `int` or `string` denote. */
export class TypeName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A map written in an expression, or bound with keys that are not all text. Equal numbers are one key. */
export class EntryMap {
  readonly entries: ReadonlyMap<MapKey, { readonly key: Value; readonly value: Value }>;
  constructor(entries: ReadonlyMap<MapKey, { readonly key: Value; readonly value: Value }>) {
    this.entries = entries;
  }
}

/** Integers of both kinds are one key as bigint. */
export type MapKey = string | boolean | bigint;

/** A JSON object as a map with text keys. Only its own keys are ever read. */
export interface JsonObject {
  readonly [key: string]: Value;
}

/** Everything an expression can compute. JSON values are values as they are; a JSON number is a double. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeName
  | readonly Value[]
  | EntryMap
  | JsonObject;

/** `missing`: no such key; `type`: no such operation on these types; `size`: beyond a bound; `internal`: a bug. */
export type EvaluationCode =
  "missing" | "type" | "overflow" | "divide-by-zero" | "conversion" | "range" | "size" | "internal";

/** An evaluation that has no answer. A value that is returned, never thrown, and never anything like true or false. */
export class EvaluationError {
  readonly code: EvaluationCode;
  /** The part of the expression that failed, in words of the policy; never content of a request. */
  readonly what: string;
  constructor(code: EvaluationCode, what = "") {
    this.code = code;
    this.what = what;
  }
}

/** What evaluating a part gives. */
export type Result = Value | EvaluationError;

export const missing = new EvaluationError("missing");
export const wrongType = new EvaluationError("type");
export const overflow = new EvaluationError("overflow");
export const divideByZero = new EvaluationError("divide-by-zero");
export const notConvertible = new EvaluationError("conversion");
export const outOfRange = new EvaluationError("range");
export const tooLarge = new EvaluationError("size");

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** True for a map of either kind. */
export function isMap(value: Value): value is EntryMap | JsonObject {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Uint) &&
    !(value instanceof Timestamp) &&
    !(value instanceof Duration) &&
    !(value instanceof TypeName)
  );
}

/** The value itself, or the error `size` when text or a list from outside is larger than the cost estimate assumed. */
export function bounded(value: Value): Result {
  if (typeof value === "string") return value.length > stringSizeMax ? tooLarge : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.length > listSizeMax ? tooLarge : value;
  if (value instanceof Uint8Array) return value.length > stringSizeMax ? tooLarge : value;
  return value;
}

/** The key under which a map holds this value, undefined when no map can hold it. */
export function mapKey(value: Value): MapKey | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return Number.isInteger(value) ? BigInt(value) : undefined;
    default:
      return value instanceof Uint ? value.value : undefined;
  }
}

/** The entry of a map, undefined when absent. */
export function entryOf(map: EntryMap | JsonObject, key: Value): Value | undefined {
  if (!(map instanceof EntryMap)) {
    // Invariant: inherited names (`constructor`, `__proto__`) are keys like any other.
    return typeof key === "string" && Object.hasOwn(map, key) ? map[key] : undefined;
  }
  const name = mapKey(key);
  return name === undefined ? undefined : map.entries.get(name)?.value;
}

/** The keys of a map in order, or the error `size`. */
export function keysOf(map: EntryMap | JsonObject): readonly Value[] | EvaluationError {
  const keys = map instanceof EntryMap ? Array.from(map.entries.values(), (entry) => entry.key) : Object.keys(map);
  return keys.length > listSizeMax ? tooLarge : keys;
}

/** The type of a value as `type(x)` names it. */
export function typeOf(value: Value): TypeName {
  switch (typeof value) {
    case "string":
      return types.string;
    case "number":
      return types.double;
    case "bigint":
      return types.int;
    case "boolean":
      return types.bool;
    default:
      if (value === null) return types.null;
      if (isList(value)) return types.list;
      if (value instanceof Uint8Array) return types.bytes;
      if (value instanceof Uint) return types.uint;
      if (value instanceof Timestamp) return types.timestamp;
      if (value instanceof Duration) return types.duration;
      return value instanceof TypeName ? types.type : types.map;
  }
}

const types = {
  string: new TypeName("string"),
  double: new TypeName("double"),
  int: new TypeName("int"),
  uint: new TypeName("uint"),
  bool: new TypeName("bool"),
  bytes: new TypeName("bytes"),
  null: new TypeName("null_type"),
  list: new TypeName("list"),
  map: new TypeName("map"),
  type: new TypeName("type"),
  timestamp: new TypeName("google.protobuf.Timestamp"),
  duration: new TypeName("google.protobuf.Duration"),
};

/** The names that denote a type in an expression. */
export const typeNames: ReadonlyMap<string, TypeName> = new Map(Object.values(types).map((type) => [type.name, type]));
