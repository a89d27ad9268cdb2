import type { IncomingMessage, ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { createPageServer, endWith, type PageServer } from "./http-server.ts";

/** Answers one path of the status server; the result is sent as JSON, or undefined for 404. `peer`: who asks. */
export type StatusRoute = (url: URL, peer: string) => unknown;

export interface StatusServerOptions {
  readonly registry: Registry;
  /** Called before metrics are rendered, to bring sums up to date. */
  readonly beforeScrape?: () => void;
  /** True once the program can do its work. The reason is shown while it cannot. */
  readonly ready: () => { readonly ready: boolean; readonly reason: string };
  /** Further read-only pages by path prefix, such as `/decisions/`. */
  readonly routes?: Readonly<Record<string, StatusRoute>>;
}

/**
 * Share of its time that a program spends on scrapes at most: what was rendered is given again until ten times the time
 * that it took have gone by. At the bounds of all labels one rendering takes tens of milliseconds, in which no request is
 * judged; whoever may ask must not be able to make that all the time there is.
 */
const scrapeShare = 10;

/** Gives the metrics as text; who asks meanwhile gets the same text. */
function createScrape({ registry, beforeScrape }: StatusServerOptions): () => Promise<string> {
  let last: Promise<string> | undefined;
  let freshUntilMs = 0;
  const render = async (): Promise<string> => {
    const startedMs = performance.now();
    freshUntilMs = Number.POSITIVE_INFINITY;
    try {
      beforeScrape?.();
      return await registry.metrics();
    } finally {
      const endedMs = performance.now();
      freshUntilMs = endedMs + scrapeShare * (endedMs - startedMs);
    }
  };
  return () => {
    if (last === undefined || performance.now() >= freshUntilMs) last = render();
    return last;
  };
}

/** `/metrics`, `/livez`, `/readyz` and a program's own read-only pages, off the check path. GET only. */
export function createStatusServer(options: StatusServerOptions): PageServer {
  const scrape = createScrape(options);
  return createPageServer(
    (request, response) => answer(request, response, options, scrape),
    (response) => endWith(response, 500, "internal error"),
  );
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: StatusServerOptions,
  scrape: () => Promise<string>,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://status");
  if (url.pathname === "/livez") return endWith(response, 200, "alive");
  if (url.pathname === "/readyz") {
    const state = options.ready();
    return endWith(response, state.ready ? 200 : 503, state.ready ? "ready" : `not ready: ${state.reason}`);
  }
  if (url.pathname === "/metrics") {
    const text = await scrape();
    response.setHeader("content-type", options.registry.contentType);
    response.end(text);
    return;
  }
  const route = Object.entries(options.routes ?? {}).find(([prefix]) => url.pathname.startsWith(prefix));
  const page = await route?.[1](url, peerOf(request));
  if (page === undefined) return endWith(response, 404, "not found");
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(page)}\n`);
}

/** Address of whoever asks, an IPv4 one as such where the server listens on both families. */
function peerOf(request: IncomingMessage): string {
  return (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

/** Whether somebody asks from the same machine or pod, as port forwarding does. */
export function isLocal(peer: string): boolean {
  return peer === "::1" || peer.startsWith("127.");
}
