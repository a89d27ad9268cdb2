import net from "node:net";
import { poll } from "./poll.ts";

export interface Lock {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly timeoutMs: number;
  /** Told once when somebody else holds the lock. */
  readonly onWait: () => void;
}

/** Takes a lock of the whole machine. The kernel releases it when its holder ends, however that happens. */
export async function takeLock(name: string, { timeoutMs, onWait }: LockOptions): Promise<Lock> {
  let waiting = false;
  const server = await poll(
    async () => {
      const taken = await listen(name);
      if (taken === undefined && !waiting) {
        waiting = true;
        onWait();
      }
      return taken;
    },
    { timeoutMs, what: `the lock ${name}`, intervalMs: 250 },
  );
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** A name in the abstract socket space has one listener at most, and needs no file. */
async function listen(name: string): Promise<net.Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ path: `\0picket-cluster-${name}` }, () => resolve(server.unref()));
  });
}
