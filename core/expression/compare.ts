import { equalityDepthMax, equalityNodesMax } from "./bounds.ts";
import {
  Duration,
  type EntryMap,
  entryOf,
  EvaluationError,
  isList,
  isMap,
  keysOf,
  Timestamp,
  tooLarge,
  TypeName,
  Uint,
  wrongType,
  type Result,
  type Value,
} from "./value.ts";

/**
 * Equality across all types: numbers by their mathematical value whatever their type, NaN equals nothing, values of
 * other different types are not equal (CEL language definition, "Equality"). The error `size` when lists and maps are
 * too large to compare.
 */
export function equals(left: Value, right: Value): boolean | EvaluationError {
  if (typeof left !== "object" && typeof left === typeof right) return left === right;
  return deepEquals(left, right, { nodes: equalityNodesMax }, equalityDepthMax);
}

function deepEquals(left: Value, right: Value, budget: { nodes: number }, depth: number): boolean | EvaluationError {
  if (budget.nodes-- <= 0 || depth <= 0) return tooLarge;
  const leftNumber = numeric(left);
  if (leftNumber !== undefined) {
    const rightNumber = numeric(right);
    return rightNumber !== undefined && sameNumber(leftNumber, rightNumber);
  }
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return left === right;
  if (isList(left)) {
    if (!isList(right) || left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) {
      const same = deepEquals(left[i]!, right[i]!, budget, depth - 1);
      if (same !== true) return same;
    }
    return true;
  }
  if (left instanceof Uint8Array) return right instanceof Uint8Array && compareBytes(left, right) === 0;
  if (left instanceof Timestamp) return right instanceof Timestamp && left.nanos === right.nanos;
  if (left instanceof Duration) return right instanceof Duration && left.nanos === right.nanos;
  if (left instanceof TypeName) return right instanceof TypeName && left.name === right.name;
  if (!isMap(left) || !isMap(right)) return false;
  return mapsEqual(left, right, budget, depth);
}

function mapsEqual(
  left: EntryMap | { readonly [key: string]: Value },
  right: EntryMap | { readonly [key: string]: Value },
  budget: { nodes: number },
  depth: number,
): boolean | EvaluationError {
  const keys = keysOf(left);
  if (keys instanceof EvaluationError) return keys;
  const others = keysOf(right);
  if (others instanceof EvaluationError) return others;
  if (keys.length !== others.length) return false;
  for (const key of keys) {
    const other = entryOf(right, key);
    if (other === undefined) return false;
    const same = deepEquals(entryOf(left, key)!, other, budget, depth - 1);
    if (same !== true) return same;
  }
  return true;
}

/** Order between bigint and number is exact in ECMAScript (7.2.12); NaN is on neither side. */
function sameNumber(left: number | bigint, right: number | bigint): boolean {
  return left <= right ? left >= right : false;
}

function numeric(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  return value instanceof Uint ? value.value : undefined;
}

/** Below zero, zero or above as `left` sorts before, with or after `right`; NaN when a double is NaN. */
export function order(left: Value, right: Value): number | EvaluationError {
  const leftNumber = numeric(left);
  if (leftNumber !== undefined) {
    const rightNumber = numeric(right);
    if (rightNumber === undefined) return wrongType;
    return leftNumber < rightNumber ? -1 : leftNumber > rightNumber ? 1 : sameNumber(leftNumber, rightNumber) ? 0 : NaN;
  }
  if (typeof left === "string") return typeof right === "string" ? compareText(left, right) : wrongType;
  if (typeof left === "boolean") return typeof right === "boolean" ? Number(left) - Number(right) : wrongType;
  if (left instanceof Timestamp && right instanceof Timestamp) return sign(left.nanos - right.nanos);
  if (left instanceof Duration && right instanceof Duration) return sign(left.nanos - right.nanos);
  if (left instanceof Uint8Array && right instanceof Uint8Array) return compareBytes(left, right);
  return wrongType;
}

export const less = (left: Value, right: Value): Result => ordered(order(left, right), (n) => n < 0);
export const lessOrEqual = (left: Value, right: Value): Result => ordered(order(left, right), (n) => n <= 0);
export const greater = (left: Value, right: Value): Result => ordered(order(left, right), (n) => n > 0);
export const greaterOrEqual = (left: Value, right: Value): Result => ordered(order(left, right), (n) => n >= 0);

function ordered(found: number | EvaluationError, test: (n: number) => boolean): Result {
  return found instanceof EvaluationError ? found : test(found);
}

function sign(n: bigint): number {
  return n < 0n ? -1 : n > 0n ? 1 : 0;
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const end = Math.min(left.length, right.length);
  for (let i = 0; i < end; i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

/** By code points: the order of UTF-16 units differs where surrogates meet the units above them. */
function compareText(left: string, right: string): number {
  const end = Math.min(left.length, right.length);
  for (let i = 0; i < end; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** `item in list` or `key in map`. */
export function contains(item: Value, within: Value): boolean | EvaluationError {
  if (isList(within)) {
    let failed: EvaluationError | undefined;
    for (const each of within) {
      const same = equals(item, each);
      if (same === true) return true;
      if (same instanceof EvaluationError) failed = same;
    }
    return failed ?? false;
  }
  return isMap(within) ? entryOf(within, item) !== undefined : wrongType;
}
