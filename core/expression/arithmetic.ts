import { listSizeMax, stringSizeMax } from "./bounds.ts";
import {
  divideByZero,
  Duration,
  isList,
  outOfRange,
  overflow,
  Timestamp,
  tooLarge,
  Uint,
  wrongType,
  type Result,
  type Value,
} from "./value.ts";

/** The years 1 to 9999 in nanoseconds since 1970 (google.protobuf.Timestamp). */
const timestampMin = -62_135_596_800_000_000_000n;
const timestampMax = 253_402_300_799_999_999_999n;

/** An int, or the error `overflow` outside 64 bits. */
export function int(value: bigint): Result {
  return BigInt.asIntN(64, value) === value ? value : overflow;
}

/** A uint, or the error `overflow` outside 64 bits. */
export function uint(value: bigint): Result {
  return BigInt.asUintN(64, value) === value ? new Uint(value) : overflow;
}

/** A timestamp, or the error `range` outside the years 1 to 9999. */
export function timestamp(nanos: bigint): Result {
  return nanos >= timestampMin && nanos <= timestampMax ? new Timestamp(nanos) : outOfRange;
}

/** A duration, or the error `range` outside 64 bits of nanoseconds (about 292 years). */
export function duration(nanos: bigint): Result {
  return BigInt.asIntN(64, nanos) === nanos ? new Duration(nanos) : outOfRange;
}

export function add(left: Value, right: Value): Result {
  if (typeof left === "bigint") return typeof right === "bigint" ? int(left + right) : wrongType;
  if (typeof left === "number") return typeof right === "number" ? left + right : wrongType;
  if (typeof left === "string") {
    if (typeof right !== "string") return wrongType;
    return left.length + right.length > stringSizeMax ? tooLarge : left + right;
  }
  if (left instanceof Uint) return right instanceof Uint ? uint(left.value + right.value) : wrongType;
  if (left instanceof Timestamp) return right instanceof Duration ? timestamp(left.nanos + right.nanos) : wrongType;
  if (left instanceof Duration) {
    if (right instanceof Duration) return duration(left.nanos + right.nanos);
    return right instanceof Timestamp ? timestamp(left.nanos + right.nanos) : wrongType;
  }
  if (left instanceof Uint8Array) return right instanceof Uint8Array ? joinBytes(left, right) : wrongType;
  if (left === null || !isList(left) || right === null || !isList(right)) return wrongType;
  return left.length + right.length > listSizeMax ? tooLarge : [...left, ...right];
}

function joinBytes(left: Uint8Array, right: Uint8Array): Result {
  if (left.length + right.length > stringSizeMax) return tooLarge;
  const joined = new Uint8Array(left.length + right.length);
  joined.set(left);
  joined.set(right, left.length);
  return joined;
}

export function subtract(left: Value, right: Value): Result {
  if (typeof left === "bigint") return typeof right === "bigint" ? int(left - right) : wrongType;
  if (typeof left === "number") return typeof right === "number" ? left - right : wrongType;
  if (left instanceof Uint) return right instanceof Uint ? uint(left.value - right.value) : wrongType;
  if (left instanceof Duration) return right instanceof Duration ? duration(left.nanos - right.nanos) : wrongType;
  if (!(left instanceof Timestamp)) return wrongType;
  if (right instanceof Timestamp) return duration(left.nanos - right.nanos);
  return right instanceof Duration ? timestamp(left.nanos - right.nanos) : wrongType;
}

export function multiply(left: Value, right: Value): Result {
  if (typeof left === "bigint") return typeof right === "bigint" ? int(left * right) : wrongType;
  if (typeof left === "number") return typeof right === "number" ? left * right : wrongType;
  return left instanceof Uint && right instanceof Uint ? uint(left.value * right.value) : wrongType;
}

/** Integers are cut towards zero; a double divided by zero is infinite or NaN (IEEE 754). */
export function divide(left: Value, right: Value): Result {
  if (typeof left === "bigint" && typeof right === "bigint") return right === 0n ? divideByZero : int(left / right);
  if (typeof left === "number" && typeof right === "number") return left / right;
  if (!(left instanceof Uint) || !(right instanceof Uint)) return wrongType;
  return right.value === 0n ? divideByZero : uint(left.value / right.value);
}

/** The sign of the left side stays; doubles have no remainder. */
export function remainder(left: Value, right: Value): Result {
  if (typeof left === "bigint" && typeof right === "bigint") return right === 0n ? divideByZero : left % right;
  if (!(left instanceof Uint) || !(right instanceof Uint)) return wrongType;
  return right.value === 0n ? divideByZero : uint(left.value % right.value);
}

export function negate(value: Value): Result {
  if (typeof value === "bigint") return int(-value);
  return typeof value === "number" ? -value : wrongType;
}
