import { nearestName } from "./nearest-name.ts";
import { childPlace, itemPlace, refuse, refuseType, type Place, type Reader } from "./place.ts";

/** How one field of a mapping is read. */
export type Field<T> =
  | { readonly kind: "required"; readonly read: Reader<T>; readonly why: string }
  | { readonly kind: "optional"; readonly read: Reader<T> }
  /** The field exists but is not enforced by this version. */
  | { readonly kind: "unsupported"; readonly instead: string };

export type Shape = Readonly<Record<string, Field<unknown>>>;

/** The values of a shape when everything was read: what is required is there. */
export type Values<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends { readonly kind: "required"; readonly read: Reader<infer T> }
    ? T
    : S[K] extends { readonly kind: "optional"; readonly read: Reader<infer T> }
      ? T | undefined
      : undefined;
};

/** The same while reading: what is bad is undefined. */
export type Partly<S extends Shape> = { readonly [K in keyof S]: Values<S>[K] | undefined };

/** A field that must be there; `fix` says what to write. */
export function required<T>(read: Reader<T>, fix: string): { kind: "required"; read: Reader<T>; why: string } {
  return { kind: "required", read, why: fix };
}

export function optional<T>(read: Reader<T>): { kind: "optional"; read: Reader<T> } {
  return { kind: "optional", read };
}

export function unsupported(instead: string): { kind: "unsupported"; instead: string } {
  return { kind: "unsupported", instead };
}

export interface RecordOptions<S extends Shape, T> {
  readonly shape: S;
  /** Advice for names that this mapping does not have but that people write here. */
  readonly misplaced?: Readonly<Record<string, string>>;
  /** Looks at fields together. Runs also when some are bad, so that all problems are told at once. */
  readonly check?: (values: Partly<S>, place: Place) => void;
  /** Runs only when nothing in the mapping is wrong. */
  readonly build: (values: Values<S>, place: Place) => T;
}

/** Reads a mapping with exactly these fields. */
export function record<const S extends Shape, T>({ shape, misplaced, check, build }: RecordOptions<S, T>): Reader<T> {
  const names = Object.keys(shape);
  return (place) => {
    if (!isMapping(place.value)) {
      return refuseType(place, "a mapping", `write its fields below it: ${names.slice(0, 6).join(", ")}`);
    }
    const before = place.report.count;
    for (const name of Object.keys(place.value)) {
      if (!Object.hasOwn(shape, name)) refuseUnknown(childPlace(place, name, undefined), name, names, misplaced);
    }
    const values: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(shape)) {
      const value = Object.hasOwn(place.value, name) ? place.value[name] : undefined;
      const at = childPlace(place, name, value);
      if (value === undefined) {
        if (field.kind === "required") refuse(at, "PKT0203", `${name} is missing`, field.why);
      } else if (field.kind === "unsupported") {
        refuse(at, "PKT0202", `${name} is not enforced by this version`, field.instead);
      } else {
        values[name] = field.read(at);
      }
    }
    check?.(values as Partly<S>, place);
    return place.report.count === before ? build(values as Values<S>, place) : undefined;
  };
}

function refuseUnknown(
  at: Place,
  name: string,
  names: readonly string[],
  misplaced: Readonly<Record<string, string>> = {},
): void {
  const advice = Object.hasOwn(misplaced, name) ? misplaced[name] : undefined;
  const near = nearestName(name, names);
  const fix =
    advice ?? (near === undefined ? `remove it; the fields here are ${names.join(", ")}` : `did you mean ${near}?`);
  refuse(at, "PKT0201", `there is no field ${JSON.stringify(name.slice(0, 64))} here`, fix);
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface ListOptions<T> {
  readonly min?: number;
  readonly max: number;
  /** Entries with the same key are a problem; `what` names the key in the message. */
  readonly unique?: { readonly key: (item: T) => string; readonly what: string };
}

/** Reads a list whose entries all read. */
export function list<T>(read: Reader<T>, { min = 0, max, unique }: ListOptions<T>): Reader<readonly T[]> {
  return (place) => {
    const { value } = place;
    if (!Array.isArray(value)) return refuseType(place, "a list", "write each entry after a dash, or [entry, entry]");
    const before = place.report.count;
    if (value.length < min) refuse(place, "PKT0206", `needs at least ${min} of them`, "add an entry");
    if (value.length > max) {
      return refuse(place, "PKT0206", `has ${value.length} entries, more than ${max}`, "split it, or remove entries");
    }
    const items: T[] = [];
    const seen = new Map<string, number>();
    for (let index = 0; index < value.length; index++) {
      const at = itemPlace(place, index, value[index]);
      const item = read(at);
      if (item === undefined) continue;
      items.push(item);
      if (unique === undefined) continue;
      const key = unique.key(item);
      const first = seen.get(key);
      if (first !== undefined) {
        const message = `has the same ${unique.what} as entry ${first + 1} (${JSON.stringify(key.slice(0, 64))})`;
        refuse(at, "PKT0210", message, `give it another ${unique.what}, or remove one of the two`);
      } else seen.set(key, index);
    }
    return place.report.count === before ? items : undefined;
  };
}
