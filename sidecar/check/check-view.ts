import { createHeaderScan, headersMax, type ScannedHeaders } from "../../core/request/headers.ts";
import { Cursor, delimited, WireError } from "./wire.ts";

/** Fields of a CheckRequest (envoy/service/auth/v3) that we read. */
const attributesTag = delimited(1);
const attribute = { source: delimited(1), request: delimited(4), extensions: delimited(10), metadata: delimited(11) };
const requestHttpTag = delimited(2);
const http = {
  method: delimited(2),
  headers: delimited(3),
  path: delimited(4),
  host: delimited(5),
  body: delimited(11),
  rawBody: delimited(12),
  headerMap: delimited(13),
};
const sizeTag = 9 << 3;

/**
 * One CheckRequest as offsets into its bytes. Strings are made only when asked for. Reused from check to check: what it
 * gives holds until the next `read`. A field that must occur once and occurs twice is unreadable, so that no second
 * reader could take the other one.
 */
export class CheckView implements ScannedHeaders {
  readonly #scan = createHeaderScan();
  readonly #cursor = new Cursor();
  readonly #nameStarts = new Int32Array(headersMax);
  readonly #nameEnds = new Int32Array(headersMax);
  readonly #valueStarts = new Int32Array(headersMax);
  readonly #valueEnds = new Int32Array(headersMax);
  #headerCount = 0;
  #methodStart = 0;
  #methodEnd = 0;
  #pathStart = 0;
  #pathEnd = 0;
  #hostStart = 0;
  #hostEnd = 0;
  #addressStart = 0;
  #addressEnd = 0;
  #bodyStart = 0;
  #bodyEnd = -1;
  #extensionsStart = 0;
  #extensionsEnd = 0;
  #metadataStart = 0;
  #metadataEnd = 0;
  /** Full size of the request body as the proxy knows it, 0 when unknown. */
  bodySize = 0;

