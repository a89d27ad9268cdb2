import { duration, timestamp } from "./arithmetic.ts";
import { dayNumber, localTime, type LocalTime } from "./calendar.ts";
import { notConvertible, outOfRange, type Result, type Timestamp } from "./value.ts";

/** Minutes east of UTC at a point in time (milliseconds since 1970). */
export type ZoneOffset = (epochMs: number) => number;

const nanosPerSecond = 1_000_000_000n;

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** A timestamp from RFC 3339 text, up to nanoseconds. Days that do not exist are refused; so are leap seconds. */
export function parseTimestamp(text: string): Result {
  if (text.length > 35) return notConvertible;
  const found = rfc3339.exec(text);
  if (found === null) return notConvertible;
  const part = (index: number): number => Number(found[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return notConvertible;
  const days = dayNumber(year, month, day);
  if (days === undefined) return notConvertible;
  const offset = (part(9) * 60 + part(10)) * (found[8] === "-" ? -60 : 60);
  const seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
  return timestamp(BigInt(seconds) * nanosPerSecond + BigInt((found[7] ?? "").padEnd(9, "0")));
}

/** RFC 3339 text in UTC, with as many fraction digits as needed. */
export function printTimestamp(value: Timestamp): string {
  const fraction = ((value.nanos % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  const seconds = (value.nanos - fraction) / nanosPerSecond;
  const time = localTime(Number(seconds) * 1000);
  const date = `${digits(time.year, 4)}-${digits(time.month + 1, 2)}-${digits(time.day, 2)}`;
  const clock = `${digits(time.hour, 2)}:${digits(time.minute, 2)}:${digits(time.second, 2)}`;
  return `${date}T${clock}${printFraction(fraction)}Z`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}

const unitNanos: ReadonlyMap<string, bigint> = new Map([
  ["h", 3600n * nanosPerSecond],
  ["m", 60n * nanosPerSecond],
  ["s", nanosPerSecond],
  ["ms", 1_000_000n],
  ["us", 1_000n],
  ["µs", 1_000n],
  ["ns", 1n],
]);

const durationPart = /(\d{0,19})(?:\.(\d{0,19}))?(ns|us|µs|ms|s|m|h)/y;

/** A duration such as `1h30m`, `-1.5s` or `250ms`; units h, m, s, ms, us, ns. */
export function parseDuration(text: string): Result {
  if (text.length > 64) return notConvertible;
  const negative = text.startsWith("-");
  let position = negative || text.startsWith("+") ? 1 : 0;
  if (text.slice(position) === "0") return duration(0n);
  if (position === text.length) return notConvertible;
  let total = 0n;
  while (position < text.length) {
    durationPart.lastIndex = position;
    const found = durationPart.exec(text);
    if (found === null) return notConvertible;
    const [all, whole = "", fraction = "", unit = ""] = found;
    if (whole === "" && fraction === "") return notConvertible;
    const nanos = unitNanos.get(unit);
    if (nanos === undefined) return notConvertible;
    total += BigInt(whole) * nanos + (BigInt(fraction) * nanos) / 10n ** BigInt(fraction.length);
    position += all.length;
  }
  return duration(negative ? -total : total);
}

/** Seconds with as many fraction digits as needed: `90s`, `-0.25s`. */
export function printDuration(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  return `${nanos < 0n ? "-" : ""}${size / nanosPerSecond}${printFraction(size % nanosPerSecond)}s`;
}

function printFraction(nanos: bigint): string {
  if (nanos === 0n) return "";
  const all = nanos.toString().padStart(9, "0");
  let end = all.length;
  while (all.charCodeAt(end - 1) === 0x30) end--;
  return `.${all.slice(0, end)}`;
}

/** Minutes east of UTC for `+02:00`, `02:00`, `-09:30` or `UTC`, undefined for anything else. */
export function fixedOffset(zone: string): number | undefined {
  if (zone === "UTC") return 0;
  const found = zone.length > 6 ? null : /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (found === null || Number(found[2]) > 23 || Number(found[3]) > 59) return undefined;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  return found[1] === "-" ? -minutes : minutes;
}

/** One part of a point in time. */
export type TimestampPart = (local: LocalTime) => number;

/** The parts of a point in time by the names of their functions. */
export const timestampParts: ReadonlyMap<string, TimestampPart> = new Map<string, TimestampPart>([
  ["getFullYear", (local) => local.year],
  ["getMonth", (local) => local.month],
  ["getDate", (local) => local.day],
  ["getDayOfMonth", (local) => local.day - 1],
  ["getDayOfWeek", (local) => local.dayOfWeek],
  ["getDayOfYear", (local) => local.dayOfYear],
  ["getHours", (local) => local.hour],
  ["getMinutes", (local) => local.minute],
  ["getSeconds", (local) => local.second],
  ["getMilliseconds", (local) => local.millisecond],
]);

/** Milliseconds since 1970, cut downwards. */
export function epochMs(value: Timestamp): number {
  const ms = value.nanos / 1_000_000n;
  return Number(value.nanos < 0n && ms * 1_000_000n !== value.nanos ? ms - 1n : ms);
}

/** One part of a point in time in a zone, or the error `range`. */
export function timestampPart(value: Timestamp, part: TimestampPart, zone: ZoneOffset): Result {
  const utc = epochMs(value);
  const found = part(localTime(utc + zone(utc) * 60_000));
  return Number.isInteger(found) ? BigInt(found) : outOfRange;
}

/** The parts of a duration: whole hours, minutes, seconds, and the milliseconds within the second. */
export const durationParts: ReadonlyMap<string, (nanos: bigint) => bigint> = new Map<string, (nanos: bigint) => bigint>(
  [
    ["getHours", (nanos) => nanos / (3600n * nanosPerSecond)],
    ["getMinutes", (nanos) => nanos / (60n * nanosPerSecond)],
    ["getSeconds", (nanos) => nanos / nanosPerSecond],
    ["getMilliseconds", (nanos) => (nanos / 1_000_000n) % 1_000n],
  ],
);
