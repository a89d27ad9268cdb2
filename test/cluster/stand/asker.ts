import { setTimeout as sleep } from "node:timers/promises";
import type { Proxy, Stand } from "./stand.ts";

/** Between two calls of one kind; often enough to meet a gap of a moment, seldom enough for a small machine. */
const pauseMs = 15;

/** What a caller got who goes on asking: for what the policy allows, and for what it denies. */
export interface Asker {
  readonly open: ReadonlyMap<number, number>;
  readonly closed: ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

/** Asks `/open`, which the policy of the test allows, and `/closed`, which it denies, until it is stopped. */
export function ask(stand: Stand, proxy: Proxy): Asker {
  const open = new Map<number, number>();
  const closed = new Map<number, number>();
  const stopping = new AbortController();
  const worker = async (path: string, counts: Map<number, number>): Promise<void> => {
    while (!stopping.signal.aborted) {
      const status = await stand.status(proxy, path);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      await sleep(pauseMs);
    }
  };
  const workers = [worker("/open", open), worker("/closed", closed)];
  return {
    open,
    closed,
    stop: async () => {
      stopping.abort();
      await Promise.all(workers);
    },
  };
}
