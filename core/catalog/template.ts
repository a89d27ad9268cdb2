import type { Method } from "../policy/policy.ts";
import { escapedByte } from "./fold.ts";

/** Characters of a template as written; longer ones are refused when the policy is read. */
export const templateLengthMax = 1_024;

/** Segments of a template, a final `**` not counted. */
export const templateSegmentsMax = 64;

/** `text`: any one segment. `int`, `uuid`: see segment-type.ts. */
export type ParameterType = "text" | "int" | "uuid";

export type TemplateSegment =
  /** `text` is canonical: unreserved characters plain, everything else that needs it as `%XX` in upper case. */
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string; readonly type: ParameterType };

/** A parsed path template. Two templates that match the same paths by the same names print the same `text`. */
export interface Template {
  readonly kind: "template";
  /** Canonical form: escapes normalised, no slash at the end. */
  readonly text: string;
  readonly segments: readonly TemplateSegment[];
  /** True when the template ends in `**`: zero or more further segments. */
  readonly rest: boolean;
}

/** Why a template was refused. Closed list. */
export const templateProblemCodes = [
  "template-not-absolute",
  "template-too-long",
  "template-too-many-segments",
  "template-empty-segment",
  "template-dot-segment",
  "template-character",
  "template-escape",
  "template-wildcard",
  "template-rest-not-last",
  "template-parameter-mixed",
  "template-parameter-unclosed",
  "template-parameter-name",
  "template-parameter-type",
  "template-parameter-twice",
] as const;
export type TemplateProblemCode = (typeof templateProblemCodes)[number];

export interface TemplateProblem {
  readonly kind: "problem";
  readonly code: TemplateProblemCode;
  /** One sentence: what is wrong. */
  readonly sentence: string;
  /** One sentence: what to write instead. */
  readonly fix: string;
}

function problem(code: TemplateProblemCode, sentence: string, fix: string): TemplateProblem {
  return { kind: "problem", code, sentence, fix };
}

/** Quotes a part of the template for a message, shortened so that a message stays one line. */
function quote(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(shown);
}

/**
 * Reads `/v1/accounts/{accountId:int}/**`: literal segments, `{name}`, `{name:int}`, `{name:uuid}` for one segment each,
 * and `**` at the end for zero or more. A slash at the end says nothing: `/a/` is `/a`. Whatever could not match a path
 * that the request parser lets through, or could be meant in two ways, is a problem with a fix, never a guess.
 */
export function parseTemplate(text: string): Template | TemplateProblem {
  if (text.length > templateLengthMax) {
    return problem(
      "template-too-long",
      `the path template has ${text.length} characters, more than ${templateLengthMax}`,
      "shorten it, or end it earlier with **",
    );
  }
  if (!text.startsWith("/")) {
    return problem(
      "template-not-absolute",
      `the path template ${quote(text)} does not start with a slash`,
      `write ${quote(`/${text}`)}`,
    );
  }
  const written = text.slice(1).split("/");
  if (written.at(-1) === "") written.pop();
  const rest = written.at(-1) === "**";
  if (rest) written.pop();
  if (written.length > templateSegmentsMax) {
    return problem(
      "template-too-many-segments",
      `the path template has ${written.length} segments, more than ${templateSegmentsMax}`,
      "end it earlier with **",
    );
  }
  const segments: TemplateSegment[] = [];
  const names = new Set<string>();
  for (const part of written) {
    const segment = parseSegment(part);
    if (segment.kind === "problem") return segment;
    if (segment.kind === "parameter") {
      if (names.has(segment.name)) {
        return problem(
          "template-parameter-twice",
          `the parameter ${quote(segment.name)} occurs twice in the path template`,
          "give each parameter its own name",
        );
      }
      names.add(segment.name);
    }
    segments.push(segment);
  }
  return { kind: "template", text: printTemplate(segments, rest), segments, rest };
}

function printTemplate(segments: readonly TemplateSegment[], rest: boolean): string {
  const parts = segments.map((segment) => {
    if (segment.kind === "literal") return segment.text;
    return segment.type === "text" ? `{${segment.name}}` : `{${segment.name}:${segment.type}}`;
  });
  if (rest) parts.push("**");
  return `/${parts.join("/")}`;
}

function parseSegment(part: string): TemplateSegment | TemplateProblem {
  if (part === "") {
    return problem(
      "template-empty-segment",
      "the path template has an empty segment",
      "write one slash between segments",
    );
  }
  if (part === "**") {
    return problem(
      "template-rest-not-last",
      "** stands before the end of the path template",
      "use {name} for one segment, and ** only as the last segment",
    );
  }
  if (part.includes("*")) {
    return problem(
      "template-wildcard",
      `the segment ${quote(part)} contains an asterisk`,
      "use {name} for one whole segment, or ** as the last segment for all that follows",
    );
  }
  return part.includes("{") || part.includes("}") ? parseParameter(part) : parseLiteral(part);
}