  /** Takes the bytes of a CheckRequest. Throws WireError. The bytes must not change while the view is used. */
  read(bytes: Buffer): void {
    this.#headerCount = 0;
    this.#scan.reset();
    this.#methodStart = this.#methodEnd = this.#pathStart = this.#pathEnd = this.#hostStart = this.#hostEnd = 0;
    this.#addressStart = this.#addressEnd = this.#extensionsStart = this.#extensionsEnd = 0;
    this.#metadataStart = this.#metadataEnd = 0;
    this.#bodyStart = 0;
    this.#bodyEnd = -1;
    this.bodySize = 0;
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = 0;
    const end = bytes.length;
    let isRead = false;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === attributesTag) {
        if (isRead) throw new WireError("attributes occur twice");
        isRead = true;
        this.#readAttributes(cursor.length(end));
      } else cursor.skip(tag & 7, end);
    }
  }

  get headers(): ScannedHeaders {
    return this;
  }

  get problem(): ScannedHeaders["problem"] {
    return this.#scan.problem;
  }

  get method(): string {
    return this.#latin1(this.#methodStart, this.#methodEnd);
  }

  /** `:path` as the proxy forwards it, query included. */
  get target(): string {
    return this.#latin1(this.#pathStart, this.#pathEnd);
  }

  get authority(): string {
    return this.#latin1(this.#hostStart, this.#hostEnd);
  }

  /** Address of the direct peer. */
  get peerAddress(): string {
    return this.#latin1(this.#addressStart, this.#addressEnd);
  }

  /** The body that the proxy sent along, undefined when it sent none. */
  get body(): Uint8Array | undefined {
    return this.#bodyEnd < 0 ? undefined : this.#cursor.bytes.subarray(this.#bodyStart, this.#bodyEnd);
  }

  /** The bytes all offsets speak about. */
  get bytes(): Buffer {
    return this.#cursor.bytes;
  }

  /** The value that our own configuration attached to the route; undefined when absent. */
  extension(name: string): string | undefined {
    if (!this.findExtension(name)) return undefined;
    return this.#cursor.bytes.toString("utf8", this.#foundStart, this.#foundEnd);
  }

  /** Looks for such a value without making a string of it; `foundStart` and `foundEnd` then tell where it is. */
  findExtension(name: string): boolean {
    const cursor = this.#cursor;
    cursor.at = this.#extensionsStart;
    const end = this.#extensionsEnd;
    // The extensions of a Check lie one after the other, each as its own map entry of field 10.
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag !== attribute.extensions) {
        cursor.skip(tag & 7, end);
        continue;
      }
      const stop = cursor.length(end);
      if (this.#entry(stop, name)) return true;
    }
    return false;
  }

  get foundStart(): number {
    return this.#foundStart;
  }

  get foundEnd(): number {
    return this.#foundEnd;
  }

  /** Offsets of the proxy's metadata (envoy.config.core.v3.Metadata); empty when there is none. */
  get metadataStart(): number {
    return this.#metadataStart;
  }

  get metadataEnd(): number {
    return this.#metadataEnd;
  }

  #foundStart = 0;
  #foundEnd = 0;

  #readAttributes(end: number): void {
    const cursor = this.#cursor;
    this.#extensionsStart = cursor.at;
    this.#extensionsEnd = end;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === attribute.request) this.#readRequest(cursor.length(end));
      else if (tag === attribute.source) this.#readSource(cursor.length(end));
      else if (tag === attribute.metadata) {
        const stop = cursor.length(end);
        if (this.#metadataEnd !== 0) throw new WireError("metadata occurs twice");
        this.#metadataStart = cursor.at;
        this.#metadataEnd = cursor.at = stop;
      } else cursor.skip(tag & 7, end);
    }
  }

  /** Peer.address.socket_address.address */
  #readSource(end: number): void {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag !== delimited(1)) {
        cursor.skip(tag & 7, end);
        continue;
      }
      const addressEnd = cursor.length(end);
      while (cursor.at < addressEnd) {
        const kind = cursor.varint(addressEnd);
        if (kind !== delimited(1)) {
          cursor.skip(kind & 7, addressEnd);
          continue;
        }
        const socketEnd = cursor.length(addressEnd);
        while (cursor.at < socketEnd) {
          const field = cursor.varint(socketEnd);
          if (field === delimited(2)) {
            const stop = cursor.length(socketEnd);
            this.#addressStart = cursor.at;
            this.#addressEnd = cursor.at = stop;
          } else cursor.skip(field & 7, socketEnd);
        }
      }
    }
  }

  #readRequest(end: number): void {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === requestHttpTag) this.#readHttp(cursor.length(end));
      else cursor.skip(tag & 7, end);
    }
  }

  #readHttp(end: number): void {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      switch (tag) {
        case http.method: {
          const stop = cursor.length(end);
          if (this.#methodEnd !== 0) throw new WireError("method occurs twice");
          this.#methodStart = cursor.at;
          this.#methodEnd = cursor.at = stop;
          break;
        }
        case http.path: {
          const stop = cursor.length(end);
          if (this.#pathEnd !== 0) throw new WireError("path occurs twice");
          this.#pathStart = cursor.at;
          this.#pathEnd = cursor.at = stop;
          break;
        }
        case http.host: {
          const stop = cursor.length(end);
          if (this.#hostEnd !== 0) throw new WireError("host occurs twice");
          this.#hostStart = cursor.at;
          this.#hostEnd = cursor.at = stop;
          break;
        }
        case http.headers:
          this.#readHeader(cursor.length(end), delimited(2));
          break;
        case http.headerMap:
          this.#readHeaderMap(cursor.length(end));
          break;
        case http.body:
        case http.rawBody: {
          const stop = cursor.length(end);
          if (this.#bodyEnd >= 0) throw new WireError("body occurs twice");
          this.#bodyStart = cursor.at;
          this.#bodyEnd = cursor.at = stop;
          break;
        }
        case sizeTag:
          this.bodySize = this.#size(end);
          break;
        default:
          cursor.skip(tag & 7, end);
      }
    }
  }

  /** `size` is int64 and -1 where unknown: ten bytes, longer than a number that we take. */
  #size(end: number): number {
    const cursor = this.#cursor;
    const start = cursor.at;
    try {
      return cursor.varint(end);
    } catch {
      cursor.at = start;
      cursor.skip(0, end);
      return 0;
    }
  }

  #readHeaderMap(end: number): void {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      // HeaderValue.raw_value
      if (tag === delimited(1)) this.#readHeader(cursor.length(end), delimited(3));
      else cursor.skip(tag & 7, end);
    }
  }

  #readHeader(end: number, valueTag: number): void {
    const cursor = this.#cursor;
    let nameStart = cursor.at;
    let nameEnd = cursor.at;
    let valueStart = cursor.at;
    let valueEnd = cursor.at;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === delimited(1)) {
        nameEnd = cursor.length(end);
        nameStart = cursor.at;
        cursor.at = nameEnd;
      } else if (tag === valueTag || tag === delimited(2)) {
        const stop = cursor.length(end);
        // A HeaderValue has `value` or `raw_value`; an empty one is written as neither.
        if (stop > cursor.at) {
          valueStart = cursor.at;
          valueEnd = stop;
        }
        cursor.at = stop;
      } else cursor.skip(tag & 7, end);
    }
    // Pseudo-headers (`:path`) stand in fields of their own.
    if (nameEnd > nameStart && cursor.bytes[nameStart] === 0x3a) return;
    this.#scan.add(cursor.bytes, nameStart, nameEnd, valueStart, valueEnd);
    const i = this.#headerCount;
    // More than that is a problem that the scan has noted; nothing reads the headers then.
    if (i >= headersMax) return;
    this.#headerCount = i + 1;
    this.#nameStarts[i] = nameStart;
    this.#nameEnds[i] = nameEnd;
    this.#valueStarts[i] = valueStart;
    this.#valueEnds[i] = valueEnd;
  }

  /** Reads a map entry that ends at `end`; true when its key is `name`, with the value's offsets kept. */
  #entry(end: number, name: string): boolean {
    const cursor = this.#cursor;
    let isNamed = false;
    this.#foundStart = this.#foundEnd = cursor.at;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === delimited(1)) {
        const stop = cursor.length(end);
        isNamed = equalsAscii(cursor.bytes, cursor.at, stop, name);
        cursor.at = stop;
      } else if (tag === delimited(2)) {
        const stop = cursor.length(end);
        this.#foundStart = cursor.at;
        this.#foundEnd = cursor.at = stop;
      } else cursor.skip(tag & 7, end);
    }
    return isNamed;
  }

  /** Header value by name in lower case; see HeaderView. */
  get(name: string): string | undefined {
    let value: string | undefined;
    for (let i = 0; i < this.#headerCount; i++) {
      if (!equalsAscii(this.#cursor.bytes, this.#nameStarts[i]!, this.#nameEnds[i]!, name)) continue;
      const text = this.#latin1(this.#valueStarts[i]!, this.#valueEnds[i]!);
      value = value === undefined ? text : `${value},${text}`;
    }
    return value;
  }

  count(name: string): number {
    let count = 0;
    for (let i = 0; i < this.#headerCount; i++) {
      if (equalsAscii(this.#cursor.bytes, this.#nameStarts[i]!, this.#nameEnds[i]!, name)) count++;
    }
    return count;
  }

  #latin1(start: number, end: number): string {
    return start === end ? "" : this.#cursor.bytes.toString("latin1", start, end);
  }
}

/** Whether `bytes[start, end)` is this ASCII text. */
export function equalsAscii(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  const length = end - start;
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}
