import { objectProblemsMax, type ObjectProblem, type ProblemCode } from "../problem.ts";
import type { ObjectChecks } from "./object-checks.ts";
import { fieldPath, itemPath } from "./field-path.ts";
import type { SourceDocument } from "./source-document.ts";

/** Collects what is wrong with one object. */
export class Report {
  readonly document: SourceDocument;
  readonly checks: ObjectChecks;
  readonly problems: ObjectProblem[] = [];
  /** Problems found, also those that are not kept. */
  count = 0;

  constructor(document: SourceDocument, checks: ObjectChecks) {
    this.document = document;
    this.checks = checks;
  }

  add(found: Pick<ObjectProblem, "code" | "field" | "message" | "fix" | "column">): void {
    this.count++;
    if (this.problems.length >= objectProblemsMax) return;
    this.problems.push({ ...found, file: this.document.file, line: this.document.lineOf(found.field) });
  }
}

/** A value with its place in the object. */
export interface Place {
  readonly value: unknown;
  readonly path: string;
  readonly report: Report;
}

/** Reads one value. Undefined means that a problem was reported, never that the value is absent. */
export type Reader<T> = (place: Place) => T | undefined;

export function childPlace(place: Place, key: string, value: unknown): Place {
  return { value, path: fieldPath(place.path, key), report: place.report };
}

export function itemPlace(place: Place, index: number, value: unknown): Place {
  return { value, path: itemPath(place.path, index), report: place.report };
}

/** Reports a problem at this place and gives undefined, so that a reader can return it. */
export function refuse(place: Place, code: ProblemCode, message: string, fix: string): undefined {
  place.report.add({ code, field: place.path, message, fix });
  return undefined;
}

/** A value as a message shows it: quoted, one line, shortened. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return nameType(value);
}

/** `a list`, `text`, `a number`: the words that messages use for types. */
export function nameType(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return "text";
    case "number":
    case "bigint":
      return "a number";
    case "boolean":
      return "true or false";
    default:
      return "a mapping";
  }
}

/** Reports that the value has not the type that the field takes. */
export function refuseType(place: Place, expected: string, fix: string): undefined {
  const found = place.value === null ? "is empty" : `is ${nameType(place.value)} (${show(place.value)})`;
  const short = place.value === null || typeof place.value === "object" ? found.replace(/ \(.*\)$/, "") : found;
  return refuse(place, "PKT0204", `takes ${expected}, but ${short}`, fix);
}
