import { KubeError, statusError } from "../../operator/kube/error.ts";
import { LineReader } from "../../operator/kube/lines.ts";
import type { Timers } from "../../operator/kube/timers.ts";
import type { KubeRequest, KubeTransport, WatchEvents } from "../../operator/kube/transport.ts";
import { parseAddress } from "./address.ts";
import type { Json } from "./json.ts";
import type { FakeStore } from "./store.ts";
import { WatchFeed } from "./watch-feed.ts";

/** What a test does to a request before or after it has reached the store; a throw is what the caller gets. */
export interface Between {
  before?(request: KubeRequest): Promise<void> | void;
  after?(request: KubeRequest): Promise<void> | void;
  /** A watch has begun. */
  watching?(feed: WatchFeed): void;
}

/** Reaches a store without a network, so that a test owns all time. Watches need timers. */
export function storeTransport(store: FakeStore, between: Between = {}, timers?: Timers): KubeTransport {
  return {
    request: async (request) => {
      await between.before?.(request);
      const body = request.body === undefined ? undefined : (JSON.parse(JSON.stringify(request.body)) as Json);
      const { method, path, query = {}, contentType = "application/json" } = request;
      const answer = store.call({ method, path, query, body, contentType });
      await between.after?.(request);
      if (answer.status >= 300) throw statusError(`${method} ${path}`, answer.status, answer.body);
      return answer.body;
    },
    watch: async (request, on) => {
      await between.before?.(request);
      if (timers === undefined) throw new Error("this transport has no timers");
      await watch(store, request, on, { timers, watching: (feed) => between.watching?.(feed) });
    },
    close: () => {},
  };
}

function watch(
  store: FakeStore,
  request: KubeRequest,
  on: WatchEvents,
  { timers, watching }: { readonly timers: Timers; readonly watching: (feed: WatchFeed) => void },
): Promise<void> {
  const { path, query = {}, signal, timeoutMs = 60_000 } = request;
  const address = parseAddress(path);
  if (address === undefined) throw statusError(`GET ${path}`, 404, {});
  return new Promise((resolve, reject) => {
    const reader = new LineReader(1 << 20, (text) => on.line(text));
    const silent = (): void => done(kubeError("timeout", "Silent"));
    let cancel = timers.after(timeoutMs, silent);
    const done = (error?: unknown): void => {
      cancel();
      feed.stall();
      signal?.removeEventListener("abort", aborted);
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error("fault"));
    };
    const aborted = (): void => done(kubeError("other", "Aborted"));
    const tried = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        done(error);
      }
    };
    const sink = {
      write: (bytes: string | Buffer) => {
        cancel();
        cancel = timers.after(timeoutMs, silent);
        tried(() => reader.push(Buffer.from(bytes)));
      },
      end: () =>
        tried(() => {
          reader.end();
          done();
        }),
      reset: () => done(unreachable()),
    };
    const feed = new WatchFeed(store, { path, address, query }, sink, timers);
    signal?.addEventListener("abort", aborted);
    on.opened?.();
    watching(feed);
    feed.start();
  });
}

/** What a request meets when nobody is there. */
export function unreachable(): KubeError {
  return kubeError("unavailable", "ECONNREFUSED");
}

function kubeError(code: KubeError["code"], reason: string): KubeError {
  return new KubeError({ code, status: 0, reason, message: reason });
}
