import { Agent, request } from "node:http";

/** What came back for one kind of request. */
export interface Tally {
  readonly statuses: Map<number, number>;
  /** Connections that ended without an answer. */
  errors: number;
}

/** Requests that go on until they are stopped: honest ones that the policy allows, hostile ones that it denies. */
export interface Load {
  readonly honest: Tally;
  readonly hostile: Tally;
  stop(): Promise<void>;
}

/** Requests in flight at a time, of each kind. */
const concurrency = 4;

/** Longest wait for one answer; longer than any policy timeout here, shorter than a hung test. */
const answerMs = 5_000;

export function startLoad(port: number, targets: { readonly honest: string; readonly hostile: string }): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency * 2 });
  const stopping = new AbortController();
  const worker = async (target: string, tally: Tally): Promise<void> => {
    while (!stopping.signal.aborted) {
      const status = await ask(agent, port, target);
      if (status === 0) tally.errors++;
      else tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
    }
  };
  const honest: Tally = { statuses: new Map(), errors: 0 };
  const hostile: Tally = { statuses: new Map(), errors: 0 };
  const workers = Array.from({ length: concurrency }, () => [
    worker(targets.honest, honest),
    worker(targets.hostile, hostile),
  ]);
  return {
    honest,
    hostile,
    async stop() {
      stopping.abort();
      await Promise.all(workers.flat());
      agent.destroy();
    },
  };
}

function ask(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const call = request({ agent, host: "127.0.0.1", port, path, timeout: answerMs }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
      response.on("error", () => resolve(0));
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(0));
    call.end();
  });
}
