/** Bytes of a `content-type` value. A longer one is refused. */
export const contentTypeBytesMax = 256;

/** Why a content type is refused. */
export const contentTypeProblems = [
  "empty",
  "too-long",
  "several-types",
  "malformed",
  "repeated-parameter",
  "charset",
] as const;
export type ContentTypeProblem = (typeof contentTypeProblems)[number];

/** A media type (RFC 9110 8.3.1), in lower case. */
export interface ContentType {
  readonly type: string;
  readonly subtype: string;
  /** In lower case; empty when not given. */
  readonly charset: string;
  /** True for `application/json`, `…+json` (RFC 6839 3.1), and the other names under which frameworks read JSON. */
  readonly isJson: boolean;
}

/** `text/json` is JSON to ASP.NET Core, `text/x-json` and `application/jsonrequest` to Rails: whatever the type says. */
const jsonSubtypes: ReadonlySet<string> = new Set(["json", "x-json", "jsonrequest"]);

/**
 * Reads a `content-type` strictly. Refused: two types joined by a comma, a parameter given twice, anything after the
 * grammar ends, and for JSON a charset other than UTF-8 (RFC 8259 8.1), since a body read in another charset is
 * another body.
 */
export function parseContentType(text: string): ContentType | ContentTypeProblem {
  if (text === "") return "empty";
  if (text.length > contentTypeBytesMax) return "too-long";
  const slash = tokenEnd(text, 0);
  if (slash === 0 || text.charCodeAt(slash) !== 0x2f) return problemAt(text, slash);
  let i = tokenEnd(text, slash + 1);
  if (i === slash + 1) return problemAt(text, i);
  const type = text.slice(0, slash).toLowerCase();
  const subtype = text.slice(slash + 1, i).toLowerCase();

  const parameters = new Map<string, string>();
  while (i < text.length) {
    i = blanksEnd(text, i);
    if (text.charCodeAt(i) !== 0x3b) return problemAt(text, i);
    i = blanksEnd(text, i + 1);
    const nameEnd = tokenEnd(text, i);
    if (nameEnd === i || text.charCodeAt(nameEnd) !== 0x3d) return problemAt(text, nameEnd);
    const name = text.slice(i, nameEnd).toLowerCase();
    const valueEnd = readValueEnd(text, nameEnd + 1);
    if (valueEnd < 0) return problemAt(text, nameEnd + 1);
    if (parameters.has(name)) return "repeated-parameter";
    parameters.set(name, plainValue(text.slice(nameEnd + 1, valueEnd)));
    i = valueEnd;
  }
  const charset = parameters.get("charset")?.toLowerCase() ?? "";
  const isJson = jsonSubtypes.has(subtype) || (subtype.endsWith("+json") && subtype.length > 5);
  if (isJson && parameters.has("charset") && charset !== "utf-8") return "charset";
  return { type, subtype, charset, isJson };
}

function problemAt(text: string, at: number): ContentTypeProblem {
  return text.charCodeAt(at) === 0x2c ? "several-types" : "malformed";
}

/** The end of the token (RFC 9110 5.6.2) that starts at `start`. */
function tokenEnd(text: string, start: number): number {
  let i = start;
  while (i < text.length && isTokenByte(text.charCodeAt(i))) i++;
  return i;
}

function isTokenByte(code: number): boolean {
  const lower = code | 0x20;
  if ((lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39)) return true;
  return code < 0x80 && code > 0x20 && "!#$%&'*+-.^_`|~".includes(String.fromCharCode(code));
}

function blanksEnd(text: string, start: number): number {
  let i = start;
  while (text.charCodeAt(i) === 0x20 || text.charCodeAt(i) === 0x09) i++;
  return i;
}

/** The end of a token or quoted string (RFC 9110 5.6.4), or -1. */
function readValueEnd(text: string, start: number): number {
  if (text.charCodeAt(start) !== 0x22) {
    const end = tokenEnd(text, start);
    return end === start ? -1 : end;
  }
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) return i + 1;
    if (code === 0x5c) i++;
    const escaped = text.charCodeAt(i);
    if ((escaped < 0x20 && escaped !== 0x09) || escaped > 0x7e) return -1;
  }
  return -1;
}

function plainValue(value: string): string {
  if (value.charCodeAt(0) !== 0x22) return value;
  return value.slice(1, -1).replace(/\\(.)/g, "$1");
}
