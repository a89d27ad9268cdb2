import { escapedByte, isUnreserved } from "./bytes.ts";
import type { PathProblem } from "./path.ts";

export type NormalisedPath = { readonly path: string } | { readonly problem: PathProblem };

/**
 * What the sidecar's proxy makes of a raw `:path` (query included) before anyone judges it: the model of Envoy with
 * Picket's baseline (`normalize_path`, `merge_slashes`, escaped slashes refused, the front filter). Escaped unreserved
 * bytes are unescaped, `\` becomes `/`, dot segments are resolved, then runs of slashes are merged; the query stays.
 *
 * For the command line and tests: in the sidecar the real proxy has done it. Idempotent.
 *
 * ```ts
 * normalisePath("/public/%2e%2e//admin?x=1"); // { path: "/admin?x=1" }
 * normalisePath("/public%2f..");              // { problem: "encoded-slash" }
 * ```
 */
export function normalisePath(raw: string): NormalisedPath {
  if (raw.charCodeAt(0) !== 0x2f) return { problem: "not-absolute" };
  const mark = raw.indexOf("?");
  const end = mark < 0 ? raw.length : mark;
  const problem = problemOfBytes(raw) ?? problemOfEscapes(raw, end);
  if (problem !== undefined) return { problem };

  const segments: string[] = [];
  let start = 1;
  for (let i = 1; i <= end; i++) {
    const code = i < end ? raw.charCodeAt(i) : 0x2f;
    if (code !== 0x2f && code !== 0x5c) continue;
    const isSlashBefore = raw.charCodeAt(start - 1) === 0x2f;
    const segment = canonicalSegment(raw, start, i);
    const isLast = i === end;
    // `..;x` between plain slashes counts as `..`; with an escape or a backslash it does not (seen on Envoy 1.40).
    const isParameterised = isSlashBefore && code === 0x2f && raw.startsWith("..;", start);
    if (segment === ".." || isParameterised) {
      segments.pop();
      if (isLast) segments.push("");
    } else if (segment === ".") {
      if (isLast) segments.push("");
    } else {
      segments.push(segment);
    }
    start = i + 1;
  }

  let path = "";
  for (const segment of segments) if (segment !== "") path += `/${segment}`;
  if (path === "" || segments.at(-1) === "") path += "/";
  // The front filter refuses what is left; without it `%2e%2e;` would become `..;` and be resolved by the next hop.
  if (path.includes(";")) return { problem: "semicolon" };
  return { path: path + raw.slice(end) };
}

/** What the codec and the proxy refuse anywhere in `:path`. HTTP/1 rules: HTTP/2 would escape high bytes instead. */
function problemOfBytes(raw: string): PathProblem | undefined {
  for (let i = 0; i < raw.length; i++) {
    const code = raw.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return "control-byte";
    if (code > 0x7f) return "raw-high-byte";
    if (code === 0x23) return "fragment";
  }
  return undefined;
}

/** Broken escapes pass Envoy as they are, or patched (`%%32%65` to `%252e`); the front filter refuses both forms. */
function problemOfEscapes(raw: string, end: number): PathProblem | undefined {
  for (let i = 0; i < end; i++) {
    if (raw.charCodeAt(i) !== 0x25) continue;
    const byte = escapedByte(raw, i, end);
    if (byte < 0) return (raw.charCodeAt(i + 1) | 0x20) === 0x75 ? "percent-u" : "broken-escape";
    if (byte === 0) return "encoded-control";
    if (byte === 0x2f) return "encoded-slash";
    if (byte === 0x5c) return "encoded-backslash";
    i += 2;
  }
  return undefined;
}

/** Bytes that the proxy escapes when they come raw. */
const escapedByProxy = '"<>^`{|}';

function canonicalSegment(raw: string, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) {
    const character = raw.charAt(i);
    if (character === "%") {
      const byte = escapedByte(raw, i, end);
      text += isUnreserved(byte) ? String.fromCharCode(byte) : raw.slice(i, i + 3);
      i += 2;
    } else if (escapedByProxy.includes(character)) {
      text += `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    } else {
      text += character;
    }
  }
  return text;
}
