import type { Claims, ClaimValue } from "../../core/access/principal.ts";
import { equalsAscii } from "./check-view.ts";
import { Cursor, delimited, WireError } from "./wire.ts";

/** Nesting of a claim that is read; a deeper one is absent. */
export const claimDepthMax = 16;

/** Nesting that any claim of a token may have; a token with a deeper one is not read at all. */
export const tokenDepthMax = 64;

const entryTag = delimited(1);
const keyTag = delimited(1);
const valueTag = delimited(2);

/** Value of google.protobuf.Value by its tag. */
const valueKind = {
  null: 1 << 3,
  number: (2 << 3) | 1,
  text: delimited(3),
  truth: 4 << 3,
  struct: delimited(5),
  list: delimited(6),
};

/** Where something lies in the bytes. */
export interface Range {
  start: number;
  end: number;
}

/** Where keys and values of a struct lie: start and end by turns. */
export interface StructIndex {
  count: number;
  readonly keys: Int32Array;
  readonly values: Int32Array;
}

/**
 * Reads google.protobuf.Struct in place: a claim is decoded when a policy asks for it. Holds until the bytes of its
 * Check are reused.
 */
export class StructReader {
  readonly #cursor = new Cursor();

  /** Starts on these bytes. */
  reset(bytes: Buffer): void {
    this.#cursor.bytes = bytes;
  }

  /**
   * Finds the map entry named `name` in the message at `range` (Struct.fields and Metadata.filter_metadata are both
   * maps in field 1) and leaves the range of its value in `into`. A key that occurs twice throws: two readers could
   * take different ones.
   */
  find(range: Range, name: string, into: Range): boolean {
    const cursor = this.#cursor;
    const { end } = range;
    let isFound = false;
    cursor.at = range.start;
    while (this.#nextEntry(end)) {
      if (!this.#isText(this.#keyStart, this.#keyEnd, name)) continue;
      if (isFound) throw new WireError("a claim occurs twice");
      isFound = true;
      into.start = this.#valueStart;
      into.end = this.#valueEnd;
    }
    return isFound;
  }

  /** Notes where keys and values of the struct at `range` lie. False when they are too many or nested too deep. */
  index(range: Range, into: StructIndex): boolean {
    const cursor = this.#cursor;
    let count = 0;
    into.count = 0;
    cursor.at = range.start;
    while (this.#nextEntry(range.end)) {
      if (count * 2 >= into.keys.length) return false;
      into.keys[count * 2] = this.#keyStart;
      into.keys[count * 2 + 1] = this.#keyEnd;
      into.values[count * 2] = this.#valueStart;
      into.values[count * 2 + 1] = this.#valueEnd;
      count++;
    }
    for (let i = 0; i < count * 2; i += 2) {
      if (!this.#isShallow(into.values[i]!, into.values[i + 1]!, 1)) return false;
    }
    into.count = count;
    return true;
  }

  /** Like `find`, over an index. */
  findIndexed(index: StructIndex, name: string, into: Range): boolean {
    const { count, keys, values } = index;
    let isFound = false;
    for (let i = 0; i < count * 2; i += 2) {
      if (!this.#isText(keys[i]!, keys[i + 1]!, name)) continue;
      if (isFound) throw new WireError("a claim occurs twice");
      isFound = true;
      into.start = values[i]!;
      into.end = values[i + 1]!;
    }
    return isFound;
  }

  /** The struct inside the Value at `range`; false when the value is of another kind. */
  openStruct(range: Range, into: Range): boolean {
    const cursor = this.#cursor;
    cursor.at = range.start;
    if (cursor.at >= range.end || cursor.varint(range.end) !== valueKind.struct) return false;
    into.end = cursor.length(range.end);
    into.start = cursor.at;
    return true;
  }

  /** Decodes the Value at `range`; undefined when it is empty, of an unknown kind or nested too deep. */
  value(range: Range): ClaimValue | undefined {
    this.#cursor.at = range.start;
    return this.#value(range.end, 0);
  }

  /** Whether the Value in these bytes is nested less than `tokenDepthMax`. Plain values cost one look. */
  #isShallow(start: number, end: number, depth: number): boolean {
    const cursor = this.#cursor;
    cursor.at = start;
    if (start >= end) return true;
    const kind = cursor.varint(end);
    if (kind !== valueKind.struct && kind !== valueKind.list) return true;
    if (depth > tokenDepthMax) return false;
    const stop = cursor.length(end);
    if (kind === valueKind.struct) {
      while (this.#nextEntry(stop)) {
        const next = cursor.at;
        if (!this.#isShallow(this.#valueStart, this.#valueEnd, depth + 1)) return false;
        cursor.at = next;
      }
      return true;
    }
    while (cursor.at < stop) {
      const tag = cursor.varint(stop);
      if (tag === delimited(1)) {
        const itemEnd = cursor.length(stop);
        if (!this.#isShallow(cursor.at, itemEnd, depth + 1)) return false;
        cursor.at = itemEnd;
      } else cursor.skip(tag & 7, stop);
    }
    return true;
  }

  /** Keys of claims are ASCII nearly always; others are compared as text. */
  #isText(start: number, end: number, text: string): boolean {
    // No UTF-8 text is shorter in bytes than in code units, so most keys are ruled out by their length.
    if (end - start < text.length) return false;
    const { bytes } = this.#cursor;
    if (equalsAscii(bytes, start, end, text)) return true;
    for (let i = start; i < end; i++) {
      if (bytes[i]! >= 0x80) return bytes.toString("utf8", start, end) === text;
    }
    return false;
  }

  #value(end: number, depth: number): ClaimValue | undefined {
    const cursor = this.#cursor;
    if (cursor.at >= end || depth > claimDepthMax) {
      cursor.at = end;
      return undefined;
    }
    const tag = cursor.varint(end);
    switch (tag) {
      case valueKind.null:
        cursor.varint(end);
        return null;
      case valueKind.number: {
        if (cursor.at + 8 > end) throw new WireError("a number is cut");
        const number = cursor.bytes.readDoubleLE(cursor.at);
        cursor.at += 8;
        return Number.isFinite(number) ? number : undefined;
      }
      case valueKind.text: {
        const stop = cursor.length(end);
        const text = cursor.bytes.toString("utf8", cursor.at, stop);
        cursor.at = stop;
        return text;
      }
      case valueKind.truth:
        return cursor.varint(end) !== 0;
      case valueKind.struct:
        return this.#struct(cursor.length(end), depth + 1);
      case valueKind.list:
        return this.#list(cursor.length(end), depth + 1);
      default:
        cursor.at = end;
        return undefined;
    }
  }

  #list(end: number, depth: number): ClaimValue {
    const cursor = this.#cursor;
    const items: ClaimValue[] = [];
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag === delimited(1)) {
        const stop = cursor.length(end);
        // What cannot be read stays a place in the list that equals nothing a policy can name.
        items.push(this.#value(stop, depth) ?? null);
        cursor.at = stop;
      } else cursor.skip(tag & 7, end);
    }
    return items;
  }

