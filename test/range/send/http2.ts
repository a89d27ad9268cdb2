import net from "node:net";
import { answerTimeoutMs, type Outcome } from "./outcome.ts";

/** A header as it goes on the wire; latin1, unchecked, in the order given. */
export type Field = readonly [name: string, value: string];

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, window: 8, continuation: 9 };
export const flag = { endStream: 1, ack: 1, endHeaders: 4 };

/** One frame (RFC 9113 section 4.1), however wrong its parts. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header block of literals without indexing and without Huffman code (RFC 7541 section 6.2.2): nothing is repaired. */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  length.push(left);
  return Buffer.concat([Buffer.from(length), bytes]);
}

const blockBytesMax = 16_000;

/** A request on stream 1: headers, split over CONTINUATION frames where they are long, and a body when given. */
export function requestFrames(fields: readonly Field[], body?: string, stream = 1): Buffer[] {
  const block = headerBlock(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += blockBytesMax) {
    const last = at + blockBytesMax >= block.length;
    const type = at === 0 ? frameType.headers : frameType.continuation;
    const end = at === 0 && body === undefined ? flag.endStream : 0;
    frames.push(frame(type, end | (last ? flag.endHeaders : 0), stream, block.subarray(at, at + blockBytesMax)));
  }
  if (body !== undefined) frames.push(frame(frameType.data, flag.endStream, stream, Buffer.from(body, "latin1")));
  return frames;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Sends the preface, empty settings and these frames on a connection of their own. */
export function sendHttp2(port: number, frames: readonly Buffer[], answers = 1): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    const statuses: number[] = [];
    const body: string[] = [];
    let pending: Buffer = Buffer.alloc(0);
    let ended = 0;
    let settled = false;
    const finish = (end: Outcome["end"]): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ statuses, end, text: body.join("") });
    };
    const timer = setTimeout(() => finish("silent"), answerTimeoutMs);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 9) {
        const length = pending.readUIntBE(0, 3);
        if (pending.length < 9 + length) return;
        const type = pending[3] ?? 0;
        const flags = pending[4] ?? 0;
        const payload = pending.subarray(9, 9 + length);
        pending = pending.subarray(9 + length);
        if (type === frameType.settings && (flags & flag.ack) === 0) {
          socket.write(frame(frameType.settings, flag.ack, 0));
        } else if (type === frameType.headers) {
          const status = statusOf(payload);
          if (status !== undefined && status >= 200) statuses.push(status);
        } else if (type === frameType.data) body.push(payload.toString("latin1"));
        const over = type === frameType.reset || type === frameType.goaway;
        if (over) return finish(statuses.length >= answers ? "answered" : "closed");
        const done = (type === frameType.headers || type === frameType.data) && (flags & flag.endStream) !== 0;
        if (done && ++ended >= answers) return finish("answered");
      }
    });
    socket.on("close", () => finish("closed"));
    socket.on("error", () => finish("closed"));
    socket.on("connect", () => socket.write(Buffer.concat([preface, frame(frameType.settings, 0, 0), ...frames])));
  });
}

/** Indexes of `:status` with a value in the static table (RFC 7541 appendix A). */
const statusByIndex: Readonly<Record<number, number>> = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };
const statusIndexFirst = 8;
const statusIndexLast = 14;

/** The status at the start of a header block on a fresh connection; undefined for a block without one (trailers). */
function statusOf(block: Buffer): number | undefined {
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at++; // table size updates
  const first = block[at] ?? 0;
  if ((first & 0x80) !== 0) return statusByIndex[first & 0x7f];
  const index = (first & 0x40) !== 0 ? first & 0x3f : first & 0x0f;
  if (index < statusIndexFirst || index > statusIndexLast) return undefined;
  const length = (block[at + 1] ?? 0) & 0x7f;
  const bytes = block.subarray(at + 2, at + 2 + length);
  return Number(((block[at + 1] ?? 0) & 0x80) !== 0 ? huffmanDigits(bytes) : bytes.toString("latin1"));
}

/** Decimal digits of RFC 7541 appendix B: 0 to 2 have five bits, 3 to 9 have six. */
function huffmanDigits(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let digits = "";
  for (let at = 0; digits.length < 3 && at + 5 <= bits.length;) {
    const five = Number.parseInt(bits.slice(at, at + 5), 2);
    digits += five <= 2 ? five : Number.parseInt(bits.slice(at, at + 6), 2) - 0x19 + 3;
    at += five <= 2 ? 5 : 6;
  }
  return digits;
}
