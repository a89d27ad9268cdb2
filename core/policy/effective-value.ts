import type { Millis } from "../limits/time.ts";
import type { Denial, Failure, Guards, Limit, LimitKey, OperationMatch, Rule } from "./policy.ts";

/** Blocks whose fields each have a line of their own in an effective policy. */
export interface ValueBlocks {
  readonly guards: Guards;
  readonly failure: Failure;
  readonly denial: Denial;
}

/** Durations are written with a unit in YAML, so their fields have no unit in the name there. */
const writtenFields: Readonly<Record<string, string>> = { timeoutMs: "timeout", keysMaxStaleMs: "keysMaxStale" };

/** The name of a field of a block as it is written in YAML: `timeout`. */
export function writtenField(field: string): string {
  return writtenFields[field] ?? field;
}

/** The value of a field of a block as it is written in YAML: `Deny`, `250ms`, `65536`, `true`. */
export function writtenValue(field: string, value: string | number | boolean): string {
  if (typeof value === "number") return Object.hasOwn(writtenFields, field) ? writtenDuration(value) : String(value);
  return typeof value === "boolean" ? String(value) : writtenWord(value);
}

/** A mode, an effect or another of the closed words as it is written in YAML: `Enforce`, `Deny`. */
export function writtenWord(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

/** What a rule does, to which operations: `Allow GET,POST /v1/notes, GET /v1/users/{id}`, `Deny /admin/** (privileged)`. */
export function writtenRule({ effect, match, privileged }: Rule): string {
  return `${writtenWord(effect)} ${writtenOperations(match)}${privileged ? " (privileged)" : ""}`;
}

/** What a limit counts: `100 per 1m by Principal for POST /login, burst 20, mode Shadow`. */
export function writtenLimit({ requests, windowMs, key, match, burst, mode }: Limit): string {
  const by = key.length === 0 ? "" : ` by ${key.map(writtenKey).join(", ")}`;
  const operations = match.length === 0 ? "" : ` for ${writtenOperations(match)}`;
  const more = `${burst === undefined ? "" : `, burst ${burst}`}${mode === undefined ? "" : `, mode ${writtenWord(mode)}`}`;
  return `${requests} per ${writtenDuration(windowMs)}${by}${operations}${more}`;
}

function writtenOperations(match: readonly OperationMatch[]): string {
  return match.map(({ methods, path }) => (methods.length === 0 ? path : `${methods.join(",")} ${path}`)).join(", ");
}

function writtenKey(key: LimitKey): string {
  return "name" in key ? `${key.kind} ${key.name}` : writtenWord(key.kind);
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** In the largest unit that divides it: `24h` is `1d`. */
function writtenDuration(millis: Millis): string {
  const [unit, size] = units.find(([, one]) => millis >= one && millis % one === 0) ?? ["ms", 1];
  return `${millis / size}${unit}`;
}
