import { parseAddress } from "./address.ts";

/** Bytes of a host without port; a longer one is refused. */
export const hostBytesMax = 255;

/** Bytes of one label of a host (RFC 1035 2.3.4). */
export const hostLabelBytesMax = 63;

/** Why an authority is refused. */
export const authorityProblems = [
  "empty",
  "too-long",
  "several-hosts",
  "user-info",
  "illegal-byte",
  "bad-port",
  "bad-label",
  "bad-address",
  "numeric-host",
] as const;
export type AuthorityProblem = (typeof authorityProblems)[number];

/** Where `parseAuthority` writes. */
export interface HostView {
  host: string;
}

/**
 * Reads `:authority` or `Host` (RFC 9110 7.2) into a host in lower case, without port and without the one dot that may
 * end it. Refused: several hosts (`a,b`), user info, a port that is empty or not within 1 to 65535, empty labels,
 * anything but letters, digits, `-` and `_`, and numbers that some resolvers take for an address (`127.1`,
 * `0x7f000001`) while others look them up as a name.
 */
export function parseAuthority(raw: string, into: HostView): AuthorityProblem | undefined {
  into.host = "";
  if (raw === "") return "empty";
  if (raw.charCodeAt(0) === 0x5b) return readLiteral(raw, into);

  const length = raw.length;
  let labelStart = 0;
  let hasUpper = false;
  /** True while the label holds nothing but digits. */
  let isNumber = true;
  let i = 0;
  for (; i < length; i++) {
    const code = raw.charCodeAt(i);
    if (code >= 0x61 && code <= 0x7a) {
      isNumber = false;
    } else if (code >= 0x41 && code <= 0x5a) {
      isNumber = false;
      hasUpper = true;
    } else if (code === 0x2e) {
      if (i + 1 === length || raw.charCodeAt(i + 1) === 0x3a) break;
      if (isBadLabel(raw, labelStart, i)) return "bad-label";
      labelStart = i + 1;
      isNumber = true;
    } else if (code === 0x3a) {
      break;
    } else if (code === 0x2d || code === 0x5f) {
      // `_` is no host name by RFC 952, but service records and container networks use it and nobody reads it twice.
      isNumber = false;
    } else if (code < 0x30 || code > 0x39) {
      if (code === 0x2c) return "several-hosts";
      return code === 0x40 ? "user-info" : "illegal-byte";
    }
    if (i >= hostBytesMax) return "too-long";
  }
  const hostEnd = i;
  if (i < length && raw.charCodeAt(i) === 0x2e) i++;
  if (i < length) {
    const problem = problemOfPort(raw, i);
    if (problem !== undefined) return problem;
  }
  if (hostEnd === 0) return raw.charCodeAt(0) === 0x2e ? "bad-label" : "empty";
  if (isBadLabel(raw, labelStart, hostEnd)) return "bad-label";
  const host = hostEnd === length ? raw : raw.slice(0, hostEnd);
  // A host whose last label is a number is an address or nothing (as URL parsers see it).
  if ((isNumber || isHexNumber(raw, labelStart, hostEnd)) && parseAddress(host) === undefined) return "numeric-host";
  into.host = hasUpper ? host.toLowerCase() : host;
  return undefined;
}

/** `[2001:db8::1]` with an optional port. The host keeps its brackets, in the canonical text of RFC 5952. */
function readLiteral(raw: string, into: HostView): AuthorityProblem | undefined {
  const close = raw.indexOf("]");
  if (close < 0) return "bad-address";
  const inside = raw.slice(1, close);
  const address = inside.includes(":") ? parseAddress(inside) : undefined;
  if (address === undefined) return "bad-address";
  if (close + 1 < raw.length) {
    if (raw.charCodeAt(close + 1) === 0x2c) return "several-hosts";
    const problem = problemOfPort(raw, close + 1);
    if (problem !== undefined) return problem;
  }
  into.host = address.includes(":") ? `[${address}]` : address;
  return undefined;
}

/** What is wrong with `:port` at the end of the text. */
function problemOfPort(raw: string, colon: number): AuthorityProblem | undefined {
  if (raw.charCodeAt(colon) !== 0x3a) return raw.charCodeAt(colon) === 0x2e ? "bad-label" : "illegal-byte";
  let port = 0;
  for (let i = colon + 1; i < raw.length; i++) {
    const code = raw.charCodeAt(i);
    if (code === 0x2c) return "several-hosts";
    if (code === 0x40) return "user-info"; // `name:secret@host`
    if (code < 0x30 || code > 0x39) return "bad-port";
    port = port * 10 + code - 0x30;
    if (port > 65_535 || i > colon + 5) return "bad-port";
  }
  return port === 0 ? "bad-port" : undefined;
}

/** Empty, too long, or with a hyphen at an end (RFC 1123 2.1). */
function isBadLabel(raw: string, start: number, end: number): boolean {
  const length = end - start;
  if (length === 0 || length > hostLabelBytesMax) return true;
  return raw.charCodeAt(start) === 0x2d || raw.charCodeAt(end - 1) === 0x2d;
}

/** `0x` and hex digits: an address to those who read numbers as C does. */
function isHexNumber(raw: string, start: number, end: number): boolean {
  if (raw.charCodeAt(start) !== 0x30 || (raw.charCodeAt(start + 1) | 0x20) !== 0x78 || end - start < 2) return false;
  for (let i = start + 2; i < end; i++) {
    const code = raw.charCodeAt(i);
    const lower = code | 0x20;
    if (!((code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x66))) return false;
  }
  return true;
}
