import { isObject, type JsonObject } from "./json.ts";

/** Whether an object is meant by `labelSelector` (equality and existence) and `fieldSelector` (`metadata.name=…`). */
export function isSelected(object: JsonObject, query: Readonly<Record<string, string>>): boolean {
  const metadata = isObject(object.metadata) ? object.metadata : {};
  const labels = isObject(metadata.labels) ? metadata.labels : {};
  return (
    terms(query.labelSelector).every((term) => holds(term, (name) => labels[name])) &&
    terms(query.fieldSelector).every((term) => holds(term, (name) => fieldOf(object, name.split("."))))
  );
}

function terms(selector: string | undefined): readonly string[] {
  return selector === undefined || selector === "" ? [] : selector.split(",");
}

function holds(term: string, value: (name: string) => unknown): boolean {
  const [, name = "", operator, wanted] = /^(!?[^!=]+)(?:(==?|!=)(.*))?$/.exec(term) ?? [];
  if (operator === undefined) {
    return name.startsWith("!") ? value(name.slice(1)) === undefined : value(name) !== undefined;
  }
  return (value(name) === wanted) === (operator !== "!=");
}

function fieldOf(value: unknown, path: readonly string[]): unknown {
  const [field, ...rest] = path;
  if (field === undefined) return value;
  return isObject(value) ? fieldOf(value[field], rest) : undefined;
}
