import {
  bounded,
  entryOf,
  EvaluationError,
  isMap,
  outOfRange,
  tooLarge,
  Uint,
  wrongType,
  type Result,
  type Value,
} from "./value.ts";

/** What `has()` says of what was read: an error stays one. */
export function presence(found: Result | undefined | readonly string[]): Result {
  return found instanceof EvaluationError ? found : found !== undefined;
}

/** What was read: absent is an error, null is a value. */
export function present(value: Result | undefined, absent: EvaluationError, sizeMax: number): Result {
  if (value === undefined) return absent;
  if (typeof value === "string") return value.length > sizeMax ? tooLarge : value;
  return value instanceof EvaluationError ? value : bounded(value);
}

/** An entry of a map value by a key that is only known when it is asked for. */
export function boundedEntry(map: Exclude<Value, string>, key: Value, absent: EvaluationError): Result {
  if (!isMap(map)) return wrongType;
  const value = entryOf(map, key);
  return value === undefined ? absent : bounded(value);
}

/** An item of a list by its position. */
export function itemAt(list: readonly Value[], at: Value): Result {
  const key = at instanceof Uint ? at.value : at;
  if (typeof key !== "bigint" && typeof key !== "number") return wrongType;
  const position = Number(key);
  if (!Number.isInteger(position)) return wrongType;
  if (position < 0 || position >= list.length) return outOfRange;
  return bounded(list[position]!);
}
