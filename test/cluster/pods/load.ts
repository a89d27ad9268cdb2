import { Agent, request } from "node:http";

/** What came of one kind of request. */
export interface Tally {
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Reasons that refusals by the proxy itself gave. */
  readonly reasons: Map<string, number>;
  /** What went wrong without an answer. */
  readonly errors: string[];
}

export interface Load {
  /** Over connections that are kept, and over a new one for each request. */
  readonly allowed: Tally;
  readonly denied: Tally;
  stop(): Promise<void>;
}

/** Requests a second of each kind. */
const rate = 25;

/**
 * Asks a workload for something that its policy allows and for something that it refuses, again and again, half of it
 * over new connections. Like any client, it asks once more when a kept connection is found to be closed.
 */
export function startLoad(host: string, paths: { readonly allowed: string; readonly denied: string }): Load {
  const kept = new Agent({ keepAlive: true, maxSockets: 4 });
  const load = { allowed: tally(), denied: tally() };
  const running = new Set<Promise<void>>();
  let turn = 0;
  const ask = async (path: string, into: Tally): Promise<void> => {
    const agent = turn++ % 2 === 0 ? kept : false;
    let answer = await askOnce(host, path, agent);
    if (typeof answer === "string" && agent !== false) answer = await askOnce(host, path, false);
    if (typeof answer === "string") into.errors.push(answer);
    else {
      into.statuses.set(answer.status, (into.statuses.get(answer.status) ?? 0) + 1);
      if (answer.reason !== "") into.reasons.set(answer.reason, (into.reasons.get(answer.reason) ?? 0) + 1);
    }
  };
  const timer = setInterval(() => {
    for (const [path, into] of [
      [paths.allowed, load.allowed],
      [paths.denied, load.denied],
    ] as const) {
      const one = ask(path, into).finally(() => running.delete(one));
      running.add(one);
    }
  }, 1000 / rate);
  return {
    ...load,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(running);
      kept.destroy();
    },
  };
}

function tally(): Tally {
  return { statuses: new Map(), reasons: new Map(), errors: [] };
}

interface Answer {
  readonly status: number;
  /** What a problem document says of itself. */
  readonly reason: string;
}

/** The answer, or what went wrong. */
function askOnce(host: string, path: string, agent: Agent | false): Promise<Answer | string> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(10_000);
    const question = request({ host, path, agent, signal }, (answer) => {
      let body = "";
      answer.on("data", (text: Buffer) => (body += text.toString()));
      answer.on("end", () => {
        const reason = /"reason":"([a-z-]+)"/.exec(body)?.[1] ?? "";
        resolve({ status: answer.statusCode ?? 0, reason });
      });
      answer.on("error", (error) => resolve(`in the answer: ${error.message}`));
    });
    question.on("error", (error) => resolve(error.message));
    question.end();
  });
}

/** `200: 5, 503: 1, connect ECONNREFUSED: 2` */
export function printTally({ statuses, reasons, errors }: Tally): string {
  const counts = new Map<string, number>([...statuses].map(([status, count]) => [String(status), count]));
  for (const [reason, count] of reasons) counts.set(reason, count);
  for (const error of errors) counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${what}: ${count}`).join(", ");
}
