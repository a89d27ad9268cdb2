import { escapedByte, isUnreserved } from "./bytes.ts";
import type { PathProblem } from "./path.ts";

export type NormalisedPath = { readonly path: string } | { readonly problem: PathProblem };

/**
 * What the sidecar's proxy makes of a raw `:path` (query included) before anyone judges it: the model of Envoy 1.40
 * with Picket's baseline (`normalize_path`, `merge_slashes`, escaped slashes refused, the front filter). Escaped
 * unreserved bytes are unescaped, `\` becomes `/`, dot segments are resolved, then runs of slashes are merged; the
 * query stays.
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

  const pieces = piecesOf(raw.slice(1, end));
  // Refused even in a segment that dots would remove.
  if (pieces.some((piece) => piece.includes("%00"))) return { problem: "encoded-control" };
  const path = mergeSlashes(`/${resolveDots(pieces).join("/")}`);
  // The front filter refuses what is left of these. Without it a broken escape could become a whole one by what was
  // unescaped behind it, and `%2e%2e;` would become `..;`, which the next hop resolves.
  const broken = path.indexOf(brokenPercent);
  if (broken >= 0) return { problem: (path.charCodeAt(broken + 1) | 0x20) === 0x75 ? "percent-u" : "broken-escape" };
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

/** Escapes that the proxy refuses wherever they stand, before it looks at segments. */
function problemOfEscapes(raw: string, end: number): PathProblem | undefined {
  for (let i = 0; i < end; i++) {
    const byte = escapedByte(raw, i, end);
    if (byte === 0x2f) return "encoded-slash";
    if (byte === 0x5c) return "encoded-backslash";
  }
  return undefined;
}

/** The segments as written, each in canonical form. */
function piecesOf(path: string): string[] {
  const pieces: string[] = [];
  for (const part of path.split("/")) {
    // Between plain slashes `..;x` counts as `..` and `.;x` as `.`; escaped or after a backslash they do not.
    if (part.startsWith("..;")) pieces.push("..");
    else if (part.startsWith(".;")) pieces.push(".");
    else for (const piece of part.split("\\")) pieces.push(canonicalSegment(piece));
  }
  return pieces;
}

function resolveDots(pieces: readonly string[]): string[] {
  const segments: string[] = [];
  for (const piece of pieces) {
    if (piece === "..") segments.pop();
    else if (piece !== ".") segments.push(piece);
  }
  const last = pieces.at(-1);
  if (last === "." || last === "..") segments.push("");
  return segments;
}

/** A path of slashes alone keeps two of them, as in Envoy; `parsePath` refuses it. */
function mergeSlashes(path: string): string {
  if (!path.includes("//")) return path;
  const names = path.split("/").filter((segment) => segment !== "");
  return `/${names.join("/")}${path.endsWith("/") ? "/" : ""}`;
}

/** Stands for a `%` that starts no escape. No raw path holds it. */
const brokenPercent = "\0";

/** Bytes that the proxy escapes when they come raw. */
const escapedByProxy = '"<>^`{|}';

function canonicalSegment(raw: string): string {
  let text = "";
  for (let i = 0; i < raw.length; i++) {
    const character = raw.charAt(i);
    if (character === "%") {
      const byte = escapedByte(raw, i, raw.length);
      if (byte < 0) {
        text += brokenPercent;
      } else {
        text += isUnreserved(byte) ? String.fromCharCode(byte) : raw.slice(i, i + 3);
        i += 2;
      }
    } else if (escapedByProxy.includes(character)) {
      text += `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    } else {
      text += character;
    }
  }
  return text;
}
