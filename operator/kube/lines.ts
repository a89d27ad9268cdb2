import { isUtf8 } from "node:buffer";
import { KubeError } from "./error.ts";

const newline = 0x0a;

/** Cuts a stream of bytes into lines, each of at most `bytesMax`; throws a KubeError where that is not possible. */
export class LineReader {
  readonly #bytesMax: number;
  readonly #line: (text: string) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number, line: (text: string) => void) {
    this.#bytesMax = bytesMax;
    this.#line = line;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (this.#bytes + part.length > this.#bytesMax) throw malformed("LineTooLong", "a line is too long");
      this.#parts.push(part);
      this.#bytes += part.length;
      if (end === -1) return;
      this.#emit();
      start = end + 1;
    }
  }

  /** The stream ended. Half a line is an event of which nobody knows what it said. */
  end(): void {
    if (this.#bytes > 0) throw malformed("HalfLine", "the stream ended inside a line");
  }

  #emit(): void {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    if (bytes.length === 0) return;
    if (!isUtf8(bytes)) throw malformed("NotUtf8", "a line is not UTF-8");
    this.#line(bytes.toString("utf8"));
  }
}

function malformed(reason: string, message: string): KubeError {
  return new KubeError({ code: "malformed", status: 0, reason, message });
}
