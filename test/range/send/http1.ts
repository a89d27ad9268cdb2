import net from "node:net";
import { answerTimeoutMs, type Outcome } from "./outcome.ts";

export interface Http1Wait {
  /** Final answers to wait for. */
  readonly answers?: number;
  /** Goes on reading for this long after the last awaited answer, to see answers nobody asked for. */
  readonly lingerMs?: number;
  /** Gives up after this long; `answerTimeoutMs` when not given. */
  readonly timeoutMs?: number;
  /** Cuts the bytes into this many writes. */
  readonly writes?: number;
}

/** Sends exactly these bytes on a connection of their own and reads what comes back. */
export function sendHttp1(port: number, bytes: Buffer, wait: Http1Wait = {}): Promise<Outcome> {
  const { answers = 1, lingerMs = 0, timeoutMs = answerTimeoutMs, writes = 1 } = wait;
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    let statuses: readonly number[] = [];
    let lingering: NodeJS.Timeout | undefined;
    const finish = (end: Outcome["end"]): void => {
      clearTimeout(timer);
      clearTimeout(lingering);
      socket.destroy();
      const enough = statuses.length >= answers;
      resolve({ statuses, end: enough ? "answered" : end, text: Buffer.concat(chunks).toString("latin1") });
    };
    const timer = setTimeout(() => finish("silent"), timeoutMs);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      statuses = finalStatuses(Buffer.concat(chunks).toString("latin1"));
      if (statuses.length < answers || lingering !== undefined) return;
      if (lingerMs === 0) finish("answered");
      else lingering = setTimeout(() => finish("answered"), lingerMs);
    });
    socket.on("end", () => finish("closed"));
    socket.on("close", () => finish("closed"));
    socket.on("error", () => finish("closed"));
    socket.on("connect", () => void writeIn(socket, bytes, writes));
  });
}

async function writeIn(socket: net.Socket, bytes: Buffer, writes: number): Promise<void> {
  const size = Math.max(1, Math.ceil(bytes.length / writes));
  for (let at = 0; at < bytes.length && !socket.destroyed; at += size) {
    socket.write(bytes.subarray(at, at + size));
    if (writes > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Statuses of the complete answers in the text; 1xx are not answers. */
function finalStatuses(text: string): number[] {
  const found: number[] = [];
  let at = 0;
  for (;;) {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) return found;
    const head = text.slice(at, end);
    const status = Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(head)?.[1]);
    if (!Number.isInteger(status)) return found;
    at = end + 4;
    if (status < 200 && status !== 101) continue;
    const length = /\r\ncontent-length: *([0-9]+)/i.exec(head);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      const last = text.indexOf("0\r\n\r\n", at);
      if (last < 0) return found;
      at = last + 5;
    } else if (length !== null && status !== 204 && status !== 304) {
      const next = at + Number(length[1]);
      // A HEAD answer names a length and has no body: the next answer, or nothing, follows at once.
      const bodyless = text.length === at || text.startsWith("HTTP/1.", at);
      if (!bodyless && text.length < next) return found;
      at = bodyless ? at : next;
    }
    found.push(status);
  }
}
