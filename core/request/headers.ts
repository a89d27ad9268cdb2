/** Headers read on demand; names in lower case. */
export interface HeaderView {
  /** The value, or undefined when absent. A name that occurs more than once gives its values joined by `,` (RFC 9110 5.3). */
  get(name: string): string | undefined;
  /** How often the name occurs. */
  count(name: string): number;
}

/** Header fields of a request, the proxy's own limit. More are refused. */
export const headersMax = 100;

/** Bytes of all names and values together, the proxy's own limit. More are refused. */
export const headerBytesMax = 32_768;

/** Bytes of a header name. */
export const headerNameBytesMax = 128;

/** Why the headers are refused. */
export const headerProblems = [
  "name",
  "control-byte",
  "repeated",
  "override",
  "content-length",
  "framing",
  "too-many",
  "too-large",
] as const;
export type HeaderProblem = (typeof headerProblems)[number];

/**
 * Headers that stand for one value which somebody acts upon, but that an application may take from the first or the
 * last of several: at most one of each is accepted, whatever the policy says. Lists by design (`x-forwarded-for`,
 * `forwarded`, `accept`, `via`) and `cookie`, which HTTP/2 may split (RFC 9113 8.2.3), are not among them; a policy that
 * reads such a header reads it through `governedHeader`.
 */
export const singleHeaders = [
  "access-control-request-method",
  "authorization",
  "content-length",
  "content-type",
  "dpop",
  "expect",
  "host",
  "origin",
  "proxy-authorization",
  "transfer-encoding",
  "x-api-key",
  "x-envoy-external-address",
  "x-request-id",
] as const;

/**
 * Headers that make some applications serve another path or method than the request line says. The sidecar removes
 * them; one that is seen all the same shows that it does not, and the request is refused.
 */
export const overrideHeaders = [
  "x-envoy-original-path",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-method",
  "x-original-uri",
  "x-original-url",
  "x-rewrite-uri",
  "x-rewrite-url",
] as const;

/**
 * Headers by which proxies in front tell what they saw. Honest requests carry them, so they are not refused; nothing
 * in Picket reads them and the sidecar removes them before the application.
 */
export const ignoredHeaders = [
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-forwarded-uri",
  "x-host",
] as const;

/** Headers that were looked at whole. `problem` is the first thing wrong with them; `viewRequest` refuses it. */
export interface ScannedHeaders extends HeaderView {
  readonly problem: HeaderProblem | undefined;
}

/**
 * True for a name that every reader takes for itself: `a-z`, `0-9` and `-` only, 1 to 128 bytes. RFC 9110 allows more,
 * but some applications fold `_` and `.` to `-` and so read `x.user` as `x-user`. Pseudo-headers (`:path`) are no
 * header names; readers of the wire take them out first.
 */
export function isHeaderName(bytes: Uint8Array, start: number, end: number): boolean {
  if (end <= start || end - start > headerNameBytesMax) return false;
  let kinds = 0;
  for (let i = start; i < end; i++) kinds |= byteKinds[bytes[i] ?? 0] ?? 0;
  return (kinds & notInName) === 0;
}

/** What a header value is made of: text that everybody reads alike, bytes 0x80 to 0xFF in it, or controls. */
export type ValueKind = "ascii" | "high" | "control";

/** Classifies a value. Controls but tab (RFC 9110 5.5) are refused everywhere, high bytes only where a policy reads. */
export function kindOfValue(bytes: Uint8Array, start: number, end: number): ValueKind {
  let kinds = 0;
  for (let i = start; i < end; i++) kinds |= byteKinds[bytes[i] ?? 0] ?? 0;
  if ((kinds & control) !== 0) return "control";
  return (kinds & high) === 0 ? "ascii" : "high";
}

const notInName = 1;
const control = 2;
const high = 4;
/** What each byte is, as bits: joined over a text they say what is in it, without a branch per byte. */
const byteKinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  const isNameByte = (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d;
  const isControl = (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
  return (isNameByte ? 0 : notInName) | (isControl ? control : 0) | (byte >= 0x80 ? high : 0);
});

/** Looks at headers one by one as they come off the wire. Reusable; allocates nothing while scanning. */
export interface HeaderScan {
  /** Forgets the last request. */
  reset(): void;
  /** The name is expected in lower case, as HTTP/2 and the proxy have it. */
  add(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void;
  /** The first problem since `reset`. */
  readonly problem: HeaderProblem | undefined;
}

export function createHeaderScan(): HeaderScan {
  return new Scan();
}

class Scan implements HeaderScan {
  problem: HeaderProblem | undefined = undefined;
  #seen = 0;
  #count = 0;
  #bytes = 0;

