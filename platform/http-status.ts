import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import type { Address } from "./config.ts";

/** Answers one path of the status server; the result is sent as JSON, or undefined for 404. */
export type StatusRoute = (url: URL) => unknown;

export interface StatusServerOptions {
  readonly registry: Registry;
  /** Called before metrics are rendered, to bring sums up to date. */
  readonly beforeScrape?: () => void;
  /** True once the program can do its work. The reason is shown while it cannot. */
  readonly ready: () => { readonly ready: boolean; readonly reason: string };
  /** Further read-only pages by path prefix, such as `/decisions/`. */
  readonly routes?: Readonly<Record<string, StatusRoute>>;
}

export interface StatusServer {
  start(address: Address): Promise<Address>;
  stop(): Promise<void>;
}

/** `/metrics`, `/livez`, `/readyz` and a program's own read-only pages, off the check path. GET only. */
export function createStatusServer(options: StatusServerOptions): StatusServer {
  const server: Server = createServer((request, response) => {
    void answer(request, response, options).catch(() => end(response, 500, "internal error"));
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.maxConnections = 64;
  return {
    start: (address) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        const listening = (): void => {
          const bound = server.address();
          resolve(isPort(bound) ? { host: bound.address, port: bound.port, path: "" } : address);
        };
        if (address.path !== "") server.listen(address.path, listening);
        else server.listen(address.port, address.host, listening);
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: StatusServerOptions): Promise<void> {
  if (request.method !== "GET") return end(response, 405, "only GET");
  const url = new URL(request.url ?? "/", "http://status");
  if (url.pathname === "/livez") return end(response, 200, "alive");
  if (url.pathname === "/readyz") {
    const state = options.ready();
    return end(response, state.ready ? 200 : 503, state.ready ? "ready" : `not ready: ${state.reason}`);
  }
  if (url.pathname === "/metrics") {
    options.beforeScrape?.();
    response.setHeader("content-type", options.registry.contentType);
    response.end(await options.registry.metrics());
    return;
  }
  const route = Object.entries(options.routes ?? {}).find(([prefix]) => url.pathname.startsWith(prefix));
  const page = await route?.[1](url);
  if (page === undefined) return end(response, 404, "not found");
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(page)}\n`);
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${text}\n`);
}

function isPort(bound: AddressInfo | string | null): bound is AddressInfo {
  return bound !== null && typeof bound === "object";
}
