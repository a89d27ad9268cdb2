import { int, timestamp, uint } from "./arithmetic.ts";
import { stringSizeMax } from "./bounds.ts";
import { parseDuration, parseTimestamp, printDuration, printTimestamp } from "./time.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";
import {
  Duration,
  notConvertible,
  outOfRange,
  overflow,
  Timestamp,
  tooLarge,
  Uint,
  wrongType,
  type Result,
  type Value,
} from "./value.ts";

/** Longest text read as a number. */
const numberTextMax = 64;

/** `int(x)`: doubles are cut towards zero, a timestamp gives seconds since 1970. */
export function toInt(value: Value): Result {
  if (typeof value === "bigint") return value;
  if (value instanceof Uint) return int(value.value);
  // 2^63 itself is out, and so is -2^63: a double that far out may have been rounded into range.
  if (typeof value === "number") return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : overflow;
  if (typeof value === "string")
    return wholeNumber(value, /^[+-]?[0-9]+$/) ? int(BigInt(unsigned(value))) : notConvertible;
  if (!(value instanceof Timestamp)) return wrongType;
  const seconds = value.nanos / 1_000_000_000n;
  return value.nanos < 0n && seconds * 1_000_000_000n !== value.nanos ? seconds - 1n : seconds;
}

/** `uint(x)`: negative values are an error. */
export function toUint(value: Value): Result {
  if (value instanceof Uint) return value;
  if (typeof value === "bigint") return uint(value);
  if (typeof value === "number") {
    return value > -1 && value < 2 ** 64 ? new Uint(BigInt(Math.trunc(value))) : overflow;
  }
  if (typeof value !== "string") return wrongType;
  return wholeNumber(value, /^[0-9]+$/) ? uint(BigInt(value)) : notConvertible;
}

function wholeNumber(text: string, form: RegExp): boolean {
  return text.length <= numberTextMax && form.test(text);
}

/** BigInt reads no `+`. */
function unsigned(text: string): string {
  return text.startsWith("+") ? text.slice(1) : text;
}

/** `double(x)`. */
export function toDouble(value: Value): Result {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint) return Number(value.value);
  if (typeof value !== "string") return wrongType;
  if (value.length > numberTextMax) return notConvertible;
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(value)) {
    const read = Number(value);
    return Number.isFinite(read) ? read : outOfRange;
  }
  const found = /^([+-]?)(?:inf|infinity)$/i.exec(value);
  if (found !== null) return found[1] === "-" ? -Infinity : Infinity;
  return /^nan$/i.test(value) ? NaN : notConvertible;
}

/** `string(x)`. */
export function toText(value: Value): Result {
  switch (typeof value) {
    case "string":
      return value;
    case "bigint":
    case "boolean":
      return String(value);
    case "number":
      return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
    default:
      if (value instanceof Uint) return String(value.value);
      if (value instanceof Timestamp) return printTimestamp(value);
      if (value instanceof Duration) return printDuration(value.nanos);
      return value instanceof Uint8Array ? (decodeUtf8(value) ?? notConvertible) : wrongType;
  }
}

/** `bytes(x)`: UTF-8. */
export function toBytes(value: Value): Result {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string") return wrongType;
  const bytes = encodeUtf8(value);
  return bytes.length > stringSizeMax ? tooLarge : bytes;
}

const trueTexts = new Set(["1", "t", "true", "TRUE", "True"]);
const falseTexts = new Set(["0", "f", "false", "FALSE", "False"]);

/** `bool(x)`. */
export function toBool(value: Value): Result {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return wrongType;
  return trueTexts.has(value) ? true : falseTexts.has(value) ? false : notConvertible;
}

/** `timestamp(x)`: RFC 3339 text or seconds since 1970. */
export function toTimestamp(value: Value): Result {
  if (value instanceof Timestamp) return value;
  if (typeof value === "bigint") return timestamp(value * 1_000_000_000n);
  return typeof value === "string" ? parseTimestamp(value) : wrongType;
}

/** `duration(x)`: text such as `1h30m`. */
export function toDuration(value: Value): Result {
  if (value instanceof Duration) return value;
  return typeof value === "string" ? parseDuration(value) : wrongType;
}
