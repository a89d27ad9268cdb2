import { decodeEscapes, escapedByte } from "./bytes.ts";

/** Bytes of a query. A longer one is refused. */
export const queryBytesMax = 16_384;

/** Keys of a query that a policy reads. More are refused. */
export const queryKeysMax = 256;

/** Why a query is refused. */
export const queryProblems = [
  "too-long",
  "control-byte",
  "raw-high-byte",
  "fragment",
  "encoded-nul",
  "broken-escape",
  "not-utf8",
  "semicolon",
  "too-many-keys",
] as const;
export type QueryProblem = (typeof queryProblems)[number];

/**
 * What is refused in any query, whether or not a policy reads it: bytes that cannot stand in a request line, a fragment
 * and an escaped NUL, at which C-style readers stop. Everything else honest clients do send, so it passes as long as
 * nothing is decided by it: `100%`, `a;b`, `id=1&id=2`, `x=/../admin`.
 */
export function scanQuery(query: string): QueryProblem | undefined {
  const length = query.length;
  if (length > queryBytesMax) return "too-long";
  for (let i = 0; i < length; i++) {
    const code = query.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return "control-byte";
    if (code > 0x7f) return "raw-high-byte";
    if (code === 0x23) return "fragment";
    if (code === 0x25 && escapedByte(query, i, length) === 0) return "encoded-nul";
  }
  return undefined;
}

/** One parameter as a policy may act upon it. */
export type QueryValue =
  { readonly kind: "absent" } | { readonly kind: "value"; readonly value: string } | { readonly kind: "ambiguous" };

/** A query read strictly, for policies that decide by a parameter. */
export interface QueryView {
  /**
   * The parameter of exactly this name. Ambiguous when it comes twice, or beside another spelling that some framework
   * takes for the same one: other letter case, `id[]`, `id[0]`, `i.d` and `i d` for `i_d`.
   */
  get(name: string): QueryValue;
  /** How many parameters there are. */
  readonly size: number;
}

const absent: QueryValue = Object.freeze({ kind: "absent" });
const ambiguous: QueryValue = Object.freeze({ kind: "ambiguous" });

/**
 * Reads the query as `application/x-www-form-urlencoded` (`+` is a space) and refuses what parsers disagree on: broken
 * escapes, bytes that are not UTF-8, NUL, and `;`, which some take for `&`. Called only where a policy reads a
 * parameter.
 */
export function parseQuery(query: string): QueryView | QueryProblem {
  const problem = scanQuery(query);
  if (problem !== undefined) return problem;
  const values = new Map<string, string>();
  /** How many keys are taken for the same one by somebody. */
  const families = new Map<string, number>();
  let size = 0;
  let start = 0;
  while (start < query.length) {
    const next = query.indexOf("&", start);
    const end = next < 0 ? query.length : next;
    if (end > start) {
      if (++size > queryKeysMax) return "too-many-keys";
      const equals = query.indexOf("=", start);
      const keyEnd = equals < 0 || equals > end ? end : equals;
      const key = readText(query, start, keyEnd);
      const value = keyEnd === end ? { text: "" } : readText(query, keyEnd + 1, end);
      if (typeof key === "string") return key;
      if (typeof value === "string") return value;
      values.set(key.text, value.text);
      const family = familyOf(key.text);
      families.set(family, (families.get(family) ?? 0) + 1);
    }
    start = end + 1;
  }
  return {
    size,
    get(name) {
      const count = families.get(familyOf(name)) ?? 0;
      if (count === 0) return absent;
      const value = values.get(name);
      return count === 1 && value !== undefined ? { kind: "value", value } : ambiguous;
    },
  };
}

function readText(query: string, start: number, end: number): { readonly text: string } | QueryProblem {
  for (let i = start; i < end; i++) {
    const code = query.charCodeAt(i);
    if (code === 0x3b) return "semicolon";
    if (code === 0x25 && escapedByte(query, i, end) < 0) return "broken-escape";
  }
  const text = decodeEscapes(query, start, end, true);
  return text === undefined ? "not-utf8" : { text };
}

/** The name that the most lenient frameworks know a key by. */
function familyOf(key: string): string {
  const bracket = key.indexOf("[");
  const name = (bracket > 0 ? key.slice(0, bracket) : key).trimStart();
  return name.replaceAll(".", "_").replaceAll(" ", "_").toLowerCase();
}
