import { createServer, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Address } from "../../platform/config.ts";
import { joinExpositions } from "./exposition.ts";

/** Milliseconds that a child may take to answer. */
const forwardMsMax = 3_000;

/** Bytes of a child's answer; more are refused. */
const forwardBytesMax = 64 << 20;

/** Sockets of the children's status servers. */
export interface FrontOptions {
  readonly operator: string;
  readonly scorer: string;
}

/** The one address under which people and programs ask how it goes. GET only. */
export function createFront(options: FrontOptions): {
  start(address: Address): Promise<Address>;
  stop(): Promise<void>;
} {
  const server: Server = createServer((question, response) => {
    if (question.method !== "GET") return end(response, 405, "only GET");
    void answer(question.url ?? "/", response, options).catch(() => end(response, 503, "not ready: a part is away"));
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.maxConnections = 64;
  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(address.port, address.host, () => {
          const { port } = server.address() as AddressInfo;
          resolve({ ...address, port });
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(url: string, response: ServerResponse, { operator, scorer }: FrontOptions): Promise<void> {
  const path = new URL(url, "http://status").pathname;
  if (path === "/livez") return end(response, 200, "alive");
  if (path === "/readyz" || path === "/status") return relay(response, await ask(operator, path));
  if (path.startsWith("/decisions/")) return relay(response, await ask(scorer, path));
  if (path === "/metrics") {
    const sockets = { operator, scorer };
    const texts: Record<string, string> = {};
    for (const [program, socket] of Object.entries(sockets)) {
      // What is away has no metrics; the others' are still worth having.
      const page = await ask(socket, "/metrics").catch(() => undefined);
      if (page?.status === 200) texts[program] = page.body.toString();
    }
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.end(joinExpositions(texts));
    return;
  }
  end(response, 404, "not found");
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

function ask(socketPath: string, path: string): Promise<Page> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(forwardMsMax);
    const question = request({ socketPath, path, agent: false, signal }, (reply) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      reply.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > forwardBytesMax) reply.destroy(new Error("too long an answer"));
        else parts.push(part);
      });
      reply.on("end", () => {
        const type = reply.headers["content-type"] ?? "text/plain; charset=utf-8";
        resolve({ status: reply.statusCode ?? 503, type, body: Buffer.concat(parts) });
      });
      reply.on("error", reject);
    });
    question.on("error", reject);
    question.end();
  });
}

function relay(response: ServerResponse, page: Page): void {
  response.statusCode = page.status;
  response.setHeader("content-type", page.type);
  response.end(page.body);
}

function end(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return;
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}
