import type { Json } from "./pod.ts";

/**
 * A value of JSON as an expression of CEL. Kubernetes wants the entries of a list or map to be of one type, so all but
 * lists of texts are said to be of any.
 */
export function celValue(value: Json): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    // A whole number beyond what JSON keeps exactly, or none at all, is not what anybody meant.
    if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
      throw new TypeError(`${value} cannot be written as CEL`);
    }
    return String(value);
  }
  if (typeof value === "string") return celText(value);
  if (isList(value)) {
    const isTexts = value.every((one) => typeof one === "string");
    return `[${value.map((one) => (isTexts ? celValue(one) : `dyn(${celValue(one)})`)).join(", ")}]`;
  }
  const entries = Object.entries(value).flatMap(([name, one]) => {
    return one === undefined ? [] : [`${celText(name)}: dyn(${celValue(one)})`];
  });
  return `{${entries.join(", ")}}`;
}

/** A text of CEL. Its escapes are those of JSON and more. */
export function celText(text: string): string {
  return JSON.stringify(text);
}

// Array.isArray does not narrow lists that cannot be written to.
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
