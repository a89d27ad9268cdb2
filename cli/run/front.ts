import { request, type ServerResponse } from "node:http";
import { createPageServer, endWith, type PageServer } from "../../platform/http-server.ts";
import { joinExpositions } from "./exposition.ts";

/** Milliseconds that a child may take to answer. */
const forwardMsMax = 3_000;

/** Bytes of a child's answer; more are refused. */
export const forwardBytesMax = 64 << 20;

/** Sockets of the children's status servers. */
export interface FrontOptions {
  readonly operator: string;
  readonly scorer: string;
  /** `forwardBytesMax` when left out. */
  readonly bytesMax?: number;
  /** What `/run` tells about this run. */
  readonly run?: { readonly pid: number; readonly folder: string; readonly stateDir: string };
}

/** The one address under which people and programs ask how it goes. GET only. */
export function createFront(options: FrontOptions): PageServer {
  return createPageServer(
    (question, response) => answer(question.url ?? "/", response, options),
    (response) => endWith(response, 503, "not ready: a part is away"),
  );
}

async function answer(url: string, response: ServerResponse, options: FrontOptions): Promise<void> {
  const { operator, scorer, bytesMax = forwardBytesMax } = options;
  const path = new URL(url, "http://status").pathname;
  if (path === "/livez") return endWith(response, 200, "alive");
  if (path === "/run" && options.run !== undefined) {
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(`${JSON.stringify(options.run)}\n`);
    return;
  }
  if (path === "/readyz" || path === "/status") return relay(response, await ask(operator, path, bytesMax));
  if (path.startsWith("/decisions/")) return relay(response, await ask(scorer, path, bytesMax));
  if (path === "/metrics") {
    const sockets = { operator, scorer };
    const texts: Record<string, string> = {};
    for (const [program, socket] of Object.entries(sockets)) {
      // What is away has no metrics; the others' are still worth having.
      const page = await ask(socket, "/metrics", bytesMax).catch(() => undefined);
      if (page?.status === 200) texts[program] = page.body.toString();
    }
    response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
    response.end(joinExpositions(texts));
    return;
  }
  endWith(response, 404, "not found");
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

function ask(socketPath: string, path: string, bytesMax: number): Promise<Page> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(forwardMsMax);
    const question = request({ socketPath, path, agent: false, signal }, (reply) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      reply.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > bytesMax) reply.destroy(new Error("too long an answer"));
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