  reset(): void {
    this.problem = undefined;
    this.#seen = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  add(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    if (this.problem === undefined) this.problem = this.#judge(bytes, nameStart, nameEnd, valueStart, valueEnd);
  }

  #judge(bytes: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) {
    if (++this.#count > headersMax) return "too-many";
    this.#bytes += nameEnd - nameStart + valueEnd - valueStart;
    if (this.#bytes > headerBytesMax) return "too-large";
    if (!isHeaderName(bytes, nameStart, nameEnd)) return "name";
    if (kindOfValue(bytes, valueStart, valueEnd) === "control") return "control-byte";
    const known = knownName(bytes, nameStart, nameEnd);
    if (known === unknown) return undefined;
    if (known === override) return "override";
    if ((this.#seen & known) !== 0) return "repeated";
    this.#seen |= known;
    if (known === contentLength && lengthOf(bytes, valueStart, valueEnd) < 0) return "content-length";
    // RFC 9112 6.1: whoever reads the other one of the two sees another end of the message.
    return (this.#seen & framing) === framing ? "framing" : undefined;
  }
}

/** Headers over a plain list, for tests, policy tests and the command line. Names may come in any case. */
export function headersOf(list: Iterable<readonly [string, string]>): ScannedHeaders {
  const values = new Map<string, string[]>();
  const scan = createHeaderScan();
  for (const [name, value] of list) {
    const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()); // ASCII only: the Kelvin sign is no `k`
    const bytes = bytesOf(lower + value);
    scan.add(bytes, 0, lower.length, lower.length, bytes.length);
    const known = values.get(lower);
    if (known === undefined) values.set(lower, [value]);
    else known.push(value);
  }
  return {
    problem: scan.problem,
    get: (name) => values.get(name)?.join(","),
    count: (name) => values.get(name)?.length ?? 0,
  };
}

/** A header as a policy may act upon it. */
export type GovernedHeader =
  { readonly kind: "absent" } | { readonly kind: "value"; readonly value: string } | { readonly kind: "ambiguous" };

const absent: GovernedHeader = Object.freeze({ kind: "absent" });
const ambiguous: GovernedHeader = Object.freeze({ kind: "ambiguous" });

/**
 * Reads a header that a policy compares or counts by. Ambiguous, hence refused: several values, be they repeated or
 * joined by a comma (RFC 9110 5.3 makes the two forms equal), and bytes outside ASCII, which have no agreed charset.
 */
export function governedHeader(headers: HeaderView, name: string): GovernedHeader {
  const count = headers.count(name);
  if (count === 0) return absent;
  const value = headers.get(name);
  if (count !== 1 || value === undefined) return ambiguous;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x2c || code > 0x7e || (code < 0x20 && code !== 0x09)) return ambiguous;
  }
  return { kind: "value", value };
}

/** A byte string as bytes. A char that is no byte becomes 0, which no check here accepts. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes[i] = code > 0xff ? 0 : code;
  }
  return bytes;
}

/** The value of `content-length` (RFC 9110 8.6) when it is digits only and exact as a number, else -1. */
function lengthOf(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start || end - start > 15) return -1;
  let length = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

const unknown = 0;
const override = -1;
const contentLength = bitOf("content-length");
const framing = contentLength | bitOf("transfer-encoding");

function bitOf(name: (typeof singleHeaders)[number]): number {
  return 1 << singleHeaders.indexOf(name);
}

interface KnownName {
  readonly bytes: Uint8Array;
  /** One bit for each single header, `override` for the others. */
  readonly mark: number;
}

/** Known names by their length: most headers of a request are ruled out by it. */
const knownNames: readonly (readonly KnownName[])[] = Array.from({ length: headerNameBytesMax + 1 }, (_, length) => [
  ...singleHeaders
    .filter((name) => name.length === length)
    .map((name) => ({ bytes: bytesOf(name), mark: bitOf(name) })),
  ...overrideHeaders.filter((name) => name.length === length).map((name) => ({ bytes: bytesOf(name), mark: override })),
]);

function knownName(bytes: Uint8Array, start: number, end: number): number {
  const candidates = knownNames[end - start];
  if (candidates === undefined) return unknown;
  for (const candidate of candidates) {
    let i = 0;
    while (i < candidate.bytes.length && candidate.bytes[i] === bytes[start + i]) i++;
    if (i === candidate.bytes.length) return candidate.mark;
  }
  return unknown;
}
