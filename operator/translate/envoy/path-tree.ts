import type { Template } from "../../../core/catalog/template.ts";
import { printMethodAndPath, type Operation } from "../operations.ts";

/** Operations that may match where the path starts with a prefix, most specific first. */
export interface PathGroup {
  readonly prefix: string;
  readonly operations: readonly Operation[];
}

/** Entries of all groups together. Beyond it a group holds only its own operations; the others count there as everything else. */
export const groupEntriesMax = 20_000;

/**
 * Groups operations by the literal beginning of their paths. Envoy takes the longest prefix only, so a group also
 * holds the operations of shorter prefixes that could match below its own.
 */
export function groupByPrefix(operations: readonly Operation[], entriesMax = groupEntriesMax): readonly PathGroup[] {
  const own = Map.groupBy(operations, (operation) => literalPrefix(operation.template));
  const prefixes = [...own.keys()].toSorted();
  let spare = entriesMax - operations.length;
  return prefixes.map((prefix) => {
    const inherited = prefixesOf(prefix, own).filter((operation) => couldMatchBelow(operation.template, prefix));
    spare -= inherited.length;
    const entries = [...(own.get(prefix) ?? []), ...(spare >= 0 ? inherited : [])];
    return { prefix, operations: entries.toSorted(bySpecificity) };
  });
}

function prefixesOf(prefix: string, own: ReadonlyMap<string, Operation[]>): Operation[] {
  const found: Operation[] = [];
  for (let end = 1; end < prefix.length; end++) found.push(...(own.get(prefix.slice(0, end)) ?? []));
  return found;
}

/** What every matching path starts with. `/a/{x}` gives `/a/`, `/a/**` gives `/a`, for `/a` matches it too. */
export function literalPrefix(template: Template): string {
  let prefix = "";
  for (const segment of template.segments) {
    if (segment.kind === "parameter") return `${prefix}/`;
    prefix += `/${segment.text}`;
  }
  return prefix === "" ? "/" : prefix;
}

/** Whether some path that starts with the prefix matches. Its last segment may go on. */
function couldMatchBelow(template: Template, prefix: string): boolean {
  const written = prefix.slice(1).split("/");
  const open = written.pop() ?? "";
  const agrees = written.every((text, i) => {
    const segment = template.segments[i];
    if (segment === undefined) return template.rest;
    return segment.kind === "parameter" || segment.text === text;
  });
  if (!agrees) return false;
  const next = template.segments[written.length];
  if (next === undefined) return template.rest;
  return next.kind === "parameter" || next.text.startsWith(open);
}

/** Literal before parameter before rest, segment by segment; a named method before every method. */
function bySpecificity(a: Operation, b: Operation): number {
  const [left, right] = [rank(a), rank(b)];
  if (left !== right) return left < right ? -1 : 1;
  const [x, y] = [printMethodAndPath(a), printMethodAndPath(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function rank({ method, template }: Operation): string {
  const kinds = template.segments.map((segment) =>
    segment.kind === "literal" ? "0" : segment.type === "text" ? "2" : "1",
  );
  return `${kinds.join("")}${template.rest ? "9" : ""}|${method === "*" ? 1 : 0}`;
}
