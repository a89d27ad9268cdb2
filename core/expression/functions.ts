import { toBool, toBytes, toDouble, toDuration, toInt, toText, toTimestamp, toUint } from "./convert.ts";
import { durationParts, timestampPart, timestampParts } from "./time.ts";
import { Duration, EntryMap, isList, isMap, Timestamp, typeOf, wrongType, type Result, type Value } from "./value.ts";

/** A function of one value: as `name(x)`, as `x.name()`, or both. */
export interface UnaryFunction {
  readonly form: "global" | "method" | "both";
  apply(value: Value): Result;
  /** Static cost when its argument has at most this many characters or items. */
  cost(size: number): number;
  /** Upper bound of the size of its result; undefined: as large as its argument. */
  readonly size?: number;
}

/** A method of one value with one more argument. */
export interface BinaryFunction {
  apply(target: Value, argument: Value): Result;
  cost(size: number, argumentSize: number): number;
}

const perCharacter = (size: number): number => 2 + size / 4;
const perByte = (size: number): number => 2 + size * 1.2;
const constant = (): number => 2;

function conversion(apply: (value: Value) => Result): UnaryFunction {
  return { form: "global", apply, cost: perCharacter, size: 1 };
}

/** Functions of one value that expressions may call. */
export const unaryFunctions: ReadonlyMap<string, UnaryFunction> = new Map<string, UnaryFunction>([
  ["size", { form: "both", apply: sizeOf, cost: perCharacter, size: 1 }],
  ["int", conversion(toInt)],
  ["uint", conversion(toUint)],
  ["double", conversion(toDouble)],
  ["bool", conversion(toBool)],
  ["string", { form: "global", apply: toText, cost: perByte }],
  ["bytes", { form: "global", apply: toBytes, cost: perByte }],
  ["timestamp", conversion(toTimestamp)],
  ["duration", conversion(toDuration)],
  ["type", { form: "global", apply: typeOf, cost: constant, size: 1 }],
  ["dyn", { form: "global", apply: (value) => value, cost: constant }],
  ["lowerAscii", { form: "method", apply: lowerAscii, cost: perCharacter }],
  ["upperAscii", { form: "method", apply: upperAscii, cost: perCharacter }],
  ...Array.from(timestampParts.keys(), (name): [string, UnaryFunction] => [
    name,
    { form: "method", apply: (value) => timePart(name, value), cost: () => 50, size: 1 },
  ]),
]);

/** Methods with one argument. `matches` and time parts in a zone are compiled on their own. */
export const binaryFunctions: ReadonlyMap<string, BinaryFunction> = new Map<string, BinaryFunction>([
  ["contains", { apply: onText((text, part) => text.includes(part)), cost: (size, part) => 2 + (size + part) / 8 }],
  ["startsWith", { apply: onText((text, part) => text.startsWith(part)), cost: (_, part) => 2 + part / 8 }],
  ["endsWith", { apply: onText((text, part) => text.endsWith(part)), cost: (_, part) => 2 + part / 8 }],
]);

function onText(test: (text: string, part: string) => boolean): (target: Value, argument: Value) => Result {
  return (target, argument) =>
    typeof target === "string" && typeof argument === "string" ? test(target, argument) : wrongType;
}

/** Code points of a text, bytes, items of a list, entries of a map. */
function sizeOf(value: Value): Result {
  if (typeof value === "string") return BigInt(codePoints(value));
  if (typeof value !== "object" || value === null) return wrongType;
  if (isList(value) || value instanceof Uint8Array) return BigInt(value.length);
  if (!isMap(value)) return wrongType;
  return BigInt(value instanceof EntryMap ? value.entries.size : Object.keys(value).length);
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 1; i < text.length; i++) {
    const isLow = (text.charCodeAt(i) & 0xfc00) === 0xdc00;
    if (isLow && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) count--;
  }
  return count;
}

/** Letters A to Z only: `Æ` stays, unlike in Unicode case mapping. */
function lowerAscii(value: Value): Result {
  return typeof value === "string" ? shiftLetters(value, 0x41, 32) : wrongType;
}

function upperAscii(value: Value): Result {
  return typeof value === "string" ? shiftLetters(value, 0x61, -32) : wrongType;
}

function shiftLetters(text: string, first: number, by: number): string {
  let shifted = "";
  let copied = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < first || unit > first + 25) continue;
    shifted += text.slice(copied, i) + String.fromCharCode(unit + by);
    copied = i + 1;
  }
  return shifted + text.slice(copied);
}

function timePart(name: string, value: Value): Result {
  if (value instanceof Timestamp) {
    const part = timestampParts.get(name);
    return part === undefined ? wrongType : timestampPart(value, part, () => 0);
  }
  const part = durationParts.get(name);
  return value instanceof Duration && part !== undefined ? part(value.nanos) : wrongType;
}