  #struct(end: number, depth: number): ClaimValue {
    const cursor = this.#cursor;
    // No prototype: a claim named `__proto__` is only a key.
    const fields = Object.create(null) as Record<string, ClaimValue>;
    while (this.#nextEntry(end)) {
      const next = cursor.at;
      const key = cursor.bytes.toString("utf8", this.#keyStart, this.#keyEnd);
      cursor.at = this.#valueStart;
      const value = this.#value(this.#valueEnd, depth);
      cursor.at = next;
      if (value !== undefined) fields[key] = value;
    }
    return fields;
  }

  #keyStart = 0;
  #keyEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  /** Goes to the next map entry before `end` and notes where its key and value lie; false when there is none. */
  #nextEntry(end: number): boolean {
    const cursor = this.#cursor;
    while (cursor.at < end) {
      const tag = cursor.varint(end);
      if (tag !== entryTag) {
        cursor.skip(tag & 7, end);
        continue;
      }
      const stop = cursor.length(end);
      this.#keyStart = this.#keyEnd = this.#valueStart = this.#valueEnd = stop;
      while (cursor.at < stop) {
        const field = cursor.varint(stop);
        if (field === keyTag) {
          this.#keyEnd = cursor.length(stop);
          this.#keyStart = cursor.at;
          cursor.at = this.#keyEnd;
        } else if (field === valueTag) {
          this.#valueEnd = cursor.length(stop);
          this.#valueStart = cursor.at;
          cursor.at = this.#valueEnd;
        } else cursor.skip(field & 7, stop);
      }
      return true;
    }
    return false;
  }
}

/** Claims of one token; a token with more is not read at all. */
export const claimsMax = 128;

/** Verified claims of the present Check: indexed once, decoded when asked for. */
export class StructClaims implements Claims {
  readonly #reader: StructReader;
  readonly #index: StructIndex = {
    count: 0,
    keys: new Int32Array(claimsMax * 2),
    values: new Int32Array(claimsMax * 2),
  };
  readonly #found: Range = { start: 0, end: 0 };

  constructor(reader: StructReader) {
    this.#reader = reader;
  }

  /** Takes the claims at `payload`. False when they are too many or nested too deep: then they hold nothing. */
  read(payload: Range): boolean {
    return this.#reader.index(payload, this.#index);
  }

  get(name: string): ClaimValue | undefined {
    const found = this.#found;
    return this.#reader.findIndexed(this.#index, name, found) ? this.#reader.value(found) : undefined;
  }
}