function parseParameter(part: string): TemplateSegment | TemplateProblem {
  const opened = part.indexOf("{");
  const closed = part.indexOf("}");
  if (opened < 0 || closed < opened) {
    return problem(
      "template-parameter-unclosed",
      `the segment ${quote(part)} has a brace without its partner`,
      "write {name}, {name:int} or {name:uuid}",
    );
  }
  if (opened !== 0 || closed !== part.length - 1) {
    return problem(
      "template-parameter-mixed",
      `the segment ${quote(part)} mixes a parameter with other text`,
      "let the parameter be the whole segment, such as {name}",
    );
  }
  const inner = part.slice(1, -1);
  const colon = inner.indexOf(":");
  const name = colon < 0 ? inner : inner.slice(0, colon);
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name)) {
    return problem(
      "template-parameter-name",
      `${quote(name)} is not a parameter name`,
      "start with a letter, go on with letters, digits or _, at most 64 characters",
    );
  }
  if (colon < 0) return { kind: "parameter", name, type: "text" };
  const type = inner.slice(colon + 1);
  if (type === "int" || type === "uuid") return { kind: "parameter", name, type };
  return problem(
    "template-parameter-type",
    `the parameter ${quote(name)} has the unknown type ${quote(type)}`,
    "use {name}, {name:int} or {name:uuid}",
  );
}

function isUnreserved(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f ||
    code === 0x7e
  );
}

/** pchar of RFC 3986 section 3.3 that needs no escape, without `*` (refused before) and `;` (starts path parameters on some servers). */
function isPlain(code: number): boolean {
  return isUnreserved(code) || (code < 0x80 && "!$&'()+,=:@".includes(String.fromCharCode(code)));
}

function parseLiteral(part: string): TemplateSegment | TemplateProblem {
  let text = "";
  const bytes: number[] = [];
  for (let at = 0; at < part.length;) {
    const codePoint = part.codePointAt(at) ?? 0;
    const char = String.fromCodePoint(codePoint);
    if (codePoint === 0x25) {
      const byte = escapedByte(part, at, part.length);
      if (byte < 0) return badEscape(part, "a percent sign starts no escape");
      // What an escape hides here would be refused in a request (separators, controls): the template could never match.
      if (byte < 0x20 || byte === 0x7f) return badEscape(part, "an escape stands for a control character");
      if (byte === 0x2f || byte === 0x5c) return badEscape(part, "an escape stands for a slash or backslash");
      if (byte === 0x25) return badEscape(part, "an escape stands for a percent sign");
      bytes.push(byte);
      text += isUnreserved(byte) ? String.fromCharCode(byte) : part.slice(at, at + 3).toUpperCase();
      at += 3;
      continue;
    }
    if (codePoint >= 0x80) {
      if (!char.isWellFormed()) return badEscape(part, "half of a character pair stands alone");
      const escaped = encodeURIComponent(char);
      for (let i = 0; i < escaped.length; i += 3) bytes.push(escapedByte(escaped, i, escaped.length));
      text += escaped;
    } else if (isPlain(codePoint)) {
      bytes.push(codePoint);
      text += char;
    } else {
      return forbiddenCharacter(part, char);
    }
    at += char.length;
  }
  if (!isUtf8(bytes)) return badEscape(part, "its escapes are not UTF-8");
  if (text === "." || text === "..") {
    return problem(
      "template-dot-segment",
      "the path template has a dot segment",
      "write the path as it is after dot segments are removed",
    );
  }
  return { kind: "literal", text };
}

function badEscape(part: string, what: string): TemplateProblem {
  return problem(
    "template-escape",
    `in the segment ${quote(part)} ${what}`,
    "write plain characters, or %XX escapes of UTF-8 text",
  );
}

function forbiddenCharacter(part: string, char: string): TemplateProblem {
  const sentence = `the segment ${quote(part)} contains ${quote(char)}, which cannot stand in a path template`;
  if (char === "?" || char === "#") {
    return problem("template-character", sentence, "write the path only; a query is not part of a template");
  }
  if (char === ";") {
    return problem(
      "template-character",
      sentence,
      "leave path parameters out: requests with a semicolon are ambiguous",
    );
  }
  if (char === "\\" || char < " " || char === "\u007f") {
    return problem("template-character", sentence, "remove it: no request with it is let through");
  }
  return problem("template-character", sentence, `write ${encodeURIComponent(char)}`);
}

/** Whether the bytes are well-formed UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. */
function isUtf8(bytes: readonly number[]): boolean {
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at++] ?? 0;
    if (lead < 0x80) continue;
    const more =
      lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    if (more === 0 || at + more > bytes.length) return false;
    const second = bytes[at] ?? 0;
    if (lead === 0xe0 && second < 0xa0) return false;
    if (lead === 0xed && second > 0x9f) return false;
    if (lead === 0xf0 && second < 0x90) return false;
    if (lead === 0xf4 && second > 0x8f) return false;
    for (let i = 0; i < more; i++) {
      const byte = bytes[at++] ?? 0;
      if (byte < 0x80 || byte > 0xbf) return false;
    }
  }
  return true;
}

/** Which segment of a matching path holds the parameter, counted from 0; -1 when the template has none of that name. */
export function parameterOf(template: Template, name: string): number {
  return template.segments.findIndex((segment) => segment.kind === "parameter" && segment.name === name);
}

/** The name of an operation in evidence, metrics and messages: `GET /v1/accounts/{accountId}`. */
export function printOperation(method: Method, template: Template): string {
  return `${method} ${template.text}`;
}
