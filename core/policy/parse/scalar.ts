import type { Millis } from "../../limits/time.ts";
import type { ClaimScalar } from "../policy.ts";
import { nearestName } from "./nearest-name.ts";
import { refuse, refuseType, show, type Reader } from "./place.ts";

/** Longest text of a field without a bound of its own. */
export const textCharactersMax = 256;

export interface TextOptions {
  readonly max?: number;
  /** What the text must look like; `form` names it in messages. */
  readonly pattern?: RegExp;
  readonly form?: string;
  readonly fix?: string;
}

/** Text, not empty. A number or a word such as `true` is not text: YAML reads it as something else. */
export function text({ max = textCharactersMax, pattern, form = "text", fix }: TextOptions = {}): Reader<string> {
  return (place) => {
    const { value } = place;
    if (typeof value !== "string") return refuseType(place, form, fix ?? "put it in quotes if it is meant as text");
    if (value === "") return refuse(place, "PKT0206", "is empty", fix ?? "write a text, or remove the field");
    if (value.length > max) {
      return refuse(place, "PKT0206", `has ${value.length} characters, more than ${max}`, "shorten it");
    }
    if (pattern !== undefined && !pattern.test(value)) {
      return refuse(place, "PKT0207", `${show(value)} is not ${form}`, fix ?? `write ${form}`);
    }
    // Half of a surrogate pair, a control or a line break: nothing that a name or a value of a policy needs.
    if (!value.isWellFormed() || hasControl(value)) {
      return refuse(place, "PKT0207", "contains a control character", "remove it");
    }
    return value;
  };
}

function hasControl(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** One of the words of a table, exactly as spelt there. */
export function word<T>(table: Readonly<Record<string, T>>): Reader<T> {
  const words = Object.keys(table);
  return (place) => {
    const { value } = place;
    if (typeof value !== "string")
      return refuseType(place, `one of ${words.join(", ")}`, `write ${words.join(" or ")}`);
    if (Object.hasOwn(table, value)) return table[value];
    const near = nearestName(value, words);
    const fix = near === undefined ? `write ${words.join(" or ")}` : `write ${near}`;
    return refuse(place, "PKT0205", `${show(value)} is not one of ${words.join(", ")}`, fix);
  };
}

export const flag: Reader<boolean> = (place) =>
  typeof place.value === "boolean"
    ? place.value
    : refuseType(place, "true or false", "write true or false, without quotes");

/** A whole number within bounds, both included. Text that looks like a number is not one. */
export function whole({ min, max }: { readonly min: number; readonly max: number }): Reader<number> {
  return (place) => {
    const { value } = place;
    const fix = `write a whole number from ${min} to ${max}`;
    if (typeof value !== "number") return refuseType(place, "a number", `${fix}, without quotes`);
    if (!Number.isInteger(value)) return refuse(place, "PKT0207", `${value} is not a whole number`, fix);
    if (value < min || value > max) return refuse(place, "PKT0206", `${value} is not within ${min} and ${max}`, fix);
    return value === 0 ? 0 : value;
  };
}

/** A JSON scalar that a claim can be compared with. Numbers that a double does not hold exactly are refused. */
export function scalar(maxCharacters = textCharactersMax): Reader<ClaimScalar> {
  const readText = text({ max: maxCharacters });
  return (place) => {
    const { value } = place;
    if (typeof value === "boolean") return value;
    if (typeof value === "string") return readText(place);
    if (typeof value !== "number")
      return refuseType(place, "text, a number, or true or false", "write one plain value");
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      const message = "is a number that not every reader of JSON holds exactly";
      return refuse(place, "PKT0206", message, "compare it as text, in quotes, if the claim is text");
    }
    return value;
  };
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The milliseconds of `100ms`, `1m`, `24h` or `30d`: one whole number with one unit. Undefined when it is none. */
export function millisOf(written: string): Millis | undefined {
  const match = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/.exec(written);
  const unit = units[match?.[2] ?? ""];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}

/** A duration within bounds, both included, which are given as they are written. */
export function duration({ min, max }: { readonly min: string; readonly max: string }): Reader<Millis> {
  const least = millisOf(min) ?? 0;
  const most = millisOf(max) ?? 0;
  const fix = `write a duration from ${min} to ${max}, with one unit of ms, s, m, h, d`;
  return (place) => {
    const { value } = place;
    if (typeof value !== "string") return refuseType(place, "a duration such as 30s", fix);
    const millis = millisOf(value);
    if (millis === undefined) return refuse(place, "PKT0207", `${show(value)} is not a duration`, fix);
    if (millis < least || millis > most) {
      return refuse(place, "PKT0206", `${value} is not within ${min} and ${max}`, fix);
    }
    return millis;
  };
}
