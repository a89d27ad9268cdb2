import { connect } from "node:net";
import { answerBytesMax, answerTimeoutMs, noAnswer, type Exchange, type Outcome, type Target } from "./exchange.ts";

/**
 * Sends a request as an attacker does: the bytes as they stand on a socket of its own, because a library would
 * correct the path or refuse the header before anybody could be tested with it.
 */
export function sendRaw(target: Target, exchange: Exchange, id: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const socket = connect({
      host: "127.0.0.1",
      port: target[exchange.service],
      localAddress: exchange.source,
      timeout: answerTimeoutMs,
    });
    socket.on("connect", () => socket.write(printRequest(exchange, id), "latin1"));
    socket.on("data", (chunk) => {
      size += chunk.length;
      if (size <= answerBytesMax) chunks.push(chunk);
      // A proxy may leave the connection open a while after a refusal; the answer is complete all the same.
      if (isComplete(Buffer.concat(chunks).toString("latin1"))) socket.destroy();
    });
    socket.on("timeout", () => socket.destroy());
    // A reset after the answer is an answer; before it, it is none. Both end in `close`.
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(readAnswer(Buffer.concat(chunks).toString("latin1"))));
  });
}

/** The request as text, one byte per character. */
export function printRequest(exchange: Exchange, id: string): string {
  const body = exchange.body === undefined ? "" : JSON.stringify(exchange.body);
  const lines = [`${exchange.method} ${exchange.path} HTTP/1.1`, "host: bank.example", "connection: close"];
  lines.push(`x-demo-id: ${id}`, ...(exchange.headers ?? []).map(([name, value]) => `${name}: ${value}`));
  if (body !== "") lines.push("content-type: application/json", `content-length: ${Buffer.byteLength(body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Whether all the bytes are there that the answer's own length speaks of. */
export function isComplete(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d{1,9})\r\n/i.exec(text.slice(0, end + 2))?.[1];
  return length !== undefined && text.length >= end + 4 + Number(length);
}

/** Reads status, headers and body of an answer that ended with its connection. */
export function readAnswer(text: string): Outcome {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, end < 0 ? undefined : end).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(first)?.[1];
  if (status === undefined) return noAnswer;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers, text: end < 0 ? "" : text.slice(end + 4) };
}
