import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { readNaively, type Reading } from "./naive-reading.ts";

/** One line of a service's own access log. The demo counts from these, never from what Picket says. */
export interface LogEntry {
  readonly time: string;
  readonly service: string;
  /** Header `x-demo-id`; empty when the request had none. */
  readonly id: string;
  readonly method: string;
  /** The request target as it came over the wire. */
  readonly url: string;
  /** What the service did, in its own reading: `GET /v1/accounts/100001/balance`. */
  readonly served: string;
  readonly user: string;
  readonly status: number;
}

export interface Call extends Reading {
  /** The path in parts, without the first slash. */
  readonly segments: readonly string[];
  /** Parsed JSON, or undefined. */
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export type Handler = (call: Call) => Answer;

/** Largest body the services read; beyond this they answer 413. */
const bodyBytesMax = 65_536;

/** An HTTP server that logs each request before it answers, so that no answer is ever seen without its line. */
export function createApplication(service: string, handle: Handler, log: (entry: LogEntry) => void): Server {
  // Longer than any idle connection of the proxy in front: closing first would look like a refusal.
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.on("clientError", (error: Error & { readonly rawPacket?: Buffer }, socket) => {
    // What cannot be parsed has reached the application all the same.
    if (error.rawPacket !== undefined) {
      const id = /x-demo-id: *(\S+)/i.exec(error.rawPacket.toString("latin1"))?.[1] ?? "";
      const time = new Date().toISOString();
      log({ time, service, id, method: "", url: "", served: "", user: "", status: 400 });
    }
    socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  return server;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = String(request.headers["x-demo-id"] ?? "");
    const method = request.method ?? "";
    const url = request.url ?? "";
    const reading = readNaively(method, url, request.headers);
    const base = { service, id, method, url, served: `${reading.method} ${reading.path}`, user: reading.user };
    let status = 500;
    let body: unknown = { error: "internal" };
    try {
      const text = await readBody(request);
      if (text === undefined) ({ status, body } = { status: 413, body: { error: "too large" } });
      else {
        const segments = reading.path.split("/").slice(1);
        ({ status, body } = handle({ ...reading, segments, body: parseJson(text) }));
      }
    } finally {
      log({ time: new Date().toISOString(), ...base, status });
    }
    const text = JSON.stringify(body);
    response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  }
}

export const notFound: Answer = { status: 404, body: { error: "not found" } };

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
