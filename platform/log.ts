import type { Clock } from "./clock.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFormat = "text" | "json";

/** Fields of a log line. Values from requests do not belong here; secrets have the type Secret and print redacted. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
}

/** Longest text kept of one field; the rest is cut, so that no input can fill a disk line by line. */
export const logFieldCharactersMax = 2_000;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly clock: Clock;
  readonly write: (line: string) => void;
}

/** A structured log: one line per event, JSON or `time level message key=value`. */
export function createLog(options: LogOptions, base: LogFields = {}): Log {
  const least = logLevels.indexOf(options.level);
  const emit = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (logLevels.indexOf(level) < least) return;
    const time = new Date(options.clock.now()).toISOString();
    const all = { ...base, ...fields };
    const line = options.format === "json" ? jsonLine(time, level, message, all) : textLine(time, level, message, all);
    options.write(`${line}\n`);
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    with: (fields) => createLog(options, { ...base, ...fields }),
  };
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  return jsonText({ time, level, message, ...fields }) ?? "";
}

function jsonText(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => bounded(part));
}

function textLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${jsonText(value) ?? "null"}`);
  return [time, level.padEnd(5), oneLine(message), ...pairs].join(" ");
}

function bounded(value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: cut(value.message), code: codeOf(value) };
  if (typeof value === "bigint") return value.toString();
  return typeof value === "string" ? cut(value) : value;
}

function cut(text: string): string {
  return text.length > logFieldCharactersMax ? `${text.slice(0, logFieldCharactersMax)}…` : text;
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}

/** A message is ours, but may hold text of a library; a line break in it must not look like a second event. */
function oneLine(text: string): string {
  return cut(text).replaceAll(/[\r\n]+/g, " ");
}
